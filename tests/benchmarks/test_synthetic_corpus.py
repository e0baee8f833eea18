"""The synthetic corpus: the same every time, labels by a power law and in groups, words that tell them."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelloom.data.corpus import Corpus, load_corpus
from labelloom.evaluation.metrics import evaluate
from labelloom.evaluation.ranking import Ranking
from labelloom.linear.bank import Setting
from labelloom.linear.features import Features
from labelloom.linear.methods import Relevance
from labelloom.linear.model import rank
from labelloom.spec.data import DataSettings

MADE = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "synthetic_corpus.py"))
LABELS = 200
SIZES = (500, 100, 100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("synthetic") / "corpus"
    MADE["write_corpus"](path, LABELS, SIZES, seed=3)
    return path


@pytest.fixture(scope="module")
def corpus(folder: Path) -> Corpus:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(folder.parent / "cache"))
        return load_corpus(DataSettings(source=str(folder)))


def text_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_it_is_read_with_every_label_in_order(corpus: Corpus) -> None:
    assert corpus.labels.codes == tuple(MADE["code"](label) for label in range(LABELS))
    assert tuple(len(split) for split in (corpus.train, corpus.validation, corpus.test)) == SIZES  # type: ignore[arg-type]
    assert corpus.train.label_sets.counts.min() >= 1
    assert all(len(text.split()) >= 30 for text in corpus.train.texts)


def test_it_follows_from_the_seed(folder: Path, tmp_path: Path) -> None:
    MADE["write_corpus"](tmp_path / "again", LABELS, SIZES, seed=3)
    MADE["write_corpus"](tmp_path / "other", LABELS, SIZES, seed=4)
    assert text_of(tmp_path / "again") == text_of(folder)
    assert text_of(tmp_path / "other")["train.jsonl"] != text_of(folder)["train.jsonl"]


def test_more_documents_begin_with_the_same(documents: Callable[..., Any]) -> None:
    first, more = documents(LABELS, 0, 1000), documents(LABELS, 0, 1500)
    assert more[:1000] == first
    assert len(more) == 1500
    assert documents(LABELS, 1, 1000) != first


@pytest.fixture
def documents() -> Callable[..., Any]:
    return lambda labels, split, count: list(MADE["documents"](MADE["World"].of(labels, 3), split, count))


def test_frequencies_follow_a_power_law(documents: Callable[..., Any]) -> None:
    """The slope of log frequency over log rank, in bins; what a document draws twice, and has once, is of the head."""
    found = documents(20_000, 0, 3000)
    frequency = np.bincount([label for _, own in found for label in own], minlength=20_000)
    edges = np.geomspace(200, 20_000, 8).astype(np.int64)
    means = np.add.reduceat(frequency[: edges[-1]], edges[:-1]) / np.diff(edges)
    slope = np.polyfit(np.log(edges[:-1]), np.log(means), 1)[0]
    assert slope == pytest.approx(-MADE["EXPONENT"], abs=0.1)


def test_labels_of_one_topic_stand_together_more_than_chance(corpus: Corpus) -> None:
    """Pairs within a topic against what independent labels of the same frequencies would give."""
    statistics = corpus.statistics
    topic = MADE["World"].of(LABELS, 3).topic
    together = statistics.cooccurrence.toarray()
    expected = np.outer(statistics.frequency, statistics.frequency) / statistics.document_count
    within = (topic[:, None] == topic) & ~np.eye(LABELS, dtype=bool)
    across = topic[:, None] != topic
    assert together[within].sum() > 3 * expected[within].sum()
    assert together[across].sum() < expected[across].sum()
    nearest, mask = statistics.neighbours(2)
    same = topic[nearest] == topic[:, None]
    assert same[mask].mean() > 3 * within.mean()


def test_a_linear_model_learns_it(corpus: Corpus) -> None:
    """P@1 and P@5 of SVMs over words, beside those of giving everyone the most frequent labels."""
    assert corpus.test is not None
    truth, frequency = corpus.test.label_sets, corpus.statistics.frequency
    features, of_train = Features.fitted(list(corpus.train.texts), "words", 1, 1, 100_000)
    model = Relevance.fit(of_train, corpus.train.label_sets, Setting("svm", "none", 1.0, 0), lambda ready, count: None)
    learnt, _ = rank(model, features.of_split(corpus.test), LABELS)
    always = Ranking.from_dense(np.tile(frequency, (len(truth), 1)))
    found, chance = (evaluate(truth, truth, ranking) for ranking in (learnt, always))
    assert found["precision@1"] > chance["precision@1"] + 0.3
    assert found["ndcg@5"] > chance["ndcg@5"] + 0.2
