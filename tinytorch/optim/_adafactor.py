"""Adafactor. Source: Shazeer and Stern 2018, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost"."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ..autograd.grad_mode import no_grad
from ._functional import adafactor as adafactor
from ._steps import as_number, check_lr, new_step
from .optimizer import Optimizer, _with_gradients

__all__ = ["Adafactor"]


class Adafactor(Optimizer):
    """Adam's second moments by rows and columns only. Source: torch's documentation, torch.optim.Adafactor."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 >= beta2_decay:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not 0.0 <= eps[0]:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not 0.0 <= eps[1]:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not 1.0 <= d:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _state_of(self, parameter: Any, grad: Any) -> dict[str, Any]:
        state = self.state[parameter]
        if len(state) == 0:
            state["step"] = new_step()
            if grad.dim() > 1:
                shape = list(grad.shape)
                state["row_var"] = grad.new_zeros([*shape[:-1], 1])
                state["col_var"] = grad.new_zeros([*shape[:-2], 1, shape[-1]])
            else:
                state["variance"] = torch.zeros_like(grad, memory_format=torch.preserve_format)
        return state  # type: ignore[no-any-return]

    @no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step; `closure` computes the loss anew."""
        loss = _with_gradients(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                grad = parameter.grad
                if grad is None:
                    continue
                if grad.is_sparse:
                    raise RuntimeError("Adafactor does not support sparse gradients")
                if parameter.is_complex():
                    raise RuntimeError("Adafactor does not support complex parameters")
                self._update(
                    group, parameter, -grad if group["maximize"] else grad, self._state_of(parameter, grad)
                )
        return loss

    def _update(self, group: dict[str, Any], parameter: Any, grad: Any, state: dict[str, Any]) -> None:
        lr = as_number(group["lr"])
        floor, scale_floor = group["eps"]
        if floor is None:
            floor = torch.finfo(parameter.dtype).eps
        step = state["step"]
        step += 1
        count = step.item()
        share = count ** group["beta2_decay"]
        rate = min(lr, 1 / (count**0.5))
        size = max(scale_floor, torch.norm(parameter, 2).item() / (parameter.numel() ** 0.5)) * rate
        if group["weight_decay"] != 0:
            parameter.mul_(1 - lr * group["weight_decay"])
        if grad.dim() > 1:
            rows, columns = state["row_var"], state["col_var"]  # (*, R, 1) and (*, 1, C)
            rows.lerp_(torch.norm(grad, dim=-1, keepdim=True).square_().div_(grad.size(-1)), share)
            columns.lerp_(torch.norm(grad, dim=-2, keepdim=True).square_().div_(grad.size(-2)), share)
            estimate = rows @ columns
            estimate.div_(rows.mean(dim=-2, keepdim=True).clamp_(min=floor))
        else:
            state["variance"].lerp_(grad * grad, share)
            estimate = state["variance"].clone()
        update = estimate.clamp_(min=floor * floor).rsqrt_()
        update.mul_(grad)
        limit = max(1.0, torch.norm(update, 2).item() / ((update.numel() ** 0.5) * group["d"]))
        parameter.add_(update, alpha=-size / limit)
