"""torch.masked: reductions and normalizations that leave out the elements whose mask is false."""

from ._ops import *  # noqa: F403
from ._ops import __all__ as __all__
