"""How tensors are printed: `torch.set_printoptions` and what it sets."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any


@dataclasses.dataclass
class PrintOptions:
    """The current choices. Attribute names and defaults are those that `torch._tensor_str.get_printoptions()` shows."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PRINT_OPTIONS = PrintOptions()

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """torch.set_printoptions: digits after the point, when to summarise, how many items at each edge, line length.

    `profile` ("default", "short" or "full") sets the first four, which the other arguments then override; torch ignores a
    profile it does not know. `sci_mode` forces scientific notation on or off; every call resets it, to None unless given.
    """
    chosen: dict[str, Any] = dict(_PROFILES.get(profile, {})) if profile is not None else {}
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen.update((name, value) for name, value in given.items() if value is not None)
    for name, value in chosen.items():
        setattr(PRINT_OPTIONS, name, value)
    PRINT_OPTIONS.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The current choices, as keyword arguments for `set_printoptions`."""
    return dataclasses.asdict(PRINT_OPTIONS)


@contextlib.contextmanager
def printoptions(**choices: Any) -> Iterator[None]:
    """Choices as for `set_printoptions` that hold inside a `with` block."""
    before = get_printoptions()
    set_printoptions(**choices)
    try:
        yield
    finally:
        set_printoptions(**before)
