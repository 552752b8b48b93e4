"""RMSprop. Source: G. Hinton, "Neural Networks for Machine Learning", lecture 6; Graves 2013 for the centred form."""

from __future__ import annotations

from typing import Any

from ._functional import rmsprop as rmsprop
from ._steps import as_number, check_lr, new_step, real, update_each, zeros_like
from .optimizer import Optimizer, _use_grad_for_differentiable, _with_gradients

__all__ = ["RMSprop", "rmsprop"]


class RMSprop(Optimizer):
    """Steps by the gradient over the root of the running mean of squares. Source: torch's documentation, torch.optim.RMSprop."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        if not 0.0 <= momentum:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if not 0.0 <= alpha:
            raise ValueError(f"Invalid alpha value: {alpha}")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    @_use_grad_for_differentiable
    def step(self, closure: Any = None) -> Any:
        """One step; `closure` computes the loss anew."""
        loss = _with_gradients(closure)
        for group in self.param_groups:
            update_each(self, group, "RMSprop")
        return loss

    def _state_of(self, group: dict[str, Any], parameter: Any) -> dict[str, Any]:
        state = self.state[parameter]
        if len(state) == 0:
            state["step"] = new_step()
            state["square_avg"] = zeros_like(parameter)
            if group["momentum"] > 0:
                state["momentum_buffer"] = zeros_like(parameter)
            if group["centered"]:
                state["grad_avg"] = zeros_like(parameter)
        return state  # type: ignore[no-any-return]

    def _update(self, group: dict[str, Any], parameter: Any, grad: Any, state: dict[str, Any]) -> None:
        lr = group["lr"] if group["differentiable"] else as_number(group["lr"])
        alpha, momentum = group["alpha"], group["momentum"]
        step = state["step"]
        step += 1
        if group["weight_decay"] != 0:
            grad = grad.add(parameter, alpha=group["weight_decay"])
        square, average, buffer = state["square_avg"], state.get("grad_avg"), state.get("momentum_buffer")
        parameter, grad, square, average, buffer = real(parameter, grad, square, average, buffer)
        square.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            average.lerp_(grad, 1 - alpha)
            root = square.addcmul(average, average, value=-1).sqrt_()
        else:
            root = square.sqrt()
        root = root.add(group["eps"]) if group["differentiable"] else root.add_(group["eps"])
        if momentum > 0:
            buffer.mul_(momentum).addcdiv_(grad, root)
            parameter.add_(buffer, alpha=-as_number(lr))
        else:
            parameter.addcdiv_(grad, root, value=-as_number(lr))
