"""Helpers of the loader."""

from __future__ import annotations

from . import collate as collate
