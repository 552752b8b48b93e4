"""Which element types an operator takes: the rules a declaration gives as `element_types`, in the order in which torch looks.

A rule knows the test that calls of the usual kind pass, which is compiled into the straight line, and torch's error for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from . import dtypes
from .promotion import SCALAR_TYPE_NAMES
from .tensor import Tensor

if TYPE_CHECKING:
    from .declare import Operator

#: What declarations call sets of types.
KINDS: dict[str, tuple[dtypes.dtype, ...]] = {
    "bool": (dtypes.bool_,),
    "int": (dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64),
    "unsigned": (dtypes.uint16, dtypes.uint32, dtypes.uint64),
    "half": (dtypes.float16,),
    "bfloat16": (dtypes.bfloat16,),
    "reduced": (dtypes.float16, dtypes.bfloat16),
    "float": (dtypes.float32, dtypes.float64),
    "complex": (dtypes.complex64, dtypes.complex128),
    "float8": tuple(sorted(dtypes.FLOAT8, key=repr)),
}

_C_NAMES = {
    "uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int", "int64": "long int", "uint16": "short unsigned int",
    "uint32": "unsigned int", "uint64": "long unsigned int", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float",
    "float64": "double", "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip
_WITH_LEGACY_CLASS = frozenset({"Byte", "Char", "Short", "Int", "Long", "Half", "Float", "Double"})


class Named:
    """An element type as error texts print it: "Float", `.c` "float", `.tensor` "torch.FloatTensor", `.name` "torch.float32"."""

    def __init__(self, kind: dtypes.dtype) -> None:
        self._kind = kind

    def __str__(self) -> str:
        return SCALAR_TYPE_NAMES[self._kind]

    @property
    def c(self) -> str:
        return _C_NAMES.get(self._kind._name, self._kind._name)

    @property
    def tensor(self) -> str:
        name = str(self)
        return f"torch.{name}Tensor" if name in _WITH_LEGACY_CLASS else f"CPU{name}Type"

    @property
    def name(self) -> str:
        return repr(self._kind)


def kinds_of(words: str) -> frozenset[dtypes.dtype]:
    """The element types of a list of KINDS or names of types: "reduced float uint8"."""
    return frozenset(
        kind for word in words.split() for kind in (KINDS[word] if word in KINDS else (dtypes.BY_NAME[word],))
    )


def refuse(kernel: str, kind: dtypes.dtype) -> NoReturn:
    """Raise torch's refusal of an element type, where a declaration cannot say which it is."""
    raise NotImplementedError(f"\"{kernel}\" not implemented for '{SCALAR_TYPE_NAMES[kind]}'")


class Rule:
    """What operands' element types have to be. `of`: the tensor argument asked; for a pointwise operator, empty for the computing type."""

    of: str = ""

    def usual(self, operator: Operator, names: dict[str, Any]) -> str:
        """A test, in Python, that calls in order pass; what it names beside the arguments goes into `names`."""
        raise NotImplementedError

    def check(self, operator: Operator, args: tuple[Any, ...]) -> None:
        """Raise torch's error if the arguments, in schema order, break the rule."""
        raise NotImplementedError


class Takes(Rule):
    """One operand's type is among some."""

    def __init__(
        self,
        words: str,
        text: str | Callable[..., str],
        of: str,
        error: type[Exception],
        empty: bool,
        when: Callable[..., bool] | None = None,
    ) -> None:
        self.accepted = kinds_of(words)
        self.text = text
        self.of = of
        self.error = error
        self.empty = empty
        self.when = when

    def _argument(self, operator: Operator) -> Any:
        return next(a for a in operator.arguments if a.name == self.of or (a.is_tensor and not self.of))

    def usual(self, operator: Operator, names: dict[str, Any]) -> str:
        argument = self._argument(operator)
        accepted = f"ACCEPTED_{len(names)}"
        names[accepted] = self.accepted
        if not argument.is_tensor:
            return f"({argument.name} is None or {argument.name} in {accepted})"
        if argument.is_list:
            return f"all(t is None or t._key._dtype in {accepted} for t in {argument.name})"
        test = f"{argument.name}._key._dtype in {accepted}"
        return f"({argument.name} is None or {test})" if argument.optional else test

    def check(self, operator: Operator, args: tuple[Any, ...]) -> None:
        position = operator.schema.names.index(self._argument(operator).name)
        value = args[position] if position < len(args) else None
        if isinstance(value, dtypes.dtype):
            self.judge(value, args)
        for tensor in value if isinstance(value, tuple | list) else (value,):
            if isinstance(tensor, Tensor) and not (self.empty and not tensor._array.size):
                self.judge(tensor._key._dtype, args)

    def judge(self, kind: dtypes.dtype, args: tuple[Any, ...]) -> None:
        """Raise torch's error if `kind` is none of the types."""
        if kind not in self.accepted and (self.when is None or self.when(*args)):
            text = self.text if isinstance(self.text, str) else self.text(*args)
            raise self.error(text.format(Named(kind)))


