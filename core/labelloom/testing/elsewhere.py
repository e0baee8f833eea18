"""A second interpreter, which salts hashes of strings otherwise, and asks components what they are there."""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any, TypeVar, cast

Answer = TypeVar("Answer")


class Raised(Exception):
    """What was asked raised there; its text is the traceback."""


def ask(question: Callable[[], Answer], modules: Sequence[str] = ()) -> Answer:
    """What `question` gives in an interpreter with other hashes of strings, which has imported nothing of any bundle.

    `modules` take long to import, and are then there for later questions too. Question and answer are pickled, and so
    made of what modules have at their top. Raises Raised.
    """
    raised, answer = _interpreter().ask((sys.path, os.getcwd(), tuple(modules), question))
    if raised:
        raise Raised(answer)
    return cast(Answer, answer)


class _Interpreter:
    """Started once, as importing torch takes seconds: each question is answered by a copy that knows of no other."""

    def __init__(self) -> None:
        script = f"import sys; sys.path[:] = {sys.path!r}; from labelloom.testing.elsewhere import serve; serve()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": _other_salt()},
            start_new_session=True,  # an interrupt is for this process, whose end ends that one
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions, self._answers = self._process.stdin, self._process.stdout
        atexit.register(self._end)

    def ask(self, question: object) -> Any:
        """Whether it raised, and the answer or the traceback."""
        self._questions.write(pickle.dumps(question))
        self._questions.flush()
        try:
            return pickle.load(self._answers)
        except EOFError as error:
            _interpreter.cache_clear()  # the next question starts another
            raise Raised("the second interpreter ended: what it had to say stands in standard error") from error

    def _end(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has ended already
            self._questions.close()
        self._answers.close()
        self._process.wait()


_interpreter = cache(_Interpreter)


def _other_salt() -> str:
    """A PYTHONHASHSEED that this process does not have."""
    return "11" if os.environ.get("PYTHONHASHSEED") != "11" else "12"


def serve() -> None:
    """Answer questions from standard input until there are no more."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what components print is no answer
    from labelloom.testing import processes  # noqa: F401  here once, and not in every copy

    while True:
        try:
            path, folder, modules, question = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        for name in modules:
            import_module(name)
        copy = os.fork()
        if copy == 0:
            sys.path[:] = path
            os.chdir(folder)
            answers.write(_answer(question))
            answers.close()
            return
        _, status = os.waitpid(copy, 0)
        if status:
            pickle.dump((True, f"the process ended with the status {status}"), answers)
            answers.flush()


def _answer(question: Callable[[], Any]) -> bytes:
    try:
        return pickle.dumps((False, question()))
    except Exception:
        return pickle.dumps((True, traceback.format_exc()))
