"""Functions with derivatives of their own that only modules use."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ...autograd.function import Function


class CrossMapLRN2d(Function):
    """Response normalisation over neighbouring channels, with the window torch uses: the first channel never leaves it."""

    @staticmethod
    def forward(
        ctx: Any, input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1
    ) -> Any:
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        squares = input.pow(2)  # (N, C, H, W)
        channels = input.size(1)
        reach = int((size - 1) / 2 + 1)
        total = squares[:, : min(reach, channels)].sum(1)
        sums = [total]
        for c in range(1, channels):
            if c < channels - reach + 1:
                total = total + squares[:, c + reach - 1]
            if c > reach:
                total = total - squares[:, c - reach]
            sums.append(total)
        scale = torch.stack(sums, 1).mul_(alpha / size).add_(k)
        output = scale.pow(-beta).mul_(input)
        ctx.save_for_backward(input, output, scale)
        ctx.size, ctx.alpha, ctx.beta = size, alpha, beta
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        input, output, scale = ctx.saved_tensors
        size, channels = ctx.size, input.size(1)
        start = int(size - (size - 1) / 2)
        ratio = torch.zeros(input.size(0), channels + size - 1, *input.shape[2:], dtype=input.dtype)
        ratio[:, start : start + channels] = grad_output * output / scale
        windows = ratio.unfold(1, size, 1).sum(-1)  # (N, C, H, W)
        grad = scale.pow(-ctx.beta) * grad_output
        grad = grad - input * windows * (2 * ctx.alpha * ctx.beta / size)
        return grad, None, None, None, None
