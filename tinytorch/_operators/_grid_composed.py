"""Sampling at grid points written with differentiable operators: what the derivatives of grid_sampler's gradients are worked out from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from tinytorch._core import backward as engine
from tinytorch._core.declare import find
from tinytorch._core.modes import modes

BILINEAR, NEAREST, BICUBIC = range(3)
ZEROS, BORDER, REFLECTION = range(3)
_A = -0.75


def _clamped(x: Any, size: int) -> Any:
    """Held between 0 and size - 1; what is held there stands still."""
    inside = (x > 0).logical_and(x < size - 1)
    return find("where", "self").call(inside, x, x.detach().clamp(0, size - 1))


def _reflected(x: Any, size: int, align_corners: bool) -> Any:
    low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
    span = high - low
    if not span:
        return x * 0
    away = (x - low).abs()
    turns = (away.detach() / span).floor()
    rest = away - turns * span
    return find("where", "self").call(turns % 2 == 0, rest + low, high - rest)


def _padded(x: Any, size: int, padding: int, align_corners: bool) -> Any:
    if padding == REFLECTION:
        x = _reflected(x, size, align_corners)
    return x if padding == ZEROS else _clamped(x, size)


def _cubic(t: Any) -> list[Any]:
    def outer(s: Any) -> Any:
        return ((_A * s - 5 * _A) * s + 8 * _A) * s - 4 * _A

    def inner(s: Any) -> Any:
        return ((_A + 2) * s - (_A + 3)) * s * s + 1

    return [outer(t + 1), inner(t), inner(1 - t), outer(2 - t)]


def _taps(x: Any, size: int, mode: int, padding: int, align_corners: bool) -> Iterator[tuple[Any, Any]]:
    """(place, weight) of the elements that take part along one axis; a weight of None is 1."""
    if mode == BICUBIC:
        first = x.detach().floor()
        for step, weight in enumerate(_cubic(x - first), -1):
            yield _padded(first + step, size, padding, align_corners).round(), weight
        return
    x = _padded(x, size, padding, align_corners)
    if mode == NEAREST:
        yield x.detach().round(), None
        return
    first = x.detach().floor()
    yield first, 1 - (x - first)
    yield first + 1, x - first


def _sampled(input: Any, grid: Any, mode: int, padding: int, align_corners: bool) -> Any:
    """grid_sampler: input (N, C, *sizes), grid (N, *out, rank), result (N, C, *out)."""
    sizes = input.shape[2:]
    out = grid.shape[1:-1]
    batch, channels = input.shape[:2]
    axes = []
    for axis, size in enumerate(sizes):
        g = grid.select(-1, len(sizes) - 1 - axis)  # (N, *out)
        x = (g + 1) * ((size - 1) / 2) if align_corners else ((g + 1) * size - 1) / 2
        axes.append(list(_taps(x, size, mode, padding, align_corners)))
    flat = input.reshape(batch, channels, -1)
    total = input.new_zeros((batch, channels, *out))
    for corner in product(*axes):
        place, inside, weight = None, None, None
        for (where, share), size in zip(corner, sizes, strict=True):
            within = (where >= 0).logical_and(where <= size - 1)
            index = where.clamp(0, size - 1).long()
            place = index if place is None else place * size + index
            inside = within if inside is None else inside.logical_and(within)
            if share is not None:
                weight = share if weight is None else weight * share
        assert place is not None and inside is not None
        spread = place.reshape(batch, 1, -1).expand(batch, channels, place[0].numel())
        values = flat.gather(2, spread).reshape(batch, channels, *out)
        values = values * inside.unsqueeze(1)
        total = total + (values if weight is None else values * weight.unsqueeze(1))
    return total


def _apart(tensor: Any, record: bool) -> Any:
    """A stand-in for `tensor` that derivatives are taken by; while recording, with its history behind it."""
    if record and tensor.requires_grad:
        return tensor.view_as(tensor)
    return tensor.detach().requires_grad_()


def _pull(results: list[tuple[Any, Any]], targets: list[Any], create: bool) -> list[Any]:
    """The cotangents of `targets` for (result, cotangent) pairs; None for zero."""
    roots = [
        (engine.edge_of(r), c) for r, c in results if r is not None and c is not None and r.requires_grad
    ]
    if not roots:
        return [None] * len(targets)
    ports = [engine.port_of(engine.edge_of(target)) for target in targets]
    captured = engine.run(roots, True, create, ports, False)
    return [captured.get(port) for port in ports]


def second_order(
    grad_input: Any,
    grad_grid: Any,
    grad_output: Any,
    input: Any,
    grid: Any,
    mode: int,
    padding: int,
    align_corners: bool,
) -> dict[str, Any]:
    """Cotangents of what the gradients of grid_sampler were worked out from, `grad_input` and `grad_grid` being those of the gradients."""
    record = modes.grad
    modes.grad = True
    try:
        targets = [_apart(tensor, record) for tensor in (grad_output, input, grid)]
        cotangent, image, points = targets
        sampled = _sampled(image, points, mode, padding, align_corners)
        firsts = _pull([(sampled, cotangent)], [image, points], True)
        found = _pull(list(zip(firsts, (grad_input, grad_grid), strict=True)), targets, record)
    finally:
        modes.grad = record
    if found[2] is None:  # where the nearest element is taken, the points get zeros, and the image nothing
        found[2] = points.detach().new_zeros(points.shape)
    return dict(zip(("grad_output", "input", "grid"), found, strict=True))
