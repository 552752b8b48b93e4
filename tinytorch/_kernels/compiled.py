"""SciPy's extension modules, loaded one at a time: a package of SciPy with all that it imports takes ten times as long."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from types import ModuleType


def extension(name: str, public: str) -> ModuleType:
    """The extension module `name` ("scipy.linalg._fblas"); where it does not stand there, the module `public`, which has its functions.

    Raises ImportError where there is no SciPy.
    """
    if name in sys.modules:
        return sys.modules[name]
    import scipy

    _, *folders, last = name.split(".")
    folder = os.path.join(os.path.dirname(scipy.__file__), *folders)
    found = importlib.machinery.PathFinder.find_spec(last, [folder])
    if found is None or found.origin is None:
        return importlib.import_module(public)
    spec = importlib.util.spec_from_file_location(name, found.origin)
    if spec is None or spec.loader is None:
        return importlib.import_module(public)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
