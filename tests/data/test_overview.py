"""What `overview` counts, against plain loops, and the figures of the bundled sample."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelloom.data.corpus import Corpus, Split, load_uncut
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.data.overview import overview
from labelloom.data.splitters import word_splitter
from labelloom.data.texts import Texts
from labelloom.spec.data import DataSettings

Documents = Sequence[tuple[str, Sequence[int]]]


def corpus(splits: Mapping[str, Documents], labels: int = 4) -> Corpus:
    codes = tuple(f"{place:02}" if labels > 26 else chr(97 + place) for place in range(labels))
    made = {}
    for name, documents in splits.items():
        ids = Texts.from_list([f"{name}-{place}" for place in range(len(documents))])
        texts = Texts.from_list([text for text, _ in documents])
        made[name] = Split(name, ids, texts, LabelSets.from_lists([sets for _, sets in documents], labels), name)
    return Corpus("made", LabelSpace(codes, tuple(code.upper() for code in codes)), made, ["a note"])


texts = st.one_of(
    st.sampled_from(["a b", "a b", " ", "", "one two three", "\u3000", "x\u00a0y\nz"]), st.text(max_size=12)
).filter(lambda text: text.isascii() or not any(0xD800 <= ord(sign) < 0xE000 for sign in text))
split = st.lists(
    st.tuples(texts, st.lists(st.integers(0, 3), max_size=4).map(lambda sets: sorted(set(sets)))),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(split, split, st.none() | split)
def test_every_count_is_that_of_a_plain_loop(train: Documents, test: Documents, validation: Documents | None) -> None:
    splits = {"train": train, **({"validation": validation} if validation else {}), "test": test}
    told = overview(corpus(splits))
    assert list(told.splits) == list(splits)
    for name, documents in {**splits, "all": [each for split in splits.values() for each in split]}.items():
        found = told.whole if name == "all" else told.splits[name]
        blanks = [not text.strip() for text, _ in documents]
        filled = [text for text, _ in documents if text.strip()]
        assert found.documents == len(documents)
        assert found.labels == len({label for _, sets in documents for label in sets})
        assert found.cardinality == pytest.approx(sum(len(sets) for _, sets in documents) / len(documents))
        assert found.density == pytest.approx(found.cardinality / 4)
        assert found.most_labels == max(len(sets) for _, sets in documents)
        assert found.label_sets == len({tuple(sets) for _, sets in documents})
        assert found.without_label == sum(not sets for _, sets in documents)
        assert found.without_text == sum(blanks)
        assert found.repeated == len(filled) - len(set(filled))
        for spread, lengths in (
            (found.words, [len(text.split()) for text, _ in documents]),
            (found.characters, [len(text) for text, _ in documents]),
        ):
            assert spread.mean == pytest.approx(sum(lengths) / len(lengths))
            assert spread.most == max(lengths)
            assert spread.median == pytest.approx(np.median(lengths))
            assert spread.percentile_95 == pytest.approx(np.percentile(lengths, 95))
        if name != "all":
            earlier = list(splits)[: list(splits).index(name)]
            known = {other: {text for text, _ in splits[other]} for other in earlier}
            assert found.shared == {other: sum(text in known[other] for text in filled) for other in earlier}
    trained = Counter(label for _, sets in train for label in sets)
    assert told.frequency.tolist() == [trained[label] for label in range(4)]
    assert told.splits["test"].unseen == tuple(sorted({label for _, sets in test for label in sets} - set(trained)))
    assert told.splits["train"].unseen == ()
    assert told.train_only == tuple(sorted(set(trained) - {label for _, sets in test for label in sets}))
    assert told.scarce == {
        5: sum(trained[label] < 5 for label in range(4)),
        10: sum(trained[label] < 10 for label in range(4)),
    }
    assert sum(group.labels for group in told.groups.values()) == 4
    assert sum(group.occurrences for group in told.groups.values()) == sum(trained.values())
    json.dumps(told.to_json(), allow_nan=False)


def test_groups_are_those_of_the_statistics() -> None:
    train = [("x", [0])] * 90 + [("x", [0, 1])] * 4 + [("x", [2])] * 1 + [("x", [])] * 5
    groups = overview(corpus({"train": train})).groups
    assert {name: (group.labels, group.occurrences) for name, group in groups.items()} == {
        "head": (1, 94),
        "mid": (1, 4),
        "tail": (2, 1),
    }


def test_pairs_are_by_pearsons_correlation() -> None:
    rng = np.random.default_rng(0)
    indicator = rng.random((200, 5)) < [0.5, 0.4, 0.3, 0.2, 1.1]
    indicator[:, 1] |= indicator[:, 0]
    train = [("x", np.flatnonzero(row).tolist()) for row in indicator]
    pairs = overview(corpus({"train": train}, 5), pairs=20).pairs
    assert pairs is not None
    expected = np.corrcoef(indicator[:, :4].T.astype(float))  # the last label is everywhere and correlates with none
    for pair in pairs:
        assert pair.phi == pytest.approx(expected[pair.first, pair.second])
        assert pair.count == int((indicator[:, pair.first] & indicator[:, pair.second]).sum())
    assert {(pair.first, pair.second) for pair in pairs} == {(i, j) for i in range(4) for j in range(i + 1, 4)}
    assert [pair.phi for pair in pairs] == sorted((pair.phi for pair in pairs), reverse=True)
    assert len(overview(corpus({"train": train}, 5), pairs=2).pairs or ()) == 2


def test_rare_pairs_say_nothing() -> None:
    train = [("x", [0, 1])] * 4 + [("x", [2, 3])] * 5 + [("x", [2])]
    (pair,) = overview(corpus({"train": train})).pairs or ()
    assert (pair.first, pair.second, pair.count) == (2, 3, 5)
    assert pair.phi == pytest.approx((10 * 5 - 6 * 5) / math.sqrt(6 * 4 * 5 * 5))


def test_the_example_is_the_shortest_with_text_and_labels() -> None:
    told = overview(corpus({"train": [("long text", [1]), ("", [1]), ("bare", []), ("short", [0, 3])]})).example
    assert (told.id, told.text, told.labels) == ("train-3", "short", (0, 3))
    assert overview(corpus({"train": [(" ", [1]), ("bare", [])]})).example.id == "train-0"


def test_words_are_what_the_splitter_makes() -> None:
    told = overview(corpus({"train": [("我们 train 网络。", [0])]}), word_splitter("characters"))
    assert told.whole.words.most == 6  # four characters, a word, a sign
    assert overview(corpus({"train": [("我们 train 网络。", [0])]})).whole.words.most == 3


def test_the_sample() -> None:
    told = overview(load_uncut(DataSettings(source="arxiv-mini")))
    assert {name: split.documents for name, split in told.splits.items()} == {
        "train": 800,
        "validation": 200,
        "test": 200,
    }
    whole = told.whole
    assert (whole.documents, whole.labels, round(whole.cardinality, 2), round(whole.words.mean)) == (1200, 20, 2.6, 172)
    assert whole.repeated == whole.without_label == whole.without_text == 0
    assert told.labels.codes[told.by_frequency()[0]] == "cs.AI"
    assert told.to_json()["frequencies"][0] == {"label": "cs.AI", "name": "Artificial Intelligence", "documents": 435}
