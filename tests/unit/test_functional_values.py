"""torch.nn.functional, matrix products and reductions against torch: values, gradients and node names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tinytorch
import tinytorch.nn.functional

CASES: dict[str, tuple[list[tuple[int, ...]], Callable[..., Any]]] = {
    "matmul 3x2": ([(5, 2, 3), (3, 4)], lambda t, a, b: t.matmul(a, b)),
    "matmul 4x3": ([(2, 5, 2, 3), (5, 3, 4)], lambda t, a, b: t.matmul(a, b)),
    "matmul 1x3": ([(3,), (5, 3, 4)], lambda t, a, b: t.matmul(a, b)),
    "addmm": ([(4,), (2, 3), (3, 4)], lambda t, a, b, c: t.addmm(a, b, c, beta=0.5, alpha=2)),
    "einsum": ([(2, 3, 4), (3, 2, 5)], lambda t, a, b: t.einsum("ijk,jil->kl", a, b)),
    "einsum ellipsis": ([(2, 5, 2, 3), (5, 3, 4)], lambda t, a, b: t.einsum("...ij,...jk->...ik", a, b)),
    "einsum sublists": ([(2, 3), (3, 4)], lambda t, a, b: t.einsum(a, [0, 1], b, [1, 2], [0, 2])),
    "var": ([(4, 5)], lambda t, a: t.var(a, 1, correction=2)),
    "logsumexp": ([(4, 5)], lambda t, a: t.logsumexp(a, (0, 1))),
    "prod": ([(3, 4)], lambda t, a: t.prod(a, 1)),
    "amax": ([(3, 4)], lambda t, a: t.amax(a, 0)),
    "norm": ([(3, 4)], lambda t, a: t.norm(a, 3, 1)),
    "softmax": ([(3, 4)], lambda t, a: t.softmax(a, 0)),
    "cross_entropy": (
        [(3, 4)],
        lambda t, a: t.nn.functional.cross_entropy(a, t.tensor([1, 3, 0]), label_smoothing=0.1),
    ),
    "bce logits": (
        [(3, 4)],
        lambda t, a: t.nn.functional.binary_cross_entropy_with_logits(a, t.ones(3, 4, dtype=t.float64)),
    ),
    "huber": ([(3, 4), (3, 4)], lambda t, a, b: t.nn.functional.huber_loss(a, b, delta=0.7)),
    "conv2d same": (
        [(2, 3, 5, 5), (4, 3, 2, 2), (4,)],
        lambda t, a, b, c: t.nn.functional.conv2d(a, b, c, padding="same"),
    ),
    "conv_transpose1d": (
        [(2, 3, 5), (3, 4, 3)],
        lambda t, a, b: t.nn.functional.conv_transpose1d(a, b, stride=2),
    ),
    "layer_norm": ([(2, 3, 4), (4,), (4,)], lambda t, a, b, c: t.nn.functional.layer_norm(a, (4,), b, c)),
    "group_norm": ([(2, 4, 3), (4,), (4,)], lambda t, a, b, c: t.nn.functional.group_norm(a, 2, b, c)),
    "batch_norm": (
        [(4, 3, 2), (3,), (3,)],
        lambda t, a, b, c: t.nn.functional.batch_norm(a, None, None, b, c, training=True),
    ),
    "avg_pool2d": ([(2, 3, 7, 7)], lambda t, a: t.nn.functional.avg_pool2d(a, 3, 2, 1, True, False)),
    "adaptive_avg_pool2d": ([(2, 3, 7, 5)], lambda t, a: t.nn.functional.adaptive_avg_pool2d(a, (3, 2))),
    "bilinear": (
        [(2, 3, 4, 4)],
        lambda t, a: t.nn.functional.interpolate(a, scale_factor=1.7, mode="bilinear"),
    ),
    "bicubic": ([(2, 3, 4, 4)], lambda t, a: t.nn.functional.interpolate(a, size=(7, 3), mode="bicubic")),
    "grid_sample": (
        [(2, 3, 4, 4), (2, 5, 5, 2)],
        lambda t, a, b: t.nn.functional.grid_sample(a, b, padding_mode="reflection", align_corners=False),
    ),
    "attention": (
        [(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 5)],
        lambda t, a, b, c: t.nn.functional.scaled_dot_product_attention(a, b, c, is_causal=True),
    ),
    "gelu tanh": ([(3, 4)], lambda t, a: t.nn.functional.gelu(a, approximate="tanh")),
    "embedding": (
        [(5, 3)],
        lambda t, a: t.nn.functional.embedding(t.tensor([[0, 1], [1, 4]]), a, padding_idx=1),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients(name: str) -> None:
    shapes, program = CASES[name]
    generator = np.random.default_rng(0)
    arrays = [generator.standard_normal(shape) for shape in shapes]
    outcomes = []
    for library in (torch, tinytorch):
        inputs = [library.from_numpy(array.copy()).requires_grad_() for array in arrays]
        result = program(library, *inputs)
        cotangent = library.from_numpy(np.cos(np.arange(result.numel())).reshape(tuple(result.shape)))
        gradients = library.autograd.grad(result, inputs, cotangent)
        outcomes.append((result, gradients))
    (want, want_gradients), (have, have_gradients) = outcomes
    assert type(have.grad_fn).__name__ == type(want.grad_fn).__name__
    assert tuple(have.stride()) == tuple(want.stride())
    np.testing.assert_allclose(have.detach().numpy(), want.detach().numpy(), rtol=1e-9, atol=1e-11)
    for one, other in zip(have_gradients, want_gradients, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.mm(t.ones(2, 3), t.ones(4, 5)),
        lambda t: t.matmul(t.ones(2, 2, 3), t.ones(3, 3, 3)),
        lambda t: t.addmm(t.ones(2, 5), t.ones(2, 3), t.ones(3, 4)),
        lambda t: t.ones(2, dtype=t.int64).mean(),
        lambda t: t.zeros(0, 3).amax(),
        lambda t: t.einsum("ij,jk->il", t.ones(2, 3), t.ones(3, 4)),
        lambda t: t.nn.functional.conv2d(t.ones(2, 3, 5, 5), t.ones(4, 2, 3, 3)),
        lambda t: t.nn.functional.max_pool2d(t.ones(1, 1, 3, 3), 5),
        lambda t: t.nn.functional.layer_norm(t.ones(2, 3), (4,)),
        lambda t: t.nn.functional.nll_loss(t.ones(2, 3), t.tensor([0, 3])),
        lambda t: t.nn.functional.embedding(t.tensor([5]), t.ones(5, 3)),
        lambda t: t.nn.functional.interpolate(t.ones(1, 1, 4, 4)),
    ],
)
def test_error_texts(program: Callable[[Any], Any]) -> None:
    with pytest.raises(Exception) as want:
        program(torch)
    with pytest.raises(type(want.value)) as have:
        program(tinytorch)
    assert str(have.value) == str(want.value)


@pytest.mark.parametrize("kind", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("ignored", [-100, 2])
def test_negative_log_likelihood_is_summed_in_torchs_order(kind: str, ignored: int) -> None:
    """Bit for bit, with weights and ignored classes, of rows and of images."""

    def losses(library: Any) -> list[float]:
        library.manual_seed(1)
        loss, dtype = library.nn.functional.nll_loss, getattr(library, kind)
        found = []
        for count in (1, 2, 15, 16, 17, 33, 64, 257, 1000, 5000):
            for weight in (None, (library.rand(4) * 3).to(dtype)):
                rows, target = (
                    library.randn(count, 4, dtype=library.float64).to(dtype),
                    library.randint(0, 4, (count,)),
                )
                image, labels = (
                    library.randn(1, 4, count, 2, dtype=library.float64).to(dtype),
                    library.randint(0, 4, (1, count, 2)),
                )
                for reduction in ("mean", "sum"):
                    options = {"ignore_index": ignored, "reduction": reduction}
                    found.append(loss(rows, target, weight, **options).item())
                    found.append(loss(image, labels, weight, **options).item())
        return [repr(value) for value in found]

    assert losses(tinytorch) == losses(torch)


def test_exponentials_in_softmax_are_rounded_once() -> None:
    """NumPy's float32 exponential is off by one unit in every second place, torch's seldom."""
    from tinytorch._kernels.softmax import exponential

    given = -np.random.default_rng(0).exponential(3, 8000).astype(np.float32)
    own = exponential(given, np.empty_like(given))
    assert (own == torch.from_numpy(given).exp().numpy()).mean() > 0.98


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_bounds_keep_the_zero_that_is_there(dtype: str) -> None:
    """clamp, hardtanh, relu and relu6 at zeros of either sign, nan and infinities, with bounds that are such."""
    numbers = [float("nan"), -0.0, 0.0, 1.0, -1.0, float("inf"), -float("inf"), 0.5]
    bounds = [None, -0.0, 0.0, 1.0, -1.0, float("nan"), float("inf"), -float("inf")]
    found = []
    for library in (torch, tinytorch):
        x = library.tensor(numbers * 5, dtype=getattr(library, dtype))
        functional = library.nn.functional
        results = [x.clamp(a, b) for a in bounds for b in bounds if (a, b) != (None, None)]
        results += [x.clamp_min(a) for a in bounds[1:]] + [x.clamp_max(a) for a in bounds[1:]]
        results += [
            functional.hardtanh(x, -0.0, 1.0),
            functional.relu(x),
            functional.relu6(x),
            x.clone().relu_(),
        ]
        found.append([str(result.tolist()) for result in results])
    assert found[0] == found[1]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_batch_norm_of_long_channels_is_torchs_to_the_bit(dtype: str) -> None:
    """In evaluation: x * factor + (bias - mean * factor), each sum rounded once."""
    random = np.random.default_rng(0)
    x = random.normal(size=(3, 4, 35, 33)).astype(np.float32)
    mean, variance, weight, bias = random.normal(size=(4, 4)).astype(np.float32)
    found = []
    for library in (torch, tinytorch):
        given = [library.from_numpy(a) for a in (mean, np.abs(variance) + 0.1, weight, bias)]
        kind = library.from_numpy(x).to(getattr(library, dtype))
        for image in (kind, kind.contiguous(memory_format=library.channels_last), kind[:, :, ::2]):
            out = library.nn.functional.batch_norm(image, *given)
            found.append((out.stride(), out.float().numpy().tobytes()))
    half = len(found) // 2
    # the last image's channels are shorter: two roundings
    assert found[: half - 1] == found[half:-1] and found[half - 1][0] == found[-1][0]


@pytest.mark.parametrize("sizes", [(5, 7), (64, 64), (7, 5), (1, 9), (30, 600)])
def test_causal_attention(sizes: tuple[int, int]) -> None:
    rows, columns = sizes
    random = np.random.default_rng(rows)
    q, k, v = (random.normal(size=(2, 3, n, 4)) for n in (rows, columns, columns))
    found = []
    for library in (torch, tinytorch):
        given = [library.tensor(a.tolist(), dtype=library.float32, requires_grad=True) for a in (q, k, v)]
        out = library.nn.functional.scaled_dot_product_attention(*given, is_causal=True)
        (out * out).sum().backward()
        found.append([x.detach().numpy() for x in (out, *[tensor.grad for tensor in given])])
    for theirs, own in zip(*found, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-5, atol=1e-5)


def test_results_over_parts_lie_as_torchs() -> None:
    """Sums of parts of larger tensors, of which only the strides tell the order: rows, columns, planes, single ones, repeated ones."""
    found = []
    for library in (torch, tinytorch):
        whole = library.arange(2.0 * 6 * 8 * 10).view(2, 6, 8, 10)
        parts = [
            whole[..., 3:7], whole[:, ::2], whole[:, :, 1:2], whole[:1, :, :, 2:], whole.transpose(1, 2)[:, :3],
            whole.permute(3, 0, 2, 1)[1:4], whole[:, :, 0].expand(2, 6, 10), whole.contiguous(memory_format=library.channels_last)[:, :4],
        ]  # fmt: skip
        for part in parts:
            other = library.ones(*part.shape)
            results = [part + other, other * part, part.tanh() - part, part + part, part.relu(), part > 3]
            results += [part + other.transpose(0, -1).contiguous().transpose(0, -1)]
            found.append([(x.stride(), float(x.float().sum())) for x in results])
    half = len(found) // 2
    for theirs, own in zip(found[:half], found[half:], strict=True):
        assert [stride for stride, _ in own] == [stride for stride, _ in theirs]
        np.testing.assert_allclose([total for _, total in own], [total for _, total in theirs], rtol=1e-5)
