# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A record behaves as the frozen dataclass that type checkers take it for: the same classes, made with both."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.community.lxd.plugins.module_utils._lxd import record

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2),
    st.text("ab", max_size=2),
    st.tuples(st.integers(0, 1)),
    st.lists(st.integers(0, 1)),
)
NAMES = ("name", "secret", "items", "size")


def make(kind: t.Any, field: t.Any) -> tuple[t.Any, t.Any]:
    """Two classes of the same fields, either made with ``kind``."""

    @kind(frozen=True)
    class Thing:
        name: str
        secret: str | None = field(default=None, repr=False)
        items: t.Any = field(default_factory=dict)
        """Documented, as fields are."""
        size: int = 0

        token: t.ClassVar[str] = "thing"

        @property
        def shown(self) -> str:
            return f"{self.name} {self.size}"

        @classmethod
        def named(cls: t.Any, name: str) -> t.Any:
            return cls(name)

    @kind(frozen=True)
    class Other:
        name: str
        secret: str | None = field(default=None, repr=False)
        items: t.Any = field(default_factory=dict)
        size: int = 0

        def __repr__(self) -> str:
            return "its own"

        def __len__(self) -> int:
            return 0

    return Thing, Other


RECORDS = make(record.record, record.field)
DATACLASSES = make(dataclasses.dataclass, dataclasses.field)
BOTH = (RECORDS, DATACLASSES)


def outcome(action: t.Callable[..., t.Any], *args: t.Any, **kwargs: t.Any) -> t.Any:
    """What a call returns, or the kind of exception that it raises."""
    try:
        return action(*args, **kwargs)
    except (TypeError, AttributeError) as exc:
        return TypeError if isinstance(exc, TypeError) else AttributeError


def both(action: t.Callable[..., t.Any]) -> tuple[t.Any, t.Any]:
    """The outcomes of an action on the records and on the dataclasses."""
    ours, theirs = (outcome(action, *classes) for classes in BOTH)
    return ours, theirs


@given(st.lists(VALUES, max_size=5), st.dictionaries(st.sampled_from([*NAMES, "token", "strange"]), VALUES, max_size=4))
def test_they_are_made_of_the_same(positional: list[t.Any], named: dict[str, t.Any]) -> None:
    def values(thing: t.Any, other: t.Any) -> t.Any:
        made = thing(*positional, **named)
        return [getattr(made, name) for name in NAMES], repr(made).rpartition(".")[2], made.shown, vars(made)

    ours, theirs = both(values)
    assert ours == theirs


@given(st.tuples(VALUES, VALUES, VALUES), st.tuples(VALUES, VALUES, VALUES))
def test_they_are_equal_where_the_other_is(first: tuple[t.Any, ...], second: tuple[t.Any, ...]) -> None:
    def compare(thing: t.Any, other: t.Any) -> t.Any:
        one, two = thing(*first), thing(*second)
        return one == two, one != two, one == thing(*first), one == other(*first), one == first, outcome(hash, one)

    ours, theirs = both(compare)
    assert ours == theirs
    assert ours[3:5] == (False, False)  # the same values do not make it the same


@given(
    st.tuples(VALUES, VALUES, VALUES),
    st.dictionaries(st.sampled_from([*NAMES, "token", "strange"]), VALUES, max_size=3),
)
def test_some_values_are_replaced(values: tuple[t.Any, ...], changes: dict[str, t.Any]) -> None:
    def replaced(replace: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def change(thing: t.Any, other: t.Any) -> t.Any:
            before = thing(*values)
            after = replace(before, **changes)
            return vars(before), vars(after), after.__class__ is thing

        return change

    assert outcome(replaced(record.replace), *RECORDS) == outcome(replaced(dataclasses.replace), *DATACLASSES)


@pytest.mark.parametrize("name", ["name", "token", "strange"])
def test_it_is_frozen(name: str) -> None:
    def change(thing: t.Any, other: t.Any) -> t.Any:
        made = thing("a")
        return outcome(setattr, made, name, "b"), outcome(delattr, made, name), vars(made)

    ours, theirs = both(change)
    assert ours == theirs == (AttributeError, AttributeError, {"name": "a", "secret": None, "items": {}, "size": 0})


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(
            lambda thing, other: [getattr(thing, name) for name in ("token", "secret", "size")], id="of the class"
        ),
        pytest.param(lambda thing, other: thing.name, id="no default"),
        pytest.param(lambda thing, other: thing.items, id="default made anew"),
        pytest.param(lambda thing, other: thing("a").items is thing("a").items, id="default not shared"),
        pytest.param(lambda thing, other: vars(thing.named("a")), id="classmethod"),
        pytest.param(
            lambda thing, other: repr(thing("a", secret="hidden")).partition("Thing")[2], id="secret not shown"
        ),
        pytest.param(
            lambda thing, other: (repr(other("a")), len(other("a")), bool(other("a"))), id="methods of its own stay"
        ),
        pytest.param(lambda thing, other: vars(copy.copy(thing("a", items={"b": 1}))), id="copied"),
        pytest.param(
            lambda thing, other: copy.deepcopy(thing("a", items={"b": 1})) == thing("a", items={"b": 1}),
            id="copied deeply",
        ),
    ],
)
def test_it_looks_the_same(look: t.Callable[..., t.Any]) -> None:
    ours, theirs = both(look)
    assert ours == theirs


def test_the_secret_is_never_shown() -> None:
    assert "hidden" not in repr(RECORDS[0]("a", "hidden"))


def test_what_can_not_be_made_says_why() -> None:
    with pytest.raises(
        TypeError, match=r"Thing\(name, secret, items, size\) can't be made of 1 values and these names: name"
    ):
        RECORDS[0]("a", name="b")


def test_a_default_that_all_would_share() -> None:
    for kind in (record.record, dataclasses.dataclass):
        with pytest.raises(ValueError, match="default_factory"):

            @kind(frozen=True)
            class Shared:
                items: t.Any = {}  # noqa: RUF012


def test_what_only_a_dataclass_can_be() -> None:
    with pytest.raises(TypeError, match="frozen"):
        record.record(frozen=False)
    base: t.Any = RECORDS[0]
    with pytest.raises(TypeError, match="base class"):

        @record.record(frozen=True)
        class Derived(base):
            more: int = 0


@record.record(frozen=True)
class Importable:
    name: str


def test_it_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Importable("a"))) == Importable("a")
