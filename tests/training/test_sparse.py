"""Tables with sparse gradients in training: the same gradient, never made dense, resumed bit for bit."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import labelloom
from labelloom.errors import TrainingError
from labelloom.spec import TrainingSettings
from labelloom.training.lazy_adamw import LazyAdamW
from labelloom.training.processes import make_accelerator, refuse_sparse
from labelloom.training.step import StepResult, gradients

from .small import Killed, KilledAfter, assert_close, assert_equal_runs, sparse_table, without_dropout

WIDTH = 8


class Vectors(nn.Module):
    """The sum of a table's rows times a weight, squared, one task; `rows` (B, C) are looked up."""

    def __init__(self, count: int, sparse: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(count, WIDTH, sparse=sparse, dtype=torch.float64)
        self.out = nn.Linear(WIDTH, 1, dtype=torch.float64)
        with torch.no_grad():
            for weight in self.parameters():
                weight.copy_(torch.arange(weight.numel()).view_as(weight).remainder(13) / 13)

    def forward(self, rows: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
        values = self.out(self.table(rows).sum(1))  # (B, 1)
        return (values**2 * counted).sum(0), counted.sum(0)


def step_of(module: Vectors, parts: list[Tensor], clip_norm: float | None) -> StepResult:
    batches: Any = [(rows, torch.ones(len(rows), 1, dtype=torch.float64)) for rows in parts]
    weights = torch.ones(1, dtype=torch.float64)
    return gradients(module, batches, weights, [*module.parameters()], make_accelerator(TrainingSettings()), clip_norm)


@pytest.mark.parametrize("clip_norm", [None, 0.5])
@pytest.mark.parametrize("cut", [False, True])
def test_the_sparse_gradient_is_the_dense_one(clip_norm: float | None, cut: bool) -> None:
    """Rows that come again within a part and in several parts count once in the norm, with their sum."""
    rows = torch.tensor([[0, 1, 1], [4, 1, 0], [5, 5, 5], [2, 4, 4]])
    parts = [rows[:1], rows[1:3], rows[3:]] if cut else [rows]
    sparse, dense = Vectors(7, sparse=True), Vectors(7, sparse=False)

    found, expected = step_of(sparse, parts, clip_norm), step_of(dense, parts, clip_norm)

    assert found.norm == pytest.approx(expected.norm, rel=1e-12)
    assert found.norm > 1
    assert sparse.table.weight.grad is not None
    assert sparse.table.weight.grad.is_sparse
    for name, weight in dense.named_parameters():
        gradient = sparse.get_parameter(name).grad
        torch.testing.assert_close(gradient.to_dense(), weight.grad, rtol=1e-12, atol=1e-12, msg=name)


class Largest(TorchDispatchMode):
    """The most numbers in any tensor that an operation allocates while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        there = {tensor.untyped_storage().data_ptr() for tensor in args if _strided(tensor)}
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if _strided(tensor) and tensor.untyped_storage().data_ptr() not in there:
                self.numbers = max(self.numbers, tensor.numel())
        return made


def _strided(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout is torch.strided


@pytest.mark.parametrize(("sparse", "follows"), [(True, False), (False, True)])
def test_nothing_as_large_as_the_table_is_made_in_a_step(sparse: bool, follows: bool) -> None:
    """But for the moments, in the first step that touches it."""
    largest = []
    for count in (1_000, 10_000):
        module = Vectors(count, sparse)
        optimiser = LazyAdamW(module.parameters(), fused=True)
        for step in range(2):
            optimiser.zero_grad(set_to_none=True)
            with Largest() as seen:
                step_of(module, [torch.tensor([[3, 7, 900 - step]])], 1.0)
                if step:
                    optimiser.step()
            if not step:
                optimiser.step()
        largest.append(seen.numbers)
    assert (largest == [1_000 * WIDTH, 10_000 * WIDTH]) == follows
    assert (largest[0] == largest[1] < 100) != follows


@pytest.mark.parametrize(("device", "processes"), [("cuda", 1), ("cpu", 2), ("cuda", 2)])
def test_processes_on_gpus_cannot_add_up_sparse_gradients(device: str, processes: int) -> None:
    accelerator: Any = SimpleNamespace(device=torch.device(device), num_processes=processes)
    module: Any = Vectors(3, sparse=True)
    refused = pytest.raises(TrainingError) if (device, processes) == ("cuda", 2) else nullcontext()
    with refused as told:
        refuse_sparse(module, accelerator)
    if told is not None:
        assert str(told.value) == (
            "table: table has sparse gradients, which 2 processes on GPUs cannot add up\n    try: one process\n"
            "    try: sparse = false there"
        )
    module.table.weight.requires_grad_(False)
    refuse_sparse(module, accelerator)
    refuse_sparse(Vectors(3, sparse=False), accelerator)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelloom.train(sparse_table(corpus), output=tmp_path_factory.mktemp("whole"), allow_local_code=True).path


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_run_killed_after_any_step_goes_on_to_the_same_weights(
    steps: int, corpus: Path, whole: Path, tmp_path: Path
) -> None:
    spec = sparse_table(corpus, training={"checkpoint_every": 1})
    with pytest.raises(Killed):
        labelloom.train(spec, output=tmp_path, reporter=KilledAfter(steps), allow_local_code=True)

    labelloom.resume(tmp_path / "small" / "0", allow_local_code=True)

    assert_equal_runs(tmp_path / "small" / "0", whole)


def test_a_step_in_three_parts_equals_the_whole(corpus: Path, tmp_path: Path) -> None:
    runs = []
    for name, accumulation in (("whole", 1), ("parts", 3)):
        spec = without_dropout(sparse_table(corpus, name=name, training={"accumulation": accumulation}))
        runs.append(labelloom.train(spec, output=tmp_path, allow_local_code=True).path)
    assert_close(*(run / "model.safetensors" for run in runs))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_only_labels_that_are_drawn_move(precision: str, corpus: Path, tmp_path: Path) -> None:
    """One step; which rows have moments is what the checkpoint says."""
    spec = sparse_table(corpus, training={"precision": precision, "batch_size": 2, "checkpoint_every": 1})
    with pytest.raises(Killed):
        labelloom.train(spec, output=tmp_path, reporter=KilledAfter(2), allow_local_code=True)
    (checkpoint,) = (tmp_path / "small" / "0" / "checkpoints").iterdir()
    state = load_file(checkpoint / "optimiser.safetensors")
    name = "model.label_modules.0.vectors.weight"
    steps = state[f"{name}|step"][:, 0].numpy()
    moved = state[f"{name}|exp_avg_sq"].any(1).numpy()
    assert 0 < steps.sum() < len(steps)
    np.testing.assert_array_equal(steps > 0, moved)
