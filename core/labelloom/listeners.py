"""What a bundle says about who is told of training: a frozen record that names the class by string."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labelloom.records import Record


@dataclass(frozen=True, kw_only=True)
class Listener(Record):
    """The record of one listener; it is told of the runs that name it, `labelloom train --track bundle/listener`.

    Args:
        name: `bundle/listener`; the part after the slash will do where no other bundle has one called so.
        target: `module:Class`, a subclass of `labelloom.training.events.TrainingEvents` that is made without arguments
            for each run.
        summary: one line for people.
        api: the contract it was written for.
    """

    what: ClassVar[str] = "listener"
    code: ClassVar[str] = "Class"
    example: ClassVar[str] = "labelloom_mybundle.mail:Mail"
