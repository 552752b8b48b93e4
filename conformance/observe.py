"""What one run of a program shows: outcome, tensors, aliasing, gradients, graph, random state."""

from __future__ import annotations

import math
import re
import signal
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conformance.aliasing import see_aliases
from conformance.cotangents import cotangent_of, store, weight_tensor
from conformance.engine import Library
from conformance.layouts import MIXED
from conformance.program import (
    Array,
    Program,
    carrier_array,
    decoder,
    readable,
    rebuild,
)

GRAPH_LIMIT = 64
# results of more elements are not printed; inputs beyond the first few are not changed
TEXT_LIMIT = 2000
VERSION_LIMIT = 4
SKELETON_TENSOR = "T"


@dataclass
class ErrorSeen:
    """An exception: its type, its text, and whether it says that something is absent or not supported."""

    type_name: str
    text: str
    kind: str  # error | missing | unsupported | timeout | crash
    stage: str = ""

    def __str__(self) -> str:
        first = self.text.strip().splitlines()[0] if self.text.strip() else ""
        return f"{self.type_name}: {first[:160]}"


@dataclass
class TensorSeen:
    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...] | str
    offset: int | str
    values: Array | None
    requires_grad: bool = False
    node: str = ""
    graph: tuple[str, ...] = ()


Gradients = list[TensorSeen | None]


@dataclass
class Observation:
    """Everything compared about one run. Fields stay None where their stage was not reached."""

    error: ErrorSeen | None = None
    skeleton: str = ""
    labels: list[str] = field(default_factory=list)
    outputs: list[TensorSeen] = field(default_factory=list)
    scalars: list[Any] = field(default_factory=list)
    processed: list[TensorSeen] | ErrorSeen | None = None
    inputs_after: list[Array | None] = field(default_factory=list)
    aliases: frozenset[tuple[str, str]] = frozenset()
    gradients: Gradients | ErrorSeen | None = None
    second: Gradients | ErrorSeen | None = None
    second_flags: tuple[bool, ...] = ()
    tangents: list[TensorSeen | None] | ErrorSeen | None = None
    random_used: bool = False
    random_state: bytes | None = None
    warnings: list[tuple[str, str]] = field(default_factory=list)
    text: str | None = None
    # what the call left switched: gradient mode, default dtype
    state: tuple[str, ...] = ()
    # tensor changed after the forward pass -> how the backward pass ended
    versions: dict[str, str] = field(default_factory=dict)


