"""Programs that return something comparable, run on both libraries."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import tinytorch


def seen(value: Any, relative: float, absolute: float) -> Any:
    """A value in a form that both libraries can be compared in."""
    if hasattr(value, "detach"):
        shown = value.detach().reshape(-1).tolist()
        return (str(value.dtype), tuple(value.shape), pytest.approx(shown, rel=relative, abs=absolute))
    if isinstance(value, dict):
        return {str(key): seen(item, relative, absolute) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [seen(item, relative, absolute) for item in value]
    if isinstance(value, float):
        return pytest.approx(value, rel=relative, abs=absolute)
    if isinstance(value, bool | int | type(None)):
        return value
    return str(value).replace("tinytorch.", "torch.")


def plain(value: Any) -> Any:
    """The same, with the numbers themselves."""
    if hasattr(value, "detach"):
        return (str(value.dtype), tuple(value.shape), value.detach().reshape(-1).tolist())
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool | int | float | type(None)):
        return value
    return str(value).replace("tinytorch.", "torch.")


def outcome(program: Callable[[Any], Any], library: Any, show: Callable[[Any], Any]) -> Any:
    """What a program returns or raises."""
    library.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return show(program(library))
        except Exception as error:
            return [type(error).__name__, str(error).replace("tinytorch.", "torch.")]


def programs_agree(program: Callable[[Any], Any], *, relative: float, absolute: float) -> None:
    """Run `program` on both libraries from the same seed: it returns the same, numbers within tolerance, or raises the same."""
    import torch

    expected = outcome(program, torch, partial(seen, relative=relative, absolute=absolute))
    assert outcome(program, tinytorch, plain) == expected
