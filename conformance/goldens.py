"""Programs with torch's results as a file, so that an implementation can be judged where there is no PyTorch.

The file is a zip of pickles: read only files you trust. Large results are kept as hashes where they must be exact, and
as a fixed sample of their elements where they are floats. The float64 oracle travels as its distance from torch's
result, and where rounding alone moves a result further than the tolerance allows, how far it does.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import sys
import zipfile
from concurrent.futures import ProcessPoolExecutor
from copy import copy
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from conformance.cases import Case, Unit
from conformance.compare import EPSILON, Verdict, is_float, tolerance, yardstick
from conformance.corpus import Corpus, Selection
from conformance.engine import load, reference
from conformance.judge import Judge
from conformance.known import KnownDifferences, reference_crashes
from conformance.observe import Observation, Plan, TensorSeen
from conformance.oracle import Oracle, pick
from conformance.portable import pack, unpack
from conformance.program import Array, TensorData, Unencodable, readable
from conformance.report.progress import Progress
from conformance.runner import Result, digest, script_of
from conformance.sources.opinfo import Unreachable
from conformance.summary import Summary

SCHEMA_VERSION = 3
# results of more bytes are condensed to a hash or to so many elements
LARGE = 4 * 1024
SAMPLE = 256
# cases with inputs of more bytes do not travel
HUGE = 256 * 1024
GROUPS = ("outputs", "processed", "gradients", "second", "tangents")
Place = tuple[str, int]


@dataclass
class Golden:
    """A case, torch's run of it, and what is known about the truth of each float result."""

    case: Case
    seen: Observation
    # torch minus the oracle, in half precision and units of the largest such difference in the tensor
    deviation: dict[Place, Array] = field(default_factory=dict)
    # what rounding alone may move the result by, where that is more than the tolerance: its binary logarithm
    shift: dict[Place, Array] = field(default_factory=dict)
    scale: dict[Place, float] = field(default_factory=dict)
    condensed: frozenset[Place] = frozenset()
    unchanged: tuple[int, ...] = ()


def condense(values: Array) -> Array:
    """A hash of what must be exact; the same elements of every float array of this size."""
    if not is_float(values):
        return np.frombuffer(hashlib.blake2b(values.tobytes(), digest_size=16).digest(), np.uint8)
    places = np.random.default_rng(values.size).integers(0, values.size, SAMPLE)
    return values.reshape(-1)[np.sort(places)]


def places(seen: Observation) -> list[tuple[Place, TensorSeen]]:
    """Every tensor of a run that has numbers."""
    found: list[tuple[Place, TensorSeen]] = []
    for group in GROUPS:
        tensors = getattr(seen, group)
        for index, tensor in enumerate(tensors if isinstance(tensors, list) else []):
            if tensor is not None and tensor.values is not None:
                found.append(((group, index), tensor))
    return found


def contents(data: TensorData) -> Array:
    """The numbers of an input, without any library."""
    flat = readable(data.storage, data.dtype)
    steps = tuple(step * flat.itemsize for step in data.stride)
    values = (
        np.lib.stride_tricks.as_strided(flat[data.offset :], data.shape, steps)
        if flat.size
        else flat.reshape(data.shape)
    )
    values = np.conj(values) if data.conj else values
    return np.array(-values if data.negative else values)


def make_golden(judge: Judge, case: Case) -> Golden | None:
    """None for a case whose answer under torch is no reference."""
    seen = judge.observe(judge.reference, case)
    if seen.error is not None and seen.error.stage not in ("call", "resolve"):
        return None
    golden = Golden(case, seen)
    if seen.error is None and not case.undefined_values:
        oracle = judge.oracle(case, seen)
        # the runs that go furthest first: they have the others' results, too
        for (group, index), tensor in reversed(places(seen)):
            keep_truth(golden, oracle, group, index, tensor)
    same = []
    for index, (data, after) in enumerate(zip(case.program.tensors(), seen.inputs_after, strict=False)):
        before = contents(data)
        if after is not None and before.shape == after.shape and before.tobytes() == after.tobytes():
            same.append(index)
    golden.unchanged = tuple(same)
    seen.inputs_after = [None if i in same else array for i, array in enumerate(seen.inputs_after)]
    large = [(place, tensor) for place, tensor in places(seen) if size_of(tensor) > LARGE]
    for place, tensor in large:
        assert tensor.values is not None
        if place in golden.deviation:
            kept = golden.deviation[place]
            parts = [kept] if tensor.values.dtype.kind == "f" else [kept[..., 0], kept[..., 1]]
            parts = [condense(part) for part in parts]
            golden.deviation[place] = parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)
        if place in golden.shift:
            golden.shift[place] = condense(golden.shift[place])
        tensor.values = condense(tensor.values)
    golden.condensed = frozenset(place for place, _ in large)
    seen.random_state = state_hash(seen)
    return golden


