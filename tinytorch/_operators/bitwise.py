"""Operators on bits and truth values, and common divisors and multiples."""

from __future__ import annotations

import numpy as np

from .._core.declare import pointwise
from .._core.element_types import instances
from .._kernels import arithmetic as kernels
from . import _checks

for _name, _function in (("and", np.bitwise_and), ("or", np.bitwise_or), ("xor", np.bitwise_xor)):
    pointwise(
        f"bitwise_{_name}.Tensor(Tensor self, Tensor other) -> Tensor",
        _function,
        infix=f"__{_name}__",
        nondifferentiable=True,
        check=_checks.bits_only(f"bitwise_{_name}"),
        fast_keys=_checks.bit_keys,
    )
    pointwise(
        f"bitwise_{_name}.Scalar(Tensor self, Scalar other) -> Tensor",
        _function,
        nondifferentiable=True,
        check=_checks.bits_only(f"bitwise_{_name}"),
        ufunc=None,
    )
    pointwise(
        f"bitwise_{_name}.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", kernels.of_number(_function), nondifferentiable=True,
        check=_checks.bits_only(f"bitwise_{_name}"), promote=("self", "other"), method=False, inplace=False, out=False,
    )  # fmt: skip
    pointwise(
        f"logical_{_name}(Tensor self, Tensor other) -> Tensor",
        kernels.logical(_name),
        result="bool",
        nondifferentiable=True,
        below_autograd=True,
    )

for _name, _kernel in (("left", kernels.left_shift), ("right", kernels.right_shift)):
    pointwise(
        f"bitwise_{_name}_shift.Tensor(Tensor self, Tensor other) -> Tensor",
        _kernel,
        nondifferentiable=True,
        check=_checks.bits_only("lshift" if _name == "left" else "rshift"),
    )
    pointwise(
        f"bitwise_{_name}_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor",
        _kernel,
        nondifferentiable=True,
        check=_checks.bits_only("lshift" if _name == "left" else "rshift"),
    )

    pointwise(
        f"bitwise_{_name}_shift.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", kernels.of_number(_kernel), nondifferentiable=True,
        check=_checks.bits_only("lshift" if _name == "left" else "rshift"), promote=("self", "other"), method=False, inplace=False, out=False,
    )  # fmt: skip
gcd = pointwise(
    "gcd(Tensor self, Tensor other) -> Tensor",
    np.gcd,
    nondifferentiable=True,
    element_types=instances("gcd_cpu", "int unsigned"),
)
lcm = pointwise(
    "lcm(Tensor self, Tensor other) -> Tensor",
    np.lcm,
    nondifferentiable=True,
    element_types=instances("lcm_cpu", "int unsigned"),
)
