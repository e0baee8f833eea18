"""What a spec says about data. Light: pydantic alone, since the spec imports it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from labelloom.formats import FORMS
from labelloom.readers import FIELDS
from labelloom.sources import address


def _name_or_names(value: Any) -> Any:
    """Passed on if it is a string or a list of them. One message for what is neither, instead of one a type."""
    items = value if isinstance(value, list | tuple) else [value]
    if not items or not all(isinstance(item, str) and item for item in items):
        shown = "an empty list" if value == [] else repr(value)
        raise ValueError(f'must be a name or a list of names, not {shown}: "title" or ["title", "abstract"]')
    if len(set(items)) < len(items):
        raise ValueError(f"names one twice: {', '.join(items)}")
    return list(items) if isinstance(value, list | tuple) else value


Names = Annotated[str | list[str], BeforeValidator(_name_or_names)]
"""One name or several."""


def as_list(names: str | list[str] | None) -> list[str]:
    """The names in a value that may be one name, several or none."""
    return [names] if isinstance(names, str) else list(names or ())


class FileSettings(BaseModel):
    """`[data.files]`: the files of each split, by name or pattern.

    They start from the folder that is the source; those with ./ or ../ from the spec's folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: Names = Field(description='The training split: "a.csv", or ["a.csv", "more/*.csv"].')
    validation: Names | None = Field(None, description="The validation split.")
    test: Names | None = Field(None, description="The test split.")

    @property
    def splits(self) -> dict[str, list[str]]:
        """Names and patterns by split, of the splits that there are."""
        found = {split: as_list(getattr(self, split)) for split in type(self).model_fields}
        return {split: names for split, names in found.items() if names}


class DataSettings(BaseModel):
    """`[data]`: where documents and labels come from, and what is cut from the training split.

    Other keys are options of the bundle's source or format that is named here. Who knows the bundle checks them
    (`labelloom.data.options`).
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    source: str = Field(
        min_length=1,
        description='A bundled sample ("arxiv-mini"), a file or folder, or "scheme:…" with a scheme of '
        "`labelloom list sources`.",
    )
    format: str | None = Field(
        None,
        min_length=1,
        description='How the files are written: "csv", "standard/sgm" …; default: what their names tell.',
    )
    files: FileSettings | None = Field(
        None, description="The files of each split, where their names do not tell: a table `[data.files]`."
    )
    text: Names = Field(
        "text", description="The field or column that holds a document's text; several are joined, a line each."
    )
    labels: Names = Field(
        "labels", description='The field that holds its labels; or one-hot columns: ["toxic", "severe_*"].'
    )
    label_separator: str | None = Field(
        None, min_length=1, description='What separates the labels where the field holds a string: ";".'
    )
    label_names: str | None = Field(
        None, min_length=1, description="The field that holds the labels' names, in the order of the labels."
    )
    label_descriptions: str | None = Field(
        None, min_length=1, description="The field that holds the labels' descriptions, in the order of the labels."
    )
    label_file: str | None = Field(
        None,
        min_length=1,
        description="A file with the labels' names and descriptions (JSON, CSV, TSV or lines), in the source's folder.",
    )
    id: str = Field("id", min_length=1, description="The field that holds its id; documents without one are numbered.")
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description='What separates the columns of a CSV file; default ",".'
    )
    quotes: bool = Field(
        True, description="Whether cells of CSV and TSV files may stand in double quotes, with line ends inside."
    )
    validation: float = Field(
        0.1, gt=0, le=0.5, description="Share of the training split that is cut where there is no validation split."
    )
    test: float = Field(
        0.0, ge=0, le=0.5, description="Share that is cut where there is no test split; 0 evaluates on validation."
    )
    split_seed: int = Field(0, ge=0, description="What the cuts follow from; runs with other seeds share one cut.")
    limit: int | None = Field(None, gt=0, description="Use only the first so many documents of each split.")

    @property
    def options(self) -> dict[str, Any]:
        """The keys beside the core's own, as the spec has them."""
        return dict(self.model_extra or {})

    @property
    def read_by(self) -> dict[str, Any]:
        """The core's settings that change what is read from the same files, as values that JSON can write."""
        apart = {"source", "label_file", "validation", "test", "split_seed"}
        return self.model_dump(include=type(self).model_fields.keys() - apart)

    @property
    def about_fields(self) -> dict[str, Any]:
        """The settings about named fields and columns that are not the defaults."""
        fields = type(self).model_fields
        return {name: getattr(self, name) for name in FIELDS if getattr(self, name) != fields[name].default}

    @model_validator(mode="before")
    @classmethod
    def _a_source_knows_the_options(cls, values: Any) -> Any:
        """Without a source no key beside the core's own can be an option: a misspelt `source` is told as that."""
        if isinstance(values, Mapping) and "source" not in values:
            unknown = [
                InitErrorDetails(type="extra_forbidden", loc=(key,), input=values[key]) for key in options_in(values)
            ]
            if unknown:
                raise ValidationError.from_exception_data(cls.__name__, unknown)
        return values

    @model_validator(mode="after")
    def _an_address_is_no_file(self) -> DataSettings:
        if address(self.source) is None:
            return self
        for key in ("format", "files", "delimiter"):
            if getattr(self, key) is not None:
                raise ValueError(f"{key} belongs to files, not to a source such as {self.source!r}")
        if not self.quotes:
            raise ValueError(f"quotes belongs to files, not to a source such as {self.source!r}")
        return self

    @model_validator(mode="after")
    def _labels_in_one_way(self) -> DataSettings:
        parallel = [key for key in ("label_names", "label_descriptions") if getattr(self, key)]
        if isinstance(self.labels, list):
            for key in ("label_separator", *parallel):
                if getattr(self, key):
                    raise ValueError(f"{key} belongs to labels in one column, not to one-hot columns")
        if parallel and self.label_file:
            raise ValueError(f"both {parallel[0]} and label_file name the labels; keep one of them")
        return self

    @model_validator(mode="after")
    def _files_of_a_form(self) -> DataSettings:
        if self.files and self.format and self.format not in FORMS:
            raise ValueError(f"{self.format} finds its files itself; files belongs to {', '.join(FORMS)}")
        if self.delimiter and self.format not in (None, "csv"):
            raise ValueError(f"delimiter belongs to CSV files, not to {self.format}")
        if not self.quotes and self.format in {*FORMS} - {"csv", "tsv"}:
            raise ValueError(f"quotes belongs to CSV and TSV files, not to {self.format}")
        return self

    @model_validator(mode="after")
    def _something_is_left_to_train_on(self) -> DataSettings:
        if self.validation + self.test > 0.9:
            raise ValueError(f"validation and test take {self.validation + self.test:g} of train; at most 0.9 may go")
        return self


def options_in(table: Mapping[str, Any]) -> list[str]:
    """The keys of `[data]`, checked or not, that are not the core's own."""
    return [key for key in table if key not in DataSettings.model_fields]


def reader_in(table: Mapping[str, Any]) -> str:
    """Whose the options in `[data]` are, checked or not: the scheme of its source, or its format if that is a bundle's.

    "" where it names neither, and so has none.
    """
    source, format_ = table.get("source"), table.get("format")
    found = address(source) if isinstance(source, str) else None
    if found:
        return found[0]
    return format_ if isinstance(format_, str) and format_ not in FORMS else ""