def state_hash(seen: Observation) -> bytes | None:
    """Of the random state after a draw; without one there is nothing to compare."""
    if seen.random_state is None or not seen.random_used:
        return None
    return hashlib.blake2b(seen.random_state, digest_size=16).digest()


def size_of(tensor: TensorSeen) -> int:
    return 0 if tensor.values is None else tensor.values.nbytes


def keep_truth(golden: Golden, oracle: Oracle, group: str, index: int, tensor: TensorSeen) -> None:
    values, place = tensor.values, (group, index)
    if values is None or not is_float(values) or not values.size:
        return
    true = pick(oracle.observation(), group, index)
    true, dtype = yardstick(values, true, tensor.dtype, golden.case.dtype)
    if true is not None:
        with np.errstate(all="ignore"):
            apart = values.astype(true.dtype) - true
        parts = apart if apart.dtype.kind == "f" else np.stack([apart.real, apart.imag], axis=-1)
        scale = float(np.max(np.abs(parts), where=np.isfinite(parts), initial=0.0)) or 1.0
        golden.deviation[place] = (parts / scale).astype(np.float16)
        golden.scale[place] = scale
    centre = (
        true if true is not None else values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)
    )
    if golden.seen.random_used and golden.case.dtype not in EPSILON:
        return
    moved = oracle.shift(centre, group, index, true is not None, 1.0)
    allowed = tolerance(values, true, dtype)
    if np.any(moved > allowed / 4.0):
        with np.errstate(all="ignore"):
            golden.shift[place] = np.log2(moved).astype(np.float16)


class StoredOracle(Oracle):
    """The oracle of a golden: nothing is run."""

    def __init__(self, golden: Golden) -> None:
        self.golden = golden
        self.made: Observation | None = None

    def observation(self) -> Observation | None:
        if self.made is None:
            self.made = Observation()
            for group in GROUPS:
                tensors = getattr(self.golden.seen, group)
                if isinstance(tensors, list):
                    setattr(
                        self.made, group, [self.true(group, i, tensor) for i, tensor in enumerate(tensors)]
                    )
        return self.made

    def true(self, group: str, index: int, tensor: TensorSeen | None) -> TensorSeen | None:
        kept = self.golden.deviation.get((group, index))
        if kept is None or tensor is None or tensor.values is None:
            return None
        wide = np.complex128 if tensor.values.dtype.kind == "c" else np.float64
        apart = kept.astype(np.float64) * self.golden.scale[group, index]
        if wide is np.complex128:
            apart = apart[..., 0] + 1j * apart[..., 1]
        with np.errstate(all="ignore"):
            values = tensor.values.astype(wide) - apart
        return replace(tensor, dtype=np.dtype(wide).name, values=values)

    def excuses(self, x: Array, t: Array, o: Array | None, group: str, index: int) -> bool:
        """Whether the difference is within what rounding alone does, as it was measured when the file was made."""
        kept = self.golden.shift.get((group, index))
        if kept is None or kept.shape != t.shape:
            return False
        with np.errstate(all="ignore"):
            shift = np.exp2(kept.astype(np.float64))
            allowed = 4.0 * np.maximum(shift, float(np.sqrt(np.mean(shift**2))))
            error = np.abs(x.astype(np.complex128) - t.astype(np.complex128))
            return bool(((error <= allowed) | (x == t) | (np.isnan(x) & np.isnan(t))).all())


class GoldenJudge(Judge):
    """Judges by a golden instead of by running torch."""

    golden: Golden

    def oracle(self, case: Case, t: Observation) -> Oracle:
        return StoredOracle(self.golden)

    def judge_golden(self, golden: Golden) -> dict[str, Verdict]:
        self.golden = golden
        case, t = golden.case, copy(golden.seen)
        target = case.program.target
        if target.function is None and not self.candidate.has(target.path):
            return dict.fromkeys(["exists", *self.owed(case, t)], Verdict("missing", target.path))
        t.inputs_after = list(t.inputs_after)
        for index, data in enumerate(case.program.tensors()):
            if index in golden.unchanged:
                t.inputs_after[index] = contents(data)
        x = self.observe(self.candidate, case)
        for place, tensor in places(x):
            if place in golden.condensed and tensor.values is not None and tensor.values.size:
                tensor.values = condense(tensor.values)
        x.random_state = state_hash(x)
        return self.compare(case, x, t)


