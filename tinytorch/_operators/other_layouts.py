"""Methods and constructors of sparse, quantized and mkldnn tensors; of these only sparse ones in coordinate format exist here.

On a strided tensor they answer as torch's do: most refuse, a few have a meaning for every tensor. What would make a tensor of another
layout raises NotImplementedError.
"""

from __future__ import annotations

from typing import Any

from .._core import dtypes
from .._core.signature import wrong_type

#: Methods that torch has no CPU kernel for.
_NO_KERNEL = (
    "_indices", "_nnz", "_values", "int_repr", "q_per_channel_axis", "q_per_channel_scales", "q_per_channel_zero_points", "q_scale",
    "q_zero_point", "qscheme", "record_stream", "sparse_resize_", "sparse_resize_and_clear_",
)  # fmt: skip

_SPARSE = ("to_sparse_bsc", "to_sparse_bsr", "to_sparse_csc", "to_sparse_csr")
_SPARSE_MAKERS = (
    "sparse_bsc_tensor",
    "sparse_bsr_tensor",
    "sparse_compressed_tensor",
    "sparse_csc_tensor",
    "sparse_csr_tensor",
)
_QUANTIZED_MAKERS = ("quantize_per_channel", "quantize_per_tensor", "quantize_per_tensor_dynamic")


def _no_kernel(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"Could not run 'aten::{name}' with arguments from the 'CPU' backend.")

    method.__doc__ = "Raises NotImplementedError, as torch does on the CPU."
    return method


def _absent(name: str, what: str) -> Any:
    def absent(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{name}: {what} is not implemented")

    absent.__doc__ = f"Raises NotImplementedError: {what} is not implemented."
    return absent


def to_dense(self: Any, dtype: Any = None, *, masked_grad: bool | None = None) -> Any:
    """This tensor, of another dtype if one is given."""
    if dtype is not None and not isinstance(dtype, dtypes.dtype):
        wrong_type("to_dense", "dtype", 1, "torch.dtype", dtype)
    return self if dtype is None else self.to(dtype)


def dequantize(self: Any) -> Any:
    """This tensor as float32."""
    return self.to(dtypes.float32)


def sparse_dim(self: Any) -> int:
    """0: no dimension of a strided tensor is sparse."""
    return 0


def dense_dim(self: Any) -> int:
    """The number of dimensions."""
    return self.dim()  # type: ignore[no-any-return]


FUNCTIONS = {
    **{name: _absent(f"torch.{name}", "sparse storage") for name in _SPARSE_MAKERS},
    **{name: _absent(f"torch.{name}", "quantized storage") for name in _QUANTIZED_MAKERS},
    "dequantize": dequantize,
}
METHODS = {
    **{name: _no_kernel(name) for name in _NO_KERNEL},
    **{name: _absent(f"Tensor.{name}", "sparse storage") for name in _SPARSE},
    "chalf": _absent("Tensor.chalf", "torch.complex32"),
    "to_mkldnn": _absent("Tensor.to_mkldnn", "mkldnn storage"),
    "to_dense": to_dense,
    "dequantize": dequantize,
    "sparse_dim": sparse_dim,
    "dense_dim": dense_dim,
}
