"""Tasks: a loss with its own parameters.

A whole one, as a bundle author writes it: predict how many labels a document has.

    class Cardinality(Task):                  # its record: needs={"document"}
        def __init__(self, config, context):
            super().__init__(config, context)
            self.out = nn.Linear(context.width("document"), 1)

        def forward(self, states, batch, targets):
            guess = self.out(states.document)[:, 0]                                          # (B,)
            truth = (targets.dense(batch.label_ids) & batch.countable).sum(1)
            return Loss.over((guess - truth) ** 2, batch.is_anchor)
"""

from __future__ import annotations

from labelloom.interfaces.batch import Batch, Loss, Targets
from labelloom.interfaces.part import Part
from labelloom.interfaces.states import States


class Task(Part):
    """Turns fields into a loss. It, and metrics, are all that ever see targets.

    It must respect `batch.countable` where it learns from labels, and give count 0 where nothing counts. Its random
    choices come from `batch.noise(n, self.path)`. What it counts beside the loss, such as how often it was right, goes
    into `Loss.logs`, and its record names it: validation shows it, and it may choose the best checkpoint.
    """

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The loss of the batch: a sum, and how many things it sums."""
        raise NotImplementedError
