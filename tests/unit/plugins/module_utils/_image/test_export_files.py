# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An image into files: what is there already is found, and what is not whole never takes a name."""

from __future__ import annotations

import errno
import fcntl
import gzip
import hashlib
import os
import pathlib
import stat
import typing as t
from contextlib import contextmanager

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.desired import DesiredExport
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.export import run_export
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.export_destination import (
    Destination,
    ExportedFiles,
)
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.export_files import export_image
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDAPIError,
    LXDConnectionError,
    LXDError,
    LXDInputError,
)
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import FakeStore, image_data

META = gzip.compress(b"metadata", mtime=0)
ROOT = b"hsqs" + b"root file system" * 8
UNIFIED = hashlib.sha256(META).hexdigest()
SPLIT = hashlib.sha256(META + ROOT).hexdigest()
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b0und"}


def multipart(*contents: bytes) -> bytes:
    head = b'--b0und\r\nContent-Disposition: form-data; name="x"; filename="../../evil"\r\n\r\n'
    return (
        b"".join(b"\r\n" * bool(number) + head + content for number, content in enumerate(contents))
        + b"\r\n--b0und--\r\n"
    )


class Server(FakeStore):
    """Sends one body for any image; an exception in it is what happens at that place."""

    def __init__(self, headers: dict[str, str] | None = None, *body: bytes | Exception) -> None:
        super().__init__(image_data(UNIFIED, ["tiny"]), image_data(SPLIT, ["split"]))
        self.headers, self.body = headers or {}, body
        self.downloads: list[tuple[str, str | None]] = []

    @contextmanager
    def download_image(
        self, fingerprint: str, secret: str | None = None
    ) -> t.Iterator[tuple[dict[str, str], t.Iterator[bytes]]]:
        self.downloads.append((fingerprint, secret))

        def blocks() -> t.Iterator[bytes]:
            for item in self.body:
                if isinstance(item, Exception):
                    raise item
                for position in range(0, len(item), 7):
                    yield item[position : position + 7]

        yield self.headers, blocks()


def unified(*body: bytes | Exception) -> Server:
    return Server({"Content-Type": "application/octet-stream"}, *(body or (META,)))


def split(*contents: bytes) -> Server:
    return Server(MULTIPART, multipart(*(contents or (META, ROOT))))


def export(server: Server, dest: pathlib.Path, fingerprint: str = UNIFIED, secret: str | None = None) -> ExportedFiles:
    return export_image(t.cast(t.Any, server), fingerprint, secret, Destination(str(dest), fingerprint))


def names(path: pathlib.Path) -> list[str]:
    return sorted(os.listdir(path))


# where to


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["gzip"], [".tar.gz"]),
        (["xz"], [".tar.xz"]),
        (["tar"], [".tar"]),
        (["squashfs"], [".squashfs"]),
        ([None], [".root"]),
        (["gzip", "squashfs"], ["meta- .tar.gz", ".squashfs"]),
        (["xz", "qcow2"], ["meta- .tar.xz", ".qcow2"]),
        (["xz", "raw disk"], ["meta- .tar.xz", ".img"]),
        (["gzip", None], ["meta- .tar.gz", ".root"]),
    ],
    ids=str,
)
def test_names_in_a_directory(tmp_path: pathlib.Path, kinds: list[str | None], expected: list[str]) -> None:
    paths = Destination(str(tmp_path), SPLIT).paths(kinds)
    assert paths == [
        str(tmp_path / (f"meta-{SPLIT}{ending[6:]}" if ending.startswith("meta- ") else SPLIT + ending))
        for ending in expected
    ]


def test_names_of_a_file(tmp_path: pathlib.Path) -> None:
    destination = Destination(str(tmp_path / "file"), SPLIT)
    assert destination.paths(["gzip"]) == [str(tmp_path / "file")]
    assert destination.paths(["gzip", "squashfs"]) == [str(tmp_path / "file"), str(tmp_path / "file.root")]


@pytest.mark.parametrize("dest", ["missing/file", "missing/", "missing/sub/", "file/sub"])
def test_no_such_directory(tmp_path: pathlib.Path, dest: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LXDInputError, match="missing|file"):
        Destination(f"{tmp_path}/{dest}", SPLIT)


