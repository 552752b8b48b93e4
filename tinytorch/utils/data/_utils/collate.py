"""Joining samples to batches."""

from __future__ import annotations

import collections
import copy
import re
from collections.abc import Callable
from typing import Any

import tinytorch as torch

np_str_obj_array_pattern = re.compile(r"[SaUO]")

default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _is_numpy(kind: type) -> bool:
    return kind.__module__ == "numpy" and kind.__name__ not in ("str_", "string_", "bytes_")


def default_convert(data: Any) -> Any:
    """Arrays and NumPy numbers as tensors, inside containers too; everything else as it is."""
    kind = type(data)
    if isinstance(data, torch.Tensor):
        return data
    if _is_numpy(kind):
        if kind.__name__ == "ndarray" and np_str_obj_array_pattern.search(data.dtype.str) is not None:
            return data
        return torch.as_tensor(data)
    if isinstance(data, collections.abc.Mapping):
        converted = {key: default_convert(data[key]) for key in data}
        try:
            if isinstance(data, collections.abc.MutableMapping):
                clone: Any = copy.copy(data)
                clone.update(converted)
                return clone
            return kind(converted)  # type: ignore[call-arg]
        except TypeError:
            return converted
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*(default_convert(item) for item in data))
    if isinstance(data, tuple):
        return [default_convert(item) for item in data]
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, str | bytes):
        try:
            if isinstance(data, collections.abc.MutableSequence):
                clone = copy.copy(data)
                for i, item in enumerate(data):
                    clone[i] = default_convert(item)
                return clone
            return kind([default_convert(item) for item in data])  # type: ignore[call-arg]
        except TypeError:
            return [default_convert(item) for item in data]
    return data


def collate(batch: Any, *, collate_fn_map: dict[Any, Callable[..., Any]] | None = None) -> Any:
    """One batch from samples of one kind; `collate_fn_map` says how for leaf types."""
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        if kind in collate_fn_map:
            return collate_fn_map[kind](batch, collate_fn_map=collate_fn_map)
        for handled in collate_fn_map:
            if isinstance(first, handled):
                return collate_fn_map[handled](batch, collate_fn_map=collate_fn_map)

    def joined(samples: Any) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, collections.abc.Mapping):
        by_key = {key: joined([sample[key] for sample in batch]) for key in first}
        try:
            if isinstance(first, collections.abc.MutableMapping):
                clone: Any = copy.copy(first)
                clone.update(by_key)
                return clone
            return kind(by_key)
        except TypeError:
            return by_key
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(joined(samples) for samples in zip(*batch, strict=True)))
    if isinstance(first, collections.abc.Sequence):
        if not all(len(sample) == len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = list(zip(*batch, strict=True))
        if isinstance(first, tuple):
            return [joined(samples) for samples in columns]
        try:
            if isinstance(first, collections.abc.MutableSequence):
                clone = copy.copy(first)
                for i, samples in enumerate(columns):
                    clone[i] = joined(samples)
                return clone
            return kind([joined(samples) for samples in columns])
        except TypeError:
            return [joined(samples) for samples in columns]
    raise TypeError(default_collate_err_msg_format.format(kind))


def collate_tensor_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Stacked tensors."""
    return torch.stack(batch, 0)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Stacked arrays, as a tensor."""
    first = batch[0]
    if np_str_obj_array_pattern.search(first.dtype.str) is not None:
        raise TypeError(default_collate_err_msg_format.format(first.dtype))
    return collate([torch.as_tensor(item) for item in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """NumPy numbers as a tensor."""
    return torch.as_tensor(batch)


def collate_float_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Python floats as a float64 tensor."""
    return torch.tensor(batch, dtype=torch.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Python integers as a tensor."""
    return torch.tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Strings stay a list."""
    return batch


def _leaf_types() -> dict[Any, Callable[..., Any]]:
    import numpy as np

    return {
        torch.Tensor: collate_tensor_fn,
        np.ndarray: collate_numpy_array_fn,
        (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
        float: collate_float_fn,
        int: collate_int_fn,
        str: collate_str_fn,
        bytes: collate_str_fn,
    }


default_collate_fn_map: dict[Any, Callable[..., Any]] = _leaf_types()


def default_collate(batch: Any) -> Any:
    """Samples joined to a batch: tensors stacked, numbers made a tensor, containers by their members."""
    return collate(batch, collate_fn_map=default_collate_fn_map)
