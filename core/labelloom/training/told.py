"""What parts tell a person during training: through Python's logging, shown by the reporter."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def records_told(say: Callable[[str], None]) -> Iterator[None]:
    """While it is open, `say` gets the text of every record of the logger "labelloom" and those below it, from INFO on.

    So whatever runs in training (`prepare`, `initialise`, a sampler) can tell something without knowing who listens:

        logging.getLogger("labelloom.mybundle").info("vectors for %.0f %% of the words", 100 * share)
    """
    logger, handler = logging.getLogger("labelloom"), _Teller(say)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(logger.getEffectiveLevel(), logging.INFO))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


class _Teller(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self.say = say

    def emit(self, record: logging.LogRecord) -> None:
        self.say(record.getMessage())
