"""torch.quasirandom: Sobol sequences.

Source: Sobol 1967; Joe and Kuo 2008, "Constructing Sobol sequences with better two-dimensional projections", whose direction numbers
come with SciPy; Owen 1998 and Matousek 1998 for scrambling with a random lower triangular matrix and a digital shift.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._core import dtypes
from ._core.dtypes import defaults, dtype
from ._core.tensor import wrap

__all__ = ["SobolEngine"]

#: Binary digits of a coordinate.
_BITS = 30


def _direction_numbers(dimension: int) -> np.ndarray:
    """(dimension, 30) integers: column j is what flips when the lowest zero bit of the counter is bit j."""
    from scipy.stats import qmc

    # SciPy's engine keeps them in the order and with the number of digits that it is asked for.
    engine = qmc.Sobol(dimension, scramble=False, bits=_BITS)
    numbers: np.ndarray = engine._sv.astype(np.int64)
    return numbers


class SobolEngine:
    """Points that fill [0, 1)^dimension evenly.

    dimension: up to 21,201. scramble: random, but as even. seed: of the scrambling; by default the global generator's.
    Source: torch's documentation, torch.quasirandom.SobolEngine.
    """

    MAXBIT = _BITS
    MAXDIM = 21201

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        if dimension > self.MAXDIM or dimension < 1:
            raise ValueError(f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]")
        self.seed = seed
        self.scramble = scramble
        self.dimension = dimension
        self.num_generated = 0
        self.sobolstate = wrap(_direction_numbers(dimension))
        self.shift: Any = wrap(np.zeros(dimension, np.int64))
        if scramble:
            self._scramble()
        self.quasi = self.shift.clone()
        self._first_point = (self.quasi / 2**_BITS).reshape(1, -1)

    def _scramble(self) -> None:
        import tinytorch as torch

        generator = None
        if self.seed is not None:
            generator = torch.Generator()
            generator.manual_seed(self.seed)
        powers = 2 ** np.arange(_BITS, dtype=np.int64)
        digits = torch.randint(2, (self.dimension, _BITS), generator=generator).numpy()
        self.shift = wrap(digits @ powers)
        matrices = torch.randint(2, (self.dimension, _BITS, _BITS), generator=generator).tril().numpy()
        matrices = matrices.copy()  # (dimension, digit of the result, digit), the highest digit first
        matrices[:, np.arange(_BITS), np.arange(_BITS)] = 1
        numbers = self.sobolstate.numpy()
        bits = (numbers[:, :, None] >> np.arange(_BITS - 1, -1, -1)) & 1  # (dimension, 30, 30): highest first
        mixed = np.einsum("dpk,djk->djp", matrices, bits) & 1
        self.sobolstate = wrap(mixed @ powers[::-1])

    def draw(self, n: int = 1, out: Any = None, dtype: dtype | None = None) -> Any:
        """The next `n` points (n, dimension)."""
        import tinytorch as torch

        element_type = dtype if dtype is not None else defaults.dtype
        first = self._first_point.to(element_type)
        if self.num_generated == 0:
            result = first if n == 1 else torch.cat((first, self._next(n - 1, 0, element_type)), dim=-2)
        else:
            result = self._next(n, self.num_generated - 1, element_type)
        self.num_generated += n
        if out is not None:
            out.resize_as_(result).copy_(result)
            return out
        return result

    def _next(self, count: int, start: int, element_type: dtype) -> Any:
        points = np.empty((count, self.dimension), np.int64)
        current, numbers = self.quasi.numpy(), self.sobolstate.numpy()
        for row in range(count):
            lowest_zero = (~(start + row) & (start + row + 1)).bit_length() - 1
            current ^= numbers[:, lowest_zero]  # in place: `quasi` goes along
            points[row] = current
        return wrap(points).to(element_type) * (1 / 2**_BITS)

    def draw_base2(self, m: int, out: Any = None, dtype: dtype | None = None) -> Any:
        """The next 2**m points. Raises ValueError where that would end at a number of points that is no power of two."""
        n = 2**m
        total = self.num_generated + n
        if total & (total - 1) != 0:
            raise ValueError(
                "The balance properties of Sobol' points require n to be a power of 2. "
                f"{self.num_generated} points have been previously generated, then: n={self.num_generated}+2**{m}={total}. "
                "If you still want to do this, please use 'SobolEngine.draw()' instead."
            )
        return self.draw(n=n, out=out, dtype=dtype)

    def reset(self) -> SobolEngine:
        """Begin anew."""
        self.quasi.copy_(self.shift)
        self.num_generated = 0
        return self

    def fast_forward(self, n: int) -> SobolEngine:
        """Leave out the next `n` points."""
        if self.num_generated == 0:
            self._next(n - 1, 0, dtypes.float32)
        else:
            self._next(n, self.num_generated - 1, dtypes.float32)
        self.num_generated += n
        return self

    def __repr__(self) -> str:
        parts = [f"dimension={self.dimension}"]
        if self.scramble:
            parts.append("scramble=True")
        if self.seed is not None:
            parts.append(f"seed={self.seed}")
        return f"{self.__class__.__name__}({', '.join(parts)})"
