"""Tangents of tensors whose memory has gaps, and of factorizations moved out of their structure, against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import tinytorch

torch = pytest.importorskip("torch")

Program = Callable[[Any, Any, Any], Any]


def _filled(torch: Any, *shape: int) -> Any:
    count = 1
    for size in shape:
        count *= size
    return (((torch.arange(count, dtype=torch.float64) * 7 + 3) % 11 - 5) / 4).reshape(shape)


def _gaps(torch: Any) -> Any:
    x = torch.full((2, 3, 8), 77.0, dtype=torch.float64)[..., ::2]
    return x.copy_(_filled(torch, 2, 3, 4))


def _positive(torch: Any) -> Any:
    return torch.tensor([[4.0, 1.0, 0.5], [1.0, 3.0, 0.0], [0.5, 0.0, 2.0]], dtype=torch.float64)


GEOMETRY: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    "reshape": (_gaps, lambda torch, x: x.reshape(6, 4)),
    "reshape to one": (_gaps, lambda torch, x: x.reshape(-1)),
    "view": (_gaps, lambda torch, x: x.view(6, 4)),
    "transposed": (lambda torch: _filled(torch, 3, 2, 4).transpose(0, 1), lambda torch, x: x.reshape(2, 12)),
    "flatten": (_gaps, lambda torch, x: x.flatten(1).sum(0)),
    "scatter into a window": (
        lambda torch: _filled(torch, 2, 3, 4),
        lambda torch, x: torch.as_strided_scatter(x, torch.zeros(1, dtype=torch.float64), (1,), (1,), 0),
    ),
    "lstsq": (_positive, lambda torch, x: torch.linalg.lstsq(x[:, :2], x, driver="gelsd")[:2]),
    "dropout": (
        lambda torch: _filled(torch, 3, 2, 4).transpose(0, 2),
        lambda torch, x: (torch.manual_seed(3), torch.nn.functional.alpha_dropout(x, 0.5, True))[1],
    ),
    "cholesky": (_positive, lambda torch, x: torch.linalg.cholesky(x)),
    "upper cholesky": (_positive, lambda torch, x: torch.linalg.cholesky(x, upper=True)),
    "eigh": (_positive, lambda torch, x: torch.linalg.eigh(x)[1].abs()),
    "eigvalsh": (_positive, lambda torch, x: torch.linalg.eigvalsh(x)),
    "slogdet": (_positive, lambda torch, x: torch.linalg.slogdet(x)[1]),
    "det": (_positive, lambda torch, x: torch.linalg.det(x)),
    "triangular_solve": (_positive, lambda torch, x: torch.triangular_solve(x, x)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", GEOMETRY)
def test_same_tangent(name: str) -> None:
    make, function = GEOMETRY[name]

    def tangents(torch: Any) -> list[Any]:
        forward = torch.autograd.forward_ad
        with forward.dual_level():
            x = make(torch)
            result = function(torch, forward.make_dual(x, _filled(torch, *x.shape) * 3 + 1))
            results = result if isinstance(result, tuple) else (result,)
            return [forward.unpack_dual(item).tangent for item in results]

    for found, expected in zip(tangents(tinytorch), tangents(torch), strict=True):
        assert tuple(found.shape) == tuple(expected.shape)
        assert found.flatten().tolist() == pytest.approx(expected.flatten().tolist(), rel=1e-9, abs=1e-12)
