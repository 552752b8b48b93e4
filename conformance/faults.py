"""Faults to plant in an observation: each changes one thing a library could get wrong, and says whether it could."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from conformance.compare import EPSILON
from conformance.observe import Observation, TensorSeen

SIZE = 3e-5


@dataclass(frozen=True)
class Fault:
    """`plant` changes the observation and returns whether it found something to change."""

    layer: str
    plant: Callable[[Observation], bool]


def floating(tensor: TensorSeen | None) -> bool:
    values = tensor.values if tensor is not None else None
    return values is not None and values.dtype.kind in "fc" and bool(np.isfinite(values).any())


def tensors_in(group: object) -> list[TensorSeen]:
    return [item for item in group if isinstance(item, TensorSeen)] if isinstance(group, list) else []


def first_float(group: object) -> TensorSeen | None:
    return next((tensor for tensor in tensors_in(group) if floating(tensor)), None)


def scale_one(tensor: TensorSeen | None) -> bool:
    """The largest element off by SIZE."""
    if tensor is None or tensor.values is None or EPSILON.get(tensor.dtype, 1.0) > SIZE / 4:
        return False  # a fault below the dtype's precision is none
    flat = tensor.values.reshape(-1)
    sizes = np.where(np.isfinite(flat), np.abs(flat), 0.0)
    if not sizes.size or sizes.max() < 1e-30:
        return False
    place = int(sizes.argmax())
    flat[place] = flat[place] * (1.0 + SIZE)
    tensor.values = flat.reshape(tensor.shape)
    return True


def replaced(tensor: TensorSeen | None, change: Callable[[np.ndarray], np.ndarray]) -> bool:
    """The tensor's numbers changed by a function, where that changes them by more than rounding."""
    if tensor is None or tensor.values is None or tensor.values.size == 0:
        return False
    changed = np.asarray(change(tensor.values))
    if np.allclose(changed, tensor.values, rtol=1e-2, atol=1e-6, equal_nan=True):
        return False
    tensor.values = changed.astype(tensor.values.dtype)
    return True


def backwards(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1)[::-1].reshape(values.shape)


def transposed(values: np.ndarray) -> np.ndarray:
    """Rows for columns, as a gradient has it whose formula forgot a transposition."""
    return np.ascontiguousarray(values.T).reshape(values.shape)


def zeros_for_none(group: object) -> bool:
    if not isinstance(group, list) or None not in group:
        return False
    group[group.index(None)] = TensorSeen("float32", (1,), (1,), 0, np.zeros(1, np.float32))
    return True


def none_for(group: object, wanted: Callable[[TensorSeen], bool]) -> bool:
    if not isinstance(group, list):
        return False
    for index, tensor in enumerate(group):
        if tensor is not None and wanted(tensor):
            group[index] = None
            return True
    return False


def zeros(tensor: TensorSeen) -> bool:
    return tensor.values is not None and bool(tensor.values.size) and not tensor.values.any()


def wrong_dtype(seen: Observation) -> bool:
    if not seen.outputs:
        return False
    seen.outputs[0].dtype = "float64" if seen.outputs[0].dtype != "float64" else "float32"
    return True


def wrong_strides(seen: Observation) -> bool:
    if not seen.outputs or isinstance(seen.outputs[0].stride, str) or len(seen.outputs[0].stride) < 2:
        return False
    before = seen.outputs[0].stride
    seen.outputs[0].stride = before[::-1]
    return before != before[::-1]


def lost_alias(seen: Observation) -> bool:
    had, seen.aliases = bool(seen.aliases), frozenset()
    return had


def new_alias(seen: Observation) -> bool:
    had = not seen.aliases and bool(seen.outputs) and bool(seen.inputs_after)
    seen.aliases = frozenset({("input 0", "output 0")}) if had else seen.aliases
    return had


def other_node(seen: Observation) -> bool:
    if not any(tensor.node for tensor in seen.outputs):
        return False
    for tensor in seen.outputs:
        tensor.node = tensor.node and "OtherBackward0"
    return True


def scribbled(seen: Observation) -> bool:
    for values in seen.inputs_after:
        if values is not None and values.size and values.dtype.kind == "f":
            values.flat[0] = 3.5 if values.flat[0] != 3.5 else 2.5
            return True
    return False


def unstable_sort(seen: Observation) -> bool:
    """The indices of two equal neighbours changed places."""
    if len(seen.outputs) != 2:
        return False
    values, indices = (tensor.values for tensor in seen.outputs)
    if values is None or indices is None or indices.dtype != np.int64 or values.shape != indices.shape:
        return False
    if values.ndim == 0:
        return False
    for axis in range(values.ndim):
        moved, places = np.moveaxis(values, axis, -1), np.moveaxis(indices, axis, -1)
        ties = np.argwhere((moved[..., 1:] == moved[..., :-1]) & (places[..., 1:] != places[..., :-1]))
        if len(ties):
            *row, column = (int(part) for part in ties[0])
            left, right = (*row, column), (*row, column + 1)
            places[left], places[right] = int(places[right]), int(places[left])
            return True
    return False


def wrong_draw(seen: Observation) -> bool:
    return seen.random_used and replaced(first_float(seen.outputs), backwards)


