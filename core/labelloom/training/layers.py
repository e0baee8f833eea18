"""Layer-wise rates: the top layer of a part has its rate, each layer below it a little less."""

from __future__ import annotations

from labelloom.compose.model import Assembly
from labelloom.errors import SpecError


def layer_factors(assembly: Assembly, decay: float) -> dict[int, float]:
    """What the rates of weights are multiplied by, by the weights' ids; a weight that is left out keeps its rate.

    Of a part with layers 0 (the input's) to n, layer i has decay^(n - i) (Howard and Ruder 2018, section 3.2; Clark et
    al. 2020, appendix A). A weight in several layers counts for the highest; what lies in no layer, a pooling or a
    head, and what is tied to a weight outside of the layers, counts for the top. Raises SpecError when no part of the
    model says what its layers are.
    """
    if decay == 1:
        return {}
    of_module: dict[int, float] = {}
    for part in assembly.parts.values():
        layers = part.rate_layers()
        for place, layer in enumerate(layers):
            factor = decay ** (len(layers) - 1 - place)
            for module in (module for top in layer for module in top.modules()):
                of_module[id(module)] = max(of_module.get(id(module), 0.0), factor)
    if not of_module:
        raise SpecError(
            "no part of this model says what its layers are, so there is nothing to decay over",
            where="training.layer_decay",
            suggestions=["leave it out", 'an encoder with layers, such as use = "standard/transformer"'],
        )
    factors: dict[int, float] = {}
    for module in assembly.modules():
        for weight in module.parameters(recurse=False):
            factors[id(weight)] = max(factors.get(id(weight), 0.0), of_module.get(id(module), 1.0))
    return factors
