"""alpha * x + y, rounded once as a fused multiply-add rounds it.

NumPy has no such operation. BLAS has (axpy), and SciPy's BLAS uses the processor's instruction for it wherever there is one; where there
is none (in a browser, say) `axpy` says so, and its callers round twice or go through float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinytorch._kernels.compiled import extension

#: axpy(x, y, elements, alpha) of BLAS by the character of the element type: overwrites y and returns it. None until it is first asked for.
_routines: dict[str, Callable[..., np.ndarray]] | None = None

#: What BLAS counts elements with, and factors that are neither lost in float32 nor skipped as zero.
_MOST, _LEAST_FACTOR, _GREATEST_FACTOR = 2**31 - 1, 1e-30, 1e30


def _fuses(routine: Callable[..., np.ndarray], element_type: np.dtype[Any]) -> bool:
    """Whether products keep their last bits until they are added: (1 + e)² - 1 - 2 e is e² and not 0, in loops of any length."""
    step = np.finfo(element_type).eps
    x, y = np.full(35, 1 + step, element_type), np.full(35, -1 - 2 * step, element_type)
    return bool((routine(x, y, 35, 1 + step) == step * step).all())


def _load() -> dict[str, Callable[..., np.ndarray]]:
    global _routines
    found = {}
    try:
        module = extension("scipy.linalg._fblas", "scipy.linalg.blas")
        for character, name in (("f", "saxpy"), ("d", "daxpy")):
            routine = getattr(module, name)
            if _fuses(routine, np.dtype(character)):
                found[character] = routine
    except Exception:  # no SciPy, or one without BLAS
        pass
    _routines = found
    return found


def axpy(x: np.ndarray, y: np.ndarray, alpha: Any) -> bool:
    """y += alpha * x, rounded once, for contiguous arrays of one shape and one type; False, and nothing done, where that cannot be had."""
    routine = (_load() if _routines is None else _routines).get(y.dtype.char)
    if (
        routine is None
        or x.dtype is not y.dtype
        or x.shape != y.shape
        or not _LEAST_FACTOR < abs(alpha) < _GREATEST_FACTOR
        or not 0 < y.size < _MOST
    ):
        return False
    if not (y.flags.carray and x.flags.c_contiguous):
        return False
    if y.ndim == 1:
        routine(x, y, y.size, alpha)
    else:
        routine(x.reshape(-1), y.reshape(-1), y.size, alpha)
    return True


def add_scaled(y: np.ndarray, x: np.ndarray, alpha: float) -> np.ndarray:
    """y += alpha * x, for arrays of one shape and one type; rounded once where that can be had. Returns y."""
    if alpha == 1:
        return np.add(y, x, y)
    if not axpy(x, y, alpha):
        np.add(y, np.multiply(x, y.dtype.type(alpha)), y)
    return y


def add_scaled_each(targets: Sequence[np.ndarray], terms: Sequence[np.ndarray], alpha: float) -> None:
    """y += alpha * x for many pairs of arrays of one shape and one type, each as `add_scaled` does it."""
    routines = _load() if _routines is None else _routines
    routine = routines.get(targets[0].dtype.char) if _LEAST_FACTOR < abs(alpha) < _GREATEST_FACTOR else None
    for y, x in zip(targets, terms, strict=True):
        size = y.size
        # equal strides: then `x` is contiguous, too
        if (
            routine is None
            or not y.flags.carray
            or x.strides != y.strides
            or x.dtype is not y.dtype
            or not 0 < size < _MOST
        ):
            add_scaled(y, x, alpha)
        elif y.ndim == 1:
            routine(x, y, size, alpha)
        else:
            routine(x.reshape(-1), y.reshape(-1), size, alpha)
