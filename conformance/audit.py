"""The harness judged: how many planted faults it catches, and how often it blames an honest implementation.

A fault is planted in the reference's own observation, so the answer is known. An honest implementation is one
that rounds the true result, or errs as far as torch does on the other side.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from conformance.cases import Case
from conformance.compare import EPSILON
from conformance.engine import Library
from conformance.judge import Judge
from conformance.observe import Observation, TensorSeen
from conformance.oracle import Oracle
from conformance.program import Array

SIZE = 3e-5


@dataclass
class Tally:
    planted: int = 0
    caught: int = 0
    examples: list[str] = field(default_factory=list)


def floating(tensor: TensorSeen | None) -> bool:
    values = tensor.values if tensor is not None else None
    return values is not None and values.dtype.kind in "fc" and bool(np.isfinite(values).any())


def first_float(tensors: object) -> TensorSeen | None:
    for tensor in tensors if isinstance(tensors, list) else []:
        if tensor is not None and floating(tensor):
            assert isinstance(tensor, TensorSeen)
            return tensor
    return None


def scale_one(tensor: TensorSeen | None) -> bool:
    """The largest element off by SIZE."""
    if tensor is None or tensor.values is None or EPSILON.get(tensor.dtype, 1.0) > SIZE / 4:
        return False  # a fault below the dtype's precision is none
    flat = tensor.values.reshape(-1)
    sizes = np.where(np.isfinite(flat), np.abs(flat), 0.0)
    if not sizes.size or sizes.max() < 1e-30:
        return False
    place = int(sizes.argmax())
    flat[place] = flat[place] * (1.0 + SIZE)
    tensor.values = flat.reshape(tensor.shape)
    return True


def reverse(tensor: TensorSeen | None) -> bool:
    """Elements in the wrong order, as a transposed or misplaced gradient has them."""
    if tensor is None or tensor.values is None or tensor.values.size < 2:
        return False
    turned = tensor.values.reshape(-1)[::-1].reshape(tensor.shape).copy()
    if np.allclose(turned, tensor.values, equal_nan=True):
        return False
    tensor.values = turned
    return True


def zeros_for_none(tensors: object) -> bool:
    if not isinstance(tensors, list) or None not in tensors:
        return False
    tensors[tensors.index(None)] = TensorSeen("float32", (1,), (1,), 0, np.zeros(1, np.float32))
    return True


def none_for_tensor(tensors: object) -> bool:
    if not isinstance(tensors, list) or all(tensor is None for tensor in tensors):
        return False
    tensors[next(index for index, tensor in enumerate(tensors) if tensor is not None)] = None
    return True


def wrong_dtype(seen: Observation) -> bool:
    if not seen.outputs:
        return False
    seen.outputs[0].dtype = "float64" if seen.outputs[0].dtype != "float64" else "float32"
    return True


def wrong_strides(seen: Observation) -> bool:
    if not seen.outputs or isinstance(seen.outputs[0].stride, str) or len(seen.outputs[0].stride) < 2:
        return False
    before = seen.outputs[0].stride
    seen.outputs[0].stride = before[::-1]
    return before != before[::-1]


def lost_alias(seen: Observation) -> bool:
    had, seen.aliases = bool(seen.aliases), frozenset()
    return had


def new_alias(seen: Observation) -> bool:
    had = not seen.aliases and bool(seen.outputs) and bool(seen.inputs_after)
    seen.aliases = frozenset({("input 0", "output 0")}) if had else seen.aliases
    return had


def other_node(seen: Observation) -> bool:
    if not any(tensor.node for tensor in seen.outputs):
        return False
    for tensor in seen.outputs:
        tensor.node = tensor.node and "OtherBackward0"
    return True


def scribbled(seen: Observation) -> bool:
    for values in seen.inputs_after:
        if values is not None and values.size and values.dtype.kind == "f":
            values.flat[0] = 3.5 if values.flat[0] != 3.5 else 2.5
            return True
    return False


FAULTS: dict[str, Callable[[Observation], bool]] = {
    "value off by 3e-5": lambda seen: scale_one(first_float(seen.outputs)),
    "values in another order": lambda seen: reverse(first_float(seen.outputs)),
    "gradient off by 3e-5": lambda seen: scale_one(first_float(seen.gradients)),
    "gradient in another order": lambda seen: reverse(first_float(seen.gradients)),
    "zeros for no gradient": lambda seen: zeros_for_none(seen.gradients),
    "no gradient for one": lambda seen: none_for_tensor(seen.gradients),
    "second order off by 3e-5": lambda seen: scale_one(first_float(seen.second)),
    "another dtype": wrong_dtype,
    "other strides": wrong_strides,
    "a view that copies": lost_alias,
    "a copy that aliases": new_alias,
    "another grad_fn": other_node,
    "an input written to": scribbled,
}


def honest(t: Array, o: Array, mirrored: bool) -> Array:
    """The true result rounded, or torch's error on the other side of it."""
    with np.errstate(all="ignore"):
        moved = 2.0 * o - t if mirrored else o
        rounded = moved.astype(t.dtype)
    return np.asarray(np.where(np.isfinite(t) & np.isfinite(rounded), rounded, t))


