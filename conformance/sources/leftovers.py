"""The tensors a script leaves in its global variables: saved by its process, compared afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

Array = Any


def tensors_of(value: Any, torch: Any, name: str) -> dict[str, Any]:
    """A tensor and its gradient, the tensors of a module, or those in a list or dictionary."""
    if isinstance(value, torch.Tensor):
        found = {name: value.detach()}
        if value.is_leaf and value.grad is not None:
            found[f"{name}.grad"] = value.grad.detach()
        return found
    if isinstance(value, torch.nn.Module):
        return {
            f"{name}.{key}": item
            for key, item in value.state_dict().items()
            if isinstance(item, torch.Tensor)
        }
    if isinstance(value, (list, tuple)):
        pairs: Any = enumerate(value)
    elif isinstance(value, dict):
        pairs = value.items()
    else:
        return {}
    found = {}
    for key, item in pairs:
        if isinstance(item, torch.Tensor):
            found.update(tensors_of(item, torch, f"{name}[{key!r}]"))
    return found


def save(left: dict[str, Any], torch: Any, path: str) -> None:
    """Every tensor reachable from the variables, as arrays named `variable|dtype`."""
    arrays: dict[str, Array] = {}
    for name, value in left.items():
        if name.startswith("__"):
            continue
        try:
            for key, tensor in tensors_of(value, torch, name).items():
                dtype = str(tensor.dtype).rpartition(".")[2]
                plain = tensor.float() if dtype == "bfloat16" else tensor
                arrays[f"{key}|{dtype}"] = np.array(plain.detach().numpy())
        except Exception as error:  # a tensor without numbers, such as a sparse one, is known by its name
            arrays[f"{name}|{type(error).__name__}"] = np.zeros(0)
    np.savez(path, **arrays)


def load(path: str) -> dict[str, Array]:
    if not Path(path).exists():
        return {}
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def compare_left(theirs: dict[str, Array], ours: dict[str, Array], relative: float, absolute: float) -> str:
    """The first variable that differs, in words, or an empty text."""
    for key, expected in theirs.items():
        name, _, dtype = key.rpartition("|")
        if key not in ours:
            others = [other.rpartition("|")[2] for other in ours if other.rpartition("|")[0] == name]
            return f"tensor {name} is {others[0]} for {dtype}" if others else f"no tensor {name}"
        actual = ours[key]
        if actual.shape != expected.shape:
            return f"tensor {name} has shape {list(actual.shape)} for {list(expected.shape)}"
        close: Any
        if expected.dtype.kind in "fc":
            close = np.isclose(actual, expected, rtol=relative, atol=absolute, equal_nan=True)
        else:
            close = np.equal(actual, expected)
        if not close.all():
            place = tuple(int(part) for part in np.argwhere(~close)[0])
            wrong = f"{int((~close).sum())} of {close.size} elements"
            return f"tensor {name}{list(place)} is {actual[place]} for {expected[place]}; {wrong}"
    extra = [key.rpartition("|")[0] for key in ours if key not in theirs]
    return f"tensor {extra[0]} where torch leaves none" if extra else ""
