"""Derivatives of grid_sample's gradients, in every mode, against torch."""

from __future__ import annotations

from typing import Any

import pytest

import tinytorch

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize(
    ("rank", "mode"), [(2, "bilinear"), (2, "nearest"), (2, "bicubic"), (3, "bilinear"), (3, "nearest")]
)
def test_second_and_third_order(rank: int, mode: str, padding: str, align_corners: bool) -> None:
    def derivatives(torch: Any) -> list[Any]:
        area = 4**rank
        image = ((torch.arange(2 * area, dtype=torch.float64) * 7 + 3) % 11 - 5).reshape(
            1, 2, *[4] * rank
        ) / 4
        points = ((torch.arange(2**rank * rank, dtype=torch.float64) * 5 + 1) % 13 - 6.3) / 5
        image, points = image.requires_grad_(), points.reshape(1, *[2] * rank, rank).requires_grad_()
        options = {"mode": mode, "padding_mode": padding, "align_corners": align_corners}
        sampled = torch.nn.functional.grid_sample(image, points, **options)
        first = torch.autograd.grad((sampled**3).sum(), (image, points), create_graph=True)
        second = torch.autograd.grad(
            sum((g * g).sum() for g in first), (image, points), create_graph=True, allow_unused=True
        )
        graph = [g for g in second if g is not None and g.requires_grad]
        third = torch.autograd.grad(sum((g * g).sum() for g in graph), (image, points), allow_unused=True)
        return [None if g is None else g.flatten().tolist() for g in (*first, *second, *third)]

    for found, expected in zip(derivatives(tinytorch), derivatives(torch), strict=True):
        assert (found is None) == (expected is None)
        assert found is None or found == pytest.approx(expected, rel=1e-8, abs=1e-8)
