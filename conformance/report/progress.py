"""A progress bar on the error stream, where there is a terminal to draw it on."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """`with Progress("judging", 40) as progress: progress.advance("add")`; printed lines stay above the bar."""

    def __init__(self, title: str, total: int) -> None:
        self.console = Console(file=sys.stderr)
        # drawn by hand: a thread that draws would be forked with the process
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[place]}"),
            console=self.console,
            auto_refresh=False,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self.task = self.bar.add_task(title, total=total, place="")

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def __exit__(self, *reason: Any) -> None:
        self.bar.stop()

    def advance(self, place: str) -> None:
        self.bar.update(self.task, advance=1, place=place[:40], refresh=True)

    def print(self, text: str) -> None:
        """A line of the report, which goes to the output stream."""
        if self.bar.disable or not sys.stdout.isatty():
            print(text, flush=True)
        else:
            self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
