"""The vectors that a run's encoder makes of documents, in evaluation and in passes of training."""

from __future__ import annotations

import numpy as np
import torch

from labelloom.compose.batches import plain_batch
from labelloom.compose.build import build, initialise, use_options
from labelloom.compose.model import Assembly
from labelloom.compose.plan import StagePlan
from labelloom.data.batching import evaluation_batches
from labelloom.data.columns import Columns
from labelloom.data.corpus import Corpus, Split
from labelloom.errors import RunError
from labelloom.interfaces import States
from labelloom.interfaces.noise import stable_key
from labelloom.runs.assets import load_assets
from labelloom.runs.folder import RunFolder
from labelloom.runs.network import Network


def untrained(network: Network, folder: RunFolder, corpus: Corpus) -> Network:
    """The model as the run began with it: of its spec, seed and assets, with pretrained weights where it has any."""
    plan = network.plan
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(stable_key(plan.spec.seed, "weights"))
        assembly = build(plan, corpus.labels, load_assets(folder.assets))
        initialise(assembly, corpus)
    use_options(assembly, None, plan)
    assembly.eval()
    fresh = Network(plan, assembly, network.label_count)
    fresh.to(next(network.assembly.parameters()).device)
    return fresh


def stage_of(network: Network, name: str | None) -> StagePlan | None:
    """The stage called `name`, none for None. Raises RunError where there is no such stage."""
    if name is None:
        return None
    names = [stage.name for stage in network.plan.stages]
    if name not in names:
        raise RunError(f"{network.plan.spec.name} has no stage {name!r}", suggestions=names)
    return network.plan.stages[names.index(name)]


def document_vectors(
    network: Network, split: Split, stage: StagePlan | None, batch_size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, D) float32 three times: the encoder's `document` in evaluation, and in two passes of training.

    The encoder has the options of `stage`, or its own for None; afterwards its own again. What training drops is a
    function of the documents, their order, the batch size and the pass. Raises RunError when it gives no `document`.
    """
    assembly = network.assembly
    columns = Columns.from_texts(split.texts.take(np.arange(len(split))), assembly.model.encoder.reader)
    use_options(assembly, stage, network.plan)
    try:
        whole = _pass(assembly, columns, network.label_count, batch_size)
        passes = [_pass(assembly, columns, network.label_count, batch_size, key) for key in (1, 2)]
    finally:
        use_options(assembly, None, network.plan)
        assembly.eval()
    return whole, passes[0], passes[1]


def _pass(
    assembly: Assembly, columns: Columns, label_count: int, batch_size: int, dropped: int | None = None
) -> np.ndarray:
    """(N, D) of one pass: in evaluation, or in training with what the number `dropped` drops."""
    encoder = assembly.model.encoder
    encoder.train(dropped is not None)
    device = next(encoder.parameters()).device
    found: np.ndarray | None = None
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.inference_mode():
        for place, rows in enumerate(evaluation_batches(columns.lengths, batch_size)):
            torch.manual_seed(stable_key("representations", dropped, place))
            states = encoder(States(), plain_batch(columns.rows(rows), encoder.reader, label_count).to(device))
            if states.document is None:
                raise RunError("it gives no vector of documents", where=encoder.path)
            vectors = states.document.float().cpu().numpy()
            found = np.empty((len(columns), vectors.shape[1]), dtype=np.float32) if found is None else found
            found[rows] = vectors
    assert found is not None, "a split has documents"
    return found
