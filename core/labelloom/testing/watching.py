"""What a part looks at: fields in its forward pass, widths in its constructor."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

from labelloom.components import FIELDS
from labelloom.interfaces import Mixture, States
from labelloom.interfaces.part import Width


class Watched(States):
    """States that tell which of their fields were read."""

    @property
    def read(self) -> set[str]:
        """The names so far."""
        return cast("set[str]", self.__dict__.setdefault("_read", set()))

    def __getattribute__(self, name: str) -> Any:
        values = object.__getattribute__(self, "__dict__")
        if name in FIELDS:
            values.setdefault("_read", set()).add(name)
        if name == "extra":  # whoever takes all of them may read any
            values.setdefault("_read", set()).update(values["extra"])
        return super().__getattribute__(name)

    def get(self, name: str) -> Any:
        """As States do."""
        self.read.add(name)
        return _plain(self).get(name)

    def mixture(self, name: str) -> Mixture | None:
        """As States do."""
        self.read.add(name)
        return _plain(self).mixture(name)

    def add(self, own: Mapping[str, Any] | None = None, **fields: Any) -> States:
        """As States do; what is only passed on is not read."""
        return _plain(self).add(own, **fields)

    def only(self, names: Collection[str]) -> States:
        """As States do; what is kept is read."""
        self.read.update(names)
        return _plain(self).only(names)


def watch(states: States) -> Watched:
    """These states, none of them read."""
    watched = Watched(**{name: getattr(states, name) for name in States.__dataclass_fields__})
    watched.read.clear()
    return watched


def _plain(states: Watched) -> States:
    values = object.__getattribute__(states, "__dict__")
    return States(**{name: values[name] for name in States.__dataclass_fields__})


class WatchedWidths(Mapping[str, Width]):
    """Widths that tell which of them were read."""

    def __init__(self, widths: Mapping[str, Width]) -> None:
        self._widths = dict(widths)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Width:
        self.read.add(name)
        return self._widths[name]

    def __contains__(self, name: object) -> bool:
        return name in self._widths

    def __iter__(self) -> Iterator[str]:
        self.read.update(self._widths)
        return iter(self._widths)

    def __len__(self) -> int:
        return len(self._widths)
