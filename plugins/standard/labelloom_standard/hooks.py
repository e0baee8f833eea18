"""The records of the bundle `standard`."""

from __future__ import annotations

from labelloom import Command, Component, DataFormat, DataSource, Listener, hookimpl


@hookimpl
def labelloom_components() -> list[Component]:
    """Encoders, label modules, predictors, tasks."""
    return [
        Component(
            kind="encoder",
            name="standard/transformer",
            target="labelloom_standard.transformer:Transformer",
            config="labelloom_standard.config:TransformerConfig",
            gives=frozenset({"tokens", "document"}),
            stage_options=frozenset({"dropout"}),
            summary="Any pretrained transformer with a fast tokenizer (Devlin et al. 2019), pooled to one vector",
        ),
        Component(
            kind="encoder",
            name="standard/bilstm",
            target="labelloom_standard.bilstm:BiLSTM",
            config="labelloom_standard.config:BiLSTMConfig",
            gives=frozenset({"tokens", "document"}),
            summary="Bidirectional LSTM or GRU over words, pooled by self-attention (Yang et al. 2016 eq. 5-7)",
        ),
        Component(
            kind="encoder",
            name="standard/cnn",
            target="labelloom_standard.cnn:CNN",
            config="labelloom_standard.config:CNNConfig",
            gives=frozenset({"tokens", "document"}),
            summary="Convolutions over windows of words, the maximum of each filter (Kim 2014 eq. 2-3)",
        ),
        Component(
            kind="encoder",
            name="standard/xml-cnn",
            target="labelloom_standard.xml_cnn:XMLCNN",
            config="labelloom_standard.config:XMLCNNConfig",
            gives=frozenset({"tokens", "document"}),
            summary="Convolutions over words, the maximum of each filter in p chunks, a bottleneck (Liu et al. 2017)",
        ),
        Component(
            kind="encoder",
            name="standard/chain",
            target="labelloom_standard.chain:Chain",
            config="labelloom_standard.config:ChainConfig",
            summary="An encoder made of an encoder and label modules: for twins, ensembles and pre-training",
        ),
        Component(
            kind="label_module",
            name="standard/label-table",
            target="labelloom_standard.label_table:LabelTable",
            config="labelloom_standard.config:LabelTableConfig",
            needs=frozenset({"tokens | document"}),
            gives=frozenset({"label_table"}),
            summary="One trained vector a label, the same for every document, random or from the label's name",
        ),
        Component(
            kind="label_module",
            name="standard/label-attention",
            target="labelloom_standard.label_attention:LabelAttention",
            config="labelloom_standard.config:LabelAttentionConfig",
            needs=frozenset({"tokens"}),
            gives=frozenset({"labels"}),
            summary="One attention a label over the tokens (CAML, Mullenbach et al. 2018 eq. 2-3; LW-LSTM eq. 5-6)",
        ),
        Component(
            kind="label_module",
            name="standard/label-query",
            target="labelloom_standard.label_query:LabelQuery",
            config="labelloom_standard.config:LabelQueryConfig",
            needs=frozenset({"tokens", "label_table"}),
            gives=frozenset({"labels"}),
            summary="A label table in view of the document: vectors that attend to tokens (Vaswani et al. 2017 eq. 1)",
        ),
        Component(
            kind="predictor",
            name="standard/linear",
            target="labelloom_standard.linear:Linear",
            config="labelloom_standard.config:LinearConfig",
            needs=frozenset({"document"}),
            gives=frozenset({"scores"}),
            summary="One weight vector a label over the document: logistic regression on top",
        ),
        Component(
            kind="predictor",
            name="standard/label-linear",
            target="labelloom_standard.label_linear:LabelLinear",
            config="labelloom_standard.config:LabelLinearConfig",
            needs=frozenset({"labels"}),
            gives=frozenset({"scores"}),
            summary="Each label's vector to its score, by one weight vector for all labels or one each (CAML eq. 4)",
        ),
        Component(
            kind="task",
            name="standard/bce",
            target="labelloom_standard.bce:BCE",
            config="labelloom_standard.config:BCEConfig",
            needs=frozenset({"scores"}),
            trains="probabilities",
            summary="Binary cross-entropy of every label, summed over labels and averaged over documents",
        ),
        Component(
            kind="task",
            name="standard/focal",
            target="labelloom_standard.focal:Focal",
            config="labelloom_standard.config:FocalConfig",
            needs=frozenset({"scores"}),
            trains="probabilities",
            summary="Cross-entropy of every label that fades for labels told apart well (Lin et al. 2017 eq. 5)",
        ),
        Component(
            kind="task",
            name="standard/asymmetric",
            target="labelloom_standard.asymmetric:Asymmetric",
            config="labelloom_standard.config:AsymmetricConfig",
            needs=frozenset({"scores"}),
            trains="probabilities",
            summary="Focal loss with a focus for each side and a margin for negatives (Ridnik et al. 2021 eq. 4-7)",
        ),
        Component(
            kind="task",
            name="standard/softmax",
            target="labelloom_standard.softmax:Softmax",
            config="labelloom_standard.config:SoftmaxConfig",
            needs=frozenset({"scores"}),
            labels="all",
            trains="distribution",
            summary="One label out of all, for every label a document carries: pick all labels (Menon et al. 2019)",
        ),
    ]


