"""The optimizers' steps as functions, and other parameters and state for a while."""

from __future__ import annotations

import copy
import importlib

import numpy as np
import pytest
import torch as real

import tinytorch

#: function -> module, class, columns of state beside the counters, options
COMMON = {"lr": 0.1, "weight_decay": 0.01, "eps": 1e-6}
BETAS = {"beta1": 0.9, "beta2": 0.99}
CASES = {
    "adam": ("adam", ["zeros"] * 3, {**COMMON, **BETAS, "amsgrad": True, "maximize": False}),
    "adamw": ("adamw", ["zeros"] * 3, {**COMMON, **BETAS, "amsgrad": False, "maximize": True}),
    "adagrad": ("adagrad", ["zeros"], {**COMMON, "lr_decay": 0.1, "maximize": False}),
    "adadelta": ("adadelta", ["zeros"] * 2, {**COMMON, "rho": 0.9, "maximize": False}),
    "adamax": ("adamax", ["zeros"] * 2, {**COMMON, **BETAS}),
    "asgd": ("asgd", ["zeros", "one", "one"], {"lambd": 0.1, "lr": 0.1, "t0": 1.0, "alpha": 0.75, "weight_decay": 0.01}),
    "nadam": ("nadam", ["zeros", "zeros", "one"], {**COMMON, **BETAS, "momentum_decay": 0.004}),
    "radam": ("radam", ["zeros"] * 2, {**COMMON, **BETAS}),
    "rmsprop": ("rmsprop", ["zeros"] * 3, {**COMMON, "alpha": 0.9, "momentum": 0.9, "centered": True}),
    "rprop": ("rprop", ["zeros", "sizes"], {"step_size_min": 1e-6, "step_size_max": 50.0, "etaminus": 0.5, "etaplus": 1.2}),
}  # fmt: skip


def _made(torch, kind, parameter):
    if kind == "one":
        return torch.ones(())
    return torch.zeros_like(parameter) if kind == "zeros" else torch.full_like(parameter, 0.1)


def _after(torch, name, **more):
    module, kinds, options = CASES[name]
    function = getattr(importlib.import_module(f"{torch.__name__}.optim.{module}"), name)
    torch.manual_seed(0)
    params = [torch.randn(3), torch.randn(2, 2)]
    columns = [[_made(torch, kind, parameter) for parameter in params] for kind in kinds]
    steps = [torch.zeros(()), torch.zeros(())]
    for _ in range(3):
        grads = [torch.randn(3), torch.randn(2, 2)]
        assert function(params, grads, *columns, steps, **options, **more) is None
    return [tensor.tolist() for column in (params, *columns, steps) for tensor in column]


