"""Whether one record is a document: the types of its fields, and text that can be written as UTF-8."""

from __future__ import annotations

from typing import NamedTuple, cast

from labelloom.data.records import Record, kind_of
from labelloom.errors import Problem


class Document(NamedTuple):
    """A record whose fields have the right types. No id is None; labels may repeat.

    `names` and `descriptions` are empty, or hold one for each label.
    """

    line: int
    text: str
    labels: list[str]
    id: str | None
    names: list[str] = []
    descriptions: list[str] = []


def checked(record: Record, place: str) -> Document | Problem:
    """The document in a record, or what is wrong with it at `place:line`."""
    where = f"{place}:{record.line}"
    text, labels, name = record.text, record.labels, record.id
    if not isinstance(text, str):
        return Problem(where, f"the text must be a string, not {kind_of(text)}", ('an empty text is written as ""',))
    if not isinstance(labels, list):
        remedies = ['write ["a", "b"], or [] for none']
        if isinstance(labels, str):
            remedies = [f'write ["{labels}"]', 'label_separator = ";" under [data] in the spec, if it holds several']
        return Problem(where, f"the labels must be a list of strings, not {kind_of(labels)}", tuple(remedies))
    for label in labels:
        if not _is_name(label):
            return Problem(where, f"a label must be a string or a whole number, not {kind_of(label)}")
        if label == "":
            return Problem(where, "a label is an empty string", ("write [] where there is no label",))
    if name is not None and not _is_name(name):
        return Problem(where, f"the id must be a string or a whole number, not {kind_of(name)}")
    if name == "":
        return Problem(
            where, "the id is an empty string", ("leave the field out: then documents are numbered by line",)
        )
    for what, values in (("name", record.names), ("description", record.descriptions)):
        wrong = values is not None and _wrong_parallel(what, values, len(labels))
        if wrong:
            return Problem(where, wrong)
    document = Document(
        record.line,
        text,
        [str(label) for label in labels],
        None if name is None else str(name),
        cast(list[str], record.names or []),
        cast(list[str], record.descriptions or []),
    )
    return _half_character(document, where) or document


def _is_name(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _wrong_parallel(what: str, values: object, count: int) -> str | None:
    """What is wrong with the names or descriptions of `count` labels."""
    if not isinstance(values, list):
        return f"the {what}s of the labels must be a list of strings, not {kind_of(values)}"
    if len(values) != count:
        return f"there are {len(values)} {what}s for {count} labels; expected one a label"
    odd = next((value for value in values if not isinstance(value, str)), None)
    if odd is not None or None in values:
        return f"the {what} of a label must be a string, not {kind_of(odd)}"
    return None if what != "name" or all(value.strip() for value in values) else "the name of a label is empty"


def _half_character(document: Document, where: str) -> Problem | None:
    """JSON can escape half a character (a surrogate, \\ud83d alone), which UTF-8 cannot hold."""
    for value in (document.text, document.id or "", *document.labels, *document.names, *document.descriptions):
        if value.isascii():
            continue
        try:
            value.encode()
        except UnicodeEncodeError as error:
            return Problem(
                where,
                f"half a character, \\u{ord(value[error.start]):04x}, at character {error.start} of {value[:40]!a}",
                ("write the string again from where it is whole: something cut it inside a character",),
            )
    return None