def goldens_of(selection: Selection, unit: Unit) -> bytes:
    """One unit's goldens as bytes; empty where there are none."""
    global corpus
    if corpus is None:
        corpus = Corpus(reference(), selection)
    judge = Judge(corpus.reference, corpus.reference, Plan())
    crashes = [pattern for pattern, _ in reference_crashes()]
    found: list[bytes] = []
    try:
        for case in corpus.cases(unit):
            if not case.replayable or any(fnmatchcase(case.name, pattern) for pattern in crashes):
                continue
            if sum(data.storage.nbytes for data in case.program.tensors()) > HUGE:
                continue
            try:
                golden = make_golden(judge, case)
                if golden is not None:
                    found.append(pack(golden))
            except Unencodable:
                continue
    except Unreachable:
        return b""
    return pack(found) if found else b""


# made before the processes fork, and shared by them
corpus: Corpus | None = None


def export(selection: Selection, output: Path, jobs: int) -> int:
    """Write the file; its size and number of cases are printed."""
    global corpus
    corpus = Corpus(reference(), selection)
    corpus.load()
    units = corpus.units()
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    count = 0
    with (
        Progress("exporting", len(units)) as progress,
        ProcessPoolExecutor(max(jobs, 1), context) as pool,
        zipfile.ZipFile(output, "w", zipfile.ZIP_LZMA) as file,
    ):
        futures = [pool.submit(goldens_of, selection, unit) for unit in units]
        for number, (unit, future) in enumerate(zip(units, futures, strict=True)):
            content = future.result()
            if content:
                count += len(unpack(content))
                file.writestr(f"{number:05d}", content)
            progress.advance(unit.label)
        about = {
            "schema_version": SCHEMA_VERSION,
            "torch_version": str(corpus.reference.module.__version__),
            "seed": selection.seed,
            "sources": list(selection.sources),
            "dtypes": list(selection.dtypes),
            "samples": selection.samples,
            "cases": count,
        }
        file.writestr("about.json", json.dumps(about))
    print(f"{count} cases, {output.stat().st_size / 1e6:.1f} MB: {output}")
    return 0 if count else 1


def judge_goldens(
    path: Path, implementation: str, operators: str | None, timeout: float
) -> tuple[Summary, dict[str, Any]]:
    """The implementation against the file; PyTorch is neither needed nor imported."""
    candidate = load(implementation)
    judge = GoldenJudge(candidate, candidate, Plan(), timeout)
    judge.printer = None
    known, summary = KnownDifferences(implementation), Summary()
    wanted = [part.strip() for part in (operators or "*").split(",")]
    with zipfile.ZipFile(path) as file:
        about = json.loads(file.read("about.json"))
        if about["schema_version"] != SCHEMA_VERSION:
            raise SystemExit(f"{path} has schema version {about['schema_version']}; this is {SCHEMA_VERSION}")
        names = [name for name in file.namelist() if name != "about.json"]
        with Progress("judging", len(names)) as progress:
            for name in names:
                for packed in unpack(file.read(name)):
                    try:
                        golden: Golden = unpack(packed)
                    except Unencodable as reason:
                        summary.unreachable[f"{name}: a function"] = str(reason)
                        continue
                    case = golden.case
                    label = case.operator.partition("[")[0]
                    if not any(fnmatchcase(label, pattern) for pattern in wanted):
                        continue
                    verdicts = judge.judge_golden(golden)
                    verdicts = {
                        key: known.apply(case.name, key, verdict) for key, verdict in verdicts.items()
                    }
                    summary.add(
                        Result(
                            case.name,
                            case.operator,
                            case.dtype,
                            case.index,
                            verdicts,
                            case.kind,
                            digest(case),
                        )
                    )
                    if any(verdict.status == "fail" for verdict in verdicts.values()):
                        summary.results[-1].script = script_of(case)
                progress.advance(name)
    return summary, {**about, "implementation": implementation, "goldens": path.name}
