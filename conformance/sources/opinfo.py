"""Programs from OpInfo: PyTorch's own operators with sample inputs and error inputs."""

from __future__ import annotations

import random
import types
import warnings
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from conformance.cases import Case
from conformance.cotangents import store
from conformance.engine import Library, operator_database
from conformance.observe import Plan, TensorSeen, run
from conformance.program import Program, Target, TensorData, Unencodable, contiguous_strides, encode

NAMESPACES = (
    "torch",
    "torch.Tensor",
    "torch.nn.functional",
    "torch.linalg",
    "torch.fft",
    "torch.special",
    "torch.signal.windows",
    "torch.masked",
    "torch.sparse",
    "torch.ops.aten",
)
# results that torch itself does not define: the metadata is compared, the numbers are not
UNDEFINED = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "empty_permuted", "resize_",
             "resize_as_")  # fmt: skip
# results with a free phase or sign: OpInfo's own form of them, which does not depend on it, is compared
GAUGED = ("svd", "linalg.svd", "linalg.eig", "linalg.eigh", "svd_lowrank", "pca_lowrank")
# objects among the sample inputs, replayed by making them again
RECORDED = (
    "torch.nn.PairwiseDistance",
    "torch.nn.TransformerEncoderLayer",
    "torch.nn.LinearCrossEntropyOptions",
)


SEED = 1234


class Unreachable(Exception):
    """An entry that cannot be replayed on another library, with the reason."""


