# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Defines records: frozen dataclasses whose definition costs almost no time.

The files of a module are compiled again for each task, and ``dataclasses`` would write and compile five more functions
for each class in them: a millisecond, forty times. Here all classes share the same functions. For type checkers and
for readers, ``@record(frozen=True)`` is ``@dataclass(frozen=True)``; a test compares the behaviour of both.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from dataclasses import dataclass as record
    from dataclasses import field, replace
else:
    _NOTHING = object()

    class _Field:
        """The description of one field of a record."""

        __slots__ = ("default", "default_factory", "repr")

        def __init__(self, default: t.Any, default_factory: t.Callable[[], t.Any] | None, repr: bool) -> None:
            self.default, self.default_factory, self.repr = default, default_factory, repr

    def field(
        *, default: t.Any = _NOTHING, default_factory: t.Callable[[], t.Any] | None = None, repr: bool = True
    ) -> _Field:
        """Describe a field that requires more than a default. ``repr``: whether repr() shows it; false for a secret."""
        return _Field(default, default_factory, repr)

    def record(*, frozen: bool) -> t.Callable[[type], type]:
        """Return a decorator that makes a class a record; its fields are the names that the class annotates.

        Raises TypeError for features that only dataclasses have: fields that can be changed, and base classes; and
        ValueError for a default that all records would share and could change.
        """
        if not frozen:
            raise TypeError("a record is frozen")
        return _record

    def replace(record: t.Any, **changes: t.Any) -> t.Any:
        """Return a copy of a record with other values for some fields."""
        return record.__class__(**{**record.__dict__, **changes})

    def _record(cls: type) -> type:
        if any("__annotations__" in base.__dict__ for base in cls.__mro__[1:]):
            raise TypeError(f"{cls.__name__} has a base class, whose fields a record would not know")
        fields: dict[str, _Field] = {}
        for name, annotation in getattr(cls, "__annotations__", {}).items():
            if annotation.startswith("t.ClassVar"):
                continue
            given = cls.__dict__.get(name, _NOTHING)
            about = fields[name] = given if isinstance(given, _Field) else _Field(given, None, True)
            if about.default is not _NOTHING:
                if about.default.__class__.__hash__ is None:
                    raise ValueError(f"all of {cls.__name__} would share the default of {name}: use default_factory")
                setattr(cls, name, about.default)
            elif given is not _NOTHING:
                delattr(cls, name)
        cls._names = tuple(fields)
        cls._known = frozenset(fields)
        cls._shown = [name for name, about in fields.items() if about.repr]
        cls._defaults = {name: about.default for name, about in fields.items() if about.default is not _NOTHING}
        cls._factories = [(name, about.default_factory) for name, about in fields.items() if about.default_factory]
        for name, method in _METHODS.items():
            if name not in cls.__dict__:
                setattr(cls, name, method)
        return cls

    def _init(self: t.Any, *given: t.Any, **named: t.Any) -> None:
        cls, values = self.__class__, self.__dict__  # __setattr__ of a record raises AttributeError
        values.update(cls._defaults)
        values.update(zip(cls._names, given))
        values.update(named)
        for name, factory in cls._factories:
            if name not in values:
                values[name] = factory()
        # a field that is missing or unknown, too many values, or a field that is given twice
        if (
            values.keys() != cls._known
            or len(given) > len(values)
            or (given and not named.keys().isdisjoint(cls._names[: len(given)]))
        ):
            raise TypeError(
                f"{cls.__qualname__}({', '.join(cls._names)}) can't be made of {len(given)} values and these names: "
                f"{', '.join(named)}"
            )

    def _eq(self: t.Any, other: t.Any) -> bool:
        return self.__dict__ == other.__dict__ if other.__class__ is self.__class__ else NotImplemented

    def _hash(self: t.Any) -> int:
        values = self.__dict__
        return hash(tuple([values[name] for name in self._names]))

    def _repr(self: t.Any) -> str:
        return (
            f"{self.__class__.__qualname__}({', '.join([f'{name}={self.__dict__[name]!r}' for name in self._shown])})"
        )

    def _refuse(self: t.Any, name: str, *value: t.Any) -> None:
        raise AttributeError(f"{name!r} can't be changed: a {self.__class__.__qualname__} is frozen")

    _METHODS = {
        "__init__": _init,
        "__eq__": _eq,
        "__hash__": _hash,
        "__repr__": _repr,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
    }
