"""What a spec says about data. Light: pydantic alone, since the spec imports it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

HUB_PREFIX = "hf:"


class DataSettings(BaseModel):
    """`[data]`: where documents and labels come from, and what is cut from the training split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(
        min_length=1,
        description='A bundled sample ("arxiv-mini"), a file or folder of JSON lines, or "hf:" and a data set\'s name.',
    )
    text: str = Field("text", min_length=1, description="The field that holds a document's text.")
    labels: str = Field("labels", min_length=1, description="The field that holds the list of its labels.")
    id: str = Field("id", min_length=1, description="The field that holds its id; documents without one are numbered.")
    validation: float = Field(
        0.1, gt=0, le=0.5, description="Share of the training split that is cut where there is no validation split."
    )
    test: float = Field(
        0.0, ge=0, le=0.5, description="Share that is cut where there is no test split; 0 evaluates on validation."
    )
    split_seed: int = Field(0, ge=0, description="What the cuts follow from; runs with other seeds share one cut.")
    limit: int | None = Field(None, gt=0, description="Use only the first so many documents of each split.")
    hf_config: str | None = Field(None, description='The configuration of an "hf:" data set that has several.')
    revision: str | None = Field(None, description='The branch, tag or commit of an "hf:" data set.')

    @model_validator(mode="after")
    def _only_the_hub_has_revisions(self) -> DataSettings:
        if not self.source.startswith(HUB_PREFIX):
            for key in ("hf_config", "revision"):
                if getattr(self, key) is not None:
                    raise ValueError(f'{key} belongs to a source that starts with "hf:", not to {self.source!r}')
        return self

    @model_validator(mode="after")
    def _something_is_left_to_train_on(self) -> DataSettings:
        if self.validation + self.test > 0.9:
            raise ValueError(f"validation and test take {self.validation + self.test:g} of train; at most 0.9 may go")
        return self
