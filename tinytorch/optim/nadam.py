"""NAdam. Source: Dozat 2016, "Incorporating Nesterov Momentum into Adam"."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ._functional import nadam as nadam
from ._steps import as_number, check_moments, new_step, real, update_each, zeros_like
from .optimizer import Optimizer, _use_grad_for_differentiable, _with_gradients

__all__ = ["NAdam", "nadam"]


class NAdam(Optimizer):
    """Adam with Nesterov's momentum. Source: torch's documentation, torch.optim.NAdam."""

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: Any = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_moments(lr, betas, eps, weight_decay)
        if not 0.0 <= momentum_decay:
            raise ValueError(f"Invalid momentum_decay value: {momentum_decay}")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    @_use_grad_for_differentiable
    def step(self, closure: Any = None) -> Any:
        """One step; `closure` computes the loss anew."""
        loss = _with_gradients(closure)
        for group in self.param_groups:
            update_each(self, group, "NAdam")
        return loss

    def _state_of(self, group: dict[str, Any], parameter: Any) -> dict[str, Any]:
        state = self.state[parameter]
        if len(state) == 0:
            state["step"] = new_step()
            state["mu_product"] = torch.ones_like(state["step"])
            state["exp_avg"] = zeros_like(parameter)
            state["exp_avg_sq"] = zeros_like(parameter)
        return state  # type: ignore[no-any-return]

    def _update(self, group: dict[str, Any], parameter: Any, grad: Any, state: dict[str, Any]) -> None:
        lr = as_number(group["lr"])
        beta1, beta2 = group["betas"]
        step = state["step"]
        step += 1
        count = step.item()
        if group["weight_decay"] != 0:
            if group["decoupled_weight_decay"]:
                parameter.mul_(1 - lr * group["weight_decay"])
            else:
                grad = grad.add(parameter, alpha=group["weight_decay"])
        parameter, grad, mean, square = real(parameter, grad, state["exp_avg"], state["exp_avg_sq"])
        mu = beta1 * (1.0 - 0.5 * (0.96 ** (count * group["momentum_decay"])))
        mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((count + 1) * group["momentum_decay"])))
        product = state["mu_product"]
        product *= mu
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = square.div(1 - beta2**count).sqrt()
        if group["differentiable"]:
            root = root.add(group["eps"])
            parameter.addcdiv_(grad * (-lr * (1.0 - mu) / (1.0 - product)), root)
            parameter.addcdiv_(mean * (-lr * mu_next / (1.0 - product * mu_next)), root)
            return
        whole = product.item()
        root.add_(group["eps"])
        parameter.addcdiv_(grad, root, value=-lr * (1.0 - mu) / (1.0 - whole))
        parameter.addcdiv_(mean, root, value=(-lr * mu_next) / (1.0 - whole * mu_next))
