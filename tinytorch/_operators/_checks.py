"""Which element types an operator takes, with torch's exception and text for those it does not."""

from __future__ import annotations

from .._core import dtypes
from .._core.element_types import demands
from .._core.promotion import SCALAR_TYPE_NAMES
from .._core.sampling import NATIVE_NAMES
from .._core.tensor import Tensor
from .._core.warning import warn_once

no_bool_keys = frozenset(d for d in dtypes.ARITHMETIC if not d._reduced and d is not dtypes.bool_)
bit_keys = frozenset(d for d in dtypes.ARITHMETIC if d._category in ("bool", "int"))
float_keys = frozenset((dtypes.float32, dtypes.float64))


def _is_bool(value):
    return value is True or value is False or getattr(value, "dtype", None) is dtypes.bool_


def check_alpha(common, self, other, alpha):
    """The multiplier of add must not be of a higher kind than the operands."""
    if alpha.__class__ is bool and common is not dtypes.bool_:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and common._category in ("int", "bool"):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, complex) and common._category != "complex":
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")


def refuse_bool_difference(both):
    """Raise torch's RuntimeError for a difference with one boolean operand, or two."""
    if both:
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
        )
    raise RuntimeError(
        "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
        "`logical_not()` operator instead."
    )


def check_sub(common, self, other, alpha):
    if _is_bool(self) or _is_bool(other):
        refuse_bool_difference(_is_bool(self) and _is_bool(other))
    check_alpha(common, self, other, alpha)


check_rsub = check_sub


def check_mode(common, self, other, rounding_mode):
    if rounding_mode not in (None, "floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    if rounding_mode is not None and common._category in ("bool", "complex"):
        raise NotImplementedError(
            f"\"div_{rounding_mode}_cpu\" not implemented for '{SCALAR_TYPE_NAMES[common]}'"
        )


def mode_result(common, self, other, rounding_mode):
    """Division without rounding leaves the integers."""
    if rounding_mode is None and common._category in ("bool", "int"):
        return dtypes.defaults.dtype
    return common


def check_power(common, self, exponent):
    if isinstance(exponent, int) and exponent < 0 and common._category == "int":
        raise RuntimeError("Integers to negative integer powers are not allowed.")


def check_addcdiv(common, self, tensor1, tensor2, value):
    if tensor1.dtype._category in ("int", "bool") and tensor2.dtype._category in ("int", "bool"):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of tensor1 "
            "and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) "
            "for integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the latter "
            "implementation: (input + value * tensor1 / tensor2), for all dtypes."
        )


def kernel_refuses(kernel, *categories):
    """A check that raises NotImplementedError as torch's dispatch over element types does: '"floor_cpu" not implemented for 'Float''."""

    def check(common, *args):
        if common._category in categories:
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{SCALAR_TYPE_NAMES[common]}'")

    check.refuses = categories
    return check


def check_lerp(kernel):
    """The check of lerp: the ends are of one type, and neither whole numbers nor truth values."""
    refused = kernel_refuses(kernel, "bool", "int")

    def check(common, self, end, weight):
        for name, other in (("end", end), ("weight", weight)):
            if isinstance(other, Tensor) and other.dtype is not self.dtype:
                raise RuntimeError(
                    f"expected dtype {NATIVE_NAMES[self.dtype._name]} for `{name}` but got dtype {NATIVE_NAMES[other.dtype._name]}"
                )
        refused(common)

    check.refuses = refused.refuses
    return check


def check_heaviside(common, self, values):
    if self.is_complex() or values.is_complex():
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if self.dtype is not values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")


def no_complex(name):
    """A check for operators that need an order."""
    if name in ("lt", "le", "gt", "ge"):
        return kernel_refuses(f"{name}_cpu", "complex")

    def check(common, *args):
        if common._category == "complex":
            raise RuntimeError(f"{name} not implemented for complex tensors.")

    return check


def bits_only(name):
    """A check for operators on bits: integers, and booleans unless they are shifts."""
    if name in ("lshift", "rshift"):
        return kernel_refuses(f"{name}_cpu", "bool", "float", "complex")
    return kernel_refuses(f"{name}_cpu", "float", "complex")


