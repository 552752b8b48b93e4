"""Window functions for spectral analysis: `torch.hann_window` and its like, periodic ones unless `periodic` is false.

Sources: Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform" (1978); Kaiser and Schafer, "On the
use of the I₀-sinh window for spectrum analysis" (1980). Each step is rounded to the window's type, as in torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.declare import find
from .._core.dispatch import legacy_name
from .._core.dtypes import defaults
from .._core.tensor import wrap
from .factories import _OPTIONS, factory

_CPP_NAMES = {
    "bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int", "int64": "long int",
    "uint16": "short unsigned int", "uint32": "unsigned int", "uint64": "long unsigned int",
}  # fmt: skip


def _window(
    name: str, length: int, periodic: bool, dtype: Any, formula: Callable[[Any, int], Any]
) -> np.ndarray:
    """The window of a number of points: formula(0 … N, N). A periodic one has one point more, which is cut off."""
    kind = dtype or defaults.dtype
    if kind._category not in ("float", "complex"):
        raise RuntimeError(
            f"{name}_window expects floating point dtypes, got: TensorOptions(dtype={_CPP_NAMES[kind._name]}, device=cpu, "
            "layout=Strided (default), requires_grad=false (default), pinned_memory=false, memory_format=(nullopt))"
        )
    if length < 0:
        raise RuntimeError(f"{name}_window requires non-negative window_length, got window_length={length}")
    if kind._category == "complex":
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{legacy_name(kind)}'")
    if length < 2:
        return np.ones(length, kind._numpy)
    points = length + 1 if periodic else length
    values = formula(wrap(np.arange(points).astype(kind._numpy)), points - 1)
    array: np.ndarray = values._array[:length].copy()
    return array


def _bartlett(n: Any, last: int) -> Any:
    rising = n.mul(2.0 / last)
    middle = last // 2 + 1
    return find("cat").call([rising[:middle], rising[middle:].mul(-1).add(2)], 0)


def _blackman(n: Any, last: int) -> Any:
    angle = n.mul(math.pi / last)
    return angle.mul(4).cos().mul(0.08) - angle.mul(2).cos().mul(0.5) + 0.42


def _raised_cosine(alpha: float, beta: float) -> Callable[[Any, int], Any]:
    return lambda n, last: n.mul(2 * math.pi / last).cos().mul(-beta).add(alpha)


def _kaiser(beta: float) -> Callable[[Any, int], Any]:
    def formula(n: Any, last: int) -> Any:
        centred = (n - last / 2) / (last / 2)
        return (beta * (1 - centred.pow(2)).sqrt()).i0() / wrap(np.asarray(beta, n._array.dtype)).i0()

    return formula


@factory(f"bartlett_window(int window_length, {_OPTIONS}) -> Tensor")
def bartlett_window(window_length, dtype):
    """A triangle from 0 to 1 and back."""
    return _window("bartlett", window_length, True, dtype, _bartlett)


@factory(f"bartlett_window.periodic(int window_length, bool periodic, {_OPTIONS}) -> Tensor")
def bartlett_window_periodic(window_length, periodic, dtype):
    """A triangle from 0 to 1 and back."""
    return _window("bartlett", window_length, periodic, dtype, _bartlett)


@factory(f"blackman_window(int window_length, {_OPTIONS}) -> Tensor")
def blackman_window(window_length, dtype):
    """0.42 - 0.5 cos(2πn/N) + 0.08 cos(4πn/N)."""
    return _window("blackman", window_length, True, dtype, _blackman)


@factory(f"blackman_window.periodic(int window_length, bool periodic, {_OPTIONS}) -> Tensor")
def blackman_window_periodic(window_length, periodic, dtype):
    """0.42 - 0.5 cos(2πn/N) + 0.08 cos(4πn/N)."""
    return _window("blackman", window_length, periodic, dtype, _blackman)


@factory(f"hann_window(int window_length, {_OPTIONS}) -> Tensor")
def hann_window(window_length, dtype):
    """0.5 - 0.5 cos(2πn/N)."""
    return _window("hann", window_length, True, dtype, _raised_cosine(0.5, 0.5))


@factory(f"hann_window.periodic(int window_length, bool periodic, {_OPTIONS}) -> Tensor")
def hann_window_periodic(window_length, periodic, dtype):
    """0.5 - 0.5 cos(2πn/N)."""
    return _window("hann", window_length, periodic, dtype, _raised_cosine(0.5, 0.5))


@factory(f"hamming_window(int window_length, {_OPTIONS}) -> Tensor")
def hamming_window(window_length, dtype):
    """alpha - beta cos(2πn/N), with 0.54 and 0.46."""
    return _window("hamming", window_length, True, dtype, _raised_cosine(0.54, 0.46))


@factory(f"hamming_window.periodic(int window_length, bool periodic, {_OPTIONS}) -> Tensor")
def hamming_window_periodic(window_length, periodic, dtype):
    """alpha - beta cos(2πn/N), with 0.54 and 0.46."""
    return _window("hamming", window_length, periodic, dtype, _raised_cosine(0.54, 0.46))


@factory(
    f"hamming_window.periodic_alpha(int window_length, bool periodic, float alpha, {_OPTIONS}) -> Tensor"
)
def hamming_window_alpha(window_length, periodic, alpha, dtype):
    """alpha - beta cos(2πn/N), with the given alpha and 0.46."""
    return _window("hamming", window_length, periodic, dtype, _raised_cosine(alpha, 0.46))


@factory(
    f"hamming_window.periodic_alpha_beta(int window_length, bool periodic, float alpha, float beta, {_OPTIONS}) -> Tensor"
)
def hamming_window_alpha_beta(window_length, periodic, alpha, beta, dtype):
    """alpha - beta cos(2πn/N)."""
    return _window("hamming", window_length, periodic, dtype, _raised_cosine(alpha, beta))


@factory(f"kaiser_window(int window_length, {_OPTIONS}) -> Tensor")
def kaiser_window(window_length, dtype):
    """I₀(beta √(1 - ((n - N/2)/(N/2))²)) / I₀(beta), with 12."""
    return _window("kaiser", window_length, True, dtype, _kaiser(12.0))


@factory(f"kaiser_window.periodic(int window_length, bool periodic, {_OPTIONS}) -> Tensor")
def kaiser_window_periodic(window_length, periodic, dtype):
    """I₀(beta √(1 - ((n - N/2)/(N/2))²)) / I₀(beta), with 12."""
    return _window("kaiser", window_length, periodic, dtype, _kaiser(12.0))


@factory(f"kaiser_window.beta(int window_length, bool periodic, float beta, {_OPTIONS}) -> Tensor")
def kaiser_window_beta(window_length, periodic, beta, dtype):
    """I₀(beta √(1 - ((n - N/2)/(N/2))²)) / I₀(beta)."""
    return _window("kaiser", window_length, periodic, dtype, _kaiser(beta))
