"""Optimizers and schedules step as torch's do."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import tinytorch

torch = pytest.importorskip("torch")

import torch.optim.swa_utils  # noqa: F811
from agreement import plain, programs_agree

import tinytorch.optim.swa_utils

agree = partial(programs_agree, relative=1e-6, absolute=1e-7)


OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "amsgrad": True, "weight_decay": 0.1, "betas": (0.8, 0.9), "eps": 1e-4}),
    ("Adam", {"maximize": True, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    ("Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.1}),
    ("Adadelta", {"weight_decay": 0.1}),
    ("Adamax", {"weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"weight_decay": 0.1}),
    ("ASGD", {"lr": 0.1, "t0": 3}),
    ("Rprop", {}),
    ("Adafactor", {"weight_decay": 0.1}),
    ("LBFGS", {"max_iter": 3}),
    ("LBFGS", {"max_iter": 3, "line_search_fn": "strong_wolfe"}),
]


@pytest.mark.parametrize(
    ("name", "options"), OPTIMIZERS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_twenty_steps(name: str, options: dict[str, Any]) -> None:
    """The same seed, parameters and losses over 20 steps; the same text, state and groups at the end."""

    def program(torch: Any) -> Any:
        model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)).double()
        x, y = torch.randn(8, 4).double(), torch.randn(8, 3).double()  # so that roundings do not grow
        optimizer = getattr(torch.optim, name)(model.parameters(), **options)
        losses = []

        def closure() -> Any:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(x), y)
            loss.backward()
            return loss

        for _ in range(20):
            losses.append(optimizer.step(closure).item())
        saved = optimizer.state_dict()
        keys = {key: sorted(value) for key, value in saved["state"].items()}
        return [losses, list(model.parameters()), repr(optimizer), keys, saved["param_groups"]]

    agree(program)


def test_muon() -> None:
    """In bfloat16, whose sums may be added in another order."""

    def program(torch: Any) -> Any:
        p = torch.nn.Parameter(torch.randn(4, 6))
        optimizer = torch.optim.Muon([p], lr=0.1)
        for _ in range(5):
            p.grad = p.detach() ** 2 + 0.1
            optimizer.step()
        return p.detach()

    ours, theirs = plain(program_seeded(program, tinytorch)), plain(program_seeded(program, torch))
    assert ours[:2] == theirs[:2]
    assert ours[2] == pytest.approx(theirs[2], abs=5e-3)


def program_seeded(program: Callable[[Any], Any], library: Any) -> Any:
    library.manual_seed(0)
    return program(library)


def test_state_dict_both_ways() -> None:
    def program(torch: Any) -> Any:
        p, q = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
        groups = [{"params": [p], "lr": 0.5}, {"params": [q]}]
        one = torch.optim.Adam(groups, lr=0.1)
        for parameter in (p, q):
            parameter.grad = torch.ones(2)
        one.step()
        saved = one.state_dict()
        two = torch.optim.Adam([{"params": [q.double().detach().requires_grad_()]}, {"params": [p]}], lr=3)
        two.load_state_dict(saved)
        try:
            torch.optim.Adam([p]).load_state_dict(saved)
        except ValueError as error:
            text = str(error)
        try:
            torch.optim.Adam(
                [{"params": [p, q]}, {"params": [torch.nn.Parameter(torch.ones(1))]}]
            ).load_state_dict(saved)
        except ValueError as error:
            text += str(error)
        return [saved, text, repr(two), two.state_dict()]

    agree(program)


def test_hooks() -> None:
    def program(torch: Any) -> Any:
        p = torch.nn.Parameter(torch.ones(2))
        optimizer = torch.optim.SGD([p], lr=0.1)
        events: list[Any] = []
        optimizer.register_step_pre_hook(lambda o, args, kwargs: events.append("pre"))
        handle = optimizer.register_step_post_hook(lambda o, args, kwargs: events.append("post"))
        optimizer.register_state_dict_pre_hook(lambda o: events.append("saving"))
        optimizer.register_state_dict_post_hook(lambda o, d: {**d, "more": 1})
        optimizer.register_load_state_dict_pre_hook(lambda o, d: events.append(sorted(d)))
        optimizer.register_load_state_dict_post_hook(lambda o: events.append("loaded"))
        p.grad = torch.ones(2)
        optimizer.step()
        handle.remove()
        optimizer.step()
        state = optimizer.state_dict()
        optimizer.load_state_dict(state)
        optimizer.zero_grad(set_to_none=False)
        zeroed = p.grad.clone()
        optimizer.zero_grad()
        return [events, state, p, zeroed, p.grad]

    agree(program)


@pytest.mark.parametrize(
    "make",
    [
        lambda t: t.optim.SGD([], lr=1),
        lambda t: t.optim.SGD(t.ones(1), lr=1),
        lambda t: t.optim.SGD([t.ones(1).requires_grad_() * 2], lr=1),
        lambda t: t.optim.SGD([3], lr=1),
        lambda t: t.optim.SGD([{"params": {t.nn.Parameter(t.ones(1))}}], lr=1),
        lambda t: t.optim.SGD([t.nn.Parameter(t.ones(1))], lr=-1),
        lambda t: t.optim.SGD([t.nn.Parameter(t.ones(1))], lr=t.ones(2)),
        lambda t: t.optim.SGD([t.nn.Parameter(t.ones(1))], nesterov=True),
        lambda t: t.optim.SGD([t.nn.Parameter(t.ones(1))], momentum=-1),
        lambda t: t.optim.Adam([t.nn.Parameter(t.ones(1))], betas=(1.0, 0.9)),
        lambda t: t.optim.Adam([t.nn.Parameter(t.ones(1))], fused=True, foreach=True),
        lambda t: t.optim.RMSprop([t.nn.Parameter(t.ones(1))], alpha=-1),
        lambda t: t.optim.Rprop([t.nn.Parameter(t.ones(1))], etas=(2, 1)),
        lambda t: t.optim.Muon([t.nn.Parameter(t.ones(1))]),
        lambda t: t.optim.Adafactor([t.nn.Parameter(t.ones(1))], d=0.1),
        lambda t: t.optim.LBFGS(
            [{"params": [t.nn.Parameter(t.ones(1))]}, {"params": [t.nn.Parameter(t.ones(1))]}]
        ),
        lambda t: t.optim.SGD([("a", t.nn.Parameter(t.ones(1))), t.nn.Parameter(t.ones(1))]),
        lambda t: repr(t.optim.SGD([("a", t.nn.Parameter(t.ones(1)))])),
        lambda t: t.optim.Optimizer([t.nn.Parameter(t.ones(1))], {}).step(),
        lambda t: t.optim.SGD([t.nn.Parameter(t.ones(1))]).add_param_group([3]),
        lambda t: t.optim.lr_scheduler.StepLR(3, 1),
        lambda t: t.optim.lr_scheduler.LambdaLR(t.optim.SGD([t.nn.Parameter(t.ones(1))]), [1, 2]),
        lambda t: t.optim.lr_scheduler.CyclicLR(t.optim.SGD([t.nn.Parameter(t.ones(1))]), 0.1, 1, mode="x"),
        lambda t: t.optim.lr_scheduler.OneCycleLR(t.optim.SGD([t.nn.Parameter(t.ones(1))]), 0.1),
    ],
)
def test_errors(make: Callable[[Any], Any]) -> None:
    agree(make)


SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.95),
    "step": lambda s, o: s.StepLR(o, 3),
    "multistep": lambda s, o: s.MultiStepLR(o, [2, 5, 5]),
    "constant": lambda s, o: s.ConstantLR(o),
    "linear": lambda s, o: s.LinearLR(o),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, 7, 2.0),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 5, 0.01),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 3, 2, mode="triangular2"),
    "range": lambda s, o: s.CyclicLR(o, [0.01, 0.02], 0.1, 3, mode="exp_range", gamma=0.9),
    "onecycle": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=15),
    "threephase": lambda s, o: s.OneCycleLR(
        o, 0.5, epochs=3, steps_per_epoch=5, three_phase=True, anneal_strategy="linear"
    ),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=3), s.CosineAnnealingLR(o, 6), s.StepLR(o, 2)], [3, 8]
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9)]),
    "plateau": lambda s, o: s.ReduceLROnPlateau(o, patience=1, cooldown=1),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name: str) -> None:
    measures = [3, 2, 2, 2, 2.5, 2, 2, 1.9, 2, 2, 2, 2, 2, 2]

    def program(torch: Any) -> Any:
        p, q = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
        optimizer = torch.optim.SGD([{"params": [p], "lr": 0.3}, {"params": [q]}], lr=0.1, momentum=0.5)
        schedule = SCHEDULES[name](torch.optim.lr_scheduler, optimizer)
        rates = [list(schedule.get_last_lr())]
        for measure in measures:
            optimizer.step()
            schedule.step(*([measure] if name == "plateau" else []))
            rates.append([*schedule.get_last_lr(), optimizer.param_groups[0]["momentum"]])
        saved = {key: value for key, value in schedule.state_dict().items() if not callable(value)}
        return [rates, saved, sorted(optimizer.param_groups[0])]

    agree(program)


def test_warning_of_wrong_order() -> None:
    texts = []
    for library in (tinytorch, torch):
        optimizer = library.optim.SGD([library.nn.Parameter(library.ones(1))], lr=0.1)
        schedule = library.optim.lr_scheduler.StepLR(optimizer, 1)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            schedule.step()
            schedule.step(5)
            schedule.get_lr()
        texts.append([str(w.message) for w in caught])
    assert texts[0] == texts[1]


def test_averages() -> None:
    def program(torch: Any) -> Any:
        utils = torch.optim.swa_utils
        model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
        states = []
        for options in (
            {},
            {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.9)},
            {"avg_fn": utils.get_ema_avg_fn(0.5), "use_buffers": True},
        ):
            average = utils.AveragedModel(model, **options)
            for i in range(3):
                with torch.no_grad():
                    model[0].weight.add_(0.1 * i)
                average.update_parameters(model)
            utils.update_bn([torch.ones(3, 2), torch.zeros(4, 2)], average)
            states.append(average.state_dict())
        return states

    agree(program)


@pytest.mark.parametrize("evaluations", [None, 1, 2, 4, 26, 100])
@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_line_search_stops_where_evaluations_run_out(iterations: int, evaluations: int | None) -> None:
    def program(library: Any) -> list[Any]:
        found: list[Any] = []
        for curved in (True, False):  # a value that does not fall is searched for without end
            x = library.nn.Parameter(library.tensor([-1.2, 1.0, 0.3], dtype=library.float64))
            options = {} if evaluations is None else {"max_eval": evaluations}
            optimizer = library.optim.LBFGS(
                [x],
                lr=1 if curved else 1e20,
                max_iter=iterations,
                line_search_fn="strong_wolfe",
                **options,
            )
            calls = []

            def closure(x: Any = x, curved: bool = curved, calls: list[int] = calls) -> Any:
                calls.append(1)
                x.grad = None
                loss = (
                    (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
                    if curved
                    else (x - x.detach()).sum()
                )
                loss.backward()
                return loss

            optimizer.step(closure)
            state = optimizer.state_dict()["state"][0]
            found += [len(calls), state["func_evals"], state["n_iter"], x]
        return found

    programs_agree(program, relative=1e-9, absolute=1e-12)


def test_learning_rates_that_are_no_numbers_and_sparse_parameters() -> None:
    def program(library: Any) -> list[Any]:
        found: list[Any] = []
        sparse = library.sparse_coo_tensor([[0]], library.ones(1, 2), (4, 2)).requires_grad_()
        complex_one = library.ones(2, dtype=library.complex64).requires_grad_()
        for name in ("SGD", "Adam", "SparseAdam"):
            optimizer = getattr(library.optim, name)
            for lr in (float("nan"), "x", None, -0.0, -1.0):
                found.append(_said(lambda: optimizer([library.nn.Parameter(library.ones(2))], lr=lr)))
        found.append(_said(lambda: library.optim.SparseAdam([sparse, complex_one])))
        found.append(_said(lambda: library.optim.SparseAdam([complex_one])))
        return found

    programs_agree(program, relative=1e-6, absolute=1e-8)


def _said(call: Callable[[], Any]) -> str:
    try:
        return type(call()).__name__
    except Exception as error:
        return f"{type(error).__name__}: {error}"
