"""Recurrent layers over padded and packed sequences, step by step.

A layer multiplies all inputs by its input weights at once; what depends on the former step runs in a loop.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from .._core.declare import composite, find
from .._core.warning import warn_once
from .._kernels.scalar_types import scalar_type_name
from .assembly import cat, stack, unsafe_chunk
from .matrix_composites import linear
from .recurrent import lstm_layer


def tanh_step(gates: Any, hidden: Any, w_hh: Any, b_hh: Any) -> Any:
    """tanh(input part + hidden part)."""
    return (linear(hidden, w_hh, b_hh) + gates).tanh()


def relu_step(gates: Any, hidden: Any, w_hh: Any, b_hh: Any) -> Any:
    """max(0, input part + hidden part)."""
    return (linear(hidden, w_hh, b_hh) + gates).relu()


def lstm_step(gates: Any, state: tuple[Any, Any], w_hh: Any, b_hh: Any, w_hr: Any = None) -> tuple[Any, Any]:
    """One step of an LSTM. gates (B, 4H): input, forget, cell, output; state: (B, P) and (B, H)."""
    hidden, cell = state
    total = linear(hidden, w_hh, b_hh) + gates
    enter, forget, candidate, leave = unsafe_chunk(total, 4, 1)
    cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
    hidden = leave.sigmoid() * cell.tanh()
    if w_hr is not None:
        hidden = hidden.matmul(w_hr.t())
    return hidden, cell


def gru_step(gates: Any, hidden: Any, w_hh: Any, b_hh: Any) -> Any:
    """One step of a GRU. gates (B, 3H): reset, update, new."""
    reset_in, update_in, new_in = unsafe_chunk(gates, 3, 1)
    reset_hidden, update_hidden, new_hidden = unsafe_chunk(linear(hidden, w_hh, b_hh), 3, 1)
    reset = (reset_hidden + reset_in).sigmoid()
    update = (update_hidden + update_in).sigmoid()
    new = (new_in + new_hidden * reset).tanh()
    return (hidden - new) * update + new


STEPS: dict[str, Callable[..., Any]] = {
    "RNN_TANH": tanh_step,
    "RNN_RELU": relu_step,
    "GRU": gru_step,
}


class _Lstm:
    """The state of an LSTM while it runs: a pair."""

    def __init__(self, weights: list[Any]) -> None:
        self.w_hh, self.b_hh, self.w_hr = weights

    def step(self, gates: Any, state: Any) -> tuple[Any, Any]:
        hidden, cell = lstm_step(gates, state, self.w_hh, self.b_hh, self.w_hr)
        return hidden, (hidden, cell)

    def first(self, state: Any, count: int) -> Any:
        return (state[0][:count], state[1][:count])

    def rest(self, state: Any, start: int, stop: int | None = None) -> Any:
        return (state[0][start:stop], state[1][start:stop])

    def join(self, states: list[Any]) -> Any:
        return (cat([s[0] for s in states]), cat([s[1] for s in states]))


class _Simple:
    """The state of a layer with one hidden tensor."""

    def __init__(self, mode: str, weights: list[Any]) -> None:
        self.run = STEPS[mode]
        self.w_hh, self.b_hh = weights[:2]

    def step(self, gates: Any, state: Any) -> tuple[Any, Any]:
        hidden = self.run(gates, state, self.w_hh, self.b_hh)
        return hidden, hidden

    def first(self, state: Any, count: int) -> Any:
        return state[:count]

    def rest(self, state: Any, start: int, stop: int | None = None) -> Any:
        return state[start:stop]

    def join(self, states: list[Any]) -> Any:
        return cat(states)


def _run_steps(layer: Any, gates: list[Any], state: Any, sizes: list[int] | None, reverse: bool) -> Any:
    """Outputs per step in order of time, and the last state. sizes: rows per step, falling, if sequences end early."""
    outputs: list[Any] = []
    order = range(len(gates) - 1, -1, -1) if reverse else range(len(gates))
    if sizes is None:
        for t in order:
            output, state = layer.step(gates[t], state)
            outputs.append(output)
        return (outputs[::-1] if reverse else outputs), state
    if any(
        later > earlier for earlier, later in itertools.pairwise(sizes)
    ):  # torch makes something of memory it should not read
        raise RuntimeError(f"the rows per step of packed sequences must not grow, but are {sizes}")
    if reverse:
        initial, rows = state, sizes[-1]
        state = layer.first(initial, rows)
        for t in order:
            if sizes[t] > rows:  # sequences whose end is here join
                state = layer.join([state, layer.rest(initial, rows, sizes[t])])
                rows = sizes[t]
            output, state = layer.step(gates[t], state)
            outputs.append(output)
        return outputs[::-1], state
    ended: list[Any] = []
    rows = sizes[0]
    for t in order:
        if sizes[t] < rows:  # sequences that ended leave with their state
            ended.append(layer.rest(state, sizes[t]))
            state = layer.first(state, sizes[t])
            rows = sizes[t]
        output, state = layer.step(gates[t], state)
        outputs.append(output)
    return outputs, layer.join([state, *reversed(ended)])


def _rows(gates: Any, sizes: list[int]) -> list[Any]:
    """The rows of each step of packed sequences."""
    steps, start = [], 0
    for size in sizes:
        steps.append(gates.narrow(0, start, size))
        start += size
    return steps


def _fusible(input: Any, params: Sequence[Any], projected: bool) -> bool:
    """Whether torch runs each layer as one operator."""
    if input.dtype._name != "float32" or input.numel() == 0 or input.is_meta:
        return False
    if projected:
        warn_once("LSTM with projections is not supported with oneDNN. Using default implementation.")
        return False
    return all(weight.dtype is input.dtype for weight in params)


def _whole_layer(
    input: Any, state: Any, place: int, weights: list[Any], reverse: bool, training: bool
) -> tuple[Any, Any]:
    """One direction of a layer. input (T, B, I): output (T, B, H), and the last hidden and cell state (B, H)."""
    w_ih, w_hh, b_ih, b_hh, _ = weights
    biased = b_ih is not None
    if not biased:
        b_ih = b_hh = input.new_zeros(w_ih.shape[0])
    hidden, cell = (part.select(0, place) for part in state)
    if hidden.shape[0] != input.shape[1]:  # torch reads past the end of memory, or leaves rows out
        raise RuntimeError(
            f"The size of tensor a ({hidden.shape[0]}) must match the size of tensor b ({input.shape[1]}) at non-singleton dimension 0"
        )
    output, hidden, cell, _ = lstm_layer(
        input, w_ih, w_hh, b_ih, b_hh, hidden, cell, reverse, (), 2, w_hh.shape[1], 1, biased, False, False, training
    )  # fmt: skip
    return output, (hidden, cell)


def _grouped(params: Sequence[Any], has_biases: bool, projected: bool, fused: bool) -> list[list[Any]]:
    """[w_ih, w_hh, b_ih, b_hh, w_hr] per layer and direction, None for what there is not."""
    count = 2 + 2 * has_biases + projected
    if len(params) % count:
        if fused:
            raise RuntimeError(f"MatrixRef: ArrayRef size {len(params)} not divisible by stride {count}")
        raise RuntimeError("got an incorrect number of RNN parameters")
    weights = []
    for start in range(0, len(params), count):
        group = list(params[start : start + count])
        biases = group[2:4] if has_biases else [None, None]
        weights.append([*group[:2], *biases, group[-1] if projected else None])
    return weights


def _network(
    mode: str,
    input: Any,
    state: Any,
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool = False,
    sizes: list[int] | None = None,
) -> tuple[Any, Any]:
    """All layers. input (T, B, I), (B, T, I) where batch first, or (rows, I) of packed sequences with `sizes` rows per step.

    state: (layers, B, H), for an LSTM a pair. Returns the output of the last layer and the last states of all.
    """
    lstm = mode == "LSTM"
    if batch_first:
        input = input.transpose(0, 1)
    if sizes is None and input.shape[0] == 0:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    if lstm:
        projected = state[0].size(2) != state[1].size(2)
        fused = sizes is None and _fusible(input, params, projected)
        if fused:
            input.size(2)  # raises IndexError
    else:
        projected = fused = False
    weights = _grouped(params, has_biases, projected, fused)
    directions = 2 if bidirectional else 1
    starts: Any = ()
    if not fused:
        starts = list(zip(state[0].unbind(0), state[1].unbind(0), strict=True)) if lstm else state.unbind(0)
        if len(starts) < num_layers * directions:
            raise RuntimeError("Expected more hidden states in stacked_rnn")
        if len(weights) != num_layers * directions:
            raise RuntimeError("Expected more weights in stacked_rnn")
        if len(starts) != num_layers * directions:
            raise RuntimeError("Expected more hidden states in stacked_rnn")
    elif len(weights) < num_layers * directions:
        size = len(params)
        stride = size // len(weights) if weights else 0
        raise RuntimeError(f"ArrayRef: invalid slice, N = {size}; M = {stride}; size = {size}")
    finals: list[Any] = []
    for number in range(num_layers):
        parts = []
        for direction in range(directions):
            place = number * directions + direction
            w_ih, w_hh, b_ih, b_hh, w_hr = weights[place]
            if fused:
                output, final = _whole_layer(input, state, place, weights[place], direction == 1, train)
                parts.append(output)
                finals.append(final)
                continue
            layer: Any = _Lstm([w_hh, b_hh, w_hr]) if lstm else _Simple(mode, [w_hh, b_hh])
            gates = linear(input, w_ih, b_ih)
            steps = gates.unbind(0) if sizes is None else _rows(gates, sizes)
            outputs, final = _run_steps(layer, list(steps), starts[place], sizes, direction == 1)
            parts.append(stack(outputs, 0) if sizes is None else cat(outputs, 0))
            finals.append(final)
        input = parts[0] if directions == 1 else cat(parts, -1)
        if dropout and train and number < num_layers - 1:
            input = find("dropout").call(input, dropout, True)
    if batch_first:
        input = input.transpose(0, 1) if lstm else input.transpose_(0, 1)
    if lstm:
        return input, (stack([f[0] for f in finals], 0), stack([f[1] for f in finals], 0))
    return input, stack(finals, 0)


def _sizes(data: Any, batch_sizes: Any) -> list[int]:
    """The rows of each step of packed sequences."""
    if batch_sizes.dtype._name != "int64":
        raise RuntimeError(
            f"expected scalar type Long but found {scalar_type_name(batch_sizes.dtype._numpy)}"
        )
    sizes: list[int] = batch_sizes.reshape(-1).tolist()[: batch_sizes.size(0)]
    return sizes


_LAYERS = "bool has_biases, int num_layers, float dropout, bool train, bool bidirectional"


def _two_states(hx: Sequence[Any], name: str) -> None:
    if len(hx) != 2:
        raise RuntimeError(f"{name} expects two hidden states")


@composite(
    f"lstm.input(Tensor input, Tensor[] hx, Tensor[] params, {_LAYERS}, bool batch_first) -> (Tensor, Tensor, Tensor)",
    method=False,
    out=False,
)
def lstm(
    input: Any,
    hx: Any,
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Any:
    """Layers of long short-term memory: the output, and the last hidden and cell states. hx: hidden (layers, B, P) and cell (layers, B, H)."""
    _two_states(hx, "lstm")
    settings = (has_biases, num_layers, dropout, train, bidirectional, batch_first)
    output, (hidden, cell) = _network("LSTM", input, hx, params, *settings)
    return output, hidden, cell


@composite(
    f"lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, Tensor[] params, {_LAYERS}) -> (Tensor, Tensor, Tensor)",
    method=False,
    out=False,
)
def lstm_data(
    data: Any,
    batch_sizes: Any,
    hx: Any,
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> Any:
    """lstm of packed sequences, (rows, I)."""
    _two_states(hx, "lstm")
    settings = (has_biases, num_layers, dropout, train, bidirectional, False)
    sizes: list[int] | None = _sizes(data, batch_sizes)
    even = len(set(sizes)) == 1 and _fusible(data, params, hx[0].size(2) != hx[1].size(2))
    if even:  # then it is a padded sequence without padding
        data, sizes = data.view(len(sizes), sizes[0], data.size(-1)), None
    output, (hidden, cell) = _network("LSTM", data, hx, params, *settings, sizes)
    return output.view(-1, output.size(-1)) if even else output, hidden, cell


def _declare_network(name: str) -> None:
    """The two overloads of a network whose state is one tensor."""
    mode = name.upper()

    def network(
        input: Any,
        hx: Any,
        params: Sequence[Any],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> Any:
        settings = (has_biases, num_layers, dropout, train, bidirectional, batch_first)
        return _network(mode, input, hx, params, *settings)

    def packed(
        data: Any,
        batch_sizes: Any,
        hx: Any,
        params: Sequence[Any],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
    ) -> Any:
        settings = (has_biases, num_layers, dropout, train, bidirectional, False)
        return _network(mode, data, hx, params, *settings, _sizes(data, batch_sizes))

    network.__doc__ = f"Layers of {mode}: the output (T, B, H) and the last hidden states (layers, B, H)."
    packed.__doc__ = f"{name} of packed sequences, (rows, I)."
    tail = f"Tensor hx, Tensor[] params, {_LAYERS}"
    composite(
        f"{name}.input(Tensor input, {tail}, bool batch_first) -> (Tensor, Tensor)", method=False, out=False
    )(network)
    composite(
        f"{name}.data(Tensor data, Tensor batch_sizes, {tail}) -> (Tensor, Tensor)", method=False, out=False
    )(packed)


for _name in ("gru", "rnn_tanh", "rnn_relu"):
    _declare_network(_name)


# Single steps --------------------------------------------------------------------------------------------------------


def _check_cell(input: Any, hidden: Any, w_ih: Any, w_hh: Any) -> None:
    """Raises RuntimeError where sizes do not fit."""
    if input.size(1) != w_ih.size(1):
        raise RuntimeError(f"input has inconsistent input_size: got {input.size(1)} expected {w_ih.size(1)}")
    if input.size(0) != hidden.size(0):
        raise RuntimeError(
            f"Input batch size {input.size(0)} doesn't match hidden0 batch size {hidden.size(0)}"
        )
    if hidden.size(1) != w_hh.size(1):
        raise RuntimeError(
            f"hidden0 has inconsistent hidden_size: got {hidden.size(1)}, expected {w_hh.size(1)}"
        )


_WEIGHTS = "Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None"


@composite(f"lstm_cell(Tensor input, Tensor[] hx, {_WEIGHTS}) -> (Tensor, Tensor)", method=False, out=False)
def lstm_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """One step of an LSTM: the new hidden and cell state, (B, H) each."""
    _two_states(hx, "lstm_cell")
    _check_cell(input, hx[0], w_ih, w_hh)
    return lstm_step(linear(input, w_ih, b_ih), (hx[0], hx[1]), w_hh, b_hh)


def _declare_cell(name: str) -> None:
    run = STEPS[name.removesuffix("_cell").upper()]

    def cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
        _check_cell(input, hx, w_ih, w_hh)
        return run(linear(input, w_ih, b_ih), hx, w_hh, b_hh)

    cell.__doc__ = f"One step of {name.removesuffix('_cell')}: the new hidden state, (B, H)."
    composite(f"{name}(Tensor input, Tensor hx, {_WEIGHTS}) -> Tensor", method=False, out=False)(cell)


for _name in ("gru_cell", "rnn_tanh_cell", "rnn_relu_cell"):
    _declare_cell(_name)
