"""How random numbers move with the parameters of their distribution: dx/dα with the value of the distribution function held.

dx/dα = -(∂F/∂α)/f for the distribution function F and the density f. As torch computes it, to about four digits: a Taylor series
near the ends, Rice's saddle point expansion for large parameters, a rational function between. Source of the expansions and of the
coefficients: Jankowiak and Obermeyer, "Pathwise derivatives beyond the reparameterization trick" (2018).
"""

from __future__ import annotations

import numpy as np

_F = np.float32
_Array = np.ndarray


def _digamma(x: _Array) -> _Array:
    """ψ(x), computed in double precision and rounded to the type of x."""
    import scipy.special

    result: _Array = scipy.special.digamma(x.astype(np.float64)).astype(x.dtype)
    return result


def _polynomial(x: _Array, coefficients: _Array) -> _Array:
    """Σ coefficients[k] xᵏ, along the first axis."""
    value = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = coefficient + x * value
    return value


# ---- gamma

# Of the numerator and the denominator: [power of log(x/α)][power of log α]
_GAMMA_NUMERATOR = np.array(
    [
        [0.16009398, -0.094634809, 0.025146376, -0.0030648343],
        [0.53487893, 0.1298071, 0.065735949, -0.0015649758],
        [0.040121004, -0.0065914022, -0.0026286047, -0.0013441777],
    ]
)
_GAMMA_DENOMINATOR = np.array(
    [
        [1, 0.32668115, 0.10406089, 0.0014179084],
        [0.16639465, 0.020070113, -0.0035938915, -0.00058392623],
        [0.017050642, -0.0021309326, 0.00085092367, -1.5247877e-07],
    ]
)


def standard_gamma_grad(alpha: _Array, x: _Array) -> _Array:
    """dx/dα for gamma numbers x of the shape α and the rate 1; float64 arrays of one shape."""
    result = np.empty_like(x)
    small = x < float(_F(0.8))
    large = ~small & (alpha > 8)
    near = large & (float(_F(0.9)) * alpha <= x) & (x <= float(_F(1.1)) * alpha)
    far = large & ~near
    middle = ~small & ~large
    for where, function in (
        (small, _gamma_small),
        (near, _gamma_near_mean),
        (far, _gamma_far_from_mean),
        (middle, _gamma_rational),
    ):
        if where.any():
            result[where] = function(alpha[where], x[where])
    return result


def _gamma_small(alpha: _Array, x: _Array) -> _Array:
    """By the series of the incomplete gamma function Σ (-x)ᵏ xᵅ / (k! (α + k))."""
    log_ratio = np.log(x) - _digamma(alpha)
    term = np.ones_like(x)
    total = 0.0
    for k in range(6):
        if k:
            term = term * (-x / k)
        total = total + term / (alpha + k) * (1 / (alpha + k) - log_ratio)
    result = x * np.exp(x) * total
    result[np.isnan(result) | (np.power(x, alpha) == 0)] = (
        0.0  # the last: torch's quotient, of the power, is 0 there
    )
    return result


def _gamma_near_mean(alpha: _Array, x: _Array) -> _Array:
    """The saddle point expansion around x = α, where its terms are singular one by one."""
    square = alpha * alpha
    leading = 1 + 24 * alpha * (1 + 12 * alpha)
    correction = 1440 * square + 6 * x * (53 - 120 * x) - 65 * x * x / alpha + alpha * (107 + 3600 * x)
    return leading * correction / (1244160 * square * square)


def _gamma_far_from_mean(alpha: _Array, x: _Array) -> _Array:
    difference = alpha - x
    log_ratio = np.log(x / alpha)
    root = np.sqrt(8 * alpha)
    deviance = np.power(x - alpha - alpha * log_ratio, -1.5)
    bracket = root / difference + np.where(x < alpha, -deviance, deviance)
    value = log_ratio * bracket - np.sqrt(2 / alpha) * (alpha + x) / (difference * difference)
    stirling = 1 + 1 / (12 * alpha) * (1 + 1 / (24 * alpha))
    result: _Array = -stirling * x * value / root
    return result


