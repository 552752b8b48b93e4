"""Seeded cotangents and tangents that are the same numbers in every float dtype."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from conformance.engine import Library
from conformance.layouts import MIXED, drawn
from conformance.program import Array, TensorData, contiguous_strides, decode_tensor

LAYOUTS = ("plain", "expanded", "transposed")
# of another length than the layouts of inputs, so that a case's two draws take no notice of each other
DRAWN = ("plain", "transposed", "plain", "expanded", "plain")


def cotangent_of(name: str, asked: str) -> str:
    """The memory layout of a case's cotangents: the one asked for, or the one its name draws."""
    return drawn(name, DRAWN) if asked == MIXED else asked


def weights(name: str, position: int, shape: tuple[int, ...], dtype: str) -> Array:
    """A seeded normal cotangent on a grid of sixteenths, so that every float dtype holds it exactly."""
    generator = np.random.default_rng([zlib.crc32(name.encode()), position])
    draw = np.round(generator.normal(size=shape) * 16.0) / 16.0
    draw = np.where(draw == 0.0, 0.0625, np.clip(draw, -4.0, 4.0))
    if dtype.startswith("complex"):
        imaginary = np.round(generator.normal(size=shape) * 16.0) / 16.0
        return np.asarray(draw + 1j * np.clip(imaginary, -4.0, 4.0))
    return np.asarray(draw)


def weight_tensor(library: Library, name: str, position: int, like: Any, layout: str = "plain") -> Any:
    """A cotangent for `like`: plain, expanded (every stride 0) or transposed in memory."""
    dtype = library.dtype_name(like.dtype)
    shape = tuple(int(size) for size in like.shape)
    draw = weights(name, position, shape, dtype)
    stride, storage = contiguous_strides(shape), draw.reshape(-1)
    if layout == "ones":
        # what a harness without random cotangents would use
        storage = np.ones_like(storage)
    elif layout == "expanded":
        stride, storage = (0,) * len(shape), draw.reshape(-1)[:1]
    elif layout == "transposed":
        stride = contiguous_strides(shape[::-1])[::-1]
        storage = draw.T.reshape(-1)
    return decode_tensor(library, TensorData(dtype, shape, stride, 0, store(storage, dtype)))


def store(values: Array, dtype: str) -> Array:
    """Exactly representable numbers in the dtype's carrier."""
    if dtype == "bfloat16":
        return (values.astype(np.float32).view(np.uint32) >> np.uint32(16)).astype(np.uint16).view(np.int16)
    if dtype == "complex32":
        pairs = np.stack([values.real, values.imag], axis=-1).astype(np.float16)
        return np.ascontiguousarray(pairs).view(np.int32).reshape(values.shape)
    return np.asarray(values.astype(dtype))
