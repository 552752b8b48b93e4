"""Runs a program under both libraries at once, one statement after the other, and finds the first difference.

After each statement everything a program can see of every variable is compared. Where floats agree within rounding but not bit for
bit, PyTorch's numbers are written over the implementation's: the next statement starts from the same numbers, so that a rounding error
can neither grow nor flip a comparison, and any difference is the fault of the statement that shows it.
"""

from __future__ import annotations

import copy
import io
import math
import pickle
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conformance.aliasing import see_aliases
from conformance.compare import EPSILON, SOURCE_PLACE, describe, is_float, widest
from conformance.cotangents import store, weight_tensor
from conformance.engine import Library, poisoned_memory, rounding_noise
from conformance.fuzz.program import Statement, Statements
from conformance.observe import ErrorSeen, Flat, random_state, see_error, values_of
from conformance.program import CARRIERS, Array, from_array
from conformance.textual import ADDRESS

# how far a single statement may be off: so many epsilons of the largest number that went into it or came out of it
ROUNDING = 16.0
NOISY_RUNS = 3
ABSENT = ("missing", "unsupported")
# plain values that a statement may show, and by what they are compared
LEAF = (bool, int, float, complex, str, type(None))


@dataclass(frozen=True)
class Difference:
    """Where the libraries part: the statement's number (the program's length for what is compared at the end), the aspect, words."""

    place: int
    aspect: str
    detail: str
    operator: str = ""

    @property
    def kind(self) -> tuple[str, str]:
        """Two differences of a kind are taken for one defect."""
        return self.aspect, self.operator


@dataclass
class Side:
    """One library and the variables it holds."""

    library: Library
    names: dict[str, Any] = field(default_factory=dict)
    warned: list[tuple[str, str]] = field(default_factory=list)

    def start(self) -> None:
        self.names = {"torch": self.library.module, "math": math, "copy": copy, "pickle": pickle, "io": io}

    def run(self, statement: Statement) -> ErrorSeen | None:
        """Execute one statement; its error, if it ends with one. Its value is under `_` when it defines nothing."""
        text = statement.text
        self.names["_"] = None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                if statement.is_expression:
                    self.names["_"] = eval(text, self.names)
                else:
                    exec(text, self.names)
                error = None
            except Exception as raised:
                error = see_error(self.library, raised, "call")
        self.warned = [
            (w.category.__name__, SOURCE_PLACE.sub("", str(w.message)))
            for w in caught
            if w.category is not DeprecationWarning  # Python's own, once a process
        ]
        return error

    def variables(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self.names.items()
            if name == "_" or (name[0] == "v" and name[1:].isdigit())
        }


@contextmanager
def settled(*libraries: Library) -> Iterator[None]:
    with ExitStack() as stack:
        for library in libraries:
            stack.enter_context(library.settled())
        yield