def _close(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        real.testing.assert_close(real.tensor(mine), real.tensor(other), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_steps(name):
    _close(_after(tinytorch, name), _after(real, name))
    _close(_after(tinytorch, name, foreach=True), _after(real, name, foreach=True))


@pytest.mark.parametrize("more", [{}, {"fused": True}, {"foreach": True}])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_puts_new_buffers_into_the_list(momentum, more):
    told = []
    for torch in (real, tinytorch):
        sgd = importlib.import_module(f"{torch.__name__}.optim.sgd").sgd
        torch.manual_seed(0)
        params, buffers = [torch.randn(3), torch.randn(2, 2)], [None, None]
        for _ in range(2):
            grads = [torch.randn(3), torch.randn(2, 2)]
            sgd(
                params, grads, buffers, weight_decay=0.1, momentum=momentum, lr=0.1, dampening=0.0, nesterov=momentum > 0, maximize=False, **more,
            )  # fmt: skip
        assert all((buffer is None) == (momentum == 0) for buffer in buffers)
        told.append([tensor.tolist() for tensor in (*params, *(b for b in buffers if b is not None))])
    _close(told[1], told[0])


def test_matrices():
    told = []
    for torch in (real, tinytorch):
        torch.manual_seed(0)
        params, grads = [torch.randn(4, 3)], [torch.randn(4, 3)]
        rows, columns, buffers = [torch.zeros(4, 1)], [torch.zeros(1, 3)], [torch.zeros(4, 3)]
        importlib.import_module(f"{torch.__name__}.optim._adafactor").adafactor(
            params, grads, rows, columns, [None], [torch.zeros(())],
            d=1.0, lr=0.1, beta2_decay=-0.8, weight_decay=0.1, eps1=None, eps2=1e-3, maximize=False,
        )  # fmt: skip
        told.append([tensor.tolist() for tensor in (*params, *rows, *columns)])
        importlib.import_module(f"{torch.__name__}.optim._muon").muon(
            params, grads, buffers, lr=0.1, weight_decay=0.1, momentum=0.9, nesterov=True, ns_coefficients=(3.4445, -4.775, 2.0315), ns_steps=5,
            eps=1e-7, adjust_lr_fn=None, has_complex=False,
        )  # fmt: skip
        told[-1].append(buffers[0].tolist())
    _close(told[1], told[0])


def _adam(torch, steps=None, **more):
    torch.manual_seed(0)
    params, grads = [torch.randn(3)], [torch.randn(3)]
    steps = [torch.zeros(())] if steps is None else steps
    adam = importlib.import_module(f"{torch.__name__}.optim.adam").adam
    options = {**COMMON, **BETAS, "amsgrad": False, "maximize": False}
    adam(params, grads, [torch.zeros(3)], [torch.zeros(3)], [], steps, **{**options, **more})
    return [tensor.tolist() for tensor in (*params, *grads, *steps)]


def test_scaled_gradients():
    for more in (
        {"grad_scale": 2.0},
        {"grad_scale": 2.0, "found_inf": 1.0},
        {"grad_scale": 2.0, "found_inf": 0.0},
    ):
        told = [
            _adam(torch, fused=True, **{k: torch.tensor(v) for k, v in more.items()})
            for torch in (real, tinytorch)
        ]
        _close(told[1], told[0])


def test_errors_are_torchs():
    for more in (
        lambda torch: {"steps": [0.0]},
        lambda torch: {"grad_scale": torch.tensor(2.0)},
        lambda torch: {"lr": torch.tensor(0.1), "foreach": True},
        lambda torch: {"capturable": True},
    ):
        with pytest.raises(Exception) as theirs:
            _adam(real, **more(real))
        with pytest.raises(type(theirs.value)) as ours:
            _adam(tinytorch, **more(tinytorch))
        assert str(ours.value) == str(theirs.value)


def _trained(torch, step=True, cls="Adam"):
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    optimizer = getattr(torch.optim, cls)(model.parameters(), lr=0.1)
    if step:
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    return model, optimizer


def _swapped(torch):
    model, optimizer = _trained(torch)
    before = [parameter.tolist() for parameter in model.parameters()]
    others = {name: (2 * value.detach()).requires_grad_() for name, value in model.named_parameters()}
    for value in others.values():
        value.grad = torch.ones_like(value)
    state = copy.deepcopy(optimizer.state_dict())
    state["param_groups"][0]["lr"] = 0.5
    with torch.optim.swap_in_optimizer_params_and_state(optimizer, others, state):
        optimizer.step()
        optimizer.param_groups[0]["lr"] = 7.0
    assert [parameter.tolist() for parameter in model.parameters()] == before
    assert optimizer.param_groups[0]["params"][0] is model.weight
    told = [
        *others.values(),
        state["state"][0]["exp_avg"],
        state["state"][0]["step"],
        optimizer.state[model.weight]["step"],
    ]
    return [tensor.tolist() for tensor in told], optimizer.param_groups[0]["lr"]


def test_other_parameters_for_a_while():
    theirs, ours = _swapped(real), _swapped(tinytorch)
    assert ours[1] == theirs[1]
    _close(ours[0], theirs[0])


def _refused(torch):
    model, optimizer = _trained(torch)
    named, state = dict(model.named_parameters()), optimizer.state_dict()
    group = state["param_groups"][0]
    swap = torch.optim.swap_in_optimizer_params_and_state
    yield swap(_trained(torch, step=False)[1], named, state)
    yield swap(_trained(torch, cls="SGD")[1], named, state)
    yield swap(optimizer, {"weight": model.weight}, state)
    yield swap(optimizer, named, {})
    yield swap(optimizer, named, {**state, "param_groups": []})
    yield swap(optimizer, named, {**state, "param_groups": [{**group, "params": [0]}]})
    yield swap(optimizer, named, {**state, "param_groups": [{**group, "more": 1}]})
    yield swap(optimizer, named, {**state, "state": {**state["state"], 7: {}}})


def test_what_does_not_fit_is_refused():
    for expected, actual in zip(_refused(real), _refused(tinytorch), strict=True):
        with pytest.raises(RuntimeError) as theirs, expected:
            pass
        with pytest.raises(RuntimeError) as ours, actual:
            pass
        assert str(ours.value) == str(theirs.value)


LAYOUTS = {
    "plain": lambda torch: torch.randn(20, 5),
    "transposed": lambda torch: torch.randn(5, 20).t(),
    "strided": lambda torch: torch.randn(20, 10)[:, ::2],
}


def _fused(torch, name, options, dtype, layout):
    torch.manual_seed(0)
    kind = getattr(torch, dtype)
    parameter = torch.randn(20, 5).to(kind).requires_grad_()
    optimizer = getattr(torch.optim, name)([parameter], lr=0.1, fused=True, **options)
    for _ in range(3):
        parameter.grad = LAYOUTS[layout](torch).to(kind)
        optimizer.step()
    return parameter.detach().float().tolist(), optimizer.state[parameter]


FUSED = [("Adam", {}), ("AdamW", {"amsgrad": True}), ("Adagrad", {"weight_decay": 0.1}), ("SGD", {})]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name, options", FUSED[:3])  # torch's SGD leaves most elements as they are
def test_fused_steps_of_short_types_are_torchs_to_the_bit(name, options, dtype):
    theirs, ours = (_fused(torch, name, options, dtype, "plain")[0] for torch in (real, tinytorch))
    if name == "Adagrad":  # torch rounds once more on the way
        real.testing.assert_close(real.tensor(ours), real.tensor(theirs), rtol=1e-2, atol=1e-2)
    else:
        assert ours == theirs


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name, options", [*FUSED, ("SGD", {"momentum": 0.9})])
def test_fused_steps_do_not_depend_on_the_layout_of_gradients(name, options, dtype):
    """torch reads the memory of such gradients as if it lay like the parameter's."""
    for layout in ("transposed", "strided"):
        results = []
        for make in (LAYOUTS[layout], lambda torch, layout=layout: LAYOUTS[layout](torch).contiguous()):
            tinytorch.manual_seed(0)
            kind = getattr(tinytorch, dtype)
            parameter = tinytorch.randn(20, 5).to(kind).requires_grad_()
            optimizer = getattr(tinytorch.optim, name)([parameter], lr=0.1, fused=True, **options)
            for _ in range(3):
                parameter.grad = make(tinytorch).to(kind)
                optimizer.step()
            results.append(parameter.tolist())
        assert results[0] == results[1]


SGD_OPTIONS = [
    {},
    {"maximize": True},
    {"weight_decay": 0.1},
    {"momentum": 0.9},
    {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "maximize": True},
    {"momentum": 0.8, "dampening": 0.1, "weight_decay": 0.1},
]


def _descended(torch, options, dtype):
    random = np.random.default_rng(0)
    kind = getattr(torch, dtype)
    shapes = [(300, 200), (7,), (4097,), (3, 3), ()]
    parameters = [torch.tensor(random.standard_normal(s), dtype=kind).requires_grad_() for s in shapes]
    optimizer = torch.optim.SGD(parameters, lr=0.03, **options)
    for _ in range(3):
        for parameter in parameters:
            parameter.grad = torch.tensor(random.standard_normal(parameter.shape), dtype=kind)
        optimizer.step()
    buffers = [state.get("momentum_buffer") for state in optimizer.state.values()]
    return [t.tolist() for t in (*parameters, *buffers) if t is not None]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", SGD_OPTIONS, ids=lambda options: "-".join(options) or "plain")
def test_gradient_descent_is_torchs_to_the_bit(options, dtype):
    assert _descended(tinytorch, options, dtype) == _descended(real, options, dtype)
