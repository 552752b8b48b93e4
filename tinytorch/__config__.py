"""torch.__config__: how the library was built."""

from __future__ import annotations

import numpy as np

__all__ = ["parallel_info", "show"]


def show() -> str:
    """What the engine computes with, in lines."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[index, call-overload]
    return (
        "tinytorch computes with:\n"
        f"  - NumPy {np.__version__}\n"
        f"  - BLAS: {blas.get('name')} {blas.get('version')}\n"
        "  - Build settings: USE_CUDA=0, USE_MKL=OFF, USE_MKLDNN=OFF\n"
    )


def parallel_info() -> str:
    """How many threads compute."""
    from ._functions import get_num_interop_threads, get_num_threads

    return (
        "ATen/Parallel:\n"
        f"\tat::get_num_threads() : {get_num_threads()}\n"
        f"\tat::get_num_interop_threads() : {get_num_interop_threads()}\n"
    )
