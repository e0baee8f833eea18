"""A transformer of the `transformers` library: its architecture from files, its weights, its sizes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from torch import Tensor, nn
from transformers import CONFIG_MAPPING, AutoConfig, AutoModel
from transformers.utils import logging

from labelloom.errors import SpecError
from labelloom.interfaces import Files
from labelloom_standard.dropout import DropoutRates, with_rates


def build_language_model(files: Files, attention: Literal["auto", "sdpa", "eager"]) -> tuple[Any, DropoutRates]:
    """The model whose configuration is among `files`, with fresh fp32 weights and without the pooler that BERTs carry,
    and its dropout rates.

    Raises ValueError when `transformers` lacks the architecture, or it cannot encode a text by itself.
    """
    kind = json.loads((files.root / "config.json").read_text(encoding="utf-8")).get("model_type")
    if kind not in CONFIG_MAPPING:
        raise ValueError(
            f"transformers {transformers.__version__} has no model of the type {kind!r}, and code from the hub is "
            "never run: upgrade transformers, or name another model"
        )
    config = AutoConfig.from_pretrained(files.root, local_files_only=True, trust_remote_code=False)
    if config.is_encoder_decoder:
        raise ValueError(f"{config.model_type} is an encoder with a decoder; name a model that is an encoder alone")
    kernel = {"attn_implementation": attention} if attention != "auto" else _fastest_kernel()
    model, rates = with_rates(config, partial(AutoModel.from_config, trust_remote_code=False, **kernel))
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model.float(), rates


def load_weights(model: nn.Module, folder: Path, pretrained: str) -> None:
    """Copy the weights in `folder` into `model`, in fp32.

    Heads in the files that the model lacks are left out. Raises SpecError when the files lack weights of the model,
    hold others for its layers, or have other shapes.
    """
    with _quiet():
        try:
            source, told = AutoModel.from_pretrained(
                folder,
                config=model.config,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
        except RuntimeError as error:  # how transformers tells shapes that differ
            raise _mismatch(folder, pretrained, str(error)) from error
    own = model.state_dict()
    missing = sorted(set(told["missing_keys"]) & set(own))
    if missing:
        raise _mismatch(folder, pretrained, f"the files lack {_some(missing)}")
    parts = {name for name, _ in model.named_children()}
    keys = (key.removeprefix(f"{model.base_model_prefix}.") for key in told["unexpected_keys"])
    strange = sorted(key for key in keys if key.partition(".")[0] in parts and not key.endswith("position_ids"))
    if strange:
        raise _mismatch(folder, pretrained, f"the files hold {_some(strange)}, which the model has no place for")
    found = source.state_dict()
    model.load_state_dict({name: found[name] for name in own})


def position_limit(model: Any) -> tuple[int | None, str]:
    """How many positions the model has, special ones included, and the arithmetic; None where there is no limit.

    RoBERTa and its kin number positions from `padding_idx + 1`, so their tables have rows that no position uses.
    """
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            rows, reserved = module.num_embeddings, 0 if module.padding_idx is None else module.padding_idx + 1
            return rows - reserved, f"{rows} rows" + (f" - {reserved} reserved" if reserved else "")
    limit = getattr(model.config, "max_position_embeddings", None)
    return (limit, "max_position_embeddings") if isinstance(limit, int) and limit > 0 else (None, "")


def checkpoint_activations(model: Any) -> None:
    """Keep no activations inside layers; the backward pass computes them anew. Raises ValueError where it cannot."""
    # The name changed in transformers 5; the old one goes in 6.
    new = hasattr(model, "activation_checkpointing_enable")
    enable = model.activation_checkpointing_enable if new else model.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def freeze_lowest(model: Any, count: int) -> None:
    """Let no loss reach the embeddings and the `count` lowest layers; 0 leaves all. Raises ValueError if too many.

    The gradient is cut above them rather than switched off in their weights, so it holds whatever a stage or a holder
    switches on again, and they keep no activations.
    """
    if count == 0:
        return
    depth = model.config.num_hidden_layers
    name = _list_of_layers(model)
    if name is None:
        raise ValueError(f"freeze_layers = {count}, but {model.config.model_type} has no list of {depth} layers")
    if count > depth:
        raise ValueError(f"freeze_layers = {count}, but the model has {depth} layers")
    model.get_submodule(name)[count - 1].register_forward_hook(_cut)


def layers_of(model: Any) -> list[list[nn.Module]]:
    """What lies before the list of layers, as the first, then the layers; none for a model without such a list.

    What comes after the list or stands beside it (a last norm, relative positions of all layers) is in no layer.
    """
    name = _list_of_layers(model)
    if name is None:
        return []
    inputs: list[nn.Module] = []
    here: nn.Module = model
    for step in name.split("."):
        children = list(here.named_children())
        place = [key for key, _ in children].index(step)
        inputs += [child for _, child in children[:place]]
        here = children[place][1]
    return [inputs, *([layer] for layer in here.children())]


def _list_of_layers(model: Any) -> str | None:
    """The name of the list of its layers; models whose layers share their weights have none."""
    depth = model.config.num_hidden_layers
    lists = (
        name for name, module in model.named_modules() if isinstance(module, nn.ModuleList) and len(module) == depth
    )
    return next(lists, None)


def _cut(layer: nn.Module, inputs: Any, output: Any) -> Any:
    """The layer's states without their graph; some layers give a tuple that starts with them."""
    return output.detach() if isinstance(output, Tensor) else (output[0].detach(), *output[1:])


def _fastest_kernel() -> dict[str, str]:
    # Measured on a CPU, eager attention is a third faster than SDPA; elsewhere transformers takes the best it has.
    return {} if torch.cuda.is_available() or torch.backends.mps.is_available() else {"attn_implementation": "eager"}


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers without its own report and progress bar: what they say is checked here."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _some(names: list[str]) -> str:
    shown = ", ".join(itertools.islice(names, 3))
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def _mismatch(folder: Path, pretrained: str, message: str) -> SpecError:
    return SpecError(
        f"the weights in {folder} are not those of its config.json: {message}",
        where=f'pretrained = "{pretrained}"',
        suggestions=["get the config.json and the model.safetensors of one model"],
    )
