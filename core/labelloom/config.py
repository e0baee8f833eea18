"""What a component's options are written with: `Config`, held parts, and what depends on them.

Light on purpose: `labelloom check` reads every option of a spec through these classes without importing torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from labelloom.components import Kind, Need


class Config(BaseModel):
    """Base of every component's options: unknown keys are errors, values never change after validation.

    A config whose needs and gives depend on its options or on the parts it holds also defines

        def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature

    where `parts` maps the path of each held part ("encoder", "label_modules.0") to its own signature. Without it, the
    record's own needs and gives hold. Values that cannot work for a label set are the part's own to refuse, in its
    constructor: ValueError with the arithmetic.

    TOML has no null. An option that may be None takes the word "none" for it, also where None is the default: over a
    spec that it extends, another one can then take a value away. An option that has this word among its own keeps it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="wrap")  # outside the "before" validators of configs, which see None and not the word
    @classmethod
    def _none_is_a_word(cls, values: Any, validate: Callable[[Any], Any]) -> Any:
        if isinstance(values, dict):
            taken = {name for name in none_words(cls) & values.keys() if values[name] == NONE}
            # What is None by default is as if nobody had said it: it is shown nowhere.
            gone = {name for name in taken if cls.model_fields[name].default is None}
            values = {name: None if name in taken else value for name, value in values.items() if name not in gone}
        return validate(values)


NONE = "none"
"""How a spec writes that an option is None."""


def none_words(config: type[BaseModel]) -> frozenset[str]:
    """The options for which a spec may write "none": those that may be None and have no such word of their own."""
    if not issubclass(config, Config):
        return frozenset()
    return frozenset(
        name
        for name, info in config.model_fields.items()
        if type(None) in get_args(info.annotation) and NONE not in _words(info.annotation)
    )


def taken_away(*names: str) -> str:
    """What a refusal says of options that mean nothing beside others: 'remove hidden, or say hidden = "none" ...'."""
    words = " and ".join(f'{name} = "{NONE}"' for name in names)
    return f"remove {' and '.join(names)}, or say {words} where the spec extends another"


def _words(annotation: Any) -> set[Any]:
    """The values of every `Literal` in a type."""
    if get_origin(annotation) is Literal:
        return set(get_args(annotation))
    return {word for argument in get_args(annotation) for word in _words(argument)}


def written_out(config: BaseModel) -> dict[str, Any]:
    """Every option of a component, defaults too, as values that JSON can hold, and TOML but for None.

    Where None is the default it stays, and TOML leaves the option out; elsewhere it is written as its word.
    """
    words, fields = none_words(type(config)), type(config).model_fields
    dumped = config.model_dump(mode="json")
    return {
        name: NONE if value is None and name in words and fields[name].default is not None else value
        for name, value in dumped.items()
    }


class PartSpec(BaseModel):
    """A component named in a spec, with its options beside the name."""

    model_config = ConfigDict(extra="allow")

    use: str = Field(description='The component: "bundle/component", or "./file.py:Class" beside the spec.')

    @property
    def options(self) -> dict[str, Any]:
        """What the spec says beside the component's name."""
        return dict(self.model_extra or {})


@dataclass(frozen=True)
class Holds:
    """Annotation of a config's field: the kind of part that it holds."""

    kind: Kind


EncoderSpec = Annotated[PartSpec, Holds("encoder")]
LabelModuleSpec = Annotated[PartSpec, Holds("label_module")]
PredictorSpec = Annotated[PartSpec, Holds("predictor")]
TaskSpec = Annotated[PartSpec, Holds("task")]


@dataclass(frozen=True)
class Held:
    """What a holder promises to and asks of one part that it holds.

    `fed` are the fields that it puts before the part (draws come from outside), `must_give` those it then relies on.
    """

    fed: frozenset[str] = frozenset()
    must_give: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Signature:
    """What a component with these options and held parts needs and gives; see `Component` for the words.

    `iterative` says that predictions take several passes, and that its own part tells each what the one before was sure
    of, with `Part.unmask`.
    """

    needs: frozenset[str]
    gives: frozenset[str]
    labels: Literal["any", "all"] = "any"
    holds: Mapping[str, Held] = field(default_factory=dict)
    axes: Mapping[str, str] = field(default_factory=dict)
    iterative: bool = False


def outside_needs(parts: Mapping[str, Signature], holds: Mapping[str, Held]) -> frozenset[str]:
    """The needs of held parts that their holder does not feed, so that the holder passes them on as its own."""
    return frozenset(
        need
        for path, part in parts.items()
        for need in part.needs
        if Need.parse(need).choose(holds[path].fed if path in holds else ()) is None
    )


def held_kinds(config: type[BaseModel]) -> dict[str, Kind]:
    """The options that hold parts, each with the kind of its parts."""
    kinds = {name: _kind_of(info.annotation, info.metadata) for name, info in config.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def held_specs(config: BaseModel) -> Iterator[tuple[str, Kind, PartSpec]]:
    """The parts that `config` holds: path below the holder, kind, spec; lists are numbered, `label_modules.0`."""
    for name, kind in held_kinds(type(config)).items():
        value = getattr(config, name)
        if value is None:
            continue
        if isinstance(value, PartSpec):
            yield name, kind, value
        else:
            for index, item in enumerate(value):
                yield f"{name}.{index}", kind, item


def _kind_of(annotation: Any, metadata: list[Any]) -> Kind | None:
    """The `Holds` kind in an annotation such as EncoderSpec, list[EncoderSpec] or EncoderSpec | None."""
    for item in metadata:
        if isinstance(item, Holds):
            return item.kind
    for argument in getattr(annotation, "__args__", ()):
        kind = _kind_of(argument, list(getattr(argument, "__metadata__", ())))
        if kind is not None:
            return kind
    return None


def _beside_the_spec(value: Any, info: ValidationInfo) -> Any:
    folder = (info.context or {}).get("folder")
    if isinstance(value, str) and folder is not None and value.startswith(("./", "../", "~/")):
        return str((Path(folder) / Path(value).expanduser()).resolve())
    return value


SpecPath = Annotated[str, BeforeValidator(_beside_the_spec)]
"""A string option that may name a file: one that starts with ./, ../ or ~/ is read relative to the spec's folder."""
