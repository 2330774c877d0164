# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import email.parser
import email.policy
import errno
import gzip
import hashlib
import io
import os
import pathlib
import tarfile
import typing as t

import pytest
import yaml

from ansible_collections.community.lxd.plugins.module_utils._image.desired_image import FileSource
from ansible_collections.community.lxd.plugins.module_utils._image.sources import directory_tar, image_files
from ansible_collections.community.lxd.plugins.module_utils._image.sources.checksum import Checksum, parse_checksum
from ansible_collections.community.lxd.plugins.module_utils._image.sources.image_files import ImageFiles
from ansible_collections.community.lxd.plugins.module_utils._image.sources.metadata_tar import build_metadata
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError

NOISE = os.urandom(300_000)
ARCHIVE = gzip.compress(NOISE)
DISK = NOISE[:510] + b"\x55\xaa" + NOISE[:5000]
SQUASHFS = b"hsqs" + bytes(36) + (5000).to_bytes(8, "little") + NOISE[: 5000 - 48]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (image_files, directory_tar):
        monkeypatch.setattr(module, "BLOCK_SIZE", 4096)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write(directory: pathlib.Path, name: str, data: bytes) -> str:
    (directory / name).write_bytes(data)
    return str(directory / name)


def sent(files: ImageFiles) -> bytes:
    return b"".join(files)


# unified


def test_unified(tmp_path: pathlib.Path) -> None:
    files = ImageFiles(FileSource(write(tmp_path, "demo.tar.gz", ARCHIVE)))
    assert sent(files) == ARCHIVE
    assert len(files) == files.size == len(ARCHIVE)
    assert files.fingerprint == sha256(ARCHIVE)
    assert files.fingerprint_is_known
    assert (files.filename, files.content_type) == ("demo.tar.gz", "application/octet-stream")
    assert str(files) == repr(str(tmp_path / "demo.tar.gz"))
    files.check()


def test_sent_again_it_is_the_same(tmp_path: pathlib.Path) -> None:
    files = ImageFiles(FileSource(write(tmp_path, "demo.tar.gz", ARCHIVE)))
    assert sent(files) == sent(files) == ARCHIVE


@pytest.mark.parametrize(
    ("name", "filename"),
    [
        ("Größe", "Größe"),
        ("a\r\nb", "a__b"),
        (" x", "x"),
        ("x ", "x"),
        ("\x7f", "_"),
        (os.fsdecode(b"\xff.tar"), "_.tar"),
    ],
    ids=["unicode", "lines", "blank before", "blank behind", "control", "no UTF-8"],
)
def test_a_file_is_called_what_a_request_can_carry(tmp_path: pathlib.Path, name: str, filename: str) -> None:
    assert ImageFiles(FileSource(write(tmp_path, name, ARCHIVE))).filename == filename


def test_filename_can_be_chosen(tmp_path: pathlib.Path) -> None:
    assert ImageFiles(FileSource(write(tmp_path, "x", ARCHIVE), filename="other.tgz")).filename == "other.tgz"


# split


def parts_of(files: ImageFiles) -> list[tuple[str, str, bytes]]:
    """Name, file name and content of each part, as the standard library reads them."""
    body = sent(files)
    assert len(files) == len(body)
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + files.content_type.encode() + b"\r\n\r\n" + body
    )
    assert message.is_multipart() and not message.defects
    found = []
    for part in message.iter_parts():  # type: ignore[attr-defined]
        parameters = part["Content-Disposition"].params
        # the parser takes what it finds as text: compare what stands between the head of the part and the next boundary
        head = f'name="{parameters["name"]}"; filename="{parameters["filename"]}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode()
        content = body.split(head, 1)[1].split(b"\r\n--" + message.get_boundary().encode(), 1)[0]
        found.append((parameters["name"], parameters["filename"], content))
    return found