def test_a_file_in_the_working_directory(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert export(unified(), pathlib.Path("file")).path == "file"
    assert names(tmp_path) == ["file"]


META_NAME, ROOT_NAME = f"meta-{SPLIT}.tar.gz", f"{SPLIT}.squashfs"


@pytest.mark.parametrize(
    ("fingerprint", "there", "found"),
    [
        (UNIFIED, {}, "the image is not there"),
        (UNIFIED, {"other": META}, "the image is not there"),
        (UNIFIED, {f"{UNIFIED}.tar.gz": META}, [f"{UNIFIED}.tar.gz"]),
        (UNIFIED, {f"{UNIFIED}.anything": META}, [f"{UNIFIED}.anything"]),
        (UNIFIED, {UNIFIED: META}, "the image is not there"),
        (UNIFIED, {f"{UNIFIED}.tar.gz": META[:-1]}, "has other content"),
        (UNIFIED, {f"{UNIFIED}.tar.gz": b""}, "has other content"),
        (UNIFIED, {f"{UNIFIED}.a": b"damaged", f"{UNIFIED}.b": META}, [f"{UNIFIED}.b"]),
        (SPLIT, {META_NAME: META, ROOT_NAME: ROOT}, [META_NAME, ROOT_NAME]),
        (SPLIT, {META_NAME: META}, "the image is not there"),
        (SPLIT, {ROOT_NAME: ROOT}, "has other content"),
        (SPLIT, {META_NAME: META, ROOT_NAME: b"damaged"}, "has other content"),
        (SPLIT, {META_NAME: b"damaged", ROOT_NAME: ROOT}, "has other content"),
        (SPLIT, {META_NAME: META, f"{SPLIT}.a": b"damaged", ROOT_NAME: ROOT}, [META_NAME, ROOT_NAME]),
        (SPLIT, {f"{SPLIT}.tar.gz": META + ROOT}, [f"{SPLIT}.tar.gz"]),
    ],
)
def test_found_in_a_directory(
    tmp_path: pathlib.Path, fingerprint: str, there: dict[str, bytes], found: list[str] | str
) -> None:
    for name, content in there.items():
        (tmp_path / name).write_bytes(content)
    files, reason = Destination(str(tmp_path), fingerprint).find()
    check(files, reason, found, tmp_path)


@pytest.mark.parametrize(
    ("fingerprint", "there", "found"),
    [
        (UNIFIED, {}, "the image is not there"),
        (UNIFIED, {"dest": META}, ["dest"]),
        (UNIFIED, {"dest": META, "dest.root": b"of another image"}, ["dest"]),
        (UNIFIED, {"dest": b"damaged"}, "has other content"),
        (UNIFIED, {"dest.root": ROOT}, "the image is not there"),
        (SPLIT, {"dest": META, "dest.root": ROOT}, ["dest", "dest.root"]),
        (SPLIT, {"dest": META}, "has other content"),
        (SPLIT, {"dest.root": ROOT}, "the image is not there"),
        (SPLIT, {"dest": ROOT, "dest.root": META}, "has other content"),
        (SPLIT, {"dest": META, "dest.root": ROOT[:-1]}, "has other content"),
    ],
)
def test_found_as_a_file(
    tmp_path: pathlib.Path, fingerprint: str, there: dict[str, bytes], found: list[str] | str
) -> None:
    for name, content in there.items():
        (tmp_path / name).write_bytes(content)
    files, reason = Destination(str(tmp_path / "dest"), fingerprint).find()
    check(files, reason, found, tmp_path)


def check(files: ExportedFiles | None, reason: str, found: list[str] | str, directory: pathlib.Path) -> None:
    if isinstance(found, str):
        assert files is None
        assert found in reason
        return
    paths = [str(directory / name) for name in found]
    assert files == ExportedFiles(
        paths[0], paths[1] if len(paths) > 1 else None, sum(os.path.getsize(path) for path in paths)
    )
    assert reason == ""


def test_what_can_not_be_read(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dest").write_bytes(META)

    def refuse(path: str, mode: str) -> t.NoReturn:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(LXDInputError, match="Cannot read '.*dest': Permission denied"):
        Destination(str(tmp_path / "dest"), UNIFIED).find()


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_what_can_not_be_a_path(tmp_path: pathlib.Path, name: str) -> None:
    with pytest.raises(LXDInputError, match="'dest' is .*not a valid path"):
        Destination(str(tmp_path / name), UNIFIED)


# download


def test_a_unified_image(tmp_path: pathlib.Path) -> None:
    server = unified()
    assert export(server, tmp_path, secret="s") == ExportedFiles(str(tmp_path / f"{UNIFIED}.tar.gz"), None, len(META))
    assert server.downloads == [(UNIFIED, "s")]
    assert (tmp_path / f"{UNIFIED}.tar.gz").read_bytes() == META
    assert names(tmp_path) == [f"{UNIFIED}.tar.gz"]


def test_a_split_image(tmp_path: pathlib.Path) -> None:
    files = export(split(), tmp_path, SPLIT)
    assert files == ExportedFiles(str(tmp_path / META_NAME), str(tmp_path / ROOT_NAME), len(META + ROOT))
    assert [(tmp_path / name).read_bytes() for name in (META_NAME, ROOT_NAME)] == [META, ROOT]
    assert names(tmp_path) == sorted([META_NAME, ROOT_NAME])
    assert Destination(str(tmp_path), SPLIT).find() == (files, "")


def test_a_split_image_to_a_file(tmp_path: pathlib.Path) -> None:
    export(split(), tmp_path / "dest", SPLIT)
    assert names(tmp_path) == ["dest", "dest.root"]
    assert (tmp_path / "dest").read_bytes() == META


@pytest.mark.parametrize(
    ("server", "error", "words"),
    [
        (unified(b"something else"), LXDAPIError, "hashes to"),
        (unified(META[:-1]), LXDAPIError, "hashes to"),
        (unified(META, b"more"), LXDAPIError, "hashes to"),
        (unified(META[:5], LXDConnectionError("No answer.", sent=True)), LXDConnectionError, "No answer"),
        (unified(LXDAPIError("Gone.", status=404)), LXDAPIError, "Gone"),
        (unified(META[:5], OSError(28, "No space left on device")), LXDInputError, "No space left"),
        (split(META, ROOT, b"a third"), LXDAPIError, "more than two parts"),
        (split(ROOT, META), LXDAPIError, "hashes to"),
        (Server(MULTIPART, multipart(META, ROOT)[:-20]), LXDAPIError, "cut short"),
        (Server(MULTIPART, multipart(META, ROOT)[:60]), LXDAPIError, "cut short"),
        (Server(MULTIPART, META), LXDAPIError, "cut short"),
        (Server(MULTIPART, b"--b0und--"), LXDAPIError, "hashes to"),
    ],
    ids=[
        "other content",
        "less",
        "more",
        "broken",
        "gone",
        "full",
        "three parts",
        "wrong order",
        "cut in a part",
        "cut early",
        "no parts",
        "none",
    ],
)
@pytest.mark.parametrize("before", [b"what was there before", None])
def test_what_is_not_whole_replaces_nothing(
    tmp_path: pathlib.Path, server: Server, error: type[LXDError], words: str, before: bytes | None
) -> None:
    fingerprint = SPLIT if server.headers == MULTIPART else UNIFIED
    for name in ("dest", "dest.root"):
        if before is not None:
            (tmp_path / name).write_bytes(before)
    there = names(tmp_path)
    with pytest.raises(error, match=words):
        export(server, tmp_path / "dest", fingerprint)
    assert names(tmp_path) == there
    assert all((tmp_path / name).read_bytes() == before for name in there)


@pytest.mark.parametrize(
    ("headers", "body", "fingerprint"),
    [({}, META, UNIFIED), (MULTIPART, multipart(META, ROOT), SPLIT)],
    ids=["unified", "split"],
)
def test_cut_at_any_byte(tmp_path: pathlib.Path, headers: dict[str, str], body: bytes, fingerprint: str) -> None:
    (tmp_path / "dest").write_bytes(b"before")
    # the end of the last line of a multipart body says nothing
    for size in range(len(body) - (4 if headers else 0)):
        with pytest.raises(LXDAPIError):
            export(Server(headers, body[:size]), tmp_path / "dest", fingerprint)
        assert names(tmp_path) == ["dest"]
        assert (tmp_path / "dest").read_bytes() == b"before"


def test_what_a_killed_run_left_is_removed(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".community-lxd-killed").write_bytes(META[:5])
    with (tmp_path / ".community-lxd-at-work").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        (tmp_path / "other").write_bytes(b"")
        export(unified(), tmp_path / "dest")
    assert names(tmp_path) == [".community-lxd-at-work", "dest", "other"]


def test_what_can_not_be_written(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> t.NoReturn:
        raise PermissionError(13, "Permission denied", source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(LXDInputError, match=f"Cannot export the image {UNIFIED} to .*: Permission denied"):
        export(unified(), tmp_path / "dest")
    assert names(tmp_path) == []


def test_a_target_that_is_a_directory(tmp_path: pathlib.Path) -> None:
    (tmp_path / "dest.root").mkdir()
    with pytest.raises(LXDInputError, match="Cannot export the image"):
        export(split(), tmp_path / "dest", SPLIT)
    assert names(tmp_path) == ["dest.root"]


def test_the_mode_of_what_was_there_is_kept(tmp_path: pathlib.Path) -> None:
    (tmp_path / "dest").write_bytes(b"before")
    (tmp_path / "dest").chmod(0o604)
    export(unified(), tmp_path / "dest")
    assert stat.S_IMODE(os.stat(tmp_path / "dest").st_mode) == 0o604


def test_the_owner_of_what_was_there_is_kept_if_that_is_allowed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, int]] = []

    def chown(path: object, user: int, group: int) -> None:
        given.append((user, group))
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", chown)
    (tmp_path / "dest").write_bytes(b"old")
    export(unified(), tmp_path / "dest")
    assert given == [(os.getuid(), os.getgid())]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_mode_that_any_new_file_has(tmp_path: pathlib.Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        export(unified(), tmp_path / "dest")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(tmp_path / "dest").st_mode) == mode


# the module's part


def run(server: Server, dest: pathlib.Path, check_mode: bool = False, **identity: t.Any) -> dict[str, t.Any]:
    return run_export(t.cast(t.Any, server), DesiredExport(str(dest), **(identity or {"name": "tiny"})), check_mode)


def test_check_mode_downloads_nothing(tmp_path: pathlib.Path) -> None:
    server = unified()
    said = run(server, tmp_path, check_mode=True)
    assert (server.downloads, names(tmp_path)) == ([], [])
    done = run(server, tmp_path)
    again = run(server, tmp_path)
    assert len(server.downloads) == 1
    assert (said["path"], said["rootfs_path"], said["size"]) == (None, None, None)
    for key in ("changed", "reason", "fingerprint", "diff"):
        assert said[key] == done[key]
    assert (again["changed"], again["reason"], again["size"]) == (False, None, len(META))
    assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
    assert {key: again[key] for key in ("path", "rootfs_path", "size")} == {
        key: done[key] for key in ("path", "rootfs_path", "size")
    }


@pytest.mark.parametrize("identity", [{"name": "split"}, {"fingerprint": SPLIT}, {"fingerprint": SPLIT[:12]}], ids=str)
def test_by_name_or_fingerprint(tmp_path: pathlib.Path, identity: dict[str, str]) -> None:
    assert run(split(), tmp_path, **identity)["fingerprint"] == SPLIT


def test_with_a_secret_the_image_is_not_looked_at(tmp_path: pathlib.Path) -> None:
    server = unified()
    server.trusted = False
    run(server, tmp_path, fingerprint=UNIFIED, secret="s")
    assert server.reads == []
    assert server.downloads == [(UNIFIED, "s")]
    # and what is there needs no secret any more
    assert not run(server, tmp_path, fingerprint=UNIFIED, secret="s")["changed"]
    assert len(server.downloads) == 1


def test_an_image_that_is_not_there(tmp_path: pathlib.Path) -> None:
    server = unified()
    with pytest.raises(LXDInputError, match="image with the alias 'missing' is not found"):
        run(server, tmp_path, name="missing")
    server.trusted = False
    with pytest.raises(PermissionError, match="untrusted"):
        run(server, tmp_path, name="missing")
    server.client.is_anonymous = True
    with pytest.raises(LXDInputError, match="image with the alias 'missing' is not found"):
        run(server, tmp_path, name="missing")


def test_check_mode_says_the_path_of_a_file(tmp_path: pathlib.Path) -> None:
    said = run(unified(), tmp_path / "dest.tar.gz", check_mode=True)
    assert said["path"] == run(unified(), tmp_path / "dest.tar.gz")["path"] == str(tmp_path / "dest.tar.gz")


@pytest.mark.parametrize("check_mode", [True, False])
def test_where_nothing_can_be_written_is_refused_at_once(
    tmp_path: pathlib.Path, check_mode: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(LXDInputError, match="Cannot write to the directory"):
        run(unified(), tmp_path / "dest", check_mode)
    assert names(tmp_path) == []


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_followed(tmp_path: pathlib.Path, exists: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    if exists:
        (tmp_path / "folder" / "file").write_text("old")
    result = run(unified(), tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and result["path"] == str(tmp_path / "link")
    assert (tmp_path / "folder" / "file").read_bytes() == (tmp_path / "link").read_bytes() != b"old"
    assert not run(unified(), tmp_path / "link")["changed"]
