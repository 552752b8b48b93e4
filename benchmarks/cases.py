"""The programs that are timed. Each is a function from the library to the thing to repeat, written with torch's API only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Case = Callable[[Any], Callable[[], Any]]


def add_4x4(torch: Any) -> Callable[[], Any]:
    """`a + b` on 4x4, nothing recorded"""
    a, b = torch.randn(4, 4), torch.randn(4, 4)
    return lambda: a + b


def add_4x4_recorded(torch: Any) -> Callable[[], Any]:
    """`a + b` on 4x4, recorded for gradients"""
    a, b = torch.randn(4, 4, requires_grad=True), torch.randn(4, 4, requires_grad=True)
    return lambda: a + b


def scale_4x4(torch: Any) -> Callable[[], Any]:
    """`a * 2.0` on 4x4, nothing recorded"""
    a = torch.randn(4, 4)
    return lambda: a * 2.0


def chain_40(torch: Any) -> Callable[[], Any]:
    """40 operators on 4x4, forward and backward"""
    a, b = torch.randn(4, 4, requires_grad=True), torch.randn(4, 4, requires_grad=True)
    third = torch.full((4, 4), 1.0 / 3.0)

    def step() -> Any:
        x = a
        for _ in range(10):  # four operators each
            x = x * b
            x = x + a
            x = torch.tanh(x)
            x = x * third
        a.grad = None
        b.grad = None
        x.sum().backward()
        return b.grad

    return step


def _digits(torch: Any) -> tuple[Any, Any]:
    """A batch that looks like MNIST to a multi-layer perceptron."""
    images = torch.randn(64, 784)  # (N, features)
    labels = torch.randint(0, 10, (64,))  # (N,)
    return images, labels


def mlp_sgd_tensors(torch: Any) -> Callable[[], Any]:
    """MLP 784-128-10, batch 64: one SGD step written with tensors"""
    functional = torch.nn.functional
    images, labels = _digits(torch)
    parameters = [
        (torch.randn(128, 784) * 0.03).requires_grad_(),
        torch.zeros(128, requires_grad=True),
        (torch.randn(10, 128) * 0.08).requires_grad_(),
        torch.zeros(10, requires_grad=True),
    ]

    def step() -> Any:
        hidden = functional.relu(functional.linear(images, parameters[0], parameters[1]))  # (N, 128)
        loss = functional.cross_entropy(functional.linear(hidden, parameters[2], parameters[3]), labels)
        loss.backward()
        with torch.no_grad():
            for parameter in parameters:
                parameter.sub_(parameter.grad, alpha=0.01)
                parameter.grad = None
        return loss

    return step


def _mlp_modules(torch: Any, make_optimizer: Callable[[Any], Any]) -> Callable[[], Any]:
    images, labels = _digits(torch)
    model = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = make_optimizer(model.parameters())

    def step() -> Any:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def mlp_sgd_modules(torch: Any) -> Callable[[], Any]:
    """MLP 784-128-10, batch 64: one SGD step with nn and optim"""
    return _mlp_modules(torch, lambda parameters: torch.optim.SGD(parameters, lr=0.01))


def mlp_adam_modules(torch: Any) -> Callable[[], Any]:
    """MLP 784-128-10, batch 64: one Adam step with nn and optim"""
    return _mlp_modules(torch, lambda parameters: torch.optim.Adam(parameters, lr=0.001))


def _hundred(torch: Any, make_optimizer: Callable[[Any], Any]) -> Callable[[], Any]:
    parameters = [torch.nn.Parameter(torch.randn(1000)) for _ in range(100)]
    for parameter in parameters:
        parameter.grad = torch.randn(1000)
    optimizer = make_optimizer(parameters)
    return lambda: optimizer.step()


def sgd_hundred(torch: Any) -> Callable[[], Any]:
    """One SGD step of 100 parameters of 1,000 elements"""
    return _hundred(torch, lambda parameters: torch.optim.SGD(parameters, lr=1e-6))


def adam_hundred(torch: Any) -> Callable[[], Any]:
    """One Adam step of 100 parameters of 1,000 elements"""
    return _hundred(torch, lambda parameters: torch.optim.Adam(parameters, lr=1e-6))


def adamw_hundred(torch: Any) -> Callable[[], Any]:
    """One AdamW step of 100 parameters of 1,000 elements"""
    return _hundred(torch, lambda parameters: torch.optim.AdamW(parameters, lr=1e-6))


def rand_million(torch: Any) -> Callable[[], Any]:
    """`rand` of 1,000,000"""
    return lambda: torch.rand(1_000_000)


def randn_million(torch: Any) -> Callable[[], Any]:
    """`randn` of 1,000,000"""
    return lambda: torch.randn(1_000_000)


def bernoulli_million(torch: Any) -> Callable[[], Any]:
    """`bernoulli_` of 1,000,000"""
    target = torch.empty(1_000_000)
    return lambda: target.bernoulli_(0.3)


def randperm_million(torch: Any) -> Callable[[], Any]:
    """`randperm` of 1,000,000"""
    return lambda: torch.randperm(1_000_000)


CASES: dict[str, Case] = {
    case.__name__: case
    for case in (
        add_4x4,
        add_4x4_recorded,
        scale_4x4,
        chain_40,
        mlp_sgd_tensors,
        mlp_sgd_modules,
        mlp_adam_modules,
        sgd_hundred,
        adam_hundred,
        adamw_hundred,
        rand_million,
        randn_million,
        bernoulli_million,
        randperm_million,
    )
}


def title(name: str) -> str:
    """What a case is, in words: the first line of its docstring."""
    return (CASES[name].__doc__ or name).strip().splitlines()[0]
