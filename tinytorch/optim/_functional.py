"""Steps of the optimizers as functions of parameters, gradients and lists of state, with torch's signatures.

Each is the step of the class of the same name. They change parameters and state in place and return None.
"""

from __future__ import annotations

import importlib
from typing import Any

import tinytorch as torch

from ._steps import check_fused_parameter, refuse_capturable, update_items

Tensors = list[Any]


def _bare(name: str, where: str) -> Any:
    """An optimizer without parameters, for its formulas."""
    cls = getattr(importlib.import_module(f"{__package__}.{where}"), name)
    return object.__new__(cls)


def _check_steps(steps: Tensors) -> None:
    if not all(isinstance(step, torch.Tensor) for step in steps):
        raise RuntimeError("API has changed, `state_steps` argument must contain a list of singleton tensors")


def _items(params: Tensors, grads: Tensors, **columns: Tensors) -> list[Any]:
    """(parameter, gradient, state) of each parameter."""
    return [
        (parameter, grads[place], {name: column[place] for name, column in columns.items()})
        for place, parameter in enumerate(params)
    ]


def _each(name: str, where: str, group: dict[str, Any], items: list[Any], foreach: bool | None) -> None:
    if items:
        refuse_capturable({**group, "foreach": foreach}, name)
        update_items(_bare(name, where), group, items)


def _scaled(grads: Tensors, fused: bool | None, grad_scale: Any, found_inf: Any) -> bool:
    """Divide the gradients by what a gradient scaler multiplied the loss with; False if the step is to be left out."""
    if not fused:
        if grad_scale is not None or found_inf is not None:
            raise AssertionError("Expected grad_scale and found_inf to be None")
        return True
    if found_inf is not None and found_inf.item():
        return False
    if grad_scale is not None:
        for grad in grads:
            grad.div_(grad_scale)
    return True


