"""Every public name under tinytorch exists in torch, at the same place."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import warnings
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import tinytorch  # noqa: E402 - after the skip above


def public_modules() -> list[str]:
    """The modules of tinytorch with no underscore anywhere in their names."""
    found = ["tinytorch"]
    for info in pkgutil.walk_packages(tinytorch.__path__, "tinytorch."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            found.append(info.name)
    return found


def is_own(value: Any) -> bool:
    """Whether tinytorch made it, as against what a module imported from elsewhere for its own use."""
    if isinstance(value, ModuleType):
        return value.__name__.partition(".")[0] == "tinytorch"
    origin = getattr(value, "__module__", None)
    return not isinstance(origin, str) or origin.partition(".")[0] in ("tinytorch", "torch")


def public_names(module: ModuleType) -> list[str]:
    """``__all__`` where there is one, and besides it every name without an underscore that tinytorch made."""
    listed = set(getattr(module, "__all__", ()))
    for name, value in vars(module).items():
        # `from __future__ import annotations` leaves an object of that name behind.
        if not name.startswith("_") and name != "annotations" and is_own(value):
            listed.add(name)
    return sorted(listed)


def test_walks_something() -> None:
    assert {"tinytorch", "tinytorch.cuda", "tinytorch.backends.cudnn"} <= set(public_modules())


@pytest.mark.parametrize("name", public_modules())
@pytest.mark.filterwarnings("ignore")
def test_module_and_its_names_exist_in_torch(name: str) -> None:
    module = importlib.import_module(name)
    counterpart = importlib.import_module("torch" + name.removeprefix("tinytorch"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        extra = [public for public in public_names(module) if not hasattr(counterpart, public)]
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
