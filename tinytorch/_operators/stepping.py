"""Optimizers' steps over lists of parameters: torch's fused operators, and the same with the loop's version counters.

Source of the formulas: Kingma and Ba 2014 (Adam), Loshchilov and Hutter 2017 (AdamW), Sutskever et al. 2013 (SGD with momentum), Duchi,
Hazan and Singer 2011 (Adagrad).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._core.declare import composite
from .._core.lists import advance, counts, overwrite
from .._core.modes import modes
from .._core.tensor import counter_of
from .._kernels import stepping

Tensors = Sequence[Any]


def adam(
    params: Tensors,
    lists: Sequence[Tensors],
    *,
    step: float,
    fused: bool,
    **options: Any,
) -> bool:
    """Step number `step` of Adam. lists: gradients, means, squares and, with amsgrad, the largest squares. False if nothing was done.

    fused: no version counter moves, as in torch's operator of that name.
    """
    shrinks = options["decoupled"] and options["weight_decay"] != 0
    bumps = (0,) * 5 if fused else (1 + shrinks, 0, 1, 2, 1)
    done = overwrite(
        stepping.adam, params, lists, range(1, len(lists)), bumps[: len(lists) + 1], step=step, **options
    )
    return done or (fused and _on_copies(adam, params, lists, {"step": step, **options}))


def sgd(params: Tensors, lists: Sequence[Tensors], *, first: bool, fused: bool, **options: Any) -> bool:
    """One step of gradient descent. lists: gradients and, with momentum, buffers, empty if `first`. False if nothing was done."""
    bumps = (0, 0, 0) if fused else (1, 0, 0 if first else 2)
    done = overwrite(stepping.sgd, params, lists, (1,), bumps[: len(lists) + 1], first=first, **options)
    return done or (fused and _on_copies(sgd, params, lists, {"first": first, **options}))


def adagrad(params: Tensors, lists: Sequence[Tensors], *, step: float, fused: bool, **options: Any) -> bool:
    """Step number `step` of Adagrad. lists: gradients and sums of squares. False if nothing was done."""
    bumps = (0, 0, 0) if fused else (1, 0, 1)
    done = overwrite(stepping.adagrad, params, lists, (1,), bumps, step=step, **options)
    return done or (fused and _on_copies(adagrad, params, lists, {"step": step, **options}))


def _on_copies(
    step: Callable[..., bool], params: Tensors, lists: Sequence[Tensors], options: dict[str, Any]
) -> bool:
    """16-bit and strided tensors, and those that share memory: each by itself, on contiguous copies. False if a graph has to be recorded."""
    if modes.grad:
        if any(tensor.requires_grad for tensors in (params, *lists) for tensor in tensors):
            return False
        modes.grad = False
        try:
            return step(params, lists, fused=True, **options)
        finally:
            modes.grad = True
    for place, param in enumerate(params):
        originals = (param, *[tensors[place] for tensors in lists])
        kinds = {tensor.dtype for tensor in originals}
        if len(kinds) != 1 or not param.is_floating_point():
            raise RuntimeError("params, grads and state tensors must have same dtype, floating point")
        copies = [(t.float() if t.element_size() < 4 else t).contiguous().clone() for t in originals]
        step([copies[0]], [[copy] for copy in copies[1:]], fused=True, **options)
        for original, copy in zip(originals, copies, strict=True):
            counter = counter_of(original)
            version = counter[0]
            original.copy_(copy)
            counter[0] = version
    return True


def by_number(steps: Tensors) -> dict[float, list[int]] | None:
    """The places of equal step counters; None if one of them is not plain."""
    numbers = counts(steps)
    if numbers is None:
        return None
    first = numbers[0]
    if numbers.count(first) == len(numbers):
        return {first: list(range(len(numbers)))}
    places: dict[float, list[int]] = {}
    for place, number in enumerate(numbers):
        places.setdefault(number, []).append(place)
    return places


__all__ = ["adagrad", "adam", "advance", "by_number", "sgd"]


# torch's operators -----------------------------------------------------------------------------------------------------------


def _run(
    step: Callable[..., bool],
    params: Tensors,
    lists: Sequence[Tensors],
    scale: Any,
    found: Any,
    /,
    **options: Any,
) -> None:
    """Run `step` unless an infinite gradient was found; gradients are divided by `scale`, in place."""
    if found is not None and found.item():
        return
    before, modes.grad = modes.grad, False
    try:
        if scale is not None:
            for grad in lists[0]:
                counter = counter_of(grad)
                version = counter[0]
                grad.div_(scale)
                counter[0] = version
        if params:
            step(params, lists, fused=True, **options)
    finally:
        modes.grad = before


def _declare_adam(name: str, decoupled: bool) -> None:
    def kernel(
        self: Tensors, grads: Tensors, exp_avgs: Tensors, exp_avg_sqs: Tensors, max_exp_avg_sqs: Tensors, state_steps: Tensors, *, lr: Any,
        beta1: float, beta2: float, weight_decay: float, eps: float, amsgrad: bool, maximize: bool, grad_scale: Any = None,
        found_inf: Any = None,
    ) -> None:  # fmt: skip
        lists = (grads, exp_avgs, exp_avg_sqs, *((max_exp_avg_sqs,) if amsgrad else ()))
        for number, places in (by_number(state_steps) or {}).items():
            _run(
                adam, [self[p] for p in places], [[tensors[p] for p in places] for tensors in lists], grad_scale, found_inf,
                step=number, lr=float(lr), beta1=beta1, beta2=beta2, weight_decay=weight_decay, eps=eps, maximize=maximize,
                decoupled=decoupled,
            )  # fmt: skip

    for overload, rate in (("", "float"), (".tensor_lr", "Tensor")):
        composite(
            f"{name}{overload}(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, "
            f"Tensor(e!)[] max_exp_avg_sqs, Tensor[] state_steps, *, {rate} lr, float beta1, float beta2, float weight_decay, float eps, "
            "bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()",
            kernel,
            method=False,
            out=False,
        )


_declare_adam("_fused_adam_", False)
_declare_adam("_fused_adamw_", True)


def _fused_sgd(
    self: Tensors, grads: Tensors, momentum_buffer_list: Tensors, *, weight_decay: float, momentum: float, lr: Any, dampening: float,
    nesterov: bool, maximize: bool, is_first_step: bool, grad_scale: Any = None, found_inf: Any = None,
) -> None:  # fmt: skip
    lists = (grads, momentum_buffer_list) if momentum_buffer_list else (grads,)
    _run(
        sgd, self, lists, grad_scale, found_inf, lr=float(lr), weight_decay=weight_decay, momentum=momentum, dampening=dampening,
        nesterov=nesterov, maximize=maximize, first=is_first_step,
    )  # fmt: skip


def _fused_adagrad(
    self: Tensors, grads: Tensors, state_sums: Tensors, state_steps: Tensors, *, lr: Any, lr_decay: float, weight_decay: float, eps: float,
    maximize: bool, grad_scale: Any = None, found_inf: Any = None,
) -> None:  # fmt: skip
    for number, places in (by_number(state_steps) or {}).items():
        _run(
            adagrad, [self[p] for p in places], [[tensors[p] for p in places] for tensors in (grads, state_sums)], grad_scale, found_inf,
            step=number, lr=float(lr), lr_decay=lr_decay, weight_decay=weight_decay, eps=eps, maximize=maximize,
        )  # fmt: skip


for _overload, _rate, _steps in (("", "float", "Tensor(d!)[]"), (".tensor_lr", "Tensor", "Tensor[]")):
    composite(
        f"_fused_sgd_{_overload}(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] momentum_buffer_list, *, float weight_decay, float momentum, "
        f"{_rate} lr, float dampening, bool nesterov, bool maximize, bool is_first_step, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()",
        _fused_sgd,
        method=False,
        out=False,
    )
    composite(
        f"_fused_adagrad_{_overload}(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] state_sums, {_steps} state_steps, *, {_rate} lr, "
        "float lr_decay, float weight_decay, float eps, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()",
        _fused_adagrad,
        method=False,
        out=False,
    )
