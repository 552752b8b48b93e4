"""The random stream against PyTorch: every value and all 5056 state bytes, bit for bit."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings
from typing import Any

import ml_dtypes
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tinytorch
from tinytorch._core import integers, multinomial, normals, precise, rejection, sampling
from tinytorch._core.generator import Generator, default_generator

NUMPY = {
    torch.bool: np.bool_,
    torch.uint8: np.uint8,
    torch.int8: np.int8,
    torch.int16: np.int16,
    torch.int32: np.int32,
    torch.int64: np.int64,
    torch.uint16: np.uint16,
    torch.uint32: np.uint32,
    torch.uint64: np.uint64,
    torch.float16: np.float16,
    torch.bfloat16: ml_dtypes.bfloat16,
    torch.float32: np.float32,
    torch.float64: np.float64,
    torch.complex64: np.complex64,
    torch.complex128: np.complex128,
    torch.float8_e5m2: ml_dtypes.float8_e5m2,
}
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
COMPLEX = [torch.complex64, torch.complex128]
INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
SIZES = [*range(41), 100, 100003]

INPLACE = {
    "uniform_": (sampling.uniform_, FLOATS + COMPLEX, [(), (-0.3, 0.7), (-1, 1), (0, 1e-3), (2.5, 2.5)]),
    "normal_": (normals.normal_, FLOATS + COMPLEX, [(), (1.3, 0.7), (0, 0.02), (-2, 1), (-0.0, 0)]),
    "log_normal_": (normals.log_normal_, FLOATS, [(), (0.3, 0.5)]),
    "exponential_": (sampling.exponential_, FLOATS, [(), (0.37,), (float("inf"),)]),
    "cauchy_": (sampling.cauchy_, FLOATS, [(), (1.5, 0.37)]),
    "geometric_": (sampling.geometric_, FLOATS + INTEGERS, [(0.3,), (0.001,), (1e-12,)]),
    "bernoulli_": (sampling.bernoulli_, [torch.bool, *FLOATS, *INTEGERS], [(0.3,), (0,), (1,)]),
    "random_": (integers.random_, [torch.bool, *FLOATS, *INTEGERS], [(), (0, 2)]),
}
# Layouts that are not contiguous, as functions of a library's tensor and of an ndarray alike.
LAYOUTS = {
    "transposed": ((7, 9), (1, 0), ...),
    "permuted": ((3, 4, 5), (2, 0, 1), ...),
    "channels_last": ((2, 3, 4, 5), (0, 3, 1, 2), ...),
    "stepped": ((6, 8), (0, 1), (slice(None), slice(None, None, 2))),
    "stepped, transposed": ((6, 8), (1, 0), (slice(1, None, 3), slice(None, None, 2))),
    "size one": ((4, 1, 6), (2, 1, 0), ...),
    "dense rows": ((40, 3), (0, 1), (slice(None, None, 2),)),
}


class Pair:
    """One generator of each library, in step."""

    def __init__(self, seed: int = 0) -> None:
        self.theirs = torch.Generator().manual_seed(seed)
        self.ours = Generator().manual_seed(seed)

    def state(self, context: object) -> None:
        theirs = self.theirs.get_state().numpy()
        ours = self.ours._state_bytes()
        assert np.array_equal(theirs, ours), (context, np.flatnonzero(theirs != ours))

    def same(self, context: object, theirs: object, ours: np.ndarray) -> None:
        if theirs.dtype == torch.bfloat16:
            expected = theirs.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        else:
            expected = theirs.contiguous().numpy()
        assert expected.shape == ours.shape and expected.dtype == ours.dtype, context
        # One nan is as good as another.
        if expected.dtype.kind in "fc":
            assert np.array_equal(np.isnan(expected), np.isnan(ours)), context
        a, b = (np.ascontiguousarray(np.where(x == x, x, x.dtype.type(0))) for x in (expected, ours))
        assert a.tobytes() == b.tobytes(), (context, np.flatnonzero(a.reshape(-1) != b.reshape(-1))[:5])
        self.state(context)

    def fill(self, name: str, dtype: object, shape: tuple[int, ...], arguments: tuple[float, ...]) -> None:
        theirs, ours = torch.empty(shape, dtype=dtype), np.empty(shape, NUMPY[dtype])
        getattr(theirs, name)(*arguments, generator=self.theirs)
        INPLACE[name][0](self.ours, ours, *arguments)
        self.same((name, dtype, shape, arguments), theirs, ours)


@pytest.mark.parametrize("name", INPLACE)
def test_every_size_and_dtype(name: str) -> None:
    _, dtypes, forms = INPLACE[name]
    pair = Pair(7)
    for dtype in dtypes:
        for position, arguments in enumerate(forms):
            for size in SIZES if position == 0 else SIZES[:41:5] + [33, 700]:
                pair.fill(name, dtype, (size,), arguments)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", INPLACE)
def test_memory_order(name: str, layout: str) -> None:
    shape, order, index = LAYOUTS[layout]
    function, dtypes, forms = INPLACE[name]
    pair = Pair(8)
    for dtype in dtypes[:6]:
        theirs = torch.zeros(shape, dtype=dtype)
        ours = np.zeros(shape, NUMPY[dtype])
        getattr(theirs.permute(order)[index], name)(*forms[-1], generator=pair.theirs)
        function(pair.ours, ours.transpose(order)[index], *forms[-1])
        pair.same((name, layout, dtype), theirs, ours)


def test_zero_dimensions_and_single_values() -> None:
    pair = Pair(1)
    for name, (_, dtypes, forms) in INPLACE.items():
        for dtype in dtypes:
            pair.fill(name, dtype, (), forms[0])
            pair.fill(name, dtype, (3, 0), forms[0])


def test_interleaved_samplers_share_the_cached_normal() -> None:
    pair = Pair(2)
    choose = np.random.default_rng(0)
    names = [*INPLACE, "normal_", "log_normal_", "normal_"]
    for _ in range(600):
        name = names[choose.integers(len(names))]
        _, dtypes, forms = INPLACE[name]
        dtype = dtypes[choose.integers(len(dtypes))]
        arguments = forms[choose.integers(len(forms))]
        size = int(choose.integers(1, 22)) if choose.random() < 0.9 else int(choose.integers(1, 900))
        pair.fill(name, dtype, (size,), arguments)
        if choose.random() < 0.1:
            alpha = torch.rand(3) * 3
            pair.same(
                "gamma",
                torch._standard_gamma(alpha, generator=pair.theirs),
                rejection.standard_gamma(pair.ours, alpha.numpy()),
            )


RANGES = [
    (-5, 2**28 - 6),
    (-5, 2**28 - 5),
    (-5, 2**28 - 4),
    (0, 1),
    (0, 2**32),
    (3, 2**32 + 4),
    (1, 2**63 - 1),
    (-(2**62), 2**62 + 7),
    (-(2**63), 2**63 - 1),
    (-(2**63), None),
    (-(2**63) + 1, None),
    (5, None),
    (2**24 - 1, 2**24 + 1),
    (2**24 + 1, 2**24 + 2),
    (2**24, 2**24 + 9),
    (-300, 300),
    (255, None),
    (256, None),
    (257, 259),
    (-(2**63), 5),
    (60000, None),
    (70000, None),
    (0, 257),
    (-1, 3),
    (3, 3),
    (4, 3),
    (40000, 50000),
    (0, 2**40),
]


@pytest.mark.parametrize(
    "dtype",
    [torch.bool, torch.uint16, torch.uint32, torch.uint64, *INTEGERS, *FLOATS, *COMPLEX, torch.float8_e5m2],
    ids=str,
)
def test_integer_ranges(dtype: object) -> None:
    pair = Pair(3)
    for first, end in [*RANGES, (None, None)]:
        results = []
        for library in ("theirs", "ours"):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    if library == "theirs":
                        result = torch.empty(37, dtype=dtype)
                        result.random_(*() if first is None else (first, end), generator=pair.theirs)
                    else:
                        result = np.empty(37, NUMPY[dtype])
                        integers.random_(pair.ours, result, first, end)
                    error = None
                except (RuntimeError, NotImplementedError) as raised:
                    result, error = None, (type(raised), str(raised))
            results.append((result, error, [str(w.message) for w in caught]))
        (theirs, their_error, their_warnings), (ours, our_error, our_warnings) = results
        assert their_error == our_error, (dtype, first, end)
        assert their_warnings == our_warnings, (dtype, first, end)
        if theirs is not None:
            pair.same((dtype, first, end), theirs, ours)
        else:
            pair.state((dtype, first, end))


def test_randperm() -> None:
    pair = Pair(4)
    for n in [*range(41), 255, 20000, 20001, 100003]:
        pair.same(n, torch.randperm(n, generator=pair.theirs), integers.randperm(pair.ours, n))
    for dtype in FLOATS + INTEGERS:
        for n in (0, 1, 120, 128):
            theirs = torch.randperm(n, dtype=dtype, generator=pair.theirs)
            pair.same((dtype, n), theirs, integers.randperm(pair.ours, n, NUMPY[dtype]))
    theirs = torch.randperm(300, dtype=torch.bfloat16, generator=pair.theirs)
    pair.same("bfloat16", theirs, integers.randperm(pair.ours, 300, ml_dtypes.bfloat16))


def test_permutation_in_batches_equals_the_plain_loop() -> None:
    for n in (2, 3, 17, 1000, 5000):
        one, two = Generator().manual_seed(n), Generator().manual_seed(n)
        assert np.array_equal(integers._permutation_of_list(one, n), integers._permutation_in_batches(two, n))


def test_bernoulli_of_tensors() -> None:
    pair = Pair(5)
    for p_dtype in FLOATS:
        for dtype in [torch.bool, *FLOATS, *INTEGERS]:
            for shape in ((17,), (3, 5), (0, 5)):
                p = torch.rand(shape[-1:]).to(p_dtype)
                array = (
                    p.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
                    if p_dtype == torch.bfloat16
                    else p.numpy()
                )
                theirs, ours = torch.zeros(shape, dtype=dtype), np.zeros(shape, NUMPY[dtype])
                theirs.bernoulli_(p, generator=pair.theirs)
                sampling.bernoulli_(pair.ours, ours, array)
                pair.same((p_dtype, dtype, shape), theirs, ours)
    p = torch.rand(6, 4).t()
    theirs, ours = torch.zeros(6, 4), np.zeros((6, 4), np.float32)
    theirs.t().bernoulli_(p, generator=pair.theirs)
    sampling.bernoulli_(pair.ours, ours.T, p.numpy())
    pair.same("transposed", theirs, ours)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rejection_samplers(dtype: type) -> None:
    pair = Pair(6)
    choose = np.random.default_rng(1)
    for n in (1, 2, 15, 200, 3000):
        values = (choose.random(n) * 10.0 ** choose.integers(-3, 5, n)).astype(dtype)
        values[choose.random(n) < 0.05] = 0
        theirs = torch.from_numpy(values)
        pair.same(
            "poisson", torch.poisson(theirs, generator=pair.theirs), rejection.poisson(pair.ours, values)
        )
        ours = rejection.standard_gamma(pair.ours, values)
        pair.same("gamma", torch._standard_gamma(theirs, generator=pair.theirs), ours)
        ours = rejection.sample_dirichlet(pair.ours, values)
        pair.same("dirichlet", torch._sample_dirichlet(theirs, generator=pair.theirs), ours)
        count = np.floor(choose.random(n) * 10.0 ** choose.integers(0, 5, n)).astype(dtype)
        chance = choose.random(n).astype(dtype)
        chance[choose.random(n) < 0.05] = choose.choice([0, 1, 2, -1])
        ours = rejection.binomial(pair.ours, count, chance)
        theirs = torch.binomial(torch.from_numpy(count), torch.from_numpy(chance), generator=pair.theirs)
        pair.same("binomial", theirs, ours)
    rows = choose.random((3, 4, 9)).astype(dtype)
    ours = rejection.sample_dirichlet(pair.ours, rows)
    pair.same("dirichlet", torch._sample_dirichlet(torch.from_numpy(rows), generator=pair.theirs), ours)
    long = np.full(20003, 0.5, dtype)
    ours = rejection.sample_dirichlet(pair.ours, long)
    pair.same("dirichlet", torch._sample_dirichlet(torch.from_numpy(long), generator=pair.theirs), ours)
    odd = np.array([-1, -0.5, 0, 1e-40, np.inf, np.nan], dtype)
    ours = rejection.standard_gamma(pair.ours, odd)
    pair.same("gamma", torch._standard_gamma(torch.from_numpy(odd), generator=pair.theirs), ours)
    count, chance = np.array([[5], [100], [-1]], dtype), np.array([0.5, 0.3, 0.6, np.nan], dtype)
    theirs = torch.binomial(torch.from_numpy(count), torch.from_numpy(chance), generator=pair.theirs)
    pair.same("binomial", theirs, rejection.binomial(pair.ours, count, chance))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_multinomial(dtype: object) -> None:
    pair = Pair(9)
    torch.manual_seed(0)
    for shape in ((1,), (5,), (40,), (300,), (1300,), (4, 7), (2, 70)):
        for zeros in (0.0, 0.6):
            weights = torch.rand(shape).to(dtype)
            weights[torch.rand(shape) < zeros] = 0
            weights[..., 0] = 1
            for layout in (weights, weights.t().contiguous().t()):
                if dtype == torch.bfloat16:
                    array = layout.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
                else:
                    array = layout.numpy()
                categories = shape[-1]
                for count in {1, 2, categories // 70 + 1, categories // 2 + 1, categories}:
                    for replacement in (True, False):
                        if count > categories:
                            continue
                        theirs = torch.multinomial(layout, count, replacement, generator=pair.theirs)
                        ours = multinomial.multinomial(pair.ours, array, count, replacement)
                        pair.same((dtype, shape, zeros, count, replacement), theirs, ours)


def test_seeds() -> None:
    for seed in (0, 1, -1, -(2**63), 2**31, 2**40 + 5, 2**64 - 1):
        theirs, ours = torch.Generator().manual_seed(seed), Generator()
        assert ours.manual_seed(seed) is ours
        assert theirs.initial_seed() == ours.initial_seed()
        assert np.array_equal(theirs.get_state().numpy(), ours._state_bytes())
    assert Generator().initial_seed() == torch.Generator().initial_seed() == 67280421310721
    for seed in (2**64, -(2**63) - 1, 1.5, "a", True, None, np.int64(3), np.float64(2), np.bool_(True), [1]):
        errors = []
        for generator in (torch.Generator(), Generator()):
            with pytest.raises((ValueError, RuntimeError, TypeError)) as caught:
                generator.manual_seed(seed)
            errors.append((caught.type, str(caught.value)))
        assert errors[0] == errors[1]
    generator = Generator()
    seeds = {generator.seed() for _ in range(3)}
    assert len(seeds) == 3 and generator.initial_seed() in seeds
    assert isinstance(default_generator, Generator) and 0 <= default_generator.initial_seed() < 2**64


def test_state_goes_both_ways() -> None:
    pair = Pair(11)
    for size in (0, 1, 3, 17, 609, 624, 623, 5000):
        pair.fill("normal_", torch.float32, (3,), ())
        pair.fill("uniform_", torch.float32, (size,), ())
        fresh_ours, fresh_theirs = Generator(), torch.Generator()
        fresh_ours._set_state_bytes(pair.theirs.get_state().numpy())
        fresh_theirs.set_state(torch.from_numpy(pair.ours._state_bytes()))
        other = Pair()
        other.ours, other.theirs = fresh_ours, fresh_theirs
        other.state(size)
        other.fill("normal_", torch.float64, (9,), ())
        other.fill("random_", torch.int64, (700,), ())


def test_impossible_states() -> None:
    good = Generator().manual_seed(0)._state_bytes()
    cases = [np.zeros(5056, np.float32), np.zeros(10, np.uint8), np.zeros(5056, np.uint8)]
    for offset, value in ((8, 0), (8, 625), (12, 0), (16, 625)):
        bad = good.copy()
        bad[offset : offset + 4].view("<i4")[0] = value
        cases.append(bad)
    for bad in cases:
        ours = Generator().manual_seed(3)
        with pytest.raises((TypeError, RuntimeError)) as expected:
            torch.Generator().set_state(torch.from_numpy(bad))
        with pytest.raises(expected.type) as caught:
            ours._set_state_bytes(bad)
        assert str(caught.value) == str(expected.value).split("\n")[0]
        assert np.array_equal(ours._state_bytes(), Generator().manual_seed(3)._state_bytes())


def test_copies_are_independent() -> None:
    generator = Generator().manual_seed(12)
    normals.normal_(generator, np.empty(3))
    for twin in (
        generator.clone_state(),
        pickle.loads(pickle.dumps(generator)),
        copy.copy(generator),
        copy.deepcopy(generator),
    ):
        assert twin is not generator and np.array_equal(twin._state_bytes(), generator._state_bytes())
        before = generator._state_bytes()
        sampling.uniform_(twin, np.empty(5))
        assert np.array_equal(before, generator._state_bytes())
    assert repr(generator).startswith("<torch._C.Generator object at 0x")
    assert str(generator.device) == "cpu"
    assert Generator("cpu").initial_seed() == Generator(device="cpu:0").initial_seed()
    for kind in ("meta", "cuda", "mps", "xpu", "xla", "hip", "nowhere", "", 3, 1.5):
        expected = _attempt(lambda kind=kind: torch.Generator(kind))
        assert expected is not None and expected == _attempt(lambda kind=kind: Generator(kind))
    with pytest.raises(AttributeError):
        generator.nothing = 1


FAILING = [
    (name, dtype, arguments)
    for name, forms in {
        "uniform_": [(2, 1), (0, 1e39), (-3e38, 3e38), (float("nan"), 1), (0, float("inf")), (1 / 3, -2 / 3)],
        "normal_": [(0, -1), (0, -1 / 3), (0, float("nan"))],
        "log_normal_": [(0, 0), (0, -1), (1, float("nan"))],
        "exponential_": [(0,), (-1,), (float("nan"),), (1,)],
        "cauchy_": [(0, 0), (0, -1), (0, float("nan")), (0, 1)],
        "geometric_": [(0,), (1,), (1.5,), (float("nan"),)],
        "bernoulli_": [(1.5,), (-0.5,), (float("nan"),), (0.5,)],
        "random_": [(3, 3), (4, 3)],
    }.items()
    for dtype in [
        torch.float32,
        torch.float16,
        torch.int32,
        torch.bool,
        torch.complex64,
        torch.uint16,
        torch.float8_e5m2,
    ]
    for arguments in forms
]


def test_errors_draw_nothing() -> None:
    pair = Pair(13)
    seen = 0
    for size in (3, 0):
        for name, dtype, arguments in FAILING:
            theirs, ours = torch.empty(size, dtype=dtype), np.empty(size, NUMPY[dtype])
            outcomes = []
            for call in (
                lambda x=theirs: getattr(x, name)(*arguments, generator=pair.theirs),
                lambda x=ours: INPLACE[name][0](pair.ours, x, *arguments),
            ):
                try:
                    call()
                    outcomes.append(None)
                except (RuntimeError, NotImplementedError) as error:
                    outcomes.append((type(error), str(error)))
            assert outcomes[0] == outcomes[1], (name, dtype, arguments, size)
            pair.state((name, dtype, arguments))
            seen += outcomes[0] is not None
    assert seen > 150
    for name in INPLACE:
        expanded = np.broadcast_to(np.empty(5, np.float32), (3, 5))
        arguments = INPLACE[name][2][0]
        with pytest.raises(RuntimeError, match="refers to a single memory location"):
            INPLACE[name][0](pair.ours, expanded, *arguments)
    pair.state("expanded")


def _attempt(call: object) -> tuple[type, str] | None:
    try:
        call()
    except Exception as error:
        return type(error), str(error)
    return None


def test_errors_of_samplers_with_inputs() -> None:
    pair = Pair(14)
    t, a = torch.tensor, np.array
    nan, inf = float("nan"), float("inf")
    g, h = pair.theirs, pair.ours
    f = np.float32
    weights = [[0.0, 0], [1.0, -1], [1, inf], [1, nan], [], [[1.0, 2], [0, 0]], [[[1.0]]], 1.0]
    for w in weights:
        for count, replacement in ((1, False), (2, True), (3, False), (0, False), (-1, True)):
            expected = _attempt(
                lambda w=w, c=count, r=replacement: torch.multinomial(t(w), c, r, generator=g)
            )
            mark = h._state_bytes()
            got = _attempt(lambda w=w, c=count, r=replacement: multinomial.multinomial(h, a(w, f), c, r))
            assert expected == got, (w, count, replacement)
            if got is not None:
                assert np.array_equal(mark, h._state_bytes())
            h._set_state_bytes(g.get_state().numpy())
    cases = [
        (lambda: torch.multinomial(t([1, 2]), 1), lambda: multinomial.multinomial(h, a([1, 2]), 1)),
        (lambda: torch.poisson(t([1.0, -1]), generator=g), lambda: rejection.poisson(h, a([1, -1], f))),
        (lambda: torch.poisson(t([nan]), generator=g), lambda: rejection.poisson(h, a([nan], f))),
        (lambda: torch.poisson(t([1])), lambda: rejection.poisson(h, a([1]))),
        (lambda: torch._standard_gamma(t([1])), lambda: rejection.standard_gamma(h, a([1]))),
        (lambda: torch._sample_dirichlet(t([1])), lambda: rejection.sample_dirichlet(h, a([1]))),
        (lambda: torch.binomial(t([1]), t([1.0])), lambda: rejection.binomial(h, a([1]), a([1], f))),
        (lambda: torch.binomial(t([1.0]), t([1])), lambda: rejection.binomial(h, a([1], f), a([1]))),
        (
            lambda: torch.binomial(t([1.0]), t([1.0], dtype=torch.float64)),
            lambda: rejection.binomial(h, a([1], f), a([1.0])),
        ),
        (
            lambda: torch.binomial(t([1.0, 2, 3]), t([1.0, 2])),
            lambda: rejection.binomial(h, a([1, 2, 3], f), a([1, 2], f)),
        ),
        (
            lambda: torch.binomial(t([1.0]).half(), t([1.0]).half()),
            lambda: rejection.binomial(h, a([1], np.float16), a([1], np.float16)),
        ),
        (
            lambda: torch.bernoulli(t([0.1, 1.5]), generator=g),
            lambda: sampling.bernoulli_(h, np.empty(2, f), a([0.1, 1.5], f)),
        ),
        (lambda: torch.randperm(-1), lambda: integers.randperm(h, -1)),
        (lambda: torch.randperm(300, dtype=torch.uint8), lambda: integers.randperm(h, 300, np.uint8)),
        (lambda: torch.randperm(40000, dtype=torch.int16), lambda: integers.randperm(h, 40000, np.int16)),
        (lambda: torch.randperm(2050, dtype=torch.half), lambda: integers.randperm(h, 2050, np.float16)),
        (lambda: torch.randperm(5, dtype=torch.bool), lambda: integers.randperm(h, 5, np.bool_)),
        (lambda: torch.randperm(5, dtype=torch.uint16), lambda: integers.randperm(h, 5, np.uint16)),
    ]
    mark = h._state_bytes()
    for theirs, ours in cases:
        expected = _attempt(theirs)
        assert expected is not None and expected == _attempt(ours)
    assert np.array_equal(mark, h._state_bytes())


def test_multiply_add_rounds_once() -> None:
    from fractions import Fraction

    choose = np.random.default_rng(2)
    for _ in range(200):
        a = choose.standard_normal(64)
        b = float(choose.standard_normal() * 2.0 ** choose.integers(-40, 40))
        c = (
            float(-a[0] * b + choose.choice([0.0, 1e-17, 2.0**-60]))
            if choose.random() < 0.5
            else float(choose.random())
        )
        expected = [float(Fraction(x) * Fraction(b) + Fraction(c)) for x in a.tolist()]
        assert precise.multiply_add64(a, b, c).tolist() == expected
        assert precise.multiply_add_list(a.tolist(), b, c) == expected
    # (1 + 2^-12)^2 lies halfway between two float32 numbers; the sum decides which.
    half = np.full(3, 1 + 2.0**-12, np.float32)
    for c, expected in ((2.0**-60, 1 + 2.0**-11 + 2.0**-23), (-(2.0**-60), 1 + 2.0**-11)):
        assert precise.multiply_add32(half, float(half[0]), c).tolist() == [expected] * 3


def test_threads_share_one_stream() -> None:
    shared, single = Generator().manual_seed(1), Generator().manual_seed(1)
    parts = [np.empty((200, 7), np.float32) for _ in range(4)]

    def work(part: np.ndarray) -> None:
        for row in part:
            sampling.uniform_(shared, row)

    threads = [threading.Thread(target=work, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = np.empty((800, 7), np.float32)
    sampling.uniform_(single, together)
    assert np.array_equal(np.sort(np.concatenate(parts), axis=0), np.sort(together, axis=0))
    assert np.array_equal(shared._state_bytes(), single._state_bytes())


@pytest.mark.parametrize("n", [1000, 70_000, 1 << 18, 300_001])
def test_permutations_both_ways(n: int) -> None:
    """By batches of swaps, and by LAPACK's row interchanges once SciPy's linear algebra is loaded."""
    torch.manual_seed(n)
    expected = torch.randperm(n).numpy()
    for rows in (integers._permutation_in_batches, integers._permutation_by_rows):
        generator = Generator().manual_seed(n)
        with generator._lock:
            assert np.array_equal(rows(generator, n), expected)


def test_generators_that_come_and_go_leave_nothing_behind() -> None:
    def drawn(t: Any) -> list[Any]:
        alive = t.Generator().manual_seed(5)
        found = [t.rand(700, generator=alive).tolist()]
        for seed in (1, 2, 1):
            found.append(t.randn(3, generator=t.Generator().manual_seed(seed)).tolist())
            found.append(t.rand(700, generator=alive).tolist())
        return found

    assert drawn(tinytorch) == drawn(torch)
