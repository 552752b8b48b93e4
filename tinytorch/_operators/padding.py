"""Padding in torch's four modes."""

from __future__ import annotations

from typing import Any

from tinytorch._core.declare import composite, find

from .assembly import constant_pad_nd, reflection_pad, replication_pad


def _slice(self: Any, dim: int, start: int | None, end: int | None) -> Any:
    return find("slice", "Tensor").call(self, dim, start, end, 1)


def _pad_circular(self: Any, pad: Any) -> Any:
    rank = self.ndim
    count = len(pad) // 2
    shape = list(self.shape)
    inside = []  # (dim, before, after), outermost dimension first
    for dim in range(rank - count, rank):
        before, after = pad[2 * (rank - 1 - dim)], pad[2 * (rank - 1 - dim) + 1]
        size = shape[dim]
        if before > size or after > size:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        shape[dim] = size + before + after
        if shape[dim] < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
        inside.append((dim, before, after))
    out = self.new_empty(shape)
    target, source = out, self
    for dim, before, after in inside:
        target = _slice(target, dim, max(before, 0), shape[dim] - max(after, 0))
        source = _slice(source, dim, max(-before, 0), self.shape[dim] - max(-after, 0))
    target.copy_(source)
    for dim, before, after in reversed(inside):
        if before > 0:
            end = shape[dim] - max(after, 0)
            _slice(out, dim, 0, before).copy_(_slice(out, dim, end - before, end))
        if after > 0:
            start = max(before, 0)
            _slice(out, dim, shape[dim] - after, shape[dim]).copy_(_slice(out, dim, start, start + after))
    return out


@composite("_pad_circular(Tensor self, SymInt[] pad) -> Tensor", module="nn", out=False)
def pad_circular(self: Any, pad: Any) -> Any:
    return _pad_circular(self, pad)


@composite(
    'pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor', module="nn", out=False
)
def pad(self: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    pad = tuple(pad)
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    rank = self.ndim
    if len(pad) > 2 * rank:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {rank}"
        )
    if mode == "constant":
        return constant_pad_nd(self, pad, 0.0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    dims = len(pad) // 2
    if dims not in (1, 2, 3) or rank not in (dims + 1, dims + 2):
        raise NotImplementedError(
            f"Padding size {len(pad)} is not supported for {rank}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    if mode == "circular":
        return _pad_circular(self, pad)
    return (reflection_pad if mode == "reflect" else replication_pad)[dims](self, pad)
