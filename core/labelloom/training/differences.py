"""In which keys two specs differ, for messages about runs that are there."""

from __future__ import annotations

from labelloom.compose.plan import Plan
from labelloom.compose.resolved import resolved
from labelloom.runs.folder import RunFolder
from labelloom.spec import Spec, read_spec
from labelloom.spec.describe import leaves

_SHOWN = 5
"""Differing keys that a message lists."""


def differences(ours: Spec, theirs: Spec) -> str:
    """The keys in which two specs differ that have all options written out; empty where they are one."""
    values, others = (dict(leaves(spec.model_dump())) for spec in (ours, theirs))
    keys = [key for key in {**values, **others} if values.get(key) != others.get(key)]
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more


def differs_from(run: RunFolder, plan: Plan) -> str:
    """The same of a plan and the spec in a run's folder, whose components need not be installed; empty for none."""
    return differences(resolved(plan), read_spec(run.spec)[0]) if run.spec.is_file() else ""
