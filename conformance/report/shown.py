"""One case, both results, and the first difference, for a person."""

from __future__ import annotations

from conformance.cases import Case
from conformance.cotangents import cotangent_of
from conformance.layers import BAD, place
from conformance.observe import ErrorSeen, Observation
from conformance.runner import Runner

LINES = 12


def described(seen: Observation) -> list[str]:
    """What a run gave, in a few lines."""
    if seen.error is not None:
        return [str(seen.error)]
    text = seen.text if seen.text is not None else seen.skeleton
    lines = text.splitlines()
    lines = lines[:LINES] + (["..."] if len(lines) > LINES else [])
    for name, group in (("gradient", seen.gradients), ("second", seen.second), ("tangent", seen.tangents)):
        if isinstance(group, ErrorSeen):
            lines.append(f"{name}: {group}")
        elif group is not None:
            for index, tensor in enumerate(group):
                values = "None" if tensor is None or tensor.values is None else str(tensor.values)
                lines += f"{name} {index}: {values}".splitlines()[:LINES]
    return lines


def print_shown(runner: Runner, case: Case) -> bool:
    """True when something differs."""
    if not case.replayable:
        print(f"# {case.program.target.path}")
        return False
    judge = runner.judge
    print(f"\n# cotangents: {cotangent_of(case.name, runner.setup.plan.cotangent)} in memory")
    for library in (judge.reference, judge.candidate):
        print(f"\n# {library.name} gives")
        if case.program.target.function is None and not library.has(case.program.target.path):
            print(f"#   no {case.program.target.path}")
            continue
        print("\n".join("#   " + line for line in described(judge.observe(library, case))))
    result = runner.result(case)
    ordered = sorted(result.verdicts, key=place)
    bad = [aspect for aspect in ordered if result.verdicts[aspect].status in BAD]
    print(
        "\n# " + (f"first difference: {bad[0]}: {result.verdicts[bad[0]].detail}" if bad else "no difference")
    )
    for aspect in ordered:
        verdict = result.verdicts[aspect]
        print(f"#   {aspect}: {verdict.status} {' '.join(verdict.detail.split())[:160]}".rstrip())
    return bool(bad)
