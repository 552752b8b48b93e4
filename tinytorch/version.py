"""Which torch this is: the release whose API and behaviour are served, as a CPU-only build reports it."""

from __future__ import annotations

__all__ = ["__version__", "cuda", "debug", "git_version", "hip", "rocm", "xpu"]

# The version of the API, because programs compare it; tinytorch's own is importlib.metadata.version("tinytorch").
__version__ = "2.13.0+cpu"
debug = False
cuda: str | None = None
# torch's builds write this word where they were not made from its repository.
git_version = "Unknown"
hip: str | None = None
rocm: str | None = None
xpu: str | None = None
