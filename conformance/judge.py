"""One case, judged layer by layer: torch's run beside the implementation's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.cases import Case
from conformance.compare import (
    EPSILON,
    ERROR_LEVELS,
    PASS,
    Verdict,
    compare_errors,
    compare_strides,
    compare_values,
    compare_versions,
    compare_warnings,
    is_float,
    is_movement,
    yardstick,
)
from conformance.engine import Library, poisoned_memory
from conformance.observe import ErrorSeen, Observation, Plan, TensorSeen, Timeout, alarm, run
from conformance.oracle import Oracle, pick
from conformance.printed import compare_printed
from conformance.program import readable
from conformance.remote import Remote

# longer structures are shown from where they differ
SKELETON_LIMIT = 300
STATEMENT = re.compile(r"(?<=, )\d+ |left: ")


class Judge:
    """Compares one case's two observations. The candidate is a library here or one in a process of its own."""

    def __init__(
        self,
        reference: Library,
        candidate: Library | Remote,
        plan: Plan | None = None,
        timeout: float = 30.0,
        announce: Callable[[list[str]], None] | None = None,
    ) -> None:
        self.reference = reference
        self.candidate = candidate
        self.plan = plan or Plan()
        self.timeout = timeout
        # prints the candidate's numbers; None where there is no torch
        self.printer: Library | None = reference
        self.last_seen = Observation()
        # of the case that was judged last: it is judged again when it fails
        self.last_oracle: Oracle | None = None
        # told the aspects that the candidate owes, before the candidate runs
        self.announce = announce

    def judge(self, case: Case) -> dict[str, Verdict]:
        """Every layer's verdict; an absent layer does not apply to the case."""
        t = self.last_seen = self.observe(self.reference, case)
        owed = self.owed(case, t)
        if self.announce is not None:
            self.announce(owed)
        if self.lacks(case):
            return dict.fromkeys(["exists", *owed], Verdict("missing", case.calls or ""))
        if t.error is not None:
            if t.error.kind == "timeout":
                return {"outcome": Verdict("ill-defined", f"reference: {t.error}")}
            if t.error.stage not in ("call", "resolve") or (
                t.error.kind == "missing" and not case.expects_error
            ):
                return {"outcome": Verdict("ill-defined", f"reference: {t.error}")}
        return self.compare(case, self.observe(self.candidate, case), t)

    def again(self, case: Case, first: dict[str, Verdict]) -> dict[str, Verdict]:
        """The verdicts of a case just judged, where something failed, after both sides ran once more.

        Where torch itself gives another answer in other memory, there is none to compare with; where only the
        implementation does, it is flaky.
        """
        t = self.last_seen
        with poisoned_memory():
            steady = self.compare(case, self.observe(self.reference, case), t)
        second = self.compare(case, self.observe(self.candidate, case), t)
        verdicts = dict(first)
        for aspect, verdict in first.items():
            if verdict.status != "fail":
                continue
            # numbers that are not the same again may be printed within what they are apart
            alike = (aspect, "values") if aspect == "text" else (aspect,)
            unsteady = next((steady[one] for one in alike if one in steady and steady[one] != PASS), None)
            if unsteady is not None:
                verdicts[aspect] = Verdict("ill-defined", f"torch gives another result: {unsteady.detail}")
            elif second.get(aspect, verdict).status != "fail":
                verdicts[aspect] = Verdict("flaky", f"not the second time: {verdict.detail}")
        return verdicts

    def compare(self, case: Case, x: Observation, t: Observation) -> dict[str, Verdict]:
        """The verdicts of the candidate's run x beside torch's run t."""
        verdicts = {} if case.program.target.function is not None else {"exists": PASS}
        if t.error is not None:
            verdicts.update(compare_errors(x, t.error, case.pattern))
            if compare_state(x, t) != PASS:
                verdicts["state"] = compare_state(x, t)
            return verdicts
        if x.error is not None:
            status = "fail" if x.error.kind == "error" else x.error.kind
            if status == "fail" and x.error.stage == "build inputs":
                # the operator was never asked: no answer, and no wrong one
                status = "unsupported"
            verdict = Verdict(
                status, f"{x.error}" + ("" if x.error.stage == "call" else f" [{x.error.stage}]")
            )
            if status == "missing" and x.error.stage == "resolve":
                verdicts["exists"] = verdict
            return {**verdicts, **dict.fromkeys(self.owed(case, t), verdict)}
        verdicts["outcome"] = PASS
        verdicts.update(self.values(case, x, t))
        return verdicts

    def observe(self, library: Library | Remote, case: Case) -> Observation:
        if isinstance(library, Remote):
            return library.observe(case.program, case.name, self.plan, self.timeout)
        try:
            with alarm(self.timeout):
                return run(library, case.program, case.name, self.plan)
        except Timeout as error:
            return Observation(error=ErrorSeen("Timeout", str(error), "timeout", "call"))

    def lacks(self, case: Case) -> bool:
        """Whether the candidate does not have the public name that the case calls."""
        return case.replayable and case.calls is not None and not self.candidate.has(case.calls)

    def owed(self, case: Case, t: Observation) -> list[str]:
        """The aspects in which a candidate without an answer has none."""
        if t.error is not None:
            return list(ERROR_LEVELS) if t.error.stage == "call" else []
        aspects = ["outcome", "structure", "dtype", "shape", "strides"]
        if not case.undefined_values:
            aspects.append("values")
        if self.plan.text and t.text is not None and not isinstance(t.processed, list):
            aspects.append("text")
        if t.random_used:
            aspects.append("random")
        if t.warnings:
            aspects.append("warnings")
        if isinstance(t.gradients, list):
            aspects += ["requires_grad", "gradient"]
        if self.plan.graph and any(tensor.requires_grad for tensor in t.outputs):
            aspects.append("grad_fn")
        if t.versions:
            aspects.append("versions")
        if isinstance(t.second, list):
            aspects.append("second")
        if isinstance(t.tangents, list):
            aspects.append("forward_mode")
        return aspects

    def oracle(self, case: Case, t: Observation) -> Oracle:
        """What is true, for a case whose run under torch was t."""
        usable = case.kind == "docstring" or (not t.random_used and case.dtype in EPSILON)
        known = self.last_oracle
        if known is None or known.case is not case or known.usable != usable:
            self.last_oracle = known = Oracle(self.reference, case, self.plan, usable)
        return known

    def values(self, case: Case, x: Observation, t: Observation) -> dict[str, Verdict]:
        """The layers of a pair of runs that both returned."""
        verdicts: dict[str, Verdict] = {}
        if x.skeleton != t.skeleton:
            other = verdicts["structure"] = compare_skeletons(x.skeleton, t.skeleton)
            if len(x.outputs) != len(t.outputs) or len(x.scalars) != len(t.scalars):
                return {**verdicts, **dict.fromkeys(self.owed(case, t)[2:], other)}
        else:
            verdicts["structure"] = PASS
        oracle = self.oracle(case, t)
        pairs = list(enumerate(zip(x.outputs, t.outputs, strict=True)))

        def first(texts: Iterator[tuple[int, str]]) -> Verdict:
            for index, text in texts:
                if text:
                    return Verdict("fail", (f"output{t.labels[index]}: " if len(pairs) > 1 else "") + text)
            return PASS

        verdicts["dtype"] = first(
            (index, f"{a.dtype} for {b.dtype}" if a.dtype != b.dtype else "") for index, (a, b) in pairs
        )
        verdicts["shape"] = first(
            (index, f"{a.shape} for {b.shape}" if a.shape != b.shape else "") for index, (a, b) in pairs
        )
        verdicts["strides"] = first((index, compare_strides(a, b)) for index, (a, b) in pairs)
        verdicts["values"] = self.forward(case, x, t, oracle)
        verdicts["mutation"] = self.mutation(case, x, t)
        verdicts["state"] = compare_state(x, t)
        verdicts["warnings"] = compare_warnings(x, t)
        verdicts["aliasing"] = PASS
        if x.aliases != t.aliases:
            extra, lost = sorted(x.aliases - t.aliases), sorted(t.aliases - x.aliases)
            words = [f"{a} shares {b}" for a, b in extra] + [f"{a} does not share {b}" for a, b in lost]
            verdicts["aliasing"] = Verdict("fail", "; ".join(words))
        verdicts["requires_grad"] = first(
            (index, f"requires_grad {a.requires_grad}" if a.requires_grad != b.requires_grad else "")
            for index, (a, b) in pairs
        )
        if self.plan.graph and any(b.requires_grad for _, (_, b) in pairs):
            verdicts["grad_fn"] = first((index, compare_graph(a, b)) for index, (a, b) in pairs)
        if t.random_used or x.random_used:
            same = x.random_state == t.random_state
            verdicts["random"] = PASS if same else Verdict("fail", "another random state afterwards")
        if self.plan.gradients and (t.gradients is not None or x.gradients is not None):
            verdicts["gradient"] = self.derivatives(case, x.gradients, t.gradients, "gradients", oracle)
        if (
            self.plan.second
            and isinstance(t.gradients, list)
            and (t.second is not None or x.second is not None)
        ):
            verdicts["second"] = self.derivatives(case, x.second, t.second, "second", oracle)
        if t.versions:
            wrong = compare_versions(x, t)
            verdicts["versions"] = Verdict("fail", wrong) if wrong else PASS
        if t.text is not None and t.processed is None and verdicts["values"].status != "ill-defined":
            wrong = compare_printed(x, t, self.printer, case.program)
            verdicts["text"] = Verdict("fail", wrong) if wrong else PASS
        if self.plan.forward_mode and (t.tangents is not None or x.tangents is not None):
            verdicts["forward_mode"] = self.derivatives(case, x.tangents, t.tangents, "tangents", oracle)
        return {layer: verdict for layer, verdict in verdicts.items() if verdict.status != "not applicable"}

    def forward(self, case: Case, x: Observation, t: Observation, oracle: Oracle) -> Verdict:
        """Scalars, then each tensor's numbers (after OpInfo's gauge-free form where it has one)."""
        if case.undefined_values:
            return Verdict("ill-defined", "values are not defined")
        wrong = [(a, b) for a, b in zip(x.scalars, t.scalars, strict=True) if not same_scalar(a, b)]
        if wrong:
            first, count = wrong[0], len(t.scalars)
            return Verdict(
                "fail",
                f"{first[0]!r} for {first[1]!r}" + (f"; {len(wrong)}/{count} wrong" if count > 1 else ""),
            )
        group, xs, ts = "outputs", x.outputs, t.outputs
        if isinstance(t.processed, list):
            if not isinstance(x.processed, list):
                return from_error(x.processed)
            group, xs, ts = "processed", x.processed, t.processed
        # an output that is a written-to input holds new numbers; any other shared memory holds old ones
        written = {second.partition(" is")[0] for _, second in t.aliases if second.endswith("same object")}
        aliased = {second for first, second in t.aliases if first.startswith("input")} - written
        sources = [readable(data.storage, data.dtype) for data in case.program.tensors()]
        worst = PASS
        for index, (a, b) in enumerate(zip(xs, ts, strict=False)):
            if a.values is None or b.values is None:
                continue
            # a deterministic result made of input values only is a copy, and copies are exact
            exact = f"output {index}" in aliased and group == "outputs"
            same = a.values.shape == b.values.shape and a.values.tobytes() == b.values.tobytes()
            if not (same or exact or t.random_used) and is_movement(b.values, sources):
                # coarse rounding can bring a computed value back to an input's, which the oracle tells apart
                true = pick(oracle.observation(), group, index)
                exact = true is None or is_movement(true, sources)
            verdict = self.numbers(case, a, b, group, index, oracle, exact)
            if verdict.status == "fail":
                label = t.labels[index] if group == "outputs" else f" {index}, gauge removed"
                prefix = f"output{label}: " if len(ts) > 1 else ""
                return Verdict("fail", prefix + verdict.detail)
            worst = verdict if verdict.status != "pass" else worst
        return worst

    def numbers(
        self,
        case: Case,
        a: TensorSeen,
        b: TensorSeen,
        group: str,
        index: int,
        oracle: Oracle,
        exact: bool = False,
    ) -> Verdict:
        """One tensor's numbers under the tolerance policy."""
        assert a.values is not None and b.values is not None
        if a.values.shape == b.values.shape and a.values.tobytes() == b.values.tobytes():
            return PASS
        if not is_float(b.values) or a.values.shape != b.values.shape or exact:
            text = compare_values(a.values, b.values, None, b.dtype, exact)
            return Verdict("fail", text) if text else PASS
        o, dtype = yardstick(b.values, pick(oracle.observation(), group, index), b.dtype, case.dtype)
        text = compare_values(a.values, b.values, o, dtype, exact)
        if not text:
            return PASS
        if is_float(a.values) and oracle.excuses(a.values, b.values, o, group, index):
            return Verdict("ill-defined", "ill-conditioned: " + text)
        return Verdict("fail", text)

    def mutation(self, case: Case, x: Observation, t: Observation) -> Verdict:
        """Inputs after the call: an operator that scribbles on them, or does not write where torch does."""
        returned = {int(first.split()[1]) for first, second in t.aliases if second.endswith("same object")}
        for index, (a, b) in enumerate(zip(x.inputs_after, t.inputs_after, strict=True)):
            # an input that is returned is compared with the results
            if a is None or b is None or index in returned or case.undefined_values:
                continue
            text = compare_values(a, b, None, str(b.dtype), exact=False)
            if text:
                return Verdict("fail", f"input {index} afterwards: {text}")
        return PASS

    def derivatives(self, case: Case, x: Any, t: Any, group: str, oracle: Oracle) -> Verdict:
        """Gradients position by position; None and zeros are different answers."""
        if isinstance(t, ErrorSeen):
            # torch cannot differentiate this either: an answer where it has none is not judged
            if isinstance(x, ErrorSeen) or x is None:
                return Verdict("not applicable")
            return Verdict("ill-defined", f"torch: {t}")
        if isinstance(x, ErrorSeen):
            return from_error(x)
        if x is None or t is None:
            return Verdict("fail", "no gradient" if x is None else "a gradient where torch has none")
        worst = PASS
        for index, (a, b) in enumerate(zip(x, t, strict=False)):
            verdict = self.derivative(case, a, b, group, index, oracle)
            if verdict.status == "fail":
                return Verdict(
                    "fail", f"{'output' if group == 'tangents' else 'input'} {index}: {verdict.detail}"
                )
            worst = verdict if verdict.status != "pass" else worst
        return worst if len(x) == len(t) else Verdict("fail", f"{len(x)} gradients for {len(t)}")

    def derivative(
        self, case: Case, a: TensorSeen | None, b: TensorSeen | None, group: str, index: int, oracle: Oracle
    ) -> Verdict:
        if a is None or b is None:
            if a is None and b is None:
                return PASS
            return Verdict("fail", "None for a tensor" if a is None else "a tensor for None")
        if a.dtype != b.dtype or a.shape != b.shape:
            return Verdict("fail", f"{a.dtype}{list(a.shape)} for {b.dtype}{list(b.shape)}")
        if a.values is None or b.values is None or case.undefined_values:
            return PASS
        return self.numbers(case, a, b, group, index, oracle)