class Timeout(Exception):
    """Raised by the alarm of a case that takes too long."""


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise Timeout in this thread after so many seconds."""

    def ring(signum: int, frame: Any) -> None:
        raise Timeout(f"no result after {seconds:g} s")

    if seconds <= 0 or not hasattr(signal, "setitimer"):
        yield
        return
    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, previous)


#: what C++ adds to an error's text where torch quotes it in another
STACK = re.compile(r"\nException raised from .*", re.DOTALL)


def see_error(library: Library, error: BaseException, stage: str) -> ErrorSeen:
    return ErrorSeen(
        type(error).__name__, STACK.sub("", str(error)), error_kind(library.module.Tensor, error), stage
    )


def error_kind(tensor: Any, error: BaseException) -> str:
    """Classify an exception: an absent name and an unsupported operation are not wrong answers."""
    if isinstance(error, Timeout):
        return "timeout"
    if isinstance(error, NotImplementedError):
        return "unsupported"
    if isinstance(error, ImportError):
        return "missing"
    if isinstance(error, AttributeError):
        owner = getattr(error, "obj", None)
        known = isinstance(owner, (types.ModuleType, tensor)) or owner is tensor
        if known or "has no attribute" not in str(error):
            return "missing"
    return "error"


def see_tensor(library: Library, tensor: Any, graph: bool = False) -> TensorSeen:
    dtype = library.dtype_name(tensor.dtype)
    stride: tuple[int, ...] | str
    offset: int | str
    try:
        stride, offset = tuple(int(step) for step in tensor.stride()), int(tensor.storage_offset())
    except Exception as error:  # a library without strides is told so by the stride layer, not by every layer
        stride = offset = str(ErrorSeen(type(error).__name__, str(error), "error"))
    seen = TensorSeen(
        dtype, tuple(int(size) for size in tensor.shape), stride, offset, values_of(library, tensor)
    )
    seen.requires_grad = bool(tensor.requires_grad)
    if graph:
        node = tensor.grad_fn
        seen.node = type(node).__name__ if node is not None else ""
        seen.graph = walk_graph(node)
    return seen


def walk_graph(node: Any) -> tuple[str, ...]:
    """Node names breadth first, each with the positions of its successors, as far as GRAPH_LIMIT nodes."""
    order: dict[Any, int] = {}
    queue = [node] if node is not None else []
    lines: list[str] = []
    for current in queue:
        if len(lines) >= GRAPH_LIMIT:
            break
        order.setdefault(current, len(order))
        targets: list[str] = []
        for following, index in current.next_functions:
            if following is None:
                targets.append("-")
                continue
            if following not in order:
                order[following] = len(order)
                queue.append(following)
            targets.append(f"{order[following]}.{index}")
        lines.append(f"{type(current).__name__}({', '.join(targets)})")
    return tuple(lines)


def values_of(library: Library, tensor: Any) -> Array | None:
    """The tensor's numbers, copied; None for layouts that have no strided memory."""
    plain = tensor.detach()
    for flag, resolve in (("is_conj", "resolve_conj"), ("is_neg", "resolve_neg")):
        if getattr(plain, flag, bool)():
            plain = getattr(plain, resolve)()
    if getattr(tensor, "is_sparse", False) or "sparse" in str(getattr(tensor, "layout", "")):
        plain = plain.to_dense()
    name = library.dtype_name(tensor.dtype)
    if name.startswith(("q", "bits")):
        return None
    if getattr(plain, "_is_zerotensor", bool)():
        return np.zeros(tuple(plain.shape), readable(store(np.zeros(1), name), name).dtype)
    return np.array(readable(carrier_array(library, plain), name), copy=True)


class Session(dict[str, Any]):
    """The result of statements typed one after the other: values by statement, and the text that came with them."""

    transcript = ""

    def __repr__(self) -> str:
        return self.transcript


@dataclass
class Flat:
    """A result taken apart: its tensors, its plain values, and the way to each from the outside."""

    tensors: list[Any] = field(default_factory=list)
    scalars: list[Any] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def take(self, library: Library, value: Any, label: str = "") -> str:
        """Collect what is inside `value`; the text returned is the structure around it."""
        if library.is_tensor(value):
            self.tensors.append(value)
            self.labels.append(label)
            return SKELETON_TENSOR if type(value).__name__ == "Tensor" else type(value).__name__
        kind = type(value).__name__
        names = getattr(value, "_fields", None) or getattr(type(value), "__match_args__", None)
        if isinstance(value, tuple) and names:
            pairs = [(f"{name}=", f".{name}", item) for name, item in zip(names, value, strict=False)]
            pairs = [(prefix, label + suffix, item) for prefix, suffix, item in pairs]
            return f"{kind}({self.take_all(library, pairs)})"
        if isinstance(value, (list, tuple)):
            pairs = [("", f"{label}[{index}]", item) for index, item in enumerate(value)]
            return f"{kind}({self.take_all(library, pairs)})"
        if isinstance(value, dict):
            pairs = [(f"{key}: ", f"{label}[{key!r}]", item) for key, item in value.items()]
            return f"{kind}({self.take_all(library, pairs)})"
        if value is None or value is NotImplemented:
            return repr(value)
        self.scalars.append(value if isinstance(value, (bool, int, float, complex, str)) else str(value))
        return kind

    def take_all(self, library: Library, pairs: list[tuple[str, str, Any]]) -> str:
        return ", ".join(prefix + self.take(library, item, label) for prefix, label, item in pairs)


