"""What the optimizers' steps have in common: checks of options, walking over parameters, and state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tinytorch as torch

from .._core import lists
from .optimizer import _new_step


def check_lr(lr: Any) -> None:
    """Raises ValueError for a learning rate that cannot be one."""
    if isinstance(lr, torch.Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")


def check_moments(lr: Any, betas: Any, eps: float, weight_decay: float) -> None:
    """Raises ValueError for options that no optimizer with two running averages can have."""
    check_lr(lr)
    if not 0.0 <= lr:
        raise ValueError(f"Invalid learning rate: {lr}")
    if not 0.0 <= eps:
        raise ValueError(f"Invalid epsilon value: {eps}")
    for place in (0, 1):
        if not 0.0 <= betas[place] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {place}: {betas[place]}")
    if not 0.0 <= weight_decay:
        raise ValueError(f"Invalid weight_decay value: {weight_decay}")


def check_fused(optimizer: Any, fused: Any, foreach: Any, differentiable: bool) -> None:
    """Raises RuntimeError for variants that exclude each other; the results of the others are the same here."""
    if not fused:
        return
    if differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    optimizer._step_supports_amp_scaling = True  # what gradient scalers ask for


#: Devices whose parameters torch's fused steps take, as its error text lists them.
_FUSED_DEVICES = ["mps", "cuda", "xpu", "hpu", "cpu", "mtia", "privateuseone"]


def check_fused_parameter(parameter: Any) -> None:
    """Raises RuntimeError for a parameter that a fused step would not take."""
    if not (parameter.is_floating_point() and parameter.device.type in _FUSED_DEVICES):
        raise RuntimeError(
            f"`fused=True` requires all the params to be floating point Tensors of supported devices: {_FUSED_DEVICES} "
            f"but {parameter.dtype} and {parameter.device.type}"
        )


#: What torch names in the error about `capturable`, without and with `foreach`, and whether it counts XLA among the devices.
_PLAIN_STEP, _PLAIN_LISTS = ("params and state_steps", True), ("params and state_steps", False)
_CAPTURABLE = {
    "NAdam": (("params, mu_products and state_steps", True), ("params, mu_products, and state_steps", False)),
    "ASGD": (("params, mus, etas, and state_steps", True), ("params, mus, etas, and state_steps", False)),
    "RMSprop": (_PLAIN_STEP, _PLAIN_STEP),
    "Rprop": (_PLAIN_STEP, _PLAIN_STEP),
    "Adadelta": (_PLAIN_LISTS, _PLAIN_LISTS),
}


def refuse_capturable(group: dict[str, Any], name: str) -> None:
    """Raises AssertionError if the group is to be captured in a CUDA graph: there is no such device."""
    if group.get("capturable"):
        what, xla = _CAPTURABLE.get(name, (_PLAIN_STEP, _PLAIN_LISTS))[bool(group["foreach"])]
        devices = ["cuda", "xpu", "hpu", "privateuseone", *(["xla"] if xla else [])]
        raise AssertionError(f"If capturable=True, {what} must be on supported devices: {devices}.")


def with_grads(
    group: dict[str, Any], name: str, advice: str = "", sparse: bool = False
) -> Iterator[tuple[Any, Any]]:
    """Parameters that have a gradient, with it. Raises RuntimeError for sparse gradients unless these are taken."""
    for parameter in group["params"]:
        grad = parameter.grad
        if grad is None:
            continue
        if grad.is_sparse and not sparse:
            raise RuntimeError(f"{name} does not support sparse gradients{advice}")
        yield parameter, grad


def zeros_like(parameter: Any) -> Any:
    return torch.zeros_like(parameter, memory_format=torch.preserve_format)


def new_step() -> Any:
    return _new_step()


def real(*tensors: Any) -> tuple[Any, ...]:
    """Complex tensors as pairs of real numbers; others unchanged."""
    return tuple(torch.view_as_real(t) if t is not None and t.is_complex() else t for t in tensors)


def as_number(value: Any) -> Any:
    """A tensor of one element as a number."""
    return value.item() if isinstance(value, torch.Tensor) else value


def on_places(gradient: Any, values: Any) -> Any:
    """A sparse tensor with `values` at the places of a coalesced gradient."""
    return torch.sparse_coo_tensor(gradient._indices(), values, gradient.shape)


def update_each(optimizer: Any, group: dict[str, Any], name: str, sparse: bool = False) -> None:
    """One step of every parameter of `group` that has a gradient, by `optimizer._update`.

    Small parameters are laid end to end and updated at once, which gives each of them what it would have got alone; large ones are
    updated in pieces. Raises RuntimeError for sparse gradients unless the optimizer takes these.
    """
    items = [
        (parameter, grad, optimizer._state_of(group, parameter))
        for parameter, grad in with_grads(group, name, sparse=sparse)
    ]
    if items:
        refuse_capturable(group, name)
        if group.get("fused"):
            check_fused_parameter(items[0][0])
    update_items(optimizer, group, items)


def update_items(optimizer: Any, group: dict[str, Any], items: list[Any]) -> None:
    """One step of each (parameter, gradient, state)."""
    if items and not group["differentiable"]:
        items = _update_flat(optimizer, group, items)
    for parameter, grad, state in items:
        optimizer._update(group, parameter, -grad if group["maximize"] else grad, state)


def _update_flat(optimizer: Any, group: dict[str, Any], items: list[Any]) -> list[Any]:
    """Update what is plain among `items`: small parameters together, large ones piece by piece. Returns the others."""
    first = items[0][2]
    numbers = [name for name, value in first.items() if isinstance(value, torch.Tensor) and not value.dim()]
    means = [name for name, value in first.items() if isinstance(value, torch.Tensor) and value.dim()]
    items, others = _partition(items, lambda item: item[0].dim() > 0)
    if not items or len(numbers) + len(means) != len(first):
        return items + others
    if any(state.keys() != first.keys() for _, _, state in items):
        return items + others
    columns = [[state[name] for _, _, state in items] for name in means]
    parameters, grads = [item[0] for item in items], [item[1] for item in items]
    if not lists.alike(parameters, [grads, *columns], range(1, 1 + len(means))):
        return items + others
    for name in numbers:
        values = lists.counts([state[name] for _, _, state in items])
        if values is None or values.count(values[0]) != len(values):
            return items + others
    sizes = [parameter.numel() for parameter in parameters]
    done: set[int] = set()
    for run in lists.runs(parameters):
        _update_run(optimizer, group, [items[place] for place in run], means, numbers)
        done.update(run)
    for place, size in enumerate(sizes):
        if size > lists.RUN and grads[place].is_contiguous():
            _update_pieces(optimizer, group, items[place], size, means, numbers)
            done.add(place)
    return [item for place, item in enumerate(items) if place not in done] + others


def _partition(items: list[Any], test: Any) -> tuple[list[Any], list[Any]]:
    return [item for item in items if test(item)], [item for item in items if not test(item)]


def _update_run(
    optimizer: Any, group: dict[str, Any], items: list[Any], means: list[str], numbers: list[str]
) -> None:
    stand_ins: dict[str, Any] = {
        **{name: lists.Flat([state[name] for _, _, state in items]) for name in means},
        **{name: lists.Shared([state[name] for _, _, state in items]) for name in numbers},
    }
    parameter = lists.Flat([item[0] for item in items])
    grad = lists.Flat([item[1] for item in items]).tensor
    state = {name: stand_in.tensor for name, stand_in in stand_ins.items()}
    optimizer._update(group, parameter.tensor, -grad if group["maximize"] else grad, state)
    for stand_in in (parameter, *stand_ins.values()):
        stand_in.put_back()


def _update_pieces(
    optimizer: Any, group: dict[str, Any], item: Any, size: int, means: list[str], numbers: list[str]
) -> None:
    whole, gradient, states = item
    for start in range(0, size, lists.RUN):
        stop = min(start + lists.RUN, size)
        pieces = {name: lists.Piece(states[name], start, stop) for name in means}
        shared = {name: lists.Shared([states[name]]) for name in numbers}
        parameter, grad = lists.Piece(whole, start, stop), lists.Piece(gradient, start, stop).tensor
        state = {name: stand_in.tensor for name, stand_in in {**pieces, **shared}.items()}
        optimizer._update(group, parameter.tensor, -grad if group["maximize"] else grad, state)
    for number in shared.values():
        number.put_back()
    lists.bump([whole], parameter.times())
    for name, piece in pieces.items():
        lists.bump([states[name]], piece.times())