class Catalogue:
    """The OpInfo entries by name, each with the public path of what it calls."""

    def __init__(self, reference: Library, seed: int = SEED, reference_inputs: bool = False) -> None:
        self.reference = reference
        self.start = seed
        # PyTorch seeds its samples itself; another seed than the usual one draws others
        self.seeding = {} if seed == SEED else {"set_seed": False}
        self.draw = "reference_inputs" if reference_inputs else "sample_inputs"
        self.entries: dict[str, Any] = {}
        # what was drawn last: the forms of an operator have the same samples
        self.last_drawn: tuple[Any, list[Any]] = (None, [])
        for entry in operator_database():
            label = entry.name + (f".{entry.variant_test_name}" if entry.variant_test_name else "")
            self.entries[label] = entry
        self.paths: dict[int, str] = {}
        for namespace in NAMESPACES[:-1]:
            owner = reference.resolve(namespace)
            for name in dir(owner):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    value = getattr(owner, name, None)
                if callable(value) and not name.startswith("__"):
                    self.paths.setdefault(id(value), f"{namespace}.{name}")

    def select(self, patterns: str | None) -> list[str]:
        """Entry names by a comma list of globs over `name`, `name.variant` or the last part of a dotted name."""
        if not patterns:
            return list(self.entries)
        wanted = [part.strip() for part in patterns.split(",") if part.strip()]
        found = []
        for label, entry in self.entries.items():
            names = {label, entry.name, entry.name.rpartition(".")[2]}
            if any(fnmatchcase(name, pattern) for name in names for pattern in wanted):
                found.append(label)
        return found

    def path_of(self, entry: Any) -> str | None:
        """The public path of the entry's callable, found by identity and preferring the entry's own name."""
        # some entries are named with the library's name before them
        name = entry.name.removeprefix("torch.")
        for path in (f"torch.{name}", f"torch.Tensor.{name}"):
            try:
                if self.reference.resolve(path) is entry.op:
                    return path
            except AttributeError:
                continue
        return self.paths.get(id(entry.op))

    def target(self, label: str, form: str = "function") -> Target:
        """What the entry calls, in one of its forms."""
        entry = self.entries[label]
        if form in ("method", "inplace"):
            variant = entry.method_variant if form == "method" else entry.inplace_variant
            if variant is None or getattr(variant, "__name__", None) is None:
                raise Unreachable(f"no {form} form")
            path = f"torch.Tensor.{variant.__name__}"
            if not self.reference.has(path):
                raise Unreachable(f"no public {form} form")
            return Target(path, form=form)
        public = self.path_of(entry)
        if public is not None:
            return Target(public, form=form)
        if isinstance(entry.op, types.FunctionType) and not entry.op.__closure__:
            return Target(f"OpInfo {label}", function=entry.op, form=form)
        name = str(entry.op)
        if name.startswith("aten."):
            return Target(f"torch.ops.{name}", form=form)
        raise Unreachable(f"{type(entry.op).__name__} is not replayable")

    def supports(self, label: str, form: str) -> bool:
        return form != "out" or bool(self.entries[label].supports_out)

    def cases(
        self,
        label: str,
        dtype: str,
        samples: int | None = None,
        form: str = "function",
        only: frozenset[int] | None = None,
    ) -> Iterator[Case]:
        """An entry's samples of a dtype, evenly spaced where fewer are asked for; Unreachable says why none."""
        entry = self.entries[label]
        torch = self.reference.module
        kind = getattr(torch, dtype)
        if kind not in entry.supported_dtypes("cpu"):
            return
        if not self.supports(label, form):
            return
        target = self.target(label, form)
        operator = label if form == "function" else f"{label}[{form}]"
        wants_grad = (kind.is_floating_point or kind.is_complex) and bool(entry.supports_autograd)
        drawn = self.drawn(label, kind, wants_grad)
        picks = chosen(len(drawn), samples, only)
        for index, sample in enumerate(drawn):
            if index not in picks:
                continue
            if form == "inplace" and sample.broadcasts_input:
                continue
            gauge = sample.output_process_fn_grad
            if entry.name in GAUGED and isinstance(gauge, types.FunctionType):
                target = replace(target, process=gauge)
            try:
                program = self.program(target, sample)
            except Unencodable as error:
                yield Case(operator, dtype, index, Program(Target(f"unencodable {error}"), ()), kind=form)
                continue
            if form == "out":
                yield from self.out_cases(label, dtype, index, program)
                continue
            yield Case(operator, dtype, index, program, undefined_values=entry.name in UNDEFINED, kind=form)

    def drawn(self, label: str, kind: Any, wants_grad: bool) -> list[Any]:
        """An entry's samples of a dtype; they are read, never written to."""
        if self.last_drawn[0] != (label, kind):
            self.seed()
            with warnings.catch_warnings(), self.reference.recording(RECORDED):
                warnings.simplefilter("ignore")
                draw = getattr(self.entries[label], self.draw)
                self.last_drawn = (
                    (label, kind),
                    list(draw("cpu", kind, requires_grad=wants_grad, **self.seeding)),
                )
        return self.last_drawn[1]

    def out_cases(self, label: str, dtype: str, index: int, program: Program) -> Iterator[Case]:
        """The `out=` form: into the right shape (strided in memory), into an empty tensor, into another dtype."""
        program = program.transform(
            lambda leaf: replace(leaf, requires_grad=False) if isinstance(leaf, TensorData) else leaf
        )
        seen = run(self.reference, program, label, Plan(gradients=False, alias=False, graph=False))
        if seen.error is not None or not seen.outputs:
            return
        for kind in ("strided", "resized", "recast"):
            outs = tuple(out_tensor(tensor, kind) for tensor in seen.outputs)
            out: Any = outs[0] if len(outs) == 1 else list(outs) if seen.skeleton.startswith("list") else outs
            call = replace(program, kwargs={**program.kwargs, "out": out})
            yield Case(
                f"{label}[out {kind}]", dtype, index, call, undefined_values=label in UNDEFINED, kind="out"
            )

    def error_cases(self, label: str) -> Iterator[Case]:
        """An entry's wrong inputs, with the pattern PyTorch's own tests ask of the text."""
        entry = self.entries[label]
        if entry.error_inputs_func is None:
            return
        target = self.target(label)
        self.seed()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            drawn = list(entry.error_inputs("cpu"))
        for index, wrong in enumerate(drawn):
            try:
                program = self.program(target, wrong.sample_input)
            except Unencodable:
                continue
            yield Case(
                label, "errors", index, program, pattern=wrong.error_regex, expects_error=True, kind="error"
            )

    def program(self, target: Target, sample: Any) -> Program:
        args = (sample.input, *sample.args)
        encoded_args, encoded_kwargs = encode(self.reference, (args, dict(sample.kwargs)))
        return Program(target, encoded_args, encoded_kwargs)

    def seed(self) -> None:
        self.reference.seed(self.start)
        random.seed(self.start)
        np.random.seed(self.start)


def chosen(count: int, samples: int | None, only: frozenset[int] | None) -> frozenset[int]:
    """Sample numbers: those asked for, or so many evenly spaced ones, or all."""
    if only is not None:
        return only
    if samples is None or samples >= count:
        return frozenset(range(count))
    return frozenset(int(index) for index in np.linspace(0, count - 1, samples))


def out_tensor(like: TensorSeen, kind: str) -> TensorData:
    """A destination for a result: its old contents are sevens, which must not survive."""
    dtype, shape = like.dtype, like.shape
    if kind == "recast":
        dtype = {"float32": "float64", "float64": "float32", "int64": "int32", "bool": "uint8"}.get(
            dtype, "float64"
        )
    if kind == "resized":
        shape = (0,)
    strides = contiguous_strides(shape)
    if kind == "strided" and len(shape) > 1:
        # transposed, and every second element
        strides = tuple(2 * step for step in contiguous_strides(shape[::-1])[::-1])
    size = 1 + sum((length - 1) * step for length, step in zip(shape, strides, strict=True))
    storage = store(np.full(max(size, 1) if 0 not in shape else 0, 7.0), dtype)
    return TensorData(dtype, shape, strides, 0, storage)
