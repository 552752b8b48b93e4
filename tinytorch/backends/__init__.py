"""``torch.backends``: settings of libraries that torch calls. They can be set and read back; nothing here calls them."""

from __future__ import annotations

from tinytorch.backends import cuda, cudnn, mkl, mkldnn, mps, openmp

# What torch offers here is these modules.
__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
