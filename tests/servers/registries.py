#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a real registry of application containers on 127.0.0.1, and fills it with images of a few bytes.

Imports nothing of the collection, as ``servers``. The registry and skopeo come from the folder that ``incus7.sh`` fills.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import io
import json
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from servers import FOLDER, Process, ServerError, command_line, free_address, wait_until

START_SECONDS, STOP_SECONDS, COPY_SECONDS = 20, 10, 60
MANIFEST, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
LABELS = {"org.opencontainers.image.version": "1.2", "maintainer": "nobody"}


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Container:
    """An application container for one architecture: its only layer has one file with a text."""

    text: str
    architecture: str = "amd64"
    labels: Mapping[str, str] = field(default_factory=lambda: LABELS)

    @property
    def layer(self) -> bytes:
        """The layer, unpacked."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            entry = tarfile.TarInfo("hello")
            entry.size = len(self.text)
            tar.addfile(entry, io.BytesIO(self.text.encode()))
        return buffer.getvalue()

    @property
    def packed(self) -> bytes:
        return gzip.compress(self.layer, mtime=0)

    @property
    def fingerprint(self) -> str:
        """The one that Incus gives it."""
        return hashlib.sha256(digest_of(self.packed).encode()).hexdigest()


class Layout:
    """A folder with images as skopeo reads them (OCI image layout)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def _blob(self, content: bytes, media_type: str) -> dict[str, Any]:
        digest = digest_of(content)
        (self.folder / "blobs" / "sha256" / digest.partition(":")[2]).write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def _manifest(self, container: Container) -> dict[str, Any]:
        config = {
            "created": "2026-01-01T00:00:00Z",
            "architecture": container.architecture,
            "os": "linux",
            "config": {"Cmd": ["/hello"], "Labels": dict(container.labels)},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(container.layer)]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
            "layers": [self._blob(container.packed, "application/vnd.oci.image.layer.v1.tar+gzip")],
        }
        described = self._blob(json.dumps(manifest).encode(), MANIFEST)
        return {**described, "platform": {"architecture": container.architecture, "os": "linux"}}

    def put(self, containers: Sequence[Container]) -> str:
        """Makes this the only image, with a list of manifests for more than one container. Returns its digest."""
        entries = [self._manifest(container) for container in containers]
        if len(entries) > 1:
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
            entries = [self._blob(json.dumps(index).encode(), INDEX)]
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
        return str(entries[0]["digest"])


class Registry:
    """A registry with TLS. ``certificate``: that it shows."""

    def __init__(self, directory: Path, certificate: Path, key: Path) -> None:
        self.directory, self.certificate, self.host = directory, certificate, free_address()
        directory.mkdir(parents=True)
        self._layouts = 0
        settings = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
            "http": {"addr": self.host, "tls": {"certificate": str(certificate), "key": str(key)}},
        }
        # JSON is YAML
        (directory / "config.yml").write_text(json.dumps(settings))
        command = command_line(f"{FOLDER}/usr/bin/docker-registry", "serve", str(directory / "config.yml"))
        self.log = directory / "registry.log"
        self.process = Process.launch(directory / "registry.pid", command, self.log, dict(os.environ))
        if not wait_until(self._listens, START_SECONDS):
            self.stop()
            raise ServerError(f"the registry did not start:\n{self.log.read_text()}")

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True

    def push(self, reference: str, *containers: Container) -> str:
        """Gives a repository's tag ("library/app:1") a new meaning, by skopeo. Returns the digest."""
        self._layouts += 1
        layout = Layout(self.directory / f"layout-{self._layouts}")
        digest = layout.put(containers)
        copy = ["--insecure-policy", "copy", "--all", "--dest-tls-verify=false", f"oci:{layout.folder}"]
        command = command_line(f"{FOLDER}/usr/bin/skopeo", *copy, f"docker://{self.host}/{reference}")
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=COPY_SECONDS)
        if done.returncode != 0:
            raise ServerError(f"skopeo: {done.stderr}")
        return digest

    def stop(self) -> None:
        self.process.stop(STOP_SECONDS)
        shutil.rmtree(self.directory, ignore_errors=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gate  # type: ignore[assignment]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        gate, url = self.server, urlsplit(self.path)
        given = self.headers.get("Authorization", "")
        if url.path == "/token":
            gate.asked.append(("token", parse_qs(url.query).get("scope", [""])[0]))
            is_known = given == gate.basic or not given and gate.is_open
            self._answer(200 if is_known else 401, json.dumps({"token": gate.token}).encode() if is_known else b"{}")
        elif given == (gate.basic if gate.scheme == "Basic" else f"Bearer {gate.token}"):
            gate.asked.append(("registry", url.path))
            self._pass_on()
        else:
            self._answer(401, b'{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}')

    do_HEAD = do_GET

    def _pass_on(self) -> None:
        context = ssl.create_default_context(cafile=str(self.server.behind.certificate))
        upstream = http.client.HTTPSConnection("127.0.0.1", self.server.behind.port, context=context, timeout=30)
        try:
            upstream.request(self.command, self.path, headers={"Accept": self.headers.get("Accept", "*/*")})
            answer = upstream.getresponse()
            kept = ("Content-Type", "Docker-Content-Digest", "Docker-Distribution-Api-Version")
            headers = {name: value for name in kept if (value := answer.getheader(name))}
            self._answer(answer.status, answer.read(), headers)
        finally:
            upstream.close()

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {"Content-Type": "application/json"}).items():
            self.send_header(name, value)
        if status == 401:
            self.send_header("WWW-Authenticate", self.server.challenge)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Gate(socketserver.ThreadingTCPServer):
    """Stands before a registry, and lets only those pass who authenticate: by "Basic", or by "Bearer" with a token of its own.

    ``is_open``: whether it gives a token to anybody. ``asked``: "token" or "registry", and what for.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, behind: Registry, scheme: str, certificate: Path, key: Path, is_open: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.scheme, self.is_open = behind, scheme, is_open
        self.user, self.password, self.token = "robot", "pass/word@1", "a.token.of-this_gate"
        self.asked: list[tuple[str, str]] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    @property
    def basic(self) -> str:
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"

    @property
    def challenge(self) -> str:
        if self.scheme == "Basic":
            return 'Basic realm="registry"'
        return f'Bearer realm="{self.url}/token",service="gate",scope="repository:any:pull"'

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Does nothing: a client that does not trust the certificate breaks off."""

    def close(self) -> None:
        self.shutdown()
        self.server_close()
