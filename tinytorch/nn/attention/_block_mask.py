"""Which blocks of an attention matrix a mask leaves. Source: torch's documentation, torch.nn.attention.flex_attention.BlockMask."""

from __future__ import annotations

import itertools
import math
from typing import Any, Self

import tinytorch as torch


def noop_mask(batch: Any, head: Any, token_q: Any, token_kv: Any) -> Any:
    """The mask that hides nothing."""
    return batch.new_ones(size=(), dtype=torch.bool, device=batch.device)


def _sliced_mask_mod_error(batch: Any, head: Any, token_q: Any, token_kv: Any) -> Any:
    """Raises RuntimeError: a part of a mask does not know its place in the whole."""
    raise RuntimeError("Cannot use mask_mod from a sliced BlockMask")


def _ordered(dense: Any) -> tuple[Any, Any]:
    """How many blocks of each row are taken, int32 (*, R), and their columns first, then the others', int32 (*, R, C)."""
    taken = dense.to(torch.int32)
    return taken.sum(-1).to(torch.int32), torch.argsort(taken, dim=-1, descending=True, stable=True).to(
        torch.int32
    )


def _dense(count: Any, indices: Any) -> Any:
    """The inverse of `_ordered`: int32 (*, R, C)."""
    taken = torch.arange(indices.shape[-1]) < count.unsqueeze(-1)
    return torch.zeros(indices.shape, dtype=torch.int32).scatter(-1, indices.long(), taken.to(torch.int32))


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)


