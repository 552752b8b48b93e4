"""torch.lstm and its like: whole networks and single steps as functions."""

from __future__ import annotations

import pytest
import torch as real

import tinytorch

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def _weights(torch, gates, layers, directions, biased, projected, dtype):
    made = []
    for layer in range(layers):
        for _ in range(directions):
            seen = projected or 4
            made += [
                torch.randn(gates * 4, 3 if layer == 0 else seen * directions),
                torch.randn(gates * 4, seen),
            ]
            if biased:
                made += [torch.randn(gates * 4), torch.randn(gates * 4)]
            if projected:
                made.append(torch.randn(projected, 4))
    return [(0.3 * weight).to(dtype).requires_grad_() for weight in made]


def _tell(torch, name, packed, biased, directions, batch_first, projected, dtype):
    """Results, gradients and the state of the generator, as lists."""
    torch.manual_seed(0)
    dtype = getattr(torch, dtype)
    layers = 2
    params = _weights(torch, GATES[name], layers, directions, biased, projected, dtype)
    hidden = torch.randn(layers * directions, 2, projected or 4).to(dtype).requires_grad_()
    cell = torch.randn(layers * directions, 2, 4).to(dtype).requires_grad_()
    state = (hidden, cell) if name == "lstm" else hidden
    function = getattr(torch, name)
    settings = (params, biased, layers, 0.25, True, directions == 2)
    if packed:
        data = torch.randn(8, 3).to(dtype).requires_grad_()
        results = function(data, torch.tensor([2, 2, 2, 1, 1]), state, *settings)
    else:
        data = torch.randn(*((2, 5) if batch_first else (5, 2)), 3).to(dtype).requires_grad_()
        results = function(data, state, *settings, batch_first)
    wanted = [data, hidden, *params] + ([cell] if name == "lstm" else [])
    loss = sum(
        (result * torch.arange(result.numel()).to(dtype).reshape(result.shape)).sum() for result in results
    )
    grads = torch.autograd.grad(loss, wanted)
    told = [tensor.detach().double().tolist() for tensor in (*results, *grads)]
    return told, torch.get_rng_state().tolist(), [type(result.grad_fn).__name__ for result in results]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("packed, batch_first", [(False, False), (False, True), (True, False)])
@pytest.mark.parametrize("directions, biased", [(1, True), (2, False)])
@pytest.mark.parametrize("name", GATES)
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_networks(name, directions, biased, packed, batch_first, dtype):
    for projected in (0, 2) if name == "lstm" else (0,):
        arguments = (name, packed, biased, directions, batch_first, projected, dtype)
        expected, actual = _tell(real, *arguments), _tell(tinytorch, *arguments)
        assert actual[1:] == expected[1:]
        for ours, theirs in zip(actual[0], expected[0], strict=True):
            close = 1e-4 if dtype == "float32" else 1e-12
            real.testing.assert_close(real.tensor(ours), real.tensor(theirs), rtol=close, atol=close)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("name", GATES)
def test_cells(name, biased):
    told = []
    for torch in (real, tinytorch):
        torch.manual_seed(0)
        x, h, c = (torch.randn(2, size, dtype=torch.float64).requires_grad_() for size in (3, 4, 4))
        weights = _weights(torch, GATES[name], 1, 1, biased, 0, torch.float64)
        results = getattr(torch, f"{name}_cell")(x, (h, c) if name == "lstm" else h, *weights)
        results = results if isinstance(results, tuple) else (results,)
        grads = torch.autograd.grad(sum((r * r).sum() for r in results), [x, h, *weights])
        told.append([tensor.detach().tolist() for tensor in (*results, *grads)])
    for ours, theirs in zip(*told, strict=True):
        real.testing.assert_close(real.tensor(ours), real.tensor(theirs), rtol=1e-12, atol=1e-12)


def _wrong_calls(torch):
    x, h = torch.ones(5, 2, 3), torch.ones(1, 2, 4)
    lstm = [torch.ones(16, 3), torch.ones(16, 4), torch.ones(16), torch.ones(16)]
    gru = [torch.ones(12, 3), torch.ones(12, 4), torch.ones(12), torch.ones(12)]
    rest = (True, 1, 0.0, False, False, False)
    yield lambda: torch.lstm(x, (h,), lstm, *rest)
    yield lambda: torch.lstm(x, h, lstm, *rest)
    yield lambda: torch.lstm(x, (h, h), lstm[:3], *rest)
    yield lambda: torch.lstm(x, (h, h), lstm, True, 2, 0.0, False, False, False)
    yield lambda: torch.lstm(x[0], (h, h), lstm, *rest)
    yield lambda: torch.lstm(x[:0], (h, h), lstm, *rest)
    yield lambda: torch.lstm(x.double(), (h, h), lstm, *rest)
    yield lambda: torch.gru(x, h, gru[:3], *rest)
    yield lambda: torch.gru(x, h, gru * 2, *rest)
    yield lambda: torch.gru(x, h.repeat(3, 1, 1), gru, *rest)
    yield lambda: torch.gru(x, h, gru * 2, True, 2, 0.0, False, False, False)
    yield lambda: torch.lstm(torch.ones(8, 3), torch.tensor([2, 2]), (h, h), lstm, *rest[:-1])
    yield lambda: torch.gru(torch.ones(8, 3), torch.tensor([2, 2], dtype=torch.int32), h, gru, *rest[:-1])
    yield lambda: torch.lstm_cell(x[0], (h[0],), *lstm)
    yield lambda: torch.lstm_cell(x[0], h[0], *lstm)
    yield lambda: torch.gru_cell(torch.ones(2, 5), h[0], *gru)
    yield lambda: torch.gru_cell(torch.ones(3, 3), h[0], *gru)
    yield lambda: torch.gru_cell(x[0], torch.ones(2, 5), *gru)


