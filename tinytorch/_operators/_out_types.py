"""Which element types `out=` takes, for operators whose rule is not that of their family (see `_core/outputs.py`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core import dtypes
from .._core.declare import registry
from .._core.dispatch import legacy_name
from .._core.outputs import EXACT
from .._core.promotion import can_cast
from .._core.sampling import NATIVE_NAMES

_FOUND = "Found dtype {target} but expected {result}"
_SCALAR_TYPE = "expected scalar_type {result} but found {target}"
_INPUT = "Expected the dtype for input and out to match, but got {result} for input's dtype and {target} for out's dtype."
_HISTOGRAM = "torch.histogram: input tensor and hist tensor should have the same dtype, but got input {result_c} and hist {target_c}"


def _truth(name: str) -> Callable[[Any, Any], None]:
    """any and all: truth values, as booleans or bytes."""

    def check(result: Any, target: Any) -> None:
        if target is not dtypes.uint8:
            raise RuntimeError(f"{name} only supports bool tensor for result, got: {legacy_name(target)}")

    return check


def _joined(result: Any, target: Any) -> None:
    if not can_cast(result, target):
        raise TypeError(
            f"torch.cat(): input types can't be cast to the desired output type {legacy_name(target)}"
        )


def _diagonal(result: Any, target: Any) -> None:
    if not can_cast(result, target):
        raise RuntimeError(
            f"diag: result type {legacy_name(result)} can't be cast to the desired out= type {legacy_name(target)}"
        )
    raise RuntimeError(EXACT.format(result_c=NATIVE_NAMES[result._name], target_c=NATIVE_NAMES[target._name]))


_RULES: dict[str, Any] = {
    "any": _truth("any"),
    "all": _truth("all"),
    **dict.fromkeys(
        ["cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "row_stack", "column_stack"],
        _joined,
    ),
    **dict.fromkeys(["cumsum", "cumprod"], "any"),
    **dict.fromkeys(["linalg_householder_product", "linalg_lstsq", "linalg_pinv"], True),
    **dict.fromkeys(["log_softmax", "softmax", "argsort"], False),
    **dict.fromkeys(["abs", "absolute", "ceil", "floor", "frac", "conj_physical"], _FOUND),
    **dict.fromkeys(["amax", "amin"], _INPUT),
    **dict.fromkeys(["cummax", "cummin", "logcumsumexp"], _SCALAR_TYPE),
    **dict.fromkeys(["argmax", "argmin", "aminmax"], False),
    **dict.fromkeys(["histc", "histogram"], _HISTOGRAM),
    "dot": "result dtype {target} does not match input dtype {result}",
    "kthvalue": "output values must be of same type as input",
    "index_select": "index_select(): self and result must have the same scalar type",
    "diag": _diagonal,
    "inner": "tensordot: Expected the output tensor to have dtype {result}, but got an output tensor with dtype {target}",
    "isin": False,
    **dict.fromkeys(
        [
            "neg",
            "negative",
            "round",
            "trunc",
            "fix",
            "sign",
            "sgn",
            "hardshrink",
            "softshrink",
            "gelu",
            "softplus",
        ],
        _FOUND,
    ),
    **dict.fromkeys(["matmul", "norm", "qr", "svd", "triangular_solve", "renorm", "take_along_dim"], False),
    **dict.fromkeys(
        ["linalg_vector_norm", "slice_scatter", "msort", "inverse", "tril", "triu", "linear"], False
    ),
    **dict.fromkeys(["normal"], True),
    "log_sigmoid": "expected scalar type {result} but found {target}",
    "masked_select": "masked_select(): self and result must have the same scalar type",
    "mode": "expected scalar type '{result}' but got '{target}' for values output",
    "mv": "addmv input tensors must have the same dtype, but got {target}, {result}, and {result}",
    "nan_to_num": "nan_to_num: dtype of out: {target} should be same as input: {result}",
    "nonzero": "nonzero: Expected out tensor to have scalar type {result} but got scalar type{target}",
    "complex": "Expected object of scalar type {result} but got scalar type {target} for argument 'out'",
    "polar": "Expected object of scalar type {result} but got scalar type {target} for argument 'out'",
    "quantile": "quantile() out tensor must be same dtype as the input tensor",
    "nanquantile": "nanquantile() out tensor must be same dtype as the input tensor",
    "searchsorted": "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on whether out_int32 "
    "flag is True, but we got output tensor's dtype {target} and out_int32 flag is False",
    "signbit": "signbit does not support non-boolean outputs.",
    "take": "take(): self and out expected to have the same dtype, but got self.dtype = {result} and out.dtype = {target}",
    "tensordot": "tensordot: Expected the output tensor to have dtype {result}, but got an output tensor with dtype {target}",
    "vdot": "result dtype {target} does not match input dtype {result}",
    "where": "Expected out type to be {result} but got {target}",
    "isneginf": "isneginf does not support non-boolean outputs.",
    "isposinf": "isposinf does not support non-boolean outputs.",
    "cross": False,
    "heaviside": "heaviside is not yet implemented for tensors with different dtypes.",
    "bucketize": "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on whether out_int32 "
    "flag is True, but we got output tensor's dtype {target} and out_int32 flag is False",
}
_OVERLOADS = {
    ("clamp", ""): _FOUND,
    ("clamp_min", ""): _FOUND,
    ("clamp_max", ""): _FOUND,
    ("clip", ""): _FOUND,
    ("lerp", "Scalar"): _FOUND,
}


#: The operator that writes into `out=` where it is another one: it is the one that refuses to be differentiated.
_WRITERS = {
    "absolute": "abs", "argsort": "sort", "chain_matmul": "mm", "clip": "clamp", "column_stack": "cat", "concat": "cat",
    "concatenate": "cat", "cross": "linalg_cross", "dstack": "cat", "fix": "trunc", "float_power": "pow", "ger": "mul",
    "hstack": "cat", "kron": "mul", "linalg_cholesky": "linalg_cholesky_ex", "linalg_det": "_linalg_det",
    "linalg_eigvalsh": "_linalg_eigh", "linalg_inv": "linalg_inv_ex", "linalg_matrix_power": "matmul", "linalg_multi_dot": "mm",
    "linalg_solve": "_linalg_solve_ex", "linalg_svdvals": "_linalg_svd", "linalg_vecdot": "vdot", "log_sigmoid": "log_sigmoid_forward",
    "lu_solve": "linalg_lu_solve", "msort": "sort", "nanmean": "nansum", "negative": "neg", "outer": "mul", "row_stack": "cat",
    "special_expit": "sigmoid", "special_logsumexp": "logsumexp", "square": "pow", "take_along_dim": "gather", "vstack": "cat",
    **dict.fromkeys(["fft_hfft", "fft_hfft2", "fft_hfftn", "fft_irfft", "fft_irfft2", "fft_irfftn"], "_fft_c2r"),
}  # fmt: skip

#: Operators whose results torch copies into `out=`, with history.
_COPIED = ["diff", "inner", "linalg_cond", "linalg_matrix_norm", "linalg_matrix_rank", "linalg_norm", "linalg_tensorinv",
           "linalg_tensorsolve", "nanquantile", "quantile", "tensordot"]  # fmt: skip

#: Operators whose `out=` form has no derivative, but does not refuse either: going back through its result does.
_UNIMPLEMENTED = ["alias_copy", "as_strided_copy", "diag", "diagonal_copy", "expand_copy", "floor_divide", "heaviside", "histc",
                  "linalg_eigvals", "linalg_ldl_solve", "log_softmax", "permute_copy", "softmax", "squeeze_copy", "t_copy",
                  "transpose_copy", "unfold_copy", "unsqueeze_copy", "view_copy"]  # fmt: skip


def install() -> None:
    """Hand the rules to the declared operators."""
    for name, writer in _WRITERS.items():
        for operator in registry.get(name, ()):
            operator.options.setdefault("out_writer", writer)
    for name in _COPIED:
        for operator in registry.get(name, ()):
            operator.options.setdefault("out_history", "copied")
    for name in _UNIMPLEMENTED:
        for operator in registry.get(name, ()):
            operator.options.setdefault("out_history", "unimplemented")
    for name, rule in _RULES.items():
        for operator in registry.get(name, ()):
            operator.options.setdefault("out_cast", rule)
    for (name, overload), rule in _OVERLOADS.items():
        for operator in registry[name]:
            if operator.overload == overload:
                operator.options.setdefault("out_cast", rule)
