#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts and stops real LXD and Incus daemons in a directory, as root; also looks into servers with other eyes.

Imports nothing of the collection: what the collection did is checked through code that it has no part in.

    servers.py start --dir DIR [--vendor lxd] [--vendor incus] [--vendor incus7] [--https] [--pool] [--recorder] [--twin] [--group GROUP]
    servers.py stop --dir DIR
    servers.py running              the first LXD or Incus of this machine that trusts us: "VENDOR SOCKET"
    servers.py daemon VENDOR        the program that "start" would run
    servers.py store --socket PATH  what is there: images with aliases, instances, storage pools
    servers.py empty --socket PATH  removes what tests leave: instances, images, profiles, projects
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

SERVERS = {"lxd": "lxd", "incus": "incus", "incus7": "incus"}
"""The servers that can be started, and the vendor of each. "incus7" comes from the folder that ``incus7.sh`` fills."""
CHOSEN = tuple(kind for kind in SERVERS if kind in os.environ.get("LXD_TEST_VENDORS", "lxd incus").split())
"""Those that this run of the tests is about."""
SHARED = bool(os.environ.get("LXD_TEST_SHARED"))
"""Whether each test is run on one of them only, where it can be shared out."""
FOLDER = os.path.realpath(os.environ.get("LXD_TEST_INCUS7") or Path(__file__).parents[2] / ".venv" / "test" / "incus7")
"""The folder of Incus 7."""
DAEMONS = {
    "lxd": ("lxd", "/usr/sbin/lxd", "/usr/lib/lxd/lxd"),
    "incus": ("incusd", "/usr/libexec/incus/incusd", "/opt/incus/bin/incusd", "/usr/sbin/incusd"),
    "incus7": (f"{FOLDER}/usr/libexec/incus/incusd",),
}
MOUNT_USR = 'mount --bind "$0/usr" /usr && exec "$@"'
CLIENTS = {"lxd": "lxc", "incus": "incus"}
SOCKETS = (
    "/var/snap/lxd/common/lxd/unix.socket",
    "/var/lib/lxd/unix.socket",
    "/run/incus/unix.socket",
    "/var/lib/incus/unix.socket",
)
START_SECONDS = 90
STOP_SECONDS = 40
DIE_SECONDS = 20
LONGEST_SOCKET = 107


class ServerError(Exception):
    """A server did not do what was asked."""


