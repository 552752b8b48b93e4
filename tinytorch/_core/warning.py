"""Warnings in the name of the program's line, and those that torch gives once per process."""

from __future__ import annotations

import sys
import warnings

_PACKAGE = __name__.partition(".")[0]
_given: set[str] = set()


class Once:
    """Whether warnings that are given once per process are given every time (torch.set_warn_always)."""

    always = False


def warn(text: str) -> None:
    """A UserWarning that names the innermost line outside this package."""
    level = 2
    frame = sys._getframe(1)
    while frame.f_back is not None and _inside(frame.f_globals.get("__name__")):
        frame = frame.f_back
        level += 1
    warnings.warn(text, UserWarning, stacklevel=level)


def warn_once(text: str) -> None:
    """`warn`, but only the first time in this process, unless every time is asked for."""
    if Once.always or text not in _given:
        _given.add(text)
        warn(text)


def _inside(name: str | None) -> bool:
    """Whether a frame of module `name` is the library's own; generated functions have no module name."""
    return name is None or name == _PACKAGE or name.startswith(_PACKAGE + ".")
