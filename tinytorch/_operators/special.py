"""torch.special: what is not an elementary function. Several have no derivative in torch either; their results carry no history."""

from __future__ import annotations

import math
from typing import Any

from tinytorch._core.declare import composite, find, pointwise
from tinytorch._core.dispatch import slow
from tinytorch._core.element_types import instances
from tinytorch._kernels import special as kernels
from tinytorch._operators._shared import masked
from tinytorch._operators.adjoint import plus


def _special(text: str, kernel: Any, kinds: str = "float", **options: Any) -> Any:
    """A pointwise function whose kernel torch names after it, for floating types of `kinds`."""
    name = text[: text.index("(")].partition(".")[0]
    return pointwise(
        f"special_{text} -> Tensor",
        kernel,
        result="float",
        module="special",
        inplace=False,
        element_types=instances(f"{name}_cpu", kinds),
        **options,
    )


entr = _special("entr(Tensor self)", kernels.entr, "reduced float")
entr.vjp(self=lambda grad, self: grad * (-(self.log() + 1)))
erfcx = _special("erfcx(Tensor self)", kernels.erfcx)
erfcx.vjp(self=lambda grad, self, result: (2.0 * self * result - 2.0 / math.sqrt(math.pi)) * grad)
i0e = _special("i0e(Tensor self)", kernels.i0e, "reduced float", node="SpecialI0EBackward0")
i0e.vjp(self=lambda grad, self, result: grad * (i1e(self) - self.sgn() * result))
i1e = _special("i1e(Tensor self)", kernels.i1e, "reduced float", node="SpecialI1EBackward0")
i1e.vjp(self=lambda grad, self, result: grad * _i1e_slope(self, result))
log_ndtr = _special("log_ndtr(Tensor self)", kernels.log_ndtr)
log_ndtr.vjp(self=lambda grad, self, result: grad / erfcx(self * -math.sqrt(0.5)) * math.sqrt(2 / math.pi))
ndtri = _special("ndtri(Tensor self)", kernels.ndtri)
ndtri.vjp(self=lambda grad, result: grad * math.sqrt(2 * math.pi) * (result.square() / 2).exp())


def _i1e_slope(self: Any, result: Any) -> Any:
    """The derivative of i1e; 1/2 near 0, where the formula divides by 0."""
    small = self.abs() <= (2**-23 if self.dtype.itemsize <= 4 else 2**-52)
    safe = masked(small, self.new_ones(()), self)
    return masked(small, self.new_full((), 0.5), i0e(safe) - result * (safe.sgn() + safe.reciprocal()))


@composite("special_ndtr(Tensor self) -> Tensor", module="special")
def special_ndtr(self: Any) -> Any:
    """The normal distribution function, (1 + erf(x / sqrt 2)) / 2."""
    times = find("mul", "Scalar").call
    if self.dtype._category in ("bool", "int"):
        from tinytorch._core.dtypes import defaults

        self = self.to(defaults.dtype)
    return times(plus(times(self, math.sqrt(0.5)).erf(), 1), 0.5)


# Two arguments ---------------------------------------------------------------------------------------------------------

xlog1py = _special(
    "xlog1py(Tensor self, Tensor other)", kernels.xlog1py, "reduced float", node="SpecialXlog1PyBackward0"
)
xlog1py.vjp(
    self=lambda grad, self, other: (
        grad * masked((self == 0) & (other <= -1), grad.new_zeros(()), other.log1p())
    ),
    other=lambda grad, self, other: grad * self / (other + 1),
)


def _number_like(value: Any, array: Any) -> Any:
    import numpy as np

    return np.asarray(value).astype(array.dtype)


def _log1p(value: float) -> float:
    return math.log1p(value) if value > -1 else -math.inf if value == -1 else math.nan


def _reflected(kernel: Any) -> Any:
    """`kernel` with a number on the left or right."""

    def function(left: Any, right: Any) -> Any:
        like = left if hasattr(left, "dtype") else right
        return kernel(*(v if hasattr(v, "dtype") else _number_like(v, like) for v in (left, right)))

    return function


xlog1py_number = _special(
    "xlog1py.self_scalar(Scalar self, Tensor other)", _reflected(kernels.xlog1py), "reduced float", promote=("self", "other"),
    node="SpecialXlog1PyBackward1",
)  # fmt: skip
xlog1py_number.vjp(other=lambda grad, self, other: grad * self / (other + 1))
xlog1py_of_number = _special(
    "xlog1py.other_scalar(Tensor self, Scalar other)",
    _reflected(kernels.xlog1py),
    "reduced float",
    node="SpecialXlog1PyBackward2",
)
xlog1py_of_number.vjp(
    self=lambda grad, self, other: grad * _log1p(other) if other > -1
    else masked(self == 0, grad.new_zeros(()), grad * _log1p(other))
)  # fmt: skip


def _not_implemented(what: str) -> Any:
    raise NotImplementedError(f"the derivative for '{what}' is not implemented.")


