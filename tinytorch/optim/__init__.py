"""torch.optim: optimizers and learning-rate schedules."""

from __future__ import annotations

import importlib
from typing import Any

from .optimizer import Optimizer as Optimizer

del globals()["optimizer"]

#: class -> the module it lives in
_CLASSES = {
    "ASGD": "asgd",
    "Adadelta": "adadelta",
    "Adafactor": "_adafactor",
    "Adagrad": "adagrad",
    "Adam": "adam",
    "AdamW": "adamw",
    "Adamax": "adamax",
    "LBFGS": "lbfgs",
    "Muon": "_muon",
    "NAdam": "nadam",
    "RAdam": "radam",
    "RMSprop": "rmsprop",
    "Rprop": "rprop",
    "SGD": "sgd",
    "SparseAdam": "sparse_adam",
}

__all__ = ["Optimizer", *_CLASSES, "lr_scheduler", "swa_utils"]


def __getattr__(name: str) -> Any:
    if name in _CLASSES:
        value = getattr(importlib.import_module("." + _CLASSES[name], __name__), name)
        for module in _CLASSES.values():
            globals().pop(module, None)  # the package shows the classes, not the modules they live in
    elif name == "swap_in_optimizer_params_and_state":
        value = importlib.import_module("._swapping", __name__).swap_in_optimizer_params_and_state
        value.__module__ = __name__
    elif name in ("lr_scheduler", "swa_utils"):
        value = importlib.import_module("." + name, __name__)
    else:
        raise AttributeError(f"module 'torch.optim' has no attribute '{name}' (tinytorch lacks it)")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