class Lockstep:
    """A pair of libraries in the middle of a program. Use it inside `settled`."""

    def __init__(self, reference: Library, candidate: Library, name: str = "fuzz") -> None:
        self.theirs, self.ours = Side(reference), Side(candidate)
        self.name = name
        self.done: list[Statement] = []
        self.failed = False
        # the version counters that a variable's tensors were first seen with: what counts is how often they were written to since
        self.versions: dict[str, tuple[int, int]] = {}
        self.theirs.start()
        self.ours.start()

    def step(self, statement: Statement) -> Difference | None:
        """Run the statement on both sides; the first difference it makes. A statement that fails alike on both is no difference."""
        place = len(self.done)
        self.done.append(statement)
        scale = self.scale(statement)
        expected, actual = self.run_both(statement)
        self.failed = expected is not None and actual is not None
        if self.failed:
            self.follow_generator()
        found = self.compare_outcome(expected, actual)
        if found is None and self.theirs.warned != self.ours.warned:
            found = "warnings", f"{self.ours.warned} for {self.theirs.warned}"
        if found is None:
            found = self.compare_variables(scale)
        return None if found is None else Difference(place, *found, statement.operator)

    def follow_generator(self) -> None:
        """How far a failing statement had drawn random numbers is PyTorch's, and no difference."""
        state, own = random_state(self.theirs.library), random_state(self.ours.library)
        if state is not None and own is not None and state != own:
            read = from_array(self.ours.library, np.frombuffer(state, np.uint8).copy())
            self.ours.library.module.set_rng_state(read)

    def run_both(self, statement: Statement) -> tuple[ErrorSeen | None, ErrorSeen | None]:
        theirs, ours = self.theirs, self.ours
        generators = [side.library.optional("default_generator") for side in (theirs, ours)]
        if generators[0] is not generators[1]:
            return theirs.run(statement), ours.run(statement)
        # a library beside itself has one generator for both sides
        state = generators[0].get_state()
        expected = theirs.run(statement)
        generators[0].set_state(state)
        return expected, ours.run(statement)

    def scale(self, statement: Statement) -> float:
        """The largest finite number among the statement's inputs."""
        largest = 0.0
        for name in statement.uses:
            for tensor in tensors_in(self.theirs, self.theirs.names.get(name)):
                largest = max(largest, magnitude(numbers(self.theirs.library, tensor)))
        return largest

    def compare_outcome(self, t: ErrorSeen | None, x: ErrorSeen | None) -> tuple[str, str] | None:
        if (
            x is not None
            and x.kind in ABSENT
            and (t is None or t.kind not in ABSENT or t.type_name != x.type_name)
        ):
            return x.kind, str(x)
        if t is None and x is None:
            return None
        if t is None or x is None:
            return "outcome", f"{x or 'no error'} for {t or 'no error'}"
        if t.type_name != x.type_name:
            return "error type", f"{x} for {t}"
        return None if t.text == x.text else ("error text", f"{x.text[:300]!r} for {t.text[:300]!r}")

    def compare_variables(self, scale: float) -> tuple[str, str] | None:
        theirs, ours = self.theirs.variables(), self.ours.variables()
        if theirs.keys() != ours.keys():
            return "outcome", f"variables {sorted(ours)} for {sorted(theirs)}"
        for name, value in theirs.items():
            if value is None and ours[name] is None:
                continue
            found = self.compare_value(name, value, ours[name], scale)
            if found is not None:
                return found
        return None

    def compare_value(self, name: str, expected: Any, actual: Any, scale: float) -> tuple[str, str] | None:
        label = "the result" if name == "_" else name
        t, x = Flat(), Flat()
        structure = t.take(self.theirs.library, expected, label), x.take(self.ours.library, actual, label)
        if structure[0] != structure[1]:
            return "structure", f"{label}: {structure[1]} for {structure[0]}"
        for one, other in zip(t.scalars, x.scalars, strict=True):
            if not same_plain(one, other):
                return "plain value", f"{label}: {other!r} for {one!r}"
        for part, one, other in zip(t.labels, t.tensors, x.tensors, strict=True):
            found = self.compare_tensor(part, one, other, scale)
            if found is not None:
                return found
            gradients = one.grad if one.is_leaf else None, other.grad if other.is_leaf else None
            if gradients[0] is None and gradients[1] is None:
                continue
            if gradients[0] is None or gradients[1] is None:
                return "gradient", f"{part}.grad: {gradients[1]} for {gradients[0]}"
            found = self.compare_tensor(f"{part}.grad", *gradients, self.scale_of_all())
            if found is not None:
                return "gradient" if found[0] == "values" else found[0], found[1]
        return None

    def scale_of_all(self) -> float:
        """Gradients come from everywhere: the largest number of all variables."""
        return max((self.scale(Statement(name)) for name in self.theirs.variables()), default=0.0)

    def compare_tensor(self, label: str, t: Any, x: Any, scale: float) -> tuple[str, str] | None:
        expected, actual = facts(self.theirs.library, t), facts(self.ours.library, x)
        versions = expected.pop("version"), actual.pop("version")
        if label[0] == "v" and not label.endswith(".grad"):
            first = self.versions.setdefault(f"{label} {id(t)}", versions)
            since = versions[0] - first[0], versions[1] - first[1]
            if since[0] != since[1]:
                return "version", f"{label} counts {since[1]} writes for {since[0]}"
        for aspect, one in expected.items():
            if one != actual[aspect]:
                return aspect, f"{label}: {actual[aspect]} for {one}"
        values, found = numbers(self.theirs.library, t), numbers(self.ours.library, x)
        if values is None or found is None or values.tobytes() == found.tobytes():
            return None
        difference = apart(found, values, str(expected["dtype"]), scale)
        # what a failing statement wrote before it failed is PyTorch's, and no difference
        if difference and not self.failed:
            return "values", f"{label}{difference}"
        align(self.ours.library, x, values, str(expected["dtype"]))
        return None

    def finish(self) -> Difference | None:
        """What is compared at the end: shared memory, gradients of all there is, the generator."""
        found = self.compare_aliases() or self.compare_gradients()
        if found is None and random_state(self.theirs.library) != random_state(self.ours.library):
            if random_state(self.ours.library) is not None:
                found = "random", "another state of the generator"
        return None if found is None else Difference(len(self.done), *found, "end")

    def tensors(self, side: Side) -> dict[str, Any]:
        return {
            name: value
            for name, value in side.variables().items()
            if name != "_" and side.library.is_tensor(value)
        }

    def compare_aliases(self) -> tuple[str, str] | None:
        theirs, ours = self.tensors(self.theirs), self.tensors(self.ours)
        pairs = []
        for side, tensors in ((self.theirs, theirs), (self.ours, ours)):
            pairs.append(see_aliases(side.library, [], list(tensors.values())))
        if pairs[0] == pairs[1]:
            return None
        names = list(theirs)
        only = sorted(pairs[0] ^ pairs[1])[0]
        first, second = (names[int(part.rpartition(" ")[2])] for part in only)
        here = "only in PyTorch" if only in pairs[0] else "in PyTorch they do not"
        return "aliasing", f"{first} and {second} share memory {here}"

    def compare_gradients(self) -> tuple[str, str] | None:
        expected, actual = self.gradients(self.theirs), self.gradients(self.ours)
        if isinstance(expected, ErrorSeen) or isinstance(actual, ErrorSeen):
            return self.compare_outcome(
                expected if isinstance(expected, ErrorSeen) else None,
                actual if isinstance(actual, ErrorSeen) else None,
            )
        scale = self.scale_of_all()
        noise: list[Any] | None = None
        for (name, t), (_, x) in zip(expected.items(), actual.items(), strict=True):
            if t is None or x is None:
                if t is not None or x is not None:
                    return "gradient", f"of {name}: {x} for {t}"
                continue
            values, found = numbers(self.theirs.library, t), numbers(self.ours.library, x)
            if values is None or found is None:
                continue
            if values.shape != found.shape or values.dtype != found.dtype:
                return "gradient", f"of {name}: {found.dtype}{found.shape} for {values.dtype}{values.shape}"
            dtype = self.theirs.library.dtype_name(t.dtype)
            difference = apart(found, values, dtype, scale)
            if not difference:
                continue
            noise = self.noise() if noise is None else noise
            shift = np.zeros(values.shape)
            for run in noise:
                moved = None if isinstance(run, ErrorSeen) else run.get(name)
                other = None if moved is None else numbers(self.theirs.library, moved)
                if other is not None and other.shape == values.shape:
                    with np.errstate(all="ignore"):
                        shift = np.maximum(
                            shift, np.nan_to_num(np.abs(other - values).astype(np.float64), posinf=np.inf)
                        )
            if apart(found, values, dtype, scale, 8.0 * shift):
                return "gradient", f"of {name}{difference}"
        return None

    def gradients(self, side: Side) -> dict[str, Any] | ErrorSeen:
        """Of all that has a graph with respect to all leaves, along seeded cotangents."""
        tensors = self.tensors(side)
        leaves = {name: tensor for name, tensor in tensors.items() if tensor.requires_grad and tensor.is_leaf}
        outputs = [
            tensor
            for tensor in tensors.values()
            if tensor.requires_grad
            and not tensor.is_leaf
            and (tensor.is_floating_point() or tensor.is_complex())  # whole numbers may have a history, too
        ]
        if not leaves or not outputs:
            return {}
        try:
            cotangents = [
                weight_tensor(side.library, self.name, index, tensor) for index, tensor in enumerate(outputs)
            ]
            found = side.library.module.autograd.grad(
                outputs, list(leaves.values()), cotangents, allow_unused=True
            )
        except Exception as error:
            return see_error(side.library, error, "gradient")
        return dict(zip(leaves, found, strict=True))

    def noise(self) -> list[Any]:
        """The gradients of PyTorch with every operator's result moved by a rounding step."""
        runs = []
        for seed in range(NOISY_RUNS):
            side = Side(self.theirs.library)
            side.start()
            with settled(side.library), rounding_noise(side.library, seed, 1.0, None):
                for statement in self.done:
                    side.run(statement)
                runs.append(self.gradients(side))
        return runs


