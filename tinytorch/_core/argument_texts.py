"""torch's texts for arguments that fit none of a function's signatures.

torch compares the arguments with what it reads back from the printed signatures, not with the signatures themselves. Two things
follow that a reader of its messages should know: the star between positional and keyword parameters counts as a parameter, and a
parameter with a default value is taken for one named like that value, whose type nothing has. Observed on torch 2.13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .sealed import type_name

if TYPE_CHECKING:
    from .signature import PythonSignature

_WORD = (1 << 64) - 1
_MULTIPLIER = 0xC6A4A7935BD1E995


def report(
    name: str, signatures: list[PythonSignature], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Raise torch's TypeError for arguments that fit none of `signatures`."""
    count = len(args) + len(kwargs)
    if len(signatures) == 1:
        signatures[0].parse(args, kwargs, True)
    shown = [signature for signature in signatures if not signature.deprecated]
    plausible = [signature for signature in shown if signature.min_args <= count <= signature.max_args]
    if len(plausible) == 1:
        plausible[0].parse(args, kwargs, True)
    raise mismatch(name, [str(signature) for signature in shown], args, kwargs)


def mismatch(name: str, texts: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> TypeError:
    """torch's error for arguments that fit none of the signatures whose `texts` are given."""
    named = {key: kwargs[key] for key in hash_order(list(kwargs))}
    described = _describe(args, named)
    start = f"{name}() received an invalid combination of arguments - got"
    if len(texts) == 1:
        only = Printed(texts[0])
        unknown = only.unknown(named)
        if unknown:
            return TypeError(f"{start} unrecognized keyword arguments: {', '.join(unknown)}")
        if only.counts(args, named):
            described = only.marked(args, named)
        return TypeError(f"{start} {described}, but expected {texts[0]}")
    lines = [f"{start} {described}, but expected one of:"]
    for text in texts:
        lines.append(f" * {text}")
        printed = Printed(text)
        if printed.counts(args, named):
            unknown = printed.unknown(named)
            what = "keywords were incorrect" if unknown else "arguments have invalid types"
            shown = ", ".join(unknown) if unknown else printed.marked(args, named)
            lines.append(f"      didn't match because some of the {what}: {shown}")
    return TypeError("\n".join(lines) + "\n")


class Printed:
    """A signature as read back from its text: (type, name) of every piece between commas."""

    def __init__(self, text: str) -> None:
        inside = text[1:-1]
        self.pieces = [
            piece.rpartition(" ")[::2] for piece in inside.split(", ")
        ]  # one where there is nothing

    def counts(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether as many arguments are given as there are pieces."""
        return len(args) + len(kwargs) == len(self.pieces)

    def unknown(self, kwargs: dict[str, Any]) -> list[str]:
        """Keywords that no piece at the end is named like."""
        names = [name for _, name in self.pieces[max(len(self.pieces) - len(kwargs), 0) :]]
        return [key for key in kwargs if key not in names]

    def marked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """The argument types, those that are not literally the expected ones between exclamation marks."""
        parts = []
        for index, (expected, name) in enumerate(self.pieces):
            value = args[index] if index < len(args) else kwargs[name]
            shown = _typed(value) if index < len(args) else f"{name}={_typed(value)}"
            accepted = (expected, "int") if expected == "float" else (expected,)
            parts.append(shown if type_name(value) in accepted else f"!{shown}!")
        return f"({', '.join(parts)})"


def _describe(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    named = [f"{key}={type_name(value)}" for key, value in kwargs.items()]
    # the comma after keywords alone is torch's
    return f"({', '.join([type_name(value) for value in args] + named)}{', ' if named and not args else ''})"


def _typed(value: Any) -> str:
    name = type_name(value)
    if isinstance(value, tuple):
        inside = ", ".join(type_name(item) for item in value)
        return f"{name} of ({inside}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"{name} of [{', '.join(type_name(item) for item in value)}]"
    return name


def hash_order(keys: list[str]) -> list[str]:
    """`keys` in the order in which a hash map of the C++ library that torch is built with gives them back.

    New keys go to the front of the list of all keys, except that those of one bucket stay together.
    """
    buckets = 1 if not keys else 13
    while buckets < len(keys):
        buckets = 29 if buckets == 13 else 59 if buckets == 29 else 127
    order: list[str] = []
    for key in keys:
        bucket = _hash(key) % buckets
        places = [index for index, other in enumerate(order) if _hash(other) % buckets == bucket]
        order.insert(places[0] if places else 0, key)
    return order


def _hash(key: str) -> int:
    """The 64-bit MurmurHash of Austin Appleby, with the seed of the C++ library."""
    data = key.encode()
    state = 0xC70F6907 ^ (len(data) * _MULTIPLIER & _WORD)
    for start in range(0, len(data) - 7, 8):
        word = int.from_bytes(data[start : start + 8], "little") * _MULTIPLIER & _WORD
        word = (word ^ word >> 47) * _MULTIPLIER & _WORD
        state = (state ^ word) * _MULTIPLIER & _WORD
    rest = data[len(data) // 8 * 8 :]
    if rest:
        state = (state ^ int.from_bytes(rest, "little")) * _MULTIPLIER & _WORD
    state = (state ^ state >> 47) * _MULTIPLIER & _WORD
    return state ^ state >> 47
