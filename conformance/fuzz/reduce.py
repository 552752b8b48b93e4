"""Makes a program that shows a difference as small as it goes, while the difference stays of its kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from conformance.fuzz.lockstep import Difference
from conformance.fuzz.program import Statement, Statements

Run = Callable[[Statements], Difference | None]
LIMIT = 400
ARGUMENT = re.compile(r", [a-z_]+=[^,()]+(?=[,)])")


def reduce(run: Run, statements: Statements, difference: Difference) -> tuple[Statements, Difference]:
    """The smallest program found that has a difference of the same kind, and that difference."""
    best, found, tries = statements, difference, 0
    shrinking = True
    while shrinking and tries < LIMIT:
        shrinking = False
        for smaller in candidates(best):
            tries += 1
            again = run(smaller)
            if again is not None and again.kind == difference.kind:
                best, found, shrinking = smaller, again, True
                break
            if tries >= LIMIT:
                break
    return best, found


def candidates(statements: Statements) -> Iterator[Statements]:
    """Smaller programs: without a statement and all that needs it, without it but its users on its first input, without an option."""
    for place in reversed(range(len(statements))):
        yield without(statements, place)
    for place in reversed(range(len(statements))):
        yield from bypassed(statements, place)
    for place, statement in enumerate(statements):
        for option in ARGUMENT.finditer(statement.text):
            shorter = Statement(statement.text[: option.start()] + statement.text[option.end() :])
            yield (*statements[:place], shorter, *statements[place + 1 :])


def without(statements: Statements, place: int) -> Statements:
    gone = {statements[place].defines} - {None}
    kept = list(statements[:place])
    for statement in statements[place + 1 :]:
        if statement.uses & gone:
            gone |= {statement.defines} - {None}
        else:
            kept.append(statement)
    return tuple(kept)


def bypassed(statements: Statements, place: int) -> Iterator[Statements]:
    name = statements[place].defines
    if name is None:
        return
    for other in sorted(statements[place].uses):
        if other[0] == name[0]:
            later = (statement.renamed(name, other) for statement in statements[place + 1 :])
            yield (*statements[:place], *later)
