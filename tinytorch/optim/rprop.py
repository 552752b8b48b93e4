"""Rprop. Source: Riedmiller and Braun 1993, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm"."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ._functional import rprop as rprop
from ._steps import as_number, check_lr, new_step, real, update_each, zeros_like
from .optimizer import Optimizer, _use_grad_for_differentiable, _with_gradients

__all__ = ["Rprop", "rprop"]


class Rprop(Optimizer):
    """Steps by the sign of the gradient, longer while it stays the same. Source: torch's documentation, torch.optim.Rprop."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        etas: Any = (0.5, 1.2),
        step_sizes: Any = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
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
            update_each(self, group, "Rprop")
        return loss

    def _state_of(self, group: dict[str, Any], parameter: Any) -> dict[str, Any]:
        state = self.state[parameter]
        if len(state) == 0:
            state["step"] = new_step()
            state["prev"] = zeros_like(parameter)
            lr = as_number(group["lr"])
            start: Any = complex(lr, lr) if parameter.is_complex() else lr
            state["step_size"] = torch.full_like(parameter.grad, start)
        return state  # type: ignore[no-any-return]

    def _update(self, group: dict[str, Any], parameter: Any, grad: Any, state: dict[str, Any]) -> None:
        shrink, grow = group["etas"]
        step = state["step"]
        step += 1
        parameter, grad, before, size = real(parameter, grad, state["prev"], state["step_size"])
        sign = grad.mul(before.clone() if group["differentiable"] else before).sign()
        factor = torch.ones_like(sign).masked_fill_(sign.gt(0), grow).masked_fill_(sign.lt(0), shrink)
        size.mul_(factor).clamp_(*group["step_sizes"])
        grad = grad.clone(memory_format=torch.preserve_format)
        grad.masked_fill_(sign.lt(0), 0)  # after a change of sign the step is not taken
        parameter.addcmul_(grad.sign(), size, value=-1)
        before.copy_(grad)
