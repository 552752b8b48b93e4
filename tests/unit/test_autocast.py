"""Mixed precision on the CPU: which operators cast, what is cached, gradients, nested contexts, functions, checkpoints, gradient scalers."""

from __future__ import annotations

import pickle
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from journal import Journal, same_journals

import tinytorch
from tinytorch._core import autocast
from tinytorch._core.declare import registry

#: Calls of two operands a (3, 3) and b (3, 3), by the rule they show.
CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mm": lambda t, a, b: t.mm(a, b),
    "@": lambda t, a, b: a @ b,
    "mv": lambda t, a, b: t.mv(a, b[0]),
    "linear": lambda t, a, b: t.nn.functional.linear(a, b, a[0]),
    "bilinear": lambda t, a, b: t.nn.functional.bilinear(a, b, t.ones(2, 3, 3)),
    "addmm": lambda t, a, b: t.addmm(a, b, b),
    "baddbmm": lambda t, a, b: t.baddbmm(a[None], b[None], b[None]),
    "einsum": lambda t, a, b: t.einsum("ij,jk->ik", a, b),
    "outer": lambda t, a, b: t.outer(a[0], b[0]),
    "conv1d": lambda t, a, b: t.nn.functional.conv1d(a[None], b[:, :, None]),
    "conv_transpose1d": lambda t, a, b: t.nn.functional.conv_transpose1d(a[None], b[:, :, None]),
    "prelu": lambda t, a, b: t.prelu(a, b[0]),
    "attention": lambda t, a, b: t.nn.functional.scaled_dot_product_attention(a[None], b[None], a[None]),
    "softmax": lambda t, a, b: t.softmax(a, 1),
    "layer_norm": lambda t, a, b: t.nn.functional.layer_norm(a, (3,)),
    "add": lambda t, a, b: a + b,
    "sum": lambda t, a, b: a.sum(),
    "prod": lambda t, a, b: t.prod(a),
    "mse_loss": lambda t, a, b: t.nn.functional.mse_loss(a, b),
    "l1_loss": lambda t, a, b: t.nn.functional.l1_loss(a, b),
    "nll_loss": lambda t, a, b: t.nn.functional.nll_loss(a, t.tensor([0, 1, 2])),
    "cross_entropy": lambda t, a, b: t.nn.functional.cross_entropy(a, t.tensor([0, 1, 2])),
    "kl_div": lambda t, a, b: t.nn.functional.kl_div(a, b, reduction="sum"),
    "cdist": lambda t, a, b: t.cdist(a, b),
    "trace": lambda t, a, b: t.trace(a),
    "quantile": lambda t, a, b: t.quantile(a, 0.5),
    "fft": lambda t, a, b: t.fft.fft(a),
    "pad": lambda t, a, b: t.nn.functional.pad(a[None], (1, 1), mode="reflect"),
    "cat": lambda t, a, b: t.cat([a, b]),
    "stack": lambda t, a, b: t.stack([a, b]),
    "index_copy": lambda t, a, b: a.index_copy(0, t.tensor([1]), b[:1]),
}  # fmt: skip

TYPES = ["float32", "bfloat16", "float16", "float64"]


def test_rules_are_those_of_torch() -> None:
    """Every declared operator has a rule exactly if torch's dispatcher has one; `nll_loss_nd` stands for what it calls."""
    for operators in registry.values():
        for operator in operators:
            name = f"aten::{operator.qualified}"
            if operator.qualified == "nll_loss_nd":
                continue
            try:
                expected = torch._C._dispatch_has_kernel_for_dispatch_key(name, "AutocastCPU")
            except RuntimeError:  # the dispatcher does not know the operator
                expected = False
            assert autocast.has_rule(operator) == expected, name


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("lower", ["bfloat16", "float16"])
def test_types(name: str, lower: str) -> None:
    """The type of the result and the error, for operands of every pair of types."""
    for first in TYPES:
        for second in TYPES:
            outcomes = []
            for library in (torch, tinytorch):
                library.manual_seed(1)
                a = (library.rand(3, 3) + 0.5).to(getattr(library, first))
                b = (library.rand(3, 3) + 0.5).to(getattr(library, second))
                with library.autocast("cpu", dtype=getattr(library, lower)):
                    try:
                        outcomes.append(str(CALLS[name](library, a, b).dtype))
                    except (RuntimeError, NotImplementedError) as error:
                        outcomes.append(type(error).__name__)
            assert outcomes[0] == outcomes[1], (first, second)


