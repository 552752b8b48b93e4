"""Promotion, indexing, printing, conversions, random numbers."""

from __future__ import annotations

from typing import Any

torch: Any = None  # the library a program runs under


def _attempt(action: Any) -> Any:
    try:
        return action()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _kinds() -> list[Any]:
    names = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128"
    return [getattr(torch, name) for name in names.split()]


def _table(function: Any, left: Any, right: Any) -> list[str]:
    rows = []
    for one in _kinds():
        for two in _kinds():
            result = _attempt(lambda one=one, two=two: str(function(left(one), right(two)).dtype))
            rows.append(f"{one} {two}: {result}")
    return rows


def _line(kind: Any) -> Any:
    return torch.ones(2, dtype=kind)


def _point(kind: Any) -> Any:
    return torch.ones((), dtype=kind)


def promotion_of_sums() -> Any:
    return _table(torch.add, _line, _line)


def promotion_with_zero_dimensional() -> Any:
    return _table(torch.add, _line, _point)


def promotion_zero_dimensional_first() -> Any:
    return _table(torch.mul, _point, _line)


def promotion_of_division() -> Any:
    return _table(torch.true_divide, _line, _point)


def promotion_of_powers() -> Any:
    return _table(torch.pow, _line, _line)


def promotion_of_comparison() -> Any:
    return _table(torch.lt, _line, _line)


def promotion_of_concatenation() -> Any:
    return _table(lambda a, b: torch.cat([a, b]), _line, _line)


def promotion_of_choice() -> Any:
    return _table(lambda a, b: torch.where(torch.tensor([True, False]), a, b), _line, _point)


def promotion_of_in_place() -> Any:
    return _table(lambda a, b: a.add_(b), _line, _line)


def promotion_of_bits() -> Any:
    return _table(torch.bitwise_and, _line, _line)


def promotion_of_remainder() -> Any:
    return _table(torch.remainder, _line, _line)


def promotion_of_matrices() -> Any:
    return _table(torch.matmul, _line, _line)


def promotion_with_numbers() -> Any:
    rows = []
    for kind in _kinds():
        for number in (True, 2, 2.5, 1j):
            for name in ("add", "mul", "div", "pow", "floor_divide", "eq", "maximum", "sub"):
                result = _attempt(lambda kind=kind, number=number, name=name: str(
                    getattr(torch, name)(_line(kind), number).dtype
                ))  # fmt: skip
                rows.append(f"{name} {kind} {number}: {result}")
    return rows


def result_types() -> Any:
    pairs = [(one, two) for one in _kinds() for two in _kinds()]
    promoted = [str(torch.promote_types(one, two)) for one, two in pairs]
    cast = [torch.can_cast(one, two) for one, two in pairs]
    return [promoted, cast, str(torch.result_type(_line(torch.int32), 1.0))]


def reductions_of_dtypes() -> Any:
    rows = []
    for kind in _kinds():
        for name in (
            "sum",
            "prod",
            "mean",
            "any",
            "all",
            "cumsum",
            "std",
            "max",
            "argmax",
            "norm",
            "logsumexp",
            "median",
        ):
            extra = (0,) if name in ("cumsum", "logsumexp") else ()
            result = _attempt(
                lambda kind=kind, name=name, extra=extra: str(getattr(_line(kind), name)(*extra).dtype)
            )
            rows.append(f"{name} {kind}: {result}")
    return rows


def unary_dtypes() -> Any:
    rows = []
    names = "abs neg sqrt exp floor sign square reciprocal sigmoid bitwise_not logical_not round angle isnan relu tanh"
    for kind in _kinds():
        for name in names.split():
            rows.append(
                f"{name} {kind}: "
                + str(_attempt(lambda kind=kind, name=name: getattr(torch, name)(_line(kind)).dtype))
            )
    return rows


def tensors_from_data() -> Any:
    made = [
        1,
        1.5,
        True,
        1j,
        [],
        [1, 2],
        [1, 2.5],
        [True, 1],
        [1, 1j],
        [[]],
        [[1], [2]],
        (1, 2),
        [(1,), (2,)],
    ]
    return [torch.tensor(item) for item in made]


def tensors_from_wrong_data() -> Any:
    wrong: list[Any] = [[1, [2]], [[1], [2, 3]], "a", ["a"], None, [None], {}, [[1, 2], [3]], 2**70]
    return [str(_attempt(lambda item=item: torch.tensor(item))) for item in wrong]


