"""Every hook that a bundle may implement. A hook is here only when something first-party implements it.

A bundle's `hooks.py` is imported by `labelloom list`, so it must stay light: no torch, transformers, datasets or
accelerate. It looks like this, whole:

    from labelloom import Component, hookimpl

    @hookimpl
    def labelloom_components():
        return [
            Component(
                kind="label_module",
                name="mybundle/sharpen",
                target="labelloom_mybundle.sharpen:Sharpen",
                config="labelloom_mybundle.config:SharpenConfig",
                needs={"tokens", "labels"},
                gives={"labels"},
                summary="Label vectors that look at the tokens once more (Someone 2026 eq. 3)",
            ),
        ]
"""

from __future__ import annotations

import pluggy

from labelloom.commands import Command
from labelloom.components import Component
from labelloom.formats import DataFormat

GROUP = "labelloom.bundles"
"""The entry-point group; its entries look like `mybundle = "labelloom_mybundle.hooks"`."""

hookspec = pluggy.HookspecMarker("labelloom")
hookimpl = pluggy.HookimplMarker("labelloom")


@hookspec
def labelloom_components() -> list[Component]:  # type: ignore[empty-body]
    """The records of the bundle's components.

    Every name must start with the bundle's own name, the one of its entry point. Example: the module's docstring.
    """


@hookspec
def labelloom_formats() -> list[DataFormat]:  # type: ignore[empty-body]
    """The records of the formats of data that the bundle reads, for `data.source`.

    Every name must start with the bundle's own name. A format is asked where the names of the files tell it, before
    tables and JSON lines are thought of, or where a spec names it with `data.format`. Example:

        from labelloom import DataFormat, hookimpl

        @hookimpl
        def labelloom_formats():
            return [
                DataFormat(
                    name="mybundle/minutes",
                    target="labelloom_mybundle.minutes:minutes",
                    files=("*.minutes",),
                    summary="Minutes of meetings, a file a meeting",
                ),
            ]
    """


@hookspec
def labelloom_commands() -> list[Command]:  # type: ignore[empty-body]
    """The records of commands that the bundle adds to the command line.

    Every name must start with the bundle's own name, and is typed as it is: `labelloom mybundle/count RUN`. Example:

        from labelloom import Command, hookimpl

        @hookimpl
        def labelloom_commands():
            return [
                Command(
                    name="mybundle/count",
                    target="labelloom_mybundle.count:count_words",
                    summary="How often words occur in the documents of a label",
                ),
            ]
    """
