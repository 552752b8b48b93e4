"""Derivatives at ties, kinks and edges, where a convention decides."""

from __future__ import annotations

from typing import Any

torch: Any = None  # the library a program runs under


def _slope(function: Any, *values: Any) -> list[Any]:
    leaves = [torch.tensor(value, requires_grad=True) for value in values]
    out = function(*leaves)
    weights = torch.arange(1.0, out.numel() + 1).reshape(out.shape)
    out.backward(weights)
    return [out.detach(), *[leaf.grad for leaf in leaves]]


EDGE = [-0.0, 0.0, -1.0, 1.0, -3.0, 3.0, 6.0, 0.5, -0.5, 20.0, float("inf"), float("-inf"), float("nan")]


def relu() -> Any:
    return _slope(torch.relu, EDGE)


def relu6() -> Any:
    return _slope(torch.nn.functional.relu6, EDGE)


def leaky_relu() -> Any:
    return _slope(torch.nn.functional.leaky_relu, EDGE)


def elu() -> Any:
    return _slope(torch.nn.functional.elu, EDGE)


def celu() -> Any:
    return _slope(torch.nn.functional.celu, EDGE)


def selu() -> Any:
    return _slope(torch.nn.functional.selu, EDGE)


def hardtanh() -> Any:
    return _slope(torch.nn.functional.hardtanh, EDGE)


def hardsigmoid() -> Any:
    return _slope(torch.nn.functional.hardsigmoid, EDGE)


def hardswish() -> Any:
    return _slope(torch.nn.functional.hardswish, EDGE)


def hardshrink() -> Any:
    return _slope(torch.nn.functional.hardshrink, EDGE)


def softshrink() -> Any:
    return _slope(torch.nn.functional.softshrink, EDGE)


def threshold() -> Any:
    return _slope(lambda x: torch.nn.functional.threshold(x, 1.0, 9.0), EDGE)


def softplus() -> Any:
    return _slope(torch.nn.functional.softplus, EDGE)


def absolute() -> Any:
    return _slope(torch.abs, EDGE)


def sign() -> Any:
    return _slope(torch.sign, EDGE)


def square_root() -> Any:
    return _slope(torch.sqrt, EDGE)


def power_of_zero() -> Any:
    return [_slope(lambda x, power=power: x**power, EDGE) for power in (0, 1, 2, 0.5, -1, 3)]


def tensor_power() -> Any:
    return _slope(torch.pow, [0.0, 0.0, 1.0, -2.0, -2.0, 0.0], [0.0, 2.0, 0.0, 2.0, 0.5, -1.0])


def scalar_power() -> Any:
    return [_slope(lambda x, base=base: torch.pow(base, x), EDGE) for base in (0, 1, 2.0, -1.0)]


def maximum() -> Any:
    return _slope(torch.maximum, [1.0, 2.0, 3.0, float("nan"), 0.0], [1.0, 3.0, 2.0, 1.0, -0.0])


def minimum() -> Any:
    return _slope(torch.minimum, [1.0, 2.0, 3.0, float("nan"), 0.0], [1.0, 3.0, 2.0, 1.0, -0.0])


def fmax() -> Any:
    return _slope(
        torch.fmax, [1.0, 2.0, float("nan"), 1.0, float("nan")], [1.0, 3.0, 1.0, float("nan"), float("nan")]
    )


def fmin() -> Any:
    return _slope(
        torch.fmin, [1.0, 2.0, float("nan"), 1.0, float("nan")], [1.0, 3.0, 1.0, float("nan"), float("nan")]
    )


def clamp_numbers() -> Any:
    return _slope(lambda x: torch.clamp(x, -1.0, 1.0), EDGE)


def clamp_tensors() -> Any:
    return _slope(torch.clamp, [1.0, 2.0, 0.0, 5.0], [1.0, 3.0, -1.0, 9.0], [4.0, 2.0, 0.0, 5.0])


def max_of_all() -> Any:
    return _slope(torch.max, [3.0, 1.0, 3.0, 3.0])


def min_of_all() -> Any:
    return _slope(torch.min, [3.0, 1.0, 1.0, 3.0])


def amax() -> Any:
    return _slope(lambda x: torch.amax(x, 0), [[3.0, 1.0], [3.0, 2.0], [0.0, 2.0]])


def amin() -> Any:
    return _slope(lambda x: torch.amin(x, 1), [[3.0, 3.0], [3.0, 2.0], [0.0, 0.0]])


def max_along() -> Any:
    return _slope(lambda x: torch.max(x, 1).values, [[3.0, 3.0], [1.0, 2.0], [float("nan"), float("nan")]])


def argmax_takes_first() -> Any:
    x = torch.tensor([[1.0, 3.0, 3.0], [float("nan"), 1.0, float("nan")]])
    return [torch.argmax(x), torch.argmax(x, 1), torch.argmin(x, 1), torch.max(x, 1), torch.min(x, 0)]


