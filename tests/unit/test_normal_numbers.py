"""Normal numbers of blocks of 16, for every uniform number there is, against PyTorch.

PyTorch's generator is given states whose next words are chosen here. A state holds words as they are before the Mersenne Twister's
tempering (Matsumoto and Nishimura, 1998), so the tempering is undone first.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinytorch._core import normals

ALL = 1 << 24  # a uniform number is 24 bits of a word
STATE_WORDS = slice(24, 24 + 8 * 624)  # in the bytes of a state: 64 bits for each word
BLOCKS = 38  # of 16 words: as many as a state gives before new ones are made
PAIRS = 8 * BLOCKS


def untempered(words: np.ndarray) -> np.ndarray:
    """The words of the state, uint32 as given, that come out as `words`."""
    x = words ^ (words >> np.uint32(18))
    x ^= (x << np.uint32(15)) & np.uint32(0xEFC60000)
    y = x.copy()
    for _ in range(5):
        y = x ^ ((y << np.uint32(7)) & np.uint32(0x9D2C5680))
    z = y.copy()
    for _ in range(3):
        z = y ^ (z >> np.uint32(11))
    return z


def torchs(words: np.ndarray) -> np.ndarray:
    """What PyTorch's randn makes of `words`, (n, 16 BLOCKS)."""
    generator = torch.Generator()
    state = generator.get_state().numpy()
    state[8:12].view(np.int32)[:] = 624  # words left
    state[16:24].view(np.int64)[:] = 0  # the next one
    inside = state[STATE_WORDS].view(np.uint64)
    given = torch.from_numpy(state)
    out = torch.empty(len(words), 16 * BLOCKS)
    raw = untempered(words)
    for row, target in zip(raw, out.unbind(), strict=True):
        inside[: row.size] = row
        generator.set_state(given)
        torch.randn(row.size, generator=generator, out=target)
    return out.numpy()


def ours(words: np.ndarray) -> np.ndarray:
    flat = words.reshape(-1)
    out = np.empty(flat.size, np.float32)
    scratch = normals._Scratch(8 * normals._BLOCKS)
    step = 16 * normals._BLOCKS
    for start in range(0, flat.size, step):
        part = slice(start, start + step)
        normals._blocks32(flat[part], 0.0, 1.0, out[part], scratch)
    return out.reshape(words.shape)


def words_of(radii: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Blocks of uniform numbers (n,) of radii and of angles, as rows of as many blocks as a state holds; the last row is filled up."""
    pairs = np.zeros((2, -(-ALL // PAIRS) * PAIRS), np.uint32)
    pairs[0, :ALL], pairs[1, :ALL] = radii, angles
    return pairs.reshape(2, -1, 8).transpose(1, 0, 2).reshape(-1, 16 * BLOCKS)


def radius_one() -> int:
    """A uniform number whose radius is 1, so that the angle's cosine and sine come out unrounded."""
    row = np.zeros((1, 16 * BLOCKS), np.uint32)
    near = int((1.0 - np.exp(-0.5)) * ALL)
    row.reshape(-1, 2, 8)[:, 0] = np.arange(near - PAIRS // 2, near + PAIRS // 2).reshape(-1, 8)
    radii = torchs(row).reshape(-1, 2, 8)[:, 0].reshape(-1)
    return near - PAIRS // 2 + int(np.flatnonzero(radii == 1.0)[0])


@pytest.mark.parametrize("part", ["radii", "angles"])
def test_every_uniform_number(part: str) -> None:
    every = np.arange(ALL, dtype=np.uint32)
    words = (
        words_of(every, np.zeros_like(every))
        if part == "radii"
        else words_of(np.full_like(every, radius_one()), every)
    )
    assert np.array_equal(ours(words).view(np.int32), torchs(words).view(np.int32))
