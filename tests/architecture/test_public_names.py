"""Every public name under tinytorch exists in torch, at the same place."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import subprocess
import sys
import warnings
from types import FunctionType, ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import tinytorch


def public_modules() -> list[str]:
    """The modules of tinytorch with no underscore anywhere in their names."""
    found = ["tinytorch"]
    for info in pkgutil.walk_packages(tinytorch.__path__, "tinytorch."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            found.append(info.name)
    return found


def is_own(module: ModuleType, name: str, value: Any) -> bool:
    """Whether the module offers the name: it lists it, defines it, or (a package) gathers it. What it imports for its own use is not offered."""
    if name in getattr(module, "__all__", ()):
        return True
    if isinstance(value, ModuleType):
        return value.__name__.rpartition(".")[0] == module.__name__
    if isinstance(value, FunctionType):
        return value.__code__.co_filename == module.__file__
    return isinstance(value, type) and value.__module__ in (
        module.__name__,
        module.__name__.replace("tinytorch", "torch", 1),
    )


def public_names(module: ModuleType) -> list[str]:
    """The names without an underscore that the module offers."""
    names = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and is_own(module, name, value)
    }
    return sorted(names | set(getattr(module, "__all__", ())))


def in_torch(counterpart: ModuleType, name: str) -> bool:
    """Whether torch's module has the name, a submodule that nobody has imported yet included."""
    if hasattr(counterpart, name):
        return True
    if not hasattr(counterpart, "__path__"):
        return False
    return importlib.util.find_spec(f"{counterpart.__name__}.{name}") is not None


def test_walks_something() -> None:
    assert {"tinytorch", "tinytorch.cuda", "tinytorch.backends.cudnn"} <= set(public_modules())


@pytest.mark.parametrize("name", public_modules())
@pytest.mark.filterwarnings("ignore")
def test_module_and_its_names_exist_in_torch(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:  # a package that torch asks for as well
        with pytest.raises(ModuleNotFoundError, match=re.escape(str(error))):
            importlib.import_module("torch" + name.removeprefix("tinytorch"))
        return
    counterpart = importlib.import_module("torch" + name.removeprefix("tinytorch"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        extra = [public for public in public_names(module) if not in_torch(counterpart, public)]
    assert " ".join(extra) == ""


@pytest.mark.parametrize("class_name", ["Tensor", "Generator", "dtype", "device", "Size", "finfo", "iinfo"])
def test_class_has_no_names_of_its_own(class_name: str) -> None:
    own, other = getattr(tinytorch, class_name), getattr(torch, class_name)
    extra = [name for name in dir(own) if not name.startswith("_") and not hasattr(other, name)]
    assert " ".join(extra) == ""


def test_importing_is_quiet() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import tinytorch"], capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