def generator_behind(seen: Observation) -> bool:
    if not seen.random_used or seen.random_state is None:
        return False
    seen.random_state = seen.random_state[:-1] + bytes([seen.random_state[-1] ^ 1])
    return True


def no_version_error(seen: Observation) -> bool:
    for place, ending in seen.versions.items():
        if ending != "no error":
            seen.versions[place] = "no error"
            return True
    return False


def nan_as_zero(seen: Observation) -> bool:
    for tensor in seen.outputs:
        if tensor.values is not None and tensor.values.dtype.kind == "f" and np.isnan(tensor.values).any():
            tensor.values = np.nan_to_num(tensor.values, nan=0.0, posinf=np.inf, neginf=-np.inf)
            return True
    return False


def other_digit(seen: Observation) -> bool:
    """A digit before the point, as a wrong number of decimals or a wrong scale would show."""
    if seen.text is None:
        return False
    place = next((index for index, letter in enumerate(seen.text) if letter in "123456789"), None)
    if place is None:
        return False
    seen.text = seen.text[:place] + str(int(seen.text[place]) % 9 + 1) + seen.text[place + 1 :]
    return True


def gradient_mode_left(seen: Observation) -> bool:
    before = seen.state
    seen.state = tuple(line.replace("is_grad_enabled: True", "is_grad_enabled: False") for line in before)
    return seen.state != before


def lost_requirement(seen: Observation) -> bool:
    for tensor in seen.outputs:
        if tensor.requires_grad:
            tensor.requires_grad = False
            return True
    return False


def other_structure(seen: Observation) -> bool:
    before = seen.skeleton
    seen.skeleton = before.replace("tuple(", "list(", 1) if "tuple(" in before else f"list({before})"
    return True


def extra_warning(seen: Observation) -> bool:
    seen.warnings = [*seen.warnings, ("UserWarning", "unexpected")]
    return True


def lost_warning(seen: Observation) -> bool:
    had, seen.warnings = bool(seen.warnings), []
    return had


def error_of(change: Callable[[str], str], field: str) -> Callable[[Observation], bool]:
    def plant(seen: Observation) -> bool:
        if seen.error is None:
            return False
        before = getattr(seen.error, field)
        setattr(seen.error, field, change(before))
        return bool(getattr(seen.error, field) != before)

    return plant


def no_error(seen: Observation) -> bool:
    had, seen.error = seen.error is not None, None
    return had


def other_number(text: str) -> str:
    place = next((index for index, letter in enumerate(text) if letter.isdigit()), None)
    return text if place is None else text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]


FAULTS: dict[str, Fault] = {
    "value off by 3e-5": Fault("forward", lambda seen: scale_one(first_float(seen.outputs))),
    "values in another order": Fault("forward", lambda seen: replaced(first_float(seen.outputs), backwards)),
    "NaN turned into 0": Fault("forward", nan_as_zero),
    "unstable sort": Fault("forward", unstable_sort),
    "another dtype": Fault("forward", wrong_dtype),
    "a list around the result": Fault("forward", other_structure),
    "gradient mode left off": Fault("forward", gradient_mode_left),
    "gradient off by 3e-5": Fault("gradient", lambda seen: scale_one(first_float(seen.gradients))),
    "gradient transposed": Fault("gradient", lambda seen: replaced(first_float(seen.gradients), transposed)),
    "gradient in another order": Fault(
        "gradient", lambda seen: replaced(first_float(seen.gradients), backwards)
    ),
    "gradient conjugated": Fault("gradient", lambda seen: replaced(first_float(seen.gradients), np.conj)),
    "zeros for no gradient": Fault("gradient", lambda seen: zeros_for_none(seen.gradients)),
    "no gradient for zeros": Fault("gradient", lambda seen: none_for(seen.gradients, zeros)),
    "no gradient for one": Fault("gradient", lambda seen: none_for(seen.gradients, lambda tensor: True)),
    "requires_grad lost": Fault("gradient", lost_requirement),
    "second order off by 3e-5": Fault("second order", lambda seen: scale_one(first_float(seen.second))),
    "tangent off by 3e-5": Fault("forward mode", lambda seen: scale_one(first_float(seen.tangents))),
    "another grad_fn": Fault("graph", other_node),
    "a view that copies": Fault("aliasing", lost_alias),
    "a copy that aliases": Fault("aliasing", new_alias),
    "an input written to": Fault("aliasing", scribbled),
    "no version counted": Fault("versions", no_version_error),
    "other strides": Fault("strides", wrong_strides),
    "wrong random draw": Fault("forward", wrong_draw),
    "generator one step behind": Fault("random", generator_behind),
    "a warning too many": Fault("warnings", extra_warning),
    "a warning lost": Fault("warnings", lost_warning),
    "another digit printed": Fault("text", other_digit),
    "no error": Fault("error type", no_error),
    "wrong error type": Fault(
        "error type",
        error_of(lambda name: "ValueError" if name != "ValueError" else "RuntimeError", "type_name"),
    ),
    "another error text": Fault("error text", error_of(lambda text: text + ".", "text")),
    "another number in an error": Fault("error text", error_of(other_number, "text")),
}
