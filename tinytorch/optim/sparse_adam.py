"""Adam for sparse gradients. Source: Kingma and Ba 2014; torch's documentation, torch.optim.SparseAdam."""

from __future__ import annotations

import math
from typing import Any

import tinytorch as torch

from ..autograd.grad_mode import no_grad
from ._steps import check_lr, on_places
from .optimizer import Optimizer, _with_gradients

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam whose averages move only at the places where a gradient has a value."""

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
        self._refuse(lambda p: p.is_sparse, "Sparse", "requires dense parameter tensors")
        self._refuse(lambda p: p.is_complex(), "Complex", "does not support complex parameters")

    def _refuse(self, test: Any, kind: str, why: str) -> None:
        places = [
            [number, place]
            for number, group in enumerate(self.param_groups)
            for place, parameter in enumerate(group["params"])
            if test(parameter)
        ]
        if places:
            raise ValueError(f"{kind} params at indices {places}: SparseAdam {why}")

    @no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step; `closure` computes the loss anew. Raises RuntimeError for gradients that are dense."""
        loss = _with_gradients(closure)
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not all(parameter.grad.is_sparse for parameter in parameters):
                raise RuntimeError(
                    "SparseAdam does not support dense gradients, please consider Adam instead"
                )
            for parameter in parameters:
                state = self.state[parameter]
                if not state:
                    state["step"] = 0
                    for name in ("exp_avg", "exp_avg_sq"):
                        state[name] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
                state["step"] += 1
                self._update(
                    group, parameter, -parameter.grad if group["maximize"] else parameter.grad, state
                )
        return loss

    def _update(self, group: dict[str, Any], parameter: Any, grad: Any, state: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        grad = grad.coalesce()  # the update is not linear in it
        values = grad._values()  # (nnz, *)
        if not values.numel():
            return
        moments = []
        for name, beta, sample in (("exp_avg", beta1, values), ("exp_avg_sq", beta2, values.pow(2))):
            before = state[name].sparse_mask(grad)._values()
            change = (sample - before).mul_(1 - beta)
            state[name].add_(on_places(grad, change))
            moments.append(change.add_(before))
        mean, square = moments
        step = state["step"]
        rate = group["lr"] * math.sqrt(1 - beta2**step) / (1 - beta1**step)
        parameter.add_(on_places(grad, mean.div_(square.sqrt_().add_(group["eps"])).mul_(-rate)))