def differentiable(tensors: list[Any]) -> list[tuple[int, Any]]:
    return [(index, tensor) for index, tensor in enumerate(tensors) if tensor.requires_grad]


@dataclass(frozen=True)
class Plan:
    """Which stages a run goes through."""

    gradients: bool = True
    second: bool = True
    forward_mode: bool = False
    alias: bool = True
    graph: bool = True
    versions: bool = True
    text: bool = True
    default_dtype: str = "float32"
    cotangent: str = MIXED


def run(library: Library, program: Program, name: str, plan: Plan) -> Observation:
    """Run the program once under a library and write down what it shows."""
    seen = Observation()
    with library.settled(plan.default_dtype), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stage, before_call = "build inputs", 0
        try:
            decode = decoder(library, program)
            args, kwargs = decode(program.args), decode(program.kwargs)
            originals = program.tensors()
            inputs = [decode(data) for data in originals]
            before = random_state(library)
            stage = "resolve"
            function = program.target.bind(library)
            stage, before_call = "call", len(caught)
            result = function(*args, **kwargs)
            stage = "observe"
            seen.warnings = [(item.category.__name__, str(item.message)) for item in caught[before_call:]]
            seen.state = state_of(library)
            seen.random_state = random_state(library)
            seen.random_used = before != seen.random_state
            flat = Flat()
            seen.skeleton = flat.take(library, result)
            tensors, seen.scalars, seen.labels = flat.tensors, flat.scalars, flat.labels
            seen.outputs = [see_tensor(library, tensor, plan.graph) for tensor in tensors]
            seen.inputs_after = [values_of(library, tensor) for tensor in inputs]
        except Exception as error:
            seen.error = see_error(library, error, stage)
            if stage == "call":
                seen.warnings = [(item.category.__name__, str(item.message)) for item in caught[before_call:]]
                seen.state = state_of(library)
            return seen
        short = sum(math.prod(tensor.shape) for tensor in seen.outputs) <= TEXT_LIMIT
        if plan.text and (short or isinstance(result, Session)):
            seen.text = text_of(result)
        chosen: list[Any] = tensors
        process = None
        if program.target.process is not None:
            try:
                process = program.target.postprocess(library)
                assert process is not None
                flat = Flat()
                flat.take(library, process(result))
                chosen = flat.tensors
                seen.processed = [see_tensor(library, tensor) for tensor in chosen]
            except Exception as error:
                seen.processed = see_error(library, error, "process")
                return seen
        if plan.alias:
            seen.aliases = see_aliases(library, inputs, tensors)
        wanted = [tensor for tensor in inputs if tensor.requires_grad]
        ready = [(index, tensor) for index, tensor in differentiable(chosen)]
        if plan.gradients and wanted and ready:
            differentiate(library, seen, name, plan, wanted, ready)
        if plan.forward_mode and wanted:
            seen.tangents = push_forward(library, program, name)
        if plan.versions and plan.gradients and isinstance(seen.gradients, list):
            seen.versions = change_and_go_back(library, program, name, plan, len(inputs))
    return seen


def state_of(library: Library) -> tuple[str, ...]:
    """Global switches a call must not touch, as text; those a library lacks are left out."""
    asked = ("is_grad_enabled", "is_inference_mode_enabled", "get_default_dtype")
    readers = [(name, library.optional(name)) for name in asked]
    return tuple(f"{name}: {library.dtype_name(read())}" for name, read in readers if read is not None)


def text_of(result: Any) -> str:
    try:
        return repr(result)
    except Exception as error:  # a library that cannot print its results is told so by the text layer
        return f"{type(error).__name__}: {error}"


