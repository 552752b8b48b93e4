"""``python -m tinytorch script.py arguments``: run an unmodified program with ``import torch`` served by tinytorch.

Everything else is as with ``python``: ``sys.argv``, ``sys.path[0]``, the module ``__main__``, tracebacks, exit status.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from types import CodeType, ModuleType, TracebackType
from typing import Any, NoReturn

_USAGE = """usage: python -m tinytorch [script.py | -m module | -c code | -] [arguments]

Runs a PyTorch program with `import torch` served by tinytorch.

  script.py    a file, or a folder or zip file with a __main__.py
  -m module    a module, as `python -m module`: `python -m tinytorch -m pytest tests`
  -c code      the code itself
  -            a program read from standard input
  (nothing)    an interactive session
  -h, --help   this text
  -V           the versions

Options of the interpreter itself go before: `python -W error -m tinytorch script.py`.
"""

_Hook = Callable[[type[BaseException], BaseException, TracebackType | None], Any]


def console() -> None:
    """The console script ``tinytorch``: the same as ``python -m tinytorch``."""
    run(sys.argv[1:])


def run(arguments: Sequence[str]) -> None:
    """Run the program that ``arguments`` name, in this process, as the interpreter would run it."""
    first, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if first in ("-h", "--help"):
        print(_USAGE, end="")
    elif first in ("-V", "--version"):
        print(_versions())
    elif first.startswith(("-m", "-c")):
        value = first[2:]
        if not value:
            if not rest:
                _refuse(f"Argument expected for the {first} option")
            value, rest = rest[0], rest[1:]
        if first.startswith("-m"):
            _run_module(value, rest)
        else:
            _run_code(value, rest)
    elif first in ("", "-"):
        _run_standard_input(first, rest)
    elif first.startswith("-"):
        _refuse(f"Unknown option: {first}")
    else:
        _run_script(first, rest)


def _refuse(complaint: str) -> NoReturn:
    print(complaint, _USAGE.partition("\n")[0], sep="\n", file=sys.stderr)
    sys.exit(2)


def _versions() -> str:
    from importlib.metadata import PackageNotFoundError, version

    import tinytorch.version

    try:
        own = version("tinytorch")
    except PackageNotFoundError:
        own = "(not installed)"
    python = ".".join(map(str, sys.version_info[:3]))
    return f"tinytorch {own}, serving the API of torch {tinytorch.version.__version__}, on Python {python}"


def _run_module(name: str, arguments: list[str]) -> None:
    import runpy

    _set_program("-m", arguments, os.getcwd())
    _new_main()
    # The function the interpreter itself calls for -m; it also words the errors about modules that cannot be run.
    _guarded(lambda: runpy._run_module_as_main(name))  # type: ignore[attr-defined]


def _run_code(source: str, arguments: list[str]) -> None:
    _set_program("-c", arguments, "")
    main = _new_main()
    if sys.version_info >= (3, 13):  # since then tracebacks show the lines of -c
        import linecache

        linecache.cache["<string>"] = (len(source), None, source.splitlines(keepends=True), "<string>")
    _guarded(lambda: exec(compile(source, "<string>", "exec", dont_inherit=True), main.__dict__))


def _run_standard_input(first: str, arguments: list[str]) -> None:
    _set_program(first, arguments, "")
    main = _new_main()
    if sys.stdin is not None and sys.stdin.isatty():
        _guarded(lambda: _interact(main))
        return
    source = "" if sys.stdin is None else sys.stdin.read()
    _guarded(lambda: exec(compile(source, "<stdin>", "exec", dont_inherit=True), main.__dict__))


def _interact(main: ModuleType) -> None:
    import code

    try:
        import readline
        import rlcompleter

        readline.set_completer(rlcompleter.Completer(main.__dict__).complete)
        readline.parse_and_bind("tab: complete")
    except ImportError:
        pass  # no line editing on this platform
    startup = os.environ.get("PYTHONSTARTUP")
    if startup and os.path.isfile(startup):
        exec(_compiled(startup), main.__dict__)
    banner = f"{_versions()}\n`import torch` gives tinytorch."
    code.interact(banner=banner, local=main.__dict__, exitmsg="")


def _run_script(path: str, arguments: list[str]) -> None:
    import pkgutil

    if pkgutil.get_importer(path) is not None:  # a folder or a zip file
        import runpy

        _set_program(path, arguments, os.path.abspath(path))
        _new_main()
        _guarded(lambda: runpy._run_module_as_main("__main__", alter_argv=False))  # type: ignore[attr-defined]
        return
    full_path = os.path.abspath(path)
    _set_program(path, arguments, os.path.dirname(os.path.realpath(path)))
    main = _new_main()
    main.__file__ = full_path
    main.__dict__["__cached__"] = None
    from importlib.machinery import SourceFileLoader, SourcelessFileLoader

    loader_class = SourcelessFileLoader if path.endswith(".pyc") else SourceFileLoader
    main.__loader__ = loader_class("__main__", full_path)
    if not os.path.isfile(full_path):
        try:
            io.open_code(full_path).close()
        except OSError as error:
            reason = f"[Errno {error.errno}] {error.strerror}"
            print(f"{sys.executable}: can't open file {full_path!r}: {reason}", file=sys.stderr)
            sys.exit(2)
    _guarded(lambda: exec(_compiled(full_path), main.__dict__))


def _compiled(path: str) -> CodeType:
    if path.endswith(".pyc"):
        from importlib.machinery import SourcelessFileLoader

        code = SourcelessFileLoader("__main__", path).get_code("__main__")
        assert code is not None
        return code
    with io.open_code(path) as file:
        source = file.read()
    return compile(source, path, "exec", dont_inherit=True)


def _set_program(name: str, arguments: list[str], folder: str) -> None:
    """Set ``sys.argv``, and ``sys.path[0]`` as the interpreter sets it before it runs a program."""
    sys.argv[:] = [name, *arguments]
    if not sys.flags.safe_path:
        # What stands there is what the interpreter put in for `-m tinytorch` or for the console script.
        sys.path[0] = folder


_launcher_main = sys.modules["__main__"]  # kept alive: its globals are this file's while it runs


def _new_main() -> ModuleType:
    """A fresh module ``__main__`` with what the interpreter puts into one."""
    import builtins
    from importlib.machinery import BuiltinImporter

    main = ModuleType("__main__")
    main.__loader__ = BuiltinImporter
    main.__dict__["__builtins__"] = builtins
    main.__annotations__ = {}
    sys.modules["__main__"] = main
    return main


def _guarded(program: Callable[[], None]) -> None:
    """Run ``program`` under the swap; an error it does not catch reaches the interpreter as if nothing were around it.

    The error is left to the interpreter, which also decides the exit status and handles SystemExit and Ctrl-C; only the
    hook that prints it is told to leave out the frames of this file.
    """
    from tinytorch import _swap

    _swap.install()
    try:
        program()
    except SystemExit:
        raise
    except BaseException:
        sys.excepthook = _without_launcher(sys.excepthook)
        raise


def _without_launcher(hook: _Hook) -> _Hook:
    def print_error(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        from tinytorch import _swap

        _swap.explain(error)
        trimmed = _program_frames(traceback)
        error.__traceback__ = trimmed
        if hasattr(sys, "last_traceback"):
            sys.last_traceback = trimmed
        sys.excepthook = hook
        hook(kind, error, trimmed)

    return print_error


def _program_frames(traceback: TracebackType | None) -> TracebackType | None:
    """``traceback`` after the last frame of this file; the program's first frame follows it."""
    start = traceback
    frame = traceback
    while frame is not None:
        if frame.tb_frame.f_globals is globals():
            start = frame.tb_next
        frame = frame.tb_next
    return start


if __name__ == "__main__":
    console()
