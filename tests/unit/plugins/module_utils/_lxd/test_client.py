# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._lxd import operations
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDAPIError,
    LXDConflict,
    LXDConnectionError,
    LXDError,
    LXDForbidden,
    LXDNotFound,
    LXDOperationError,
    LXDOutcomeUnknown,
    LXDPreconditionFailed,
    LXDTimeout,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import Connection
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.scripted import (
    OPERATION,
    Clock,
    Script,
    answer,
    broken,
    error,
    started,
    state,
    sync,
)

WAIT = f"GET {OPERATION}/wait?timeout=10"
READ = f"GET {OPERATION}"
REMOTE = Connection("https://server:8443", client_cert="/c", client_key="/k", timeout=60.0)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(operations, "time", clock)
    return clock


# reading


def test_get_returns_metadata_and_etag() -> None:
    script = Script(("GET /1.0/images/abc", sync({"public": True}, ETag='"e1"')))
    result = script.client().get("/1.0/images/abc", "read the image")
    assert (result.metadata, result.etag, result.operation) == ({"public": True}, '"e1"', None)
    assert not script.steps


@pytest.mark.parametrize(
    ("project", "query", "with_project", "request_line"),
    [
        pytest.param(None, None, True, "GET /x", id="default project"),
        pytest.param("default", {"recursion": "1"}, True, "GET /x?recursion=1", id="default project, query"),
        pytest.param("p1", None, True, "GET /x?project=p1", id="other project"),
        pytest.param("p1", {"recursion": "1"}, True, "GET /x?project=p1&recursion=1", id="other project, query"),
        pytest.param("p1", {"recursion": "1"}, False, "GET /x?recursion=1", id="a request about all projects"),
    ],
)
def test_project_in_the_query(
    project: str | None, query: dict[str, str] | None, with_project: bool, request_line: str
) -> None:
    script = Script((request_line, sync([])))
    assert script.client(project).get("/x", "read x", query, with_project=with_project).metadata == []


def test_another_project_of_the_same_connection() -> None:
    script = Script(("GET /x?project=p2", sync(2)), ("GET /x?project=p1", sync(1)))
    client = script.client("p1")
    assert client.in_project("p2").get("/x", "read x").metadata == 2
    assert client.get("/x", "read x").metadata == 1


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (400, 400, LXDAPIError),
        (403, 403, LXDForbidden),
        (404, 404, LXDNotFound),
        (409, 409, LXDConflict),
        (412, 412, LXDPreconditionFailed),
        (500, 500, LXDAPIError),
        (404, 200, LXDNotFound),
    ],
)
def test_an_error_says_who_could_not_do_what(code: int, status: int, kind: type[LXDAPIError]) -> None:
    script = Script(("GET /1.0/images/abc", error(code, "the server's words", status)))
    with pytest.raises(LXDAPIError) as caught:
        script.client().get("/1.0/images/abc", "read the image abc")
    assert caught.type is kind
    assert caught.value.status == code
    for words in ("Cannot read the image abc", "the server's words", f"HTTP {code}", "GET /1.0/images/abc"):
        assert words in str(caught.value)
    assert caught.value.failure == {"status": code, "error": "the server's words", "request": "GET /1.0/images/abc"}


def test_forbidden_says_what_to_do() -> None:
    with pytest.raises(LXDForbidden, match=r"not authorized .*trust store"):
        Script(("GET /x", error(403, "not authorized"))).client().get("/x", "read x")


@pytest.mark.parametrize(
    ("code", "words", "advised"),
    [
        (400, "Unauthenticated image queries are only possible against the default project", True),
        (500, 'Failed to get a permission checker: User does not have permissions for project "p"', True),
        (403, 'User does not have permission for project "p"', True),
        (500, "disk full", False),
        (400, "Bad request", False),
    ],
)
def test_whoever_may_not_use_a_project_is_told_so(code: int, words: str, advised: bool) -> None:
    with pytest.raises(LXDAPIError) as caught:
        Script(("GET /x", error(code, words))).client().get("/x", "read x")
    assert str(caught.value).endswith(
        "is the client's certificate in the trust store, and may it use the project?" if advised else "to GET /x)"
    )


def test_an_error_without_code_and_words() -> None:
    with pytest.raises(LXDAPIError, match="no reason given") as caught:
        Script(("GET /x", answer({"type": "error"}, 500))).client().get("/x", "read x")
    assert caught.value.status == 500


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b'{"type":"sync","meta',
        b"[]",
        b'{"metadata":{}}',
        b'{"type":"other"}',
        b"null",
        b"\xff\xfe",
    ],
    ids=["empty", "html", "cut", "list", "untyped", "strange", "null", "bytes"],
)
def test_no_envelope_is_an_error_of_a_read_and_an_unknown_outcome_of_a_write(body: bytes) -> None:
    with pytest.raises(
        LXDAPIError, match=r"Cannot read x: HTTP 200, and the response is not from an LXD or Incus server"
    ):
        Script(("GET /x", answer(body, 200))).client().get("/x", "read x")
    with pytest.raises(LXDOutcomeUnknown, match="Cannot determine whether the server could write x") as caught:
        Script(("PUT /x", answer(body, 502))).client().write("PUT", "/x", "write x")
    assert caught.value.failure == {"request": "PUT /x", "status": 502}