zeta = _special("zeta(Tensor self, Tensor other)", kernels.zeta)
zeta.vjp(
    self=lambda grad: _not_implemented("zeta"),
    other=lambda grad, self, other: grad * -self * zeta(self + 1.0, other),
)
zeta_number = _special(
    "zeta.self_scalar(Scalar self, Tensor other)",
    _reflected(kernels.zeta),
    promote=("self", "other"),
    node="SpecialZetaBackward1",
)
zeta_number.vjp(other=lambda grad, self, other: grad * -self * slow(zeta, (float(self + 1), other)))
zeta_of_number = _special(
    "zeta.other_scalar(Tensor self, Scalar other)", _reflected(kernels.zeta), node="SpecialZetaBackward2"
)
zeta_of_number.vjp(self=lambda grad: _not_implemented("zeta"))

igamma = pointwise(
    "igamma(Tensor self, Tensor other) -> Tensor",
    kernels.igamma,
    element_types=instances("igamma_cpu", "reduced float"),
)
igammac = pointwise(
    "igammac(Tensor self, Tensor other) -> Tensor",
    kernels.igammac,
    element_types=instances("igammac_cpu", "reduced float"),
)


def _gamma_density(self: Any, other: Any) -> Any:
    return ((self - 1) * other.log() - other - self.lgamma()).exp()


igamma.vjp(
    self=lambda grad: _not_implemented("igamma: input"),
    other=lambda grad, self, other: grad * _gamma_density(self, other),
)
igammac.vjp(
    self=lambda grad: _not_implemented("igammac: input"),
    other=lambda grad, self, other: -grad * _gamma_density(self, other),
)
composite(
    "special_gammainc(Tensor self, Tensor other) -> Tensor",
    lambda self, other: igamma(self, other),
    module="special",
)
composite(
    "special_gammaincc(Tensor self, Tensor other) -> Tensor",
    lambda self, other: igammac(self, other),
    module="special",
)


def _check_mvlgamma(common: Any, self: Any, p: int) -> None:
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    if common._category == "bool":
        raise RuntimeError("The input tensor may not be a boolean tensor.")


mvlgamma = pointwise(
    "mvlgamma(Tensor self, int p) -> Tensor",
    kernels.mvlgamma,
    result="float",
    check=_check_mvlgamma,
    memory="rows",
    fast_keys=frozenset(),
    element_types=instances("arange_cpu", "reduced float"),
)


def _mvlgamma_vjp(grad: Any, self: Any, p: int) -> Any:
    steps = self.new_tensor([0.5 * j for j in range(1 - p, 1)])
    return grad * (steps + self.unsqueeze(-1)).digamma().sum(-1)


mvlgamma.vjp(self=lambda grad, self, p: _mvlgamma_vjp(grad, self, p))
composite(
    "special_multigammaln(Tensor self, int p) -> Tensor", lambda self, p: mvlgamma(self, p), module="special"
)


@composite("special_xlogy(Tensor self, Tensor other) -> Tensor", module="special")
def special_xlogy(self: Any, other: Any) -> Any:
    """x log y, 0 where x is 0."""
    return find("xlogy", "Tensor")(self, other)


composite(
    "special_xlogy.self_scalar(Scalar self, Tensor other) -> Tensor",
    lambda self, other: find("xlogy", "Scalar_Self")(self, other),
    module="special",
)
composite(
    "special_xlogy.other_scalar(Tensor self, Scalar other) -> Tensor",
    lambda self, other: find("xlogy", "Scalar_Other")(self, other),
    module="special",
)

# Without derivatives ---------------------------------------------------------------------------------------------------

for _name, _argument in (
    ("bessel_j0", "self"), ("bessel_j1", "self"), ("bessel_y0", "self"), ("bessel_y1", "self"), ("modified_bessel_i0", "self"),
    ("modified_bessel_i1", "self"), ("modified_bessel_k0", "self"), ("modified_bessel_k1", "self"), ("airy_ai", "x"),
    ("scaled_modified_bessel_k0", "x"), ("scaled_modified_bessel_k1", "x"), ("spherical_bessel_j0", "x"),
):  # fmt: skip
    _special(f"{_name}(Tensor {_argument})", getattr(kernels, _name), nondifferentiable=True)

_POLYNOMIALS: dict[str, Any] = {
    **{f"chebyshev_polynomial_{kind}": kernels.chebyshev(kind) for kind in "tuvw"},
    **{f"shifted_chebyshev_polynomial_{kind}": kernels.shifted_chebyshev(kind) for kind in "tuvw"},
    "hermite_polynomial_h": kernels.hermite_h,
    "hermite_polynomial_he": kernels.hermite_he,
    "laguerre_polynomial_l": kernels.laguerre_l,
    "legendre_polynomial_p": kernels.legendre_p,
}


def _scalars(base: Any) -> Any:
    return lambda x, n: slow(base, (x, n))


for _name, _kernel in _POLYNOMIALS.items():
    _base = _special(f"{_name}(Tensor x, Tensor n)", _kernel, nondifferentiable=True)
    composite(f"special_{_name}.x_scalar(Scalar x, Tensor n) -> Tensor", _scalars(_base), module="special")
    composite(f"special_{_name}.n_scalar(Tensor x, Scalar n) -> Tensor", _scalars(_base), module="special")
