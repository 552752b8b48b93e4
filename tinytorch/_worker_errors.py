"""Exceptions on their way from one process, or thread, to another."""

from __future__ import annotations

import pickle
import sys
import traceback
from typing import Any


class KeyErrorMessage(str):
    """The message of a KeyError that is shown as it is: KeyError shows other strings quoted, their line breaks escaped."""

    __module__ = "torch._utils"
    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """An exception's class and traceback, as text: what can travel. Made in an `except` block, or of what `sys.exc_info` gave."""

    __module__ = "torch._utils"

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        kind, error, trace = sys.exc_info() if exc_info is None else exc_info
        self.exc_type = kind
        self.exc_msg = "".join(traceback.format_exception(kind, error, trace))
        self.where = where

    def reraise(self) -> None:
        """Raise an exception of the same class, whose message is the traceback; RuntimeError if the class takes no message."""
        message = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            message = KeyErrorMessage(message)
        elif getattr(self.exc_type, "message", None):
            raise self.exc_type(message=message)
        try:
            error = self.exc_type(message)
        except Exception:
            raise RuntimeError(message) from None
        raise error

    def __reduce__(self) -> Any:
        kind: Any = self.exc_type
        try:
            pickle.dumps(kind)
        except Exception:  # a class of a function's own cannot be found by another process
            kind = next(base for base in kind.__mro__ if base.__module__ == "builtins")
        return _arrived, (kind, self.exc_msg, self.where)


def _arrived(kind: Any, message: str, where: str) -> ExceptionWrapper:
    wrapper = ExceptionWrapper.__new__(ExceptionWrapper)
    wrapper.exc_type, wrapper.exc_msg, wrapper.where = kind, message, where
    return wrapper
