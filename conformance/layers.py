"""Layers: what is scored. A case is compared in aspects (dtype, shape, strides ...); a layer gathers some of them.

Each layer has a score of its own, and no two are ever added up.
"""

from __future__ import annotations

from collections.abc import Iterable

# in the order of comparison
ASPECTS = (
    "exists",
    "outcome",
    "structure",
    "dtype",
    "shape",
    "values",
    "state",
    "mutation",
    "aliasing",
    "versions",
    "strides",
    "requires_grad",
    "gradient",
    "second",
    "forward_mode",
    "grad_fn",
    "random",
    "warnings",
    "text",
    "error type",
    "error text",
    "error numbers",
    "error pattern",
)
LAYERS = {
    "exists": "the name is there",
    "forward": "value or error, structure, dtype, shape, values, global state",
    "gradient": "first derivatives along seeded cotangents; no gradient is not a gradient of zeros",
    "second order": "derivatives of the derivatives",
    "forward mode": "tangents along seeded directions",
    "graph": "the grad_fn nodes and their edges",
    "in-place": "the operator's form that writes into its first argument",
    "out=": "into a strided, an empty and a differently typed destination",
    "aliasing": "what shares memory with what, and which inputs were written to",
    "versions": "backward after a saved tensor was changed",
    "strides": "strides and storage offsets",
    "random": "the generator's state after a draw",
    "modules": "construction, a training and an evaluation pass of torch.nn",
    "optimizers": "steps, groups and state of torch.optim",
    "rules": "handwritten programs, each for one rule",
    "found": "counterexamples kept for ever",
    "docstrings": "the examples in PyTorch's docstrings: what each statement shows or raises, and what is left",
    "warnings": "category and text",
    "text": "repr of results",
    "error type": "the exception's class",
    "error text": "the exception's text, exactly",
    "error numbers": "the exception's text with numbers left out",
    "error pattern": "the exception's text by the pattern torch's own tests ask for",
}
OF_ASPECT = {
    "outcome": "forward",
    "structure": "forward",
    "dtype": "forward",
    "shape": "forward",
    "values": "forward",
    "state": "forward",
    "mutation": "aliasing",
    "requires_grad": "gradient",
    "second": "second order",
    "forward_mode": "forward mode",
    "grad_fn": "graph",
}
# kinds of cases whose results are a layer of their own
OF_KIND = {
    "inplace": "in-place",
    "out": "out=",
    "module": "modules",
    "optimizer": "optimizers",
    "rule": "rules",
    "found": "found",
    "docstring": "docstrings",
}
OWN = frozenset(
    ("outcome", "structure", "dtype", "shape", "values", "state", "mutation", "aliasing", "requires_grad")
    + ("gradient", "random")
)

# from worst to best: a layer has the worst status among its aspects
ORDER = (
    "crash",
    "timeout",
    "missing",
    "unsupported",
    "fail",
    "flaky",
    "fixed",
    "known",
    "pass",
    "ill-defined",
)
BAD = frozenset(ORDER[: ORDER.index("known")])
# what counts in a score; known differences and undefined results count neither way
COUNTED = BAD - {"fixed"} | {"pass"}
# one letter each, for masks
LETTERS = {
    "pass": "p",
    "fail": "f",
    "missing": "m",
    "unsupported": "u",
    "crash": "c",
    "timeout": "t",
    "flaky": "y",
    "known": "k",
    "fixed": "x",
    "ill-defined": "i",
}


def layer_of(kind: str, aspect: str) -> str:
    """The layer in which an aspect of a case of this kind is scored."""
    if kind in OF_KIND and aspect in OWN:
        return OF_KIND[kind]
    return OF_ASPECT.get(aspect, aspect)


def worst(statuses: Iterable[str]) -> str:
    return min(statuses, key=ORDER.index)


def position(layer: str) -> int:
    """Where a layer stands in a table."""
    return tuple(LAYERS).index(layer) if layer in LAYERS else len(LAYERS)


def place(aspect: str) -> int:
    """Where an aspect stands in a comparison."""
    return ASPECTS.index(aspect) if aspect in ASPECTS else len(ASPECTS)
