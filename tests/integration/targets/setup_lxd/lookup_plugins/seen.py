# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks into a server by plain HTTP: neither the collection nor a process of a client has a part in it.

lookup('seen', '/1.0/images?recursion=1') is what the server under test answers, read anew at every use; with socket=… another server.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def read(path: str, url: str) -> Any:
    """Return the metadata of the answer; AnsibleLookupError where the server refuses."""
    connection = SocketConnection(path)
    try:
        connection.request("GET", url)
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if answer["type"] != "sync":
        raise AnsibleLookupError(f"GET {url} of {path}: {answer}")
    return answer["metadata"]


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        path = kwargs.get("socket") or (variables or {})["lxd_socket"]
        return [read(str(path), str(url)) for url in terms]
