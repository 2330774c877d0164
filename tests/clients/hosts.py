# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a server with projects, images that are used and images that are not, and the clients that look at it."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import modules
from accounts import Account, UserDaemon
from recorder import Cut, Exchange, Handler, Served
from servers import Server, make_certificate
from stores import IMAGES, SCRATCH, Reading, Settings, Store, World

DEFAULT, OWN, SHARED = "default", "own", "shared"
"""Projects. Of these "own" has images of its own, and "shared" uses those of "default"."""

INSTANCE = "user"
USED, USED_BY_SHARED, GOLDEN, COMMON, MACHINE, MINE = (image.fingerprint for image in IMAGES)


def world(images: tuple[str, ...], aliases: Mapping[str, str]) -> World:
    """Returns images as they are after their upload, with aliases."""
    known = {image.fingerprint: image for image in IMAGES}
    settings = {
        key: Settings(properties={name: value for name, value in known[key].properties.items() if value})
        for key in images
    }
    return World(settings, {name: (target, "") for name, target in aliases.items()})


WORLDS = {
    DEFAULT: world(
        (USED, USED_BY_SHARED, GOLDEN, COMMON), {"used": USED, "used-by-shared": USED_BY_SHARED, "golden": GOLDEN}
    ),
    OWN: world((COMMON, MACHINE, MINE), {"mine": MINE, "machine": MACHINE}),
}
"""The images by their project. COMMON is in both, and used in neither."""
USERS = {DEFAULT: USED, SHARED: USED_BY_SHARED, OWN: MINE}
"""What the instance of a project was created from."""


class InProject:
    """One project of a server: has the methods of the server that a store needs."""

    def __init__(self, server: Server, project: str) -> None:
        self.server, self.project = server, project

    def perform(self, method: str, path: str, body: Any = None) -> Any:
        """Performs a request in the project."""
        separator = "&" if "?" in path else "?"
        return self.server.perform(method, f"{path}{separator}project={quote(self.project, safe='')}", body)


class ProjectStore(Store):
    """The images of one project, as an administrator sees them."""

    def __init__(self, server: Server, project: str) -> None:
        self.server = InProject(server, project)  # type: ignore[assignment]

    def read(self) -> Reading:
        """Reads the images, without what the server itself changes as time goes by."""
        reading = super().read()
        for image in reading.images.values():
            image.pop("last_used_at", None)
        return reading


@dataclass(frozen=True)
class Client:
    """Somebody who runs tasks. ``options``: those of the connection. ``account``: if it is not the one who runs these tests."""

    options: Mapping[str, Any]
    environment: Mapping[str, str]
    account: Account | None = field(default=None, compare=False)

    def run(self, module: str, options: Mapping[str, Any], check: bool = False, direct: bool = False) -> modules.Result:
        """Runs a task. ``direct``: inside Ansible's own process."""
        given = {**self.options, **options}
        if self.account:
            assert not direct, "the account has no whole Ansible"
            return self.account.run_module(module, given, check, self.environment)
        return modules.Run(module, given, check, self.environment, direct).wait()