def change_and_go_back(
    library: Library, program: Program, name: str, plan: Plan, count: int
) -> dict[str, str]:
    """Run forward, change one tensor in place, run backward: an error exactly where the tensor was saved."""
    ended: dict[str, str] = {}
    places = [f"input {index}" for index in range(min(count, VERSION_LIMIT))] + ["output 0"]
    for place in places:
        kind, _, number = place.partition(" ")
        with library.settled(plan.default_dtype):
            try:
                decode = decoder(library, program)
                args, kwargs = decode(program.args), decode(program.kwargs)
                inputs = [decode(data) for data in program.tensors()]
                flat = Flat()
                flat.take(library, program.target.bind(library)(*args, **kwargs))
                ready = differentiable(flat.tensors)
                if not ready:
                    return {}
                tensor = inputs[int(number)] if kind == "input" else ready[int(number)][1]
                cotangents = [weight_tensor(library, name, index, item) for index, item in ready]
                with library.module.no_grad():
                    tensor.zero_()
            except Exception:  # what cannot be changed has no version to look at
                continue
            wanted = [item for item in inputs if item.requires_grad]
            try:
                library.module.autograd.grad(
                    [item for _, item in ready], wanted, cotangents, allow_unused=True
                )
                ended[place] = "no error"
            except Exception as error:
                ended[place] = type(error).__name__
    return ended


def push_forward(library: Library, program: Program, name: str) -> Gradients | ErrorSeen:
    """Tangents of the outputs by forward mode, every differentiable input moved in a seeded direction."""
    forward = None
    try:
        decode = decoder(library, program)
        originals = program.tensors()
        forward = library.resolve("torch.autograd.forward_ad")
        library.seed(0)
        with forward.dual_level():
            duals: dict[int, Any] = {}
            for index, data in enumerate(originals):
                if data.requires_grad:
                    plain = decode(data).detach()
                    direction = weight_tensor(library, name, 2000 + index, plain)
                    duals[id(data)] = forward.make_dual(plain, direction)

            def place(leaf: Any) -> Any:
                return duals[id(leaf)] if id(leaf) in duals else decode(leaf)

            args, kwargs = rebuild(program.args, place), rebuild(program.kwargs, place)
            result = program.target.bind(library)(*args, **kwargs)
            if program.target.process is not None:
                process = program.target.postprocess(library)
                result = process(result) if process is not None else result
            flat = Flat()
            flat.take(library, result)
            tangents = [forward.unpack_dual(tensor).tangent for tensor in flat.tensors]
            return [None if tangent is None else see_tensor(library, tangent) for tangent in tangents]
    except Exception as error:
        return see_error(library, error, "forward mode")


def differentiate(
    library: Library,
    seen: Observation,
    name: str,
    plan: Plan,
    wanted: list[Any],
    ready: list[tuple[int, Any]],
) -> None:
    """First and second order by `autograd.grad` with seeded cotangents."""
    grad = library.module.autograd.grad
    outputs = [tensor for _, tensor in ready]
    layout = cotangent_of(name, plan.cotangent)
    try:
        cotangents = [weight_tensor(library, name, index, tensor, layout) for index, tensor in ready]
        found = grad(outputs, wanted, cotangents, allow_unused=True, retain_graph=True)
        seen.gradients = [None if value is None else see_tensor(library, value) for value in found]
    except Exception as error:
        seen.gradients = see_error(library, error, "gradient")
        return
    if not plan.second:
        return
    try:
        cotangents = [
            weight_tensor(library, name, index, tensor, layout).requires_grad_() for index, tensor in ready
        ]
        found = grad(outputs, wanted, cotangents, allow_unused=True, create_graph=True)
        seen.second_flags = tuple(value is not None and bool(value.requires_grad) for value in found)
        targets = [(1000 + index, value) for index, value in enumerate(found) if seen.second_flags[index]]
        if targets:
            directions = [weight_tensor(library, name, index, value) for index, value in targets]
            values = [value for _, value in targets]
            again = grad(values, wanted + cotangents, directions, allow_unused=True)
            seen.second = [None if value is None else see_tensor(library, value) for value in again]
    except Exception as error:
        seen.second = see_error(library, error, "second order")


def random_state(library: Library) -> bytes | None:
    read = library.optional("get_rng_state")
    if read is None:
        return None
    try:
        return bytes(read().numpy().tobytes())
    except Exception:  # a library without a readable state is told so by the random layer
        return None