def _training(t: Any, journal: Journal) -> None:
    t.manual_seed(0)
    model = t.nn.Sequential(t.nn.Linear(4, 8), t.nn.ReLU(), t.nn.LayerNorm(8), t.nn.Linear(8, 3))
    optimizer = t.optim.SGD(model.parameters(), lr=0.1)
    x, y = t.randn(5, 4), t.tensor([0, 1, 2, 0, 1])
    for _ in range(3):
        optimizer.zero_grad()
        with t.autocast("cpu", dtype=t.bfloat16):
            logits = model(x)
            loss = t.nn.functional.cross_entropy(logits, y)
        loss.backward()
        optimizer.step()
        journal.note(("loss", logits.dtype, loss.dtype, round(loss.item(), 2)))
    journal.note(("grads", [parameter.grad.dtype for parameter in model.parameters()]))


def _cache(t: Any, journal: Journal) -> None:
    weight, x = t.ones(2, 2, requires_grad=True), t.ones(2, 2)

    def cast_of(y: Any) -> Any:
        return y.grad_fn.next_functions[1][0]

    with t.autocast("cpu"):
        first, second = t.mm(x, weight), t.mm(x, weight)
        journal.note(("shared", cast_of(first) is cast_of(second), type(cast_of(first)).__name__))
        t.clear_autocast_cache()
        third = t.mm(x, weight)
        journal.note(("cleared", cast_of(third) is cast_of(first)))
        with t.autocast("cpu", cache_enabled=False):
            journal.note(("off", cast_of(t.mm(x, weight)) is cast_of(third)))
        journal.note(("again", cast_of(t.mm(x, weight)) is cast_of(third)))
    with t.autocast("cpu"):
        journal.note(("new context", cast_of(t.mm(x, weight)) is cast_of(third)))
    (first + second).sum().backward()
    journal.note(("gradient", weight.grad))


def _nesting(t: Any, journal: Journal) -> None:
    x = t.ones(2, 2)

    def now() -> Any:
        return t.is_autocast_enabled("cpu"), t.get_autocast_dtype("cpu"), t.mm(x, x).dtype

    journal.note(("outside", now(), t.is_autocast_enabled(), t.is_autocast_cache_enabled()))
    with t.autocast("cpu"):
        journal.note(("inside", now()))
        with t.autocast("cpu", enabled=False):
            journal.note(("disabled", now()))
        with t.autocast("cpu", dtype=t.float16):
            journal.note(("float16", now()))
        journal.note(("inside again", now()))
        try:
            with t.autocast("cpu", dtype=t.float16):
                raise KeyError
        except KeyError:
            journal.note(("after an error", now()))
        out = t.empty(2, 2)
        journal.note(("out", t.mm(x, x, out=out).dtype, x.clone().addmm_(x, x).dtype))

        @t.autocast("cpu", dtype=t.float16)
        def decorated() -> Any:
            return now()

        journal.note(("decorated", decorated()))
    journal.note(("outside", now()))
    t.set_autocast_enabled("cpu", True)
    journal.note(("switched", now()))
    t.set_autocast_enabled("cpu", False)
    journal.note(("switched off", now()))
    for bad in (
        lambda: t.is_autocast_enabled("nothing"),
        lambda: t.get_autocast_dtype("nothing"),
        lambda: t.set_autocast_dtype("cpu", 3),
        lambda: t.autocast("nothing"),
        lambda: t.autocast(3),
        lambda: t.amp.custom_fwd(device_type=3),
    ):
        journal.tries(bad)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with t.autocast("cpu", dtype=t.float64):
            journal.note(("float64", now()))
        t.cpu.amp.autocast()
    journal.note(("warnings", [(str(w.message), w.category.__name__) for w in caught]))


