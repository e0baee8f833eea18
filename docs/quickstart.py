"""Two runs side by side, and a few new abstracts labelled by the first of them: `python docs/quickstart.py RUN RUN`."""

import json
import sys
from pathlib import Path

import labelloom

SCORES = {"micro_f1": "micro-F1", "macro_f1": "macro-F1", "precision@1": "P@1", "ndcg@5": "nDCG@5"}
ABSTRACTS = [
    "We train a transformer to translate between languages for which no parallel text exists.",
    "A robot learns to grasp unknown objects from camera images and a few demonstrations.",
    "We bound the capacity of a fading wireless channel when the receiver knows little of it.",
]

runs = [Path(run) for run in sys.argv[1:]]
print("\nOn the test split, beside a linear baseline over words:\n")
print(f"{'':20}" + "".join(f"{title:>10}" for title in SCORES.values()))
for run in runs:
    scores = json.loads((run / "metrics.json").read_text())["test"]
    print(f"{run.parent.name:20}" + "".join(f"{scores[key]:10.3f}" for key in SCORES))

print("\nThree new abstracts, and the labels that the model gives them:\n")
classifier = labelloom.load(runs[0])
for text, labels in zip(ABSTRACTS, classifier.predict(ABSTRACTS), strict=True):
    print(text)
    for label in labels:
        print(f"    {label.score:.2f}  {label.name} ({label.label})")