def median() -> Any:
    return _slope(lambda x: torch.median(x, 0).values, [3.0, 1.0, 3.0, 1.0])


def median_of_all() -> Any:
    return _slope(torch.median, [3.0, 1.0, 1.0, 3.0])


def mode() -> Any:
    return _slope(lambda x: torch.mode(x).values, [3.0, 1.0, 1.0, 3.0])


def kth_value() -> Any:
    return _slope(lambda x: torch.kthvalue(x, 2).values, [2.0, 1.0, 1.0, 2.0])


def sort_of_equal() -> Any:
    x = torch.tensor([2.0, 1.0, 2.0, 1.0, float("nan")])
    return [torch.sort(x, stable=True), torch.sort(x, descending=True, stable=True), torch.topk(x, 3)]


def max_pool() -> Any:
    flat = [[[1.0, 1.0, 1.0, 2.0, 2.0, 0.0]]]
    return _slope(lambda x: torch.nn.functional.max_pool1d(x, 3, 1), flat)


def norms_at_zero() -> Any:
    return [
        _slope(lambda x, order=order: torch.linalg.vector_norm(x, order), [0.0, 0.0, 0.0])
        for order in (0, 1, 2, 3, float("inf"), float("-inf"), 0.5)
    ]


def infinity_norm() -> Any:
    return _slope(lambda x: torch.linalg.vector_norm(x, float("inf")), [2.0, -2.0, 1.0])


def product_with_zeros() -> Any:
    return [_slope(torch.prod, values) for values in ([2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [1.0, 2.0, 3.0])]


def cumulative_product_with_zeros() -> Any:
    return _slope(lambda x: torch.cumprod(x, 0), [2.0, 0.0, 3.0, 0.0, 4.0])


def cumulative_maximum() -> Any:
    return _slope(lambda x: torch.cummax(x, 0).values, [1.0, 1.0, 3.0, 2.0, 3.0])


def where_hides_nothing() -> Any:
    return _slope(lambda x: torch.where(x > 0, torch.sqrt(x), torch.zeros(())), [-1.0, 0.0, 4.0])


def floors() -> Any:
    return [
        _slope(function, EDGE[:10])
        for function in (torch.floor, torch.ceil, torch.round, torch.trunc, torch.frac)
    ]


def rounds_half_to_even() -> Any:
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, 2.675])
    return [torch.round(x), torch.round(x, decimals=1), torch.round(x * 100, decimals=-1)]


def remainders() -> Any:
    a, b = [5.0, -5.0, 5.0, -5.0, 0.0, 1.0, -0.0], [3.0, 3.0, -3.0, -3.0, 1.0, float("inf"), 2.0]
    return [_slope(torch.fmod, a, b), _slope(torch.remainder, a, b)]


def integer_division() -> Any:
    a, b = torch.tensor([7, -7, 7, -7, 0]), torch.tensor([2, 2, -2, -2, 3])
    return [
        a // b,
        a % b,
        torch.fmod(a, b),
        torch.div(a, b, rounding_mode="trunc"),
        a / b,
        torch.floor_divide(a, b),
    ]


def huber_at_delta() -> Any:
    functional = torch.nn.functional
    x, y = [0.0, 1.0, -1.0, 2.0, 0.5], [0.0, 0.0, 0.0, 0.0, 0.0]
    return [
        _slope(functional.huber_loss, x, y),
        _slope(functional.smooth_l1_loss, x, y),
        _slope(functional.l1_loss, x, y),
    ]


def log_sum_exp_of_infinities() -> Any:
    low = float("-inf")
    return _slope(lambda x: torch.logsumexp(x, 1), [[low, low], [low, 0.0], [float("inf"), 0.0]])


def softmax_of_infinities() -> Any:
    low = float("-inf")
    return _slope(lambda x: torch.softmax(x, 1), [[low, low], [low, 0.0], [1000.0, -1000.0]])


def xlogy_at_zero() -> Any:
    return _slope(torch.xlogy, [0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, float("nan")])


def atan2_at_zero() -> Any:
    return _slope(torch.atan2, [0.0, 0.0, -0.0, 1.0], [0.0, -0.0, -1.0, 0.0])


def hypot_at_zero() -> Any:
    return _slope(torch.hypot, [0.0, 3.0], [0.0, 4.0])


def distances_at_zero() -> Any:
    same = [[1.0, 2.0], [1.0, 2.0]]
    return [_slope(lambda x, y, p=p: torch.cdist(x, y, p), same, same) for p in (1.0, 2.0, 3.0, float("inf"))]


def standard_deviation_of_equal() -> Any:
    return [_slope(torch.std, [2.0, 2.0, 2.0]), _slope(torch.var, [2.0, 2.0]), _slope(torch.std, [2.0])]


def heaviside_and_logit() -> Any:
    x = torch.tensor(EDGE)
    return [
        torch.heaviside(x, torch.tensor(0.25)),
        torch.logit(x),
        torch.logit(x, eps=0.1),
        torch.nan_to_num(x),
    ]