real_keys = frozenset(d for d in dtypes.ARITHMETIC if not d._reduced and d._category in ("int", "float"))


def _warn_of_parts(*args):
    self, dtype = args[0], args[-1]
    if dtype is not None and dtype._category in ("int", "float") and self.is_complex() and self.numel():
        warn_once("Casting complex values to real discards the imaginary part")


#: Complex numbers reduced in a real type, the last argument, lose their imaginary parts.
drops_imaginary_parts = demands(_warn_of_parts, "(dtype is None or self._key._dtype._category != 'complex')")


def check_negative(common, self):
    if common is dtypes.bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
            "`logical_not()` operator instead."
        )


def check_absolute(common, self):
    if common._category == "bool":
        raise _refused("abs_cpu", common)


check_absolute.refuses = ("bool",)


def check_absolute_inplace(self):
    if self.is_complex():
        raise RuntimeError("In-place abs is not supported for complex tensors.")


def no_complex_input(name):
    def check(common, *args):
        if common._category == "complex":
            raise RuntimeError(f"{name} does not support complex inputs.")

    return check


def check_degrees(name):
    def check(common, *args):
        if common._category == "complex":
            raise RuntimeError(f"{name} is not supported for complex tensors.")

    return check


def angle_result(common, self):
    return common if common._category in ("float", "complex") else dtypes.defaults.dtype


def rounding(name):
    """floor, ceil and trunc name the operator when they refuse; round reports the kernel."""

    def check(common, *args):
        if common._category == "complex" and name == "round":
            raise _refused("round_vml_cpu", common)
        if common._category == "complex":
            if name == "round":
                raise NotImplementedError(
                    f"\"round_vml_cpu\" not implemented for '{SCALAR_TYPE_NAMES[common]}'"
                )
            raise NotImplementedError(f"{name} is not supported for complex inputs")
        if common is dtypes.bool_:
            raise NotImplementedError(f"\"{name}_vml_cpu\" not implemented for 'Bool'")

    return check


def check_round(common, self, decimals):
    """Rounding to decimals is for real numbers with a fraction."""
    if common._category != "float":
        kernel = "round_cpu" if decimals else "round_vml_cpu"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{SCALAR_TYPE_NAMES[common]}'")


def _refused(kernel, common):
    return NotImplementedError(f"\"{kernel}\" not implemented for '{SCALAR_TYPE_NAMES[common]}'")


def check_clamp(common, self, min, max):
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if common._category == "complex" and self.dtype._category == "float":
        raise RuntimeError("value cannot be converted to type double without overflow")
    if common._category == "complex":
        raise NotImplementedError("clamp is not supported for complex types")
    if common._category == "bool":
        raise _refused(
            "clamp_min_scalar_cpu"
            if max is None
            else "clamp_max_scalar_cpu"
            if min is None
            else "clamp_scalar_cpu",
            common,
        )


def check_clamp_tensor(common, self, min, max):
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if self.dtype._category == "complex":
        raise NotImplementedError("clamp is not supported for complex types")
    if min is not None and max is not None:
        if common._category in ("bool", "complex"):
            raise _refused("clamp_cpu", common)
    elif common._category == "complex":
        raise _refused("maximum_cpu" if max is None else "minimum_cpu", common)


def check_bound(name):
    """clamp_min and clamp_max with a number."""

    def check(common, self, bound):
        if common._category == "complex":
            raise NotImplementedError("clamp is not supported for complex types")
        if common._category == "bool":
            raise _refused(f"{name}_scalar_cpu", common)

    return check


def check_relu(common, self):
    if common._category == "complex":
        raise NotImplementedError("clamp is not supported for complex types")
    if common is dtypes.bool_:
        raise RuntimeError("Boolean inputs not supported for relu")


check_relu.refuses = ("bool", "complex")


def check_geometry(size, stride, offset):
    """Raises RuntimeError with torch's text for sizes, strides and offsets that as_strided cannot take."""
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}"
        )
    if any(n < 0 for n in size):
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}"
        )
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