@pytest.mark.parametrize(
    ("rootfs", "name"),
    [(SQUASHFS, "rootfs"), (ARCHIVE, "rootfs"), (DISK, "rootfs.img")],
    ids=["squashfs", "tarball", "disk"],
)
def test_split(tmp_path: pathlib.Path, rootfs: bytes, name: str) -> None:
    source = FileSource(write(tmp_path, "meta.tar.gz", ARCHIVE), write(tmp_path, "root.img", rootfs))
    files = ImageFiles(source)
    assert parts_of(files) == [("metadata", "meta.tar.gz", ARCHIVE), (name, "meta.tar.gz", rootfs)]
    assert files.fingerprint == sha256(ARCHIVE + rootfs)
    assert files.size == len(ARCHIVE) + len(rootfs)
    assert str(files) == f"{source.path!r} and {source.rootfs_path!r}"


@pytest.mark.parametrize(
    ("filename", "shown"),
    [('quo"te', 'quo\\"te'), ("back\\slash", "back\\\\slash"), ("Größe", "Größe"), ("new\nline", "new_line")],
    ids=["quote", "backslash", "unicode", "newline"],
)
def test_a_file_name_never_breaks_the_frame(tmp_path: pathlib.Path, filename: str, shown: str) -> None:
    files = ImageFiles(FileSource(write(tmp_path, filename, ARCHIVE), write(tmp_path, "root", SQUASHFS)))
    body = sent(files)
    assert len(files) == len(body)
    boundary = files.content_type.partition("boundary=")[2].encode()
    heads = [
        b"--"
        + boundary
        + f'\r\nContent-Disposition: form-data; name="{name}"; filename="{shown}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode()
        for name in ("metadata", "rootfs")
    ]
    assert body == heads[0] + ARCHIVE + b"\r\n" + heads[1] + SQUASHFS + b"\r\n--" + boundary + b"--\r\n"


# bare, with metadata from the task

METADATA = {
    "architecture": "x86_64",
    "creation_date": "2026-11-01",
    "properties": {"os": "debian", "release": 12, "lts": True, "none": None},
}


def document(data: bytes) -> t.Any:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["metadata.yaml"]
        return yaml.safe_load(t.cast(t.IO[bytes], archive.extractfile("metadata.yaml")))


@pytest.mark.parametrize(("content", "name"), [(DISK, "rootfs.img"), (SQUASHFS, "rootfs")], ids=["disk", "squashfs"])
def test_metadata(tmp_path: pathlib.Path, content: bytes, name: str) -> None:
    files = ImageFiles(FileSource(write(tmp_path, "disk", content), metadata=METADATA))
    (first, _filename, metadata), second = parts_of(files)
    assert (first, second) == ("metadata", (name, "disk", content))
    assert metadata == build_metadata(METADATA)
    assert files.fingerprint == sha256(metadata + content)


def test_metadata_is_yaml_of_strings() -> None:
    assert document(build_metadata(METADATA)) == {
        "architecture": "x86_64",
        "creation_date": 1793491200,
        "properties": {"os": "debian", "release": "12", "lts": "true", "none": ""},
    }


def test_metadata_that_is_left_out() -> None:
    built = document(build_metadata({}))
    assert built == {"architecture": os.uname().machine, "creation_date": 1, "properties": {}}


def test_metadata_depends_on_nothing_else() -> None:
    assert build_metadata(METADATA) == build_metadata(dict(reversed(METADATA.items())))
    assert build_metadata(METADATA) != build_metadata({**METADATA, "architecture": "aarch64"})


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (1700000000, 1700000000),
        ("1700000000", 1700000000),
        ("2030-01-01", 1893456000),
        ("2030-01-01T01:00:00+01:00", 1893456000),
        ("never", 0),
    ],
)
@pytest.mark.parametrize("key", ["creation_date", "expiry_date"])
def test_metadata_dates(key: str, given: t.Any, seconds: int) -> None:
    assert document(build_metadata({key: given}))[key] == seconds


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"creation_date": "soon"}, "'creation_date' in 'metadata'"),
        ({"properties": {"k": [1]}}, "The property 'k' is a list"),
        ({"properties": ["k"]}, "'properties' in 'metadata' must be a dictionary"),
    ],
)
def test_bad_metadata(metadata: dict[str, t.Any], words: str) -> None:
    with pytest.raises(LXDInputError, match=words):
        build_metadata(metadata)


# a directory