def adam(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    max_exp_avg_sqs: Tensors,
    state_steps: Tensors,
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
    grad_scale: Any = None,
    found_inf: Any = None,
    has_complex: bool = False,
    decoupled_weight_decay: bool = False,
    *,
    amsgrad: bool,
    beta1: Any,
    beta2: Any,
    lr: Any,
    weight_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """One step of torch.optim.Adam. state_steps: counters, 0-dimensional. max_exp_avg_sqs may be empty without amsgrad."""
    _check_steps(state_steps)
    largest = {"max_exp_avg_sq": max_exp_avg_sqs} if amsgrad else {}
    items = _items(params, grads, step=state_steps, exp_avg=exp_avgs, exp_avg_sq=exp_avg_sqs, **largest)
    if not items:
        return
    group = {
        "amsgrad": amsgrad, "betas": (beta1, beta2), "lr": lr, "weight_decay": weight_decay, "eps": eps, "maximize": maximize,
        "decoupled_weight_decay": decoupled_weight_decay, "differentiable": differentiable, "fused": fused, "capturable": capturable,
    }  # fmt: skip
    refuse_capturable({**group, "foreach": foreach}, "Adam")
    if fused:
        check_fused_parameter(params[0])
    elif foreach and isinstance(lr, torch.Tensor):
        raise RuntimeError("lr as a Tensor is not supported for capturable=False and foreach=True")
    if not _scaled(grads, fused, grad_scale, found_inf):
        return
    optimizer = _bare("Adam", "adam")
    if not differentiable:
        items = optimizer._update_together(group, items)
    for parameter, grad, state in items:
        optimizer._update(group, parameter, grad, state)


def adamw(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    max_exp_avg_sqs: Tensors,
    state_steps: Tensors,
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
    grad_scale: Any = None,
    found_inf: Any = None,
    has_complex: bool = False,
    *,
    amsgrad: bool,
    beta1: Any,
    beta2: Any,
    lr: Any,
    weight_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """One step of torch.optim.AdamW: `adam` whose weight decay is not part of the gradient."""
    adam(
        params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, foreach, capturable, differentiable, fused, grad_scale, found_inf,
        has_complex, True, amsgrad=amsgrad, beta1=beta1, beta2=beta2, lr=lr, weight_decay=weight_decay, eps=eps, maximize=maximize,
    )  # fmt: skip


def sgd(
    params: Tensors,
    d_p_list: Tensors,
    momentum_buffer_list: list[Any],
    has_sparse_grad: bool = False,
    foreach: bool | None = None,
    fused: bool | None = None,
    grad_scale: Any = None,
    found_inf: Any = None,
    *,
    weight_decay: float,
    momentum: float,
    lr: Any,
    dampening: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """One step of torch.optim.SGD on the gradients d_p_list. Buffers that are None are made, and put into momentum_buffer_list."""
    if not params or not _scaled(d_p_list, fused, grad_scale, found_inf):
        return
    group = {
        "weight_decay": weight_decay, "momentum": momentum, "lr": lr, "dampening": dampening, "nesterov": nesterov, "maximize": maximize,
        "differentiable": False, "fused": fused,
    }  # fmt: skip
    optimizer = _bare("SGD", "sgd")
    optimizer.state = {
        parameter: {"momentum_buffer": momentum_buffer_list[place]} if momentum != 0 else {}
        for place, parameter in enumerate(params)
    }
    for parameter, grad in optimizer._update_together(group, list(zip(params, d_p_list, strict=True))):
        optimizer._update(group, parameter, grad)
    if momentum != 0:
        for place, parameter in enumerate(params):
            momentum_buffer_list[place] = optimizer.state[parameter]["momentum_buffer"]


def adagrad(
    params: Tensors,
    grads: Tensors,
    state_sums: Tensors,
    state_steps: Tensors,
    fused: bool | None = None,
    grad_scale: Any = None,
    found_inf: Any = None,
    has_sparse_grad: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    lr: Any,
    weight_decay: float,
    lr_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """One step of torch.optim.Adagrad."""
    _check_steps(state_steps)
    if not _scaled(grads, fused, grad_scale, found_inf):
        return
    group = {
        "lr": lr, "weight_decay": weight_decay, "lr_decay": lr_decay, "eps": eps, "maximize": maximize, "differentiable": differentiable,
        "fused": fused,
    }  # fmt: skip
    items = _items(params, grads, step=state_steps, sum=state_sums)
    if not (items and fused and _bare("Adagrad", "adagrad")._update_together(group, items)):
        _each("Adagrad", "adagrad", group, items, foreach)


def adadelta(
    params: Tensors,
    grads: Tensors,
    square_avgs: Tensors,
    acc_deltas: Tensors,
    state_steps: Tensors,
    capturable: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    lr: Any,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """One step of torch.optim.Adadelta."""
    _check_steps(state_steps)
    group = {
        "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "differentiable": differentiable,
        "capturable": capturable,
    }  # fmt: skip
    items = _items(params, grads, step=state_steps, square_avg=square_avgs, acc_delta=acc_deltas)
    _each("Adadelta", "adadelta", group, items, foreach)


def adamax(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_infs: Tensors,
    state_steps: Tensors,
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    eps: float,
    beta1: float,
    beta2: float,
    lr: Any,
    weight_decay: float,
) -> None:
    """One step of torch.optim.Adamax."""
    _check_steps(state_steps)
    group = {
        "lr": lr, "betas": (beta1, beta2), "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
        "differentiable": differentiable, "capturable": capturable,
    }  # fmt: skip
    items = _items(params, grads, step=state_steps, exp_avg=exp_avgs, exp_inf=exp_infs)
    _each("Adamax", "adamax", group, items, foreach)


def asgd(
    params: Tensors,
    grads: Tensors,
    axs: Tensors,
    mus: Tensors,
    etas: Tensors,
    state_steps: Tensors,
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    lambd: float,
    lr: Any,
    t0: float,
    alpha: float,
    weight_decay: float,
) -> None:
    """One step of torch.optim.ASGD."""
    group = {
        "lambd": lambd, "lr": lr, "t0": t0, "alpha": alpha, "weight_decay": weight_decay, "maximize": maximize,
        "differentiable": differentiable, "capturable": capturable,
    }  # fmt: skip
    _each("ASGD", "asgd", group, _items(params, grads, step=state_steps, eta=etas, mu=mus, ax=axs), foreach)


def nadam(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    mu_products: Tensors,
    state_steps: Tensors,
    decoupled_weight_decay: bool = False,
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    has_complex: bool = False,
    maximize: bool = False,
    *,
    beta1: float,
    beta2: float,
    lr: Any,
    weight_decay: float,
    momentum_decay: float,
    eps: float,
) -> None:
    """One step of torch.optim.NAdam."""
    _check_steps(state_steps)
    if not all(isinstance(product, torch.Tensor) for product in mu_products):
        raise RuntimeError("API has changed, `mu_products` argument must contain a list of singleton tensors")
    group = {
        "betas": (beta1, beta2), "lr": lr, "weight_decay": weight_decay, "momentum_decay": momentum_decay, "eps": eps,
        "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
    }  # fmt: skip
    items = _items(
        params, grads, step=state_steps, mu_product=mu_products, exp_avg=exp_avgs, exp_avg_sq=exp_avg_sqs
    )
    _each("NAdam", "nadam", group, items, foreach)


def radam(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    state_steps: Tensors,
    decoupled_weight_decay: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    maximize: bool = False,
    *,
    beta1: float,
    beta2: float,
    lr: Any,
    weight_decay: float,
    eps: float,
) -> None:
    """One step of torch.optim.RAdam."""
    _check_steps(state_steps)
    group = {
        "betas": (beta1, beta2), "lr": lr, "weight_decay": weight_decay, "eps": eps, "maximize": maximize,
        "decoupled_weight_decay": decoupled_weight_decay, "differentiable": differentiable, "capturable": capturable,
    }  # fmt: skip
    items = _items(params, grads, step=state_steps, exp_avg=exp_avgs, exp_avg_sq=exp_avg_sqs)
    _each("RAdam", "radam", group, items, foreach)


def rmsprop(
    params: Tensors,
    grads: Tensors,
    square_avgs: Tensors,
    grad_avgs: Tensors,
    momentum_buffer_list: Tensors,
    state_steps: Tensors,
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    lr: Any,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    centered: bool,
) -> None:
    """One step of torch.optim.RMSprop. grad_avgs may be empty unless centered, momentum_buffer_list without momentum."""
    _check_steps(state_steps)
    group = {
        "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum, "centered": centered,
        "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
    }  # fmt: skip
    optional = {"grad_avg": grad_avgs} if centered else {}
    if momentum > 0:
        optional["momentum_buffer"] = momentum_buffer_list
    items = _items(params, grads, step=state_steps, square_avg=square_avgs, **optional)
    _each("RMSprop", "rmsprop", group, items, foreach)


def rprop(
    params: Tensors,
    grads: Tensors,
    prevs: Tensors,
    step_sizes: Tensors,
    state_steps: Tensors,
    foreach: bool | None = None,
    capturable: bool = False,
    maximize: bool = False,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    step_size_min: float,
    step_size_max: float,
    etaminus: float,
    etaplus: float,
) -> None:
    """One step of torch.optim.Rprop."""
    _check_steps(state_steps)
    group = {
        "step_sizes": (step_size_min, step_size_max), "etas": (etaminus, etaplus), "maximize": maximize,
        "differentiable": differentiable, "capturable": capturable,
    }  # fmt: skip
    _each(
        "Rprop",
        "rprop",
        group,
        _items(params, grads, step=state_steps, prev=prevs, step_size=step_sizes),
        foreach,
    )


def adafactor(
    params: Tensors,
    grads: Tensors,
    row_vars: list[Any],
    col_vars: list[Any],
    variances: list[Any],
    state_steps: Tensors,
    foreach: bool | None = None,
    grad_scale: Any = None,
    found_inf: Any = None,
    has_complex: bool = False,
    *,
    d: float,
    lr: Any,
    beta2_decay: float,
    weight_decay: float,
    eps1: float | None,
    eps2: float,
    maximize: bool,
) -> None:
    """One step of torch.optim.Adafactor. row_vars and col_vars of matrices, variances of vectors; None for the others."""
    _check_steps(state_steps)
    group = {"lr": lr, "eps": (eps1, eps2), "d": d, "beta2_decay": beta2_decay, "weight_decay": weight_decay}
    optimizer = _bare("Adafactor", "_adafactor")
    columns = {"row_var": row_vars, "col_var": col_vars, "variance": variances}
    for parameter, grad, state in _items(params, grads, step=state_steps, **columns):
        optimizer._update(group, parameter, -grad if maximize else grad, state)


def muon(
    params: Tensors,
    grads: Tensors,
    muon_momentum_bufs: Tensors,
    *,
    foreach: bool | None = None,
    lr: float,
    weight_decay: float,
    momentum: float,
    nesterov: bool,
    ns_coefficients: tuple[float, float, float],
    ns_steps: int,
    eps: float,
    adjust_lr_fn: str | None,
    has_complex: bool,
) -> None:
    """One step of torch.optim.Muon."""
    if foreach:
        raise RuntimeError("Foreach is not supported for Muon yet")
    group = {
        "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov, "ns_coefficients": ns_coefficients,
        "ns_steps": ns_steps, "eps": eps, "adjust_lr_fn": adjust_lr_fn,
    }  # fmt: skip
    optimizer = _bare("Muon", "_muon")
    for parameter, grad, buffer in zip(params, grads, muon_momentum_bufs, strict=True):
        optimizer._update(group, parameter, grad, buffer)


#: function -> the module that torch has it in
_HOMES = {
    name: name
    for name in (
        "adam",
        "adamw",
        "sgd",
        "adagrad",
        "adadelta",
        "adamax",
        "asgd",
        "nadam",
        "radam",
        "rmsprop",
        "rprop",
    )
}
for _name, _home in {**_HOMES, "adafactor": "_adafactor", "muon": "_muon"}.items():
    globals()[_name].__module__ = f"tinytorch.optim.{_home}"