def compare_state(x: Observation, t: Observation) -> Verdict:
    """Global switches after the call."""
    wrong = [line for line in x.state if line not in t.state and t.state]
    return Verdict("fail", f"left behind: {', '.join(wrong)}") if wrong else PASS


def compare_skeletons(x: str, t: str) -> Verdict:
    """Two structures that differ, from the part on where they do; what a session lacks is no wrong answer."""
    absent = [
        kind
        for kind in ("missing", "unsupported")
        if x.count(f": {kind.title()}(") > t.count(f": {kind.title()}(")
    ]
    if len(x) > SKELETON_LIMIT:
        part = next((place for place, (a, b) in enumerate(zip(x, t, strict=False)) if a != b), 0)
        part = max((found.start() for found in STATEMENT.finditer(x, 0, part + 1)), default=0)
        x, t = x[part:], t[part:]
    return Verdict(absent[0] if absent else "fail", f"{x[:SKELETON_LIMIT]} for {t[:SKELETON_LIMIT]}")


def same_scalar(a: Any, b: Any) -> bool:
    """Python values: the same type and text, floats within a rounding of float32."""
    if type(a) is type(b) and repr(a) == repr(b):
        return True
    floats = isinstance(a, float) and isinstance(b, float)
    return floats and bool(np.isclose(a, b, rtol=1.3e-6, atol=0.0, equal_nan=True))


def from_error(error: ErrorSeen | None) -> Verdict:
    if error is None:
        return Verdict("fail", "no result")
    return Verdict("fail" if error.kind == "error" else error.kind, f"{error} [{error.stage}]")


def compare_graph(a: TensorSeen, b: TensorSeen) -> str:
    """The node's name, then the graph behind it."""
    if a.node != b.node:
        return f"{a.node or None} for {b.node or None}"
    if a.graph != b.graph:
        for mine, theirs in zip(a.graph, b.graph, strict=False):
            if mine != theirs:
                return f"graph: {mine} for {theirs}"
        return f"graph: {len(a.graph)} nodes for {len(b.graph)}"
    return ""