def _gamma_rational(alpha: _Array, x: _Array) -> _Array:
    u, v = np.log(x / alpha), np.log(alpha)
    numerator = _polynomial(v, _polynomial(u, _GAMMA_NUMERATOR[..., None]))
    denominator = _polynomial(v, _polynomial(u, _GAMMA_DENOMINATOR[..., None]))
    result: _Array = np.exp(numerator / denominator)
    return result


# ---- Dirichlet, by the beta distribution of one component

# Of the numerator and the denominator: [power of log x][power of a][power of b]
_BETA_NUMERATOR = np.array(
    [
        [
            [1.003668233, -0.01061107488, -0.0657888334, 0.01201642863],
            [0.6336835991, -0.3557432599, 0.05486251648, -0.001465281033],
            [-0.03276231906, 0.004474107445, 0.002429354597, -0.0001557569013],
        ],
        [
            [0.221950385, -0.3187676331, 0.01799915743, 0.01074823814],
            [-0.2951249643, 0.06219954479, 0.01535556598, 0.001550077057],
            [0.02155310298, 0.004170831599, 0.001292462449, 6.976601077e-05],
        ],
        [
            [-0.05980841433, 0.008441916499, 0.01085618172, 0.002319392565],
            [0.02911413504, 0.01400243777, -0.002721828457, 0.000751041181],
            [0.005900514878, -0.001936558688, -9.495446725e-06, 5.385558597e-05],
        ],
    ]
)
_BETA_DENOMINATOR = np.array(
    [
        [
            [1, -0.02924021934, -0.04438342661, 0.007285809825],
            [0.6357567472, -0.3473456711, 0.05454656494, -0.002407477521],
            [-0.03301322327, 0.004845219414, 0.00231480583, -0.0002307248149],
        ],
        [
            [0.5925320577, -0.1757678135, 0.01505928619, 0.000564515273],
            [0.1014815858, -0.06589186703, 0.01272886114, -0.0007316646956],
            [-0.007258481865, 0.001096195486, 0.0003934994223, -4.12701925e-05],
        ],
        [
            [0.06469649321, -0.0236701437, 0.002902096474, -5.896963079e-05],
            [0.001925008108, -0.002869809258, 0.0008000589141, -6.063713228e-05],
            [-0.0003477407336, 6.959756487e-05, 1.097287507e-05, -1.650964693e-06],
        ],
    ]
)


def dirichlet_grad(x: _Array, alpha: _Array, total: _Array) -> _Array:
    """dx/dα / (1 - x) for beta numbers x of the concentrations α and total - α; arrays of one shape, float32 or float64."""
    boundary = total * x * (1 - x)
    low = (x <= 0.5) & (boundary < 2.5)
    high = ~low & (x >= 0.5) & (boundary < 0.75)
    beta = total - alpha
    large = ~low & ~high & (alpha > 6) & (beta > 6)
    rest = ~low & ~high & ~large
    result = np.empty(x.shape)
    # The series are computed in the type of the arguments, and so are the digamma functions, which cancel.
    if low.any():
        result[low] = _beta_small(x[low], alpha[low], beta[low])
    if high.any():
        result[high] = -_beta_small_in_beta(1 - x[high], beta[high], alpha[high])
    if rest.any():
        slope = _digamma(total[rest]) - _digamma(alpha[rest])
        result[rest] = _beta_rational(*_doubles(x[rest], alpha[rest], total[rest], slope))
    if large.any():
        result[large] = _beta_saddle_point(*_doubles(x[large], alpha[large], total[large]))
    return result


def _doubles(*arrays: _Array) -> list[_Array]:
    return [array.astype(np.float64) for array in arrays]


def _beta_small(x: _Array, alpha: _Array, beta: _Array) -> _Array:
    """For x near 0, by the series of the incomplete beta function."""
    factor = _digamma(alpha) - _digamma(alpha + beta) - np.log(x)
    term = np.ones_like(x)
    total = 0.0
    for k in range(11):
        if k:
            term = term * ((k - beta) * x / k)
        total = total + term / (alpha + k) * (factor + 1 / (alpha + k))
    result = x * np.power(1 - x, -beta) * total
    result[np.isnan(result)] = 0.0
    return result


