"""Every source of programs under one roof: which units a selection asks for, a unit's cases, a name's case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from conformance.cases import Case, Unit
from conformance.engine import Library
from conformance.layouts import DRAWN, MIXED, drawn, relayout
from conformance.sources import found, handwritten
from conformance.sources.docstrings import DTYPE as DOCSTRING
from conformance.sources.docstrings import examples
from conformance.sources.modules import ModuleCatalogue
from conformance.sources.opinfo import SEED, Catalogue, Unreachable

SOURCES = (
    "opinfo",
    "errors",
    "modules",
    "module-errors",
    "optimizers",
    "optimizer-errors",
    "directed",
    "found",
    "docstrings",
)
DTYPES = ("float32", "float64", "bfloat16", "float16", "complex64", "int64", "bool")
FORMS = ("function", "method", "inplace", "out")


@dataclass(frozen=True)
class Selection:
    """Which cases: everything here narrows."""

    sources: tuple[str, ...] = ("opinfo",)
    operators: str | None = None
    dtypes: tuple[str, ...] = ("float32",)
    forms: tuple[str, ...] = ("function",)
    layouts: tuple[str, ...] = (MIXED,)
    samples: int | None = None
    seed: int = SEED
    reference_inputs: bool = False


class Corpus:
    """The cases of a selection, made anew from seeds whenever they are asked for."""

    def __init__(self, reference: Library, selection: Selection) -> None:
        self.reference = reference
        self.selection = selection

    @cached_property
    def operators(self) -> Catalogue:
        return Catalogue(self.reference, self.selection.seed, self.selection.reference_inputs)

    @cached_property
    def modules(self) -> ModuleCatalogue:
        return ModuleCatalogue(self.reference, self.selection.seed)

    def load(self) -> None:
        """Import what the sources are made from, and let PyTorch import what it imports late."""
        if not {"directed", "found", "docstrings"}.issuperset(self.selection.sources):
            assert self.operators.entries and self.modules.modules
        if "docstrings" in self.selection.sources:
            assert examples(self.reference).found
        self.reference.warm_up()

    def units(self) -> list[Unit]:
        """Without making a single sample."""
        asked = self.selection
        units: list[Unit] = []
        for source in asked.sources:
            if source == "directed":
                units += [Unit(source, name, "directed") for name in handwritten.select(asked.operators)]
            elif source == "found":
                units += [Unit(source, name, "found") for name in found.select(asked.operators)]
            elif source == "docstrings":
                names = examples(self.reference).select(asked.operators)
                units += [Unit(source, name, DOCSTRING) for name in names]
            elif source == "opinfo":
                units += [
                    Unit(source, label, dtype, form, layout)
                    for label in self.operators.select(asked.operators)
                    for form in asked.forms
                    for dtype in asked.dtypes
                    for layout in asked.layouts
                ]
            elif source == "errors":
                units += [Unit(source, label, "errors") for label in self.operators.select(asked.operators)]
            else:
                kind = "modules" if source.startswith("module") else "optimizers"
                for label in self.modules.select(asked.operators, kind):
                    if source.endswith("errors"):
                        units.append(Unit(source, label, "errors"))
                    else:
                        units += [Unit(source, label, dtype) for dtype in asked.dtypes]
        return units

    def cases(self, unit: Unit, only: frozenset[int] | None = None) -> Iterator[Case]:
        """The unit's cases, evenly spaced where the selection asks for fewer; Unreachable says why there are none."""
        samples = None if only is not None else self.selection.samples
        if unit.source == "directed":
            yield handwritten.case(unit.label)
        elif unit.source == "found":
            yield found.case(unit.label)
        elif unit.source == "docstrings":
            yield examples(self.reference).case(unit.label)
        elif unit.source == "opinfo":
            for case in self.operators.cases(unit.label, unit.dtype, samples, unit.form, only):
                yield in_layout(case, unit.layout)
        elif unit.source == "errors":
            yield from picked(self.operators.error_cases(unit.label), only)
        elif unit.source.endswith("errors"):
            yield from picked(self.modules.error_cases(unit.label), only)
        else:
            yield from self.modules.cases(unit.label, unit.dtype, samples, only)

    def unit_of(self, name: str) -> tuple[Unit, int]:
        """The unit that makes the case of a printed name, and the sample's number in it."""
        operator, dtype, index = name.rsplit(":", 2)
        if dtype in ("directed", "found", DOCSTRING):
            source = "docstrings" if dtype == DOCSTRING else dtype
            return Unit(source, operator, dtype), int(index)
        label, _, form = operator.partition("[")
        form, _, layout = form.rstrip("]").partition(", ")
        form = form.split(" ")[0] or "function"
        source, form = self.source_of(label, dtype, form)
        return Unit(source, label, dtype, form, layout or MIXED), int(index)

    def source_of(self, label: str, dtype: str, form: str) -> tuple[str, str]:
        for catalogue, name in ((self.modules.modules, "module"), (self.modules.optimizers, "optimizer")):
            if label in catalogue:
                return (f"{name}-errors" if dtype == "errors" else f"{name}s"), "function"
        return ("errors" if dtype == "errors" else "opinfo"), form

    def find(self, name: str) -> Case:
        """The case of a printed name; LookupError when there is none."""
        try:
            unit, index = self.unit_of(name)
            for case in self.cases(unit, frozenset((index,))):
                if case.name == name:
                    return case
        except (Unreachable, KeyError, IndexError, AttributeError, ValueError) as error:
            raise LookupError(f"no case {name}: {error}") from error
        raise LookupError(f"no case {name}")


def picked(cases: Iterator[Case], only: frozenset[int] | None) -> Iterator[Case]:
    return (case for case in cases if only is None or case.index in only)


def in_layout(case: Case, layout: str) -> Case:
    """The case with its inputs in a memory layout: in the one its name draws, or in one that its name says.

    `add[function, strided]:float32:3` is strided, `add:float32:3` is what it has drawn.
    """
    if layout == MIXED:
        return replace(case, program=relayout(case.program, drawn(case.name, DRAWN)))
    label, _, form = case.operator.partition("[")
    named = f"{label}[{form.rstrip(']') or 'function'}, {layout}]"
    return replace(case, operator=named, program=relayout(case.program, layout))
