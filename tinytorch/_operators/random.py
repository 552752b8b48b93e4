"""Samplers that fill a tensor in place, and those whose parameters are tensors.

The draws themselves are in `_core`: `sampling`, `integers`, `normals`, `rejection`, `multinomial`. `generator` None means the
default generator. A call that raises draws nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._kernels.scalar_types import tensor_type_name

from .._core import integers, normals, rejection, sampling
from .._core import multinomial as categories
from .._core.declare import Operator, find, op, update
from .._core.element_types import instances
from .._core.generator import Generator, default_generator
from .._core.layout import broadcast_shapes
from .._core.outputs import warn_resized
from .._core.promotion import promote_types
from .._core.signature import generator_class

generator_class[0] = Generator


def source_of(generator: Generator | None) -> Generator:
    """The generator that a call draws from."""
    return default_generator if generator is None else generator


def _nothing(grad: Any) -> Any:
    """What was overwritten, or only gave a size, has the cotangent zero."""
    return find("zeros_like")(grad)


# In place ------------------------------------------------------------------------------------------------------------------------


def _sampler(schema: str, kernel: Any, node: str) -> Operator:
    """Declare `Tensor.<name>_`: `kernel(array, *arguments)` fills the array. There is no `Tensor.<name>`."""
    declared: Operator = update(
        schema, kernel, node=node, method=False, function=False, inplace_method=True, direct=True
    )
    declared.vjp(self=_nothing)
    return declared


def _normal(self: np.ndarray, mean: float, std: float, generator: Generator | None) -> None:
    normals.normal_(source_of(generator), self, mean, std)


def _uniform(self: np.ndarray, from_: float, to: float, generator: Generator | None) -> None:
    sampling.uniform_(source_of(generator), self, from_, to)


def _random_from(self: np.ndarray, from_: int, to: int | None, generator: Generator | None) -> None:
    integers.random_(source_of(generator), self, from_, to)


def _random_to(self: np.ndarray, to: int, generator: Generator | None) -> None:
    integers.random_(source_of(generator), self, 0, to)


def _random(self: np.ndarray, generator: Generator | None) -> None:
    integers.random_(source_of(generator), self)


def _bernoulli_each(self: np.ndarray, p: np.ndarray, generator: Generator | None) -> None:
    _check_expands(p, self.shape)
    sampling.bernoulli_(source_of(generator), self, p)


def _bernoulli(self: np.ndarray, p: float, generator: Generator | None) -> None:
    sampling.bernoulli_(source_of(generator), self, p)


def _exponential(self: np.ndarray, lambd: float, generator: Generator | None) -> None:
    sampling.exponential_(source_of(generator), self, lambd)


def _geometric(self: np.ndarray, p: float, generator: Generator | None) -> None:
    sampling.geometric_(source_of(generator), self, p)


def _cauchy(self: np.ndarray, median: float, sigma: float, generator: Generator | None) -> None:
    sampling.cauchy_(source_of(generator), self, median, sigma)


def _log_normal(self: np.ndarray, mean: float, std: float, generator: Generator | None) -> None:
    normals.log_normal_(source_of(generator), self, mean, std)


def _check_expands(array: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raise torch's RuntimeError unless `array` expands to `shape`."""
    extra = len(shape) - array.ndim
    if extra < 0:
        raise RuntimeError(
            f"expand({tensor_type_name(array.dtype)}{{{list(array.shape)}}}, size={list(shape)}): the number of "
            f"sizes provided ({len(shape)}) must be greater or equal to the number of dimensions in the tensor ({array.ndim})"
        )
    for dim in range(len(shape) - 1, extra - 1, -1):
        size = array.shape[dim - extra]
        if size not in (1, shape[dim]):
            raise RuntimeError(
                f"The expanded size of the tensor ({shape[dim]}) must match the existing size ({size}) at non-singleton dimension "
                f"{dim}.  Target sizes: {list(shape)}.  Tensor sizes: {list(array.shape)}"
            )


