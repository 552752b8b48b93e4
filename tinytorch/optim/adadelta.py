"""Adadelta. Source: Zeiler 2012, "ADADELTA: An Adaptive Learning Rate Method"."""

from __future__ import annotations

from typing import Any

from ._functional import adadelta as adadelta
from ._steps import as_number, check_lr, new_step, real, update_each, zeros_like
from .optimizer import Optimizer, _use_grad_for_differentiable, _with_gradients

__all__ = ["Adadelta", "adadelta"]


class Adadelta(Optimizer):
    """Steps whose size follows the former steps. Source: torch's documentation, torch.optim.Adadelta."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    @_use_grad_for_differentiable
    def step(self, closure: Any = None) -> Any:
        """One step; `closure` computes the loss anew."""
        loss = _with_gradients(closure)
        for group in self.param_groups:
            update_each(self, group, "Adadelta")
        return loss

    def _state_of(self, group: dict[str, Any], parameter: Any) -> dict[str, Any]:
        state = self.state[parameter]
        if len(state) == 0:
            state["step"] = new_step()
            state["square_avg"] = zeros_like(parameter)
            state["acc_delta"] = zeros_like(parameter)
        return state  # type: ignore[no-any-return]

    def _update(self, group: dict[str, Any], parameter: Any, grad: Any, state: dict[str, Any]) -> None:
        rho, eps = group["rho"], group["eps"]
        step = state["step"]
        step += 1
        if group["weight_decay"] != 0:
            grad = grad.add(parameter, alpha=group["weight_decay"])
        parameter, grad, square, moved = real(parameter, grad, state["square_avg"], state["acc_delta"])
        square.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        root = square.add(eps).sqrt_()
        delta = moved.add(eps).sqrt_()
        if group["differentiable"]:
            delta = delta.clone()
        delta.div_(root).mul_(grad)
        moved.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        parameter.add_(delta, alpha=-as_number(group["lr"]))
