"""Orders of arguments that torch once had, still accepts, and warns of once per process.

The scaling numbers stood before the tensors they scale: `add(input, alpha, other)`, `addmm(beta, input, alpha, mat1, mat2)`;
`non_blocking` was called `async`.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .signature import PythonSignature

#: The old parameters of a function by its name.
FORMS = {
    "copy": ("Tensor self, Tensor src, *, bool async",),
    "cuda": ("Tensor self, Device? device=None, *, bool async",),
    "add": ("Tensor self, Scalar alpha, Tensor other",),
    "sub": ("Tensor self, Scalar alpha, Tensor other",),
    "addcdiv": ("Tensor self, Scalar value, Tensor tensor1, Tensor tensor2",),
    "addcmul": ("Tensor self, Scalar value, Tensor tensor1, Tensor tensor2",),
    "addmv": (
        "Scalar beta, Tensor self, Scalar alpha, Tensor mat, Tensor vec",
        "Scalar beta, Tensor self, Tensor mat, Tensor vec",
    ),
    "addr": (
        "Scalar beta, Tensor self, Scalar alpha, Tensor vec1, Tensor vec2",
        "Scalar beta, Tensor self, Tensor vec1, Tensor vec2",
    ),
    "addmm": (
        "Scalar beta, Tensor self, Scalar alpha, Tensor mat1, Tensor mat2",
        "Scalar beta, Tensor self, Tensor mat1, Tensor mat2",
    ),
    "addbmm": (
        "Scalar beta, Tensor self, Scalar alpha, Tensor batch1, Tensor batch2",
        "Scalar beta, Tensor self, Tensor batch1, Tensor batch2",
    ),
    "baddbmm": (
        "Scalar beta, Tensor self, Scalar alpha, Tensor batch1, Tensor batch2",
        "Scalar beta, Tensor self, Tensor batch1, Tensor batch2",
    ),
}

#: What parameters of the old forms are called now.
RENAMED = {"async_": "non_blocking"}

_warned: list[bool] = []


def warn(chosen: PythonSignature, signatures: list[PythonSignature]) -> None:
    """Say once per process that `chosen` is an old order, and which of `signatures` to use instead."""
    if _warned:
        return
    _warned.append(True)
    current = [signature for signature in signatures if not signature.deprecated]
    several = "one of the following signatures" if current else "the following signature"
    warnings.warn(
        f"This overload of {chosen.name} is deprecated:\n\t{chosen.name}{chosen}\nConsider using {several} instead:"
        + "".join(f"\n\t{signature.name}{signature}" for signature in current),
        UserWarning,
        stacklevel=5,
    )
