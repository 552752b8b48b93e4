"""Which element types `out=` takes, for operators whose rule is not that of their family (see `_core/outputs.py`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core import dtypes
from .._core.declare import registry
from .._core.dispatch import legacy_name
from .._core.outputs import EXACT
from .._core.promotion import can_cast, check_result_cast
from .._core.sampling import NATIVE_NAMES

_FOUND = "Found dtype {target} but expected {result}"
_SCALAR_TYPE = "expected scalar_type {result} but found {target}"
_INPUT = "Expected the dtype for input and out to match, but got {result} for input's dtype and {target} for out's dtype."
_HISTOGRAM = "torch.histogram: input tensor and hist tensor should have the same dtype, but got input {result_c} and hist {target_c}"


def _truth(name: str) -> Callable[[Any, Any, list[Any]], None]:
    """any and all: truth values, as booleans or bytes."""

    def check(result: Any, target: Any, args: list[Any]) -> None:
        if target is not dtypes.uint8:
            raise RuntimeError(f"{name} only supports bool tensor for result, got: {legacy_name(target)}")

    return check


def _magnitude(result: Any, target: Any, args: list[Any]) -> None:
    """Sizes of complex numbers also as complex numbers of their type."""
    own = args[0]._key._dtype
    if not own.is_complex:
        raise RuntimeError(_FOUND.format(target=legacy_name(target), result=legacy_name(result)))
    if not target.is_complex:
        check_result_cast(result, target)
    elif target is not own:
        raise RuntimeError(_FOUND.format(target=legacy_name(target), result=legacy_name(own)))


def _joined(result: Any, target: Any, args: list[Any]) -> None:
    if not can_cast(result, target):
        raise TypeError(
            f"torch.cat(): input types can't be cast to the desired output type {legacy_name(target)}"
        )


def _places(result: Any, target: Any, args: list[Any]) -> None:
    raise RuntimeError(
        "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on whether out_int32 flag is "
        f"True, but we got output tensor's dtype {legacy_name(target)} and out_int32 flag is {result is dtypes.int32}"
    )


def _diagonal(result: Any, target: Any, args: list[Any]) -> None:
    if not can_cast(result, target):
        raise RuntimeError(
            f"diag: result type {legacy_name(result)} can't be cast to the desired out= type {legacy_name(target)}"
        )
    raise RuntimeError(EXACT.format(result_c=NATIVE_NAMES[result._name], target_c=NATIVE_NAMES[target._name]))


def _safe(name: str, what: str = "result") -> Callable[[Any, Any, list[Any]], None]:
    """Any type the result can be cast to, with the texts of linear algebra."""

    def check(result: Any, target: Any, args: list[Any]) -> None:
        if not can_cast(result, target):
            raise RuntimeError(
                f"{name}: Expected {what} to be safely castable from {legacy_name(result)} dtype, but got {what} with dtype "
                f"{legacy_name(target)}"
            )

    return check


def _power(result: Any, target: Any, args: list[Any]) -> None:
    _safe("matrix_power")(result, target, args)
    raise RuntimeError(EXACT.format(result_c=NATIVE_NAMES[result._name], target_c=NATIVE_NAMES[target._name]))


def _spectrum(name: str, category: str) -> Callable[[Any, Any, list[Any]], None]:
    """Transforms into complex numbers, or into real ones."""
    kind = "complex" if category == "complex" else "floating point"

    def check(result: Any, target: Any, args: list[Any]) -> None:
        if target._category != category:
            raise RuntimeError(f"{name} expects a {kind} output tensor, but got {legacy_name(target)}")
        check_result_cast(result, target)

    return check


_NORM = "linalg.{name} expected out tensor dtype {{result}} but got: {{target}}"
_ENHANCE = " (Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"

_RULES: dict[str, Any] = {
    "addr": True,
    "addbmm": "self and mat2 must have the same dtype, but got {target} and {result}",
    **{name: _safe(name) for name in ("cholesky", "cholesky_inverse", "cholesky_solve")},
    "frexp": [
        "torch.frexp() expects mantissa to have dtype {result_c} but got {target_c}",
        "torch.frexp() expects exponent to have {result_c} dtype but got {target_c}",
    ],
    "geqrf": [_safe("torch.geqrf", "a"), _safe("torch.geqrf", "tau")],
    "hash_tensor": "Expected result to be of dtype uint64, but got {target}",
    "_chunk_cat": _joined,
    "narrow_copy": f"Expected self.dtype() == output.dtype() to be true, but got false. {_ENHANCE}",
    "ormqr": "torch.ormqr: Expected input and result to have the same dtype, but input has dtype{result} and result has dtype {target}",
    **{
        f"fft_{name}": _spectrum(name, "complex")
        for name in ("fft", "ifft", "rfft", "ihfft", "rfftn", "ihfftn")
    },
    **{f"fft_{name}": _spectrum("fftn", "complex") for name in ("fft2", "fftn", "ifft2", "ifftn")},
    "fft_rfft2": _spectrum("rfftn", "complex"),
    "fft_ihfft2": _spectrum("ihfftn", "complex"),
    **{f"fft_{name}": _spectrum(name, "float") for name in ("irfft", "hfft", "irfftn", "hfftn")},
    "fft_irfft2": _spectrum("irfftn", "float"),
    "fft_hfft2": _spectrum("hfftn", "float"),
    **dict.fromkeys(
        [
            "linalg_det",
            "linalg_cholesky",
            "linalg_eigh",
            "linalg_eigvalsh",
            "linalg_ldl_factor",
            "linalg_slogdet",
            "linalg_lu_factor",
            "linalg_inv",
            "linalg_solve",
            "linalg_solve_ex",
            "linalg_svd",
            "linalg_svdvals",
            "lu_solve",
        ],
        False,
    ),
    "linalg_vecdot": "linalg.vecdot: Expected out of dtype{result} but found {target}",
    "linalg_eig": [_safe("torch.linalg.eig", "eigenvalues"), _safe("torch.linalg.eig", "eigenvectors")],
    "linalg_eigvals": _safe("torch.linalg.eigvals", "eigenvalues"),
    "linalg_matrix_power": _power,
    "linalg_multi_dot": "multi_dot(): expected out tensor to have dtype {result_c} but got {target_c}",
    "linalg_norm": _NORM.format(name="norm"),
    "linalg_matrix_norm": _NORM.format(name="matrix_norm"),
    "linalg_solve_triangular": "expected scalar type {result} but found {target}",
    "linalg_pinv": _safe("linalg.pinv"),
    "linalg_cond": _safe("linalg.cond"),
    "linalg_matrix_rank": _safe("torch.linalg.matrix_rank"),
    "linalg_tensorinv": _safe("tensorinv"),
    "any": _truth("any"),
    "all": _truth("all"),
    **dict.fromkeys(
        ["cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "row_stack", "column_stack"],
        _joined,
    ),
    **dict.fromkeys(["cumsum", "cumprod"], "any"),
    **dict.fromkeys(["linalg_householder_product", "linalg_lstsq"], True),
    **dict.fromkeys(["log_softmax", "softmax", "argsort"], False),
    **dict.fromkeys(["abs", "absolute"], _magnitude),
    **dict.fromkeys(["bitwise_not", "ceil", "floor", "frac", "conj_physical", "round", "trunc"], _FOUND),
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
    "nanquantile": "quantile() out tensor must be same dtype as the input tensor",
    **dict.fromkeys(["searchsorted", "bucketize"], _places),
    "signbit": "signbit does not support non-boolean outputs.",
    "take": "take(): self and out expected to have the same dtype, but got self.dtype = {result} and out.dtype = {target}",
    "tensordot": "tensordot: Expected the output tensor to have dtype {result}, but got an output tensor with dtype {target}",
    "vdot": "result dtype {target} does not match input dtype {result}",
    "where": "Expected out type to be {result} but got {target}",
    "isneginf": "isneginf does not support non-boolean outputs.",
    "isposinf": "isposinf does not support non-boolean outputs.",
    "cross": False,
    "heaviside": "heaviside is not yet implemented for tensors with different dtypes.",
}
_OVERLOADS = {
    ("clamp", ""): _FOUND,
    ("clamp_min", ""): _FOUND,
    ("clamp_max", ""): _FOUND,
    ("clip", ""): _FOUND,
    ("lerp", "Tensor"): _FOUND,
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
#: Elementwise operators that compute into a target of another type without a temporary that torch would resize as well.
_RESIZED_ONCE = ["angle", "floor_divide", "logical_and", "logical_not", "logical_or", "logical_xor", "logit"]
_UNIMPLEMENTED = ["alias_copy", "as_strided_copy", "diag", "diagonal_copy", "expand_copy", "floor_divide", "heaviside", "histc",
                  "linalg_eigvals", "linalg_ldl_solve", "log_softmax", "permute_copy", "softmax", "squeeze_copy", "t_copy",
                  "transpose_copy", "unfold_copy", "unsqueeze_copy", "view_copy"]  # fmt: skip


#: Operators that resize `out=` first and work out their results, of another memory order, into that.
_ROW_MAJOR = ["cholesky", "cholesky_solve", "quantile", "nanquantile", "linalg_matrix_power", "linalg_tensorinv",
              *[f"fft_{kind}{rank}" for kind in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft") for rank in ("", "2", "n")
                if rank or kind not in ("ifft", "ihfft")]]  # fmt: skip


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
    for name in _RESIZED_ONCE:
        for operator in registry.get(name, ()):
            operator.options.setdefault("out_resized_once", True)
    for name in _ROW_MAJOR:
        for operator in registry.get(name, ()):
            operator.options.setdefault("out_row_major", True)
    for name, rule in _RULES.items():
        for operator in registry.get(name, ()):
            operator.options.setdefault("out_cast", rule)
    for (name, overload), rule in _OVERLOADS.items():
        for operator in registry[name]:
            if operator.overload == overload:
                operator.options.setdefault("out_cast", rule)
