"""Files that a person can hold in the head, and that speak of the project only."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("tinytorch", "conformance", "tests", "benchmarks", "examples", "docs", ".ci")
SUFFIXES = {".py", ".md", ".toml", ".csv", ".txt", ".cfg", ""}
# About 400 lines are the aim; no file may grow beyond the longest there is, so this number only falls.
LONGEST = 650

FILES = sorted(
    [path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*") if path.is_file()]
    + [path for path in REPOSITORY.glob("*") if path.is_file() and path.name != ".git"]
)
TEXTS = [path for path in FILES if path.suffix in SUFFIXES and "__pycache__" not in path.parts]
PYTHON = [path for path in TEXTS if path.suffix == ".py"]

# Where the project was written is no part of it: paths of one computer, and unfinished work.
FOREIGN = re.compile(
    "|".join(
        (
            "/" + "work/",
            "/" + "tmp/v/",
            "/" + "home/",
            "TO" + "DO",
            "FIX" + "ME",
            "XX" + "X\\b",
            "HA" + "CK\\b",
        )
    )
)


def named(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def test_length() -> None:
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_nothing_foreign() -> None:
    found = [
        f"{named(path)}:{number}: {line}"
        for path in TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert found == []


def test_annotations_are_not_evaluated() -> None:
    """``from __future__ import annotations`` wherever there is a function; the examples are programs as users write them."""
    texts = {named(path): path.read_text(encoding="utf-8") for path in PYTHON if "examples" not in path.parts}
    lacking = [
        name
        for name, text in texts.items()
        if "def " in text and "from __future__ import annotations" not in text
    ]
    assert lacking == []