class Unsteady(Lockstep):
    """PyTorch beside itself, where fresh memory holds something else on either side: what it leaves unwritten differs."""

    def __init__(self, reference: Library) -> None:
        super().__init__(reference, reference)
        run = self.ours.run

        def poisoned(statement: Statement) -> ErrorSeen | None:
            with poisoned_memory():
                return run(statement)

        self.ours.run = poisoned  # type: ignore[method-assign]


def run(reference: Library, candidate: Library, statements: Statements) -> Difference | None:
    """The first difference in a whole program."""
    with settled(reference, candidate):
        return through(Lockstep(reference, candidate), statements)


def unsteady(reference: Library, statements: Statements) -> bool:
    """Whether the reference's own answer depends on what fresh memory holds."""
    with settled(reference):
        return through(Unsteady(reference), statements) is not None


def through(machine: Lockstep, statements: Statements) -> Difference | None:
    for statement in statements:
        found = machine.step(statement)
        if found is not None:
            return found
    return machine.finish()


def tensors_in(side: Side, value: Any) -> list[Any]:
    flat = Flat()
    if value is not None and not isinstance(value, LEAF):
        try:
            flat.take(side.library, value)
        except Exception:  # an object that cannot be taken apart holds no tensors to look at
            return []
    return flat.tensors


