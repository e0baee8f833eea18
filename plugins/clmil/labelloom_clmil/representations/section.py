"""`labelloom evaluate RUN --section clmil/representations`: what the command of this name tells of one run."""

from __future__ import annotations

from labelloom.cli.scores import groups_explained
from labelloom.data.statistics import HEAD_SHARE, MID_SHARE
from labelloom.report.sections import Content, Figure, Rows, Scored
from labelloom_clmil.representations.result import picture, representations


def spread(scored: Scored) -> Content:
    """Uniformity, alignment, mean cosine and a picture of the documents that were scored."""
    assert scored.training is not None, "it needs the training corpus"
    found = representations(scored.classifier, scored.folder, scored.training, scored.split)
    rows = [(each.documents, each.uniformity, each.alignment, each.mean_cosine) for each in found]
    return Content(
        paragraphs=[
            "Lower uniformity is more uniform, lower alignment nearer; two passes without dropout are the same."
        ],
        tables=[Rows("Vectors of documents", ["documents", "uniformity", "alignment", "mean cosine"], rows)],
        figures=[
            Figure("Documents along their principal axes", picture(found, groups_explained(HEAD_SHARE, MID_SHARE)))
        ],
    )
