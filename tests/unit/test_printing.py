"""The text of tensors, against torch's, over random numbers, shapes, element types and print options."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinytorch._core import dtypes, printing
from tinytorch._core.device import device
from tinytorch._core.print_options import get_printoptions, printoptions, set_printoptions

torch = pytest.importorskip("torch")


class Tensor:
    """As much of a tensor as printing looks at."""

    def __init__(self, array: np.ndarray | None, kind: dtypes.dtype, shape: tuple[int, ...]) -> None:
        if array is not None:
            self._array = array
        self.dtype = kind
        self.shape = shape
        self.device = device("meta" if array is None else "cpu")
        self.requires_grad = False
        self.grad_fn: object = None

    def item(self) -> Any:
        return self._array.item()


class Parameter(Tensor):
    pass


class Named(Tensor):
    pass


@pytest.fixture(autouse=True)
def _as_found(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(printing, "plain_classes", {Tensor, Parameter})
    yield
    set_printoptions(profile="default")
    torch.set_printoptions(profile="default")
    torch.set_default_dtype(torch.float32)


def ours(theirs: Any, cls: type[Tensor] = Tensor) -> Tensor:
    """The same tensor, for our printing."""
    kind = dtypes.BY_NAME[str(theirs.dtype).removeprefix("torch.")]
    if theirs.device.type == "meta":
        return cls(None, kind, tuple(theirs.shape))
    array = np.zeros(tuple(theirs.shape), kind._numpy)
    if array.size:
        raw = theirs.detach().resolve_conj().contiguous().reshape(-1).view(torch.uint8).numpy()
        array = raw.view(kind._numpy).reshape(array.shape)
    return cls(array, kind, array.shape)


KINDS = [kind._name for kind in dtypes.ALL]
HARD = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1,
    0.99999,
    0.999995,
    9.99995,
    99999.5,
    1e-4,
    9.9e-5,
    1e-5,
    1e3,
    1001.0,
    1e8,
    1.0001e8,
    123456.789,
]
HARD += [
    float("nan"),
    float("inf"),
    float("-inf"),
    3e38,
    1e-45,
    65504.0,
    5e-324,
    1e308,
    1e100,
    1e-100,
    2.5,
    0.5,
    -1234.5678,
]
OPTIONS: list[dict[str, Any]] = [{}] * 6 + [
    {"precision": 0},
    {"precision": 2},
    {"precision": 10},
    {"sci_mode": True},
    {"sci_mode": False},
    {"sci_mode": True, "precision": 1},
    {"threshold": 5},
    {"threshold": 5, "edgeitems": 1},
    {"threshold": 0, "edgeitems": 2, "linewidth": 40},
    {"threshold": 3, "edgeitems": 0},
    {"edgeitems": 0},
    {"linewidth": 20},
    {"linewidth": 200},
    {"profile": "short"},
    {"profile": "full"},
]


def draw(random: np.random.Generator, name: str) -> Any:
    """A torch tensor of element type `name` with a random shape and a random mix of awkward numbers."""
    shape = tuple(random.integers(0 if random.random() < 0.1 else 1, 9, random.integers(0, 5)))
    if random.random() < 0.2:
        shape = shape[:2]
    size = int(np.prod(shape))
    manner = random.integers(6)
    if manner == 0:
        values = random.choice(HARD, size)
    elif manner == 1:
        values = random.standard_normal(size) * 10.0 ** random.integers(-9, 10)
    elif manner == 2:
        values = random.standard_normal(size) * 10.0 ** random.integers(-4, 4, size)
    elif manner == 3:
        values = random.integers(-(10 ** random.integers(1, 12)), 10 ** random.integers(1, 12), size).astype(
            float
        )
    elif manner == 4:
        values = np.where(random.random(size) < 0.3, random.choice(HARD, size), random.standard_normal(size))
    else:
        values = random.choice([0.0, -0.0, float("nan"), float("inf"), 1.0, 2.0, -3.0], size)
    kind = getattr(torch, name)
    real = torch.from_numpy(np.asarray(values, dtype=np.float64).reshape(shape))
    if kind.is_complex:
        other = torch.from_numpy(random.permutation(values).reshape(shape))
        return torch.complex(real, other).to(kind)
    if not kind.is_floating_point:
        info = (0, 1) if kind is torch.bool else (torch.iinfo(kind).min, torch.iinfo(kind).max)
        narrow = random.random() < 0.5
        low, high = (max(info[0], -20), min(info[1], 20)) if narrow else info
        whole = random.integers(low, high, size, dtype=np.uint64 if low >= 0 else np.int64, endpoint=True)
        return torch.from_numpy(whole.reshape(shape)).to(kind)
    return real.to(kind)


@pytest.mark.parametrize("name", KINDS)
def test_random_tensors(name: str) -> None:
    random = np.random.default_rng(KINDS.index(name))
    for _ in range(120):
        theirs = draw(random, name)
        options = OPTIONS[random.integers(len(OPTIONS))]
        torch.set_printoptions(**{"profile": "default", **options})
        set_printoptions(**{"profile": "default", **options})
        expected = repr(theirs)
        assert printing.tensor_text(ours(theirs)) == expected, (options, theirs.tolist())


@pytest.mark.parametrize(
    "shape", [(1001,), (1000,), (40, 40), (7, 200), (2, 3, 400), (5, 1, 9, 30), (3000, 1), (1, 1, 1, 1)]
)
def test_summaries(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    for theirs in (
        torch.randn(shape, generator=generator),
        torch.randint(-99, 99999, shape, generator=generator),
        torch.randn(shape, generator=generator).to(torch.bfloat16),
        torch.randn(shape, generator=generator, dtype=torch.complex64),
        torch.randn(shape, generator=generator).transpose(0, -1),
    ):
        assert printing.tensor_text(ours(theirs)) == repr(theirs)


def test_default_dtype_and_type_suffix() -> None:
    for default, name in itertools.product(("float16", "bfloat16", "float32", "float64"), KINDS):
        torch.set_default_dtype(getattr(torch, default))
        for shape in ((2, 2), (), (0,), (2, 0)):
            theirs = torch.ones(shape, dtype=torch.float32).to(getattr(torch, name))
            text = printing.tensor_text(ours(theirs), default_dtype=dtypes.BY_NAME[default])
            assert text == repr(theirs)
            meta = torch.empty(shape, dtype=getattr(torch, name), device="meta")
            text = printing.tensor_text(ours(meta), default_dtype=dtypes.BY_NAME[default])
            assert text == repr(meta)


def test_gradient_suffixes() -> None:
    class AddBackward0:
        pass

    for shape, name in itertools.product(
        ((), (3,), (6,), (2, 9), (0, 2), (30,)), ("float32", "float64", "bfloat16")
    ):
        leaf = torch.full(shape, 0.25, dtype=getattr(torch, name), requires_grad=True)
        copy = ours(leaf)
        copy.requires_grad = True
        assert printing.tensor_text(copy) == repr(leaf)
        grown = leaf + 1
        copy = ours(grown)
        copy.requires_grad = True
        copy.grad_fn = AddBackward0()
        assert printing.tensor_text(copy) == repr(grown)


def test_history_that_cannot_be_shown() -> None:
    class Broken(Tensor):
        @property
        def grad_fn(self) -> object:
            raise RuntimeError("no history")

        @grad_fn.setter
        def grad_fn(self, value: object) -> None:
            pass

    text = printing.tensor_text(ours(torch.ones(1), Broken))
    assert text == "Broken([1.], grad_fn=<Invalid>)"


def test_classes() -> None:
    class Mine(torch.Tensor):
        pass

    class MyParameter(torch.nn.Parameter):
        pass

    numbers = torch.arange(60.0).reshape(2, 30)
    assert printing.tensor_text(ours(numbers, Parameter)) == repr(numbers)
    Mine.__name__ = "Named"
    assert printing.tensor_text(ours(numbers, Named)) == repr(numbers.as_subclass(Mine))
    MyParameter.__name__ = "Named"
    expected = repr(MyParameter(numbers))
    copy = ours(numbers, Named)
    copy.requires_grad = copy._is_param = True  # type: ignore[attr-defined]
    assert "Parameter containing:\n" + printing.tensor_text(copy) == expected
    copy = ours(numbers, type("Named", (Parameter,), {}))
    copy.requires_grad = True
    assert "Parameter containing:\n" + printing.tensor_text(copy) == expected


def test_given_contents() -> None:
    for theirs in (
        torch.ones(2),
        torch.ones(2, 0),
        torch.ones(2, dtype=torch.float64),
        torch.ones(2, device="meta"),
        torch.ones(2, requires_grad=True),
    ):
        copy = ours(theirs)
        copy.requires_grad = theirs.requires_grad
        assert printing.tensor_text(copy, tensor_contents="xyz") == theirs.__repr__(tensor_contents="xyz")


def test_conjugated_array_and_tangent() -> None:
    theirs = torch.tensor([1 + 2j, 3 - 4j]).conj()
    copy = ours(theirs)
    numbers, copy._array = copy._array, copy._array.conj()
    assert printing.tensor_text(copy, array=numbers) == repr(theirs)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(torch.ones(2), torch.zeros(2))
        expected = repr(dual)
    assert printing.tensor_text(ours(torch.ones(2)), tangent=torch.zeros(2)) == expected


def test_sparse() -> None:
    for dense in (
        torch.eye(4),
        torch.zeros(2, 4),
        torch.eye(40, dtype=torch.float64),
        torch.ones(4, 2).bfloat16(),
    ):
        for theirs in (
            dense.to_sparse(),
            dense.to_sparse_csr(),
            dense.to_sparse_csc(),
            dense.to_sparse_bsr((2, 2)),
            dense.to_sparse_bsc((2, 2)),
        ):
            copy: Any = ours(dense)
            copy.layout = theirs.layout
            copy._nnz = theirs._nnz
            for method in (
                "_indices",
                "_values",
                "values",
                "crow_indices",
                "col_indices",
                "ccol_indices",
                "row_indices",
            ):
                setattr(copy, method, lambda method=method, theirs=theirs: ours(getattr(theirs, method)()))
            assert printing.tensor_text(copy) == repr(theirs)


def test_inside_transforms() -> None:
    seen: list[str] = []

    def watch(x: Any) -> Any:
        seen.append(repr(x))
        return x.sum()

    torch.func.vmap(torch.func.grad(watch))(torch.ones(2, 3))
    inner = printing.tensor_text(ours(torch.ones(2, 3)))
    batched = printing.wrapped_text("BatchedTensor", 1, inner, batch_dimension=0)
    assert printing.wrapped_text("GradTrackingTensor", 2, batched) == seen[0]


def test_format() -> None:
    for value, spec in itertools.product((1.5, 7, True, 1 + 2j), ("", ".3f", "d", ">12", "q")):
        results = []
        for run in (
            lambda value=value, spec=spec: format(torch.tensor(value), spec),
            lambda value=value, spec=spec: printing.format_scalar(ours(torch.tensor(value)), spec),
        ):
            try:
                results.append(run())
            except (ValueError, TypeError) as error:
                results.append((type(error), str(error)))
        assert results[0] == results[1]
    for theirs, cls in (
        (torch.ones(2), Tensor),
        (torch.nn.Parameter(torch.ones(())), Parameter),
        (torch.ones((), device="meta"), Tensor),
    ):
        with pytest.raises(TypeError) as expected:
            format(theirs, ".2f")
        with pytest.raises(TypeError) as got:
            printing.format_scalar(ours(theirs, cls), ".2f")
        assert str(got.value) == str(expected.value)


def test_options_are_kept_as_torch_keeps_them() -> None:
    for choices in (
        {"precision": 7, "sci_mode": True},
        {"profile": "full"},
        {"profile": "short", "precision": 9},
        {"profile": "unknown"},
        {},
        {"threshold": 3, "edgeitems": 1, "linewidth": 33},
    ):
        torch.set_printoptions(**choices)
        set_printoptions(**choices)
        assert get_printoptions() == torch._tensor_str.get_printoptions()
    before = get_printoptions()
    with printoptions(precision=1, sci_mode=False):
        assert get_printoptions() == {**before, "precision": 1, "sci_mode": False}
    assert get_printoptions() == before


def test_unreasonable_options() -> None:
    tensors = [
        torch.arange(12.0) / 3,
        torch.arange(24).reshape(4, 6),
        torch.ones(()),
        torch.rand(7) + 1j,
        torch.zeros(0),
    ]
    for choices in (
        {"precision": -1},
        {"precision": 30},
        {"precision": "x"},
        {"precision": 4.0},
        {"edgeitems": -1, "threshold": 2},
        {"edgeitems": -3, "threshold": 2},
        {"edgeitems": 2.0, "threshold": 3},
        {"edgeitems": 20, "threshold": 3},
        {"threshold": -1},
        {"threshold": float("nan")},
        {"linewidth": 0},
        {"linewidth": -5},
        {"linewidth": 33.5},
        {"linewidth": float("inf")},
        {"sci_mode": 1},
        {"sci_mode": ""},
    ):
        torch.set_printoptions(**{"profile": "default", **choices})
        set_printoptions(**{"profile": "default", **choices})
        for theirs in tensors:
            results = []
            for show, tensor in ((repr, theirs), (printing.tensor_text, ours(theirs))):
                try:
                    results.append(show(tensor))
                except (TypeError, ValueError, RuntimeError, OverflowError) as error:
                    results.append((type(error), str(error)))
            assert results[0] == results[1], choices


def test_repr_of_a_huge_tensor_looks_only_at_its_edges() -> None:
    array = np.lib.stride_tricks.as_strided(np.ones(1, np.float32), (10**6, 10**6), (0, 0))
    text = printing.tensor_text(Tensor(array, dtypes.float32, array.shape))
    row = "[1., 1., 1.,  ..., 1., 1., 1.]"
    assert text == "tensor([" + (",\n        ").join([row] * 3 + ["..."] + [row] * 3) + "])"


def test_options_have_the_arguments_of_torch() -> None:
    theirs = inspect.signature(torch.set_printoptions).parameters
    assert list(inspect.signature(set_printoptions).parameters) == list(theirs)