@hookimpl
def labelloom_formats() -> list[DataFormat]:
    """The forms in which the field's data sets circulate."""
    return [
        DataFormat(
            name="standard/sgm",
            target="labelloom_standard.formats.sgm:sgm",
            files=("text_train*", "label_train*"),
            summary="text_train and label_train, a document a line: AAPD (Yang et al. 2018)",
        ),
        DataFormat(
            name="standard/hedwig",
            target="labelloom_standard.formats.hedwig:hedwig",
            files=("train.tsv | train.tsv.gz",),
            summary="train.tsv, dev.tsv, test.tsv: a bit string, a tab and a text (Adhikari et al. 2019)",
        ),
        DataFormat(
            name="standard/goemotions",
            target="labelloom_standard.formats.goemotions:goemotions",
            files=("train.tsv | train.tsv.gz",),
            summary="train.tsv, dev.tsv, test.tsv: a text, numbers of emotions and an id (Demszky et al. 2020)",
        ),
        DataFormat(
            name="standard/xc",
            target="labelloom_standard.formats.xc:xc",
            files=("trn.json | trn.json.gz",),
            settings=frozenset({"text"}),
            summary="trn.json and tst.json of the Extreme Classification Repository (Bhatia et al. 2016)",
        ),
        DataFormat(
            name="standard/xc-features",
            target="labelloom_standard.formats.xc_features:xc_features",
            files=("train.txt | train.txt.gz | *_train.txt",),
            summary="Its sparse form, labels and counts of words, with a vocabulary Xf.txt",
        ),
        DataFormat(
            name="standard/rmsc",
            target="labelloom_standard.formats.rmsc:rmsc",
            files=("*.json | *.json.gz",),
            summary="Albums with tags and short comments, a JSON file each or a list a split (Zhao et al. 2018)",
        ),
        DataFormat(
            name="standard/reuters",
            target="labelloom_standard.formats.reuters:reuters",
            config="labelloom_standard.config:ReutersConfig",
            files=("reut2-*.sgm | reut2-*.sgm.gz",),
            summary="Reuters-21578 in SGML, ModApte, topics with a training and a test document (Lewis 1997)",
        ),
    ]


@hookimpl
def labelloom_sources() -> list[DataSource]:
    """Data sets that others keep."""
    return [
        DataSource(
            name="standard/hf",
            target="labelloom_standard.hub:hub",
            config="labelloom_standard.config:HubConfig",
            settings=frozenset({"text", "labels", "label_separator", "label_names", "label_descriptions", "id"}),
            paths=True,
            names={r"(\w[\w.-]*/)?\w[\w-]*": "a data set of the Hugging Face hub"},
            summary="hf:owner/name of the Hugging Face hub, or hf:./folder: what the library datasets loads",
        ),
    ]


@hookimpl
def labelloom_events() -> list[Listener]:
    """Services that show the course of training."""
    return [
        Listener(
            name="standard/tensorboard",
            target="labelloom_standard.trackers:TensorBoard",
            summary="Losses, rates and scores for TensorBoard, in the run's folder",
        ),
        Listener(
            name="standard/wandb",
            target="labelloom_standard.trackers:WandB",
            summary="The same at Weights & Biases, in a project called like the spec",
        ),
    ]


@hookimpl
def labelloom_commands() -> list[Command]:
    """What a trained model makes of labels in its input."""
    return [
        Command(
            name="standard/attention",
            target="labelloom_standard.slot_analysis.command:show_attention",
            summary="What labels in a model's input pay each other of its attention (Song et al. 2021 section 5.6.1)",
        ),
    ]
