"""torch.distributed.algorithms.join: processes with different numbers of batches. With one process there is nobody to wait for.

Source: torch's documentation, "Generic Join Context Manager".
"""

from __future__ import annotations

from typing import Any

__all__ = ["Join", "JoinHook", "Joinable"]


class JoinHook:
    """What a process does for the others once its own data has ended."""

    def main_hook(self) -> None:
        """Called while other processes are still running."""

    def post_hook(self, is_last_joiner: bool) -> None:
        """Called once when all have ended."""


class Joinable:
    """Something that takes part in a `Join`."""

    def join_hook(self, **options: Any) -> JoinHook:
        """A hook of this object. To be overridden."""
        raise NotImplementedError


class Join:
    """A context in which processes may have different numbers of batches."""

    def __init__(
        self,
        joinables: list[Joinable],
        enable: bool = True,
        throw_on_early_termination: bool = False,
        **options: Any,
    ) -> None:
        if not joinables:
            raise ValueError("The join context manager requires at least one joinable")
        self._hooks = [joinable.join_hook(**options) for joinable in joinables] if enable else []

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        for hook in self._hooks:
            hook.post_hook(True)

    @staticmethod
    def notify_join_context(joinable: Joinable) -> None:
        """Tell the others that this process is still running; there are none."""