@pytest.fixture
def directory(tmp_path: pathlib.Path) -> pathlib.Path:
    image = tmp_path / "image"
    for folder in ("rootfs/etc", "rootfs/empty", "templates"):
        (image / folder).mkdir(parents=True)
    (image / "metadata.yaml").write_text("architecture: x86_64\ncreation_date: 1\n")
    for name, size in {"block": 512, "blocks": 10240, "one": 1, "none": 0, "large": 100_000, "odd": 513}.items():
        (image / "rootfs" / name).write_bytes(NOISE[:size])
    (image / "rootfs/etc/Größe").write_bytes(b"x")
    (image / "rootfs/etc" / ("n" * 200)).write_bytes(b"long name")
    os.link(image / "rootfs/one", image / "rootfs/same")
    os.symlink("/etc/../one", image / "rootfs/link")
    os.mkfifo(image / "rootfs/fifo", 0o640)
    for path in [image, *image.rglob("*")]:
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)
    return image


def test_directory_is_a_tar_archive(directory: pathlib.Path) -> None:
    files = ImageFiles(FileSource(str(directory)))
    data = sent(files)
    assert len(files) == len(data) == files.size
    assert len(data) % tarfile.RECORDSIZE == 0
    assert files.fingerprint == sha256(data)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        members = {member.name: member for member in archive}
        assert set(members) == {str(path.relative_to(directory)) for path in directory.rglob("*")}
        for name, member in members.items():
            path, status = directory / name, (directory / name).lstat()
            assert (member.uid, member.gid, member.uname, member.gname) == (status.st_uid, status.st_gid, "", "")
            assert (member.mode, member.mtime) == (status.st_mode & 0o7777, 1_700_000_000)
            assert (member.isdir(), member.issym(), member.isfifo()) == (
                path.is_dir(),
                path.is_symlink(),
                path.is_fifo(),
            )
            if path.is_file() and not path.is_symlink():
                assert t.cast(t.IO[bytes], archive.extractfile(member)).read() == path.read_bytes()
        assert members["rootfs/link"].linkname == "/etc/../one"
        assert (members["rootfs/same"].islnk(), members["rootfs/same"].linkname) == (True, "rootfs/one")
        assert archive.getnames() == sorted(members, key=lambda name: name.split("/"))


