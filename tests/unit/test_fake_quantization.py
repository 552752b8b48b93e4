"""Fake quantization against the oracle."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.agreement import programs_agree


def _tried(call: Any) -> Any:
    try:
        return call()
    except Exception as error:
        return type(error).__name__, str(error)


def _numbers(torch: Any) -> Any:
    x = torch.randn(3, 4) * 3
    x[0] = torch.tensor([float("nan"), float("inf"), 0.05, 0.15])
    return x.requires_grad_()


def _with_gradient(torch: Any, function: Any, x: Any, *arguments: Any) -> Any:
    def call() -> Any:
        y = function(x, *arguments)
        return [y, y.grad_fn.name(), torch.autograd.grad((y * y).nan_to_num().sum(), x)]

    return _tried(call)


def of_tensors(torch: Any) -> Any:
    x, f = _numbers(torch), torch.fake_quantize_per_tensor_affine
    three = torch.tensor(3, dtype=torch.int32)
    settings = [
        (0.1, 0, 0, 255),
        (0.1, 10, -128, 127),
        (torch.tensor(0.1), three, 0, 255),
        (0.5, 0, 0, 1),
        (0.1, 300, 0, 255),
    ]
    settings += [(0.1, 0, 5, 2), (torch.ones(2), torch.ones(2, dtype=torch.int32), 0, 255)]  # fmt: skip
    found = [_with_gradient(torch, f, x, *setting) for setting in settings]
    for kind in (torch.float64, torch.float16, torch.bfloat16, torch.int64):
        found.append(_tried(lambda: f(x.detach()[1:].to(kind), 0.1, 0, 0, 255)))
    return [*found, f(x.t(), 0.1, 0, 0, 255).stride()]


def of_channels(torch: Any) -> Any:
    x, f = _numbers(torch), torch.fake_quantize_per_channel_affine
    scale, zero = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0, 5, 10], dtype=torch.int32)
    settings = [
        (scale, zero, 0, 0, 255),
        (scale, zero.float(), 0, -10, 255),
        (scale, zero.long(), 0, 0, 255),
        (scale, zero, 1, 0, 255),
    ]
    settings += [
        (scale.double(), zero, 0, 0, 255),
        (scale, zero, 2, 0, 255),
        (scale[None], zero, 0, 0, 255),
        (scale, zero[:2], 0, 0, 255),
    ]
    settings += [(scale, zero, 0, 5, 2), (scale, zero + 400, 0, 0, 255), (scale, zero, -2, 0, 255), (scale, zero, -3, 0, 255)]  # fmt: skip
    return [_with_gradient(torch, f, x, *setting) for setting in settings]


@pytest.mark.parametrize("program", [of_tensors, of_channels])
def test_fake_quantization(program: Any) -> None:
    programs_agree(lambda torch: str(program(torch)), relative=0.0, absolute=0.0)
