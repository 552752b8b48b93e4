"""Which element types `out=` takes, for operators whose rule is not that of their family (see `_core/outputs.py`)."""

from __future__ import annotations

from .._core.declare import registry

_FOUND = "Found dtype {target} but expected {result}"
_SCALAR_TYPE = "expected scalar_type {result} but found {target}"
_INPUT = "Expected the dtype for input and out to match, but got {result} for input's dtype and {target} for out's dtype."
_HISTOGRAM = "torch.histogram: input tensor and hist tensor should have the same dtype, but got input {result_c} and hist {target_c}"

_RULES: dict[str, bool | str] = {
    **dict.fromkeys(["abs", "absolute", "ceil", "floor", "frac", "conj_physical"], _FOUND),
    **dict.fromkeys(["amax", "amin"], _INPUT),
    **dict.fromkeys(["cummax", "cummin", "logcumsumexp"], _SCALAR_TYPE),
    **dict.fromkeys(["argmax", "argmin", "aminmax"], False),
    **dict.fromkeys(["histc", "histogram"], _HISTOGRAM),
    "dot": "result dtype {target} does not match input dtype {result}",
    "kthvalue": "output values must be of same type as input",
    "index_select": "index_select(): self and result must have the same scalar type",
    "inner": "tensordot: Expected the output tensor to have dtype {result}, but got an output tensor with dtype {target}",
    "isin": False,
    "isneginf": "isneginf does not support non-boolean outputs.",
    "isposinf": "isposinf does not support non-boolean outputs.",
    "cross": False,
    "heaviside": "heaviside is not yet implemented for tensors with different dtypes.",
    "bucketize": "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on whether out_int32 "
    "flag is True, but we got output tensor's dtype {target} and out_int32 flag is False",
}
_OVERLOADS = {("clamp", ""): _FOUND, ("clamp_min", ""): _FOUND, ("clamp_max", ""): _FOUND, ("clip", ""): _FOUND, ("lerp", "Scalar"): _FOUND}


def install() -> None:
    """Hand the rules to the declared operators."""
    for name, rule in _RULES.items():
        for operator in registry.get(name, ()):
            operator.options.setdefault("out_cast", rule)
    for (name, overload), rule in _OVERLOADS.items():
        for operator in registry[name]:
            if operator.overload == overload:
                operator.options.setdefault("out_cast", rule)
