"""Serve ``import torch`` with tinytorch.

``install()`` puts a finder in front of ``sys.meta_path``. From then on ``torch.x.y`` is the module ``tinytorch.x.y``
itself: the same object under both names, executed once. ``python -m tinytorch script.py`` is built on it, and a notebook
or a test can call ``install()`` before its first ``import torch``.

While a module is reachable as ``torch.x`` its ``__name__`` says so, which is what a program would print and what Python
itself quotes in ``module 'torch.x' has no attribute 'y'``; classes and functions do the same (`_swap_names`). ``__package__`` and ``__spec__`` stay tinytorch's, so relative
imports inside tinytorch never pass through the alias.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from . import _swap_names

if TYPE_CHECKING:
    from importlib.metadata import Distribution, DistributionFinder

__all__ = ["explain", "install", "installed", "swapped", "uninstall"]

_SERVED = "torch"
_SERVER = __name__.partition(".")[0]

# Modules of the standard library that start other interpreters; see `_AfterLoading`.
_PROCESS_STARTER = "multiprocessing.util"


def _is_served(name: str) -> bool:
    return name == _SERVED or name.startswith(_SERVED + ".")


def _server_name(name: str) -> str:
    """tinytorch's name of the module a program calls ``name``."""
    return _SERVER + name[len(_SERVED) :]


def _served_name(name: str) -> str:
    return _SERVED + name[len(_SERVER) :]


class _AliasLoader:
    """Gives the module of another name instead of making one."""

    def __init__(self, target: importlib.machinery.ModuleSpec) -> None:
        self.target = target
        self._own_spec: importlib.machinery.ModuleSpec | None = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.target.name)
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has written the alias's spec into the shared module; its own comes back before anyone looks.
        module.__spec__ = self._own_spec
        _rename(module, self.target.name)
        _serve_children(self.target.name)

    # What runpy and inspect ask a loader for, so that `python -m tinytorch -m torch.x` works.
    def is_package(self, name: str) -> bool:
        return self.target.submodule_search_locations is not None

    def get_code(self, name: str) -> CodeType | None:
        loader: Any = self.target.loader
        return loader.get_code(self.target.name)  # type: ignore[no-any-return]

    def get_source(self, name: str) -> str | None:
        loader: Any = self.target.loader
        return loader.get_source(self.target.name)  # type: ignore[no-any-return]


class _AfterLoading:
    """Runs a module's own loader, then what is to follow."""

    def __init__(self, loader: Any, follow: Callable[[ModuleType], None]) -> None:
        self.loader = loader
        self.follow = follow

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.follow(module)


class _Finder:
    """The entry in ``sys.meta_path``; there is one."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        follow = _swap_child_processes if fullname == _PROCESS_STARTER else None
        if fullname.startswith(_SERVER + "."):
            follow = _serve_loaded
        if follow is not None:
            found = importlib.machinery.PathFinder.find_spec(fullname, path)
            if found is not None and found.loader is not None:
                found.loader = _AfterLoading(found.loader, follow)  # type: ignore[assignment]
            return found
        if not _is_served(fullname):
            return None
        found = _server_spec(_server_name(fullname))
        if found is None:
            # The finders after this one look in tinytorch's own folders, so nothing of a real torch can be picked up,
            # and the import system words the error.
            return None
        loader: Any = _AliasLoader(found)
        spec = importlib.machinery.ModuleSpec(fullname, loader, origin=found.origin)
        spec.submodule_search_locations = found.submodule_search_locations
        return spec

    def find_distributions(self, context: DistributionFinder.Context | None = None) -> Iterable[Distribution]:
        """``importlib.metadata.version("torch")``: the version of the API that is served."""
        from tinytorch import _swap_metadata

        return _swap_metadata.distributions(context)

    def invalidate_caches(self) -> None:
        """Nothing is cached."""


def _server_spec(name: str) -> importlib.machinery.ModuleSpec | None:
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__spec__ is not None:
        return loaded.__spec__
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None  # a parent is missing: so is the child


_finder = _Finder()
_renamed: dict[str, ModuleType] = {}  # by tinytorch's name


def _rename(module: ModuleType, server_name: str) -> None:
    _renamed[server_name] = module
    module.__name__ = _served_name(server_name)


def _serve_children(server_name: str) -> None:
    """Serve the submodules a package has loaded. Importing one later would bind it over a function of the same name."""
    for name, module in [*sys.modules.items()]:
        if name.startswith(server_name + ".") and _served_name(name) not in sys.modules:
            sys.modules[_served_name(name)] = module
            _rename(module, name)


def _serve_loaded(module: ModuleType) -> None:
    """A public module that has just been loaded, by whatever name: its text says torch's name at once."""
    _swap_names.rename(module)
    name = module.__spec__.name if module.__spec__ is not None else module.__name__
    if _swap_names.home(name) is not None:
        _rename(module, name)


