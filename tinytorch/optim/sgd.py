"""Stochastic gradient descent. Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning"."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from .._operators import stepping
from ._functional import sgd as sgd
from ._steps import as_number, check_fused, check_fused_parameter, check_lr
from .optimizer import Optimizer, _use_grad_for_differentiable, _with_gradients

__all__ = ["SGD", "sgd"]


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
        if lr < 0.0:  # unlike the others, which refuse nan as well
            raise ValueError(f"Invalid learning rate: {lr}")
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
            items = [(p, grad) for p in group["params"] if (grad := p.grad) is not None]
            if items and group["fused"]:
                check_fused_parameter(items[0][0])
                if any(grad.is_sparse for _, grad in items):
                    raise RuntimeError("`_fused_sgd` does not support sparse gradients")
            if items and not group["differentiable"] and not any(grad.is_sparse for _, grad in items):
                items = self._update_together(group, items)
            for parameter, grad in items:
                self._update(group, parameter, grad)
        return loss

    def _update_together(self, group: dict[str, Any], items: list[Any]) -> list[Any]:
        """Update plain parameters with one call; returns the others."""
        options = {
            "lr": as_number(group["lr"]),
            "weight_decay": as_number(group["weight_decay"]),
            "fused": bool(group["fused"]),
            **{name: group[name] for name in ("momentum", "dampening", "nesterov", "maximize")},
        }
        if group["momentum"] == 0:
            done = stepping.sgd(*_columns(items), first=False, **options)
            return [] if done else items
        rest = []
        started, new = [], []
        for parameter, grad in items:
            buffer = self.state[parameter].get("momentum_buffer")
            (new if buffer is None else started).append((parameter, grad, buffer))
        if started and not stepping.sgd(*_columns(started), first=False, **options):
            rest += [item[:2] for item in started]
        if new:
            new = [
                (parameter, grad, torch.empty_like(grad, requires_grad=False)) for parameter, grad, _ in new
            ]
            if stepping.sgd(*_columns(new), first=True, **options):
                for parameter, _, buffer in new:
                    self.state[parameter]["momentum_buffer"] = buffer
            else:
                rest += [item[:2] for item in new]
        return rest

    def _update(self, group: dict[str, Any], parameter: Any, grad: Any) -> None:
        recorded = group["differentiable"]
        momentum, decay = group["momentum"], group["weight_decay"]
        rate = group["lr"] if recorded else as_number(group["lr"])
        if group["maximize"]:
            grad = -grad
        if decay != 0:
            grad = grad.add(parameter, alpha=as_number(decay))
        if momentum != 0:
            state = self.state[parameter]
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = grad.clone() if recorded else grad.detach().clone()
                state["momentum_buffer"] = buffer
            else:
                buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        if isinstance(rate, torch.Tensor):
            parameter.addcmul_(grad, rate, value=-1)
        else:
            parameter.add_(grad, alpha=-rate)


def _columns(items: list[Any]) -> tuple[list[Any], list[list[Any]]]:
    """Rows of (parameter, gradient, ...) as a list of parameters and lists of the rest."""
    first, *rest = map(list, zip(*items, strict=True))
    return first, rest
