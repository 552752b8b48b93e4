"""A few lines typed at a prompt, one statement after the other: what each shows, prints or raises, and what it leaves."""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import inspect
import io
import linecache
import re
import sys
import tempfile
import types
from typing import Any, NamedTuple

from conformance.observe import Session, Timeout, error_kind
from conformance.textual import ADDRESS

torch: Any = None  # the library a session runs under

DEPTH = 4
# tensors of more elements are compared by so many of them
MANY = 1 << 16
# built-in names that examples use for something of theirs; Python's own waits for a person, or ends the process
NOT_BUILT_IN = frozenset(("input", "exit", "quit", "help", "breakpoint"))
FUNCTION = re.compile(r"<(?:built-in )?(?:function|method) ([\w.]+)[^<>]*>")
# a file that two runs name alike
FILE = "<session>"
# what puts a switch of the library where it is at the start
SWITCHES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("set_printoptions", (None, None, None, None, "default")),
    ("set_default_device", (None,)),
    ("use_deterministic_algorithms", (False,)),
    ("set_flush_denormal", (False,)),
    ("autograd.set_detect_anomaly", (False,)),
)


class Raised(NamedTuple):
    """A statement that ended with an error; the session goes on, as it does at a prompt."""

    error: str
    text: str


class Unsupported(NamedTuple):
    """One that says it is not supported."""

    error: str
    text: str


class Missing(NamedTuple):
    """One that needs a name which is not there."""

    error: str
    text: str


KINDS: dict[str, type[Any]] = {"unsupported": Unsupported, "missing": Missing}


def importer(library: Any) -> Any:
    """`__import__` that serves a library where torch is asked for."""
    home = library.__name__

    def serve(name: str, scope: Any = None, local: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        head, _, rest = name.partition(".")
        if head != "torch" or level:
            return builtins.__import__(name, scope, local, fromlist, level)
        module = importlib.import_module(f"{home}.{rest}") if rest else library
        return module if fromlist else library

    return serve


def session(name: str, prologue: str, source: str) -> Session:
    """Run the lines of `source`, after those of `prologue`, of which nothing is written down but how they fail."""
    shown: list[Any] = []
    names = dict(vars(builtins), __import__=importer(torch))
    for gone in NOT_BUILT_IN:
        names.pop(gone, None)
    # what is defined at a prompt can be pickled
    main = types.ModuleType("__main__")
    scope = vars(main)
    scope["__builtins__"] = names
    seen = Session()
    printed = io.StringIO()
    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)
    hook, sys.displayhook = sys.displayhook, lambda value: display(value, shown)
    own, sys.modules["__main__"] = sys.modules["__main__"], main
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.chdir(folder),
            contextlib.redirect_stdout(printed),
        ):
            for statement in ast.parse(prologue).body:
                run(statement, scope)
            given = set(scope)
            for number, statement in enumerate(ast.parse(source).body, start=1):
                line = ast.unparse(statement).partition("\n")[0]
                label = f"{number} {line}"
                shown.clear()
                try:
                    run(statement, scope)
                except Timeout:
                    raise
                except Exception as error:
                    text = plain_text(str(error))
                    made = KINDS.get(error_kind(torch.Tensor, error), Raised)(type(error).__name__, text)
                    seen[label] = made
                    print(f"{type(error).__name__}: {text}")
                else:
                    if shown:
                        seen[label] = [kept(value) for value in shown]
                seen.transcript += f">>> {line}\n{plain_text(printed.getvalue())}"
                printed.seek(0)
                printed.truncate()
    finally:
        sys.displayhook, sys.modules["__main__"] = hook, own
        put_back()
    seen["left"] = {
        name: kept(value) for name, value in scope.items() if name not in given and not name.startswith("_")
    }
    return seen


def run(statement: ast.stmt, scope: dict[str, Any]) -> None:
    exec(compile(ast.Interactive([statement]), FILE, "single"), scope)


def display(value: Any, shown: list[Any]) -> None:
    """What a prompt does with the value of an expression."""
    if value is not None:
        shown.append(value)
        print(repr(value))


def plain_text(text: str) -> str:
    """Without addresses and the language that functions are written in, and with the name of the library that it pretends to have."""
    home = torch.__name__
    text = FUNCTION.sub(r"<function \1>", ADDRESS.sub("0x...", text))
    return text if home == "torch" else re.sub(rf"\b{home}\b", "torch", text)


def kept(value: Any, depth: int = DEPTH) -> Any:
    """What of a value is compared: tensors, numbers and texts, and those inside modules and collections.

    Of anything else it is the class alone; how it prints is in the transcript.
    """
    if isinstance(value, torch.Tensor):
        if value.numel() > MANY and value.layout is torch.strided:
            return thinned(value)
        gradient = value.grad if value.is_leaf else None
        return value if gradient is None else {"tensor": value, "grad": gradient}
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return value
    if depth and isinstance(value, torch.nn.Module):
        return {"module": type(value).__name__, "state": kept(dict(value.state_dict()), depth - 1)}
    if depth and isinstance(value, dict):
        return {name_of(key): kept(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple):
        items = [kept(item, depth - 1) for item in value]
        return items if type(value) in (list, tuple) else {type(value).__name__: items}
    if isinstance(value, type) or inspect.isroutine(value):
        # in which language it is written, and what makes classes of its kind, is the library's own affair
        return "<class>" if isinstance(value, type) else "<function>"
    return f"<{type(value).__name__}>"


def thinned(value: Any) -> Any:
    """Of a large tensor: what it is, and elements at equal distances, so many that comparing them takes no time."""
    step = -(-value.numel() // MANY)
    elements = value.detach().flatten()[::step].clone()
    return {
        "shape": list(value.shape),
        "stride": list(value.stride()),
        "recorded": value.requires_grad,
        "elements": elements,
    }


def name_of(key: Any) -> str:
    return repr(key) if isinstance(key, bool | int | float | str | None) else type(key).__name__


def put_back() -> None:
    """Switches that an example may have left on."""
    for path, arguments in SWITCHES:
        owner: Any = torch
        try:
            for part in path.split("."):
                owner = getattr(owner, part)
            owner(*arguments)
        except Exception:  # a library that lacks it cannot have left it on
            continue
