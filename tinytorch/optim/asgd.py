"""Averaged stochastic gradient descent. Source: Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging"."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ._functional import asgd as asgd
from ._steps import as_number, check_lr, new_step, real, update_each, zeros_like
from .optimizer import Optimizer, _use_grad_for_differentiable, _with_gradients

__all__ = ["ASGD", "asgd"]


class ASGD(Optimizer):
    """Gradient descent and the average of where it has been. Source: torch's documentation, torch.optim.ASGD."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
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
            update_each(self, group, "ASGD")
        return loss

    def _state_of(self, group: dict[str, Any], parameter: Any) -> dict[str, Any]:
        state = self.state[parameter]
        if len(state) == 0:
            state["step"] = new_step()
            state["eta"] = new_step() + as_number(group["lr"])
            state["mu"] = torch.ones_like(state["step"])
            state["ax"] = zeros_like(parameter)
        return state  # type: ignore[no-any-return]

    def _update(self, group: dict[str, Any], parameter: Any, grad: Any, state: dict[str, Any]) -> None:
        lr = as_number(group["lr"])
        step, eta, mu = state["step"], state["eta"], state["mu"]
        parameter, grad, average = real(parameter, grad, state["ax"])
        step += 1
        count = step.item()
        if group["weight_decay"] != 0:
            grad = grad.add(parameter, alpha=group["weight_decay"])
        rate = eta.item()
        parameter.mul_(1 - group["lambd"] * rate)
        parameter.add_(grad, alpha=-rate)
        if mu.item() != 1:
            average.add_(parameter.sub(average).mul_(mu))
        else:
            average.copy_(parameter)
        eta.fill_(lr / ((1 + group["lambd"] * lr * count) ** group["alpha"]))
        mu.fill_(1 / max(1, count - group["t0"]))