def test_a_read_that_got_no_answer_says_what_could_not_be_read() -> None:
    with pytest.raises(
        LXDConnectionError, match="Cannot read x: No answer from the server: Connection reset by peer"
    ) as caught:
        Script(("GET /x", broken())).client().get("/x", "read x")
    assert (caught.value.sent, caught.value.failure) == (True, {"url": "https://server:8443"})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_was_not_sent_is_no_unknown_outcome(method: str) -> None:
    script = Script((f"{method} /x", broken(sent=False)))
    call = (lambda c: c.get("/x", "do x")) if method == "GET" else (lambda c: c.write("POST", "/x", "do x"))
    with pytest.raises(LXDConnectionError, match="Cannot do x: No answer") as caught:
        call(script.client())
    assert not caught.value.sent


@pytest.mark.parametrize("patience", [1.0, None])
def test_patience_is_the_timeout_of_a_single_try(patience: float | None) -> None:
    script = Script(("GET /x", broken()))
    with pytest.raises(LXDConnectionError):
        script.client().get("/x", "read x", patience=patience)
    assert (script.sent[0]["timeout"], script.sent[0]["once"]) == (patience, patience is not None)


# writing


def test_write_sends_all_it_is_given() -> None:
    script = Script(("PUT /x?project=p1", sync({})))
    script.client("p1").write("PUT", "/x", "write x", data={"a": 1}, headers={"X-A": "b"}, if_match='"e1"')
    assert script.sent == [
        {"query": {"project": "p1"}, "headers": {"X-A": "b", "If-Match": '"e1"'}, "json": {"a": 1}, "body": None}
    ]


def test_write_without_an_etag_sends_no_condition() -> None:
    script = Script(("PUT /x", sync({})))
    script.client().write("PUT", "/x", "write x", data={})
    assert script.sent[0]["headers"] == {}


def test_a_write_whose_answer_is_lost_is_never_repeated() -> None:
    script = Script(("POST /x", broken()))
    with pytest.raises(
        LXDOutcomeUnknown,
        match=r"Cannot determine whether the server could create x, as its answer was lost: .*Connection reset",
    ) as caught:
        script.client().write("POST", "/x", "create x")
    assert caught.value.failure == {"request": "POST /x"}


def test_a_refused_write_is_no_unknown_outcome() -> None:
    with pytest.raises(LXDConflict):
        Script(("POST /x", error(409, "already exists"))).client().write("POST", "/x", "create x")


def test_write_and_wait_takes_a_synchronous_answer_as_the_end() -> None:
    assert Script(("POST /x", sync({"a": 1}))).client().write_and_wait("POST", "/x", "create x") == {"a": 1}
    assert Script(("POST /x", sync(None))).client().write_and_wait("POST", "/x", "create x") == {}


# operations: judged by what they say of themselves


def waiting(*steps: tuple[str, t.Any], connection: Connection | None = None) -> dict[str, t.Any]:
    script = Script(("POST /x", started()), *steps, connection=connection)
    try:
        return script.client().write_and_wait("POST", "/x", "import the file")
    finally:
        assert not script.steps


def test_success() -> None:
    assert waiting((WAIT, state(200, metadata={"fingerprint": "f"}))) == {"fingerprint": "f"}
    assert waiting((WAIT, state(200))) == {}


def test_a_long_operation_is_polled() -> None:
    assert waiting((WAIT, state(103)), (WAIT, state(103)), (WAIT, state(200, metadata={"a": 1}))) == {"a": 1}


def test_the_poll_outlasts_what_it_asks_for() -> None:
    script = Script((WAIT, state(200)))
    script.client().wait(OPERATION, "do x")
    assert script.sent[0]["timeout"] == 40.0


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            [(WAIT, state(400, "disk full", {"fingerprint": "f"}))], id="LXD 5.0 and new Incus: the operation"
        ),
        pytest.param(
            [(WAIT, error(500, "disk full", status=200)), (READ, state(400, "disk full", {"fingerprint": "f"}))],
            id="others: an error, so it is read again",
        ),
    ],
)
def test_failure(steps: list[tuple[str, t.Any]]) -> None:
    with pytest.raises(LXDOperationError, match="Cannot import the file: disk full") as caught:
        waiting(*steps)
    assert caught.value.metadata == {"fingerprint": "f"}
    assert caught.value.failure == {"operation": OPERATION, "error": "disk full"}


