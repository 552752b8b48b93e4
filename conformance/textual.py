"""Comparing printed text token by token: numbers with tolerance, addresses forgotten, the rest exactly."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")
NUMBER = re.compile(
    r"[+-]?(?:\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\binf\b|\bnan\b)"
)
TOKEN = re.compile(rf"{NUMBER.pattern}|\w+|[^\w\s]|\s+")
FILE_LINE = re.compile(r'File "[^"]*", line \d+')


@dataclass(frozen=True)
class TextDifference:
    """Where two texts part: the line (from 1) and both lines."""

    line: int
    expected: str
    actual: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}\n  expected: {self.expected}\n  actual:   {self.actual}"


def normalise(text: str) -> str:
    return FILE_LINE.sub('File "...", line ...', ADDRESS.sub("0x...", text))


def same_number(expected: str, actual: str, relative: float, absolute: float) -> bool:
    a, b = float(expected), float(actual)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    # each was rounded to its last printed digit
    rounding = 0.51 * (last_place(expected) + last_place(actual))
    return a == b or abs(a - b) <= max(absolute, relative * abs(a)) + rounding


def last_place(text: str) -> float:
    """The worth of the last printed digit: 0.0001 for 1.2345; nothing for `1.`, which is how whole numbers print."""
    mantissa, _, exponent = text.lower().lstrip("+-").partition("e")
    if mantissa in ("inf", "nan") or mantissa.endswith("."):
        return 0.0
    digits = len(mantissa.partition(".")[2])
    return float(10.0 ** (int(exponent or 0) - digits))


def compare_text(
    expected: str, actual: str, relative: float = 1e-5, absolute: float = 1e-7
) -> TextDifference | None:
    """The first difference, or None."""
    theirs, ours = normalise(expected).splitlines(), normalise(actual).splitlines()
    for number, (one, two) in enumerate(zip(theirs, ours, strict=False), start=1):
        if one == two:
            continue
        reason = compare_line(one, two, relative, absolute)
        if reason:
            return TextDifference(number, one, two, reason)
    if len(theirs) != len(ours):
        place = min(len(theirs), len(ours))
        ends = [lines[place] if place < len(lines) else "(end of output)" for lines in (theirs, ours)]
        return TextDifference(place + 1, ends[0], ends[1], f"{len(ours)} lines for {len(theirs)}")
    return None


def compare_line(expected: str, actual: str, relative: float, absolute: float) -> str:
    theirs, ours = TOKEN.findall(expected), TOKEN.findall(actual)
    reason, _ = compare_tokens(theirs, ours, relative, absolute)
    if not reason:
        return ""
    # a number that crossed zero within the tolerance is printed one column wider: then alone spaces may differ
    packed = [[token for token in tokens if not token.isspace()] for tokens in (theirs, ours)]
    loose, moved = compare_tokens(packed[0], packed[1], relative, absolute)
    return "" if not loose and moved else loose or "other spacing"


def compare_tokens(theirs: list[str], ours: list[str], relative: float, absolute: float) -> tuple[str, bool]:
    """The first difference, and whether any number differed within the tolerance."""
    if len(theirs) != len(ours):
        return "other tokens", False
    moved = False
    for one, two in zip(theirs, ours, strict=True):
        if one == two:
            continue
        if not (NUMBER.fullmatch(one) and NUMBER.fullmatch(two)):
            return f"{two!r} for {one!r}", moved
        if not same_number(one, two, relative, absolute):
            return f"{two} for {one}", moved
        moved = True
    return "", moved
