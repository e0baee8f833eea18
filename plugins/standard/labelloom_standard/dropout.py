"""The dropout rates inside a language model, which can change after it is built: a stage may have its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn


class DropoutRates:
    """Where a model of the `transformers` library keeps the dropout rates of its configuration.

    own     by its name in the configuration, each rate as that has it
    places  what holds a rate: an object, its attribute, and the name of the rate
    """

    def __init__(self, kind: str, own: Mapping[str, float], places: Sequence[tuple[object, str, str]]) -> None:
        self._kind = kind
        self._own = own
        self._places = places
        self._rate: float | None = None

    def set(self, rate: float | None) -> None:
        """Let every rate be `rate`, or be the model's own for None. Raises ValueError where there is none to set."""
        if rate is not None and not self._own:
            raise ValueError(f"dropout = {rate}, but the configuration of {self._kind} has no dropout to set")
        if rate != self._rate:
            self._rate = rate
            self._write()

    def _write(self) -> None:
        for holder, attribute, name in self._places:
            setattr(holder, attribute, self._own[name] if self._rate is None else self._rate)


def with_rates(config: Any, make: Callable[[Any], Any]) -> tuple[Any, DropoutRates]:
    """The model that `make` builds from `config`, and where its rates are; it starts with its own.

    It is built with a rate of its own for each name in the configuration, and wherever this very number turns up is a
    place of that name. None of them is 0, for some models leave out a dropout of rate 0, and then none can be set.
    """
    own = {name: float(value) for name, value in config.to_dict().items() if _is_rate(name, value)}
    marks = {name: 0.5 + (place + 1) / 1009 for place, name in enumerate(own)}
    for name, mark in marks.items():
        setattr(config, name, mark)
    model: nn.Module = make(config)
    named = {mark: name for name, mark in marks.items()}
    places: list[tuple[object, str, str]] = [
        (module, attribute, named[value])
        for module in model.modules()
        for attribute, value in vars(module).items()
        if isinstance(value, float) and value in named
    ]
    configs = {id(each): each for each in (config, *(getattr(module, "config", config) for module in model.modules()))}
    places += [(each, name, name) for each in configs.values() for name in own if hasattr(each, name)]
    rates = DropoutRates(config.model_type, own, places)
    rates._write()
    return model, rates


def _is_rate(name: str, value: object) -> bool:
    named = "dropout" in name or name.endswith("pdrop")
    return named and isinstance(value, int | float) and not isinstance(value, bool)