_G = "*, Generator? generator=None"
_sampler(
    f"normal.functional(Tensor self, float mean=0., float std=1., {_G}) -> Tensor", _normal, "NormalBackward0"
)
_sampler(f"uniform(Tensor self, float from=0., float to=1., {_G}) -> Tensor", _uniform, "UniformBackward0")
_sampler(f"random(Tensor self, {_G}) -> Tensor", _random, "RandomBackward2")
_sampler(f"random.from(Tensor self, int from, int? to, {_G}) -> Tensor", _random_from, "RandomBackward0")
_sampler(f"random.to(Tensor self, int to, {_G}) -> Tensor", _random_to, "RandomBackward1")
_sampler(f"exponential(Tensor self, float lambd=1., {_G}) -> Tensor", _exponential, "ExponentialBackward0")
_sampler(f"geometric(Tensor self, float p, {_G}) -> Tensor", _geometric, "GeometricBackward0")
_sampler(f"cauchy(Tensor self, float median=0., float sigma=1., {_G}) -> Tensor", _cauchy, "CauchyBackward0")
_sampler(
    f"log_normal(Tensor self, float mean=1., float std=2., {_G}) -> Tensor", _log_normal, "LogNormalBackward0"
)
_sampler(
    f"bernoulli.Tensor(Tensor self, Tensor p, {_G}) -> Tensor", _bernoulli_each, "BernoulliBackward1"
).vjp(p=lambda grad, p_shape: grad.new_zeros(p_shape))
_sampler(f"bernoulli.float(Tensor self, float p=0.5, {_G}) -> Tensor", _bernoulli, "BernoulliBackward2")


# Parameters in tensors -----------------------------------------------------------------------------------------------------------


def _same(self: np.ndarray, *arguments: Any) -> np.ndarray:
    """The shape rule of samplers whose result is like their first parameter."""
    return np.empty(self.shape, self.dtype)


def _bernoulli_into(out: np.ndarray, self: np.ndarray, generator: Generator | None) -> None:
    sampling.bernoulli_(source_of(generator), out, self)


@op(f"bernoulli(Tensor self, {_G}) -> Tensor", out_cast="any", quiet_out=True, out_kernel=_bernoulli_into)
def bernoulli(self: np.ndarray, generator: Generator | None) -> np.ndarray:
    """Ones with the probabilities `self`, else zeros; same shape and dtype."""
    result = np.empty(self.shape, self.dtype)
    sampling.bernoulli_(source_of(generator), result, self)
    return result


bernoulli.vjp(self=_nothing).meta(_same)


@op(f"bernoulli.p(Tensor self, float p, {_G}) -> Tensor", node="NotImplemented", out=False)
def bernoulli_p(self: np.ndarray, p: float, generator: Generator | None) -> np.ndarray:
    """Ones with probability p, else zeros, in the shape and dtype of `self`."""
    result = np.empty(self.shape, self.dtype)
    sampling.bernoulli_(source_of(generator), result, p)
    return result


def _without_derivative(name: str) -> Any:
    def formula(grad: Any) -> Any:
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return formula


bernoulli_p.vjp(self=_without_derivative("bernoulli")).meta(_same)


def _long_out(targets: list[Any], arguments: list[Any]) -> None:
    """torch.multinomial looks at `out` before it draws."""
    kind = targets[0].dtype
    if kind._name != "int64":
        from .._core.dispatch import legacy_name

        raise RuntimeError(f"multinomial expects Long tensor out, got: {legacy_name(kind)}")


@op(
    f"multinomial(Tensor self, SymInt num_samples, bool replacement=False, {_G}) -> Tensor",
    nondifferentiable=True,
    out_check=_long_out,
    quiet_out=True,
)
def multinomial(
    self: np.ndarray, num_samples: int, replacement: bool, generator: Generator | None
) -> np.ndarray:
    """Indices of categories drawn by the weights (C,) or (N, C): (num_samples,) or (N, num_samples) int64."""
    return categories.multinomial(source_of(generator), self, num_samples, replacement)


