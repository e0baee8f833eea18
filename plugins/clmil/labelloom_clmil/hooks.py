"""The records of the bundle `clmil`."""

from __future__ import annotations

from labelloom import Command, Component, Section, hookimpl


@hookimpl
def labelloom_components() -> list[Component]:
    """Sampler and task of the contrastive stage, the coarse view of the tokens, and the relations of labels."""
    return [
        Component(
            kind="sampler",
            name="clmil/label-frequency-contrast",
            target="labelloom_clmil.frequency_contrast:LabelFrequencyContrast",
            config="labelloom_clmil.config:FrequencyContrastConfig",
            gives=frozenset({"relation"}),
            summary="Documents with a rare label, their second pass, and others whose labels keep apart (section 3.2)",
        ),
        Component(
            kind="task",
            name="clmil/info-nce",
            target="labelloom_clmil.info_nce:InfoNCE",
            config="labelloom_clmil.config:InfoNCEConfig",
            needs=frozenset({"document", "relation"}),
            logs=frozenset({"accuracy"}),
            summary="A document is nearer to its second pass than to the others (Li et al. 2023 eq. 1)",
        ),
        Component(
            kind="label_module",
            name="clmil/dilated-gated-cnn",
            target="labelloom_clmil.dilated_gated_cnn:DilatedGatedCNN",
            config="labelloom_clmil.config:DilatedGatedConfig",
            needs=frozenset({"tokens"}),
            gives=frozenset({"document"}),
            summary="Gated dilated convolutions over words, attention and a maximum (Li et al. 2023 eq. 6-7)",
        ),
        Component(
            kind="task",
            name="clmil/clrl",
            target="labelloom_clmil.clrl:ConstraintLabelRelations",
            config="labelloom_clmil.config:LabelRelationsConfig",
            needs=frozenset({"labels"}),
            logs=frozenset({"accuracy"}),
            summary="Whether two labels are related on the document, indirectly or not (Li et al. 2023 eq. 9-12)",
        ),
    ]


@hookimpl
def labelloom_commands() -> list[Command]:
    """How a model spreads documents."""
    return [
        Command(
            name="clmil/representations",
            target="labelloom_clmil.representations.command:show_representations",
            summary="How uniformly documents lie in a model's vectors, and a picture of it (Li et al. 2023 figure 3)",
        ),
    ]


@hookimpl
def labelloom_sections() -> list[Section]:
    """The same of one run beside its scores."""
    return [
        Section(
            name="clmil/representations",
            target="labelloom_clmil.representations.section:spread",
            title="How documents lie in the encoder's vectors",
            needs=frozenset({"network", "training corpus"}),
            summary="Uniformity and alignment of a run's vectors, with a picture (Li et al. 2023 figure 3)",
        ),
    ]
