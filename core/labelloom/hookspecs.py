"""Every hook that a bundle may implement. A hook is here only when something first-party implements it.

A bundle's `hooks.py` is imported by `labelloom list`, so it must stay light: no torch, transformers, datasets or
accelerate. It looks like this, whole:

    from labelloom import Component, hookimpl

    @hookimpl
    def labelloom_components():
        return [
            Component(
                kind="label_module",
                name="laco/cross-attention",
                target="labelloom_laco.cross_attention:CrossAttention",
                config="labelloom_laco.config:CrossAttentionConfig",
                needs={"tokens", "labels | label_table"},
                gives={"document"},
                labels="all",
                summary="Document vector weighted by document-label compatibility (LACO eq. 1-2)",
            ),
        ]
"""

from __future__ import annotations

import pluggy

from labelloom.components import Component

GROUP = "labelloom.bundles"
"""The entry-point group; its entries look like `laco = "labelloom_laco.hooks"`."""

hookspec = pluggy.HookspecMarker("labelloom")
hookimpl = pluggy.HookimplMarker("labelloom")


@hookspec
def labelloom_components() -> list[Component]:  # type: ignore[empty-body]
    """The records of the bundle's components.

    Every name must start with the bundle's own name, the one of its entry point. Example: the module's docstring.
    """