def conversions() -> Any:
    x = torch.tensor([0.0, 1.9, -1.9, 127.5, 0.1, 65504.0, 1e-8])
    return [x.to(kind) for kind in _kinds() if kind not in (torch.uint8, torch.int8)]


def python_values() -> Any:
    x = torch.tensor([[1.5, 2.0], [3.0, 0.1]])
    numbers = [
        int(x[0, 1]),
        float(x[1, 1]),
        bool(x[0, 0]),
        complex(x[1, 0]),
        len(x),
        x.tolist(),
        x[1, 1].item(),
    ]
    wrong = [
        str(_attempt(lambda: int(x))),
        str(_attempt(lambda: bool(x))),
        str(_attempt(lambda: len(x[0, 0]))),
        str(_attempt(x.item)),
    ]
    return [
        *numbers,
        *wrong,
        format(x[0, 0], ".3f"),
        f"{x[1, 1]:.2f}",
        str(torch.tensor(3)),
        hash(x) == id(x),
    ]


def _indices() -> list[Any]:
    long, mask = torch.tensor([2, 0, -1]), torch.tensor([True, False, True])
    every = slice(None)
    return [
        0, -1, (0, 1), (every, 1), (Ellipsis, 0), (None, 0), slice(1, None), slice(None, None, 2), (every, None, every),
        long, mask, (long, long), (every, long), (long, every, long), (long, 0), (0, long), (mask, 1), (every, every, mask[:2]),
        [0, 2], ([0, 1], [1, 2]), long.reshape(3, 1), (long.reshape(3, 1), long), (Ellipsis, long[:2] * 0, None), True, False,
        (True, 0), torch.tensor(1), (slice(0, 0),), (long, None, 0), (every, mask, 0), torch.tensor([], dtype=torch.int64),
    ]  # fmt: skip


def indexing() -> Any:
    x = torch.arange(24.0).reshape(3, 4, 2)
    return [_attempt(lambda index=index: x[index]) for index in _indices()]


def indexing_errors() -> Any:
    x = torch.arange(24.0).reshape(3, 4, 2)
    wrong = [3, -4, (0, 0, 0, 0), 1.0, "a", slice(None, None, -1), slice(None, None, 0), torch.tensor([3]), torch.tensor([0.5]),
             torch.tensor([True, False]), (torch.tensor([0, 1]), torch.tensor([0, 1, 2])), (0, 4), [5]]  # fmt: skip
    return [str(_attempt(lambda index=index: x[index])) for index in wrong]


def assignment() -> Any:
    results = []
    for index in _indices():
        x = torch.arange(24.0).reshape(3, 4, 2)

        def assign(x: Any = x, index: Any = index) -> Any:
            x[index] = -1.0
            return x

        results.append(_attempt(assign))
    return results


def assignment_casts() -> Any:
    x = torch.zeros(3, dtype=torch.int64)
    x[0] = 2.9
    x[1:] = torch.tensor([1.5, -1.5])

    def wrong() -> None:
        x[:] = torch.ones(2)

    return [x, _attempt(wrong)]


def printing() -> Any:
    base = torch.arange(6.0).reshape(2, 3)
    items = [
        base, base / 7, base * 1e6, base * 1e-6, torch.tensor([1e-10, 1.0, 1e10]), torch.tensor(float("nan")), torch.zeros(0),
        torch.zeros(2, 0), torch.arange(3), torch.tensor([True]), base.double(), base.half(), base.bfloat16(),
        torch.tensor([1 + 2j, -0.5j]), torch.arange(2000), torch.arange(2000.0).reshape(40, 50), base.requires_grad_() * 2,
        torch.tensor([float("inf"), -1.0]), torch.tensor([-0.0, 0.0]), torch.tensor(1.0), torch.ones(1, 1, 1, 2), torch.tensor(7),
        torch.tensor([123456.789, 0.001]), torch.tensor([1.0, 1000.0, 99999.0]), torch.tensor([1, -100, 5], dtype=torch.int8),
    ]  # fmt: skip
    return [repr(item) for item in items]


def printing_options() -> Any:
    x = torch.tensor([[1.23456789, 1e-5], [1000.0, 3.0]])
    texts = []
    for options in (
        {"precision": 2},
        {"sci_mode": True},
        {"linewidth": 20},
        {"threshold": 1, "edgeitems": 1},
        {"profile": "full"},
    ):
        torch.set_printoptions(**options)
        texts.append(repr(x))
        torch.set_printoptions(profile="default", sci_mode=None)
    return texts