class Host:
    """A server with its stores and its clients."""

    def __init__(self, vendor: str, account: Account) -> None:
        self.account = account
        with contextlib.ExitStack() as stack:
            self.server = Server.start(vendor, SCRATCH / vendor)
            stack.callback(self.server.stop, remove=True)
            self.server.add_pool()
            self.https_url = self.server.listen_https()
            for name in (OWN, SHARED):
                config = {"features.images": str(name == OWN).lower(), "features.profiles": "false"}
                self.server.perform("POST", "/1.0/projects", {"name": name, "config": config})
            self.daemon = UserDaemon(self.server, account)
            stack.callback(self.daemon.stop)
            self.stores = {name: ProjectStore(self.server, name) for name in (DEFAULT, OWN, account.project)}
            self.worlds = {**WORLDS, account.project: World()}
            self.reset()
            for project, fingerprint in USERS.items():
                body = {"name": INSTANCE, "source": {"type": "image", "fingerprint": fingerprint}}
                self.server.perform("POST", f"/1.0/instances?project={project}", body)
            self._add_clients()
            self._stack = stack.pop_all()

    def _add_clients(self) -> None:
        home = SCRATCH / "home"
        home.mkdir(exist_ok=True)
        # no other server of this machine, and no configuration of its user, is found
        nowhere = {f"{name}_{kind}": str(home) for name in ("LXD", "INCUS") for kind in ("DIR", "CONF")}
        self.environment = {"HOME": str(home), **nowhere}
        self.admin = Client({"url": self.server.url}, self.environment)
        self.own, self.shared = (self._restricted_to(name) for name in (OWN, SHARED))
        directory = {f"{self.server.vendor.upper()}_DIR": str(self.server.state)}
        self.user = Client({}, directory, self.account)

    def _restricted_to(self, project: str) -> Client:
        """Returns a client whose certificate is trusted for one project."""
        certificate, key = make_certificate(self.server.directory / "certificates", project)
        self.server.trust(certificate, [project])
        options = {
            "url": self.https_url,
            "client_cert": str(certificate),
            "client_key": str(key),
            "server_cert": str(self.server.certificate),
        }
        return Client(options, self.environment)

    def stop(self) -> None:
        """Stops all that was started."""
        self._stack.close()

    def reset(self) -> None:
        """Makes each store the known one."""
        for name, store in self.stores.items():
            store.fill(self.worlds[name])

    def read(self) -> dict[str, Reading]:
        """Reads the stores of all projects by plain HTTP, as the administrator."""
        return {name: store.read() for name, store in self.stores.items()}

    @contextlib.contextmanager
    def unchanged(self, *changing: str) -> Iterator[None]:
        """Asserts that no store is another one at the end, except those of the named projects."""
        before = self.read()
        yield
        after = self.read()
        for name in set(before) - set(changing):
            assert after[name] == before[name], name

    def hiding_aliases(self) -> contextlib.AbstractContextManager[Client]:
        """Lets the client that is restricted to its own project see images, but no alias."""
        return self._hiding("/1.0/images/aliases/", 404)

    def cutting_lists(self) -> contextlib.AbstractContextManager[Client]:
        """Lets the same client get lists of images that are cut short to nothing, with status 200."""
        return self._hiding("/1.0/images?", 200)

    @contextlib.contextmanager
    def _hiding(self, path: str, status: int) -> Iterator[Client]:
        proxy = HidingProxy(self, Path(self.own.options["client_cert"]), Path(self.own.options["client_key"]))
        proxy.hidden = path, status
        proxy.start()
        try:
            yield Client({**self.own.options, "url": proxy.url}, self.environment)
        finally:
            proxy.stop()


class HidingHandler(Handler):
    """One connection of a client that may not see aliases."""

    server: HidingProxy  # type: ignore[assignment]

    def connect(self) -> socket.socket:
        return self.server.connect()

    def send_request(self, exchange: Exchange, upstream: socket.socket) -> None:
        path, status = self.server.hidden
        if exchange.path.startswith(path):
            envelope = {"type": "error", "error": "Image alias not found", "error_code": 404, "metadata": None}
            if status == 200:
                envelope = {"type": "sync", "status": "Success", "status_code": 200, "metadata": []}
            body = json.dumps(envelope).encode()
            head = f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nConnection: close\r\n"
            self.wfile.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            raise Cut
        super().send_request(exchange, upstream)


class HidingProxy(Served, socketserver.TCPServer):
    """Stands in front of the HTTPS of a server, shows its certificate, and hides what has a path.

    ``hidden``: how the path begins, and the status of the answer: 404, or 200 with an empty list.
    Whoever asks, it hands on with the one client certificate that it has.
    """

    hidden = "/1.0/images/aliases/", 404

    def __init__(self, host: Host, certificate: Path, key: Path) -> None:
        super().__init__(("127.0.0.1", 0), HidingHandler)
        self.url = f"https://127.0.0.1:{self.server_address[1]}"
        shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        shown.load_cert_chain(host.server.certificate, host.server.certificate.with_suffix(".key"))
        self.socket = shown.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        name, _colon, port = host.https_url.rpartition("/")[2].partition(":")
        self._address = name, int(port)
        self._client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client.check_hostname = False
        self._client.load_verify_locations(host.server.certificate)
        self._client.load_cert_chain(certificate, key)

    def connect(self) -> socket.socket:
        """Opens a connection to the real server."""
        return self._client.wrap_socket(socket.create_connection(self._address, 60))

    def note(self, exchange: Exchange) -> None:
        """Takes no notice of a request: none is counted, delayed or written down."""

    before_request = before_answer = after_answer = record = note

    def answer_block(self, exchange: Exchange, block: bytes) -> bytes:
        """Hands on a part of an answer as it is."""
        return block
