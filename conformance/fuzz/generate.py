"""Programs as they grow: the next statement is chosen by what the reference holds so far."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.engine import Library
from conformance.fuzz.draw import Draw
from conformance.fuzz.lockstep import Difference, Lockstep, settled
from conformance.fuzz.program import Statement, Statements
from conformance.fuzz.statements import EXPRESSIONS, LINES, Family, computing, elementwise, recording, shapes
from conformance.fuzz.world import LARGEST, NothingFits, World

FAMILIES = (elementwise, shapes, computing, recording)
# how often a line stands where an expression could
LINE = 0.3
SWARM = 0.7
ATTEMPTS = 20


def weighted(families: list[tuple[int, Family]], draw: Draw) -> list[Family]:
    """The families of one program, each as often as its weight says. A program leaves some out, so that the others meet more often
    (swarm testing: Groce et al., ISSTA 2012)."""
    chosen = [(weight, family) for weight, family in families if draw.chance(SWARM)] or families
    return [family for weight, family in chosen for _ in range(weight)]


class Writer:
    """Writes one program, statement by statement, into a world."""

    def __init__(self, draw: Draw, world: World, length: int) -> None:
        self.draw, self.world, self.length = draw, world, length
        self.expressions, self.lines = weighted(EXPRESSIONS, draw), weighted(LINES, draw)

    def statements(self) -> Iterator[Statement]:
        for _ in range(self.draw.integer(1, 3)):
            yield Statement(f"{self.world.fresh()} = {self.world.literal()}")
        for _ in range(self.length):
            found = self.statement()
            if found is not None:
                yield found

    def statement(self) -> Statement | None:
        for _ in range(ATTEMPTS):
            line = self.draw.chance(LINE)
            family = self.draw.choice(self.lines if line else self.expressions)
            try:
                text = family(self.world)
            except NothingFits:
                continue
            return Statement(text if line else f"{self.world.fresh()} = {text}")
        return None


def too_large(world: World) -> bool:
    return any(world.value(name).numel() > LARGEST for name in world.tensors())


def fuzz(
    reference: Library, candidate: Library, draw: Draw, length: int = 10
) -> tuple[Statements, Difference | None]:
    """Write a program and run it on both sides as it grows, up to the first difference."""
    with settled(reference, candidate):
        machine = Lockstep(reference, candidate)
        world = World(draw, reference, machine.theirs.names)
        for statement in Writer(draw, world, draw.integer(2, length)).statements():
            found = machine.step(statement)
            if found is not None:
                return tuple(machine.done), found
            if too_large(world):
                break
        return tuple(machine.done), machine.finish()