@multinomial.meta
def _multinomial_shape(self: np.ndarray, num_samples: int, replacement: bool, generator: Any) -> np.ndarray:
    if self.ndim not in (1, 2):
        raise RuntimeError(f"The probability distributions dimensions must be 1 or 2, but got {self.ndim}")
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > self.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    return np.empty((*self.shape[:-1], num_samples), np.int64)


@op("poisson(Tensor self, Generator? generator=None) -> Tensor", method=False, out=False)
def poisson(self: np.ndarray, generator: Generator | None) -> np.ndarray:
    """Poisson numbers with the rates `self`; same shape and dtype."""
    return rejection.poisson(source_of(generator), self)


poisson.vjp(self=_nothing).meta(_same)


@op(
    "binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor",
    node="NotImplemented",
    method=False,
    out=False,
)
def binomial(count: np.ndarray, prob: np.ndarray, generator: Generator | None) -> np.ndarray:
    """Numbers of successes in `count` trials of probability `prob`, which broadcast; their dtype."""
    shape = broadcast_shapes(count.shape, prob.shape)
    if count.size and count.shape != shape:  # torch makes the result like `count` first
        warn_resized(count.shape, shape)
    return rejection.binomial(source_of(generator), count, prob)


binomial.vjp(count=_without_derivative("binomial"), prob=_without_derivative("binomial"))
binomial.meta(lambda count, prob, generator: np.empty(broadcast_shapes(count.shape, prob.shape), count.dtype))


@op(
    "_sample_dirichlet(Tensor self, Generator? generator=None) -> Tensor",
    node="NotImplemented",
    method=False,
    out=False,
)
def _sample_dirichlet(self: np.ndarray, generator: Generator | None) -> np.ndarray:
    """Dirichlet numbers with the concentrations `self` (..., K); same shape and dtype."""
    return rejection.sample_dirichlet(source_of(generator), self)


_sample_dirichlet.vjp(self=_without_derivative("_sample_dirichlet")).meta(_same)


@op("_standard_gamma(Tensor self, Generator? generator=None) -> Tensor", method=False, out=False)
def _standard_gamma(self: np.ndarray, generator: Generator | None) -> np.ndarray:
    """Gamma numbers of the shapes `self` and scale 1; same shape and dtype."""
    return rejection.standard_gamma(source_of(generator), self)


_standard_gamma.vjp(self=lambda grad, self, result: grad * find("_standard_gamma_grad")(self, result)).meta(
    _same
)


# Normal numbers with tensors for mean or standard deviation -------------------------------------------------------------------------


def _check_deviations(std: np.ndarray) -> None:
    if std.dtype.kind == "c":
        raise RuntimeError("normal expects standard deviation to be non-complex")
    if std.size and not bool((std >= 0).all()):
        raise RuntimeError("normal expects all elements of std >= 0.0")


def _common(a: np.ndarray, b: np.ndarray) -> np.dtype[Any]:
    """The dtype in which torch multiplies or adds two tensors (with dimensions) before it stores the result."""
    from .._core import dtypes

    kind = promote_types(dtypes.from_numpy(a.dtype), dtypes.from_numpy(b.dtype))._numpy
    return np.dtype(np.float32) if sampling.name_of(kind) in sampling.SHORT else kind


def _standard_then(
    shape: tuple[int, ...], dtype: Any, std: np.ndarray, mean: Any, generator: Any
) -> np.ndarray:
    """Standard normal numbers times `std`, then plus `mean`, each rounded to `dtype`."""
    out = np.empty(shape, dtype)
    if out.dtype.kind not in "fc" and sampling.name_of(out.dtype) != "bfloat16":
        sampling.refuse("normal_kernel_cpu", out.dtype)
    normals.normal_(source_of(generator), out, 0.0, 1.0)
    working = _common(out, std)
    out = (out.astype(working) * std.astype(working)).astype(dtype)
    return _plus(out, mean)


