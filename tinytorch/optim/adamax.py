"""Adamax. Source: Kingma and Ba 2014, "Adam: A Method for Stochastic Optimization", section 7."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ._functional import adamax as adamax
from ._steps import as_number, check_moments, new_step, real, update_each, zeros_like
from .optimizer import Optimizer, _use_grad_for_differentiable, _with_gradients

__all__ = ["Adamax", "adamax"]


class Adamax(Optimizer):
    """Adam with the largest gradient in place of the root of squares. Source: torch's documentation, torch.optim.Adamax."""

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: Any = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_moments(lr, betas, eps, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    @_use_grad_for_differentiable
    def step(self, closure: Any = None) -> Any:
        """One step; `closure` computes the loss anew."""
        loss = _with_gradients(closure)
        for group in self.param_groups:
            update_each(self, group, "Adamax")
        return loss

    def _state_of(self, group: dict[str, Any], parameter: Any) -> dict[str, Any]:
        state = self.state[parameter]
        if len(state) == 0:
            state["step"] = new_step()
            state["exp_avg"] = zeros_like(parameter)
            state["exp_inf"] = zeros_like(parameter)
        return state  # type: ignore[no-any-return]

    def _update(self, group: dict[str, Any], parameter: Any, grad: Any, state: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        step = state["step"]
        step += 1
        if group["weight_decay"] != 0:
            grad = grad.add(parameter, alpha=group["weight_decay"])
        parameter, grad, mean, largest = real(parameter, grad, state["exp_avg"], state["exp_inf"])
        mean.lerp_(grad, 1 - beta1)
        if group["differentiable"]:
            both = torch.stack([largest.mul_(beta2).clone(), grad.abs().add_(group["eps"])])
            largest.copy_(torch.amax(both, 0, keepdim=False))
        else:
            largest.copy_(torch.maximum(largest.mul_(beta2), grad.abs().add_(group["eps"])))
        rate = as_number(group["lr"]) / (1 - beta1 ** step.item())
        parameter.addcdiv_(mean, largest, value=-rate)