@pytest.mark.parametrize("method", ["scandir", "open"])
def test_directory_that_can_not_be_read(directory: pathlib.Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user who is not root: a root file system has folders and files that only root may read."""

    def denied(path: t.Any, *arguments: t.Any, **keywords: t.Any) -> t.Any:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    files = ImageFiles(FileSource(str(directory))) if method == "open" else None
    monkeypatch.setattr(
        directory_tar.os if method == "scandir" else directory_tar, method, denied, raising=method == "scandir"
    )
    with pytest.raises(LXDInputError, match=r"Cannot read '.*': Permission denied. The task's user must be able to"):
        sent(files or ImageFiles(FileSource(str(directory))))


def test_directory_depends_on_its_content_only(directory: pathlib.Path, tmp_path: pathlib.Path) -> None:
    first = sent(ImageFiles(FileSource(str(directory))))
    other = tmp_path / "other"
    other.mkdir()
    names = sorted(
        (str(path.relative_to(directory)) for path in directory.rglob("*")),
        reverse=True,
        key=lambda name: (-name.count("/"), name),
    )
    for name in names:  # made in another order, at other fractions of the second
        source, target = directory / name, other / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            os.symlink(os.readlink(source), target)
        elif source.is_dir():
            target.mkdir(exist_ok=True)
        elif source.is_fifo():
            os.mkfifo(target, 0o640)
        elif name == "rootfs/same":
            continue
        else:
            target.write_bytes(source.read_bytes())
    os.link(other / "rootfs/one", other / "rootfs/same")
    for path in other.rglob("*"):
        os.utime(path, ns=(0, 1_700_000_000_987_654_321), follow_symlinks=False)
    assert sent(ImageFiles(FileSource(str(other)))) == first
    assert ImageFiles(FileSource(str(other))).fingerprint == sha256(first)


@pytest.mark.parametrize("name", ["metadata.yaml", "rootfs/odd", "rootfs/link"])
def test_directory_of_another_content_is_another_image(directory: pathlib.Path, name: str) -> None:
    before = ImageFiles(FileSource(str(directory))).fingerprint
    (directory / name).unlink()
    (directory / name).write_text("changed")
    assert ImageFiles(FileSource(str(directory))).fingerprint != before


def test_directory_leaves_out_a_socket(directory: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    before = ImageFiles(FileSource(str(directory))).fingerprint
    monkeypatch.chdir(directory / "rootfs")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        os.utime(directory / "rootfs", (1_700_000_000, 1_700_000_000))
        assert ImageFiles(FileSource(str(directory))).fingerprint == before


def test_directory_whose_file_shrinks_while_it_is_read(directory: pathlib.Path) -> None:
    files = ImageFiles(FileSource(str(directory)))
    assert files.fingerprint
    body = iter(files)
    taken = []
    with pytest.raises(LXDInputError, match=r"large' has become shorter while it was read"):
        for block in body:
            taken.append(block)
            if b"rootfs/large" in block:
                (directory / "rootfs/large").write_bytes(b"")
    assert sum(map(len, taken)) < len(files)


def test_directory_whose_file_grows_before_it_is_read(directory: pathlib.Path) -> None:
    """The header of a member says how long it is: more than was announced is never sent, and what follows would have no room."""
    files = ImageFiles(FileSource(str(directory)))
    assert files.fingerprint
    (directory / "rootfs/large").write_bytes(bytes(10_000_000))
    taken = 0
    with pytest.raises(LXDInputError, match=r"has changed while it was read"):
        for block in files:
            taken += len(block)
    assert taken <= len(files)


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="the system has no extended attributes")
def test_directory_keeps_extended_attributes(directory: pathlib.Path) -> None:
    try:
        os.setxattr(directory / "rootfs/one", "user.note", b"\x00\xff")  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return  # this file system has none either
    with tarfile.open(fileobj=io.BytesIO(sent(ImageFiles(FileSource(str(directory)))))) as archive:
        text = archive.getmember("rootfs/one").pax_headers["SCHILY.xattr.user.note"]
    assert text.encode("utf-8", "surrogateescape") == b"\x00\xff"


# what is refused


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param({"path": "missing"}, ["'path'", "No such file", "managed node"], id="missing"),
        pytest.param(
            {"path": "archive", "rootfs_path": "missing"}, ["'rootfs_path'", "No such file"], id="missing rootfs"
        ),
        pytest.param({"path": "text"}, ["no image", "no archive of a supported format"], id="junk"),
        pytest.param({"path": "empty"}, ["no image"], id="empty"),
        pytest.param({"path": "disk"}, ["bare disk (raw disk)", "'metadata'"], id="bare disk"),
        pytest.param({"path": "qcow2"}, ["bare disk (qcow2)"], id="bare qcow2"),
        pytest.param(
            {"path": "archive", "rootfs_path": "text"},
            ["text", "neither a root file system", "nor a disk"],
            id="junk as rootfs",
        ),
        pytest.param({"path": "text", "metadata": {}}, ["neither a root file system"], id="junk with metadata"),
        pytest.param(
            {"path": "archive", "rootfs_path": "disk", "metadata": {}},
            ["'rootfs_path' and 'metadata' are mutually exclusive"],
            id="rootfs and metadata",
        ),
        pytest.param({"path": "folder"}, ["metadata.yaml not found"], id="directory that is no image"),
        pytest.param(
            {"path": "folder", "rootfs_path": "disk"},
            ["directory", "'rootfs_path' and 'metadata' are not supported"],
            id="directory with rootfs",
        ),
        pytest.param(
            {"path": "folder", "metadata": {}},
            ["directory", "'rootfs_path' and 'metadata' are not supported"],
            id="directory with metadata",
        ),
    ],
)
def test_refused(tmp_path: pathlib.Path, source: dict[str, t.Any], words: list[str]) -> None:
    for name, data in {
        "archive": ARCHIVE,
        "text": b"no image" * 500,
        "empty": b"",
        "disk": DISK,
        "qcow2": b"QFI\xfb" + bytes(2000),
    }.items():
        write(tmp_path, name, data)
    (tmp_path / "folder").mkdir()
    located = {key: str(tmp_path / value) if key.endswith("path") else value for key, value in source.items()}
    with pytest.raises(LXDInputError) as caught:
        ImageFiles(FileSource(**located))
    assert [word for word in words if word not in str(caught.value)] == []


LZ4 = b"\x04\x22\x4d\x18\x60\x40\x82" + bytes(4)


@pytest.mark.parametrize("vendor", ["lxd", "incus", None])
@pytest.mark.parametrize(
    ("source", "doubtful"),
    [
        ({"path": "lz4"}, "lz4"),
        ({"path": "archive", "rootfs_path": "lz4"}, "lz4"),
        ({"path": "lz4", "rootfs_path": "archive"}, "lz4"),
        ({"path": "lz4", "metadata": {}}, "lz4"),
        ({"path": "archive"}, None),
        ({"path": "archive", "rootfs_path": "disk"}, None),
    ],
    ids=["unified", "rootfs", "metadata", "bare", "gzip", "split"],
)
def test_a_format_that_only_one_of_the_servers_takes(
    tmp_path: pathlib.Path, source: dict[str, t.Any], doubtful: str | None, vendor: str | None
) -> None:
    for name, data in {"archive": ARCHIVE, "lz4": LZ4, "disk": DISK}.items():
        write(tmp_path, name, data)
    files = ImageFiles(
        FileSource(**{key: str(tmp_path / value) if key.endswith("path") else value for key, value in source.items()})
    )
    asked: list[str | None] = []

    def ask() -> str | None:
        asked.append(vendor)
        return vendor

    if doubtful and vendor != "incus":
        with pytest.raises(
            LXDInputError,
            match=f"^The file '{tmp_path}/lz4' is an archive of the format lz4, .*Pack it as one of tar, gzip, xz, .*squashfs.$",
        ):
            files.check_acceptable(ask)
    else:
        files.check_acceptable(ask)
        files.check_acceptable(ask)  # once is enough
    assert len(asked) == (1 if doubtful else 0)


def test_metadata_of_the_task_is_looked_at(tmp_path: pathlib.Path) -> None:
    files = ImageFiles(FileSource(write(tmp_path, "disk", DISK), metadata={"architecture": ""}))
    with pytest.raises(
        LXDInputError, match="^The servers would refuse 'metadata': its metadata.yaml has no 'architecture'"
    ):
        files.check_acceptable(lambda: None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is a symbolic link"),
        (b"", "is empty"),
        (b"architecture: x86_64\n", "has no 'creation_date'"),
        (b"architecture: x86_64\ncreation_date: 1\n", ""),
    ],
)
def test_metadata_of_a_directory(tmp_path: pathlib.Path, content: bytes | None, words: str) -> None:
    target = tmp_path / "metadata.yaml"
    if content is None:
        (tmp_path / "real.yaml").write_bytes(b"architecture: x86_64\ncreation_date: 1\n")
        target.symlink_to("real.yaml")
    else:
        target.write_bytes(content)
    files = ImageFiles(FileSource(str(tmp_path)))
    if not words:
        files.check_acceptable(lambda: None)
        return
    with pytest.raises(LXDInputError, match=f"^The servers would refuse '{tmp_path}': its metadata.yaml {words}"):
        files.check_acceptable(lambda: None)


# checksum and completeness: the server must not get the last byte of what is wrong


@pytest.mark.parametrize(
    "checksum",
    [
        sha256(ARCHIVE),
        sha256(ARCHIVE).upper(),
        "sha256:" + sha256(ARCHIVE),
        "SHA256:" + sha256(ARCHIVE),
        "sha512:" + hashlib.sha512(ARCHIVE).hexdigest(),
    ],
    ids=["bare", "upper case", "sha256", "SHA256", "sha512"],
)
def test_checksum_matches(tmp_path: pathlib.Path, checksum: str) -> None:
    files = ImageFiles(
        FileSource(write(tmp_path, "a", ARCHIVE), checksum=parse_checksum(checksum) if checksum else None)
    )
    assert files.fingerprint == sha256(ARCHIVE)
    assert sent(files) == ARCHIVE


def test_checksum_of_a_split_image_is_that_of_both_files(tmp_path: pathlib.Path) -> None:
    source = FileSource(
        write(tmp_path, "a", ARCHIVE),
        write(tmp_path, "b", DISK),
        checksum=Checksum("md5", hashlib.md5(ARCHIVE + DISK).hexdigest()),
    )
    assert ImageFiles(source).fingerprint == sha256(ARCHIVE + DISK)


@pytest.mark.parametrize(
    ("data", "checksum", "words"),
    [
        pytest.param(
            ARCHIVE,
            "sha256:" + "0" * 64,
            f"sha256 checksum of .*{sha256(ARCHIVE)}, but 'checksum' says {'0' * 64}",
            id="wrong checksum",
        ),
        pytest.param(ARCHIVE[:-1], None, "cut short or damaged", id="cut short"),
        pytest.param(ARCHIVE[:1000], None, "cut short or damaged", id="cut shorter"),
    ],
)
@pytest.mark.parametrize("split", [False, True], ids=["unified", "split"])
def test_what_is_wrong_is_never_sent_whole(
    tmp_path: pathlib.Path, data: bytes, checksum: str | None, words: str, split: bool
) -> None:
    rootfs = write(tmp_path, "rootfs", data) if split else None
    path = write(tmp_path, "a", data if not split else b"")
    if split:
        write(tmp_path, "a", gzip.compress(b"metadata"))
        words = words.partition(f"{sha256(ARCHIVE)}")[0].rstrip("*.") if "checksum of" in words else words
    files = ImageFiles(FileSource(path, rootfs, checksum=parse_checksum(checksum) if checksum else None))
    taken: list[bytes] = []
    with pytest.raises(LXDInputError, match=words):
        taken.extend(files)
    assert sum(map(len, taken)) < len(files)
    with pytest.raises(LXDInputError, match=words):
        files.check()


def test_a_wrong_checksum_gives_no_fingerprint(tmp_path: pathlib.Path) -> None:
    files = ImageFiles(FileSource(write(tmp_path, "a", ARCHIVE), checksum=Checksum("sha256", "0" * 64)))
    with pytest.raises(LXDInputError, match="'checksum' says"):
        print(files.fingerprint)


def test_a_matching_checksum_says_that_it_is_whole(tmp_path: pathlib.Path) -> None:
    """What was meant to be cut is none of our business."""
    files = ImageFiles(
        FileSource(write(tmp_path, "a", ARCHIVE[:-1]), checksum=Checksum("sha256", sha256(ARCHIVE[:-1])))
    )
    files.check()
    assert sent(files) == ARCHIVE[:-1]


def test_a_file_that_grows_while_it_is_sent(tmp_path: pathlib.Path) -> None:
    files = ImageFiles(FileSource(write(tmp_path, "a", ARCHIVE)))
    assert files.fingerprint
    body = iter(files)
    taken = [next(body)]
    with open(tmp_path / "a", "ab") as file:
        file.write(b"more")
    with pytest.raises(LXDInputError, match="has changed while it was read"):
        taken.extend(body)
    assert sum(map(len, taken)) < len(files)


def test_a_file_of_one_block_waits_for_the_verdict(tmp_path: pathlib.Path) -> None:
    files = ImageFiles(FileSource(write(tmp_path, "a", gzip.compress(b"tiny")), checksum=Checksum("sha256", "0" * 64)))
    with pytest.raises(LXDInputError):
        next(iter(files))


def test_the_body_is_made_of_small_blocks(tmp_path: pathlib.Path) -> None:
    assert max(len(block) for block in ImageFiles(FileSource(write(tmp_path, "a", ARCHIVE)))) == 4096


def test_an_error_in_hashing_reaches_who_asks(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path, "a", ARCHIVE)
    files = ImageFiles(FileSource(path))
    assert files.fingerprint
    os.unlink(path)
    with pytest.raises(OSError, match="No such file"):
        sent(files)
