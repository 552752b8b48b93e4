"""`torch._tensor_str`: the private module through which programs reach the print options and the parts of a tensor's text."""

from __future__ import annotations

from typing import Any

from tinytorch._core.print_options import PRINT_OPTIONS as PRINT_OPTS
from tinytorch._core.print_options import get_printoptions, printoptions, set_printoptions
from tinytorch._core.printing import array_text, tensor_text, with_suffixes

__all__ = ["PRINT_OPTS", "get_printoptions", "printoptions", "set_printoptions"]


def _tensor_str(self: Any, indent: int) -> str:
    """The numbers in brackets, lines but the first indented."""
    return array_text(self.detach().resolve_conj().resolve_neg()._array, indent)


def _add_suffixes(tensor_str: str, suffixes: list[str], indent: int, force_newline: bool) -> str:
    """A text that began with a prefix, its suffixes and the closing bracket."""
    return with_suffixes(tensor_str, suffixes, indent, force_newline)


def _str_intern(inp: Any, *, tensor_contents: str | None = None) -> str:
    """The whole text of a tensor."""
    return tensor_text(inp, tensor_contents=tensor_contents)
