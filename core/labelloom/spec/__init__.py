"""The TOML spec: its models, reading, extending, overriding."""

from labelloom.spec.models import BranchSpec, ModelSpec, Spec, StageSpec, TaskSpec
from labelloom.spec.read import read_baseline, read_data, read_raw, read_spec, spec_to_toml, validate_spec
from labelloom.spec.training import TrainingSettings

__all__ = [
    "BranchSpec",
    "ModelSpec",
    "Spec",
    "StageSpec",
    "TaskSpec",
    "TrainingSettings",
    "read_baseline",
    "read_data",
    "read_raw",
    "read_spec",
    "spec_to_toml",
    "validate_spec",
]
