"""torch.signal.windows: window functions for spectral analysis. `sym` false: one period of a periodic window."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from .._core import dtypes, layouts
from .._core.front import function_of

__all__ = ["bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann", "kaiser",
           "nuttall"]  # fmt: skip


def _torch(name: str) -> Callable[..., Any]:
    found = function_of(name)
    if found is None:
        raise NotImplementedError(f"torch.{name} is not implemented")
    return found


def _options(name: str, M: int, dtype: Any, layout: Any, device: Any, requires_grad: bool) -> dict[str, Any]:
    """The options of the tensors to make. Raises ValueError with torch's texts for bad ones."""
    kind = dtype or dtypes.defaults.dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not layouts.strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if kind not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    return {"dtype": kind, "device": device, "requires_grad": requires_grad}


def _line(start: float, end: float, steps: int, options: dict[str, Any]) -> Any:
    return _torch("linspace")(start, end, steps, **options)


def _trivial(M: int, options: dict[str, Any]) -> Any:
    """Windows of no point and of one."""
    return _torch("empty" if M == 0 else "ones")((M,), **options) if M <= 1 else None


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = layouts.strided,
    device: Any = None, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """exp(-|n - center| / tau)."""
    options = _options("exponential", M, dtype, layout, device, requires_grad)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return _torch("empty")((0,), **options)
    middle = (M if not sym and M > 1 else M - 1) / 2.0 if center is None else center
    k = _line(-middle / tau, (-middle + (M - 1)) / tau, M, options)
    return (-k.abs()).exp()


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = layouts.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """Half a period of a sine."""
    options = _options("cosine", M, dtype, layout, device, requires_grad)
    if M == 0:
        return _torch("empty")((0,), **options)
    step = math.pi / (M + 1 if not sym and M > 1 else M)
    return _line(0.5 * step, (0.5 + (M - 1)) * step, M, options).sin()


def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = layouts.strided, device: Any = None,
    requires_grad: bool = False,
) -> Any:  # fmt: skip
    """exp(-n^2 / (2 std^2)), n counted from the middle."""
    options = _options("gaussian", M, dtype, layout, device, requires_grad)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return _torch("empty")((0,), **options)
    start = -(M if not sym and M > 1 else M - 1) / 2.0
    scale = 1 / (std * math.sqrt(2))
    k = _line(start * scale, (start + (M - 1)) * scale, M, options)
    return (-(k**2)).exp()


def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None, layout: Any = layouts.strided, device: Any = None,
    requires_grad: bool = False,
) -> Any:  # fmt: skip
    """The Kaiser window: Bessel functions i0 along a half circle of radius beta."""
    options = _options("kaiser", M, dtype, layout, device, requires_grad)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    trivial = _trivial(M, options)
    if trivial is not None:
        return trivial
    step = 2.0 * beta / (M if not sym else M - 1)
    k = _line(-beta, min(beta, -beta + (M - 1) * step), M, options)
    peak = _torch("full")((), float(beta), dtype=options["dtype"], device=device)
    return (beta * beta - k.pow(2)).sqrt().i0() / peak.i0()


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = layouts.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """A triangle from 0 to 1 and back."""
    options = _options("bartlett", M, dtype, layout, device, requires_grad)
    trivial = _trivial(M, options)
    if trivial is not None:
        return trivial
    step = 2 / (M if not sym else M - 1)
    return 1 - _line(-1, -1 + (M - 1) * step, M, options).abs()


def general_cosine(
    M: int, *, a: Iterable[float], sym: bool = True, dtype: Any = None, layout: Any = layouts.strided, device: Any = None,
    requires_grad: bool = False,
) -> Any:  # fmt: skip
    """A sum of cosines with the weights a, of alternating sign."""
    options = _options("general_cosine", M, dtype, layout, device, requires_grad)
    trivial = _trivial(M, options)
    if trivial is not None:
        return trivial
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    weights = [(-1) ** i * weight for i, weight in enumerate(a)]
    if not weights:
        raise ValueError("Coefficients cannot be empty")
    step = 2 * math.pi / (M if not sym else M - 1)
    k = _line(0, (M - 1) * step, M, options)
    factors = k.detach().new_tensor(weights)
    multiples = _torch("arange")(len(weights), dtype=factors.dtype, device=device)
    return (factors.unsqueeze(-1) * (multiples.unsqueeze(-1) * k).cos()).sum(0)


def general_hamming(
    M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Any = None, layout: Any = layouts.strided, device: Any = None,
    requires_grad: bool = False,
) -> Any:  # fmt: skip
    """alpha - (1 - alpha) cos."""
    return general_cosine(
        M,
        a=[alpha, 1.0 - alpha],
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


def _fixed(name: str, weights: list[float]) -> Callable[..., Any]:
    def window(
        M: int,
        *,
        sym: bool = True,
        dtype: Any = None,
        layout: Any = layouts.strided,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        if name == "blackman":  # torch looks at the arguments of this one in its own name
            _options(name, M, dtype, layout, device, requires_grad)
        return general_cosine(
            M, a=weights, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
        )

    window.__name__ = window.__qualname__ = name
    window.__doc__ = f"The {name} window: a sum of cosines with the weights {weights}."
    return window


hamming = _fixed("hamming", [0.54, 1.0 - 0.54])
hann = _fixed("hann", [0.5, 0.5])
blackman = _fixed("blackman", [0.42, 0.5, 0.08])
nuttall = _fixed("nuttall", [0.3635819, 0.4891775, 0.1365995, 0.0106411])