def _beta_small_in_beta(x: _Array, alpha: _Array, beta: _Array) -> _Array:
    """dx/dβ / x for x near 0: the same series differentiated by β."""
    factor = _digamma(alpha + beta) - _digamma(beta)
    term, product, derivative = (
        np.ones_like(x),
        np.ones_like(x),
        np.zeros_like(x),
    )  # Π (β - j) and its derivative
    total = factor / alpha
    for k in range(1, 9):
        term = term * (-x / k)
        derivative = derivative * (beta - k) + product
        product = product * (beta - k)
        total = total + term / (alpha + k) * (derivative + factor * product)
    result = -np.power(1 - x, 1 - beta) * total
    result[np.isnan(result)] = 0.0
    return result


def _stirling(x: _Array) -> _Array:
    return 1 + 1 / (12 * x) + 1 / (288 * x * x)


def _beta_saddle_point(x: _Array, alpha: _Array, total: _Array) -> _Array:
    beta = total - alpha
    mean = alpha / total
    deviation = np.sqrt(alpha * beta / (total + 1)) / total
    near = (mean - 0.1 * deviation <= x) & (x <= mean + 0.1 * deviation)
    result: _Array = np.where(
        near, _beta_near_mean(x, alpha, beta, total), _beta_far_from_mean(x, alpha, beta, total)
    )
    return result


def _beta_near_mean(x: _Array, alpha: _Array, beta: _Array, total: _Array) -> _Array:
    """The expansion around the mean, where its terms are singular one by one."""
    coefficients = np.stack(
        [
            47 * x * beta**4,
            (43 + 20 * (16 + 27 * beta) * x) * beta**3,
            3 * (59 + 180 * beta - 90 * x) * beta**2,
            (453 + 1620 * beta * (1 - x) - 455 * x) * beta,
            8 * (1 - x) * (135 * beta - 11),
        ]
    )
    leading = (1 + 12 * alpha) * (1 + 12 * beta) / (total * total)
    scale = 12960 * alpha**3 * beta**2 * (1 + 12 * total)
    result: _Array = leading / (1 - x) * _polynomial(alpha, coefficients) / scale
    return result


def _beta_far_from_mean(x: _Array, alpha: _Array, beta: _Array, total: _Array) -> _Array:
    distance = beta * x - alpha * (1 - x)
    curvature = 2 * alpha**2 * (x - 1) + alpha * beta * (x - 1) - x * beta**2
    first = curvature / (np.sqrt(2 * alpha / beta) * np.power(total, 1.5) * distance**2)
    log_ratio = np.log(alpha / (total * x))
    deviance = np.power(beta * np.log(beta / (total * (1 - x))) + alpha * log_ratio, -1.5)
    bracket = np.sqrt(8 * alpha * beta / total) / distance + np.where(distance < 0, deviance, -deviance)
    prefactor = -x / np.sqrt(2 * alpha * beta / total)
    correction = _stirling(alpha) * _stirling(beta) / _stirling(total)
    result: _Array = correction * prefactor * (first + 0.5 * log_ratio * bracket)
    return result


def _beta_rational(x: _Array, alpha: _Array, total: _Array, slope: _Array) -> _Array:
    """A rational correction to x (ψ(total) - ψ(α)) / (total - α), whose parenthesis is `slope`."""
    u = np.log(x)
    a = np.log(alpha) - u
    b = np.log(total) - a

    def polynomial(coefficients: _Array) -> _Array:
        rows = _polynomial(
            b, np.moveaxis(coefficients, -1, 0)[..., None]
        )  # (power of u, power of a, element)
        return _polynomial(u, np.stack([_polynomial(a, row) for row in rows]))

    approximation = x * slope / (total - alpha)
    result: _Array = polynomial(_BETA_NUMERATOR) / polynomial(_BETA_DENOMINATOR) * approximation
    return result