def free_address() -> str:
    """An address of 127.0.0.1 whose port nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def share_out(tests: list[Any]) -> None:
    """Leaves each of pytest's tests on one server only, if tests are shared out. Their names say which server it is."""
    if not SHARED:
        return
    cases: dict[str, list[Any]] = {}
    for test in tests:
        kind = next((word for word in re.split(r"[\[\]-]", test.nodeid) if word in SERVERS), "")
        cases.setdefault(test.nodeid.replace(kind, ""), []).append(test)
    # next to each other are often the two values of one parameter: neither is to be on the same server each time
    kept = [on_each[(turn + turn // 2) % len(on_each)] for turn, on_each in enumerate(cases.values())]
    tests[:] = [test for test in tests if test in kept]


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


RAW = "application/octet-stream"


def request(
    path: Path, method: str, url: str, body: Any = None, timeout: float = 60, content_type: str = RAW
) -> tuple[int, Any]:
    """One request to a unix socket: HTTP status and parsed JSON answer. A body of bytes or a file is sent as it is, all else as JSON."""
    connection = SocketConnection(path, timeout)
    try:
        if isinstance(body, bytes) or hasattr(body, "read"):
            connection.request(method, url, body, {"Content-Type": content_type})
        else:
            connection.request(method, url, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def perform(path: Path, method: str, url: str, body: Any = None, timeout: float = 60, content_type: str = RAW) -> Any:
    """One request including the operation it starts: the metadata, or an error."""
    status, answer = request(path, method, url, body, timeout, content_type)
    if status == 202:
        operation = answer["operation"].split("?")[0]
        status, answer = request(path, "GET", f"{operation}/wait?timeout={timeout:.0f}", timeout=timeout + 10)
    metadata = answer.get("metadata")
    failed = isinstance(metadata, dict) and metadata.get("class") and metadata.get("status") != "Success"
    if answer["type"] == "error" or failed:
        raise ServerError(f"{method} {url}: {answer.get('error') or (metadata or {}).get('err') or answer}")
    return metadata


def start_time(pid: int) -> str | None:
    """When a process started, in ticks since boot; None when there is none, or only a zombie."""
    try:
        values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if values[0] in "ZX" else values[19]


@dataclass
class Process:
    """A background process of ours, recorded in a file by id and start time: an id alone may be another's by now."""

    record: Path

    @classmethod
    def launch(cls, record: Path, command: list[str], log: Path, env: Mapping[str, str] | None = None) -> Process:
        with log.open("ab") as output:
            started = subprocess.Popen(  # pylint: disable=consider-using-with
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, start_new_session=True
            )
        # Its end is seen through /proc; a zombie counts as gone.
        started.returncode = 0
        record.write_text(f"{started.pid} {start_time(started.pid)}\n")
        return cls(record)

    @property
    def pid(self) -> int | None:
        """The id, as long as the process lives."""
        try:
            pid, ticks = self.record.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if start_time(int(pid)) == ticks else None

    def stop(self, seconds: float) -> None:
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            if not wait_until(lambda: self.pid is None, seconds):
                os.killpg(pid, signal.SIGKILL)
                wait_until(lambda: self.pid is None, 10)
        self.record.unlink(missing_ok=True)


def descendants(environment: str) -> list[int]:
    """Processes that inherited a line of environment, with all their children."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if environment.encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    while children := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= children
    return sorted(found - {os.getpid()})


def unmount_below(directory: Path) -> None:
    """Undoes every mount below the directory, the innermost first."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    points = [line.split()[1].encode().decode("unicode_escape") for line in lines]
    for point in reversed(points):
        if Path(point) == directory or directory in Path(point).parents:
            subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL)


def daemon(kind: str) -> str | None:
    """The daemon's program, if this machine has one that can be run on its own."""
    for name in DAEMONS[kind]:
        path = shutil.which(name)
        if not path or "/snap/" in os.path.realpath(path):
            continue
        # Ubuntu has a script of that name which installs a snap.
        with open(path, "rb") as program:
            if program.read(4) == b"\x7fELF":
                return path
    return None


def command_line(program: str, *arguments: str) -> list[str]:
    """Returns how a program is started. One of Incus 7 has the folder's /usr instead of the machine's, and all else as it is here.

    Nobody but the new process, which is the program itself in the end, sees what is mounted, and nothing has to be unmounted.
    """
    if not program.startswith(f"{FOLDER}/"):
        return [program, *arguments]
    return ["unshare", "--mount", "/bin/sh", "-c", MOUNT_USR, FOLDER, program[len(FOLDER) :], *arguments]


def identify(path: Path) -> str | None:
    """The vendor of the server behind a socket, if it answers and trusts us."""
    try:
        status, answer = request(path, "GET", "/1.0", timeout=30)
        if status != 200 or answer["metadata"]["auth"] != "trusted":
            return None
        return "incus" if answer["metadata"]["environment"]["server"] == "incus" else "lxd"
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return None


def running() -> tuple[str, Path] | None:
    """The first server of this machine that answers and trusts us."""
    environment = [
        os.environ.get("LXD_SOCKET"),
        os.environ.get("LXD_DIR") and os.environ["LXD_DIR"] + "/unix.socket",
        os.environ.get("INCUS_SOCKET"),
        os.environ.get("INCUS_DIR") and os.environ["INCUS_DIR"] + "/unix.socket",
    ]
    for path in [*environment, *SOCKETS]:
        vendor = identify(Path(path)) if path and os.path.exists(path) else None
        if path and vendor:
            return vendor, Path(path)
    return None


def store(path: Path) -> list[str]:
    """One line for each image with its aliases, each instance and each storage pool, sorted."""

    def listed(url: str) -> list[dict[str, Any]]:
        return perform(path, "GET", url) or []

    lines = [
        f"image {image['fingerprint']} {','.join(sorted(alias['name'] for alias in image['aliases'] or [])) or '-'}"
        for image in listed("/1.0/images?recursion=1")
    ]
    lines += [f"instance {instance['name']}" for instance in listed("/1.0/instances?recursion=1")]
    lines += [f"pool {pool['name']}" for pool in listed("/1.0/storage-pools?recursion=1")]
    return sorted(lines)


def delete_instances(path: Path) -> None:
    """Stops and deletes every instance of every project."""
    for instance in perform(path, "GET", "/1.0/instances?recursion=1&all-projects=true") or []:
        url, project = f"/1.0/instances/{instance['name']}", f"?project={instance.get('project', 'default')}"
        if instance["status"] != "Stopped":
            perform(path, "PUT", f"{url}/state{project}", {"action": "stop", "force": True, "timeout": 30})
        perform(path, "DELETE", url + project)


def empty(path: Path) -> None:
    """Removes all instances, images, profiles and projects, but the projects and profiles that can't be removed."""
    delete_instances(path)
    for project in perform(path, "GET", "/1.0/projects?recursion=1"):
        of_project = f"?project={quote(project['name'], safe='')}"
        for kind in ("images", "profiles"):
            if project["config"].get(f"features.{kind}") != "true":
                continue
            for url in perform(path, "GET", f"/1.0/{kind}{of_project}") or []:
                if not url.partition("?")[0].endswith("/profiles/default"):
                    perform(path, "DELETE", url.partition("?")[0] + of_project)
        if project["name"] != "default":
            perform(path, "DELETE", f"/1.0/projects/{quote(project['name'], safe='')}")


def make_certificate(directory: Path, name: str, address: str = "") -> tuple[Path, Path]:
    """A self-signed certificate and its key: NAME.crt and NAME.key. ``address``: the IP address, if it is a server's."""
    certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
    directory.mkdir(parents=True, exist_ok=True)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes"]
    command += ["-sha384", "-days", "3650", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)]
    if address:
        command += ["-addext", f"subjectAltName=IP:{address}"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return certificate, key


@dataclass
class Server:
    """A daemon with all it has below one directory: state/, server.log, server.pid, its recorder."""

    kind: str
    directory: Path
    https_url: str | None = None

    @classmethod
    def start(cls, kind: str, directory: Path, group: str = "root") -> Server:
        """Starts a daemon with an empty store; what an earlier one left in the directory is removed first."""
        server = cls(kind, directory.resolve())
        if len(str(server.socket)) > LONGEST_SOCKET - len("recorder"):
            raise ServerError(f"{server.socket}: too long for a unix socket, choose a shorter directory")
        if server.directory.exists():
            server.stop(remove=True)
        server.state.mkdir(parents=True)
        server.launch(group)
        return server

    def launch(self, group: str = "root") -> None:
        """Starts the daemon on the state that it has, and waits until it answers."""
        program = daemon(self.kind)
        if program is None:
            raise ServerError(f"no {self.kind} daemon on this machine")
        whole = command_line(program, "--group", group)
        self.process = Process.launch(self.process.record, whole, self.log, self.environment(program))
        if not wait_until(lambda: self.process.pid is None or self.answers(), START_SECONDS):
            self.stop()
        if self.process.pid is None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
            raise ServerError(f"{self.kind} did not start, the end of {self.log}:\n{tail}")

    def answers(self) -> bool:
        """Returns whether the server on the socket is of this vendor, and trusts us."""
        return identify(self.socket) == self.vendor

    def kill(self) -> None:
        """kill -9: nobody is told. Whoever wants it back launches it again."""
        pid = self.process.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            if not wait_until(lambda: self.process.pid is None, DIE_SECONDS):
                raise ServerError(f"{self.kind}: the process {pid} does not end")

    @property
    def vendor(self) -> str:
        return SERVERS[self.kind]

    def __post_init__(self) -> None:
        self.process = Process(self.directory / "server.pid")
        self.recorder = Process(self.directory / "recorder.pid")

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def socket(self) -> Path:
        return self.state / "unix.socket"

    @property
    def url(self) -> str:
        return f"unix:{self.socket}"

    @property
    def certificate(self) -> Path:
        """The certificate that the server shows on HTTPS."""
        return self.state / "server.crt"

    def environment(self, program: str) -> dict[str, str]:
        """Ours, without what would point the daemon at another server or at systemd."""
        strange = ("LXD_", "INCUS_", "LISTEN_", "NOTIFY_")
        result = {key: value for key, value in os.environ.items() if not key.startswith(strange)}
        result[f"{self.vendor.upper()}_DIR"] = str(self.state)
        libraries = Path(program).parent.parent / "lib"
        if program.startswith("/opt/"):
            result["LD_LIBRARY_PATH"] = str(libraries)
        return result

    def client_environment(self) -> dict[str, str]:
        """What makes the command-line client talk to this server and keep its files out of the user's home."""
        prefix = self.vendor.upper()
        result = {f"{prefix}_DIR": str(self.state), f"{prefix}_CONF": str(self.directory / "client")}
        result["HOME"] = str(self.directory / "home")
        if self.vendor == "incus":
            result["INCUS_SOCKET"] = str(self.socket)
        for name in ("client", "home"):
            (self.directory / name).mkdir(exist_ok=True)
        return result

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request: HTTP status and parsed JSON answer."""
        return request(self.socket, method, path, body)

    def perform(self, method: str, path: str, body: Any = None) -> Any:
        """One request including the operation it starts: the metadata, or ServerError."""
        return perform(self.socket, method, path, body)

    def listen_https(self) -> str:
        """Makes the server listen on a free port of 127.0.0.1."""
        for attempt in range(5):
            address = free_address()
            try:
                self.perform("PATCH", "/1.0", {"config": {"core.https_address": address}})
                break
            except ServerError:
                # Somebody took the port meanwhile.
                if attempt == 4:
                    raise
        self.https_url = f"https://{address}"
        return self.https_url

    def trust(self, certificate: Path, projects: Sequence[str] = ()) -> None:
        """Puts a client certificate into the trust store, restricted to projects if any are given."""
        content = base64.b64encode(ssl.PEM_cert_to_DER_cert(certificate.read_text())).decode()
        body: dict[str, Any] = {"type": "client", "name": certificate.stem, "certificate": content}
        if projects:
            body.update(restricted=True, projects=list(projects))
        self.perform("POST", "/1.0/certificates", body)

    def add_pool(self) -> None:
        """A storage pool "default", and a root disk on it in the default profile: instances can be launched."""
        self.perform("POST", "/1.0/storage-pools", {"name": "default", "driver": "dir"})
        root = {"type": "disk", "path": "/", "pool": "default"}
        self.perform("PATCH", "/1.0/profiles/default", {"devices": {"root": root}})

    def stop(self, remove: bool = False) -> None:
        """Ends the daemon with all it runs and mounts; also cleans up behind one that crashed."""
        self.recorder.stop(5)
        if self.process.pid is not None and identify(self.socket):
            try:
                delete_instances(self.socket)
            except (ServerError, OSError, ValueError, http.client.HTTPException) as problem:
                print(f"{self.kind}: {problem}", file=sys.stderr)
        self.process.stop(STOP_SECONDS)
        # Containers outlive a daemon that crashed.
        for pid in descendants(f"{self.vendor.upper()}_DIR={self.state}"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        unmount_below(self.directory)
        # liblxc keeps its lock files by the path of the containers.
        shutil.rmtree(f"/run/lxc/lock{self.directory}", ignore_errors=True)
        if remove:
            shutil.rmtree(self.directory, ignore_errors=True)

    def start_recorder(self) -> tuple[str, Path]:
        """A recorder in front of the server, as a process of its own: its URL and its log."""
        listen, log = self.directory / "recorder.socket", self.directory / "recorder.jsonl"
        command = [sys.executable, str(Path(__file__).with_name("recorder.py")), "--listen", str(listen)]
        command += ["--upstream", str(self.socket), "--log", str(log)]
        output = self.directory / "recorder.log"
        self.recorder = Process.launch(self.recorder.record, command, output)
        # Its log has a line once the first answer has gone through.
        if not wait_until(lambda: identify(listen) is not None and log.stat().st_size > 0, 20):
            self.recorder.stop(5)
            raise ServerError(f"the recorder of {self.kind} did not start:\n{output.read_text()}")
        os.truncate(log, 0)
        return f"unix:{listen}", log


@dataclass
class AttachedServer(Server):
    """A server that runs already, such as the snap of LXD: it is used, emptied, and left running.

    ``upstream``: its socket, which LXD_TEST_SOCKET names, or INCUS_TEST_SOCKET; that of a second server LXD_TWIN_TEST_SOCKET.
    """

    upstream: Path = Path()

    @classmethod
    def find(cls, name: str, directory: Path) -> AttachedServer | None:
        """Returns the server that the environment names for "lxd" or "lxd-twin", if it does."""
        path = os.environ.get(f"{name.upper().replace('-', '_')}_TEST_SOCKET")
        return cls(name.partition("-")[0], directory.resolve(), upstream=Path(path)) if path else None

    @property
    def socket(self) -> Path:
        return self.upstream

    @property
    def state(self) -> Path:
        return self.upstream.parent

    def attach(self) -> None:
        """Refuses a server that has anything in it: the tests remove all that they find."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self.answers():
            raise ServerError(f"{self.socket}: no {self.vendor} that answers and trusts us")
        found = [line for line in store(self.socket) if not line.startswith("pool ")]
        if found:
            raise ServerError(f"{self.socket}: not empty, and the tests would remove all of it: {', '.join(found)}")

    def add_pool(self) -> None:
        if "pool default" not in store(self.socket):
            super().add_pool()

    def stop(self, remove: bool = False) -> None:
        """Ends the recorder, empties the server and takes back its trust. The server goes on."""
        self.recorder.stop(5)
        if identify(self.socket):
            empty(self.socket)
            for certificate in self.perform("GET", "/1.0/certificates?recursion=1") or []:
                if certificate["name"] == "client":
                    self.perform("DELETE", f"/1.0/certificates/{certificate['fingerprint']}")
            self.perform("PATCH", "/1.0", {"config": {"core.https_address": ""}})
        if remove:
            shutil.rmtree(self.directory, ignore_errors=True)


def start_one(name: str, options: argparse.Namespace, client: Path) -> dict[str, Any]:
    """Starts a server as the options say and describes it; a twin ("lxd-twin") is only another one to copy from."""
    kind, _dash, twin = name.partition("-")
    attached = AttachedServer.find(name, options.dir / name)
    if attached:
        attached.attach()
    server = attached or Server.start(kind, options.dir / name, options.group)
    described: dict[str, Any] = {"vendor": server.vendor, "url": server.url, "socket": str(server.socket)}
    if options.pool and not twin:
        server.add_pool()
    if options.https:
        described["https_url"] = server.listen_https()
        described["server_cert"] = str(server.certificate)
        server.trust(client)
    if options.recorder and not twin:
        url, log = server.start_recorder()
        described.update(recorder_url=url, recorder_log=str(log))
    described["client_command"] = CLIENTS[server.vendor]
    described["client_environment"] = server.client_environment()
    return described


def start(options: argparse.Namespace) -> None:
    """Starts what was asked for and prints one JSON document about it."""
    options.dir = options.dir.resolve()
    options.dir.mkdir(parents=True, exist_ok=True)
    kinds = options.vendor or [kind for kind in SERVERS if daemon(kind)]
    described: dict[str, Any] = {"dir": str(options.dir)}
    if options.https:
        for name in ("client", "untrusted"):
            certificate, key = make_certificate(options.dir / "certificates", name)
            described.update({f"{name}_cert": str(certificate), f"{name}_key": str(key)})
    client = options.dir / "certificates" / "client.crt"
    twins = [f"{kind}-twin" for kind in kinds] if options.twin else []
    try:
        with ThreadPoolExecutor(len(kinds + twins) or 1) as pool:
            results = list(pool.map(lambda name: start_one(name, options, client), kinds + twins))
    except BaseException:
        stop(options)
        raise
    described["servers"] = dict(zip(kinds, results))
    if twins:
        described["twins"] = dict(zip(kinds, results[len(kinds) :]))
    text = json.dumps(described, indent=2)
    (options.dir / "servers.json").write_text(text)
    print(text)


def stop(options: argparse.Namespace) -> None:
    """Stops what runs below the directory and removes it."""
    directory = options.dir.resolve()
    names = [name for kind in SERVERS for name in (kind, f"{kind}-twin") if (directory / name).is_dir()]
    servers = [
        AttachedServer.find(name, directory / name) or Server(name.partition("-")[0], directory / name)
        for name in names
    ]
    with ThreadPoolExecutor(len(servers) or 1) as pool:
        list(pool.map(lambda server: server.stop(remove=True), servers))
    shutil.rmtree(directory, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Real LXD and Incus servers for tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("start", "stop"):
        commands.add_parser(name).add_argument("--dir", type=Path, required=True)
    starter = commands.choices["start"]
    starter.add_argument(
        "--vendor", action="append", choices=tuple(SERVERS), help="repeatable; default: all that are here"
    )
    starter.add_argument("--https", action="store_true", help="also listen on 127.0.0.1, with a trusted client")
    starter.add_argument("--pool", action="store_true", help="with a storage pool, for instances")
    starter.add_argument("--recorder", action="store_true", help="with a proxy that writes down requests")
    starter.add_argument("--twin", action="store_true", help="a second server of each, to copy from")
    starter.add_argument("--group", default="root", help="group that may use the socket")
    commands.add_parser("running")
    commands.add_parser("daemon").add_argument("vendor", choices=tuple(SERVERS))
    for name in ("store", "empty"):
        commands.add_parser(name).add_argument("--socket", type=Path, required=True)
    options = parser.parse_args()
    try:
        if options.command in ("start", "stop"):
            {"start": start, "stop": stop}[options.command](options)
            return 0
        if options.command == "store":
            print("\n".join(store(options.socket)))
            return 0
        if options.command == "empty":
            empty(options.socket)
            return 0
        named = os.environ.get(f"{options.vendor.upper()}_TEST_SOCKET") if options.command == "daemon" else None
        found = running() if options.command == "running" else named or daemon(options.vendor)
        if found:
            print(*([found] if isinstance(found, str) else found))
        return 0 if found else 1
    except (ServerError, subprocess.CalledProcessError, OSError) as problem:
        print(f"servers.py: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
