"""What ``importlib.metadata`` says of the distribution ``torch`` while tinytorch serves it."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path

from tinytorch.version import __version__

_METADATA = f"""Metadata-Version: 2.1
Name: torch
Version: {__version__}
Summary: served by tinytorch
"""


class _ServedDistribution(Distribution):
    def read_text(self, filename: str) -> str | None:
        return _METADATA if filename == "METADATA" else None

    def locate_file(self, path: object) -> Path:
        return Path(__file__).parent.parent / str(path)


def distributions(context: DistributionFinder.Context | None) -> list[Distribution]:
    """The served distribution where ``context`` asks for it by name or for all of them, else nothing."""
    name = None if context is None else context.name
    if name is None or re.sub(r"[-_.]+", "-", name).lower() == "torch":
        return [_ServedDistribution()]
    return []
