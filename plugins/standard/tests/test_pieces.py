from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from labelloom_standard.pieces import PieceReader
from labelloom_standard.pretrained import architecture_files

TEXTS = ["A graph of words.", "", "network zzz", "text " * 50]


def test_pieces_are_the_tokenizers_own(bert: Path) -> None:
    reader = PieceReader(architecture_files(bert), 10)
    truth = AutoTokenizer.from_pretrained(bert)(TEXTS, truncation=True, max_length=10)["input_ids"]
    columns = reader.tokenize(TEXTS)
    assert columns == {"ids": truth, "length": [8, 2, 4, 10]}
    assert columns["ids"][0] == [2, 4, 5, 6, 8, 7, 12, 3]


def test_special_and_padding_positions_do_not_count(bert: Path) -> None:
    reader = PieceReader(architecture_files(bert), 10)
    assert (reader.before, reader.after) == (1, 1)
    inputs = reader.collate([{"ids": ids} for ids in reader.tokenize(TEXTS)["ids"]])
    assert inputs["input_ids"].shape == (4, 10)
    assert inputs["attention_mask"].sum(1).tolist() == [8, 2, 4, 10]
    assert inputs["token_mask"].sum(1).tolist() == [6, 0, 2, 8]
    assert not inputs["token_mask"][:, 0].any()
    assert inputs["token_mask"][2].tolist() == [False, True, True] + [False] * 7
    assert not (inputs["token_mask"] & ~inputs["attention_mask"].bool()).any()


def test_a_tokenizer_without_special_tokens(bert: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, processors

    shutil.copytree(bert, tmp_path / "plain")
    tokenizer = Tokenizer.from_file(str(bert / "tokenizer.json"))
    tokenizer.post_processor = processors.Sequence([])
    tokenizer.save(str(tmp_path / "plain" / "tokenizer.json"))
    reader = PieceReader(architecture_files(tmp_path / "plain"), 10)
    assert (reader.before, reader.after) == (0, 0)
    columns = reader.tokenize(["a graph", ""])
    assert columns == {"ids": [[4, 5], []], "length": [2, 0]}
    inputs = reader.collate([{"ids": ids} for ids in columns["ids"]])
    assert inputs["token_mask"].tolist() == [[True, True], [False, False]]
    # No row may attend to nothing.
    assert inputs["attention_mask"].tolist() == [[1, 1], [1, 0]]


def test_texts_longer_than_the_model_are_cut_without_a_word(
    bert: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    reader = PieceReader(architecture_files(bert), 24)
    assert reader.tokenize(["word " * 2000])["length"] == [24]
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert not recwarn.list


def test_a_length_without_room_is_refused(bert: Path) -> None:
    with pytest.raises(ValueError, match=r"max_length = 2 leaves no room .* take 1 \+ 1"):
        PieceReader(architecture_files(bert), 2)


def test_the_key_changes_with_all_that_tokenising_depends_on(bert: Path, copy_bert: Callable[..., Path]) -> None:
    key = PieceReader(architecture_files(bert), 10).key
    assert PieceReader(architecture_files(bert), 10).key == key
    assert PieceReader(architecture_files(bert), 11).key != key
    same = copy_bert(hidden_size=16)
    assert PieceReader(architecture_files(same), 10).key == key
    text = (same / "tokenizer.json").read_text()
    (same / "tokenizer.json").write_text(text.replace('"graph"', '"grape"'))
    assert PieceReader(architecture_files(same), 10).key != key
