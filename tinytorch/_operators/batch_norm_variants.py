"""Batch normalisation as compilers call it: `_native_batch_norm_legit`, `_batch_norm_with_update`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.declare import op
from .._kernels import normalization as kernels
from .normalization import _PARAMETERS, _batch_vjp

_STATISTICS = ("result1", "result2")


def _formula(
    grad_result0: Any,
    input: Any,
    weight: Any,
    running_mean: Any,
    running_var: Any,
    result1: Any,
    result2: Any,
    training: Any,
    eps: Any,
    needs: Any,
) -> Any:
    return _batch_vjp(
        grad_result0, input, weight, running_mean, running_var, result1, result2, training, eps, needs
    )


op(
    "_native_batch_norm_legit(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) running_var, "
    "bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
    kernels.batch_norm,
    node="NativeBatchNormLegitBackward0",
    method=False,
    out=False,
    nondifferentiable_outputs=_STATISTICS,
).vjp_all(_formula, *_PARAMETERS)


def _without_statistics(
    input: np.ndarray, weight: Any, bias: Any, training: bool, momentum: float, eps: float
) -> Any:
    return kernels.batch_norm(input, weight, bias, None, None, training, momentum, eps)


op(
    "_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum, float eps) "
    "-> (Tensor, Tensor, Tensor)",
    _without_statistics,
    node="NativeBatchNormLegitBackward1",
    method=False,
    out=False,
    nondifferentiable_outputs=_STATISTICS,
).vjp_all(
    lambda grad_result0, input, weight, result1, result2, training, eps, needs: _batch_vjp(
        grad_result0, input, weight, None, None, result1, result2, training, eps, needs
    ),
    *_PARAMETERS,
)


def _with_update(
    input: np.ndarray,
    weight: Any,
    bias: Any,
    running_mean: np.ndarray,
    running_var: np.ndarray,
    momentum: float,
    eps: float,
) -> Any:
    results = kernels.batch_norm(input, weight, bias, running_mean, running_var, True, momentum, eps)
    return (*results, np.empty(0, np.uint8))  # what cuDNN would keep for the backward pass


op(
    "_batch_norm_with_update(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) running_var, "
    "float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor)",
    _with_update,
    node="BatchNormWithUpdateBackward0",
    method=False,
    out=False,
    nondifferentiable_outputs=(*_STATISTICS, "result3"),
).vjp_all(
    lambda grad_result0, input, weight, running_mean, running_var, result1, result2, eps, needs: _batch_vjp(
        grad_result0, input, weight, running_mean, running_var, result1, result2, True, eps, needs
    ),
    *_PARAMETERS,
)
