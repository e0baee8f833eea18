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
from labelloom.listeners import Listener
from labelloom.metrics import ExtraMetric
from labelloom.sections import Section
from labelloom.sources import DataSource

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
def labelloom_sources() -> list[DataSource]:  # type: ignore[empty-body]
    """The records of where the bundle has data from: what stands before the colon in `data.source`.

    Every name must start with the bundle's own name; what comes after the slash is the scheme, here of
    `source = "tickets:2024"`. Example:

        from labelloom import DataSource, hookimpl

        @hookimpl
        def labelloom_sources():
            return [
                DataSource(
                    name="mybundle/tickets",
                    target="labelloom_mybundle.tickets:tickets",
                    summary="Tickets of our help desk, by year",
                ),
            ]
    """


@hookspec
def labelloom_metrics() -> list[ExtraMetric]:  # type: ignore[empty-body]
    """The records of the metrics that the bundle measures.

    Every name must start with the bundle's own name. A metric is measured where its name stands: in `metrics` or
    `training.metric` of a spec, or after `evaluate --metric`. Example:

        from labelloom import ExtraMetric, hookimpl

        @hookimpl
        def labelloom_metrics():
            return [
                ExtraMetric(
                    name="mybundle/hit-rate",
                    target="labelloom_mybundle.hit_rate:hit_rate",
                    needs={"ranking"},
                    at_k=True,
                    summary="Share of the documents with a true label among the first k (Someone 2026 eq. 9)",
                ),
            ]
    """


@hookspec
def labelloom_events() -> list[Listener]:  # type: ignore[empty-body]
    """The records of who may be told of what happens in training.

    Every name must start with the bundle's own name. A listener is told of the runs that name it, here
    `labelloom train SPEC --track mybundle/mail`. Example:

        from labelloom import Listener, hookimpl

        @hookimpl
        def labelloom_events():
            return [
                Listener(
                    name="mybundle/mail",
                    target="labelloom_mybundle.mail:Mail",
                    summary="Writes a mail when a run has ended",
                ),
            ]
    """


@hookspec
def labelloom_sections() -> list[Section]:  # type: ignore[empty-body]
    """The records of sections that the bundle adds to what is told of a run.

    Every name must start with the bundle's own name: `labelloom evaluate RUN --section mybundle/errors`. Example:

        from labelloom import Section, hookimpl

        @hookimpl
        def labelloom_sections():
            return [
                Section(
                    name="mybundle/errors",
                    target="labelloom_mybundle.errors:common_errors",
                    title="Common errors",
                    summary="Labels that are most often given in place of another",
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