def _plus(out: np.ndarray, mean: Any) -> np.ndarray:
    if not isinstance(mean, np.ndarray):
        mean = np.asarray(mean, out.dtype)
    working = _common(out, mean)
    result: np.ndarray = (out.astype(working) + mean.astype(working)).astype(out.dtype)
    return result


def _normal_into(out: np.ndarray, mean: Any, std: Any, generator: Generator | None) -> None:
    """Standard normal numbers first, then the deviations and the means."""
    if isinstance(std, np.ndarray):
        _check_deviations(std)
        normals.normal_(source_of(generator), out, 0.0, 1.0)
        np.multiply(out, std, out=out, casting="unsafe")
    else:
        normals.normal_(source_of(generator), out, 0.0, std)
    np.add(out, mean, out=out, casting="unsafe")


#: The least of the standard deviations is looked at.
_SPREAD = instances("min_all", "bool int reduced float complex", of="std")


@op(
    f"normal.Tensor_Tensor(Tensor mean, Tensor std, {_G}) -> Tensor",
    element_types=_SPREAD,
    node="NormalBackward3",
    method=False,
    out_kernel=_normal_into,
)
def normal_each(mean: np.ndarray, std: np.ndarray, generator: Generator | None) -> np.ndarray:
    """Normal numbers with the given means and standard deviations, which broadcast; the dtype of `mean`."""
    _check_deviations(std)
    return _standard_then(broadcast_shapes(mean.shape, std.shape), mean.dtype, std, mean, generator)


def _not_resized(targets: list[Any], arguments: list[Any]) -> None:
    """torch does not resize this overload's `out`: it fills it and adds the means."""
    wanted, given = arguments[0]._array.shape, targets[0]._array.shape
    if wanted != given:
        broadcast_shapes(wanted, given)
        raise NotImplementedError(
            f"normal(mean, std, out=...): out of shape {list(given)} for means of shape {list(wanted)}"
        )


@op(
    f"normal.Tensor_float(Tensor mean, float std=1., {_G}) -> Tensor",
    python=f"normal(Tensor mean, float std=1, {_G}) -> Tensor",
    node="NormalBackward1",
    method=False,
    out_check=_not_resized,
    out_kernel=_normal_into,
)
def normal_around(mean: np.ndarray, std: float, generator: Generator | None) -> np.ndarray:
    """Normal numbers with the given means and one standard deviation; shape and dtype of `mean`."""
    out = np.empty(mean.shape, mean.dtype)
    normals.normal_(source_of(generator), out, 0.0, std)
    return _plus(out, mean)


@op(
    f"normal.float_Tensor(float mean, Tensor std, {_G}) -> Tensor",
    element_types=_SPREAD,
    node="NormalBackward2",
    method=False,
    out_kernel=_normal_into,
)
def normal_spread(mean: float, std: np.ndarray, generator: Generator | None) -> np.ndarray:
    """Normal numbers with one mean and the given standard deviations; shape and dtype of `std`."""
    _check_deviations(std)
    return _standard_then(std.shape, std.dtype, std, mean, generator)


normal_each.vjp(
    mean=lambda grad, mean_shape: grad.new_zeros(mean_shape),
    std=lambda grad, std_shape: grad.new_zeros(std_shape),
).meta(lambda mean, std, generator: np.empty(broadcast_shapes(mean.shape, std.shape), mean.dtype))
normal_around.vjp(mean=lambda grad, mean_shape: grad.new_zeros(mean_shape)).meta(_same)
normal_spread.vjp(std=lambda grad, std_shape: grad.new_zeros(std_shape)).meta(
    lambda mean, std, generator: np.empty(std.shape, std.dtype)
)
