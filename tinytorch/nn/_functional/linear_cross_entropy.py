"""Cross-entropy of a linear map's output, the batch as a whole or in pieces."""

from __future__ import annotations

import math
import warnings
from typing import Any

import tinytorch as torch

from ...autograd.function import Function
from .loss import cross_entropy

__all__ = ["linear_cross_entropy"]


def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Any:
    """cross_entropy(linear(input, linear_weight, linear_bias), target).

    input (N, in) or (in,); linear_weight (C, *dims, in); linear_bias (C, *dims); target (N, *dims) of class numbers or (N, C, *dims) of
    probabilities. With `options`, the batch is taken in pieces. Raises RuntimeError and ValueError for shapes that do not fit.
    Source: torch's documentation, torch.nn.functional.linear_cross_entropy.
    """
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if linear_weight.dim() < 2:
        raise RuntimeError(
            f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}"
        )
    features = linear_weight.shape[-1]
    if input.shape[-1] != features:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{input.shape[-1]} and {features}, respectively"
        )
    classes, *dims = linear_weight.shape[:-1]
    if dims and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, (N, {features}), "
            f"got unbatched input with shape {tuple(input.shape)}"
        )
    if linear_bias is not None and tuple(linear_bias.shape) != (classes, *dims):
        raise RuntimeError(f"expected linear_bias shape {(classes, *dims)}, got {tuple(linear_bias.shape)}")
    if target.is_floating_point() and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    ignored = -100 if ignore_index is None else ignore_index
    if options is not None:
        rows = options._adjust(input.shape[0] if input.dim() == 2 else 1, features, classes)
        known = reduction in ("mean", "sum", "none")
        if known and label_smoothing == 0 and target.dtype == torch.int64 and not dims:
            return _in_pieces(
                input, linear_weight, target, linear_bias, weight, reduction, ignored, rows, options
            )
        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in {'mean','sum','none'}, label_smoothing == 0, "
            f"target.dtype == int64, out_features == (). Got reduction={reduction!r}, label_smoothing={label_smoothing}, "
            f"target.dtype={target.dtype}, out_features={tuple(dims)}, tracing=False, "
            f"linear_bias.shape={None if linear_bias is None else tuple(linear_bias.shape)}.",
            stacklevel=3,
        )
    if dims:
        linear_weight = linear_weight.reshape(classes * math.prod(dims), features)
        linear_bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = torch.nn.functional.linear(input, linear_weight, linear_bias)  # (N, C * prod(dims))
    logits = logits.view(*input.shape[:-1], classes, *dims)
    return cross_entropy(
        logits,
        target,
        weight=weight,
        ignore_index=ignored,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def _in_pieces(
    input: Any, linear_weight: Any, target: Any, bias: Any, weight: Any, reduction: str, ignored: int, rows: int, options: Any
) -> Any:  # fmt: skip
    kind, half = options.acc_dtype, (torch.float16, torch.bfloat16)
    if kind is None and input.dtype not in (*half, torch.float32, torch.float64):
        raise ValueError(
            "acc_dtype must be one of {None, torch.float16, torch.bfloat16, torch.float32, torch.float64}, got "
            f"{input.dtype}. Pass acc_dtype=None to let the op pick automatically."
        )
    if kind not in (None, input.dtype) and not (kind == torch.float32 and input.dtype in half):
        raise RuntimeError(
            "linear_cross_entropy supports float32 acc_dtype with float16/bfloat16 inputs, but got "
            f"{kind} acc_dtype and {input.dtype} inputs."
        )
    single = input.dim() == 1
    if single:
        input, target = input.unsqueeze(0), target.unsqueeze(0)
    function = _WithoutReduction if reduction == "none" else _Reduced
    result = function.apply(
        input, linear_weight, target, bias, weight, reduction, ignored, rows, options.allow_retain_graph
    )
    return result.squeeze(0) if single and reduction == "none" else result.squeeze(-1) if single else result


def _piece(
    input: Any, linear_weight: Any, target: Any, bias: Any, weight: Any, ignored: int
) -> tuple[Any, Any, Any]:
    """Of some rows: the probabilities (n, C), the weight of each row and its loss."""
    wide = torch.float32 if input.dtype.itemsize < 4 else input.dtype
    if linear_weight.dtype in (input.dtype, wide):
        linear_weight = linear_weight.to(wide)
        input, bias = input.to(wide), None if bias is None else bias.to(wide)
    logits = torch.nn.functional.linear(input, linear_weight, bias)
    logs = logits.log_softmax(1)
    counted = target != ignored
    place = torch.where(counted, target, torch.zeros_like(target))
    share = counted.to(wide) if weight is None else weight.to(wide)[place] * counted
    return logs.exp(), share, -logs.gather(1, place[:, None])[:, 0] * share


def _gradients(
    probabilities: Any, scale: Any, target: Any, ignored: int, input: Any, linear_weight: Any
) -> tuple[Any, Any, Any]:
    """Of some rows, each row's loss times `scale`: gradients with respect to input, weight and bias."""
    counted = target != ignored
    place = torch.where(counted, target, torch.zeros_like(target))
    toward = probabilities
    toward.scatter_add_(1, place[:, None], -torch.ones_like(toward[:, :1]))
    toward.mul_(scale[:, None])  # (n, C)
    wide = toward.dtype
    return toward @ linear_weight.to(wide), toward.t() @ input.to(wide), toward.sum(0)


class _Reduced(Function):
    """The gradients are computed with the loss, while the logits of a piece exist."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, input: Any, linear_weight: Any, target: Any, bias: Any, weight: Any, reduction: str, ignored: int, rows: int, retain: bool
    ) -> Any:  # fmt: skip
        total, shares = 0.0, 0.0
        sums: list[Any] = [[], None, None]
        needs = [ctx.needs_input_grad[place] for place in (0, 1, 3)]
        for start in range(0, input.shape[0], rows):
            part, labels = (
                input[start : start + rows],
                target.narrow(0, start, min(rows, input.shape[0] - start)),
            )
            probabilities, share, losses = _piece(part, linear_weight, labels, bias, weight, ignored)
            total, shares = total + losses.sum(), shares + share.sum()
            if any(needs):
                first, second, third = _gradients(probabilities, share, labels, ignored, part, linear_weight)
                sums[0].append(first)
                sums[1] = second if sums[1] is None else sums[1].add_(second)
                sums[2] = third if sums[2] is None else sums[2].add_(third)
        if input.shape[0] == 0:
            total, shares = input.new_zeros(()), input.new_zeros(())
        scale = 1 / shares if reduction == "mean" else torch.ones_like(shares)
        if any(needs):
            first = torch.cat(sums[0]) if sums[0] else torch.zeros_like(input)
            grads = [first, sums[1], sums[2]]
            ctx.kept = [
                (None if not need else torch.zeros_like(like) if grad is None else grad.mul_(scale).to(like.dtype))
                for need, grad, like in zip(needs, grads, (input, linear_weight, bias), strict=True)
            ]  # fmt: skip
        ctx.retain = retain
        return (total * scale).to(input.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if ctx.kept is None:
            raise RuntimeError(
                "linear_cross_entropy chunked backward called twice; retain_graph=True / double backward are not supported."
            )
        with torch.set_grad_enabled(ctx.retain and torch.is_grad_enabled()):
            found = [None if grad is None else grad * grads[0] for grad in ctx.kept]
        if not ctx.retain:
            ctx.kept = None
        return (found[0], found[1], None, found[2], None, None, None, None, None)


class _WithoutReduction(Function):
    """Each row's loss; the logits of a piece are computed again on the way back."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, input: Any, linear_weight: Any, target: Any, bias: Any, weight: Any, reduction: str, ignored: int, rows: int, retain: bool
    ) -> Any:  # fmt: skip
        ctx.save_for_backward(input, linear_weight, target, bias, weight)
        ctx.options = (ignored, rows)
        losses = [
            _piece(
                input[start : start + rows],
                linear_weight,
                target.narrow(0, start, min(rows, input.shape[0] - start)),
                bias,
                weight,
                ignored,
            )[2]
            for start in range(0, input.shape[0], rows)
        ]
        return (torch.cat(losses) if losses else input.new_zeros(0)).to(input.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        input, linear_weight, target, bias, weight = ctx.saved_tensors
        ignored, rows = ctx.options
        toward: list[Any] = []
        second, third = torch.zeros_like(linear_weight), linear_weight.new_zeros(linear_weight.shape[0])
        with torch.no_grad():
            for start in range(0, input.shape[0], rows):
                part, labels = (
                    input[start : start + rows],
                    target.narrow(0, start, min(rows, input.shape[0] - start)),
                )
                probabilities, share, _ = _piece(part, linear_weight, labels, bias, weight, ignored)
                scale = share * grads[0][start : start + rows]
                found = _gradients(probabilities, scale, labels, ignored, part, linear_weight)
                toward.append(found[0].to(input.dtype))
                second, third = second + found[1].to(second.dtype), third + found[2].to(third.dtype)
        first = torch.cat(toward) if toward else torch.zeros_like(input)
        return (first, second, None, None if bias is None else third, None, None, None, None, None)


# A node is called after its function, and torch calls these after its own operators.
_OPERATOR = "GeneratedBackwardFor_torch_nn__linear_cross_entropy_batch_chunked"
for _function, _suffix in ((_Reduced, "_default"), (_WithoutReduction, "_no_reduction_default")):
    _function._backward_cls.__name__ = _OPERATOR + _suffix + "Backward"
