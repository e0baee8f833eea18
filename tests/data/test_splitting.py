from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloom.data.label_sets import LabelSets
from labelloom.data.splitting import stratified_cut

label_lists = st.integers(1, 8).flatmap(
    lambda count: st.tuples(
        st.lists(st.lists(st.integers(0, count - 1), max_size=4), min_size=2, max_size=60), st.just(count)
    )
)
shares = st.sampled_from([0.05, 0.1, 0.25, 0.5, 0.8])


def frequency(label_sets: LabelSets) -> np.ndarray:
    return np.bincount(label_sets.values, minlength=label_sets.label_count)


@given(data=label_lists, share=shares, seed=st.integers(0, 3))
def test_a_cut_is_a_partition_with_two_sides_and_repeats(
    data: tuple[list[list[int]], int], share: float, seed: int
) -> None:
    label_sets = LabelSets.from_lists(*data)
    kept, cut = stratified_cut(label_sets, share, seed)
    assert sorted([*kept.tolist(), *cut.tolist()]) == list(range(len(label_sets)))
    assert len(kept)
    assert len(cut)
    assert (np.diff(kept) > 0).all()
    assert (np.diff(cut) > 0).all()
    again = stratified_cut(label_sets, share, seed)
    assert kept.tolist() == again[0].tolist()
    assert cut.tolist() == again[1].tolist()


@given(labels=st.lists(st.integers(0, 5), min_size=30, max_size=200), share=shares, seed=st.integers(0, 3))
def test_with_one_label_a_document_every_share_is_exact_to_one_document(
    labels: list[int], share: float, seed: int
) -> None:
    # 5 stands for no label: documents without one are spread like those of a label.
    label_sets = LabelSets.from_lists([[label] if label < 5 else [] for label in labels], 5)
    _, cut = stratified_cut(label_sets, share, seed)
    took = np.bincount(np.array(labels)[cut], minlength=6)
    had = np.bincount(labels, minlength=6)
    assert np.abs(took - share * had).max() <= 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_with_several_labels_shares_are_kept_far_better_than_by_chance(share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, 41)
    sets = [rng.choice(40, rng.integers(1, 5), replace=False, p=weights / weights.sum()).tolist() for _ in range(3000)]
    label_sets = LabelSets.from_lists(sets, 40)
    wanted = share * frequency(label_sets)
    _, cut = stratified_cut(label_sets, share, seed)
    off = np.abs(frequency(label_sets.take(cut)) - wanted)
    by_chance = np.abs(frequency(label_sets.take(rng.choice(3000, len(cut), replace=False))) - wanted)
    # A frequent label can come up last, when most of its documents went where rarer labels needed them.
    assert (off <= 1).mean() >= 0.95
    assert (off <= 1 + 0.15 * wanted).all()
    assert off.sum() < 0.2 * by_chance.sum()
    assert abs(len(cut) - share * 3000) <= 0.05 * share * 3000


def test_another_seed_cuts_another_part() -> None:
    label_sets = LabelSets.from_lists([[row % 3] for row in range(90)], 3)
    cuts = {tuple(stratified_cut(label_sets, 0.2, seed)[1].tolist()) for seed in range(5)}
    assert len(cuts) == 5


def test_the_only_document_of_a_label_is_kept() -> None:
    label_sets = LabelSets.from_lists([[0]] * 30 + [[1]], 2)
    assert 30 in stratified_cut(label_sets, 0.1, 0)[0]


def test_where_all_would_be_kept_the_most_ordinary_document_is_cut() -> None:
    label_sets = LabelSets.from_lists([[1, 0], [0], [2], [3, 0]], 4)
    assert stratified_cut(label_sets, 0.05, 0)[1].tolist() == [1]


@pytest.mark.parametrize(("documents", "share"), [(1, 0.1), (0, 0.1), (5, 0.0), (5, 1.0)])
def test_what_cannot_be_cut(documents: int, share: float) -> None:
    with pytest.raises(ValueError, match=f"cannot cut {share:g} of {documents} documents"):
        stratified_cut(LabelSets.from_lists([[0]] * documents, 1), share, 0)
