"""How freed memory is kept: see docs/decisions/0007-freed-memory-is-kept.md."""

from __future__ import annotations

import os
import sys

#: Parameters of glibc's `mallopt` (malloc.h) and the largest block that is taken from the heap, the most that stays there unused.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST, _UNUSED = 32 << 20, 256 << 20
_SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> None:
    """Let the C library keep what a step frees for the next step. Does nothing where that is not glibc or the user has set it."""
    if sys.platform != "linux" or any(name in os.environ for name in _SETTINGS):
        return
    try:
        from ctypes import CDLL

        library = CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - other C libraries have no such function
        mallopt = library.mallopt
    except (ImportError, OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGEST)
    mallopt(_M_TRIM_THRESHOLD, _UNUSED)