def facts(library: Library, tensor: Any) -> dict[str, Any]:
    """What a program can ask of a tensor without looking at its numbers."""
    node = tensor.grad_fn
    shape = tuple(int(size) for size in tensor.shape)
    inference = bool(tensor.is_inference())
    return {
        "dtype": library.dtype_name(tensor.dtype),
        "shape": shape,
        "strides": (tuple(tensor.stride()), tensor.storage_offset())
        if tensor.layout is library.module.strided
        else "",
        "requires_grad": bool(tensor.requires_grad),
        "leaf": bool(tensor.is_leaf),
        "grad_fn": "" if node is None else type(node).__name__,
        "version": -1 if inference else tensor._version,
        "class": type(tensor).__name__,
        "bits": (bool(tensor.is_conj()), bool(tensor.is_neg())),
    }


def magnitude(values: Array | None) -> float:
    if values is None or not values.size:
        return 0.0
    with np.errstate(all="ignore"):
        sizes = np.abs(values.astype(widest(values)))
    return float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))


def apart(x: Array, t: Array, dtype: str, scale: float, more: Array | float = 0.0) -> str:
    """The first number that is further from PyTorch's than rounding explains, in words; an empty text if there is none."""
    if not is_float(t) or dtype not in EPSILON:
        wrong = np.asarray(x != t)
        return " " + describe(x, t, wrong, None) if wrong.any() else ""
    wide = widest(t)
    a, b = x.astype(wide), t.astype(wide)
    with np.errstate(all="ignore"):
        limit = ROUNDING * EPSILON[dtype] * (np.abs(b) + max(scale, magnitude(t))) + more
        close = np.abs(a - b) <= limit
        alike = (a == b) | (np.isnan(a) & np.isnan(b))
        wrong = ~(alike | (close & np.isfinite(a) & np.isfinite(b)))
    return " " + describe(x, t, wrong, np.asarray(np.broadcast_to(limit, wrong.shape))) if wrong.any() else ""


def same_plain(expected: Any, actual: Any) -> bool:
    """Plain values: texts and whole numbers exactly, floats within rounding (they may be computed by the statement)."""
    if type(expected) is not type(actual):
        return False
    if isinstance(expected, (float, complex)):
        if expected == actual or (expected != expected and actual != actual):
            return True
        return bool(np.isfinite(expected) and np.isclose(actual, expected, rtol=1e-5, atol=1e-6))
    if isinstance(expected, str):
        return ADDRESS.sub("0x", expected) == ADDRESS.sub("0x", actual)
    return bool(expected == actual)


def align(ours: Library, x: Any, values: Array, dtype: str) -> None:
    """Write PyTorch's numbers over the implementation's, below autograd and version counters.

    Truth values stay: they may be another variable's memory, whose bytes are neither 0 nor 1.
    """
    if dtype == "bool":
        return
    if dtype == "bfloat16":
        values = store(values, dtype)
    try:
        made = from_array(ours, np.ascontiguousarray(values).reshape(values.shape))
        x.data.copy_(made.view(x.dtype) if dtype in CARRIERS else made)
    except Exception:  # memory that is written to several times by one copy stays as near as it is
        return


def numbers(library: Library, tensor: Any) -> Array | None:
    """The tensor's numbers, of a copy: after `numpy()` a tensor's own memory could no longer grow."""
    return values_of(library, tensor.detach().clone())
