"""`torch._tensor_str`: the private module through which programs reach the print options."""

from __future__ import annotations

from tinytorch._core.print_options import PRINT_OPTIONS as PRINT_OPTS
from tinytorch._core.print_options import get_printoptions, printoptions, set_printoptions

__all__ = ["PRINT_OPTS", "get_printoptions", "printoptions", "set_printoptions"]
