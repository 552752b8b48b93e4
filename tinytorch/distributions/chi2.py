"""The chi-squared distribution."""

from __future__ import annotations

from typing import Any

from . import constraints
from .distribution import _expandable
from .gamma import Gamma

__all__ = ["Chi2"]


@_expandable
class Chi2(Gamma):
    """Sums of df squares of standard normal numbers: Gamma(df/2, 1/2)."""

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Any:
        """The degrees of freedom."""
        return self.concentration * 2
