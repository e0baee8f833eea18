"""Label a few new abstracts with a saved run: `python docs/quickstart.py runs/quickstart/minilm/0`."""

import sys

import labelloom

ABSTRACTS = [
    "We train a transformer to translate between languages for which no parallel text exists.",
    "A robot learns to grasp unknown objects from camera images and a few demonstrations.",
    "We bound the capacity of a fading wireless channel when the receiver knows little of it.",
]

classifier = labelloom.load(sys.argv[1])
for text, labels in zip(ABSTRACTS, classifier.predict(ABSTRACTS), strict=True):
    print(text)
    for label in labels:
        print(f"    {label.score:.2f}  {label.name} ({label.label})")
