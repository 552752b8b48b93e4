"""A progress bar on the error stream, where there is a terminal to draw it on."""

from __future__ import annotations

import sys
from typing import Any


class Progress:
    """`with Progress("judging", 40) as progress: progress.advance("add")`; printed lines stay above the bar."""

    def __init__(self, title: str, total: int) -> None:
        self.bar: Any = None
        try:
            from rich import progress
            from rich.console import Console
        except ImportError:  # judging by goldens needs NumPy and nothing else
            return
        # drawn by hand: a thread that draws would be forked with the process
        self.bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[place]}"),
            console=Console(file=sys.stderr),
            auto_refresh=False,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self.task = self.bar.add_task(title, total=total, place="")

    def __enter__(self) -> Progress:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(self, *reason: Any) -> None:
        if self.bar is not None:
            self.bar.stop()

    def advance(self, place: str) -> None:
        if self.bar is not None:
            self.bar.update(self.task, advance=1, place=place[:40], refresh=True)

    def print(self, text: str) -> None:
        """A line of the report, which goes to the output stream."""
        if self.bar is None or self.bar.disable or not sys.stdout.isatty():
            print(text, flush=True)
        else:
            self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