def test_cancelled_by_somebody_else() -> None:
    with pytest.raises(LXDOperationError, match="Cannot import the file: Cancelled"):
        waiting((WAIT, state(401)))


def test_a_poll_that_ended_is_no_failure() -> None:
    ended = error(500, "context deadline exceeded", status=200)
    assert waiting((WAIT, ended), (READ, state(103)), (WAIT, state(200, metadata={"a": 1}))) == {"a": 1}


@pytest.mark.parametrize(
    "steps",
    [
        [(WAIT, error(404, "gone"))],
        [(WAIT, error(500, "context deadline exceeded", status=200)), (READ, error(404, "gone"))],
    ],
)
def test_an_operation_that_is_gone_may_have_ended_either_way(steps: list[tuple[str, t.Any]]) -> None:
    if len(steps) == 1:
        steps = [*steps, (READ, error(404, "Operation not found"))]
    with pytest.raises(
        LXDOutcomeUnknown, match="Cannot determine whether the server could import the file: its operation is gone"
    ):
        waiting(*steps)


@pytest.mark.parametrize("metadata", [None, {}, "x", {"status_code": "200"}])
def test_an_answer_that_is_no_operation(metadata: t.Any) -> None:
    with pytest.raises(LXDAPIError, match="not an operation"):
        waiting((WAIT, sync(metadata)))


def late(clock: Clock, response: t.Any, seconds: float) -> t.Any:
    """An answer that comes that much later."""
    take = type(response).content.fget
    arrived = False

    class Late(type(response)):  # type: ignore[misc]
        @property
        def content(self) -> bytes:
            nonlocal arrived
            if not arrived:
                arrived = True
                clock.now += seconds
            return t.cast(bytes, take(self))

    response.__class__ = Late
    return response


SHORT = Connection("unix:/s", timeout=15.0)
WAIT5 = f"GET {OPERATION}/wait?timeout=5"
DELETE = f"DELETE {OPERATION}"


@pytest.mark.parametrize(
    ("may_cancel", "steps", "cancelled", "words"),
    [
        pytest.param(True, [(DELETE, sync({})), (WAIT, state(401))], True, "was cancelled", id="cancelled"),
        pytest.param(
            True,
            [(DELETE, sync({})), (WAIT, state(400, "context canceled"))],
            True,
            "was cancelled",
            id="failed by the cancel",
        ),
        pytest.param(
            True,
            [(DELETE, sync({})), (WAIT, state(103))],
            False,
            "may still complete",
            id="cancelled, but still running",
        ),
        pytest.param(
            True,
            [(DELETE, error(400, "Only running operations can be cancelled"))],
            False,
            "may still complete",
            id="too late to cancel",
        ),
        pytest.param(True, [(DELETE, broken())], False, "may still complete", id="answer to the cancel is lost"),
        pytest.param(False, [], False, "could not be cancelled", id="not cancellable"),
    ],
)
def test_deadline(clock: Clock, may_cancel: bool, steps: list[tuple[str, t.Any]], cancelled: bool, words: str) -> None:
    polls = [(WAIT, late(clock, state(103), 10)), (WAIT5, late(clock, state(103, may_cancel=may_cancel), 5))]
    with pytest.raises(LXDTimeout, match=f"Cannot import the file within 15 seconds.*{words}") as caught:
        waiting(*polls, *steps, connection=SHORT)
    assert caught.value.failure == {"operation": OPERATION, "cancelled": cancelled}


def test_an_operation_that_ends_at_the_deadline_has_ended_well(clock: Clock) -> None:
    assert waiting((WAIT, late(clock, state(200, metadata={"a": 1}), 20)), connection=SHORT) == {"a": 1}


@pytest.mark.parametrize("operation", [OPERATION, OPERATION + "?project=p1", "6f1d"])
def test_operations_are_found_however_they_are_named(operation: str) -> None:
    assert (
        Script((f"GET {OPERATION}/wait?project=p1&timeout=10", state(200))).client("p1").wait(operation, "do x") == {}
    )


# settle: after an unknown outcome

LIST = "GET /1.0/operations?recursion=1"


def task(**more: t.Any) -> dict[str, t.Any]:
    return {"id": "6f1d", "class": "task", "status_code": 103, **more}


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param(None, id="nothing"),
        pytest.param({}, id="no operation"),
        pytest.param({"running": []}, id="none running"),
        pytest.param({"running": [task(**{"class": "token"})]}, id="a token is no work"),
        pytest.param({"running": [task(**{"class": "websocket"})]}, id="a console is no work"),
        pytest.param({"running": [task(status_code=200)]}, id="one that has just ended"),
        pytest.param({"success": [task(status_code=200)], "failure": [task(status_code=400)]}, id="what has ended"),
    ],
)
def test_settled(listed: t.Any) -> None:
    script = Script((LIST, sync(listed)))
    script.client().settle()
    assert not script.steps


