"""Names beside the operators: futures, torch.cpu, torch.cuda.amp, removed functions, windows, elementwise Python functions."""

from __future__ import annotations

import importlib
import pickle
import threading
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch")

import tinytorch


class Pair(NamedTuple):
    first: int
    second: int


def scaled(
    x, factor: float, times: int = 2, more: float = 1
):  # what is scripted says no more of its types than it has to
    return x * factor * times * more


def first_of(x, factors: list[float]):
    return x * factors[0]


def outcome(t: Any, function: Callable[[Any], Any]) -> Any:
    """What a call gives, as text, with the warnings it gives; or the type and text of its error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(t)
            if isinstance(result, t.Tensor):
                result = (str(result.dtype), result.tolist(), result.stride(), result.requires_grad)
            elif isinstance(result, type):
                result = result.__name__
        except Exception as error:
            result = type(error).__name__, str(error).split("\n\nAt:")[0]
        said = [(w.category.__name__, str(w.message)) for w in caught]
    return result, said


CALLS: dict[str, Callable[[Any], Any]] = {
    # what libraries import or ask before they do without
    "hub's folder": lambda t: (t.hub._get_torch_home(), t.hub.get_dir(), t.hub.urlparse("http://a/b").path),
    "the former place of spread tensors": lambda t: [
        importlib.import_module(f"{t.__name__}.distributed._tensor{name}").__name__.partition(".")[2] != ""
        for name in ("", ".experimental")
    ],
    "annotations of loaders": lambda t: [
        repr(t.utils.data.dataloader._worker_init_fn_t),
        repr(t.utils.data.dataloader._collate_fn_t),
    ],
    "compiled operators": lambda t: t.ops.load_library("/nowhere.so"),
    "loaded operators": lambda t: t.ops.loaded_libraries,
    "named tuples as nodes": lambda t: repr(
        t.utils._pytree._namedtuple_unflatten(*t.utils._pytree._namedtuple_flatten(Pair(1, 2)))
    ),
    "memory that could be exchanged": lambda t: [
        t._has_compatible_shallow_copy_type(a, b)
        for kinds in [(t.ones(2), t.ones(2, device="meta"), t.ones(2).to_sparse(), t.nn.Parameter(t.ones(3)))]
        for a in kinds
        for b in kinds
    ],
    "warnings of recordings": lambda t: [
        t.jit.TracerWarning.__name__,
        t.jit.TracerWarning.__module__,
        t.jit.TracerWarning.__bases__ == (Warning,),
    ],
    # what scripted functions make of whole numbers
    **{
        f"scripted with {args} {options}": lambda t, args=args, options=options: t.jit.script(scaled)(
            t.tensor([1]), *args, **options
        )
        for args, options in (((3,), {}), ((True,), {}), ((1.5,), {}), ((), {"factor": 3}), ((3, 4, 5), {}), ((3,), {"more": 2}))
    },
    "scripted with a tensor": lambda t: t.jit.script(scaled)(t.tensor([1]), t.tensor(2)),
    "scripted with a list": lambda t: t.jit.script(first_of)(t.tensor([1]), [1, 2]),
    # windows
    "hann of -1": lambda t: t.hann_window(-1),
    "hann of ints": lambda t: t.hann_window(4, dtype=t.int32),
    "hann of complex": lambda t: t.hann_window(4, dtype=t.complex64),
    "hann of a float": lambda t: t.hann_window(4.5),
    # removed and deprecated
    **{
        name: lambda t, name=name: getattr(t, name)(t.eye(2), t.eye(2)) for name in ("solve", "lstsq", "matrix_rank", "eig", "symeig")
    },
    "Tensor.solve": lambda t: t.eye(2).solve(t.eye(2)),
    "Tensor.lstsq": lambda t: t.eye(2).lstsq(t.eye(2)),
    "Tensor.eig": lambda t: t.eye(2).eig(),
    "Tensor.symeig": lambda t: t.eye(2).symeig(True),
    "solve without": lambda t: t.solve(t.eye(2)),
    "resize": lambda t: t.arange(6.0).resize(2, 3),
    "resize badly": lambda t: t.arange(6.0).view(2, 3).resize(2, 4),
    "resize to a tuple": lambda t: t.arange(6.0).resize((2, 3)),
    "resize_as": lambda t: t.arange(6).resize_as(t.zeros(3, 2)),
    # diagonals
    **{
        f"fill_diagonal_ {shape} {wrap}": lambda t, shape=shape, wrap=wrap: t.zeros(shape).fill_diagonal_(1, wrap)
        for shape in ((3, 3), (7, 3), (8, 3), (4, 3), (3, 7), (10, 1), (2, 2, 2), (0, 3), (3,), (3, 2, 2))
        for wrap in (False, True)
    },
    "fill_diagonal_ of a view": lambda t: t.zeros(3, 4).t().fill_diagonal_(2.5),
    "fill_diagonal_ of a leaf": lambda t: t.zeros(3, 3, requires_grad=True).fill_diagonal_(1),
    "fill_diagonal_ without": lambda t: t.zeros(3, 3).fill_diagonal_(),
    # Python functions over elements
    "apply_": lambda t: t.arange(4).view(2, 2).t().apply_(lambda x: 10 * x + 0.5),
    "apply_ bool": lambda t: t.zeros(2, dtype=t.bool).apply_(lambda x: 1),
    "apply_ text": lambda t: t.zeros(2).apply_(lambda x: int("a")),
    "apply_ leaf": lambda t: t.zeros(2, requires_grad=True).apply_(lambda x: x),
    "map_": lambda t: t.zeros(2, 3).map_(t.arange(3.0), lambda x, y: x - y),
    "map_ badly": lambda t: t.zeros(2, 3).map_(t.arange(2.0), lambda x, y: x - y),
    "map_ other type": lambda t: t.zeros(2).map_(t.arange(2), lambda x, y: x - y),
    "map_ number": lambda t: t.zeros(2).map_(3, lambda x, y: x - y),
    "map2_": lambda t: t.zeros(2).map2_(t.ones(1), t.arange(2.0), lambda x, y, z: x + y - z),
    "map2_ other type": lambda t: t.zeros(2).map2_(t.ones(1), t.arange(2), lambda x, y, z: x + y - z),
    # other layouts
    **{
        name: lambda t, name=name: getattr(t.zeros(2), name)()
        for name in ("values", "indices", "coalesce", "is_coalesced", "crow_indices", "col_indices", "ccol_indices", "row_indices", "is_distributed")
    },
    # numbers
    "sym_int": lambda t: [t.sym_int(x) for x in (2.7, -2.7, 3, True)],
    "sym_float": lambda t: [t.sym_float(x) for x in (2.7, 3, True)],
    "sym_max": lambda t: [t.sym_max(1, 2.0), t.sym_max(2.0, 1), t.sym_max(1, 2), t.sym_min(1, 2.0), t.sym_not(0)],
    "sym_max of a text": lambda t: t.sym_max(1, "a"),
    # errors by name
    "OutOfMemoryError": lambda t: (t.OutOfMemoryError.__mro__[1], t.cuda.OutOfMemoryError is t.OutOfMemoryError),
    "LinAlgError": lambda t: t.linalg.LinAlgError,
    "singular": lambda t: t.linalg.inv(t.zeros(2, 2)),
    # cuda.amp
    "cuda autocast": lambda t: type(t.cuda.amp.autocast()).__name__,
    "cuda autocast off": lambda t: type(t.cuda.amp.autocast(False).__enter__()).__name__,
    "cuda scaler": lambda t: t.cuda.amp.GradScaler().is_enabled(),
    "cuda scaler scales": lambda t: t.cuda.amp.GradScaler(enabled=False).scale(t.ones(2)),
    "amp autocast": lambda t: type(t.amp.autocast("cuda")).__name__,
    "custom_fwd": lambda t: callable(t.cuda.amp.custom_fwd(lambda ctx: 1)),
    "custom_bwd": lambda t: callable(t.cuda.amp.custom_bwd(lambda ctx: 1)),
    "amp_definitely_not_available": lambda t: t.cuda.amp.amp_definitely_not_available(),
    # torch.cpu and others
    "cpu": lambda t: (t.cpu.is_available(), t.cpu.is_initialized(), t.cpu.synchronize(), t.cpu.current_device(), t.cpu.device_count()),
    "cpu stream": lambda t: (t.cpu.Event().query(), t.cpu.Stream().record_event(), t.cpu.set_device(0)),
    "mtia": lambda t: (t.mtia.is_available(), t.mtia.is_initialized(), t.mtia.device_count()),
    "detach": lambda t: t.detach(t.ones(2, requires_grad=True) * 2),
    "detach badly": lambda t: t.detach(3),
    "fork": lambda t: (lambda f: (t.jit.wait(f), f.wait(), f.done()))(t.jit.fork(lambda x, y=1: x + y, 3, y=4)),
    "fork fails": lambda t: t.jit.fork(lambda: int("a")),
    "onnx": lambda t: t.onnx.is_in_onnx_export(),
    "cudnn_is_acceptable": lambda t: (t.cudnn_is_acceptable(t.ones(2)), t.is_distributed(t.ones(2))),
    "cudnn_is_acceptable badly": lambda t: t.cudnn_is_acceptable(3),
    "device module": lambda t: (t.get_device_module() is t.cpu, t.get_device_module("cuda") is t.cuda),
    "device module meta": lambda t: t.get_device_module("meta"),
    "device module 3": lambda t: t.get_device_module(3),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_call(name: str) -> None:
    assert outcome(tinytorch, CALLS[name]) == outcome(torch, CALLS[name])


WINDOWS: list[Callable[[Any], Any]] = [
    *(
        lambda t, name=name, length=length, periodic=periodic: getattr(t, f"{name}_window")(length, periodic)
        for name in ("bartlett", "blackman", "hann", "hamming", "kaiser")
        for length in (0, 1, 2, 5, 64)
        for periodic in (True, False)
    ),
    lambda t: t.hann_window(9, dtype=t.float64),
    lambda t: t.kaiser_window(9, dtype=t.float64),
    lambda t: t.hann_window(9, dtype=t.float16),
    lambda t: t.hamming_window(6, True, 0.5),
    lambda t: t.hamming_window(6, False, alpha=0.5, beta=0.4, requires_grad=True),
    lambda t: t.kaiser_window(5, True, 3.0, dtype=t.float64),
]


@pytest.mark.parametrize("number", range(len(WINDOWS)))
def test_windows(number: int) -> None:
    own, theirs = WINDOWS[number](tinytorch), WINDOWS[number](torch)
    assert (str(own.dtype), own.requires_grad) == (str(theirs.dtype), theirs.requires_grad)
    torch.testing.assert_close(torch.tensor(own.detach().numpy()), theirs.detach(), rtol=2e-6, atol=1e-7)


def test_gradient_of_fill_diagonal() -> None:
    def gradient(t: Any) -> Any:
        x = t.ones(3, 4, requires_grad=True)
        y = (x * 2).fill_diagonal_(5.0)
        y.sum().backward()
        return type(y.grad_fn).__name__, x.grad.tolist()

    assert gradient(tinytorch) == gradient(torch)


def test_current_stream() -> None:
    for t in (tinytorch, torch):
        mine = t.cpu.Stream()
        default = t.cpu.current_stream()
        with t.cpu.stream(mine) as inside:
            assert inside is None
            assert t.cpu.current_stream() is mine
        assert t.cpu.current_stream() is default


FUTURES: list[Callable[[Any], Any]] = [
    lambda f: f.Future().done(),
    lambda f: (lambda x: (x.set_result(3), x.done(), x.wait(), x.value()))(f.Future()),
    lambda f: (lambda x: (x.set_result(3), x.set_result(4)))(f.Future()),
    lambda f: (lambda x: (x.set_exception(ValueError("bar")), x.wait()))(f.Future()),
    lambda f: (lambda x: (x.set_exception(ValueError("bar")), x.value()))(f.Future()),
    lambda f: f.Future().set_exception(3),
    lambda f: (lambda x: (x.then(lambda y: y.wait() + 1), x.set_result(5))[0].wait())(f.Future()),
    lambda f: (lambda x: (x.set_result(5), x.then(lambda y: y.wait() + 1).wait()))(f.Future()),
    lambda f: (lambda x: (x.then(lambda y: 1 / 0), x.set_result(5))[0].wait())(f.Future()),
    lambda f: (lambda x: (x.then(lambda y: y.wait()), x.set_exception(KeyError("z")))[0].wait())(f.Future()),
    lambda f: f.collect_all([]).wait(),
    lambda f: (lambda x, y: (f.collect_all([x, y]).done(), x.set_result(1), y.set_result(2), f.wait_all([x, y])))(f.Future(), f.Future()),
    lambda f: (lambda x, y: (x.set_exception(ValueError("q")), y.set_result(2), f.wait_all([x, y])))(f.Future(), f.Future()),
    lambda f: f.Future(devices=["cpu"]),
    lambda f: f.Future(devices=["cuda:0"]),
    lambda f: f.Future(3),
    lambda f: [kind.__name__ for kind in f.Future.__mro__ if kind.__name__ != "pybind11_object"],
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FUTURES)))
def test_futures(number: int) -> None:
    def call(t: Any) -> Any:
        return FUTURES[number](t.futures)

    assert outcome(tinytorch, call) == outcome(torch, call)


def test_futures_are_not_pickled() -> None:
    for t in (tinytorch, torch):
        with pytest.raises(RuntimeError, match=r"^Can not pickle torch\.futures\.Future$"):
            pickle.dumps(t.futures.Future())


def test_callbacks_run_once_and_in_order() -> None:
    for t in (tinytorch, torch):
        seen: list[Any] = []
        future = t.futures.Future()
        future.add_done_callback(lambda f: seen.append(("first", f.value())))
        future.add_done_callback(lambda f: seen.append(("second", f.value())))
        thread = threading.Timer(0.02, lambda: future.set_result(9))
        thread.start()
        assert future.wait() == 9
        thread.join()
        future.add_done_callback(lambda f: seen.append(("late", f.value())))
        assert seen == [("first", 9), ("second", 9), ("late", 9)]
    assert issubclass(tinytorch.futures.Future, tinytorch.Future)
    assert tinytorch.jit.Future is tinytorch.futures.Future


def test_value_of_what_is_not_done() -> None:
    for t in (tinytorch, torch):
        with pytest.raises(RuntimeError):
            t.futures.Future().value()
