"""Adagrad. Source: Duchi, Hazan and Singer 2011, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization"."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from .._operators import stepping
from ._functional import adagrad as adagrad
from ._steps import (
    as_number,
    check_fused,
    check_fused_parameter,
    check_lr,
    new_step,
    on_places,
    real,
    update_each,
    with_grads,
)
from .optimizer import Optimizer, _use_grad_for_differentiable, _with_gradients

__all__ = ["Adagrad", "adagrad"]


class Adagrad(Optimizer):
    """Steps by the gradient over the root of the sum of squares. Source: torch's documentation, torch.optim.Adagrad."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 <= lr_decay:
            raise ValueError(f"Invalid lr_decay value: {lr_decay}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if not 0.0 <= initial_accumulator_value:
            raise ValueError(f"Invalid initial_accumulator_value value: {initial_accumulator_value}")
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_fused(self, fused, foreach, differentiable)
        for group in self.param_groups:
            for parameter in group["params"]:
                start: Any = initial_accumulator_value
                if parameter.is_complex():
                    start = complex(initial_accumulator_value, initial_accumulator_value)
                state = self.state[parameter]
                state["step"] = new_step()
                state["sum"] = torch.full_like(parameter, start, memory_format=torch.preserve_format)

    def share_memory(self) -> None:
        """Move the sums to memory that other processes can see."""
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["sum"].share_memory_()

    @_use_grad_for_differentiable
    def step(self, closure: Any = None) -> Any:
        """One step; `closure` computes the loss anew."""
        loss = _with_gradients(closure)
        for group in self.param_groups:
            if group["fused"] and any(p.grad is not None and p.grad.is_sparse for p in group["params"]):
                raise RuntimeError("`fused` does not support sparse grad or complex param")
            if group["fused"] and not group["differentiable"]:
                items = [(p, grad, self.state[p]) for p, grad in with_grads(group, "Adagrad")]
                if items:
                    check_fused_parameter(items[0][0])
                    if self._update_together(group, items):
                        continue
            update_each(self, group, "Adagrad", sparse=True)
        return loss

    def _update_together(self, group: dict[str, Any], items: list[Any]) -> bool:
        """Update real parameters as torch's fused operator does; False, and nothing done, for others."""
        numbers = stepping.by_number([state["step"] for _, _, state in items])
        if numbers is None or any(parameter.is_complex() for parameter, _, _ in items):
            return False
        for number, places in numbers.items():
            chosen = [items[place] for place in places]
            stepping.adagrad(
                [parameter for parameter, _, _ in chosen], [[grad for _, grad, _ in chosen], [state["sum"] for _, _, state in chosen]],
                step=number + 1, fused=True, lr=as_number(group["lr"]), lr_decay=group["lr_decay"], weight_decay=group["weight_decay"],
                eps=group["eps"], maximize=group["maximize"],
            )  # fmt: skip
            stepping.advance([state["step"] for _, _, state in chosen])
        return True

    def _state_of(self, group: dict[str, Any], parameter: Any) -> dict[str, Any]:
        return self.state[parameter]  # type: ignore[no-any-return]

    def _update(self, group: dict[str, Any], parameter: Any, grad: Any, state: dict[str, Any]) -> None:
        step = state["step"]
        step += 1
        if group["weight_decay"] != 0:
            if grad.is_sparse:
                raise RuntimeError("weight_decay option is not compatible with sparse gradients")
            grad = grad.add(parameter, alpha=group["weight_decay"])
        rate = as_number(group["lr"]) / (1 + (step.item() - 1) * group["lr_decay"])
        total = state["sum"]
        if grad.is_sparse:
            grad = grad.coalesce()  # the update is not linear in it
            values = grad._values()
            total.add_(on_places(grad, values.pow(2)))
            root = total.sparse_mask(grad)._values().sqrt_().add_(group["eps"])
            parameter.add_(on_places(grad, values / root), alpha=-rate)
            return
        parameter, grad, total = real(parameter, grad, total)
        total.addcmul_(grad, grad, value=1)
        root = total.sqrt() + group["eps"] if group["differentiable"] else total.sqrt().add_(group["eps"])
        parameter.addcdiv_(grad, root, value=-rate)
