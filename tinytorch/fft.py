"""torch.fft: discrete Fourier transforms, looked up among the declared operators when first asked for."""

from __future__ import annotations

from typing import Any

_NAMES = """
    fft ifft fft2 ifft2 fftn ifftn rfft irfft rfft2 irfft2 rfftn irfftn hfft ihfft hfft2 ihfft2
    hfftn ihfftn fftfreq rfftfreq fftshift ifftshift
"""
__all__ = list(_NAMES.split())


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ._core.front import function_of

        found = function_of(name, "fft")
    else:
        found = None
    if found is None:
        raise AttributeError(f"module 'torch.fft' has no attribute '{name}' (tinytorch lacks it)")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
