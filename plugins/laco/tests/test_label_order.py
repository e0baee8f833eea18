"""Models in which the order of labels means nothing: with it their scores change places and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from labelloom.interfaces import Batch, Context, States
from labelloom_laco.config import CrossAttentionConfig, JointEncoderConfig
from labelloom_laco.cross_attention import CrossAttention
from labelloom_laco.joint_encoder import JointEncoder
from labelloom_standard.config import LabelTableConfig, LinearConfig
from labelloom_standard.label_table import LabelTable
from labelloom_standard.linear import Linear

ORDER = torch.tensor([3, 1, 4, 0, 2])
TEXTS = ["a graph of words .", "text", "", "a neural network of words of a text of a graph"]


def head(make_context: Callable[..., Context], convolution: Any) -> tuple[CrossAttention, Linear]:
    torch.manual_seed(4)
    attention = CrossAttention(
        CrossAttentionConfig(convolution=convolution, window=3), make_context(tokens=32, labels=32)
    )
    return attention.double(), Linear(LinearConfig(), make_context(document=32)).double()


def turn(linear: Linear) -> None:
    linear.out.weight.data = linear.out.weight.data[ORDER]
    linear.out.bias.data = linear.out.bias.data[ORDER]


@pytest.mark.parametrize("convolution", ["1d", "2d"])
def test_without_the_joint_encoder(
    make_context: Callable[..., Context], make_batch: Callable[..., Batch], convolution: str
) -> None:
    attention, linear = head(make_context, convolution)
    table = LabelTable(LabelTableConfig(), make_context(tokens=32)).double()
    tokens = torch.randn(3, 7, 32, dtype=torch.float64)
    mask = torch.arange(7) < torch.tensor([[7], [4], [0]])

    def scores() -> Any:
        states = table(States(tokens=tokens, token_mask=mask), make_batch(3))
        return linear(attention(states, make_batch(3)), make_batch(3)).scores

    before = scores()
    table.vectors.weight.data = table.vectors.weight.data[ORDER]
    turn(linear)
    after = scores()
    # The third document has no words to weigh, so no convolution sees its labels.
    torch.testing.assert_close(after[2], before[2, ORDER])
    if convolution == "1d":
        torch.testing.assert_close(after, before[:, ORDER])
    else:
        assert not torch.allclose(after, before[:, ORDER], atol=1e-4)


@pytest.mark.parametrize("positions", [False, True])
def test_with_a_joint_encoder_positions_alone_tell_the_order(
    bert: Path,
    architecture: Any,
    make_context: Callable[..., Context],
    read: Callable[..., Any],
    make_batch: Callable[..., Batch],
    positions: bool,
) -> None:
    torch.manual_seed(0)
    encoder = JointEncoder(JointEncoderConfig(pretrained=str(bert), max_length=24), make_context(architecture))
    encoder.initialise(None, None)  # type: ignore[arg-type]
    encoder.eval().double()
    if not positions:
        encoder.model.embeddings.position_embeddings.weight.data.zero_()
    attention, linear = head(make_context, "1d")

    def scores() -> Any:
        return linear(attention(read(encoder, TEXTS), make_batch(4)), make_batch(4)).scores

    before = scores()
    encoder.embedding.added.weight.data = encoder.embedding.added.weight.data[ORDER]
    turn(linear)
    assert torch.allclose(scores(), before[:, ORDER], atol=1e-9) is not positions
