"""`Network`: the model of a run that was trained from parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from labelloom.bundles import Catalogue
from labelloom.components import Scale
from labelloom.compose.build import build, use_options
from labelloom.compose.check import check
from labelloom.compose.model import Assembly
from labelloom.compose.plan import Plan
from labelloom.compose.shortlist import Index, Shortlist
from labelloom.data.cache import cache_folder
from labelloom.data.columns import Columns, tokenised
from labelloom.data.corpus import Split
from labelloom.data.labels import LabelSpace
from labelloom.evaluation.ranking import Ranking
from labelloom.runs.assets import load_assets
from labelloom.runs.folder import RunFolder
from labelloom.runs.label_scores import label_scores
from labelloom.runs.scoring import rank_columns, rank_split
from labelloom.runs.weights import load_weights
from labelloom.spec import read_spec


class Network:
    """A checked plan with its weights, for `label_count` = L labels; with a `shortlist` it ranks those on it alone."""

    def __init__(self, plan: Plan, assembly: Assembly, label_count: int, shortlist: Shortlist | None = None) -> None:
        self.plan = plan
        self.assembly = assembly
        self.label_count = label_count
        self.shortlist = shortlist

    @property
    def scale(self) -> Scale:
        """What its scores are."""
        return self.plan.scale

    def rank_texts(self, texts: Sequence[str], batch_size: int) -> Ranking:
        """The ranking of the labels for each text."""
        columns = Columns.from_texts(texts, self.assembly.model.encoder.reader)
        return rank_columns(self.assembly.model, columns, self.label_count, batch_size, self.shortlist)

    def rank_split(self, split: Split, batch_size: int) -> Ranking:
        """The same for the documents of a split, tokenised once and cached."""
        return rank_split(self.assembly.model, split, self.label_count, batch_size, self.shortlist)

    def score_labels(self, split: Split, labels: np.ndarray, batch_size: int) -> np.ndarray:
        """(N, R) float32: the scores of `labels` (R,) int64 for each of the N documents of a split."""
        columns = tokenised(split, self.assembly.model.encoder.reader, cache_folder())
        return label_scores(self.assembly.model, columns, labels, self.label_count, batch_size)

    def with_shortlist(self, count: int, index: Index) -> Network:
        """The same network, ranking only the `count` labels on each document's shortlist. Raises as `Shortlist`."""
        return Network(self.plan, self.assembly, self.label_count, Shortlist(self.assembly.model, count, index))

    @property
    def exact(self) -> Network:
        """The same network, ranking all labels."""
        return Network(self.plan, self.assembly, self.label_count)

    def to(self, device: str | torch.device) -> None:
        """Move its weights."""
        self.assembly.to(device)


def load_network(folder: RunFolder, labels: LabelSpace, allow_local_code: bool, device: str | None) -> Network:
    """The network of a finished run on `device`, by default a GPU if there is one. Raises as `load` does."""
    spec, base = read_spec(folder.spec)
    plan = check(spec, base, Catalogue(), allow_local_code)
    assembly = build(plan, labels, load_assets(folder.assets))
    load_weights(assembly, folder.model)
    use_options(assembly, None, plan)
    assembly.eval()
    network = Network(plan, assembly, len(labels))
    network.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return network
