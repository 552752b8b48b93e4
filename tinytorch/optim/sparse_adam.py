"""Adam for sparse gradients."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ..autograd.grad_mode import no_grad
from ._steps import check_lr
from .optimizer import Optimizer, _with_gradients

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam that only touches rows with a gradient. Gradients are never sparse here, so a step always raises."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: Any = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 < eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for place in (0, 1):
            if not 0.0 <= betas[place] < 1.0:
                raise ValueError(f"Invalid beta parameter at index {place}: {betas[place]}")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        complex_params: list[Any] = []
        for number, group in enumerate(self.param_groups):
            complex_params += [
                [number, place]
                for place, p in enumerate(group["params"])
                if isinstance(p, torch.Tensor) and p.is_complex()
            ]
        if complex_params:
            raise ValueError(
                f"Complex params at indices {complex_params}: SparseAdam does not support complex parameters"
            )

    @no_grad()
    def step(self, closure: Any = None) -> Any:
        """Raises RuntimeError where a parameter has a gradient, for it is dense."""
        loss = _with_gradients(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    raise RuntimeError(
                        "SparseAdam does not support dense gradients, please consider Adam instead"
                    )
        return loss
