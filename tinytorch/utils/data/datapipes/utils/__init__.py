"""What the pipes of files are made of."""

from __future__ import annotations
