"""Torch in a wider dtype, and torch with rounding errors: what is true, and how well it can be known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.cases import Case
from conformance.compare import EPSILON
from conformance.engine import Library, rounding_noise, widened
from conformance.observe import Observation, Plan, TensorSeen, run
from conformance.program import Array, upcast

PERTURBATIONS = 2
# a result that moves further than this under rounding may sit on a jump, which is no excuse for a wrong number ...
JUMP = 1e-2
# ... unless it moves in proportion: under a noise so many times larger, about so many times as far
LARGER = 16.0
# an error so many times larger than what one run under noise allows is not excused by another run
HOPELESS = 256.0
# what a run has to go through to have a group of results
STAGES: dict[str, tuple[str, ...]] = {
    "outputs": (),
    "processed": (),
    "gradients": ("gradients",),
    "second": ("gradients", "second"),
    "tangents": ("forward_mode",),
}


def pick(seen: Observation | None, group: str, index: int, wide: bool = True) -> Array | None:
    """The numbers of one tensor of an observation; with `wide` only if they are in an oracle's dtype."""
    tensors = getattr(seen, group, None) if seen is not None else None
    if not isinstance(tensors, list) or index >= len(tensors) or tensors[index] is None:
        return None
    tensor = tensors[index]
    if wide and tensor.dtype not in ("float64", "complex128"):
        return None
    values: Array | None = tensor.values
    return values


def doubled(tensor: TensorSeen) -> TensorSeen:
    """Numbers of single precision as the double ones that they are."""
    wide = {"float32": "float64", "complex64": "complex128"}.get(tensor.dtype)
    if wide is None or tensor.values is None:
        return tensor
    return replace(tensor, dtype=wide, values=tensor.values.astype(wide))


class Oracle:
    """Runs a case in float64, only once a result is not bit for bit torch's; then, if need be, under noise."""

    def __init__(self, reference: Library, case: Case, plan: Plan, usable: bool) -> None:
        self.reference = reference
        self.case = case
        self.native_plan = replace(plan, alias=False, graph=False, versions=False, text=False)
        self.plan = replace(self.native_plan, default_dtype="float64")
        self.usable = usable
        # its lines say themselves in which dtypes they compute
        self.session = case.kind == "docstring"
        self.cached: Observation | None = None
        self.moved: dict[tuple[bool, float, tuple[str, ...], int], list[Observation]] = {}

    def observation(self) -> Observation | None:
        """The float64 run; None where the random stream or the dtype leaves no wider oracle."""
        if not self.usable:
            return None
        if self.cached is None and self.session:
            with widened(self.reference):
                seen = run(self.reference, self.case.program, self.case.name, self.native_plan)
            seen.outputs = [doubled(tensor) for tensor in seen.outputs]
            self.cached = seen
        if self.cached is None:
            self.cached = run(self.reference, upcast(self.case.program), self.case.name, self.plan)
        return self.cached if self.cached.error is None else None

    def perturbed(self, wide: bool, factor: float, group: str, seed: int) -> list[Observation]:
        """Torch with every operator's results moved by a rounding step, and with its inputs moved likewise.

        Without a wide dtype the case runs in its own, where the same draws come out of the random stream. A run goes
        no further than the group of results that is asked for.
        """
        stages = STAGES[group]
        key = (wide, factor, stages, seed)
        further = [done for done in self.moved if done[:2] == key[:2] and done[3] == seed]
        key = next((done for done in further if set(stages) <= set(done[2])), key)
        if key not in self.moved:
            plan = self.plan if wide else self.native_plan
            plan = replace(
                plan,
                gradients=plan.gradients and "gradients" in stages,
                second=plan.second and "second" in stages,
                forward_mode="forward_mode" in stages,
            )
            epsilon = EPSILON[self.case.dtype] if wide else None
            found: list[Observation] = []
            if epsilon is not None:
                shifted = upcast(self.case.program, np.random.default_rng(seed), factor * epsilon)
                found.append(run(self.reference, shifted, self.case.name, plan))
            program = upcast(self.case.program) if wide else self.case.program
            with rounding_noise(self.reference, seed, factor, epsilon):
                found.append(run(self.reference, program, self.case.name, plan))
            self.moved[key] = [seen for seen in found if seen.error is None]
        return self.moved[key]

    def shift(
        self, centre: Array, group: str, index: int, wide: bool, factor: float, runs: int = PERTURBATIONS
    ) -> Array:
        """How far each element moves under noise."""
        shift = np.zeros(centre.shape)
        for seed in range(runs):
            for seen in self.perturbed(wide, factor, group, seed):
                moved = pick(seen, group, index, wide)
                if moved is None or moved.shape != centre.shape:
                    continue
                with np.errstate(all="ignore"):
                    distance = np.abs(moved.astype(centre.dtype) - centre)
                shift = np.maximum(shift, np.nan_to_num(distance, nan=0.0, posinf=0.0))
        return shift

    def excuses(self, x: Array, t: Array, o: Array | None, group: str, index: int) -> bool:
        """Whether rounding errors alone move the result as far as ours is off: it is ill-conditioned, not wrong."""
        wide = o is not None and not self.session
        centre = o if o is not None else t.astype(np.complex128 if t.dtype.kind == "c" else np.float64)
        # most wrong numbers are wrong by far, and a single run shows it
        if not self.covers(x, t, centre, self.shift(centre, group, index, wide, 1.0, 1), HOPELESS):
            return False
        shift = self.shift(centre, group, index, wide, 1.0)
        if not shift.any() or not self.covers(x, t, centre, shift, 1.0):
            return False
        finite = np.where(np.isfinite(np.abs(centre)), np.abs(centre), 0.0)
        if float(shift.max()) <= JUMP * float(np.max(finite, initial=0.0)):
            return True
        larger = self.shift(centre, group, index, wide, LARGER)
        with np.errstate(all="ignore"):
            ratio = float(np.sqrt(np.mean(larger**2) / np.mean(shift**2)))
        return LARGER / 4.0 <= ratio <= LARGER * 4.0

    def covers(self, x: Array, t: Array, centre: Array, shift: Array, times: float) -> bool:
        """Whether our error is nowhere larger than so many times what the noise does there, or does on average."""
        with np.errstate(all="ignore"):
            # a square that overflows allows everything, as it should
            allowed = 4.0 * times * np.maximum(shift, float(np.sqrt(np.mean(shift**2))))
            allowed = allowed + np.abs(t.astype(centre.dtype) - centre) * 4.0
            error = np.abs(x.astype(centre.dtype) - centre)
            same = (x == t) | (np.isnan(x) & np.isnan(t))
            return bool((same | (error <= allowed)).all())
