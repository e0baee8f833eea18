"""How wrong specs are written down, and what is asked of the problems that they are refused with."""

from __future__ import annotations

from collections.abc import Callable

from labelloom.errors import Problem

from .cases import Table, stage

Refuse = Callable[..., list[Problem]]


def main(*tasks: Table, samplers: tuple[Table, ...] = ()) -> Table:
    return stage("main", tasks, samplers)


def model(encoder: Table, predictor: Table, *modules: Table) -> Table:
    return {"encoder": encoder, "label_modules": list(modules), "predictor": predictor}


def only(problems: list[Problem], where: str) -> Problem:
    """The single problem, which must be at `where`."""
    assert [problem.where for problem in problems] == [where], problems
    return problems[0]


def suggested(problem: Problem) -> str:
    return "\n".join(problem.suggestions)
