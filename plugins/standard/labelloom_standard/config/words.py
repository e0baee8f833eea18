"""The options of encoders over words: how texts are split, which words count, where their vectors come from."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from labelloom.config import Config, SpecPath, taken_away
from labelloom.data.splitters import SplitterName
from labelloom.paths import expanded

TRAINED = ("skip-gram", "cbow")
"""The vectors that are trained on the training split and not read from a file."""

DEFAULT_WIDTH = 256


class WordOptions(Config):
    """What every encoder over words is told."""

    splitter: SplitterName = Field(
        "words",
        description="How texts become words: letters and digits, white space alone, single characters where a script "
        "has no spaces, or Chinese words by jieba.",
    )
    embedding: int | None = Field(
        None, gt=0, description=f"Width of a word's vector; default {DEFAULT_WIDTH}, or what the file of vectors has."
    )
    max_length: int = Field(400, gt=0, description="Words of a document that are read; the rest is cut.")
    min_count: int = Field(
        2,
        gt=0,
        description="How often a word must occur in the training split to get a vector of its own; a word that the "
        "file of vectors has needs to occur once.",
    )
    max_words: int = Field(50_000, gt=0, description="Most words that get one, the most frequent first.")
    vectors: SpecPath | None = Field(
        None,
        description="Where vectors start: at random; in a file of word2vec or GloVe (./, ../, ~/ or absolute; text, "
        '.bin, or either with .gz); or "skip-gram" or "cbow", trained on the training split.',
    )
    train_vectors: bool = Field(True, description="Whether training changes the vectors, or leaves them as they start.")
    vector_epochs: int | None = Field(
        None, gt=0, description="How often skip-gram or cbow reads the training split; default 5."
    )
    vector_window: int | None = Field(
        None, gt=0, description="How many words on either side skip-gram or cbow looks at; default 5."
    )

    @property
    def vector_file(self) -> Path | None:
        """The file that `vectors` names, if it names one."""
        return None if self.vectors is None or self.vectors in TRAINED else expanded(self.vectors)

    @field_validator("vectors")
    @classmethod
    def _names_a_file_or_a_method(cls, vectors: str | None) -> str | None:
        if vectors is None or vectors in TRAINED or vectors.startswith(("./", "../", "~/")):
            return vectors
        if Path(vectors).is_absolute():
            return vectors
        close = get_close_matches(vectors, TRAINED, n=1)
        hint = f'"{close[0]}"' if close else f'"./{vectors}", if it is a file beside the spec'
        raise ValueError(f'{vectors!r} is neither "skip-gram", "cbow" nor a path: write {hint}')

    @model_validator(mode="after")
    def _says_nothing_in_vain(self) -> WordOptions:
        if self.vectors is None and not self.train_vectors:
            raise ValueError("train_vectors = false leaves vectors as they start, and without vectors that is random")
        told = [name for name in ("vector_epochs", "vector_window") if getattr(self, name) is not None]
        if told and self.vectors not in TRAINED:
            raise ValueError(
                f'{" and ".join(told)} would be ignored: only vectors = "skip-gram" or "cbow" are trained: '
                f"{taken_away(*told)}"
            )
        return self