class Alike(Rule):
    """Two operands share one type."""

    def __init__(self, one: str, other: str, text: str | Callable[..., str], error: type[Exception]) -> None:
        self.of, self.other, self.text, self.error = one, other, text, error

    def usual(self, operator: Operator, names: dict[str, Any]) -> str:
        one, other = self.of, self.other
        arguments = {argument.name: argument for argument in operator.arguments}
        if one == other:
            return f"(not {one} or all(t is None or t._key._dtype is {one}[0]._key._dtype for t in {one}))"
        absent = [f"{n} is None" for n in (one, other) if arguments[n].optional]
        return "(" + " or ".join([*absent, f"{other}._key._dtype is {one}._key._dtype"]) + ")"

    def check(self, operator: Operator, args: tuple[Any, ...]) -> None:
        values = dict(zip(operator.schema.names, args, strict=False))
        one, other = values.get(self.of), values.get(self.other)
        tensors = list(one) if isinstance(one, tuple | list) else [one, other]
        keys = [tensor._key._dtype for tensor in tensors if isinstance(tensor, Tensor)]
        for key in keys[1:]:
            if key is not keys[0]:
                text = self.text if isinstance(self.text, str) else self.text(*args)
                raise self.error(text.format(Named(keys[0]), Named(key)))


class Demands(Rule):
    """What torch asks of a call before it comes to the types."""

    def __init__(self, check: Callable[..., None], usually: str) -> None:
        self.demand, self.usually, self.of = check, usually, "shapes"

    def usual(self, operator: Operator, names: dict[str, Any]) -> str:
        return self.usually

    def check(self, operator: Operator, args: tuple[Any, ...]) -> None:
        self.demand(*args)


def demands(check: Callable[..., None], usually: str) -> Demands:
    """`check`, a function of the operator's arguments, raises torch's error where they break a demand other than of types.

    usually: a test in Python, of the arguments by name, that calls in order pass; where it fails `check` decides.
    """
    return Demands(check, usually)


def instances(
    kernel: str | Callable[..., str],
    words: str,
    of: str = "",
    empty: bool = False,
    when: Callable[..., bool] | None = None,
) -> Takes:
    """torch's kernel, by the name it gives it when it refuses, is there for these kinds of types ("reduced float").

    kernel: a name, or a function of the operator's arguments that says which kernel they get. of: the argument whose type decides, or that is one; by
    default the computing type of pointwise operators, and the first tensor of others. empty: a tensor without elements never gets there.
    when: a function of the arguments; calls of which it says no do not get there either.
    """
    text: str | Callable[..., str]
    if isinstance(kernel, str):
        text = f"\"{kernel}\" not implemented for '{{0}}'"
    else:
        name = kernel

        def text(*args: Any) -> str:
            return f"\"{name(*args)}\" not implemented for '{{0}}'"

    return Takes(words, text, of, NotImplementedError, empty, when)


def takes(
    words: str,
    text: str | Callable[..., str],
    of: str = "",
    error: type[Exception] = RuntimeError,
    empty: bool = False,
    when: Callable[..., bool] | None = None,
) -> Takes:
    """An operand's type is of these kinds; else `error` with `text`, in which {0} is the type ({0.c}, {0.tensor}: see Named)."""
    return Takes(words, text, of, error, empty, when)


def alike(
    one: str,
    other: str,
    text: str | Callable[..., str] = "expected scalar type {0} but found {1}",
    error: type[Exception] = RuntimeError,
) -> Alike:
    """Two operands, or all of one list (`one` and `other` the same), are of one type; else `error` with `text`, {0} and {1} the types."""
    return Alike(one, other, text, error)


def rules_of(operator: Operator) -> tuple[Rule, ...]:
    rules = operator.options.get("element_types", ())
    return rules if isinstance(rules, tuple) else (rules,)


def _of_result(operator: Operator, rule: Rule) -> bool:
    return operator.family == "pointwise" and not rule.of


def computing(operator: Operator) -> Iterator[Takes]:
    """The rules about the type in which a pointwise operator computes."""
    for rule in rules_of(operator):
        if isinstance(rule, Takes) and _of_result(operator, rule):
            yield rule


def refused_keys(operator: Operator) -> frozenset[dtypes.dtype]:
    """Types that no straight line of a pointwise operator may take, since some rule might refuse them."""
    refused = [
        kind
        for kind in dtypes.ALL
        for rule in rules_of(operator)
        if isinstance(rule, Takes) and kind not in rule.accepted
    ]
    return frozenset(refused)


def check_types(operator: Operator, args: tuple[Any, ...]) -> None:
    """Raise torch's error for the first rule about operands that `args` break."""
    for rule in rules_of(operator):
        if not _of_result(operator, rule):
            rule.check(operator, args)


def usual_lines(operator: Operator, names: str, namespace: dict[str, Any]) -> list[str]:
    """Lines for compiled calls of other families: nothing where no rule is broken."""
    found: dict[str, Any] = {}
    tests = [rule.usual(operator, found) for rule in rules_of(operator)]
    namespace.update(found)
    return [f"if not ({' and '.join(tests)}):", f"    check_types(operator, ({names},))"] if tests else []
