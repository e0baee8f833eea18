"""The spec: what a TOML file may say."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from labelloom.config import PartSpec
from labelloom.spec.data import DataSettings
from labelloom.spec.decision import DecisionSettings
from labelloom.spec.training import TrainingSettings

_AVERAGE_DECAY = TrainingSettings.model_fields["average_decay"].default
_DECAY_FACTOR = TrainingSettings.model_fields["decay_factor"].default


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def default_name(use: str) -> str:
    """What a task is called that the spec does not name: `bce` for `standard/bce`, `mytask` for `./my.py:MyTask`."""
    return use.rpartition("/")[2].rpartition(":")[2].lower()


class TaskSpec(PartSpec):
    """`[[tasks]]`: a loss, its weight and the branch that it sees."""

    model_config = ConfigDict(allow_inf_nan=False)

    name: str = Field(
        "",
        description="Tasks of one name in several stages are one task; default: the component's.",
        pattern=r"^[a-z0-9_][a-z0-9_-]*$",
    )
    weight: float = Field(1.0, ge=0, description="Factor of this loss in the sum that is minimised.")
    branch: str | None = Field(None, description="The branch whose fields it sees; default the only one, or the trunk.")

    @model_validator(mode="after")
    def _named(self) -> TaskSpec:
        if not self.name:
            self.name = default_name(self.use)
        if self.name == "loss":
            raise ValueError("loss is what the sum of a stage's losses is called: give the task another name")
        return self


class BranchSpec(_Model):
    """`[[model.branches]]`: one view of the document, on the common trunk."""

    name: str = Field(description="How tasks and paths name it.", pattern=r"^[a-z][a-z0-9_-]*$")
    label_modules: list[PartSpec] = Field(default_factory=list, description="In the order in which data passes.")
    predictor: PartSpec = Field(description="What turns this branch's fields into scores.")
    share: float | None = Field(None, gt=0, le=1, description="Its part of the final probability; default equal.")


class ModelSpec(_Model):
    """`[model]`: one encoder, then either label modules and a predictor, or label modules and branches."""

    encoder: PartSpec = Field(description="What turns texts into fields.")
    label_modules: list[PartSpec] = Field(default_factory=list, description="In the order in which data passes.")
    predictor: PartSpec | None = Field(None, description="What turns fields into scores.")
    branches: list[BranchSpec] = Field(default_factory=list, description="Several views of one document.")

    @model_validator(mode="after")
    def _one_way_to_scores(self) -> ModelSpec:
        if (self.predictor is None) == (not self.branches):
            raise ValueError("a model has either a predictor or branches, each with its own")
        names = [branch.name for branch in self.branches]
        if len(set(names)) < len(names):
            raise ValueError(f"two branches share a name among {', '.join(names)}")
        if "main" in names:
            raise ValueError("main is what the only branch of a plain model is called: give the branch another name")
        shares = [branch.share for branch in self.branches]
        if any(share is not None for share in shares):
            if any(share is None for share in shares):
                raise ValueError("either every branch has a share or none has")
            if abs(sum(share or 0 for share in shares) - 1) > 1e-6:
                raise ValueError(f"the shares of the branches must add up to 1, not {sum(s or 0 for s in shares):g}")
        return self


class StageSpec(_Model):
    """`[[stages]]`: one phase of training. Weights carry on from the stage before."""

    name: str = Field(description="How the history and messages name it.", pattern=r"^[a-z][a-z0-9_-]*$")
    samplers: list[PartSpec] = Field(default_factory=list, description="In order: each adds to what a step sees.")
    tasks: list[TaskSpec] = Field(min_length=1, description="The losses of this stage.")
    training: TrainingSettings | None = Field(None, description="Overrides of `[training]` for this stage.")
    freeze: list[str] = Field(default_factory=list, description='Paths that do not train here: "model.encoder".')
    reset: list[str] = Field(default_factory=list, description="Paths whose weights are drawn anew at its start.")
    options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="By path: options that the component lets a stage override."
    )

    @field_validator("training")
    @classmethod
    def _one_time_budget(cls, training: TrainingSettings | None) -> TrainingSettings | None:
        if training is not None and training.time_budget is not None:
            raise ValueError(
                "time_budget is for the whole run, whose stages share it: put it in the top-level [training]"
            )
        return training


class Spec(_Model):
    """A whole model: data, parts, losses, training and the decision rule."""

    name: str = Field(description="The run's folder is runs/<name>/<seed>.", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    description: str = Field("", description="For people.")
    data: DataSettings = Field(description="Where documents and labels come from.")
    model: ModelSpec = Field(description="Encoder, label modules and predictors.")
    samplers: list[PartSpec] = Field(default_factory=list, description="Without stages: the samplers of the only one.")
    tasks: list[TaskSpec] = Field(default_factory=list, description="Without stages: the losses of the only one.")
    training: TrainingSettings = Field(default_factory=TrainingSettings, description="Settings of every stage.")
    stages: list[StageSpec] = Field(default_factory=list, description="Phases, one after the other.")
    decision: DecisionSettings = Field(default_factory=DecisionSettings, description="How scores become labels.")
    metrics: list[str] = Field(
        default_factory=list, description='Metrics of bundles that it is scored by, too: ["laco/conditional-kl"].'
    )
    seed: int = Field(0, ge=0, description="Everything random follows from it.")

    @field_validator("metrics")
    @classmethod
    def _of_bundles(cls, metrics: list[str]) -> list[str]:
        if core := [key for key in metrics if "/" not in key]:
            raise ValueError(f"{core[0]} is no metric of a bundle; the core's own are measured always")
        if len(set(metrics)) < len(metrics):
            raise ValueError(f"names one twice: {', '.join(metrics)}")
        return metrics

    @model_validator(mode="after")
    def _one_list_of_losses(self) -> Spec:
        if self.stages and (self.tasks or self.samplers):
            raise ValueError("with [[stages]], tasks and samplers belong inside each stage")
        if not self.stages and not self.tasks:
            raise ValueError('there is nothing to train: add [[tasks]], for example use = "standard/bce"')
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(f"two stages share a name among {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _nothing_ignored(self) -> Spec:
        phases = [self.phase_training(place) for place in range(len(self.phases))]
        made = {phase.average for phase in phases}
        tables = [self.training, *(stage.training for stage in self.stages if stage.training)]
        if all(phase.decay != "exponential" for phase in phases):
            if any(table.decay_factor != _DECAY_FACTOR for table in tables):
                raise ValueError('training.decay_factor says nothing without training.decay = "exponential"')
            if any(table.decay_every is not None for table in tables):
                raise ValueError('training.decay_every says nothing without training.decay = "exponential"')
        if "ema" not in made and any(table.average_decay != _AVERAGE_DECAY for table in tables):
            raise ValueError('training.average_decay says nothing without training.average = "ema"')
        if made == {"none"} and any(table.average_start is not None for table in tables):
            raise ValueError('training.average_start says nothing without training.average = "ema" or "swa"')
        return self

    @property
    def phases(self) -> list[StageSpec]:
        """The stages; a spec without any has one, `main`, of its top-level tasks and samplers."""
        if self.stages:
            return self.stages
        return [StageSpec(name="main", samplers=self.samplers, tasks=self.tasks)]

    def phase_key(self, index: int) -> str:
        """The key below which phase `index` stands in the file: "" or "stages.<index>."."""
        return f"stages.{index}." if self.stages else ""

    def phase_training(self, index: int) -> TrainingSettings:
        """The settings of phase `index`: `[training]` with the stage's own in their place."""
        return self.training.overridden_by(self.phases[index].training)
