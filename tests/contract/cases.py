"""The configurations that the contract must hold: five papers and their mixtures, each as a spec.

Options are those that the tests rest on; everything else is at its default. `trains` says, by stage, which parts
must change their weights: no other part may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Table = dict[str, Any]

# Parts.

BERT: Table = {"use": "standard/transformer", "pretrained": "./bert", "max_length": 48}
CNN: Table = {"use": "standard/cnn", "embedding": 16, "filters": 8, "min_count": 1}
BILSTM: Table = {"use": "standard/bilstm", "embedding": 16, "hidden": 16, "min_count": 1}
JOINT: Table = {"use": "laco/joint-encoder", "pretrained": "./bert", "max_length": 56}
LW_LSTM: Table = {"use": "lwpt/lw-lstm", "hidden": 16}
HLW_LSTM: Table = {"use": "lwpt/hlw-lstm", "hidden": 16}
LABEL_MASK: Table = {"use": "lmmtc/label-mask-encoder", "pretrained": "./bert"}
TRANSFORMER_BY_LABEL: Table = {
    "use": "standard/chain",
    "encoder": BERT,
    "label_modules": [{"use": "standard/label-attention"}],
}
TABLE: Table = {"use": "standard/label-table"}
CROSS: Table = {"use": "laco/cross-attention"}
GROUPS: Table = {"use": "maacf/label-groups"}
CO_ATTENTION: Table = {"use": "maacf/co-attention"}
LINEAR: Table = {"use": "standard/linear"}
LABEL_LINEAR: Table = {"use": "standard/label-linear"}
MLP: Table = {"use": "lwpt/label-wise-mlp"}
NCF: Table = {"use": "maacf/ncf"}
BCE: Table = {"use": "standard/bce"}
SOFTMAX: Table = {"use": "standard/softmax"}
CLCP: Table = {"use": "laco/clcp", "weight": 0.5}
PLCP: Table = {"use": "laco/plcp"}
CLRL: Table = {"use": "clmil/clrl", "weight": 0.35}
BPR: Table = {"use": "maacf/bpr"}
INFO_NCE: Table = {"use": "clmil/info-nce"}
RANKING: Table = {"use": "lwpt/label-wise-ranking"}
MLM: Table = {"use": "lmmtc/label-mlm", "weight": 0.05}
REVEAL: Table = {"use": "lmmtc/reveal"}
NEGATIVES: Table = {"use": "maacf/negative-labels"}
CANDIDATES: Table = {"use": "lwpt/candidates"}
CONTRAST: Table = {"use": "clmil/label-frequency-contrast", "low_frequency": 8}

ENCODER, PREDICTOR = "model.encoder", "model.predictor"


def module(place: int) -> str:
    """The path of a label module of the trunk."""
    return f"model.label_modules.{place}"


def paired(target: Table, candidate: Table | None = None) -> Table:
    """Twins of one kind, or of two."""
    return {"use": "lwpt/paired", "target": target, **({"candidate": candidate} if candidate else {})}


def stage(name: str, tasks: Sequence[Table], samplers: Sequence[Table] = (), **more: Any) -> Table:
    """A stage of two steps."""
    return {"name": name, "tasks": list(tasks), "samplers": list(samplers), **more}


def spec(name: str, model: Table, *stages: Table) -> Table:
    """A whole spec; a single stage called `main` stands at the top level, as most specs have it."""
    whole: Table = {
        "name": name,
        "data": {"source": "./corpus"},
        "model": model,
        "training": {"steps": 2, "batch_size": 8, "learning_rate": 1e-2},
    }
    if len(stages) == 1 and stages[0]["name"] == "main":
        return {**whole, "tasks": stages[0]["tasks"], "samplers": stages[0]["samplers"]}
    return {**whole, "stages": list(stages)}


@dataclass(frozen=True)
class Case:
    """A configuration, what each stage of it trains, and what its scores are."""

    spec: Table
    trains: Mapping[str, set[str]]
    scale: str = "probabilities"
    every_label: bool = False
    """Whether a part of it works only on every label, or its scores share 1 among all."""

    @property
    def name(self) -> str:
        return self.spec["name"]


def simple(
    name: str,
    encoder: Table,
    predictor: Table,
    tasks: Sequence[Table],
    samplers: Sequence[Table] = (),
    modules: Sequence[Table] = (),
    untrained: Sequence[str] = (),
    **more: Any,
) -> Case:
    """One stage that trains every part with weights; tasks without any are in `untrained`."""
    model = {"encoder": encoder, "label_modules": list(modules), "predictor": predictor}
    paths = {ENCODER, PREDICTOR, *(module(place) for place in range(len(modules)))}
    paths |= {f"tasks.{task['use'].partition('/')[2]}" for task in tasks}
    weightless = {"tasks.bce", "tasks.softmax", "tasks.bpr", "tasks.info-nce", "tasks.label-mlm", *untrained}
    return Case(spec(name, model, stage("main", tasks, samplers)), {"main": paths - weightless}, **more)


def pretrained(name: str, encoder: Table) -> Case:
    """LW-PT: pre-train by ranking, classify on the frozen encoder, train everything."""
    model = {"encoder": encoder, "predictor": MLP}
    stages = (
        stage("pretrain", [RANKING], [CANDIDATES]),
        stage("classify", [BCE], freeze=[ENCODER]),
        stage("fine-tune", [BCE]),
    )
    trains = {"pretrain": {ENCODER}, "classify": {PREDICTOR}, "fine-tune": {ENCODER, PREDICTOR}}
    return Case(spec(name, model, *stages), trains, every_label=True)


def _cl_mil() -> Case:
    fine = {"name": "fine", "label_modules": [{**CROSS, "pooling": "max"}], "predictor": LINEAR, "share": 0.5}
    coarse = {
        "name": "coarse",
        "label_modules": [{"use": "clmil/dilated-gated-cnn"}],
        "predictor": LINEAR,
        "share": 0.5,
    }
    model = {"encoder": JOINT, "branches": [fine, coarse]}
    classify = [
        {**BCE, "name": "fine-loss", "branch": "fine"},
        {**BCE, "name": "coarse-loss", "branch": "coarse"},
        CLRL,
    ]
    stages = (
        stage("contrast", [INFO_NCE], [CONTRAST], options={ENCODER: {"text_alone": True}}),
        stage("classify", classify),
    )
    branches = {
        f"model.branches.{name}.{part}" for name in ("fine", "coarse") for part in ("label_modules.0", "predictor")
    }
    trains = {"contrast": {ENCODER}, "classify": {ENCODER, "tasks.clrl", *branches}}
    return Case(spec("cl-mil", model, *stages), trains, every_label=True)


def _contrast_before_laco() -> Case:
    model = {"encoder": JOINT, "label_modules": [CROSS], "predictor": LINEAR}
    stages = (
        stage("contrast", [INFO_NCE], [CONTRAST], options={ENCODER: {"text_alone": True}}),
        stage("classify", [BCE, CLCP]),
    )
    trains = {"contrast": {ENCODER}, "classify": {ENCODER, module(0), PREDICTOR, "tasks.clcp"}}
    return Case(spec("contrast-before-laco", model, *stages), trains, every_label=True)


def _contrast_before_lw_lstm() -> Case:
    model = {
        "encoder": LW_LSTM,
        "label_modules": [{**TABLE, "init": "names"}],
        "predictor": {**NCF, "text": "labels", "label": "label_table"},
    }
    stages = (
        stage("contrast", [INFO_NCE], [CONTRAST]),
        stage("classify", [BCE], reset=[module(0)]),
    )
    trains = {"contrast": {ENCODER}, "classify": {ENCODER, module(0), PREDICTOR}}
    return Case(spec("contrast-before-lw-lstm-with-named-table", model, *stages), trains)


def _two_branches() -> Case:
    seen = {
        "name": "seen",
        "label_modules": [{"use": "standard/label-attention"}],
        "predictor": LABEL_LINEAR,
        "share": 0.7,
    }
    coarse = {
        "name": "coarse",
        "label_modules": [{"use": "clmil/dilated-gated-cnn"}],
        "predictor": LINEAR,
        "share": 0.3,
    }
    tasks = [
        {**BCE, "name": "seen-loss", "branch": "seen"},
        {**BCE, "name": "coarse-loss", "branch": "coarse"},
        {**PLCP, "branch": "seen"},
    ]
    branches = {
        f"model.branches.{name}.{part}" for name in ("seen", "coarse") for part in ("label_modules.0", "predictor")
    }
    model = {"encoder": BERT, "branches": [seen, coarse]}
    return Case(spec("two-branches", model, stage("main", tasks)), {"main": {ENCODER, "tasks.plcp", *branches}})


def _two_branches_of_softmax() -> Case:
    branches = [
        {
            "name": "seen",
            "predictor": LABEL_LINEAR,
            "label_modules": [{"use": "standard/label-attention"}],
            "share": 0.7,
        },
        {"name": "plain", "predictor": LINEAR, "share": 0.3},
    ]
    tasks = [{**SOFTMAX, "name": f"{branch['name']}-loss", "branch": branch["name"]} for branch in branches]
    trains = {ENCODER, "model.branches.seen.label_modules.0", "model.branches.seen.predictor"}
    trains |= {"model.branches.plain.predictor"}
    whole = spec("two-branches-of-softmax", {"encoder": BILSTM, "branches": branches}, stage("main", tasks))
    return Case(whole, {"main": trains}, scale="distribution", every_label=True)


def _reset_and_frozen_twin() -> Case:
    model = {"encoder": paired(LW_LSTM), "predictor": MLP}
    stages = (
        stage("classify", [BCE]),
        stage("again", [BCE], reset=[PREDICTOR], freeze=[f"{ENCODER}.target"]),
    )
    trains = {"classify": {ENCODER, PREDICTOR}, "again": {ENCODER, PREDICTOR}}
    return Case(spec("reset-and-frozen-twin", model, *stages), trains, every_label=True)


_MAACF = [TABLE, GROUPS, CO_ATTENTION]
_WEIGHTLESS = [module(2)]
_TWO_BILSTMS: Table = {"use": "maacf/multi-aspect", "encoder": BILSTM, "n": 2}
_TWO_KINDS: Table = {"use": "maacf/multi-aspect", "encoders": [BERT, BILSTM]}
_BESIDE_LABELS = {**NCF, "text": "document", "label": "labels"}

CASES = [
    simple("plain-transformer", BERT, LINEAR, [BCE]),
    simple("laco-clcp", JOINT, LINEAR, [BCE, CLCP], modules=[CROSS], every_label=True),
    simple("laco-without-joint-encoder", BERT, LINEAR, [BCE], modules=[TABLE, CROSS], every_label=True),
    pretrained("lw-pt-of-lw-lstm-twins", paired(LW_LSTM)),
    pretrained("lw-pt-of-hlw-lstm-twins", paired(HLW_LSTM)),
    pretrained("lw-pt-of-twins-of-two-kinds", paired(LW_LSTM, HLW_LSTM)),
    pretrained("lw-pt-of-transformer-twins", paired(TRANSFORMER_BY_LABEL)),
    pretrained("lw-pt-of-joint-encoder-twins", paired(JOINT)),
    pretrained("lw-pt-of-one-encoder", LW_LSTM),
    simple("label-mask-and-mlm", LABEL_MASK, {"use": "lmmtc/slot-linear"}, [BCE, MLM], [REVEAL]),
    _cl_mil(),
    simple("bce-and-info-nce", BERT, LINEAR, [BCE, INFO_NCE], [CONTRAST]),
    simple("maacf-of-bilstms", _TWO_BILSTMS, NCF, [BPR], [NEGATIVES], _MAACF, _WEIGHTLESS, scale="ranks"),
    simple("maacf-of-two-kinds-with-bce", _TWO_KINDS, NCF, [BCE], modules=_MAACF, untrained=_WEIGHTLESS),
    simple("clrl-on-lw-lstm", LW_LSTM, MLP, [BCE, CLRL], every_label=True),
    simple("clcp-through-label-query", BERT, LINEAR, [BCE, CLCP], modules=[TABLE, {"use": "standard/label-query"}]),
    simple(
        "cross-attention-and-plcp-on-label-mask",
        LABEL_MASK,
        LINEAR,
        [BCE, PLCP],
        [REVEAL],
        [CROSS],
        every_label=True,
    ),
    simple(
        "ncf-on-lw-lstm",
        LW_LSTM,
        {**NCF, "text": "labels", "label": "label_table"},
        [BPR],
        [NEGATIVES],
        [TABLE],
        scale="ranks",
    ),
    simple("each-label-alone-on-lw-lstm", LW_LSTM, {**MLP, "form": "diagonal"}, [BPR], [NEGATIVES], scale="ranks"),
    simple("ncf-on-joint-encoder", JOINT, _BESIDE_LABELS, [BCE]),
    simple("ncf-on-label-mask", LABEL_MASK, _BESIDE_LABELS, [BPR], [REVEAL, NEGATIVES], scale="ranks"),
    simple(
        "clrl-and-clcp-on-maacf",
        _TWO_BILSTMS,
        NCF,
        [BPR, CLRL, CLCP],
        [NEGATIVES],
        _MAACF,
        _WEIGHTLESS,
        scale="ranks",
    ),
    _contrast_before_laco(),
    _contrast_before_lw_lstm(),
    simple("plcp-and-clrl", JOINT, LINEAR, [BCE, PLCP, CLRL], modules=[CROSS], every_label=True),
    _two_branches(),
    _two_branches_of_softmax(),
    simple(
        "softmax-on-label-attention",
        CNN,
        LABEL_LINEAR,
        [SOFTMAX],
        modules=[{"use": "standard/label-attention"}],
        scale="distribution",
        every_label=True,
    ),
    simple("softmax-and-clrl-on-joint-encoder", JOINT, LINEAR, [SOFTMAX, CLRL], scale="distribution", every_label=True),
    _reset_and_frozen_twin(),
]
