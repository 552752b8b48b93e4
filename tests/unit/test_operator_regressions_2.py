"""Operators that once differed from torch: one case per class of bug, asked of both libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import tinytorch

torch = pytest.importorskip("torch")

Program = Callable[[Any], Any]


def _names(function: Any) -> Any:
    """The autograd graph as nested names."""
    if function is None:
        return None
    name = function.name().removeprefix("torch::autograd::")
    return (name, *[_names(edge) for edge, _ in function.next_functions])


def _shown(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_shown(item) for item in value]
    if hasattr(value, "stride"):
        return (tuple(value.shape), tuple(value.stride()), str(value.dtype), value.tolist())
    return value


def _filled(torch: Any, *shape: int, dtype: Any = None) -> Any:
    """Distinct numbers of either sign, the same in both libraries."""
    count = 1
    for size in shape:
        count *= size
    values = ((torch.arange(count, dtype=torch.float64) * 7 + 3) % 11 - 5) / 4
    return values.reshape(shape).to(torch.float32 if dtype is None else dtype)


def _image(torch: Any) -> Any:
    return _filled(torch, 2, 3, 4, 4).contiguous(memory_format=torch.channels_last)


def _group_norm_statistics(torch: Any) -> Any:
    x = _filled(torch, 2, 4, 3, dtype=torch.float64).requires_grad_()
    _, mean, rate = torch.native_group_norm(x, None, None, 2, 4, 3, 2, 1e-5)
    (grad,) = torch.autograd.grad((mean * 3 + rate * rate).sum(), x)
    return [[round(number, 9) for number in row] for row in grad.reshape(2, -1).tolist()]


def _history_of_overlapping_slices(torch: Any) -> Any:
    x = _filled(torch, 4).requires_grad_()
    y = x * 1
    y[:2].copy_(y[2:])
    return _names(y.grad_fn), torch.autograd.grad(y.sum(), x)[0].tolist()


def _complex_convolution(torch: Any) -> Any:
    F = torch.nn.functional
    x = torch.complex(_filled(torch, 1, 1, 4), _filled(torch, 1, 1, 4).flip(2)).requires_grad_()
    w = torch.complex(_filled(torch, 1, 1, 2), _filled(torch, 1, 1, 2) + 1)
    out = F.conv1d(x, w)
    return _names(out.grad_fn), out.tolist()


def _bfloat16_statistics(torch: Any) -> Any:
    mean, variance = (torch.zeros(3, dtype=torch.bfloat16) + k for k in (0.5, 1.5))
    x = _filled(torch, 5, 3, 2, dtype=torch.bfloat16) * 3
    out = torch.native_batch_norm(x, None, None, mean, variance, True, 0.3, 1e-5)
    return mean.tolist(), variance.tolist(), out[1].tolist(), out[2].tolist()


def _names_of_attention(torch: Any, dtype: str) -> Any:
    q = _filled(torch, 2, 3, 4).to(getattr(torch, dtype)).requires_grad_()
    out = torch.nn.functional.scaled_dot_product_attention(q, q, q)
    return _names(out.grad_fn), str(out.dtype)


def _outputs_that_need_gradients(torch: Any) -> Any:
    x = _filled(torch, 3, 4).requires_grad_()
    layer = torch.native_layer_norm(x, (4,), None, None, 1e-5)
    batch = torch.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)
    return [tensor.requires_grad for tensor in (*layer, *batch)]


SAME: dict[str, Program] = {
    "group norm's mean and rate are differentiable": _group_norm_statistics,
    "statistics of layer and batch norm are not": _outputs_that_need_gradients,
    "sources that share memory with what is written": _history_of_overlapping_slices,
    "complex convolution is three real ones": _complex_convolution,
    "bfloat16 running statistics round where torch rounds": _bfloat16_statistics,
    "attention, composed": lambda torch: _names_of_attention(torch, "float32"),
    "attention, composed, 16 bits": lambda torch: _names_of_attention(torch, "bfloat16"),
    "tensordot to one element is a dot": lambda torch: _names(
        torch.tensordot(
            _filled(torch, 2, 1, 3).requires_grad_(), _filled(torch, 2, 3), ([0, 2], [0, 1])
        ).grad_fn
    ),
    "nextafter hands its gradient on": lambda torch: torch.autograd.grad(
        torch.nextafter(x := _filled(torch, 3).requires_grad_(), torch.zeros(3)).sum(), x
    )[0].tolist(),
    "pixel_shuffle by 1 copies": lambda torch: (
        (x := torch.ones(1, 1, 2, 2)).data_ptr() == torch.nn.functional.pixel_shuffle(x, 1).data_ptr()
    ),
    "out of scatter": lambda torch: _shown(
        torch.scatter(torch.zeros(3), 0, torch.tensor([1]), 5.0, out=torch.empty(0))
    ),
    "out of tensordot is resized": lambda torch: _shown(
        torch.tensordot(torch.ones(2, 3), torch.ones(3, 2), 1, out=torch.empty(0))
    ),
    "out of norm is resized": lambda torch: _shown(torch.norm(torch.ones(2, 2), 2, 1, out=torch.empty(0))),
}


@pytest.mark.parametrize("program", SAME.values(), ids=SAME.keys())
def test_same_answer(program: Program) -> None:
    assert program(tinytorch) == program(torch)


LAYOUTS: dict[str, Program] = {
    "max_pool2d": lambda torch: torch.nn.functional.max_pool2d(_image(torch), 2, return_indices=True),
    "avg_pool2d": lambda torch: torch.nn.functional.avg_pool2d(_image(torch), 2),
    "adaptive_avg_pool2d": lambda torch: torch.nn.functional.adaptive_avg_pool2d(_image(torch), 2),
    "adaptive_max_pool2d": lambda torch: torch.nn.functional.adaptive_max_pool2d(_image(torch), 2),
    "conv2d": lambda torch: torch.nn.functional.conv2d(_image(torch), torch.ones(2, 3, 1, 1)),
    "conv_transpose2d": lambda torch: torch.nn.functional.conv_transpose2d(
        _image(torch), torch.ones(3, 2, 1, 1)
    ),
    "group_norm": lambda torch: torch.nn.functional.group_norm(_image(torch), 1),
    "batch_norm": lambda torch: torch.nn.functional.batch_norm(_image(torch), torch.zeros(3), torch.ones(3)),
    "interpolate nearest": lambda torch: torch.nn.functional.interpolate(_image(torch), scale_factor=2),
    "interpolate bilinear": lambda torch: torch.nn.functional.interpolate(
        _image(torch), scale_factor=2, mode="bilinear"
    ),
    "pad": lambda torch: torch.nn.functional.pad(_image(torch), (1, 1)),
    "pad replicate": lambda torch: torch.nn.functional.pad(_image(torch), (1, 1, 0, 0), mode="replicate"),
    "roll": lambda torch: _image(torch).roll(1, 1),
    "channel_shuffle": lambda torch: torch.nn.functional.channel_shuffle(_image(torch), 3),
    "sum": lambda torch: _image(torch).sum(1, keepdim=True),
    "mean of a transpose": lambda torch: _filled(torch, 2, 3, 4).transpose(0, 2).mean(0),
    "var of a transpose": lambda torch: _filled(torch, 2, 3, 4).transpose(0, 2).var(0),
    "batch_norm of a transpose": lambda torch: torch.nn.functional.batch_norm(
        _filled(torch, 2, 3, 4).transpose(0, 2), None, None, training=True
    ),
}


@pytest.mark.parametrize("program", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_same_memory_order(program: Program) -> None:
    def strides(result: Any) -> Any:
        return [tuple(t.stride()) for t in (result if isinstance(result, tuple) else (result,))]

    assert strides(program(tinytorch)) == strides(program(torch))


def _three(torch: Any) -> Any:
    return torch.ones(3)


ERRORS: dict[str, Program] = {
    "written elements share memory": lambda torch: torch.add(_three(torch), 1, out=torch.zeros(1).expand(3)),
    "target is the operand": lambda torch: torch.take(x := _three(torch), torch.tensor([0, 1, 2]), out=x),
    "target overlaps the operand": lambda torch: torch.exp((x := torch.ones(4))[:2], out=x[1:3]),
    "out of another type": lambda torch: torch.neg(_three(torch), out=torch.empty(3, dtype=torch.float64)),
    "no out": lambda torch: torch.vsplit(torch.ones(2, 2), "a"),
    "reflected without tensor": lambda torch: torch.Tensor.__radd__(1, _three(torch)),
    "dilation of zero": lambda torch: torch.nn.functional.conv1d(
        torch.ones(1, 1, 4), torch.ones(1, 1, 2), dilation=0
    ),
    "types of input and bias": lambda torch: torch.nn.functional.conv1d(
        torch.ones(1, 1, 4).long(), torch.ones(1, 1, 2), torch.ones(1)
    ),
    "types of input and weight": lambda torch: torch.nn.functional.conv1d(
        torch.ones(1, 1, 4).long(), torch.ones(1, 1, 2)
    ),
    "rank of pooling": lambda torch: torch.nn.functional.max_pool2d(torch.ones(3, 3), 2),
    "padding before rank": lambda torch: torch.nn.functional.avg_pool2d(torch.ones(1, 0, 4, 4), 2, padding=2),
    "empty volume": lambda torch: torch.nn.functional.max_pool3d(torch.ones(1, 0, 2, 2, 2), 1),
    "output_size of pooling": lambda torch: torch.nn.functional.adaptive_max_pool2d(
        torch.ones(1, 2, 3, 3), (1, 2, 3)
    ),
    "negative output_size": lambda torch: torch.nn.functional.adaptive_max_pool2d(
        torch.ones(1, 2, 3, 3), (-1, 2)
    ),
    "labels of margin loss": lambda torch: torch.nn.functional.multi_margin_loss(
        torch.ones(5, 4), torch.ones(5)
    ),
    "broadcast of soft margin": lambda torch: torch.nn.functional.soft_margin_loss(
        torch.ones(5, 4), torch.ones(5)
    ),
    "unbind a number": lambda torch: torch.unbind(torch.tensor(1.0)),
}


@pytest.mark.parametrize("program", ERRORS.values(), ids=ERRORS.keys())
def test_same_error(program: Program) -> None:
    with pytest.raises(Exception) as expected:
        program(torch)
    with pytest.raises(type(expected.value)) as found:
        program(tinytorch)
    assert str(found.value) == str(expected.value)
