"""A layer of long short-term memory as one operator, as torch runs it in float32."""

from __future__ import annotations

from typing import Any

from .._core.declare import find, op
from .._core.element_types import takes
from .._core.modes import modes
from .._kernels import recurrent as kernels

_STATES = ("hx_", "cx_")
_NO_PRIMITIVE = (
    "could not create a primitive descriptor for the LSTM forward propagation primitive. Run workload with environment variable "
    "ONEDNN_VERBOSE=all to get additional diagnostic information."
)

lstm_layer = op(
    "mkldnn_rnn_layer(Tensor input, Tensor weight0, Tensor weight1, Tensor weight2, Tensor weight3, Tensor hx_, Tensor cx_, bool reverse, "
    "int[] batch_sizes, int mode, int hidden_size, int num_layers, bool has_biases, bool bidirectional, bool batch_first, bool train) -> "
    "(Tensor, Tensor, Tensor, Tensor)",
    kernels.lstm_layer,
    element_types=(
        *[takes("reduced float32", "get_mkldnn_dtype: unsupported data type", of=name) for name in _STATES],
        *[takes("float32", _NO_PRIMITIVE, of=name) for name in _STATES],
    ),
    nondifferentiable_outputs=("result3",),
    undefined_grads=True,
    method=False,
    out=False,
    forward=False,
)
lstm_layer_backward = op(
    "mkldnn_rnn_layer_backward(Tensor input, Tensor weight1, Tensor weight2, Tensor weight3, Tensor weight4, Tensor hx_, Tensor cx_tmp, "
    "Tensor output, Tensor hy_, Tensor cy_, Tensor? grad_output, Tensor? grad_hy, Tensor? grad_cy, bool reverse, int mode, int hidden_size, "
    "int num_layers, bool has_biases, bool train, bool bidirectional, int[] batch_sizes, bool batch_first, Tensor workspace) -> "
    "(Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    kernels.lstm_layer_backward,
    method=False,
    function=False,
    out=False,
)

_NAMES = ("input", "weight0", "weight1", "weight2", "weight3", "hx_", "cx_")


def _gradients(
    grads: tuple[Any, Any, Any], operands: tuple[Any, ...], reverse: bool, size: int, biased: bool, output: Any, workspace: Any,
    needs: frozenset[str],
) -> dict[str, Any]:  # fmt: skip
    if modes.grad:
        results = _differentiable(grads, operands, reverse, size, biased)
    else:
        hx, cx = operands[5:]
        results = lstm_layer_backward(
            *operands, output, hx, cx, *grads, reverse, 2, size, 1, biased, True, False, (), False, workspace
        )
    return {name: result if name in needs else None for name, result in zip(_NAMES, results, strict=True)}


def _differentiable(
    grads: tuple[Any, Any, Any], operands: tuple[Any, ...], reverse: bool, size: int, biased: bool
) -> tuple[Any, ...]:
    """The gradients as tensors that may be differentiated again: the steps are run anew, and then backwards."""
    input, w_ih, w_hh, b_ih, b_hh, hx, cx = operands
    steps, batch = input.shape[:2]
    cat = find("cat").call
    order = list(range(steps - 1, -1, -1) if reverse else range(steps))
    inputs = input.matmul(w_ih.t())  # (T, B, 4 H)
    if biased:
        inputs = inputs + (b_ih + b_hh)
    hidden, cell = hx.reshape(batch, size), cx.reshape(batch, size)
    kept: dict[int, tuple[Any, ...]] = {}
    for t in order:
        enter, forget, candidate, leave = (inputs[t] + hidden.matmul(w_hh.t())).chunk(4, 1)
        enter, forget, candidate, leave = enter.sigmoid(), forget.sigmoid(), candidate.tanh(), leave.sigmoid()
        former, past = cell, hidden
        cell = forget * cell + enter * candidate
        bent = cell.tanh()
        hidden = leave * bent
        kept[t] = (enter, forget, candidate, leave, former, past, bent)
    d_output, d_hidden, d_cell = grads
    d_hidden = hx.new_zeros(batch, size) if d_hidden is None else d_hidden.reshape(batch, size)
    d_cell = hx.new_zeros(batch, size) if d_cell is None else d_cell.reshape(batch, size)
    toward: dict[int, Any] = {}
    for t in reversed(order):
        enter, forget, candidate, leave, former, past, bent = kept[t]
        if d_output is not None:
            d_hidden = d_hidden + d_output[t]
        d_cell = d_cell + d_hidden * leave * (1 - bent * bent)
        toward[t] = cat(
            [
                d_cell * candidate * enter * (1 - enter),
                d_cell * former * forget * (1 - forget),
                d_cell * enter * (1 - candidate * candidate),
                d_hidden * bent * leave * (1 - leave),
            ],
            1,
        )
        d_cell = d_cell * forget
        d_hidden = toward[t].matmul(w_hh)
    flat = cat([toward[t] for t in range(steps)], 0)  # (T B, 4 H)
    pasts = cat([kept[t][5] for t in range(steps)], 0)  # (T B, H)
    bias = flat.sum(0)
    return (
        flat.matmul(w_ih).reshape(input.shape),
        flat.t().matmul(input.reshape(steps * batch, -1)),
        flat.t().matmul(pasts),
        bias,
        bias,
        d_hidden.reshape(hx.shape),
        d_cell.reshape(cx.shape),
    )


lstm_layer.vjp_all(
    lambda grad_result0, grad_result1, grad_result2, input, weight0, weight1, weight2, weight3, hx_, cx_, reverse, hidden_size, has_biases, result0, result3, needs: (
        _gradients(
            (grad_result0, grad_result1, grad_result2),
            (input, weight0, weight1, weight2, weight3, hx_, cx_),
            reverse,
            hidden_size,
            has_biases,
            result0,
            result3,
            needs,
        )
    )
)
