"""The processes that train together, as `torchrun` or `accelerate launch` started them."""

from __future__ import annotations

import os

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from torch import nn

from labelloom.compose.model import Assembly
from labelloom.errors import TrainingError
from labelloom.spec import TrainingSettings


def process_state() -> PartialState:
    """Which process this is, and of how many. Raises TrainingError when those that were started don't find together.

    Without a GPU the processes of one launch train on the CPU; left to itself, accelerate would then let each of them
    train alone, into the same folder.
    """
    launched = int(os.environ.get("WORLD_SIZE", "1")) if "LOCAL_RANK" in os.environ else 1
    on_gpus = torch.cuda.is_available() or torch.xpu.is_available()
    state = PartialState(cpu=launched > 1 and not on_gpus)
    if state.num_processes < launched:
        raise TrainingError(
            f"{launched} processes were started, but they do not find together: {state.num_processes} trains alone",
            suggestions=["torchrun --nproc_per_node 2 -m labelloom train ...", "one process, without a launcher"],
        )
    return state


def make_accelerator(settings: TrainingSettings) -> Accelerator:
    """An accelerator of the stage's precision. Raises TrainingError for one that this machine does not have."""
    # Stages and seeds of one process may differ in precision, and accelerate keeps the first one otherwise.
    AcceleratorState._reset_state()
    precision = "no" if settings.precision == "fp32" else settings.precision
    try:
        accelerator = Accelerator(mixed_precision=precision)
    except ValueError as error:
        raise _impossible(settings.precision, str(error)) from error
    if precision == "fp16" and accelerator.scaler is None:
        # On a CPU accelerate would train in fp32 without a word.
        raise _impossible(precision, f"its device is {accelerator.device.type}, and fp16 needs a GPU")
    return accelerator


def refuse_sparse(assembly: Assembly, accelerator: Accelerator) -> None:
    """Raise TrainingError where processes on GPUs would have to add up sparse gradients: NCCL adds dense ones alone."""
    if accelerator.num_processes == 1 or accelerator.device.type != "cuda":
        return
    for name, module in assembly.named_modules():
        if isinstance(module, nn.Embedding) and module.sparse and module.weight.requires_grad:
            raise TrainingError(
                f"{name} has sparse gradients, which {accelerator.num_processes} processes on GPUs cannot add up",
                where=name,
                suggestions=["one process", "sparse = false there"],
            )


def _impossible(precision: str, why: str) -> TrainingError:
    others = [f'precision = "{other}"' for other in ("bf16", "fp32") if other != precision]
    return TrainingError(
        f"this machine cannot train in {precision}: {why}", where="training.precision", suggestions=others
    )