def _swap_child_processes(module: Any) -> None:
    """Let `multiprocessing`'s spawn and forkserver start ``python -m tinytorch -c ...`` where they say ``python -c ...``.

    A child imports the program's file again, and that file says ``import torch``.
    """
    original: Callable[[], list[str]] = module._args_from_interpreter_flags

    def arguments() -> list[str]:
        return [*original(), "-m", _SERVER] if installed() else original()

    module._args_from_interpreter_flags = arguments


def installed() -> bool:
    """Whether ``import torch`` is served by tinytorch now."""
    return _finder in sys.meta_path


def install() -> None:
    """Serve ``import torch`` and every ``import torch.x`` with tinytorch, until `uninstall`.

    Raises:
        RuntimeError: if another torch has been imported in this process already; two of them would share nothing,
            and the program would hold tensors of both.
    """
    if installed():
        return
    present = sys.modules.get(_SERVED)
    if present is not None:
        raise RuntimeError(
            f"tinytorch cannot take the place of torch: another 'torch' is already imported in this process "
            f"(from {getattr(present, '__file__', None) or 'an unknown place'}). Install the swap before anything "
            f"imports torch, or run the program with `python -m tinytorch`."
        )
    server = importlib.import_module(_SERVER)
    sys.meta_path.insert(0, _finder)
    sys.modules[_SERVED] = server
    _rename(server, _SERVER)
    for name, module in [*sys.modules.items()]:
        if name.startswith(_SERVER + "."):
            _serve_loaded(module)
    _swap_names.rename(server)
    starter = sys.modules.get(_PROCESS_STARTER)
    if starter is not None and starter._args_from_interpreter_flags.__module__ != __name__:
        _swap_child_processes(starter)


def uninstall() -> None:
    """Undo `install`: ``import torch`` means the real one again, or fails where there is none."""
    if not installed():
        return
    sys.meta_path.remove(_finder)
    for name in [name for name in sys.modules if _is_served(name)]:
        del sys.modules[name]
    for server_name, module in _renamed.items():
        module.__name__ = server_name
    _renamed.clear()
    _swap_names.restore()
    importlib.invalidate_caches()


@contextmanager
def swapped() -> Iterator[ModuleType]:
    """``with swapped() as torch:`` serves ``import torch`` inside the block. Nests."""
    before = installed()
    install()
    try:
        yield sys.modules[_SERVER]
    finally:
        if not before:
            uninstall()


def explain(error: BaseException) -> None:
    """Note on an uncaught error about a missing name or module of torch that it is tinytorch that lacks it.

    The text of the error stays what Python makes it, because programs compare it.
    """
    if _SERVER in str(error).partition(" (/")[0]:
        return  # it says so itself
    missing: str | None = None
    if isinstance(error, ImportError) and error.name is not None and _is_served(error.name):
        quoted = getattr(error, "name_from", None)  # Python 3.12
        missing = f"{error.name}.{quoted}" if quoted else error.name
        if not isinstance(error, ModuleNotFoundError) and not quoted:
            missing = f"this name in {error.name}"
    elif (
        isinstance(error, AttributeError)
        and isinstance(error.obj, ModuleType)
        and _is_served(error.obj.__name__)
    ):
        missing = f"{error.obj.__name__}.{error.name}"
    if missing is not None:
        error.add_note(f"('torch' is served by tinytorch in this program, and tinytorch has no {missing})")