def random_streams() -> Any:
    torch.manual_seed(3)
    drawn = [
        torch.rand(3),
        torch.randn(5),
        torch.randn(20),
        torch.randint(10, (4,)),
        torch.randperm(6),
        torch.rand(2, dtype=torch.float64),
    ]
    drawn += [
        torch.randn(17, dtype=torch.float64),
        torch.bernoulli(torch.full((5,), 0.3)),
        torch.empty(4).uniform_(-1, 1),
    ]
    drawn += [
        torch.empty(4).exponential_(),
        torch.multinomial(torch.tensor([0.1, 0.2, 0.7]), 2),
        torch.normal(0.0, 2.0, (3,)),
    ]
    return drawn


def generators() -> Any:
    first = torch.Generator().manual_seed(11)
    a = torch.rand(3, generator=first)
    state = first.get_state()
    b = torch.rand(3, generator=first)
    first.set_state(state)
    c = torch.rand(3, generator=first)
    return [
        a,
        b,
        c,
        first.initial_seed(),
        str(torch.randperm(5, generator=first).tolist()),
        torch.initial_seed(),
    ]


def random_state_round_trip() -> Any:
    torch.manual_seed(5)
    torch.randn(3)
    state = torch.get_rng_state()
    a = torch.randn(3)
    torch.set_rng_state(state)
    with torch.random.fork_rng():
        torch.rand(100)
    return [a, torch.randn(3), state.dtype is torch.uint8, state.shape]


def reshaping_rules() -> Any:
    x = torch.arange(24.0).reshape(2, 3, 4)
    p = x.permute(2, 0, 1)
    results = [
        x.view(-1, 4).stride(),
        p.stride(),
        p.contiguous().stride(),
        p.reshape(4, 6).stride(),
        p.flatten(1).stride(),
        p.is_contiguous(),
    ]
    wrong = [
        _attempt(lambda: p.view(24)),
        _attempt(lambda: x.view(5, -1)),
        _attempt(lambda: x.reshape(-1, -1)),
        _attempt(lambda: x.expand(3, 3, 4)),
    ]
    more = [
        x.t() if x.dim() < 3 else _attempt(x.t),
        x.squeeze(0).shape,
        x[None].squeeze().shape,
        x.unsqueeze(-1).stride(),
    ]
    return [*results, *wrong, *more]


def memory_formats() -> Any:
    x = torch.arange(48.0).reshape(2, 3, 2, 4).contiguous(memory_format=torch.channels_last)
    y = torch.arange(48.0).reshape(2, 3, 2, 4)
    made = [
        x,
        x + 1,
        x + y,
        y + x,
        torch.relu(x),
        torch.empty_like(x),
        x.clone(),
        x.to(torch.float64),
        torch.cat([x, x]),
        x.sum(1, keepdim=True),
    ]
    return [list(item.stride()) for item in made] + [x.is_contiguous(memory_format=torch.channels_last)]


def strides_of_elementwise() -> Any:
    base = torch.arange(24.0).reshape(2, 3, 4)
    shapes = [
        base.permute(2, 1, 0),
        base.transpose(0, 1),
        base[:, ::2],
        base[:, :, :1],
        base.expand(2, 3, 4),
        base[:1].expand(5, 3, 4),
    ]
    rows = []
    for x in shapes:
        rows += [
            (x + 1).stride(),
            x.exp().stride(),
            (x + x.contiguous()).stride(),
            (x.contiguous() + x).stride(),
            torch.zeros_like(x).stride(),
        ]
        rows += [
            x.clone().stride(),
            torch.where(x > 1, x, x).stride(),
            x.to(torch.float64).stride(),
            (x > 1).stride(),
        ]
    return [list(row) for row in rows]


def overflow_and_division() -> Any:
    big = torch.tensor([2**31 - 1, -(2**31)], dtype=torch.int32)
    small = torch.tensor([200, 100], dtype=torch.uint8)
    return [
        big + 1,
        big * 2,
        small + small,
        -small,
        big.sum(),
        small.sum(),
        torch.tensor([1.0, -1.0, 0.0]) / 0,
        _attempt(lambda: torch.tensor([1]) // 0),
    ]
