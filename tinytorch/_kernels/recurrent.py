"""A whole layer of long short-term memory on arrays. Source: Hochreiter and Schmidhuber 1997; Gers et al. 2000 (forget gates)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def _sigmoid(x: np.ndarray) -> None:
    """1 / (1 + exp(-x)), in place."""
    np.negative(x, x)
    np.exp(x, x)
    np.add(x, 1, x)
    np.reciprocal(x, x)


def lstm_layer(
    input: np.ndarray,
    weight0: np.ndarray,
    weight1: np.ndarray,
    weight2: np.ndarray,
    weight3: np.ndarray,
    hx: np.ndarray,
    cx: np.ndarray,
    reverse: bool,
    batch_sizes: Sequence[int],
    mode: int,
    hidden_size: int,
    num_layers: int,
    has_biases: bool,
    bidirectional: bool,
    batch_first: bool,
    train: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Output (T, B, H), last hidden and cell state (B, H), and for the way back the gates and cells of every step (T, B, 5 H).

    input (T, B, I); weight0 (4 H, I), weight1 (4 H, H): input, forget, cell and output gate; weight2, weight3 (4 H,): their biases.
    """
    steps, batch, width = input.shape
    size = hidden_size
    inputs = np.dot(input.reshape(steps * batch, width), weight0.T)
    if has_biases:
        inputs += weight2 + weight3
    inputs = inputs.reshape(steps, batch, 4 * size)
    # For the products of every step OpenBLAS wants the matrix in order, if there are rows enough.
    turned = np.ascontiguousarray(weight1.T) if batch >= 8 and steps >= 4 else weight1.T
    workspace = np.empty((steps, batch, 5 * size), input.dtype)
    output = np.empty((steps, batch, size), input.dtype)
    hidden, cell = hx.reshape(batch, size), cx.reshape(batch, size)
    for t in range(steps - 1, -1, -1) if reverse else range(steps):
        gates = np.dot(hidden, turned)
        gates += inputs[t]
        update = np.tanh(gates[:, 2 * size : 3 * size])
        _sigmoid(gates)  # of the whole, which takes less time than of parts with gaps
        gates[:, 2 * size : 3 * size] = update
        enter, forget, candidate, leave = (gates[:, i * size : (i + 1) * size] for i in range(4))
        cell = forget * cell
        cell += enter * candidate
        hidden = np.tanh(cell)
        hidden *= leave
        workspace[t, :, : 4 * size], workspace[t, :, 4 * size :], output[t] = gates, cell, hidden
    return output, hidden.reshape(hx.shape), cell.reshape(cx.shape), workspace


def lstm_layer_backward(
    input: np.ndarray,
    weight1: np.ndarray,
    weight2: np.ndarray,
    weight3: np.ndarray,
    weight4: np.ndarray,
    hx: np.ndarray,
    cx: np.ndarray,
    output: np.ndarray,
    hy: np.ndarray,
    cy: np.ndarray,
    grad_output: np.ndarray | None,
    grad_hy: np.ndarray | None,
    grad_cy: np.ndarray | None,
    reverse: bool,
    mode: int,
    hidden_size: int,
    num_layers: int,
    has_biases: bool,
    train: bool,
    bidirectional: bool,
    batch_sizes: Sequence[int],
    batch_first: bool,
    workspace: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Gradients of lstm_layer's input, weights, biases and states. weight1 (4 H, I), weight2 (4 H, H)."""
    steps, batch, width = input.shape
    size = hidden_size
    first_hidden, first_cell = hx.reshape(batch, size), cx.reshape(batch, size)
    toward = np.empty(
        (steps, batch, 4 * size), input.dtype
    )  # gradients of the gates before their nonlinearities
    zero = np.zeros((batch, size), input.dtype)
    d_hidden = zero if grad_hy is None else grad_hy.reshape(batch, size)
    d_cell = zero if grad_cy is None else grad_cy.reshape(batch, size)
    slopes = np.empty((4, batch, size), input.dtype)
    order = range(steps) if reverse else range(steps - 1, -1, -1)
    for t in order:
        before = t + 1 if reverse else t - 1
        former = workspace[before, :, 4 * size :] if 0 <= before < steps else first_cell
        # Each gate on its own, without gaps: (5, B, H).
        parts = workspace[t].reshape(batch, 5, size).transpose(1, 0, 2).copy()
        enter, forget, candidate, leave, cell = parts
        kept = 1 - parts[:4]
        np.multiply(candidate, candidate, kept[2])
        np.subtract(1, kept[2], kept[2])
        bent = np.tanh(cell)
        if grad_output is not None:
            d_hidden = d_hidden + grad_output[t]
        d_cell = d_cell + d_hidden * leave * (1 - bent * bent)
        np.multiply(d_cell, candidate, slopes[0])
        np.multiply(d_cell, former, slopes[1])
        np.multiply(d_hidden, bent, slopes[3])
        slopes[:2] *= parts[:2]
        np.multiply(d_cell, enter, slopes[2])
        slopes[3] *= leave
        slopes *= kept
        toward[t].reshape(batch, 4, size)[...] = slopes.transpose(1, 0, 2)
        d_cell = d_cell * forget
        d_hidden = np.dot(toward[t], weight2)
    hidden = np.concatenate(
        [output[1:], first_hidden[None]] if reverse else [first_hidden[None], output[:-1]]
    )
    flat = toward.reshape(steps * batch, 4 * size)
    bias = flat.sum(0)
    return (
        np.dot(flat, weight1).reshape(input.shape),
        np.dot(flat.T, input.reshape(steps * batch, width)),
        np.dot(flat.T, hidden.reshape(steps * batch, size)),
        bias,
        bias.copy(),
        d_hidden.reshape(hx.shape),
        d_cell.reshape(cx.shape),
    )
