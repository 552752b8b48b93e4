"""A value that is there later, and what is to be done with it then: what torch.Future and torch.futures.Future share."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

__all__ = ["Future"]


def _callback_text(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    places = "".join(f"  {frame.filename}({frame.lineno}): {frame.name}\n" for frame in reversed(frames))
    return (
        f"Got the following error when running the callback: {type(error).__name__}: {error}\n\nAt:\n{places}"
    )


class Future:
    """A value or an error that one thread sets once and others wait for."""

    __module__ = "torch"

    def __init__(self) -> None:
        self._completed = threading.Condition()
        self._done = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Any], None]] = []

    def _complete(self, result: Any, error: BaseException | None) -> None:
        with self._completed:
            if self._done:
                raise RuntimeError(
                    "Attempting to mark a completed Future as complete again. Note that a Future can only be marked completed once."
                )
            self._result, self._error, self._done = result, error, True
            callbacks, self._callbacks = self._callbacks, []
            self._completed.notify_all()
        for callback in callbacks:
            callback(self)

    def _when_done(self, callback: Callable[[Any], None]) -> None:
        with self._completed:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def done(self) -> bool:
        """Whether there is a value or an error."""
        return self._done

    def wait(self) -> Any:
        """The value, once it is there. Raises the error if one was set."""
        with self._completed:
            self._completed.wait_for(lambda: self._done)
        if self._error is not None:
            raise self._error
        return self._result

    def value(self) -> Any:
        """The value, which must be there. Raises the error if one was set, RuntimeError if there is neither."""
        if not self._done:
            raise RuntimeError("value() of a future that is not completed")
        return self.wait()

    def then(self, callback: Callable[[Any], Any]) -> Any:
        """A future for `callback(self)`, which is called when this one is done."""
        from .futures import Future as Following

        following: Any = Following()

        def run(future: Any) -> None:
            try:
                result = callback(future)
            except Exception as error:
                following._complete(None, RuntimeError(_callback_text(error)))
            else:
                following._complete(result, None)

        if not callable(callback):
            raise TypeError(f"then(): the callback must be callable, not {type(callback).__name__}")
        self._when_done(run)
        return following

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call `callback(self)` when this is done. What it raises is printed, and else ignored."""

        def run(future: Any) -> None:
            try:
                callback(future)
            except Exception as error:
                print(_callback_text(error), file=sys.stderr)

        self._when_done(run)

    def set_result(self, result: Any) -> None:
        """Complete with a value. Raises RuntimeError if already complete."""
        self._complete(result, None)

    def set_exception(self, result: Any) -> None:
        """Complete with an error. Raises AssertionError unless it is an exception, RuntimeError if already complete."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._complete(None, result)

    def __reduce__(self) -> Any:
        raise RuntimeError("Can not pickle torch.futures.Future")
