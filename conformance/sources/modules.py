"""Programs from ModuleInfo and OptimizerInfo: construction, training steps, errors.

The functions here are moved to each library by `Library.rebind`: `torch` is a global that stands for the library.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from conformance.cases import Case
from conformance.cotangents import store, weights
from conformance.engine import Library, module_database, optimizer_database
from conformance.program import (
    Program,
    Target,
    TensorData,
    Unencodable,
    contiguous_strides,
    encode,
    readable,
)
from conformance.sources.opinfo import chosen

torch: Any = None  # the library a program runs under

RECORDED = (
    "torch.nn.PairwiseDistance",
    "torch.nn.TransformerEncoderLayer",
    "torch.nn.TransformerDecoderLayer",
    "torch.nn.LinearCrossEntropyOptions",
)
STEPS = 4


def find_class(path: str) -> Any:
    """`torch.nn.Linear` of this library; the first part is the library itself."""
    owner = torch
    for part in path.split(".")[1:]:
        owner = getattr(owner, part)
    return owner


def construct(path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """A fresh module from a fixed seed: what it prints, its names, its initial values."""
    torch.manual_seed(7)
    module = find_class(path)(*args, **kwargs)
    lazy = [name for name, value in module.named_parameters() if "Uninitialized" in type(value).__name__]
    return {
        "text": repr(module),
        "names": [name for name, _ in module.named_parameters()],
        "buffers": [name for name, _ in module.named_buffers()],
        "keys": list(module.state_dict().keys()),
        "modules": [name + ": " + type(child).__name__ for name, child in module.named_modules()],
        "values": [value.detach() for name, value in module.named_parameters() if name not in lazy],
        "state": [
            value for name, value in module.named_buffers() if "Uninitialized" not in type(value).__name__
        ],
    }


def train_module(
    path: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    training: bool,
    values: dict[str, Any],
    call_args: tuple[Any, ...],
    call_kwargs: dict[str, Any],
) -> dict[str, Any]:
    """Forward and backward of a module with given parameter values."""
    before = torch.get_rng_state()
    module = find_class(path)(*args, **kwargs)
    module.train(training)
    kinds = [item.dtype for item in call_args if isinstance(item, torch.Tensor) and item.is_floating_point()]
    if kinds:
        module.to(kinds[0])
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name in values:
                parameter.copy_(values[name])
    torch.manual_seed(5)
    seeded = torch.get_rng_state()
    out = module(*call_args, **call_kwargs)
    if torch.equal(torch.get_rng_state(), seeded):
        torch.set_rng_state(before)  # parameters are given: the result depends on no random number
    results: list[Any] = []
    pending = [out]
    while pending:
        item = pending.pop(0)
        if isinstance(item, torch.Tensor):
            results.append(item)
        elif isinstance(item, (tuple, list)):
            pending = list(item) + pending
    ready = [item for item in results if item.requires_grad]
    grads: list[Any] = []
    if ready:
        cotangents = []
        for item in ready:
            # exact in every float dtype, neither constant nor symmetric
            ramp = (torch.arange(item.numel()) * 7 % 31 - 15).reshape(item.shape)
            cotangents.append(ramp.to(item.dtype) / 16)
        torch.autograd.backward(ready, cotangents, retain_graph=True)
        grads = [parameter.grad for parameter in module.parameters()]
        for item in list(call_args) + list(call_kwargs.values()):
            if isinstance(item, torch.Tensor) and item.is_leaf and item.requires_grad:
                grads.append(item.grad)
    return {
        "out": out,
        "grads": grads,
        "buffers": [value.clone() for value in module.buffers()],
        "training": module.training,
    }


def optimize(
    path: str, kwargs: dict[str, Any], values: list[Any], grads: list[list[Any]], steps: int, groups: bool
) -> dict[str, Any]:
    """Some steps of an optimizer from given values along given gradients, and its state afterwards."""
    parameters = [torch.nn.Parameter(value.clone()) for value in values]
    given: Any = parameters
    if groups:
        given = [{"params": parameters[:1], "lr": 0.003}, {"params": parameters[1:]}]
    optimizer = find_class(path)(given, **kwargs)
    trace: list[Any] = []
    for step in range(steps):
        optimizer.zero_grad()

        def closure(step: int = step) -> Any:
            total = parameters[0].detach().sum() * 0
            for parameter, grad in zip(parameters, grads[step], strict=True):
                value = parameter.detach()
                parameter.grad = grad.clone() + 0.25 * value
                total = total + (value * grad + 0.125 * value * value).sum()
            return total

        if path.endswith("LBFGS"):
            trace.append(optimizer.step(closure))
        else:
            closure()
            trace.append(optimizer.step())
        trace.extend(parameter.detach().clone() for parameter in parameters)
    saved = optimizer.state_dict()
    for entry in saved["state"].values():
        if isinstance(entry.get("prev_loss"), float):  # computed like tensors, and judged like them
            entry["prev_loss"] = torch.tensor(entry["prev_loss"], dtype=parameters[0].dtype)
    return {
        "trace": trace,
        "text": repr(optimizer),
        "groups": [dict(group) for group in saved["param_groups"]],
        "state": {str(key): value for key, value in saved["state"].items()},
    }


def construct_only(path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """For wrong arguments of a constructor."""
    find_class(path)(*args, **kwargs)
    return None


def construct_and_call(
    path: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    call_args: tuple[Any, ...],
    call_kwargs: dict[str, Any],
) -> Any:
    """For wrong arguments of a call."""
    return find_class(path)(*args, **kwargs)(*call_args, **call_kwargs)


class ModuleCatalogue:
    """The ModuleInfo and OptimizerInfo entries by the public name of their class."""

    def __init__(self, reference: Library, seed: int = 1234) -> None:
        self.reference = reference
        self.start = seed
        self.modules = {info.name: info for info in module_database()}
        self.optimizers = {f"optim.{info.optim_cls.__name__}": info for info in optimizer_database()}

    def select(self, patterns: str | None, source: str) -> list[str]:
        names = list(self.modules if source == "modules" else self.optimizers)
        if not patterns:
            return names
        wanted = [part.strip() for part in patterns.split(",") if part.strip()]
        return [
            name
            for name in names
            if any(
                fnmatchcase(part, pattern) for part in (name, name.rpartition(".")[2]) for pattern in wanted
            )
        ]

    def cases(
        self, label: str, dtype: str, samples: int | None = None, only: frozenset[int] | None = None
    ) -> Iterator[Case]:
        if label in self.optimizers:
            yield from self.optimizer_cases(label, dtype, samples, only)
        else:
            yield from self.module_cases(label, dtype, samples, only)

    def seed(self) -> None:
        self.reference.seed(self.start)
        random.seed(self.start)
        np.random.seed(self.start)

    def module_cases(
        self, label: str, dtype: str, samples: int | None, only: frozenset[int] | None
    ) -> Iterator[Case]:
        """Construction, then a training and an evaluation pass, for each of the samples."""
        info = self.modules[label]
        kind = getattr(self.reference.module, dtype)
        if kind not in info.dtypes:
            return
        drawn: list[tuple[bool, Any]] = []
        for training in (True, False):
            self.seed()
            with warnings.catch_warnings(), self.reference.recording(RECORDED):
                warnings.simplefilter("ignore")
                drawn += [
                    (training, item)
                    for item in info.module_inputs_func(
                        info, device="cpu", dtype=kind, requires_grad=True, training=training
                    )
                ]
        for index, (training, item) in enumerate(drawn):
            if index not in chosen(len(drawn), samples, only):
                continue
            path = f"torch.{info.name}"
            try:
                constructor = (tuple(item.constructor_input.args), dict(item.constructor_input.kwargs))
                args, kwargs = encode(self.reference, constructor)
                if training:
                    target = Target(f"new {path}", construct)
                    yield Case(
                        f"{label}[new]", dtype, index, Program(target, (path, args, kwargs)), kind="module"
                    )
                if item.forward_input is None:
                    continue
                call = (tuple(item.forward_input.args), dict(item.forward_input.kwargs))
                call_args, call_kwargs = encode(self.reference, call)
                values = self.parameter_values(label, path, constructor)
                target = Target(f"train {path}", train_module)
                arguments = (path, args, kwargs, training, values, call_args, call_kwargs)
                yield Case(label, dtype, index, Program(target, arguments), kind="module")
            except Unencodable as error:
                yield Case(label, dtype, index, Program(Target(f"unencodable {error}"), ()), kind="module")

    def parameter_values(self, label: str, path: str, constructor: tuple[Any, Any]) -> dict[str, TensorData]:
        """Seeded values for every parameter: no weight of one, no bias of zero."""
        self.seed()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = self.reference.resolve(path)(*constructor[0], **constructor[1])
        values: dict[str, TensorData] = {}
        for position, (name, parameter) in enumerate(module.named_parameters()):
            if "Uninitialized" in type(parameter).__name__:
                continue
            data: TensorData = encode(self.reference, parameter)
            draw = weights(label + name, position, data.shape, data.dtype) / 8.0
            start = readable(data.storage, data.dtype).reshape(-1)[: draw.size].reshape(data.shape)
            mixed = store(np.asarray((start + draw).astype(start.dtype)).reshape(-1), data.dtype)
            values[name] = replace(data, storage=mixed, parameter=False, requires_grad=False, identity=-1)
        return values

    def optimizer_cases(
        self, label: str, dtype: str, samples: int | None, only: frozenset[int] | None
    ) -> Iterator[Case]:
        """Each configuration PyTorch's own tests use, with one and with two parameter groups."""
        info = self.optimizers[label]
        drawn = list(info.optim_inputs_func("cpu"))
        for index in range(2 * len(drawn)):
            if index not in chosen(2 * len(drawn), samples, only):
                continue
            item = drawn[index // 2]
            if index % 2 and label.endswith("LBFGS"):
                continue  # takes one group only
            shapes = ((3, 2), (4,), ())
            values = [
                plain_tensor(f"{label} value", place, shape, dtype) for place, shape in enumerate(shapes)
            ]
            grads = [
                [plain_tensor(f"{label} {step}", place, shape, dtype) for place, shape in enumerate(shapes)]
                for step in range(STEPS)
            ]
            if label.endswith("Muon"):
                values, grads = values[:1], [row[:1] for row in grads]
            try:
                kwargs = encode(self.reference, dict(item.kwargs))
            except Unencodable as error:
                yield Case(label, dtype, index, Program(Target(f"unencodable {error}"), ()), kind="optimizer")
                continue
            if label.endswith("LBFGS"):
                kwargs.setdefault(
                    "max_iter", 3
                )  # once converged, rounding decides what goes into the history
            path = f"torch.{label}"
            target = Target(f"step {path}", optimize)
            groups = bool(index % 2) and len(values) > 1
            yield Case(
                label,
                dtype,
                index,
                Program(target, (path, kwargs, values, grads, STEPS, groups)),
                kind="optimizer",
            )

    def error_cases(self, label: str) -> Iterator[Case]:
        """Wrong constructor and call arguments of a module or an optimizer."""
        torch_float = self.reference.module.float32
        self.seed()
        if label in self.modules:
            info = self.modules[label]
            if info.module_error_inputs_func is None:
                return
            drawn = info.module_error_inputs_func(
                info, device="cpu", dtype=torch_float, requires_grad=False, training=True
            )
        else:
            info = self.optimizers[label]
            if info.optim_error_inputs_func is None:
                return
            drawn = info.optim_error_inputs_func("cpu", torch_float)
        for index, wrong in enumerate(drawn):
            path = f"torch.{label}"
            try:
                if label in self.optimizers:
                    item = wrong.optimizer_error_input
                    args = encode(self.reference, (item.params,))
                    program = Program(
                        Target(f"new {path}", construct_only), (path, args, encode_dict(self, item))
                    )
                else:
                    item = wrong.module_error_input
                    made, given = item.constructor_input, item.forward_input
                    args, kwargs = encode(self.reference, (tuple(made.args), dict(made.kwargs)))
                    program = Program(Target(f"new {path}", construct_only), (path, args, kwargs))
                    if given is not None:
                        call = encode(self.reference, (tuple(given.args), dict(given.kwargs)))
                        program = Program(
                            Target(f"call {path}", construct_and_call), (path, args, kwargs, *call)
                        )
            except Unencodable:
                continue
            yield Case(
                label, "errors", index, program, pattern=wrong.error_regex, expects_error=True, kind="error"
            )


def encode_dict(catalogue: ModuleCatalogue, item: Any) -> Any:
    return encode(catalogue.reference, dict(item.kwargs))


def plain_tensor(name: str, position: int, shape: tuple[int, ...], dtype: str) -> TensorData:
    storage = store(weights(name, position, shape, dtype).reshape(-1), dtype)
    return TensorData(dtype, shape, contiguous_strides(shape), 0, storage)
