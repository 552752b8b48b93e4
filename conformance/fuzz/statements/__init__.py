"""Families of statements. Each is a function from a world to the text of an expression or statement, with a weight."""

from __future__ import annotations

from collections.abc import Callable

from conformance.fuzz.world import World

Family = Callable[[World], str]
# an expression becomes a variable; a family of whole statements gives the line as it is
EXPRESSIONS: list[tuple[int, Family]] = []
LINES: list[tuple[int, Family]] = []


def expression(weight: int) -> Callable[[Family], Family]:
    """Register a family whose text is an expression."""

    def register(family: Family) -> Family:
        EXPRESSIONS.append((weight, family))
        return family

    return register


def line(weight: int) -> Callable[[Family], Family]:
    """Register a family whose text is a whole statement."""

    def register(family: Family) -> Family:
        LINES.append((weight, family))
        return family

    return register
