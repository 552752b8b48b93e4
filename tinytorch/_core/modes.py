"""What is switched on right now: gradient recording, inference mode, and whether the fast paths may run at all."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any


class Modes(threading.local):
    """Per-thread switches, as torch keeps them: a new thread records gradients and is not in inference mode."""

    grad: bool = True
    inference: bool = False
    anomaly: bool = False
    anomaly_nan: bool = True
    torch_function: bool = True
    #: The next question whether anybody overrides a call is answered no.
    skip_override: bool = False
    #: Gradients are laid out like what they are the gradients of.
    gradient_layout: bool = True
    forward_grad: bool = True
    multithreading: bool = True
    saved_tensor_hooks: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...] = ()
    function_modes: tuple[Any, ...] = ()
    #: Transformations in force, outermost first (see levels.py).
    layers: tuple[Any, ...] = ()


modes = Modes()

#: Classes whose instances need no `__torch_function__` dispatch: Tensor, Parameter, Buffer.
plain_classes: set[type] = set()

#: The set that compiled functions test operands' classes against: `plain_classes`, or empty while any mode is active that every
#: call has to hear of (inference mode, anomaly detection, function modes). Always the same object.
PLAIN: set[type] = set()

_interposed = 0
_lock = threading.Lock()

#: Numbers nodes in order of creation: a node's consumers always carry a higher number than it does.
next_number: Callable[[], int] = itertools.count().__next__


def register_plain(cls: type) -> type:
    """Declare that instances of `cls` behave as plain tensors do."""
    plain_classes.add(cls)
    if not _interposed:
        PLAIN.add(cls)
    return cls


def interpose() -> None:
    """Send every call through the slow path until the matching `release`, in all threads."""
    global _interposed
    with _lock:
        _interposed += 1
        PLAIN.clear()


def release() -> None:
    """End one `interpose`."""
    global _interposed
    with _lock:
        _interposed -= 1
        if not _interposed:
            PLAIN.update(plain_classes)