def test_errors_are_torchs():
    for expected, actual in zip(_wrong_calls(real), _wrong_calls(tinytorch), strict=True):
        with pytest.raises(Exception) as theirs:
            expected()
        with pytest.raises(type(theirs.value)) as ours:
            actual()
        assert str(ours.value) == str(theirs.value)


def test_growing_sizes_are_refused():
    """torch reads memory there that it should not."""
    gru = [tinytorch.ones(12, 3), tinytorch.ones(12, 4), tinytorch.ones(12), tinytorch.ones(12)]
    with pytest.raises(RuntimeError, match="must not grow"):
        tinytorch.gru(
            tinytorch.ones(3, 3),
            tinytorch.tensor([1, 2]),
            tinytorch.ones(1, 2, 4),
            gru,
            True,
            1,
            0.0,
            False,
            False,
        )


def test_other_ways_to_them():
    arguments = (
        tinytorch.ones(5, 2, 3), tinytorch.ones(1, 2, 4), [tinytorch.ones(12, 3), tinytorch.ones(12, 4)], False, 1, 0.0, False, False, False,
    )  # fmt: skip
    expected = tinytorch.gru(*arguments)[0]
    assert tinytorch.equal(tinytorch.ops.aten.gru.input(*arguments)[0], expected)
    assert tinytorch.equal(tinytorch._VF.gru(*arguments)[0], expected)
    with pytest.raises(AttributeError, match="no_such_function"):
        tinytorch._VF.no_such_function  # noqa: B018


def _graph(node):
    return [type(node).__name__, *(_graph(following) for following, _ in node.next_functions if following)]


def _packing(torch, batch_first, side):
    """What sequences become on the way through padding and packing: shapes, strides, numbers, graphs, gradients."""
    rnn = torch.nn.utils.rnn
    sequences = [torch.arange(2.0 * n).view(n, 2).requires_grad_() for n in (3, 3, 1)]
    padded = rnn.pad_sequence(sequences, batch_first, 5.0, side)
    packed = rnn.pack_padded_sequence(padded, torch.tensor([3, 3, 1]), batch_first)
    found = [padded, packed.data, *rnn.pad_packed_sequence(packed, batch_first, -1.0, 4)[:1]]
    told = [(t.tolist(), t.stride(), t.is_contiguous(), _graph(t.grad_fn)) for t in found]
    found[2].square().sum().backward()
    told += [sequence.grad.tolist() for sequence in sequences]
    whole = found[2].detach()
    parts = rnn.unpad_sequence(whole, torch.tensor([3, 3, 1]), batch_first)
    return told, [(part.tolist(), part.stride()) for part in parts], tuple(whole.shape), whole.stride()


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_and_packing(batch_first, side):
    assert _packing(tinytorch, batch_first, side) == _packing(real, batch_first, side)


WRONG = {
    "lengths of no sequence": lambda torch: torch._pack_padded_sequence(torch.ones(3, 2), torch.tensor([3]), False),
    "rising lengths": lambda torch: torch._pack_padded_sequence(torch.ones(3, 2), torch.tensor([2, 3]), False),
    "a length of zero": lambda torch: torch._pack_padded_sequence(torch.ones(3, 2), torch.tensor([2, 0]), False),
    "a length beyond the end": lambda torch: [
        t.tolist() for t in torch._pack_padded_sequence(torch.ones(3, 2), torch.tensor([5, 2]), False)
    ],
    "floating lengths": lambda torch: torch._pack_padded_sequence(torch.ones(3, 2), torch.ones(2), False),
    "lengths in a matrix": lambda torch: torch._pack_padded_sequence(
        torch.ones(3, 2), torch.ones(1, 2, dtype=torch.int64), False
    ),
    "nothing to pack": lambda torch: torch._pack_padded_sequence(torch.ones(0, 2), torch.tensor([1, 1]), False),
    "a vector": lambda torch: torch._pack_padded_sequence(torch.ones(3), torch.tensor([1, 1]), False),
    "no batch sizes": lambda torch: torch._pad_packed_sequence(
        torch.ones(3, 2), torch.ones(0, dtype=torch.int64), False, 0.0, 3
    ),
    "too few steps": lambda torch: torch._pad_packed_sequence(torch.ones(3, 2), torch.tensor([2, 1]), False, 0.0, 1),
    "too little data": lambda torch: torch._pad_packed_sequence(torch.ones(2, 2), torch.tensor([2, 1]), False, 0.0, 2),
    "sequences of other shapes": lambda torch: torch.nn.utils.rnn.pad_sequence([torch.ones(3), torch.ones(2, 3)]),
    "no sequences": lambda torch: torch.nn.utils.rnn.pad_sequence([]),
    "a number as a sequence": lambda torch: torch.nn.utils.rnn.pad_sequence([torch.tensor(1.0)]),
    "a side that is none": lambda torch: torch.nn.utils.rnn.pad_sequence([torch.ones(1)], padding_side="top"),
    "lengths in a list": lambda torch: torch.nn.utils.rnn.unpad_sequence(torch.ones(3, 2), [3, 2]),
}  # fmt: skip


@pytest.mark.parametrize("program", WRONG.values(), ids=WRONG.keys())
def test_wrong_sequences(program):
    def outcome(torch):
        try:
            return program(torch)
        except Exception as error:
            return type(error).__name__, str(error)

    assert outcome(tinytorch) == outcome(real)
