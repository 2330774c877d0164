# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which adapter reaches a unix socket with the installed libraries, shown with small stand-ins for them."""

from __future__ import annotations

import http.client
import sys
import types
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._lxd import libraries, transport
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDMissingLibraryError
from ansible_collections.community.lxd.plugins.module_utils._lxd.libraries import require_libraries, socket_adapter
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import Connection, Transport

URL = "http+unix://%2Fs/1.0"


class Urllib3Connection(http.client.HTTPConnection):
    """As in urllib3 2: its pool calls request() with arguments that http.client does not have."""

    def __init__(self, host: str, timeout: float = 1.0) -> None:
        super().__init__(host, timeout=timeout)
        self.prepared = True

    def request(self, method: str, url: str, *args: t.Any, chunked: bool = False, **kwargs: t.Any) -> None:
        self.requested = (method, url, chunked)


URLLIB3 = types.SimpleNamespace(connection=types.SimpleNamespace(HTTPConnection=Urllib3Connection))


def requests_with(*methods: str) -> types.SimpleNamespace:
    """A requests whose own adapter has these methods, and calls the first of them."""

    def wrong(self: t.Any, *args: t.Any, **kwargs: t.Any) -> t.Any:
        raise AssertionError("a unix socket is no host")

    def send(self: t.Any) -> t.Any:
        if methods[0] == "get_connection":
            return self.get_connection(URL, {})
        return getattr(self, methods[0])(types.SimpleNamespace(url=URL), True, proxies={}, cert=None)

    plain = type("HTTPAdapter", (), {"send": send, **dict.fromkeys(methods, wrong)})
    return types.SimpleNamespace(adapters=types.SimpleNamespace(HTTPAdapter=plain))


R225 = requests_with("get_connection")
R2320 = requests_with("_get_connection", "get_connection")
R2322 = requests_with("get_connection_with_tls_context", "get_connection")
FUTURE = requests_with("get_connection_with_all")


def unixsocket(requests: t.Any, connection: type, modern: bool, methods: bool = True) -> types.SimpleNamespace:
    """A requests-unixsocket. ``modern``: whether its adapter has the method of requests 2.32.2."""

    class UnixHTTPConnection(connection):  # type: ignore[misc,valid-type]
        def __init__(self, url: str, timeout: float = 60) -> None:
            super().__init__("localhost", timeout=timeout)
            self.url = url

        def connect(self) -> None:
            raise AssertionError("nothing is sent")

    class Pool:
        def __init__(self, url: str) -> None:
            self.url = url

        def _new_conn(self) -> t.Any:
            return UnixHTTPConnection(self.url)

    def get_connection(self: t.Any, url: str, proxies: t.Any = None) -> Pool:
        return Pool(url)

    def get_connection_with_tls_context(
        self: t.Any, request: t.Any, verify: t.Any, proxies: t.Any = None, cert: t.Any = None
    ) -> t.Any:
        return self.get_connection(request.url, proxies)

    has: dict[str, t.Any] = {"get_connection": get_connection} if methods else {}
    if modern:
        has["get_connection_with_tls_context"] = get_connection_with_tls_context
    adapter = type("UnixAdapter", (requests.adapters.HTTPAdapter,), has)
    return types.SimpleNamespace(
        adapters=types.SimpleNamespace(UnixAdapter=adapter, UnixHTTPConnection=UnixHTTPConnection)
    )


@pytest.mark.parametrize(
    ("requests", "connection", "modern", "as_it_is"),
    [
        pytest.param(R225, http.client.HTTPConnection, False, False, id="2.31 0.3"),
        pytest.param(R225, Urllib3Connection, True, True, id="2.31 0.4"),
        pytest.param(R2320, http.client.HTTPConnection, False, False, id="2.32.1 0.3"),
        pytest.param(R2320, Urllib3Connection, True, False, id="2.32.1 0.4"),
        pytest.param(R2322, http.client.HTTPConnection, False, False, id="2.32.2 0.3"),
        pytest.param(R2322, http.client.HTTPConnection, True, False, id="2.32.2 0.3 patched by a distribution"),
        pytest.param(R2322, Urllib3Connection, True, True, id="2.32.2 0.4"),
    ],
)
def test_sets_that_work(requests: t.Any, connection: type, modern: bool, as_it_is: bool) -> None:
    theirs = unixsocket(requests, connection, modern)
    adapter = socket_adapter(requests, URLLIB3, theirs)
    assert (adapter is theirs.adapters.UnixAdapter) is as_it_is and issubclass(adapter, theirs.adapters.UnixAdapter)
    made = adapter().send()._new_conn()
    assert isinstance(made, theirs.adapters.UnixHTTPConnection) and made.prepared and made.url == URL
    made.request("GET", "/1.0", chunked=True)
    assert made.requested == ("GET", "/1.0", True)
    with pytest.raises(AssertionError, match="nothing is sent"):
        made.connect()


@pytest.mark.parametrize(
    ("requests", "theirs", "library", "words"),
    [
        pytest.param(
            FUTURE,
            unixsocket(FUTURE, Urllib3Connection, True),
            "requests",
            ["requests-unixsocket does not have what it calls", "'requests==2.32.*'", "package python3-requests,"],
            id="a requests that calls another method",
        ),
        pytest.param(
            R2322,
            unixsocket(R2322, Urllib3Connection, False, methods=False),
            "requests-unixsocket",
            ["'requests-unixsocket>=0.4.0'", "package python3-requests-unixsocket,"],
            id="an adapter without methods",
        ),
        pytest.param(
            R2322,
            types.SimpleNamespace(Session=object),
            "requests-unixsocket",
            ["'requests-unixsocket>=0.4.0'", "package python3-requests-unixsocket,"],
            id="another library of that name",
        ),
    ],
)
def test_sets_that_are_refused(requests: t.Any, theirs: t.Any, library: str, words: list[str]) -> None:
    with pytest.raises(LXDMissingLibraryError) as caught:
        socket_adapter(requests, URLLIB3, theirs)
    message = str(caught.value)
    assert message.startswith(f"Cannot use the {library} that is installed for {sys.executable}: ")
    assert caught.value.library == library
    assert [word for word in words if word not in message] == []


def test_a_local_connection_is_refused_before_any_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "requests_unixsocket", types.SimpleNamespace())
    with pytest.raises(LXDMissingLibraryError, match="requests-unixsocket"):
        Transport(Connection("unix:/s"))
    Transport(Connection("https://h"))


class OldRetry:
    """As in urllib3 1.25."""

    def __init__(self, total: int = 10, method_whitelist: t.Any = ()) -> None:
        raise AssertionError("it is not called")


@pytest.mark.parametrize("local", [True, False])
def test_an_old_urllib3_is_refused(monkeypatch: pytest.MonkeyPatch, local: bool) -> None:
    require_libraries(local)
    monkeypatch.setitem(sys.modules, "urllib3.util.retry", types.SimpleNamespace(Retry=OldRetry))
    with pytest.raises(
        LXDMissingLibraryError, match=r"the urllib3 .*'urllib3>=1\.26'.*package python3-urllib3"
    ) as caught:
        require_libraries(local)
    assert caught.value.library == "urllib3"


def test_the_installed_libraries_fit() -> None:
    adapter = socket_adapter(transport.requests, transport.urllib3, transport.requests_unixsocket)
    assert libraries.GET_CONNECTION[-1] in dir(adapter)
    made = adapter().get_connection("http+unix://%2Fs/1.0")._new_conn()
    assert isinstance(made, transport.urllib3.connection.HTTPConnection)
