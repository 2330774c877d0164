# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A transport that knows beforehand which requests will come and what the server says: any other request fails the test."""

from __future__ import annotations

import io
import json
import typing as t

import requests

from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDConnectionError
from ansible_collections.community.lxd.plugins.module_utils._lxd.operations import WritingClient
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import Connection

OPERATION = "/1.0/operations/6f1d"


def answer(body: t.Any, status: int = 200, headers: t.Mapping[str, str] | None = None) -> requests.Response:
    """``body``: bytes as they are, anything else as JSON."""
    response = requests.Response()
    response.status_code = status
    response.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    response.headers.update({"Content-Type": "application/json", **(headers or {})})
    return response


def sync(metadata: t.Any, status: int = 200, **headers: str) -> requests.Response:
    return answer(
        {
            "type": "sync",
            "status": "Success",
            "status_code": 200,
            "operation": "",
            "error_code": 0,
            "error": "",
            "metadata": metadata,
        },
        status,
        headers,
    )


def started(operation: str = OPERATION) -> requests.Response:
    return answer(
        {"type": "async", "status": "Operation created", "status_code": 100, "operation": operation, "metadata": {}},
        202,
    )


def error(code: int, words: str, status: int | None = None) -> requests.Response:
    body = {"type": "error", "status": "", "status_code": 0, "error_code": code, "error": words, "metadata": None}
    return answer(body, code if status is None else status)


def state(
    status_code: int, err: str = "", metadata: t.Any = None, may_cancel: bool = False, **more: t.Any
) -> requests.Response:
    """An operation: 103 running, 200 success, 400 failure, 401 cancelled."""
    status = {103: "Running", 200: "Success", 400: "Failure", 401: "Cancelled"}[status_code]
    return sync(
        {
            "id": "6f1d",
            "class": "task",
            "status": status,
            "status_code": status_code,
            "err": err,
            "metadata": metadata,
            "may_cancel": may_cancel,
            **more,
        }
    )


def broken(sent: bool = True) -> LXDConnectionError:
    return LXDConnectionError(
        "No answer from the server: Connection reset by peer.", sent=sent, url="https://server:8443"
    )


class Script:
    """Steps are ``("GET /1.0/images", answer or exception)``; a query stands behind the path as in a URL, sorted.

    ``sent`` are the keyword arguments of each request that was made.
    """

    def __init__(self, *steps: tuple[str, t.Any], connection: Connection | None = None) -> None:
        self.connection = connection or Connection("unix:/run/test.socket", timeout=60.0)
        self.steps = list(steps)
        self.sent: list[dict[str, t.Any]] = []

    def request(self, method: str, path: str, **kwargs: t.Any) -> requests.Response:
        query = "&".join(f"{key}={value}" for key, value in sorted((kwargs.get("query") or {}).items()))
        made = f"{method} {path}" + (f"?{query}" if query else "")
        assert self.steps, f"no request was expected, but {made} came"
        expected, result = self.steps.pop(0)
        assert made == expected
        self.sent.append(kwargs)
        if isinstance(result, BaseException):
            raise result
        return t.cast(requests.Response, result)

    def blocks(self, response: requests.Response) -> t.Iterator[bytes]:
        return response.iter_content(4)

    def client(self, project: str | None = None) -> WritingClient:
        return WritingClient(t.cast(t.Any, self), project)


class Clock:
    """Stands in for the time module of the client: each pause and each request takes the time that it says."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
