"""Data pipes: datasets that are built by chaining functions on datasets."""

from __future__ import annotations

from . import iter as iter
from . import map as map
