"""What a program holds so far, seen from the reference, and the small choices every statement is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.engine import Library
from conformance.fuzz.draw import Draw

FLOATS = ("float32", "float32", "float32", "float64", "bfloat16", "float16")
INTEGERS = ("int64", "int64", "int32", "uint8", "int16", "int8")
DTYPES = (*FLOATS, "float32", "float32", *INTEGERS[:4], "bool", "complex64")
# how often a choice is made that may be an error
WRONG = 0.06
LARGEST = 256


class NothingFits(Exception):
    """No variable can be used for the statement; another one is tried."""


class World:
    """The variables of a program and the source of choices. Everything returned is text for a statement."""

    def __init__(self, draw: Draw, library: Library, names: dict[str, Any]) -> None:
        self.draw = draw
        self.library = library
        self.torch = library.module
        self.names = names
        self.counter = 0

    # ---- variables

    def fresh(self, letter: str = "v") -> str:
        self.counter += 1
        return f"{letter}{self.counter}"

    def value(self, name: str) -> Any:
        return self.names[name]

    def of_letter(self, letter: str) -> list[str]:
        return [name for name in self.names if name[0] == letter and name[1:].isdigit()]

    def tensors(self) -> list[str]:
        return [name for name in self.of_letter("v") if self.library.is_tensor(self.names[name])]

    def tensor(self, suits: Callable[[Any], bool] | None = None) -> str:
        """A variable that holds a fitting tensor, the later the likelier; rarely one that does not fit."""
        found = self.tensors()
        if suits is not None and not self.draw.chance(WRONG / 2):
            found = [name for name in found if suits(self.names[name])]
        if not found:
            raise NothingFits
        recent = found[-3:] if self.draw.chance(0.6) else found
        return self.draw.choice(recent)

    def floating(self, least: int = 0, most: int = 9) -> str:
        return self.tensor(lambda t: t.is_floating_point() and least <= t.dim() <= most)

    def whole(self) -> str:
        return self.tensor(
            lambda t: not t.is_floating_point() and not t.is_complex() and t.dtype is not self.torch.bool
        )

    def with_dims(self, least: int, most: int = 9) -> str:
        return self.tensor(lambda t: least <= t.dim() <= most)

    def like(self, name: str) -> str:
        """A variable that broadcasts with the named one, most likely of the same shape."""
        shape = tuple(self.names[name].shape)

        def suits(t: Any) -> bool:
            pairs = zip(reversed(shape), reversed(tuple(t.shape)), strict=False)
            return all(a == b or a == 1 or b == 1 for a, b in pairs)

        return self.tensor(suits)

    def same_shape(self, name: str) -> str:
        shape = tuple(self.names[name].shape)
        return self.tensor(lambda t: tuple(t.shape) == shape)

    # ---- literals

    def dim(self, name: str) -> int:
        """A dimension of the variable, counted from either end; rarely one that is out of range."""
        count = self.names[name].dim()
        if self.draw.chance(WRONG):
            return self.draw.integer(-count - 2, count + 1)
        return self.draw.integer(-max(count, 1), max(count, 1) - 1)

    def dims(self, name: str) -> str:
        count = self.draw.integer(1, max(1, min(3, self.names[name].dim())))
        chosen = [self.dim(name) for _ in range(count)]
        if not self.draw.chance(WRONG):
            rank = max(self.names[name].dim(), 1)
            chosen = list({value % rank: value for value in chosen}.values())
        return f"({', '.join(map(str, chosen))},)"

    def size(self, name: str, dim: int) -> int:
        shape = self.names[name].shape
        return int(shape[dim]) if shape and -len(shape) <= dim < len(shape) else 1

    def index(self, length: int) -> int:
        if length and not self.draw.chance(WRONG):
            return self.draw.integer(-length, length - 1)
        return self.draw.integer(-length - 1, length)

    def shape(self, least: int = 0, most: int = 4) -> tuple[int, ...]:
        rank = self.draw.integer(least, most)
        return tuple(
            0 if self.draw.chance(0.04) else self.draw.integer(1, 4 if rank < 4 else 3) for _ in range(rank)
        )

    def scalar(self) -> str:
        kind = self.draw.integer(0, 9)
        if kind < 4:
            return str(self.draw.integer(-3, 4))
        if kind < 8:
            return str(self.draw.integer(-40, 40) / 16)
        return self.draw.choice(
            ("True", "0", "1.0", "float('inf')", "float('nan')", "-0.0", "2j", "1e-3", "100")
        )

    def small(self) -> str:
        return str(self.draw.integer(-40, 40) / 16)

    def dtype(self) -> str:
        return f"torch.{self.draw.choice(DTYPES)}"

    def flag(self) -> str:
        return self.draw.choice(("True", "False"))

    def keepdim(self) -> str:
        return self.draw.choice(("", "", ", keepdim=True", ", keepdim=False"))

    def number(self, dtype: str) -> str:
        """An element of a literal tensor, exact in its dtype."""
        if dtype == "bool":
            return self.flag()
        if dtype == "uint8":
            return str(self.draw.integer(0, 9))
        if dtype.startswith("int"):
            return str(self.draw.integer(-5, 9))
        special = self.draw.integer(0, 39)
        if special < 4:
            return ("float('nan')", "float('inf')", "-float('inf')", "-0.0")[special]
        real = self.draw.integer(-48, 48) / 16
        return f"{real}{self.draw.integer(-32, 32) / 16:+}j" if dtype.startswith("complex") else str(real)

    def nested(self, shape: tuple[int, ...], dtype: str) -> str:
        if not shape:
            return self.number(dtype)
        return f"[{', '.join(self.nested(shape[1:], dtype) for _ in range(shape[0]))}]"

    def literal(self, shape: tuple[int, ...] | None = None, dtype: str | None = None) -> str:
        """An expression for a tensor of chosen numbers."""
        shape = self.shape() if shape is None else shape
        dtype = self.draw.choice(DTYPES) if dtype is None else dtype
        recorded = dtype in FLOATS + ("complex64",) and self.draw.chance(0.5)
        return f"torch.tensor({self.nested(shape, dtype)}, dtype=torch.{dtype}{', requires_grad=True' if recorded else ''})"

    def indices(self, count: int, length: int) -> str:
        """An expression for a tensor of int64 positions."""
        return f"torch.tensor([{', '.join(str(max(0, self.index(max(length, 1)))) for _ in range(count))}])"

    def condition(self, name: str) -> str:
        """An expression for a bool tensor that broadcasts with the variable."""
        other = self.like(name)
        if self.names[other].dtype is self.torch.bool:
            return other
        sign = "!=" if self.names[other].is_complex() else self.draw.choice((">", "<=", "!=", "=="))
        return f"({other} {sign} {self.draw.choice(('0', '1', '0.5'))})"
