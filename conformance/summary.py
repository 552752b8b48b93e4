"""What a run found, counted: per aspect, per layer, per operator."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from conformance.layers import BAD, COUNTED, worst
from conformance.runner import Result


@dataclass
class Row:
    """A layer or an aspect: the mean over operators of the share that passes, and who answered at all."""

    counts: dict[str, int] = field(default_factory=dict)
    shares: dict[str, list[int]] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)

    def add(self, operator: str, status: str) -> None:
        self.counts[status] = self.counts.get(status, 0) + 1
        if status in COUNTED:
            pair = self.shares.setdefault(operator, [0, 0])
            pair[0] += status == "pass"
            pair[1] += 1
        if status not in ("missing", "unsupported"):
            self.answered.add(operator)

    @property
    def score(self) -> float | None:
        """In [0, 1]; None where nothing counts."""
        if not self.shares:
            return None
        return sum(good / total for good, total in self.shares.values()) / len(self.shares)

    @property
    def coverage(self) -> float | None:
        """The share of the operators that gave any answer but 'missing' or 'unsupported'."""
        if not self.shares:
            return None
        return len(self.answered & set(self.shares)) / len(self.shares)


@dataclass
class Summary:
    """The results of a run, and the entries that could not be replayed at all."""

    results: list[Result] = field(default_factory=list)
    unreachable: dict[str, str] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        self.results.append(result)

    def aspects(self) -> dict[str, Row]:
        rows: dict[str, Row] = {}
        for result in self.results:
            for aspect, verdict in result.verdicts.items():
                rows.setdefault(aspect, Row()).add(result.operator, verdict.status)
        return rows

    def layers(self) -> dict[str, Row]:
        """A case passes in a layer when all of its aspects there do."""
        rows: dict[str, Row] = {}
        for result in self.results:
            for layer, verdicts in result.layers().items():
                status = worst(verdict.status for verdict in verdicts)
                rows.setdefault(layer, Row()).add(result.operator, status)
        return rows

    def differences(self) -> Iterator[tuple[Result, str]]:
        """Each result with each of its aspects that is bad."""
        for result in self.results:
            for aspect, verdict in result.verdicts.items():
                if verdict.status in BAD:
                    yield result, aspect

    def operators(self) -> int:
        return len({result.operator.partition("[")[0] for result in self.results})

    def clean(self) -> bool:
        """Whether everything that was compared agrees, or differs in a way that is written down."""
        return bool(self.results) and next(self.differences(), None) is None

    def corpus_hash(self) -> str:
        """A hash of all programs and inputs, whatever order they came in."""
        made = hashlib.blake2b(digest_size=16)
        for text in sorted(f"{result.case} {result.digest}" for result in self.results):
            made.update(text.encode())
        return made.hexdigest()
