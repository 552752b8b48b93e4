"""torch.fft and the short-time transforms against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinytorch

torch = pytest.importorskip("torch")

REAL = np.random.default_rng(3).standard_normal((3, 6, 5))
COMPLEX = REAL + 1j * REAL[::-1]
NAMES = [
    f"{name}{suffix}"
    for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
    for suffix in ("", "2", "n")
]


def run(
    library: Any, program: Callable[[Any, Any], Any], array: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...], str]:
    given = library.from_numpy(array.copy()).requires_grad_()
    result = program(library, given)
    (result * result.conj()).real.sin().sum().backward()
    return (
        result.detach().resolve_conj().numpy(),
        given.grad.resolve_conj().numpy(),
        result.stride(),
        result.grad_fn.name(),
    )


def compare(program: Callable[[Any, Any], Any], array: np.ndarray) -> None:
    mine, theirs = run(tinytorch, program, array), run(torch, program, array)
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-9, atol=1e-9)
    assert mine[2:] == theirs[2:]


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("name", NAMES)
def test_transforms(name: str, norm: str | None) -> None:
    array = REAL if name.startswith(("rfft", "ihfft")) else COMPLEX
    compare(lambda t, x: getattr(t.fft, name)(x, norm=norm), array)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_one_dimension_of_several_with_other_lengths(dim: int) -> None:
    compare(lambda t, x: t.fft.fft(x, n=4, dim=dim), COMPLEX)
    compare(lambda t, x: t.fft.rfft(x, n=7, dim=dim), REAL)
    compare(lambda t, x: t.fft.irfft(x, n=7, dim=dim), COMPLEX)


def test_frequencies_and_shifts() -> None:
    assert tinytorch.fft.fftfreq(5, 0.5).tolist() == torch.fft.fftfreq(5, 0.5).tolist()
    assert tinytorch.fft.rfftfreq(6).tolist() == torch.fft.rfftfreq(6).tolist()
    assert tinytorch.fft.fftshift(tinytorch.arange(5)).tolist() == [3, 4, 0, 1, 2]
    assert tinytorch.fft.ifftshift(tinytorch.arange(5)).tolist() == [2, 3, 4, 0, 1]


@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.fft.rfft(t.ones(3) + 0j),
        lambda t: t.fft.fft(t.ones(3), n=0),
        lambda t: t.fft.fft(t.ones(3), norm="x"),
        lambda t: t.fft.fftn(t.ones(3, 3), dim=(0, 0)),
        lambda t: t.fft.fft(t.ones(3).half()),
        lambda t: t.stft(t.ones(30), 8),
    ],
)
def test_errors(program: Callable[[Any], Any]) -> None:
    with pytest.raises(RuntimeError) as theirs:
        program(torch)
    with pytest.raises(RuntimeError) as mine:
        program(tinytorch)
    assert str(mine.value) == str(theirs.value)


def test_short_time_transform_and_back() -> None:
    signal = np.random.default_rng(0).standard_normal((2, 40))
    window = np.hanning(10)[1:-1].copy()

    def there(t: Any, x: Any) -> Any:
        return t.stft(x, 8, hop_length=3, window=t.from_numpy(window), normalized=True, return_complex=True)

    compare(there, signal)
    compare(
        lambda t, x: t.istft(there(t, x), 8, hop_length=3, window=t.from_numpy(window), normalized=True),
        signal,
    )
