"""Two runs side by side, and a few new abstracts labelled by the first of them: `python docs/quickstart.py RUN RUN`."""

import json
import sys
import textwrap
from pathlib import Path

import labelloom

SCORES = {"micro_f1": "micro-F1", "macro_f1": "macro-F1", "precision@1": "P@1", "ndcg@5": "nDCG@5"}
# Invented, and as long as those of the sample: a text of one sentence is unlike what the model was trained on.
ABSTRACTS = [
    "We study machine translation between languages for which no parallel text exists. Starting from "
    "monolingual corpora alone, we pre-train one transformer on both languages, align their word "
    "representations, and let the model translate its own output back into the source language, so that each "
    "direction teaches the other. A filter of confidence keeps noisy sentence pairs out of training. On eight "
    "pairs of languages, four of which are distant and poor in resources, our system gains between 1.8 and 4.3 "
    "BLEU over earlier unsupervised approaches and comes close to models that are supervised with ten thousand "
    "sentence pairs. We analyse where it fails, which is mostly with rare named entities and rich morphology, "
    "and release code, models and test sets.",
    "Grasping objects that a robot has never seen remains difficult in cluttered scenes. We present a "
    "visuomotor policy that learns from a handful of human demonstrations and from its own trials. A camera at "
    "the wrist yields depth images, from which a network proposes grasp poses and predicts their success; a "
    "second network plans the motion of the arm while avoiding collisions. Trained in simulation with "
    "randomised textures and lighting, the policy transfers to a real manipulator without further tuning. In "
    "1,200 trials with 60 household objects it succeeds in 91 % of the cases, against 78 % for the strongest "
    "baseline, and it recovers from most failed attempts. Ablations show that both the demonstrations and the "
    "predicted uncertainty are needed.",
    "We bound the capacity of a multiple-antenna wireless channel with block fading when the receiver knows "
    "little of its state. For a transmitter under a constraint of peak power we derive upper and lower bounds "
    "which coincide in the limit of high signal-to-noise ratio, and show that the optimal input distribution "
    "is discrete in amplitude. The proof rests on a new inequality for the relative entropy of mixtures of "
    "Gaussians. We then design codes that come within 0.7 dB of the lower bound at short block lengths, "
    "together with a decoder of low complexity that estimates the channel and the message jointly. Numerical "
    "results for channels measured indoors agree with the theory over a wide range of coherence times.",
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
    print(textwrap.shorten(text, 100, placeholder=" …"))
    for label in labels:
        print(f"    {label.score:.2f}  {label.name} ({label.label})")
