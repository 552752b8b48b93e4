"""Printed results: PyTorch prints the implementation's own numbers, and the two texts have to be the same."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np

from conformance.cotangents import store
from conformance.engine import Library
from conformance.observe import Flat, Observation, Session, TensorSeen, text_of, values_of
from conformance.program import CARRIERS, Program, decoder, from_array
from conformance.textual import TextDifference, compare_text

# as much of a text as is shown
SHORT = 200
GRAD_FN = re.compile(r",\s+grad_fn=<[^>]*>")


def compare_printed(x: Observation, t: Observation, library: Library | None, program: Program) -> str:
    """The first difference in what is printed, or an empty text.

    Where the numbers are not bit for bit torch's, so may the digits be, their number and their widths. Then the text
    is compared with the one torch prints for the implementation's numbers; where torch is not there or cannot take
    them, token by token, and printed numbers may differ as far as the numbers themselves do.
    """
    ours, theirs = plain(x.text), plain(t.text)
    if ours == theirs:
        return ""
    if not same_bits(x, t):
        reprinted = reprint(library, program, x) if library is not None and same_scalars(x, t) else None
        if reprinted is not None:
            theirs = plain(reprinted)
            if ours == theirs:
                return ""
        else:
            difference = compare_text(theirs, ours, 0.0, max(1e-6, distance(x, t)))
            if difference is None:
                return ""
            return told(difference, theirs, ours)
    return told(compare_text(theirs, ours, 0.0, 0.0), theirs, ours)


def reprint(library: Library, program: Program, x: Observation) -> str | None:
    """The text of the library's own result holding the numbers seen elsewhere; None where it cannot hold them."""
    with library.settled(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            decode = decoder(library, program)
            args, kwargs = decode(program.args), decode(program.kwargs)
            result = program.target.bind(library)(*args, **kwargs)
            if isinstance(result, Session):  # it was printed on the way
                return None
            flat = Flat()
            flat.take(library, result)
            pairs = list(zip(flat.tensors, x.outputs, strict=True))
            for tensor, seen in pairs:
                if not write(library, tensor, seen):
                    return None
            # results that share memory may not hold all of it at once
            if any(bits(values_of(library, tensor)) != bits(seen.values) for tensor, seen in pairs):
                return None
            return text_of(result)
        except Exception:  # expanded, sparse and the like
            return None


def write(library: Library, tensor: Any, seen: TensorSeen) -> bool:
    """Put numbers into a tensor of the same dtype and shape; whether that is possible."""
    dtype = library.dtype_name(tensor.dtype)
    if seen.values is None or dtype != seen.dtype or tuple(tensor.shape) != seen.shape:
        return False
    if bits(values_of(library, tensor)) == bits(seen.values):
        return True
    made = from_array(library, np.asarray(store(seen.values, dtype)))
    tensor.detach().copy_(made.view(tensor.dtype) if dtype in CARRIERS else made)
    return True


def bits(values: np.ndarray | None) -> bytes | None:
    return None if values is None else values.tobytes()


def same_bits(x: Observation, t: Observation) -> bool:
    """Whether every tensor and every plain value of the results is exactly torch's."""
    same = all(bits(a.values) == bits(b.values) for a, b in zip(x.outputs, t.outputs, strict=False))
    return same and same_scalars(x, t)


def same_scalars(x: Observation, t: Observation) -> bool:
    return repr(x.scalars) == repr(t.scalars)


def distance(x: Observation, t: Observation) -> float:
    """The largest difference between numbers of the results, plain ones included."""
    largest = 0.0
    for a, b in zip(x.outputs, t.outputs, strict=False):
        if a.values is None or b.values is None or a.values.shape != b.values.shape or b.values.dtype == bool:
            continue
        with np.errstate(all="ignore"):
            apart = np.abs(a.values.astype(np.complex128) - b.values.astype(np.complex128))
        largest = max(largest, float(np.max(apart, where=np.isfinite(apart), initial=0.0)))
    for one, other in zip(x.scalars, t.scalars, strict=False):
        if isinstance(one, float) and isinstance(other, float) and np.isfinite(one - other):
            largest = max(largest, abs(one - other))
    return largest


def plain(text: str | None) -> str:
    """Without the nodes, which the graph's layer compares."""
    return GRAD_FN.sub("", text or "")


def told(difference: TextDifference | None, theirs: str, ours: str) -> str:
    """Short texts whole, of long ones the lines where they part."""
    if difference is None or max(len(theirs), len(ours)) <= SHORT:
        return (f"{difference.reason}: " if difference else "") + f"{shorten(ours)} for {shorten(theirs)}"
    return f"{difference.reason}: {shorten(difference.actual)} for {shorten(difference.expected)} in line {difference.line}"


def shorten(text: str) -> str:
    return text if len(text) <= SHORT else text[:SHORT] + "..."