def _functions(t: Any, journal: Journal) -> None:
    def make(cast: Any) -> Any:
        class Doubled(t.autograd.Function):
            @staticmethod
            @t.amp.custom_fwd(device_type="cpu", cast_inputs=cast)
            def forward(ctx: Any, a: Any) -> Any:
                journal.note(("forward", t.is_autocast_enabled("cpu"), a.dtype, ctx._fwd_used_autocast))
                return (a @ a) * 2

            @staticmethod
            @t.amp.custom_bwd(device_type="cpu")
            def backward(ctx: Any, grad: Any) -> Any:
                journal.note(("backward", t.is_autocast_enabled("cpu"), grad.dtype, ctx._dtype))
                return grad

        return Doubled

    for cast in (None, t.float32):
        for enabled in (True, False):
            w = t.ones(2, 2, requires_grad=True)
            with t.autocast("cpu", enabled=enabled):
                out = make(cast).apply(w.bfloat16())
            out.sum().backward()
            journal.note(("result", out.dtype, w.grad))


def _checkpoints(t: Any, journal: Journal) -> None:
    for reentrant in (True, False):
        t.manual_seed(1)
        layer, x = t.nn.Linear(3, 3), t.randn(2, 3, requires_grad=True)
        with t.autocast("cpu"):
            y = t.utils.checkpoint.checkpoint(lambda v: t.relu(layer(v)), x, use_reentrant=reentrant)
        y.float().sum().backward()
        journal.note(("checkpoint", y.dtype, x.grad.dtype, layer.weight.grad.dtype))
        journal.note(("gradient", [[round(v, 1) for v in row] for row in layer.weight.grad.tolist()]))


def _scaler(t: Any, journal: Journal) -> None:
    for fused in (False, True):
        p = t.nn.Parameter(t.ones(3))
        optimizer = t.optim.SGD([p], lr=0.1, fused=fused)
        scaler = t.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
        journal.tries(lambda: scaler.step(optimizer))
        for factor in (1.0, 1.0, float("inf"), 1.0):
            optimizer.zero_grad()
            scaler.scale((p * p).sum() * factor).backward()
            journal.tries(lambda: scaler.step(optimizer))
            journal.tries(lambda: scaler.step(optimizer))
            journal.tries(lambda: scaler.unscale_(optimizer))
            scaler.update()
            journal.note(("state", scaler.state_dict(), p.tolist(), p.grad.tolist()))
        journal.tries(scaler.update)
        again = t.amp.GradScaler("cpu")
        again.load_state_dict(scaler.state_dict())
        journal.note(("loaded", again.state_dict(), pickle.loads(pickle.dumps(again)).state_dict()))
    for bad in (
        lambda: t.amp.GradScaler("cpu", growth_factor=1.0),
        lambda: t.amp.GradScaler("cpu", backoff_factor=1.0),
        lambda: scaler.scale(3),
        lambda: scaler.load_state_dict({}),
        lambda: scaler.step(optimizer, closure=lambda: 1),
        lambda: scaler.update(t.ones(2)),
    ):
        journal.tries(bad)
    found, scale = t.zeros(1), t.tensor(0.5)
    for arguments in (
        ([t.ones(2).half()], found, scale),
        ([t.ones(2)], t.zeros(2), scale),
        ([t.ones(2)], found, t.ones(2)),
        ([t.ones(2)], found.double(), scale),
        ([t.ones(2, dtype=t.int64)], found, scale),
    ):
        journal.tries(lambda: t._amp_foreach_non_finite_check_and_unscale_(*arguments))


@pytest.mark.parametrize("program", [_training, _cache, _nesting, _functions, _checkpoints, _scaler])
def test_program(program: Callable[[Any, Journal], None]) -> None:
    same_journals(program, torch, tinytorch)


def test_threads_have_their_own() -> None:
    """A thread begins without autocast, whatever the others do."""
    x = tinytorch.ones(2, 2)
    seen = []
    with tinytorch.autocast("cpu"):
        thread = threading.Thread(target=lambda: seen.append((x @ x).dtype))
        thread.start()
        thread.join()
        seen.append((x @ x).dtype)
    assert seen == [tinytorch.float32, tinytorch.bfloat16]
    assert not autocast.CASTING
