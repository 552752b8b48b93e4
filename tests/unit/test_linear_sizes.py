"""Products of the sizes at which another order of the operands is faster, against the oracle; and updates in place with a factor."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tinytorch


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 7, 8, 33, 128, 129])
def test_linear(rows: int, dtype: str) -> None:
    """A linear layer and its product alone: values, strides, gradients."""
    generator = np.random.default_rng(rows)
    x, weight = generator.standard_normal((rows, 96)), generator.standard_normal((300, 96))
    bias = generator.standard_normal(300)
    results = []
    for library in (torch, tinytorch):
        operands = [library.tensor(a.tolist(), dtype=getattr(library, dtype)) for a in (x, weight, bias)]
        for operand in operands:
            operand.requires_grad_()
        out = library.nn.functional.linear(*operands)
        product = library.mm(operands[0], operands[1].t())
        (out * out + product).sum().backward()
        tensors = [out, product, *[operand.grad for operand in operands]]
        assert all(t.is_contiguous() for t in tensors)
        results.append([t.detach().numpy() for t in tensors])
    for theirs, own in zip(*results, strict=True):
        np.testing.assert_allclose(
            own,
            theirs,
            rtol=2e-5 if dtype == "float32" else 1e-12,
            atol=1e-3 if dtype == "float32" else 1e-10,
        )


@pytest.mark.parametrize("size", [(5,), (300, 100)])
@pytest.mark.parametrize("name", ["add_", "sub_"])
def test_update_with_factor(name: str, size: tuple[int, ...]) -> None:
    """`a.add_(b, alpha=...)`: broadcast operands, operands that are the same tensor, versions, and shapes that do not fit."""
    values = np.random.default_rng(1).standard_normal(size).astype(np.float32)
    for other in (values * 3, values[..., :1], values[:1, :1] if len(size) == 2 else values[:1]):
        outcomes = []
        for library in (torch, tinytorch):
            a, b = library.from_numpy(values.copy()), library.from_numpy(other.copy())
            view = a[1:]
            getattr(a, name)(b, alpha=0.25)
            getattr(a, name)(a, alpha=2)
            outcomes.append((a.numpy(), view.numpy(), a._version))
        np.testing.assert_array_equal(outcomes[1][0], outcomes[0][0])
        np.testing.assert_array_equal(outcomes[1][0][1:], outcomes[1][1])
        assert outcomes[0][2] == outcomes[1][2]
    messages = []
    for library in (torch, tinytorch):
        a = library.ones(*size)
        with pytest.raises(RuntimeError) as caught:
            getattr(a, name)(library.ones(2, *size), alpha=0.25)
        messages.append(str(caught.value))
        assert a._version == 0 and bool((a == 1).all())
    assert messages[0] == messages[1]


LAYOUTS = {
    "plain": lambda a, b: (a, b),
    "turned": lambda a, b: (a.t(), b.t()),
    "mixed": lambda a, b: (a, b.t().contiguous().t()),
    "spread": lambda a, b: (a, b[:1]),
    "spread first": lambda a, b: (a[:1], b),
    "gaps": lambda a, b: (a[::2, 1:], b[::2, 1:]),
    "none": lambda a, b: (a[:0], b[:0]),
    "one": lambda a, b: (a, a),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sum_with_factor_is_rounded_once(dtype: str, layout: str) -> None:
    """`a + alpha * b` to the last bit, nan, infinities and signed zeros included, and lying in memory as torch's."""
    generator = np.random.default_rng(2)
    for size in ((3, 5), (97, 101), (130, 640)):
        values = generator.standard_normal((2, *size))
        values[:, 0, :3] = [[np.nan, np.inf, -0.0], [1.0, -np.inf, -0.0]]
        for name, alpha in (
            ("add", 0.3),
            ("sub", -1.7),
            ("rsub", 1e-3),
            ("add", 0.0),
            ("sub", 1e-42),
            ("add", 3),
        ):
            results = []
            for library in (torch, tinytorch):
                pair = [library.from_numpy(v.copy()).to(getattr(library, dtype)) for v in values]
                result = getattr(library, name)(*LAYOUTS[layout](*pair), alpha=alpha)
                results.append((result.stride(), result.numpy().tolist()))
            assert str(results[1]) == str(results[0])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("count", [32, 6400])
def test_factor_of_short_types_is_rounded_to_them(dtype: str, count: int) -> None:
    """In torch's vectors of 32, that is; its remainders are rounded in between as well."""
    values = np.random.default_rng(3).standard_normal((2, count)).astype(np.float32)
    results = []
    for library in (torch, tinytorch):
        a, b = (library.from_numpy(v).to(getattr(library, dtype)) for v in values)
        found = [
            a.add(b, alpha=0.3),
            a.sub(b, alpha=1.7),
            library.rsub(a, b, alpha=0.3),
            a.sub_(b, alpha=0.3),
        ]
        results.append([x.float().tolist() for x in found])
    assert results[0] == results[1]


@pytest.mark.parametrize("target", [[0, 2, -100], [1, 1, 0], [0, 3, 1], [-1, 0, 0], [-100, -100, -100]])
@pytest.mark.parametrize("ignore_index", [-100, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_classes(target: list[int], ignore_index: int, weighted: bool) -> None:
    """nll_loss with classes that exist, that are ignored, and that do not exist."""
    outcomes = []
    for library in (torch, tinytorch):
        x = library.tensor([[0.5, 1.5, -1.0], [2.0, 0.25, 1.0], [0.0, -3.0, 1.0]], requires_grad=True)
        weight = library.tensor([1.0, 0.5, 2.0]) if weighted else None
        try:
            loss = library.nn.functional.nll_loss(
                x, library.tensor(target), weight, ignore_index=ignore_index, reduction="sum"
            )
            loss.backward()
            outcomes.append((loss.tolist(), x.grad.tolist()))
        except IndexError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]
