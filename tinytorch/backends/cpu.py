"""``torch.backends.cpu``: what the processor can do."""

from __future__ import annotations

from typing import Any

__all__ = ["get_cpu_capability"]


def get_cpu_capability() -> str:
    """The widest instructions torch would use here, by what NumPy found: "AVX512", "AVX2" or "DEFAULT"."""
    import numpy

    features: dict[str, Any] = numpy._core._multiarray_umath.__cpu_features__  # type: ignore[attr-defined]
    if features.get("AVX512_SKX"):
        return "AVX512"
    return "AVX2" if features.get("AVX2") and features.get("FMA3") else "DEFAULT"
