"""Automatic mixed precision on the CPU: which operators cast their operands, and how.

The names are those that PyTorch 2.13 registers for its dispatch key AutocastCPU (`torch._C._dispatch_has_kernel_for_dispatch_key` lists
them). An operator that is not among them computes in the types it is given; what it calls may cast in its turn. Source: torch's
documentation, "Automatic Mixed Precision package", CPU op-specific behavior.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

from . import dtypes
from .declare import Operator
from .tensor import Tensor


def _named(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Computed in the lower precision.
_LOWER = _named(
    """conv1d conv1d.padding conv2d conv2d.padding conv3d conv3d.padding conv_transpose1d conv_transpose2d.input conv_transpose3d.input
    conv_tbc bmm mm baddbmm addmm addbmm linear matmul linalg_vecdot prelu scaled_dot_product_attention mkldnn_rnn_layer"""
)

#: Computed in float32. PyTorch's `nll_loss_nd` has no rule of its own, but calls `nll_loss` or `nll_loss2d`, which have.
_FLOAT32 = _named(
    """_lu_with_info adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d binary_cross_entropy binary_cross_entropy_with_logits cdist
    cholesky cholesky_inverse cholesky_solve cosine_embedding_loss cross_entropy_loss ctc_loss.IntList ctc_loss.Tensor
    fake_quantize_per_tensor_affine fft_fft fft_fft2 fft_fftn fft_hfft fft_ifft fft_ifft2 fft_ifftn fft_ihfft fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2
    fft_rfftn fractional_max_pool2d fractional_max_pool3d geqrf grid_sampler grid_sampler_2d grid_sampler_3d hinge_embedding_loss
    huber_loss inverse kl_div l1_loss linalg_cholesky linalg_cholesky_ex linalg_cond linalg_cond.p_str linalg_eig linalg_eigh
    linalg_eigvals linalg_eigvalsh linalg_householder_product linalg_inv linalg_inv_ex linalg_lstsq linalg_matrix_rank
    linalg_matrix_rank.atol_rtol_float linalg_matrix_rank.atol_rtol_tensor linalg_matrix_rank.tol_tensor linalg_qr linalg_solve
    linalg_svd linalg_svdvals linalg_tensorinv linalg_tensorsolve lu_solve margin_ranking_loss max_pool3d max_unpool2d max_unpool3d
    mse_loss multi_margin_loss multilabel_margin_loss multilabel_margin_loss_forward nanquantile nanquantile.scalar nll_loss nll_loss2d
    nll_loss_nd orgqr ormqr pinverse poisson_nll_loss polar prod prod.dim_int qr quantile quantile.scalar reflection_pad1d
    reflection_pad2d replication_pad1d replication_pad2d replication_pad3d smooth_l1_loss soft_margin_loss stft stft.center svd trace
    triangular_solve triplet_margin_loss view_as_complex"""
)

#: Computed in the widest type among the operands.
_WIDEST = frozenset(["cat", "stack", "index_copy"])

#: Threads in which autocast is on, as tokens: compiled calls of the operators above look whether there are any.
CASTING: set[object] = set()


#: Kinds of devices that have an autocast, with the lower precision they begin with.
_DEFAULT_TYPES = {
    **dict.fromkeys(("cuda", "ipu", "xpu", "mps", "maia", "mtia", "privateuseone"), dtypes.float16),
    **dict.fromkeys(("cpu", "hpu", "xla"), dtypes.bfloat16),
}


class _State(threading.local):
    """What a thread casts to."""

    #: The lower precision in force; None while autocast is off, or an operator that has cast its operands runs.
    dtype: dtypes.dtype | None = None
    token: object = None
    cache_enabled: bool = True
    depth: int = 0

    def __init__(self) -> None:
        self.types: dict[str, dtypes.dtype] = dict(_DEFAULT_TYPES)
        self.enabled: set[str] = set()
        #: Leaves that were cast: id -> (weak reference, the cast tensor).
        self.cache: dict[int, tuple[weakref.ref[Any], Any]] = {}


state = _State()


def has_rule(operator: Operator) -> bool:
    """Whether calls of `operator` cast their operands under autocast."""
    name = operator.qualified
    return name in _LOWER or name in _FLOAT32 or name in _WIDEST


def enable(device_type: str, enabled: bool) -> None:
    """Switch autocast for a kind of device on or off in this thread; only the CPU's changes anything."""
    if enabled:
        state.enabled.add(device_type)
    else:
        state.enabled.discard(device_type)
    if device_type != "cpu":
        return
    if state.token is None:
        state.token = object()
    if enabled:
        state.dtype = state.types["cpu"]
        CASTING.add(state.token)
    else:
        state.dtype = None
        CASTING.discard(state.token)


def set_type(device_type: str, element_type: dtypes.dtype) -> None:
    """Choose the lower precision of a kind of device."""
    state.types[device_type] = element_type
    if device_type == "cpu" and state.dtype is not None:
        state.dtype = element_type


def casts() -> bool:
    """Whether this thread casts."""
    return state.dtype is not None


def under_autocast(operator: Operator, args: tuple[Any, ...]) -> Any:
    """Call `operator`, which has a rule, on operands cast by that rule; nothing below it casts again.

    Raises RuntimeError with torch's text where operands that are to be widened are of a type that has no place in the order.
    """
    lower = state.dtype
    assert lower is not None
    state.dtype = None
    try:
        if operator.qualified in _LOWER:
            target = lower
        elif operator.qualified in _FLOAT32:
            target = dtypes.float32
        else:
            target = _widest(args, lower)
        cast = _caster(target, lower)
        return operator.call(*[cast(value) for value in args])
    finally:
        state.dtype = lower


def _caster(target: dtypes.dtype, lower: dtypes.dtype) -> Callable[[Any], Any]:
    def cast(value: Any) -> Any:
        if isinstance(value, Tensor):
            return _cast(value, target, lower)
        if value.__class__ in (list, tuple) and any(isinstance(item, Tensor) for item in value):
            return value.__class__([cast(item) for item in value])
        return value

    return cast


def _eligible(tensor: Any) -> bool:
    return (
        tensor.dtype.is_floating_point
        and tensor.dtype is not dtypes.float64
        and tensor.device.type in ("cpu", "meta")
    )


def _cast(tensor: Any, target: dtypes.dtype, lower: dtypes.dtype) -> Any:
    """`tensor` in type `target`. Leaves that want a gradient are cast to the lower precision once, and shared from then on."""
    if not _eligible(tensor) or tensor.dtype is target:
        return tensor
    keep = (
        state.cache_enabled
        and target is lower
        and tensor.dtype is dtypes.float32
        and tensor.requires_grad
        and tensor.is_leaf
        and not tensor._is_view()
    )
    if not keep:
        return tensor.to(target)
    reference, cast = state.cache.get(id(tensor), (None, None))
    if reference is None or reference() is not tensor:
        cast = tensor.to(target)
        state.cache[id(tensor)] = (weakref.ref(tensor), cast)
    return cast


def _widest(values: tuple[Any, ...], lower: dtypes.dtype) -> dtypes.dtype:
    """float32 if an operand is that, else the lower precision; float64 tensors take no part."""
    found = lower
    for value in values:
        for item in value if value.__class__ in (list, tuple) else (value,):
            if isinstance(item, Tensor) and _eligible(item):
                if item.dtype is dtypes.float32:
                    found = dtypes.float32
                elif item.dtype is not lower and found is lower:
                    raise RuntimeError("Unexpected floating ScalarType in at::autocast::prioritize")
    return found