def audit(reference: Library, cases: Iterable[Case]) -> dict[str, Tally]:
    """Plant every fault in every case; the rows that begin with `honest` count false alarms."""
    judge = Judge(reference, reference)
    table: dict[str, Tally] = {}
    for case in cases:
        if case.program.target.path.startswith("unencodable") or case.undefined_values:
            continue
        seen = judge.observe(reference, case)
        if seen.error is not None:
            continue
        for name, broken in variants(judge, case, seen):
            tally = table.setdefault(name, Tally())
            tally.planted += 1
            verdicts = judge.values(case, broken, seen)
            blamed = any(verdict.status == "fail" for verdict in verdicts.values())
            tally.caught += blamed
            if blamed == name.startswith("honest") and len(tally.examples) < 20:
                tally.examples.append(case.name)
    return table


def variants(judge: Judge, case: Case, seen: Observation) -> Iterator[tuple[str, Observation]]:
    for name, plant in FAULTS.items():
        broken = copy.deepcopy(seen)
        if isinstance(broken.processed, list) and name.startswith("value"):
            continue
        if plant(broken):
            yield name, broken
    oracle = Oracle(judge.reference, case, judge.plan, usable=not seen.random_used)
    exact = oracle.observation() if case.dtype in ("float32", "bfloat16", "float16", "complex64") else None
    if exact is None:
        return
    for mirrored in (False, True):
        other = copy.deepcopy(seen)
        changed = False
        for group in ("outputs", "gradients", "second"):
            mine, truth = getattr(other, group), getattr(exact, group)
            if not isinstance(mine, list) or not isinstance(truth, list):
                continue
            for tensor, true in zip(mine, truth, strict=False):
                if tensor is None or true is None or not floating(tensor) or true.values is None:
                    continue
                if true.values.shape == tensor.values.shape and true.dtype in ("float64", "complex128"):
                    tensor.values = honest(tensor.values, true.values, mirrored)
                    changed = True
        if changed:
            yield "honest: " + ("torch's error mirrored" if mirrored else "true result rounded"), other


def print_audit(table: dict[str, Tally], examples: bool) -> None:
    print(f"{'fault':<36}{'planted':>9}{'caught':>9}{'rate':>9}")
    for name, tally in table.items():
        rate = 100.0 * tally.caught / max(tally.planted, 1)
        word = " (false alarms)" if name.startswith("honest") else ""
        print(f"{name:<36}{tally.planted:>9}{tally.caught:>9}{rate:>8.2f}%{word}")
        if examples and tally.examples:
            print("    " + " ".join(tally.examples))
