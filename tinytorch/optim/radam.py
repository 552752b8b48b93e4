"""RAdam. Source: Liu et al. 2019, "On the Variance of the Adaptive Learning Rate and Beyond"."""

from __future__ import annotations

from typing import Any

from ._functional import radam as radam
from ._steps import as_number, check_moments, new_step, real, update_each, zeros_like
from .optimizer import Optimizer, _use_grad_for_differentiable, _with_gradients

__all__ = ["RAdam", "radam"]


class RAdam(Optimizer):
    """Adam whose first steps are rectified. Source: torch's documentation, torch.optim.RAdam."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: Any = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_moments(lr, betas, eps, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    @_use_grad_for_differentiable
    def step(self, closure: Any = None) -> Any:
        """One step; `closure` computes the loss anew."""
        loss = _with_gradients(closure)
        for group in self.param_groups:
            update_each(self, group, "RAdam")
        return loss

    def _state_of(self, group: dict[str, Any], parameter: Any) -> dict[str, Any]:
        state = self.state[parameter]
        if len(state) == 0:
            state["step"] = new_step()
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
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        correction = 1 - beta2**count
        corrected = mean / (1 - beta1**count)
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * count * (beta2**count) / correction
        if length <= 5.0:
            parameter.add_(corrected * lr, alpha=-1.0)
            return
        rectified = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
        root = square.sqrt()
        root = root.add(group["eps"]) if group["differentiable"] else root.add_(group["eps"])
        parameter.add_(corrected * lr * ((correction**0.5) / root) * rectified, alpha=-1.0)
