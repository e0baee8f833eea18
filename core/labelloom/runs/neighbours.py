"""The neighbours of a document by the vectors that a trained model gives to labels in view of each document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from labelloom.bundles import Catalogue
from labelloom.compose.batches import plain_batch
from labelloom.compose.flow import live_paths, model_flow
from labelloom.compose.plan import ModelPlan, Node
from labelloom.data.batching import evaluation_batches
from labelloom.data.cache import cache_folder
from labelloom.data.columns import Columns, tokenised
from labelloom.data.corpus import Corpus, Split
from labelloom.data.labels import LabelSpace, close_codes
from labelloom.errors import DataError, RunError
from labelloom.evaluation.neighbours import LabelNeighbours, Neighbour, Neighbours, cosines, label_shares, nearest
from labelloom.runs.network import Network
from labelloom.runs.splits import choose_split

LabelVectors = tuple[np.ndarray, np.ndarray]
"""Rows (n,) and the vectors (n, C, K) of C labels in view of these documents."""


def find_neighbours(
    network: Network,
    space: LabelSpace,
    corpus: Corpus,
    document: str,
    labels: Sequence[str] | None,
    split: str,
    count: int,
    branch: str | None,
    batch_size: int,
) -> Neighbours:
    """The `count` documents of `split` nearest to the one with the id `document`, by each of `labels` (codes).

    Similarities are computed as the vectors come, so that of N documents only (N, C) numbers are kept. Raises as
    `Classifier.neighbours` does.
    """
    home, row = find_document(corpus, document)
    others = choose_split(corpus, split)
    own = home.label_sets[row].tolist()
    ids = own if labels is None else [space.index(code) for code in dict.fromkeys(labels)]
    if not ids:
        raise DataError(f"{document} carries no label to compare it by", suggestions=["name labels of the run"])
    left_out = _itself(home, row, others)
    compared = np.delete(np.arange(len(others)), [] if left_out is None else [left_out])
    if not len(compared):
        raise DataError(f"the {others.name} split has no other document than {document}", where=corpus.name)
    vectors = LabelWise(network, ids, branch, batch_size)
    columns = Columns.from_texts([home.texts[row]], network.assembly.model.encoder.reader)
    ((_, target),) = vectors.of(columns)  # (1, C, K)
    similarities = np.empty((len(others), len(ids)))
    for rows, found in vectors.of_split(others):
        similarities[rows] = cosines(found, target[0])
    by_label = []
    for place, label in enumerate(ids):
        # A vector of zeros points nowhere.
        near = nearest(similarities[:, place], count, left_out) if target[0, place].any() else compared[:0]
        found_labels = [tuple(space.codes[other] for other in others.label_sets[at]) for at in near]
        neighbours = map(Neighbour, others.ids.take(near), similarities[near, place].tolist(), found_labels)
        shares = _by_code(label_shares(others.label_sets, near), space)
        by_label.append(
            LabelNeighbours(space.codes[label], space.names[label], label in own, shares, tuple(neighbours))
        )
    carried = tuple(space.codes[label] for label in own)
    in_all = _by_code(label_shares(others.label_sets, compared), space)
    return Neighbours(document, home.name, carried, others.name, len(compared), in_all, tuple(by_label))


def _by_code(shares: Mapping[int, float], space: LabelSpace) -> dict[str, float]:
    return {space.codes[label]: share for label, share in shares.items()}


def find_document(corpus: Corpus, document: str) -> tuple[Split, int]:
    """The split that has a document of this id, and its row there; "test:7" names the one with the id 7 in test.

    Where several splits have the very same document it is the first of them. Raises DataError with ids that look like
    it if there is none, and if several splits have different documents of this id.
    """
    found = [(split, row) for split in corpus.splits.values() if (row := _row_of(document, split)) is not None]
    if not found:
        name, _, bare = document.partition(":")
        if name in corpus.splits and (row := _row_of(bare, corpus.splits[name])) is not None:
            return corpus.splits[name], row
        known = (name for split in corpus.splits.values() for name in split.ids)
        close = close_codes(document, known)
        raise DataError(f"no document has the id {document!r}", where=corpus.name, suggestions=close)
    if len({split.texts[row] for split, row in found}) > 1:
        raise DataError(
            f"{document!r} is the id of different documents in {', '.join(split.name for split, _ in found)}",
            where=corpus.name,
            suggestions=[f"{split.name}:{document}" for split, _ in found],
        )
    return found[0]


def _itself(home: Split, row: int, others: Split) -> int | None:
    """The row in `others` of the document that stands at `row` of `home`.

    Ids are unique within a split: another split may have the document itself again, or another one under its id.
    """
    if others is home:
        return row
    found = _row_of(home.ids[row], others)
    return None if found is None or others.texts[found] != home.texts[row] else found


def _row_of(document: str, split: Split) -> int | None:
    return next((row for row, name in enumerate(split.ids) if name == document), None)


class LabelWise:
    """The vectors of the labels `ids` that a model gives in view of documents; no other part of it runs.

    Raises RunError when no part gives any, or several branches do and `branch` names none of them.
    """

    def __init__(self, network: Network, ids: Sequence[int], branch: str | None, batch_size: int) -> None:
        self.model = network.assembly.model
        self.label_count = network.label_count
        self.ids = torch.tensor(ids)
        self.batch_size = batch_size
        self.branch = chosen_branch(network.plan.model, branch)
        flow = model_flow(network.plan.model).branches[self.branch]
        self.live = frozenset(live_paths(flow, {"labels": flow.given_by["labels"]}))
        # A part that works on every label alone gives all their vectors, of which those of `ids` are kept.
        self.every_label = any(
            node.signature.labels == "all" for node in network.plan.model.nodes if node.path in self.live
        )

    def of_split(self, split: Split) -> Iterator[LabelVectors]:
        """Those of a split, batch by batch, documents of like length together; it is tokenised once and cached."""
        return self.of(tokenised(split, self.model.encoder.reader, cache_folder()))

    def of(self, columns: Columns) -> Iterator[LabelVectors]:
        """Those of tokenised documents. The model is put in eval mode meanwhile. Raises RunError where they are NaN."""
        device = next(self.model.parameters()).device
        ids, training = self.ids.to(device), self.model.training
        self.model.eval()
        try:
            for rows in evaluation_batches(columns.lengths, self.batch_size):
                batch = plain_batch(columns.rows(rows), self.model.encoder.reader, self.label_count).to(device)
                if not self.every_label:
                    batch = batch.with_labels(ids[None])
                with torch.inference_mode():
                    labels = self.model.states(batch, self.live)[self.branch].labels
                assert labels is not None
                vectors = (labels[:, ids] if self.every_label else labels).float().cpu().numpy()
                if not np.isfinite(vectors).all():
                    raise RunError(
                        "the model gives labels vectors that are not finite",
                        suggestions=["train it anew with a lower training.learning_rate"],
                    )
                yield rows, vectors
        finally:
            self.model.train(training)


def chosen_branch(model: ModelPlan, asked: str | None) -> str:
    """The branch at whose end the vectors are read: the one that is asked for, or any where all share one giver."""
    flows = model_flow(model).branches
    givers: dict[str, Node] = {
        name: flow.given_by["labels"] for name, flow in flows.items() if "labels" in flow.given_by
    }
    if not givers:
        suppliers = [found for found in Catalogue().suppliers("labels") if found.kind != "predictor"]
        raise RunError(
            "no part of this model gives labels: vectors of labels in view of a document, to compare documents by",
            suggestions=[f"a model with {found.name}: {found.summary}" for found in suppliers],
        )
    if asked is None and len({node.path for node in givers.values()}) == 1:
        return next(iter(givers))
    if asked is None:
        raise RunError(
            f"the branches {', '.join(givers)} give vectors of labels, each its own: say which is meant",
            suggestions=[f"branch {name}" for name in givers],
        )
    if asked not in givers:
        raise RunError(
            f"no branch {asked!r} gives vectors of labels", suggestions=[f"branch {name}" for name in givers]
        )
    return asked
