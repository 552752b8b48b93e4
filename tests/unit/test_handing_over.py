"""What `__torch_function__` is handed: every function of nn.functional, operators, members of Tensor; against torch."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from journal import Journal, same_journals

import tinytorch

torch = pytest.importorskip("torch")

_TENSORS = frozenset(
    [
        "target",
        "weight",
        "input2",
        "x2",
        "other",
        "anchor",
        "positive",
        "negative",
        "var",
        "key",
        "value",
        "query",
        "log_probs",
        "targets",
        "indices",
        "grid",
        "theta",
        "running_mean",
        "running_var",
        "x1",
        "input1",
    ]
)
#: torch passes these on to a method, has another name for them, or leaves out an argument (the weight of l1_loss).
_PASSED_ON = ("sigmoid", "tanh", "threshold", "l1_loss", "grouped_mm", "scaled_mm", "scaled_grouped_mm")


def _functions() -> list[str]:
    functional = torch.nn.functional
    return [
        name
        for name, value in sorted(vars(functional).items())
        if not name.startswith("_")
        and inspect.isfunction(value)
        and value.__module__ == "torch.nn.functional"
        and value.__qualname__ == name
        and name not in _PASSED_ON
        and hasattr(tinytorch.nn.functional, name)
    ]


def _handed(library: Any, name: str) -> Any:
    heard: list[Any] = []

    class Listener:
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            heard.append((func.__name__, [kind.__name__ for kind in types], len(args), kwargs))
            return cls()

    function = getattr(library.nn.functional, name)
    signature = inspect.signature(getattr(torch.nn.functional, name)).parameters.values()
    needed = [p for p in signature if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    function(*[Listener() if i == 0 or p.name in _TENSORS else 1 for i, p in enumerate(needed)])
    return heard[0]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", _functions())
def test_functions_are_handed_over_as_torch_does(name: str) -> None:
    assert _handed(tinytorch, name) == _handed(torch, name)


def _listening_tensor(torch: Any, journal: Journal) -> None:
    class Listening(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            journal.note([func.__name__, [kind.__name__ for kind in types], len(args), str(kwargs)])
            return super().__torch_function__(func, types, args, kwargs or {})

    functional = torch.nn.functional
    x = torch.ones(2).as_subclass(Listening)
    for program in [
        lambda: x + 1,
        lambda: 1 - x,
        lambda: torch.sum(x, dim=0),
        lambda: functional.cross_entropy(x, torch.tensor(1)),
        lambda: functional.dropout(x, 0.0),
        lambda: functional.linear(x, torch.ones(2, 2)),
        lambda: x.size(),
        lambda: x.shape,
        lambda: len(x),
        lambda: x.tolist(),
        lambda: torch.cat([x, torch.ones(1)]),
        lambda: type(functional.relu(x)).__name__,
    ]:
        journal.tries(program)

    class Refusing(torch.overrides.TorchFunctionMode):
        def __repr__(self) -> str:
            return "Refusing()"

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return NotImplemented

    def refused() -> None:
        with Refusing():
            torch.ones(1)

    journal.tries(refused)


def test_tensors_that_listen() -> None:
    same_journals(_listening_tensor, torch, tinytorch)


def test_functions_keep_their_names_and_signatures() -> None:
    for name in _functions():
        ours, theirs = getattr(tinytorch.nn.functional, name), getattr(torch.nn.functional, name)
        assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
        assert ours.__name__ == name and ours.__module__ == "tinytorch.nn.functional"


def test_torch_dispatch_is_refused() -> None:
    class Dispatching(tinytorch.Tensor):
        @classmethod
        def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            raise AssertionError

    for make in [
        lambda: Dispatching([1.0]),
        lambda: tinytorch.ones(1).as_subclass(Dispatching),
        lambda: tinytorch.Tensor._make_wrapper_subclass(Dispatching, (1,)),
    ]:
        with pytest.raises(NotImplementedError, match="__torch_dispatch__"):
            make()


def _functions_of_the_top(torch: Any, journal: Journal) -> None:
    x = -torch.ones(2)
    for program in [
        lambda: torch.selu_(x),
        lambda: torch.celu_(x, 0.5),
        lambda: torch.threshold_(x, 0.0, 3.0),
        lambda: torch.detach(torch.ones(1, requires_grad=True)),
        lambda: torch.detach(3),
        lambda: [torch.get_device(x), torch.is_signed(x), torch.is_signed(x > 0)],
        lambda: [torch.has_mkl, torch.has_openmp, torch.has_lapack, torch.has_spectral],
        lambda: torch.get_autocast_gpu_dtype(),
        lambda: torch.autocast_increment_nesting() - torch.autocast_decrement_nesting(),
        lambda: torch.is_autocast_cache_enabled(),
    ]:
        journal.tries(program)


def test_functions_of_the_top() -> None:
    same_journals(_functions_of_the_top, torch, tinytorch)
