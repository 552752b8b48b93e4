"""Convolution and pooling kernels against torch, over strides, paddings, dilations, groups and ranks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinytorch._kernels import convolution, pooling, windows

F = torch.nn.functional
GEOMETRIES = list(itertools.product((1, 2), (0, 1), (1, 2), (1, 2), (False, True)))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("output_padding", [0, 1])
def test_convolution(rank: int, output_padding: int) -> None:
    torch.manual_seed(0)
    checked = 0
    for stride, padding, dilation, groups, transposed in GEOMETRIES:
        if output_padding and (not transposed or (output_padding >= stride and output_padding >= dilation)):
            continue
        x = torch.randn(3, 4, *[7, 6, 5][:rank], dtype=torch.float64, requires_grad=True)
        shape = (4, 6 // groups) if transposed else (6, 4 // groups)
        w = torch.randn(*shape, *[3, 2, 1][:rank], dtype=torch.float64, requires_grad=True)
        b = torch.randn(6, dtype=torch.float64, requires_grad=True)
        geometry = (
            [stride] * rank,
            [padding] * rank,
            [dilation] * rank,
            transposed,
            [output_padding] * rank,
            groups,
        )
        expected = torch.ops.aten.convolution(x, w, b, *geometry)
        arrays = [t.detach().numpy() for t in (x, w, b)]
        got = convolution.convolution(*arrays, *geometry)
        np.testing.assert_allclose(got, expected.detach().numpy(), atol=1e-12)
        cotangent = torch.randn_like(expected)
        gradients = torch.autograd.grad(expected, (x, w, b), cotangent)
        results = convolution.convolution_backward(
            cotangent.numpy(), arrays[0], arrays[1], [6], *geometry, [True] * 3
        )
        for want, have in zip(gradients, results, strict=True):
            np.testing.assert_allclose(have, want.numpy(), atol=1e-11)
        checked += 1
    assert checked >= 8


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_convolution_of_each_channel_alone(rank: int, dtype: str) -> None:
    """One window per channel, and several; margins that padding exceeds; an infinity that stands beside zeros."""
    random = np.random.default_rng(rank)
    for stride, padding, dilation, multiple in itertools.product((1, 2), (0, 1, 3), (1, 2), (1, 2)):
        x, w = (
            random.normal(size=(3, 5, *[7, 6, 5][:rank])),
            random.normal(size=(5 * multiple, 1, *[3, 2, 1][:rank])),
        )
        x, w = (torch.from_numpy(a).to(getattr(torch, dtype)) for a in (x, w))
        x[0, 0].view(-1)[-1] = float("inf")
        x.requires_grad_(), w.requires_grad_()
        geometry = ([stride] * rank, [padding] * rank, [dilation] * rank, False, [0] * rank, 5)
        expected = torch.ops.aten.convolution(x, w, None, *geometry)
        cotangent = torch.randn_like(expected)
        gradients = torch.autograd.grad(expected, (x, w), cotangent)
        results = convolution.convolution_backward(
            cotangent.numpy(), x.detach().numpy(), w.detach().numpy(), None, *geometry, [True, True, False]
        )
        for want, have in zip(gradients, results, strict=False):
            np.testing.assert_allclose(
                have, want.numpy(), rtol=1e-5, atol=1e-5 if dtype == "float32" else 1e-11
            )


@pytest.mark.parametrize("kernel", [(2, 2), (3, 3), (3, 2)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_max_pool(kernel: tuple[int, int], dilation: int) -> None:
    torch.manual_seed(0)
    for stride, padding, ceil_mode in itertools.product((1, 2, 3), (0, 1), (False, True)):
        x = torch.randn(2, 3, 9, 8, requires_grad=True)
        x.data[0, 0, 3, 3] = float("nan")
        expected, indices = F.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode, return_indices=True)
        geometry = (list(kernel), [stride] * 2, [padding] * 2, [dilation] * 2, ceil_mode)
        values, places = pooling.max_pool("max_pool2d", x.detach().numpy(), *geometry)
        np.testing.assert_array_equal(values, expected.detach().numpy())
        np.testing.assert_array_equal(places, indices.numpy())
        cotangent = torch.randn_like(expected)
        (want,) = torch.autograd.grad(expected, x, cotangent)
        have = pooling.max_pool_backward(cotangent.numpy(), x.detach().numpy(), *geometry, places)
        np.testing.assert_allclose(have, want.numpy(), atol=1e-6)


def test_fold_and_unfold() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 6, 5)
    columns = F.unfold(x, (2, 3), dilation=2, padding=1, stride=(1, 2))
    have = windows.im2col(x.numpy(), (2, 3), (2, 2), (1, 1), (1, 2))
    np.testing.assert_array_equal(have, columns.numpy())
    back = F.fold(columns, (6, 5), (2, 3), dilation=2, padding=1, stride=(1, 2))
    folded = windows.col2im(have, (6, 5), (2, 3), (2, 2), (1, 1), (1, 2))
    np.testing.assert_allclose(folded, back.numpy(), rtol=1e-6)