class BlockMask:
    """The blocks that hold something of a mask, by rows and by columns; `full` ones hold nothing that is hidden.

    kv_num_blocks (B, H, rows): how many blocks of a row are partly hidden; kv_indices (B, H, rows, columns): which. The q tensors say the
    same of the columns.
    """

    __module__ = "torch.nn.attention.flex_attention"

    def __init__(
        self,
        seq_lengths: tuple[int, int],
        kv_num_blocks: Any,
        kv_indices: Any,
        full_kv_num_blocks: Any,
        full_kv_indices: Any,
        q_num_blocks: Any,
        q_indices: Any,
        full_q_num_blocks: Any,
        full_q_indices: Any,
        BLOCK_SIZE: tuple[int, int] = (128, 128),
        mask_mod: Any = noop_mask,
    ) -> None:
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        self.seq_lengths = seq_lengths
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices
        self.BLOCK_SIZE = BLOCK_SIZE
        self.mask_mod = mask_mod

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks: Any,
        kv_indices: Any,
        full_kv_num_blocks: Any = None,
        full_kv_indices: Any = None,
        BLOCK_SIZE: int | tuple[int, int] = 128,
        mask_mod: Any = None,
        seq_lengths: tuple[int, int] | None = None,
        compute_q_blocks: bool = True,
    ) -> Self:
        """A mask of which the rows' blocks are known; the columns' are worked out."""
        size = _pair(BLOCK_SIZE)
        if seq_lengths is None:
            seq_lengths = (kv_indices.shape[-2] * size[0], kv_indices.shape[-1] * size[1])
        columns: list[Any] = []
        for count, indices in ((kv_num_blocks, kv_indices), (full_kv_num_blocks, full_kv_indices)):
            known = compute_q_blocks and count is not None
            columns += _ordered(_dense(count, indices).mT) if known else (None, None)
        mask_mod = noop_mask if mask_mod is None else mask_mod
        return cls(
            seq_lengths,
            kv_num_blocks,
            kv_indices,
            full_kv_num_blocks,
            full_kv_indices,
            *columns,
            size,
            mask_mod,
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, H, Q_LEN, KV_LEN)."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self) -> int:
        return math.prod(self.shape)

    def to_dense(self) -> Any:
        """1 for the blocks that hold something, int32 (B, H, rows, columns)."""
        dense = _dense(self.kv_num_blocks, self.kv_indices)
        if self.full_kv_num_blocks is not None:
            dense = dense | _dense(self.full_kv_num_blocks, self.full_kv_indices)
        return dense

    def sparsity(self) -> float:
        """The percentage of the matrix outside the blocks that hold something; negative where these reach beyond it."""
        count = int(self.to_dense().sum()) * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1]
        return 100 * (1 - count / self.numel())

    def _parts(self) -> dict[str, Any]:
        names = ("kv_num_blocks", "kv_indices", "full_kv_num_blocks", "full_kv_indices")
        names += ("q_num_blocks", "q_indices", "full_q_num_blocks", "full_q_indices")
        return {name: getattr(self, name) for name in names}

    def __getitem__(self, index: Any) -> BlockMask:
        """The mask of some batches and heads."""
        index = index if isinstance(index, tuple) else (index,)
        index = tuple(
            slice(i, i + 1) if isinstance(i, int) and i != -1 else slice(-1, None) if i == -1 else i
            for i in index
        )
        parts = [None if part is None else part[index] for part in self._parts().values()]
        return BlockMask(
            self.seq_lengths, *parts, BLOCK_SIZE=self.BLOCK_SIZE, mask_mod=_sliced_mask_mod_error
        )

    def to(self, device: Any) -> BlockMask:
        """The mask on a device."""
        parts = [None if part is None else part.to(device) for part in self._parts().values()]
        return BlockMask(self.seq_lengths, *parts, BLOCK_SIZE=self.BLOCK_SIZE, mask_mod=self.mask_mod)

    def to_string(self, grid_size: Any = (20, 20), limit: int = 4) -> str:
        """A picture of the first `limit` batches and heads, of at most `grid_size` cells each."""
        dense = self.to_dense().double()  # (B, H, rows, columns)
        heights = [
            -(-dense.shape[place] // cells) for place, cells in zip((-2, -1), _pair(grid_size), strict=True)
        ]
        pictures = []
        for place in itertools.product(*map(range, dense.shape[:-2])):
            if len(pictures) == limit:
                pictures.append(
                    "...\nTo print out more, set BlockMask.to_string(limit=N)\n"
                    "You can also index (BlockMask[batch, head]) to choose a specific batch or head"
                )
                break
            one, (high, wide) = dense[place], heights
            rows = []
            for top in range(0, one.shape[0], high):
                shares = [
                    float(one[top : top + high, left : left + wide].mean())
                    for left in range(0, one.shape[1], wide)
                ]
                rows.append("".join("██" if share == 1 else "░░" if share else "  " for share in shares))
            pictures.append("\n".join([str(place), *rows]) + "\n")
        return "\n".join(pictures)

    def __str__(self) -> str:
        picture = self.to_string().removesuffix("\n")
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n{picture}\n)"

    def __repr__(self) -> str:
        lines = [f"{name}={None if part is None else part.shape}" for name, part in self._parts().items()]
        lines += [f"BLOCK_SIZE={self.BLOCK_SIZE}", f"shape={self.shape}", f"sparsity={self.sparsity():.2f}%"]
        lines.append(f"mask_mod={getattr(self.mask_mod, '__name__', self.mask_mod)}")
        return "BlockMask(\n    " + ",\n    ".join(lines) + "\n)"


def blocks_of(mask: Any, size: tuple[int, int], separate_full_blocks: bool) -> tuple[Any, Any]:
    """Which blocks of a mask (B, H, Q, KV) are partly hidden, and which not at all, bool (B, H, rows, columns) each."""
    batch, heads, rows, columns = mask.shape
    high, wide = -(-rows // size[0]), -(-columns // size[1])
    padded = torch.zeros(batch, heads, high * size[0], wide * size[1], dtype=torch.bool)
    padded[:, :, :rows, :columns] = mask
    count = padded.reshape(batch, heads, high, size[0], wide, size[1]).sum((3, 5))
    full = count == size[0] * size[1]
    return ((count > 0) & ~full, full) if separate_full_blocks else (count > 0, None)
