"""Modules are made, print and compute as torch's do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import tinytorch

torch = pytest.importorskip("torch")

from agreement import programs_agree

agree = partial(programs_agree, relative=1e-4, absolute=1e-5)


#: how a module is made, and the shapes of its input
MADE: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "Linear": (lambda nn: nn.Linear(4, 3), (2, 4)),
    "Conv1d": (lambda nn: nn.Conv1d(2, 4, 3, padding="same", groups=2, padding_mode="circular"), (2, 2, 7)),
    "Conv2d": (lambda nn: nn.Conv2d(2, 4, (3, 1), stride=2, padding=1, dilation=2, bias=False), (2, 2, 8, 7)),
    "Conv3d": (lambda nn: nn.Conv3d(1, 2, 2), (1, 1, 3, 4, 3)),
    "ConvTranspose1d": (lambda nn: nn.ConvTranspose1d(2, 3, 3, stride=2), (1, 2, 4)),
    "ConvTranspose2d": (
        lambda nn: nn.ConvTranspose2d(2, 4, 3, stride=2, output_padding=1, groups=2),
        (1, 2, 3, 3),
    ),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(3), (4, 3)),
    "BatchNorm2d": (lambda nn: nn.BatchNorm2d(3, momentum=None, bias=False), (2, 3, 2, 2)),
    "BatchNorm3d": (lambda nn: nn.BatchNorm3d(2, affine=False, track_running_stats=False), (2, 2, 2, 2, 2)),
    "InstanceNorm2d": (lambda nn: nn.InstanceNorm2d(3, affine=True, track_running_stats=True), (2, 3, 4, 4)),
    "GroupNorm": (lambda nn: nn.GroupNorm(2, 4), (2, 4, 3)),
    "LayerNorm": (lambda nn: nn.LayerNorm((3, 4)), (2, 3, 4)),
    "RMSNorm": (lambda nn: nn.RMSNorm(4), (2, 4)),
    "LocalResponseNorm": (lambda nn: nn.LocalResponseNorm(2), (2, 4, 3)),
    "CrossMapLRN2d": (lambda nn: nn.CrossMapLRN2d(3, alpha=0.5), (2, 5, 3, 2)),
    "MaxPool2d": (lambda nn: nn.MaxPool2d(2, padding=1, return_indices=True), (1, 2, 5, 5)),
    "AvgPool1d": (lambda nn: nn.AvgPool1d(3, stride=2, padding=1, count_include_pad=False), (1, 2, 7)),
    "AvgPool2d": (lambda nn: nn.AvgPool2d(2, divisor_override=3), (1, 2, 5, 5)),
    "LPPool2d": (lambda nn: nn.LPPool2d(2, 3), (1, 1, 6, 6)),
    "AdaptiveAvgPool2d": (lambda nn: nn.AdaptiveAvgPool2d((None, 2)), (1, 2, 5, 5)),
    "AdaptiveMaxPool1d": (lambda nn: nn.AdaptiveMaxPool1d(3, return_indices=True), (1, 2, 7)),
    "FractionalMaxPool2d": (lambda nn: nn.FractionalMaxPool2d(2, output_ratio=0.5), (1, 2, 6, 6)),
    "Upsample": (lambda nn: nn.Upsample(scale_factor=2, mode="bilinear"), (1, 2, 3, 3)),
    "UpsamplingNearest2d": (lambda nn: nn.UpsamplingNearest2d(5), (1, 2, 3, 3)),
    "PixelShuffle": (lambda nn: nn.PixelShuffle(2), (1, 8, 2, 2)),
    "ChannelShuffle": (lambda nn: nn.ChannelShuffle(2), (1, 4, 2)),
    "Fold": (lambda nn: nn.Fold((4, 4), 2, stride=2), (1, 8, 4)),
    "Unfold": (lambda nn: nn.Unfold(2, padding=1), (1, 2, 3, 3)),
    "Flatten": (lambda nn: nn.Flatten(), (2, 3, 2)),
    "Unflatten": (lambda nn: nn.Unflatten(1, (2, 3)), (2, 6)),
    "ConstantPad2d": (lambda nn: nn.ConstantPad2d((1, 0, 2, 1), 3.5), (1, 2, 2)),
    "ReflectionPad1d": (lambda nn: nn.ReflectionPad1d(2), (1, 2, 4)),
    "CircularPad2d": (lambda nn: nn.CircularPad2d(1), (1, 1, 3, 3)),
    "ReplicationPad3d": (lambda nn: nn.ReplicationPad3d(1), (1, 1, 2, 2, 2)),
    "Dropout": (lambda nn: nn.Dropout(0.3), (4, 5)),
    "Dropout2d": (lambda nn: nn.Dropout2d(0.5), (2, 3, 2, 2)),
    "AlphaDropout": (lambda nn: nn.AlphaDropout(0.4), (4, 5)),
    "RReLU": (lambda nn: nn.RReLU(), (3, 4)),
    "PReLU": (lambda nn: nn.PReLU(3), (2, 3)),
    "GELU": (lambda nn: nn.GELU("tanh"), (3, 4)),
    "GLU": (lambda nn: nn.GLU(1), (2, 4)),
    "Softmax": (lambda nn: nn.Softmax(1), (2, 4)),
    "Softmin": (lambda nn: nn.Softmin(1), (2, 4)),
    "LogSoftmax": (lambda nn: nn.LogSoftmax(1), (2, 4)),
    "Softmax2d": (lambda nn: nn.Softmax2d(), (3, 2, 2)),
    "ELU": (lambda nn: nn.ELU(0.5, inplace=False), (3, 4)),
    "Hardtanh": (lambda nn: nn.Hardtanh(-0.5, 0.5), (3, 4)),
    "ReLU6": (lambda nn: nn.ReLU6(), (3, 4)),
    "Threshold": (lambda nn: nn.Threshold(0.1, 20), (3, 4)),
    "Hardswish": (lambda nn: nn.Hardswish(), (3, 4)),
    "Softplus": (lambda nn: nn.Softplus(2.0), (3, 4)),
    "LSTM": (lambda nn: nn.LSTM(3, 5, 2, proj_size=2, bidirectional=True, dropout=0.3), (4, 2, 3)),
    "LSTM batch first": (lambda nn: nn.LSTM(3, 4, batch_first=True), (2, 5, 3)),
    "GRU": (lambda nn: nn.GRU(3, 4, 2, bidirectional=True, bias=False), (4, 2, 3)),
    "RNN": (lambda nn: nn.RNN(3, 4, nonlinearity="relu"), (4, 3)),
    "LSTMCell": (lambda nn: nn.LSTMCell(3, 4), (2, 3)),
    "GRUCell": (lambda nn: nn.GRUCell(3, 4), (3,)),
    "RNNCell": (lambda nn: nn.RNNCell(3, 4, bias=False), (2, 3)),
    "TransformerEncoderLayer": (
        lambda nn: nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", norm_first=True),
        (3, 2, 8),
    ),
    "TransformerEncoder": (
        lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
        (3, 2, 8),
    ),
    "LazyConv2d": (lambda nn: nn.LazyConv2d(3, 2), (1, 2, 3, 3)),
}


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", MADE)
def test_module(name: str, training: bool) -> None:
    """Text, names, initial values, output, gradients, buffers and the random state afterwards."""

    def program(torch: Any) -> Any:
        make, shape = MADE[name]
        module = make(torch.nn).train(training)
        text = repr(module)
        x = torch.randn(shape).requires_grad_()
        out = module(x)
        first = out
        while isinstance(first, tuple):
            first = first[0]
        (first * torch.arange(first.numel()).reshape(first.shape).sin()).sum().backward()
        grads = [p.grad for p in module.parameters()]
        return [
            text,
            repr(module),
            module.state_dict(),
            dict(module.state_dict()._metadata),
            out,
            x.grad,
            grads,
            torch.rand(1),
        ]

    agree(program)


LOSSES: dict[str, Callable[[Any], Any]] = {
    "L1Loss": lambda t: t.nn.L1Loss()(t.randn(3, 4), t.randn(3, 4)),
    "MSELoss": lambda t: t.nn.MSELoss(reduction="none")(t.randn(3, 4), t.randn(3, 4)),
    "SmoothL1Loss": lambda t: t.nn.SmoothL1Loss(beta=0.5)(t.randn(3, 4), t.randn(3, 4)),
    "HuberLoss": lambda t: t.nn.HuberLoss("sum", 0.5)(t.randn(3, 4), t.randn(3, 4)),
    "NLLLoss": lambda t: t.nn.NLLLoss(t.rand(4), ignore_index=1)(t.randn(3, 4), t.tensor([0, 1, 3])),
    "CrossEntropyLoss": lambda t: t.nn.CrossEntropyLoss(t.rand(4), label_smoothing=0.1)(
        t.randn(3, 4), t.tensor([0, 1, 3])
    ),
    "CrossEntropyLoss probabilities": lambda t: t.nn.CrossEntropyLoss()(t.randn(3, 4), t.rand(3, 4)),
    "PoissonNLLLoss": lambda t: t.nn.PoissonNLLLoss(full=True)(t.randn(3), t.rand(3) * 3),
    "GaussianNLLLoss": lambda t: t.nn.GaussianNLLLoss(full=True)(t.randn(3), t.randn(3), t.rand(3)),
    "KLDivLoss": lambda t: t.nn.KLDivLoss(reduction="batchmean")(t.randn(3, 4), t.rand(3, 4)),
    "BCELoss": lambda t: t.nn.BCELoss(t.rand(4))(t.rand(3, 4), t.rand(3, 4)),
    "BCEWithLogitsLoss": lambda t: t.nn.BCEWithLogitsLoss(pos_weight=t.rand(4))(t.randn(3, 4), t.rand(3, 4)),
    "HingeEmbeddingLoss": lambda t: t.nn.HingeEmbeddingLoss()(t.randn(4), t.tensor([1.0, -1.0, 1.0, -1.0])),
    "MultiLabelMarginLoss": lambda t: t.nn.MultiLabelMarginLoss()(
        t.randn(2, 4), t.tensor([[3, 0, -1, 1], [1, -1, 0, 0]])
    ),
    "SoftMarginLoss": lambda t: t.nn.SoftMarginLoss()(t.randn(4), t.tensor([1.0, -1.0, 1.0, -1.0])),
    "CosineEmbeddingLoss": lambda t: t.nn.CosineEmbeddingLoss(0.2)(
        t.randn(3, 4), t.randn(3, 4), t.tensor([1, -1, 1])
    ),
    "MarginRankingLoss": lambda t: t.nn.MarginRankingLoss(0.2)(t.randn(3), t.randn(3), t.tensor([1, -1, 1])),
    "MultiMarginLoss": lambda t: t.nn.MultiMarginLoss(p=2)(t.randn(3, 4), t.tensor([1, 3, 0])),
    "TripletMarginLoss": lambda t: t.nn.TripletMarginLoss(swap=True)(
        t.randn(3, 4), t.randn(3, 4), t.randn(3, 4)
    ),
    "TripletMarginWithDistanceLoss": lambda t: t.nn.TripletMarginWithDistanceLoss()(
        t.randn(3, 4), t.randn(3, 4), t.randn(3, 4)
    ),
    "CTCLoss": lambda t: t.nn.CTCLoss()(
        t.randn(6, 2, 4).log_softmax(2), t.tensor([[1, 2], [3, 1]]), t.tensor([6, 5]), t.tensor([2, 1])
    ),
    "LinearCrossEntropyLoss": lambda t: t.nn.LinearCrossEntropyLoss(3, 4)(
        t.randn(5, 3), t.tensor([0, 1, 2, 3, -100])
    ),
    "old arguments": lambda t: t.nn.MSELoss(size_average=False)(t.ones(2), t.zeros(2)),
    "PairwiseDistance": lambda t: t.nn.PairwiseDistance(1.5, keepdim=True)(t.randn(3, 4), t.randn(3, 4)),
    "CosineSimilarity": lambda t: t.nn.CosineSimilarity()(t.randn(3, 4), t.randn(3, 4)),
    "Bilinear": lambda t: t.nn.Bilinear(2, 3, 4)(t.randn(5, 2), t.randn(5, 3)),
    "Embedding": lambda t: t.nn.Embedding(5, 3, padding_idx=-1)(t.tensor([[0, 4], [2, 2]])),
    "from_pretrained": lambda t: t.nn.Embedding.from_pretrained(t.randn(3, 2)).weight.requires_grad,
    "EmbeddingBag": lambda t: t.nn.EmbeddingBag(5, 3, mode="sum")(t.tensor([1, 2, 4, 4]), t.tensor([0, 1])),
    "MultiheadAttention": lambda t: t.nn.MultiheadAttention(
        8, 2, kdim=3, vdim=5, add_bias_kv=True, add_zero_attn=True
    )(
        t.randn(3, 2, 8),
        t.randn(4, 2, 3),
        t.randn(4, 2, 5),
        key_padding_mask=t.tensor([[False, True, False, False]] * 2),
    ),
    "MultiheadAttention without weights": lambda t: t.nn.MultiheadAttention(8, 2, batch_first=True)(
        *[t.randn(2, 3, 8)] * 3,
        need_weights=False,
        attn_mask=t.nn.Transformer.generate_square_subsequent_mask(3),
        is_causal=True,
    ),
    "Transformer": lambda t: t.nn.Transformer(8, 2, 1, 1, 16)(t.randn(4, 2, 8), t.randn(3, 2, 8)),
    "TransformerDecoder": lambda t: t.nn.TransformerDecoder(
        t.nn.TransformerDecoderLayer(8, 2, 16), 2, t.nn.LayerNorm(8)
    )(t.randn(3, 2, 8), t.randn(4, 2, 8), tgt_mask=t.nn.Transformer.generate_square_subsequent_mask(3)),
    "AdaptiveLogSoftmaxWithLoss": lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], div_value=2.0)(
        t.randn(6, 8), t.tensor([0, 4, 7, 12, 19, 2])
    ),
    "adaptive log_prob": lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], div_value=2.0).log_prob(
        t.randn(3, 8)
    ),
    "adaptive predict": lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], div_value=2.0).predict(
        t.randn(9, 8)
    ),
    "MaxUnpool2d": lambda t: t.nn.MaxUnpool2d(2)(
        *t.nn.MaxPool2d(2, return_indices=True)(t.randn(1, 1, 4, 4))
    ),
    "ConvTranspose output_size": lambda t: (
        t.nn.ConvTranspose2d(1, 1, 3, stride=2)(t.randn(1, 1, 3, 3), output_size=(8, 8)).shape
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_call(name: str) -> None:
    agree(LOSSES[name])


WRONG: list[Callable[[Any], Any]] = [
    lambda t: t.nn.Conv2d(3, 4, 1, groups=2),
    lambda t: t.nn.Conv2d(2, 4, 1, groups=0),
    lambda t: t.nn.Conv2d(2, 4, 3, padding="same", stride=2),
    lambda t: t.nn.ConvTranspose2d(2, 4, 3, padding_mode="reflect"),
    lambda t: t.nn.ConvTranspose2d(1, 1, 3, stride=2)(t.ones(1, 1, 3, 3), output_size=(20, 20)),
    lambda t: t.nn.BatchNorm2d(3)(t.ones(2, 3)),
    lambda t: t.nn.BatchNorm1d(3)(t.ones(1, 3)),
    lambda t: t.nn.InstanceNorm1d(3, affine=True)(t.ones(2, 4, 5)),
    lambda t: t.nn.GroupNorm(3, 4),
    lambda t: t.nn.Dropout(1.5),
    lambda t: t.nn.Hardtanh(2, 1),
    lambda t: t.nn.MultiheadAttention(5, 2),
    lambda t: t.nn.MultiheadAttention(4, 2)(t.ones(1, 1, 1, 4), t.ones(1), t.ones(1)),
    lambda t: t.nn.MultiheadAttention(4, 2)(
        t.ones(2, 1, 4), t.ones(3, 1, 4), t.ones(3, 1, 4), attn_mask=t.ones(5, 5)
    ),
    lambda t: t.nn.LSTM(3, 4, proj_size=5),
    lambda t: t.nn.LSTM(3, 4, dropout=2),
    lambda t: t.nn.LSTM(3, 0),
    lambda t: t.nn.LSTM(3, 4, bias=1),
    lambda t: t.nn.GRU(3, 4, proj_size=2),
    lambda t: t.nn.RNN(3, 4, nonlinearity="gelu"),
    lambda t: t.nn.LSTM(3, 4)(t.ones(2, 2, 5)),
    lambda t: t.nn.LSTM(3, 4)(t.ones(2, 2, 3).double()),
    lambda t: t.nn.LSTM(3, 4)(t.ones(2)),
    lambda t: t.nn.GRU(3, 4)(t.ones(2)),
    lambda t: t.nn.LSTM(3, 4)(t.ones(2, 2, 3), (t.ones(1, 2, 4), t.ones(1, 2, 5))),
    lambda t: t.nn.LSTM(3, 4)(t.ones(2, 2, 3), (t.ones(2, 4), t.ones(2, 4))),
    lambda t: t.nn.GRU(3, 4)(t.ones(2, 2, 3), t.ones(3, 2, 4)),
    lambda t: t.nn.RNNCell(3, 4)(t.ones(2, 3), t.ones(3, 4)),
    lambda t: t.nn.LSTMCell(3, 4)(t.ones(2, 5)),
    lambda t: t.nn.Embedding(3, 2, padding_idx=5),
    lambda t: t.nn.Embedding(3, 2, _weight=t.ones(2, 2)),
    lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(4, 5, [3, 2]),
    lambda t: t.nn.FractionalMaxPool2d(2),
    lambda t: t.nn.CircularPad2d(1)(t.ones(2)),
    lambda t: t.nn.Unflatten(1, ("a",)),
    lambda t: t.nn.MultiMarginLoss(p=3),
    lambda t: t.nn.TripletMarginLoss(margin=0),
    lambda t: t.nn.HuberLoss(delta="x"),
    lambda t: t.nn.Softmax2d()(t.ones(2)),
    lambda t: t.nn.Transformer(8, 2, 1, 1, 16)(t.ones(4, 2, 8), t.ones(3, 3, 8)),
    lambda t: t.nn.TransformerEncoderLayer(8, 2, activation="silly"),
    lambda t: t.nn.Bilinear(0, 1, 1),
    lambda t: t.nn.LazyConv2d(2, 3)(t.ones(2)),
    lambda t: t.nn.SyncBatchNorm(2)(t.ones(2)),
]


@pytest.mark.parametrize("make", WRONG)
def test_wrong(make: Callable[[Any], Any]) -> None:
    agree(make)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("enforce_sorted", [True, False])
def test_packed(kind: str, enforce_sorted: bool) -> None:
    def program(torch: Any) -> Any:
        net = getattr(torch.nn, kind)(3, 4, 2, bidirectional=True)
        rnn = torch.nn.utils.rnn
        lengths = [5, 3, 3, 1] if enforce_sorted else [3, 1, 5, 3]
        rows = [torch.randn(length, 3, requires_grad=True) for length in lengths]
        packed = rnn.pack_sequence(rows, enforce_sorted=enforce_sorted)
        out, state = net(packed)
        padded, sizes = rnn.pad_packed_sequence(out, batch_first=True, padding_value=-1.0, total_length=6)
        padded.sum().backward()
        return [
            packed,
            out,
            state,
            padded,
            sizes,
            rows[0].grad,
            rnn.unpack_sequence(packed),
            [p.grad for p in net.parameters()],
        ]

    agree(program)


def test_sequences() -> None:
    def program(torch: Any) -> Any:
        rnn = torch.nn.utils.rnn
        rows = [torch.arange(3.0), torch.arange(1.0), torch.arange(2.0)]
        texts = []
        for wrong in (
            lambda: rnn.pack_padded_sequence(torch.ones(3, 2, 1), [1, 3]),
            lambda: rnn.pack_padded_sequence(torch.ones(3, 2, 1), [3, 0]),
            lambda: rnn.pack_padded_sequence(torch.ones(3, 2, 1), [3]),
        ):
            try:
                wrong()
            except RuntimeError as error:
                texts.append(str(error))
        return [
            texts,
            rnn.pad_sequence(rows),
            rnn.pad_sequence(rows, batch_first=True, padding_value=9.0, padding_side="left"),
            rnn.unpad_sequence(rnn.pad_sequence(rows), torch.tensor([3, 1, 2])),
            rnn.invert_permutation(torch.tensor([2, 0, 1])),
        ]

    agree(program)


def test_utilities() -> None:
    def program(torch: Any) -> Any:
        utils = torch.nn.utils
        model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 2), torch.nn.BatchNorm2d(2))
        x = torch.randn(2, 1, 4, 4)
        (model(x) ** 3).sum().backward()
        grads = [p.grad.clone() for p in model.parameters()]
        norms = [
            utils.get_total_norm(grads),
            utils.get_total_norm(grads, float("inf")),
            utils.get_total_norm(grads, 1),
        ]
        norms.append(utils.clip_grad_norm_(model.parameters(), 0.5))
        clipped = [p.grad.clone() for p in model.parameters()]
        utils.clip_grad_value_(model.parameters(), 0.01)
        vector = utils.parameters_to_vector(model.parameters())
        utils.vector_to_parameters(vector * 2, model.parameters())
        model.eval()
        fused = utils.fuse_conv_bn_eval(model[0], model[1])
        return [
            norms,
            clipped,
            [p.grad for p in model.parameters()],
            vector,
            list(model.parameters()),
            model(x),
            fused(x),
        ]

    agree(program)


def test_cloned_class_is_not_another() -> None:
    """What shares code is no subclass of each other."""
    nn = tinytorch.nn
    assert not isinstance(nn.SiLU(), nn.ReLU)
    assert not isinstance(nn.GRU(1, 1), nn.RNN)
    assert isinstance(nn.ReLU6(), nn.Hardtanh)
    assert issubclass(nn.LazyLinear, nn.Linear)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_lstm_layers_as_one_operator(bidirectional: bool, bias: bool) -> None:
    """Values, gradients and gradients of gradients of a float32 LSTM, whose layers are single nodes."""

    def program(library: Any) -> list[Any]:
        library.manual_seed(0)
        layer = library.nn.LSTM(3, 4, 2, bidirectional=bidirectional, bias=bias)
        x = library.randn(5, 2, 3, requires_grad=True)
        state = [library.randn(4 if bidirectional else 2, 2, 4, requires_grad=True) for _ in range(2)]
        output, (hidden, cell) = layer(x, tuple(state))
        seen = [output, hidden, cell]
        ramp = library.arange(output.numel()).view_as(output) * 0.1
        operands = [x, *state, *layer.parameters()]
        seen += library.autograd.grad((output * ramp).sum(), operands, retain_graph=True)
        seen += library.autograd.grad(hidden.sum() + cell.pow(2).sum(), operands, retain_graph=True)
        (first,) = library.autograd.grad(output.pow(2).sum() + cell.sum(), x, create_graph=True)
        seen += library.autograd.grad(first.pow(2).sum(), operands)
        return seen

    for ours, theirs in zip(program(tinytorch), program(torch), strict=True):
        expected = pytest.approx(theirs.detach().reshape(-1).tolist(), rel=1e-4, abs=1e-5)
        assert ours.detach().reshape(-1).tolist() == expected


_CAUSAL = "nn.Transformer.generate_square_subsequent_mask(3)"
#: Masks (and what else is given) of self-attention on sequences (2, 3, 4), by name.
MASKS = {
    "none": "{}",
    "padding last": "dict(padding=torch.tensor([[False, False, True], [False, True, True]]))",
    "padding first": "dict(padding=torch.tensor([[True, False, False], [False, False, False]]))",
    "nothing but padding": "dict(padding=torch.tensor([[True, True, True], [False, False, False]]))",
    "numbers as padding": "dict(padding=torch.tensor([[0.0, 0.0, 1.0], [0.0, -2.0, 3.0]]))",
    "causal": f"dict(mask={_CAUSAL})",
    "causal, and nothing is seen": f"dict(mask={_CAUSAL}, padding=torch.tensor([[True, False, False]] * 2))",
    "causal as truth values": f"dict(mask={_CAUSAL}.isinf(), padding=torch.tensor([[False, False, True]] * 2))",
    "a mask for every head": f"dict(mask={_CAUSAL}.isinf().expand(4, 3, 3))",
    "everything left out": "dict(mask=torch.ones(3, 3).bool())",
    "a hint without a mask": "dict(is_causal=True)",
    "padding of another shape": "dict(padding=torch.zeros(3, 2).bool())",
    "a mask of another shape": "dict(mask=torch.zeros(2, 2))",
}  # fmt: skip


def _masked(library: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = eval(MASKS[name], {"torch": library, "nn": library.nn})
    return found


def _attended(library: Any, kind: str, name: str, recorded: bool) -> Any:
    nn = library.nn
    library.manual_seed(0)
    x = library.randn(2, 3, 4)
    given = _masked(library, name)
    mask, padding = given.pop("mask", None), given.pop("padding", None)
    options = {"norm first": {"norm_first": True}, "gelu": {"activation": "gelu"}}.get(kind, {})
    with library.set_grad_enabled(recorded):
        if kind.startswith("attention"):
            attention = nn.MultiheadAttention(4, 2, batch_first=True).eval()
            weights = kind == "attention with weights"
            return attention(x, x, x, padding, weights, mask, average_attn_weights=False, **given)
        layer = nn.TransformerEncoderLayer(4, 2, 6, 0.0, batch_first=True, **options).eval()
        if not kind.startswith("encoder"):
            return layer(x, mask, padding, **given)
        norm = nn.LayerNorm(4)
        with library.no_grad():
            norm.bias.fill_(0.5)
        encoder = nn.TransformerEncoder(layer, 2, norm, mask_check=kind != "encoder that trusts").eval()
        return encoder(x, mask, padding, **given)


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("name", list(MASKS))
@pytest.mark.parametrize(
    "kind",
    ["attention", "attention with weights", "layer", "norm first", "gelu", "encoder", "encoder that trusts"],
)
def test_attention_in_evaluation(kind: str, name: str, recorded: bool) -> None:
    """Without gradients torch runs fused code, in which queries that see nothing give nan, and padding gives zeros."""

    def program(library: Any) -> Any:
        found = _attended(library, kind, name, recorded)
        return [
            None if value is None else (value.isnan(), value.nan_to_num())
            for value in (found if isinstance(found, tuple) else (found,))
        ]

    agree(program)


def test_fused_attention_can_be_switched_off() -> None:
    def program(library: Any) -> Any:
        switch = library.backends.mha.set_fastpath_enabled
        switch(False)
        try:
            return [_attended(library, kind, "nothing but padding", False) for kind in ("layer", "encoder")]
        finally:
            switch(True)

    agree(program)


def test_hooks_keep_a_layer_from_fused_code() -> None:
    def program(library: Any) -> Any:
        library.manual_seed(0)
        layer = library.nn.TransformerEncoderLayer(4, 2, 6, batch_first=True).eval()
        layer.linear1.register_forward_hook(lambda *_: None)
        with library.no_grad():
            return layer(library.randn(2, 3, 4), None, library.tensor([[True] * 3, [False] * 3]))

    agree(program)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_weighted_losses(name: str, reduction: str) -> None:
    def program(library: Any) -> Any:
        library.manual_seed(0)
        x, y, weight = library.randn(4, 3), library.randn(4, 3), library.rand(4, 3)
        return getattr(library.nn.functional, name)(x, y, reduction=reduction, weight=weight)

    agree(program)


def test_wrong_places_in_embeddings() -> None:
    def program(library: Any) -> list[Any]:
        bag = library.nn.EmbeddingBag(6, 2)
        normed = library.nn.Embedding(5, 3, max_norm=1.0)
        return [
            said(lambda: normed(library.tensor([5, 1]))),
            said(lambda: normed(library.tensor([-9, 7]))),
            said(lambda: bag(library.tensor([1, 2]), library.tensor([1]))),
            said(
                lambda: bag(
                    library.tensor([1, 2], dtype=library.int32), library.tensor([1], dtype=library.int32)
                )
            ),
        ]

    agree(program)


def said(call: Callable[[], Any]) -> str:
    try:
        return f"returned {type(call()).__name__}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_hidden_states_of_other_sizes(name: str) -> None:
    """What each kind of network says of a first state that does not fit, for packed sequences in any order and for tensors."""

    def program(library: Any) -> list[Any]:
        layer = getattr(library.nn, name)(2, 3)
        sequences = [library.ones(n, 2) for n in (3, 1, 4)]
        pack = library.nn.utils.rnn.pack_sequence
        inputs = [
            pack(sequences, enforce_sorted=False),
            pack(sorted(sequences, key=len, reverse=True)),
            library.ones(4, 3, 2),
            library.ones(4, 2),
        ]
        found = []
        for given in inputs:
            for size in ((1,), (1, 2, 3), (1, 4, 3), (1, 3, 4), (1, 3), (1, 3, 3)):
                for kind in ("float32", "float64", "bfloat16"):
                    state = library.ones(size, dtype=getattr(library, kind))
                    found.append(said(lambda: layer(given, (state, state) if name == "LSTM" else state)))
        return found

    agree(program)
