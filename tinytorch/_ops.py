"""torch.ops: the declared operators by their ATen names, `torch.ops.aten.add.Tensor`, callable with positional or keyword arguments."""

from __future__ import annotations

from typing import Any, NoReturn

from ._core import returns
from ._core.declare import Operator, registry
from ._core.dispatch import complete
from ._core.overrides import dispatch_function, has_override
from ._custom_operators import custom


class OpOverload:
    """One overload of an operator."""

    __module__ = "torch._ops"

    def __init__(self, packet: OpOverloadPacket, operator: Operator, inplace: bool) -> None:
        self._operator = operator
        self._inplace = inplace
        self._packet = packet
        self._overloadname = operator.overload or "default"
        self.__name__ = f"{packet.__name__}.{self._overloadname}"

    @property
    def overloadpacket(self) -> OpOverloadPacket:
        return self._packet

    @property
    def _schema(self) -> str:
        return f"aten::{self._operator.text}"

    def name(self) -> str:
        """The qualified name, "aten::add.Tensor"."""
        overload = self._operator.overload
        return f"aten::{self._packet.__name__}" + (f".{overload}" if overload else "")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from ._core.front import front_of

        if has_override(args, kwargs):
            return dispatch_function(self, args, kwargs or None, self.__name__)
        operator = self._operator
        out = kwargs.pop("out", None)
        names = [argument.name for argument in operator.arguments]
        values: list[Any] = list(complete(operator, args))
        for name, value in kwargs.items():
            if name not in names:
                raise RuntimeError(
                    f"Unknown keyword argument '{name}' for operator '{self.name()}'. Schema: {self._schema}"
                )
            values[names.index(name)] = value
        front = front_of(operator.name, "function") or front_of(operator.name, "method")
        if self._inplace:
            return operator.inplace(*values)
        if operator.family == "factory" or out is not None or front is None:
            named = dict(zip(names, values, strict=True))
            if operator.family == "factory":
                given = {names[i] for i in range(len(args))} | set(kwargs)
                named = {name: value for name, value in named.items() if name in given}
                return operator.call(**named) if out is None else operator.call(**named, out=out)
            if out is not None:
                from ._core.outputs import run_out

                return run_out(operator, values, out)
            return operator.call(*values)
        result = front.execute(operator, dict(zip(names, values, strict=True)), None)
        return tuple(result) if isinstance(result, returns._Named) else result

    def __repr__(self) -> str:
        return f"<OpOverload(op='aten.{self._packet.__name__}', overload='{self._overloadname}')>"

    def __str__(self) -> str:
        return f"aten.{self._packet.__name__}.{self._overloadname}"


class OpOverloadPacket:
    """All overloads of an operator; calling it picks one by its arguments."""

    __module__ = "torch._ops"

    def __init__(self, name: str, operators: list[Operator], inplace: bool) -> None:
        self.__name__ = name
        self._operators = operators
        self._inplace = inplace

    def overloads(self) -> list[str]:
        """The names of the overloads."""
        return [operator.overload or "default" for operator in self._operators]

    def __getattr__(self, overload: str) -> OpOverload:
        if not overload.startswith("__"):
            wanted = "" if overload == "default" else overload
            for operator in self._operators:
                if operator.overload == wanted:
                    found = OpOverload(self, operator, self._inplace)
                    setattr(self, overload, found)
                    return found
        raise AttributeError(f"The underlying op of 'aten.{self.__name__}' has no overload name '{overload}'")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from ._core.front import front_of

        if has_override(args, kwargs):
            return dispatch_function(self, args, kwargs or None, self.__name__)
        name = self._operators[0].name
        front = front_of(name, "inplace" if self._inplace else "function")
        if front is None:
            front = front_of(name, "method")
        if front is not None:
            return front.function(*args, **kwargs)
        return getattr(self, self._operators[0].overload or "default")(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='aten.{self.__name__}')>"

    def __str__(self) -> str:
        return f"aten.{self.__name__}"


class _Namespace:
    """torch.ops.<name>."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> Any:
        if self.name == "aten":
            for declared, inplace in ((name, False), (name[:-1] if name.endswith("_") else "", True)):
                operators = [o for o in registry.get(declared, ()) if not inplace or o.has_inplace]
                if operators:
                    packet = OpOverloadPacket(name, operators, inplace)
                    setattr(self, name, packet)
                    return packet
        if f"{self.name}::{name}" in custom:
            return custom[f"{self.name}::{name}"]
        raise AttributeError(f"'_OpNamespace' '{self.name}' object has no attribute '{name}'")

    def __dir__(self) -> list[str]:
        return sorted(registry) if self.name == "aten" else []


class _Ops:
    """torch.ops: a namespace per library of operators."""

    __file__ = "_ops.py"

    def __init__(self) -> None:
        self.aten = _Namespace("aten")
        self.loaded_libraries: set[str] = set()

    def load_library(self, path: Any) -> NoReturn:
        """Raises OSError: a library of compiled operators needs torch's own libraries. Packages with such a library run without."""
        raise OSError(f"Could not load this library: {path}")

    def __getattr__(self, name: str) -> _Namespace:
        if name.startswith("__"):
            raise AttributeError(name)
        found = _Namespace(name)
        setattr(self, name, found)
        return found


ops = _Ops()