@pytest.mark.parametrize(
    "listed",
    [
        {"running": [task()]},
        {"pending": [task(status_code=105)]},
        {"running": [], "cancelling": [task(status_code=104)]},
    ],
)
def test_settle_waits_for_what_runs(listed: t.Any) -> None:
    """What is being cancelled may still store what it makes."""
    running = sync(listed)
    script = Script(
        (LIST, running),
        (WAIT, state(103)),
        (LIST, sync({"running": [task()]})),
        (WAIT, error(404, "gone")),
        (READ, error(404, "gone")),
        (LIST, sync({})),
    )
    script.client().settle()
    assert not script.steps


def test_settle_gives_up(clock: Clock) -> None:
    script = Script((LIST, sync({"running": [task()]})), (WAIT, late(clock, state(103), 99)), connection=SHORT)
    script.client().settle()
    assert not script.steps


# who answers, and whether it trusts us


@pytest.mark.parametrize(
    ("metadata", "vendor", "version", "trusted"),
    [
        pytest.param(
            {"auth": "trusted", "environment": {"server": "lxd", "server_version": "5.0.2"}},
            "lxd",
            "5.0.2",
            True,
            id="trusted",
        ),
        pytest.param(
            {"auth": "untrusted", "api_extensions": ["devlxd_images"]}, "lxd", None, False, id="untrusted LXD"
        ),
        pytest.param(
            {"auth": "untrusted", "environment": None, "api_extensions": ["dev_incus_images"]},
            "incus",
            None,
            False,
            id="untrusted Incus",
        ),
        pytest.param({"auth": "untrusted"}, None, None, False, id="untrusted stranger"),
    ],
)
def test_server(metadata: dict[str, t.Any], vendor: str | None, version: str | None, trusted: bool) -> None:
    client = Script(("GET /1.0", sync(metadata))).client()
    for _again in range(2):  # asked once
        server = client.server()
        assert (server.vendor, server.version, server.trusted) == (vendor, version, trusted)
        assert server.extensions == set(metadata.get("api_extensions", []))


def test_a_socket_is_trusted_without_asking() -> None:
    Script().client().require_trusted()


def test_trust_is_asked_for_once() -> None:
    client = Script(("GET /1.0", sync({"auth": "trusted"})), connection=REMOTE).client()
    client.require_trusted()
    client.require_trusted()


def test_trust_that_was_shown_is_not_asked_for() -> None:
    client = Script(connection=REMOTE).client()
    client.trust_shown()
    client.require_trusted()


def test_an_untrusted_client_is_told_so() -> None:
    client = Script(("GET /1.0", sync({"auth": "untrusted"})), connection=REMOTE).client()
    for _again in range(2):
        with pytest.raises(
            LXDForbidden, match=r"https://server:8443 does not trust this client.*'client_cert'"
        ) as caught:
            client.require_trusted()
    assert caught.value.failure == {"status": 403, "url": "https://server:8443"}


@pytest.mark.parametrize(
    ("connection", "anonymous"),
    [
        (Connection("unix:/s"), False),
        (REMOTE, False),
        (Connection("https://h"), True),
        (Connection("https://h", bearer_token="t"), False),
    ],
    ids=["socket", "certificate", "nothing", "token"],
)
def test_anonymous(connection: Connection, anonymous: bool) -> None:
    assert Script(connection=connection).client().is_anonymous is anonymous


# raw answers


def test_download_streams() -> None:
    script = Script(
        (
            "GET /x?project=p1",
            answer(b"0123456789", 200, {"Content-Type": "application/octet-stream", "Content-Length": "10"}),
        )
    )
    with script.client("p1").download("/x", "export x") as (headers, blocks):
        assert headers["Content-Length"] == "10"
        assert list(blocks) == [b"0123", b"4567", b"89"]
    assert script.sent[0]["stream"] is True


def test_download_of_an_error() -> None:
    with (
        pytest.raises(LXDNotFound, match="Cannot export x: Image not found"),
        Script(("GET /x", error(404, "Image not found"))).client().download("/x", "export x"),
    ):
        pass


def test_what_goes_wrong_in_cleaning_up_is_said_too() -> None:
    exc = LXDError("Cannot do x: no", status=None, request="PUT /x")
    exc.add("And not y either")
    assert str(exc) == "Cannot do x: no. And not y either"
    assert exc.failure == {"request": "PUT /x"}
