"""Adam. Source: Kingma and Ba 2014, "Adam: A Method for Stochastic Optimization"."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from .._operators import stepping
from ._functional import adam as adam
from ._steps import (
    as_number,
    check_fused,
    check_fused_parameter,
    check_moments,
    new_step,
    real,
    refuse_capturable,
    with_grads,
    zeros_like,
)
from .optimizer import Optimizer, _use_grad_for_differentiable, _with_gradients

__all__ = ["Adam", "adam"]


class Adam(Optimizer):
    """Steps by the running mean of gradients over the root of that of their squares. Source: torch's documentation, torch.optim.Adam."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: Any = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, torch.Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_moments(lr, betas, eps, weight_decay)
        self._check_tensor_betas(betas, foreach, capturable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        check_fused(self, fused, foreach, differentiable)

    def _check_tensor_betas(self, betas: Any, foreach: bool | None, capturable: bool) -> None:
        tensors = [isinstance(beta, torch.Tensor) for beta in betas]
        if any(tensors) and not all(tensors):
            raise ValueError("betas must be either both floats or both Tensors")
        for place, tensor in enumerate(tensors):
            if tensor:
                if not capturable and foreach:
                    raise ValueError(
                        f"betas[{place}] as a Tensor is not supported for capturable=False and foreach=True"
                    )
                if betas[place].numel() != 1:
                    raise ValueError(f"Tensor betas[{place}] must be 1-element")

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("amsgrad", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("capturable", False)
            group.setdefault("differentiable", False)
            group.setdefault("decoupled_weight_decay", False)
            group.setdefault("fused", None)
            for parameter in group["params"]:
                own = self.state.get(parameter, [])
                if len(own) != 0 and not isinstance(own["step"], torch.Tensor):
                    own["step"] = new_step() + float(own["step"])

    def _state_of(self, parameter: Any, amsgrad: bool) -> dict[str, Any]:
        state = self.state[parameter]
        if len(state) == 0:
            state["step"] = new_step()
            state["exp_avg"] = zeros_like(parameter)
            state["exp_avg_sq"] = zeros_like(parameter)
            if amsgrad:
                state["max_exp_avg_sq"] = zeros_like(parameter)
        return state  # type: ignore[no-any-return]

    @_use_grad_for_differentiable
    def step(self, closure: Any = None) -> Any:
        """One step; `closure` computes the loss anew."""
        loss = _with_gradients(closure)
        for group in self.param_groups:
            amsgrad, recorded = group["amsgrad"], group["differentiable"]
            items = [
                (parameter, grad, self._state_of(parameter, amsgrad))
                for parameter, grad in with_grads(group, "Adam", ", please consider SparseAdam instead")
            ]
            if items:
                refuse_capturable(group, "Adam")
                if group["fused"]:
                    check_fused_parameter(items[0][0])
            if recorded:
                if any(state["step"].requires_grad for _, _, state in items):
                    raise RuntimeError("`requires_grad` is not supported for `step` in differentiable mode")
            elif items:
                items = self._update_together(group, items)
            for parameter, grad, state in items:
                self._update(group, parameter, grad, state)
        return loss

    def _update_together(self, group: dict[str, Any], items: list[Any]) -> list[Any]:
        """Update plain parameters with one call; returns the others."""
        steps = [state["step"] for _, _, state in items]
        numbers = stepping.by_number(steps)
        if numbers is None:
            return items
        lr, (beta1, beta2) = as_number(group["lr"]), group["betas"]
        names = ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else [])]
        rest = []
        for number, places in numbers.items():
            chosen = items if len(places) == len(items) else [items[place] for place in places]
            rows = [
                [parameter for parameter, _, _ in chosen],
                [grad for _, grad, _ in chosen],
                *[[state[name] for _, _, state in chosen] for name in names],
            ]
            if stepping.adam(
                rows[0], rows[1:], step=number + 1, fused=bool(group["fused"]), lr=lr, beta1=as_number(beta1), beta2=as_number(beta2),
                weight_decay=group["weight_decay"], eps=group["eps"], maximize=group["maximize"],
                decoupled=group["decoupled_weight_decay"],
            ):  # fmt: skip
                stepping.advance([state["step"] for _, _, state in chosen])
            else:
                rest += chosen
        return rest

    def _update(self, group: dict[str, Any], parameter: Any, grad: Any, state: dict[str, Any]) -> None:
        recorded = group["differentiable"]
        lr = group["lr"] if recorded else as_number(group["lr"])
        beta1, beta2 = group["betas"] if recorded else (as_number(beta) for beta in group["betas"])
        eps = group["eps"]
        decay = group["weight_decay"]
        grad = -grad if group["maximize"] else grad
        step = state["step"]
        step += 1
        if decay != 0:
            if group["decoupled_weight_decay"]:
                parameter.mul_(1 - lr * decay)
            else:
                grad = grad.add(parameter, alpha=decay)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        largest = state["max_exp_avg_sq"] if group["amsgrad"] else None
        if parameter.is_complex():
            parameter, grad, mean, square, largest = real(parameter, grad, mean, square, largest)
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if recorded:
            # the step counter stays a tensor, so that everything can be differentiated
            step_size = (lr / (1 - beta1**step)).neg()
            root = (1 - beta2**step).sqrt()
            if largest is not None:
                largest.copy_(torch.maximum(largest.clone(), square))
                square = largest
            parameter.addcdiv_(mean, (square.sqrt() / (root * step_size)).add_(eps / step_size))
            return
        count = step.item()
        step_size = lr / (1 - beta1**count)
        root = (1 - beta2**count) ** 0.5
        if largest is not None:
            largest.copy_(torch.maximum(largest, square))
            square = largest
        parameter.addcdiv_(mean, square.sqrt().div_(root).add_(eps), value=-step_size)
