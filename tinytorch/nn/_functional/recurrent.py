"""Recurrent layers over padded and packed sequences, step by step.

A layer multiplies all inputs by its input weights at once; what depends on the former step runs in a loop.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .published import ops


def tanh_step(gates: Any, hidden: Any, w_hh: Any, b_hh: Any) -> Any:
    """tanh(input part + hidden part)."""
    return (ops.linear(hidden, w_hh, b_hh) + gates).tanh()


def relu_step(gates: Any, hidden: Any, w_hh: Any, b_hh: Any) -> Any:
    """max(0, input part + hidden part)."""
    return (ops.linear(hidden, w_hh, b_hh) + gates).relu()


def lstm_step(gates: Any, state: tuple[Any, Any], w_hh: Any, b_hh: Any, w_hr: Any = None) -> tuple[Any, Any]:
    """One step of an LSTM. gates (B, 4H): input, forget, cell, output; state: (B, P) and (B, H)."""
    hidden, cell = state
    total = ops.linear(hidden, w_hh, b_hh) + gates
    enter, forget, candidate, leave = ops.unsafe_chunk(total, 4, 1)
    cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
    hidden = leave.sigmoid() * cell.tanh()
    if w_hr is not None:
        hidden = hidden.matmul(w_hr.t())
    return hidden, cell


def gru_step(gates: Any, hidden: Any, w_hh: Any, b_hh: Any) -> Any:
    """One step of a GRU. gates (B, 3H): reset, update, new."""
    reset_in, update_in, new_in = ops.unsafe_chunk(gates, 3, 1)
    reset_hidden, update_hidden, new_hidden = ops.unsafe_chunk(ops.linear(hidden, w_hh, b_hh), 3, 1)
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
        return (ops.cat([s[0] for s in states]), ops.cat([s[1] for s in states]))


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
        return ops.cat(states)


def _run_steps(layer: Any, gates: list[Any], state: Any, sizes: list[int] | None, reverse: bool) -> Any:
    """Outputs per step in order of time, and the last state. sizes: rows per step, falling, if sequences end early."""
    outputs: list[Any] = []
    order = range(len(gates) - 1, -1, -1) if reverse else range(len(gates))
    if sizes is None:
        for t in order:
            output, state = layer.step(gates[t], state)
            outputs.append(output)
        return (outputs[::-1] if reverse else outputs), state
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
    return outputs, layer.join([state, *reversed(ended)]) if ended else state


def _rows(gates: Any, sizes: list[int]) -> list[Any]:
    """The rows of each step of packed sequences."""
    steps, start = [], 0
    for size in sizes:
        steps.append(gates.narrow(0, start, size))
        start += size
    return steps


def _fusible(input: Any, weights: list[list[Any]]) -> bool:
    """Whether torch runs each layer as one operator."""
    if input.dtype._name != "float32" or input.numel() == 0 or input.is_meta:
        return False
    if any(w_hr is not None for *_, w_hr in weights):
        warnings.warn(
            "LSTM with projections is not supported with oneDNN. Using default implementation.", stacklevel=7
        )
        return False
    return all(w_ih.dtype is input.dtype for w_ih, *_ in weights)


def _whole_layer(
    input: Any, state: Any, place: int, weights: list[Any], reverse: bool, training: bool
) -> tuple[Any, Any]:
    """One direction of a layer. input (T, B, I): output (T, B, H), and the last hidden and cell state (B, H)."""
    w_ih, w_hh, b_ih, b_hh, _ = weights
    biased = b_ih is not None
    if not biased:
        b_ih = b_hh = input.new_zeros(w_ih.shape[0])
    output, hidden, cell, _ = ops.mkldnn_rnn_layer(
        input, w_ih, w_hh, b_ih, b_hh, state[0][place], state[1][place], reverse, (), 2, w_hh.shape[1], 1, biased, False, False, training
    )  # fmt: skip
    return output, (hidden, cell)


def recurrent(
    mode: str,
    input: Any,
    state: Any,
    weights: list[list[Any]],
    num_layers: int,
    dropout: float,
    training: bool,
    bidirectional: bool,
    sizes: list[int] | None = None,
) -> tuple[Any, Any]:
    """All layers. input (T, B, I), or (rows, I) of packed sequences with `sizes` rows per step.

    weights: for each layer and direction [w_ih, w_hh, b_ih or None, b_hh or None, w_hr or None]. state: (layers, B, H), for an LSTM
    a pair. Returns the output of the last layer and the last states of all.
    """
    from .. import functional

    if sizes is None and input.shape[0] == 0:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    lstm = mode == "LSTM"
    directions = 2 if bidirectional else 1
    fused = lstm and sizes is None and _fusible(input, weights)
    starts: Any = ()
    if not fused:
        starts = list(zip(state[0].unbind(0), state[1].unbind(0), strict=True)) if lstm else state.unbind(0)
    finals: list[Any] = []
    for number in range(num_layers):
        parts = []
        for direction in range(directions):
            place = number * directions + direction
            w_ih, w_hh, b_ih, b_hh, w_hr = weights[place]
            if fused:
                output, final = _whole_layer(input, state, place, weights[place], direction == 1, training)
                parts.append(output)
                finals.append(final)
                continue
            layer: Any = _Lstm([w_hh, b_hh, w_hr]) if lstm else _Simple(mode, [w_hh, b_hh])
            gates = ops.linear(input, w_ih, b_ih)
            steps = gates.unbind(0) if sizes is None else _rows(gates, sizes)
            outputs, final = _run_steps(layer, list(steps), starts[place], sizes, direction == 1)
            parts.append(ops.stack(outputs) if sizes is None else ops.cat(outputs))
            finals.append(final)
        input = parts[0] if directions == 1 else ops.cat(parts, dim=-1)
        if dropout and training and number < num_layers - 1:
            input = functional.dropout(input, dropout, True)
    if lstm:
        return input, (ops.stack([f[0] for f in finals]), ops.stack([f[1] for f in finals]))
    return input, ops.stack(finals)
