"""Stochastic gradient descent. Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning"."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ._steps import as_number, check_fused, check_lr, refuse_negative
from .optimizer import Optimizer, _use_grad_for_differentiable, _with_gradients

__all__ = ["SGD"]


class SGD(Optimizer):
    """p ← p - lr v with v ← momentum v + (1 - dampening) g. Source: torch's documentation, torch.optim.SGD."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        refuse_negative(learning_rate=lr)
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, defaults)
        check_fused(self, fused, foreach, differentiable)

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("nesterov", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("differentiable", False)
            group.setdefault("fused", False)

    @_use_grad_for_differentiable
    def step(self, closure: Any = None) -> Any:
        """One step; `closure` computes the loss anew."""
        loss = _with_gradients(closure)
        for group in self.param_groups:
            momentum = group["momentum"]
            lr = group["lr"]
            rate = lr if group["differentiable"] else as_number(lr)
            decay = group["weight_decay"]
            for parameter in group["params"]:
                grad = parameter.grad
                if grad is None:
                    continue
                if group["maximize"]:
                    grad = -grad
                if decay != 0:
                    grad = grad.add(parameter, alpha=as_number(decay))
                if momentum != 0:
                    state = self.state[parameter]
                    buffer = state.get("momentum_buffer")
                    if buffer is None:
                        buffer = grad.clone() if group["differentiable"] else grad.detach().clone()
                        state["momentum_buffer"] = buffer
                    else:
                        buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
                    grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
                if isinstance(rate, torch.Tensor):
                    parameter.addcmul_(grad, rate, value=-1)
                else:
                    parameter.add_(grad, alpha=-rate)
        return loss
