"""`torch.Generator`: the Mersenne twister behind every random number, with PyTorch's seeding, draws and state bytes.

There is one stream of 32-bit words per generator, and every sampler takes its words from it in a fixed order and number.
NumPy's MT19937 supplies the words a block of 624 at a time; the words of the current block that are not used yet wait in
a buffer, so that a small draw is one slice. Source: Matsumoto and Nishimura, "Mersenne Twister: a 623-dimensionally
equidistributed uniform pseudorandom number generator" (1998); the layout of the state as torch 2.13 exports it.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, NamedTuple, NoReturn, Self

import numpy as np

from .device import device

DEFAULT_SEED = 67280421310721
BLOCK = 624
STATE_SIZE = 5056
_WORD_MASK = 0xFFFFFFFF
_SEED_MASK = 0xFFFFFFFFFFFFFFFF
# Words are made in runs that stay in the processor's cache.
_LONGEST_RUN = 104 * BLOCK
_NO_WORDS = np.empty(0, np.uint32)
# Constants of ufuncs are arrays: NumPy converts scalars anew at each call.
_HIGH_BITS = np.array(0x1FFFFF, np.uint32)
_DOUBLE_BITS = np.array(0x1FFFFFFFFFFFFF, np.uint64)
_HALF = np.array(32, np.uint64)
_LOW_BITS = np.array(0xFFFFFF, np.uint32)
_INT32 = np.dtype(np.int32)
_FLOAT32 = np.dtype(np.float32)
_FLOAT64 = np.dtype(np.float64)
_SINGLE_UNIT = np.array(2.0**-24, np.float32)
_DOUBLE_UNIT = np.array(2.0**-53)
_HIGH_UNIT = np.array(2.0**-21)
_FEW = 64


#: Engines of generators that are gone. Making one takes half a millisecond, seeding it anew a microsecond.
_spare: list[tuple[Any, Any]] = []
_MOST_SPARE = 16


def _new_engine() -> tuple[Any, Any]:
    """What seeds an engine, and what draws from it in bulk."""
    # Imported at the first draw: numpy.random costs more to load than the rest of this module by far.
    from numpy.random import MT19937 as Engine
    from numpy.random import Generator, RandomState

    source = RandomState(Engine(0))
    return source, Generator(source._bit_generator)


class Mark(NamedTuple):
    """A position in the stream to which a generator can return."""

    buffer: np.ndarray
    position: int
    limit: int
    engine: Any


class Generator:
    """A source of random numbers: torch.Generator(device="cpu").

    It starts with a fixed seed. Samplers take `_lock` for as long as they draw. Raises RuntimeError for devices other than
    the CPU. Source: torch's documentation, "Generator".
    """

    __module__ = "torch._C"
    __slots__ = (
        "__weakref__",
        "_buffer",
        "_bulk",
        "_cached_normal",
        "_doubles",
        "_engine",
        "_limit",
        "_lock",
        "_position",
        "_seed",
        "_singles",
        "_source",
    )
    _buffer: np.ndarray  # (624,) the tempered words of the current block, or (0,)
    _singles: (
        np.ndarray | None
    )  # (624,) the block's words as uniform numbers, made when small draws want them
    _doubles: np.ndarray | None  # (623,) the same of each word with its successor
    _bulk: Any  # a numpy.random.Generator on the engine: it makes 64-bit draws at once
    _engine: Any  # numpy.random.MT19937, always at the end of its block; None until something is drawn
    _source: Any  # the numpy.random.RandomState that seeds the engine
    _seed: int | None  # None: to be drawn from the system at first use
    _position: int
    _limit: int
    _cached_normal: float | None  # the second number of the last pair of standard normals
    _lock: threading.Lock

    def __init__(self, device: Any = None) -> None:
        if device is not None:
            _check_device(device)
        self._lock = threading.Lock()
        self._source = None
        self._forget(DEFAULT_SEED)

    def _forget(self, seed: int | None) -> None:
        """Start anew from `seed`, which the engine learns of when the first word is wanted."""
        self._seed = seed
        self._engine = None
        self._set_block(_NO_WORDS)
        self._position = self._limit = 0
        self._cached_normal = None

    def _set_block(self, words: np.ndarray) -> None:
        words.flags.writeable = False
        self._buffer = words
        self._singles = self._doubles = None

    def _start(self) -> Any:
        """Seed the engine: the classic 32-bit initialisation, so only the seed's low half counts."""
        if self._source is None:
            self._source, self._bulk = _spare.pop() if _spare else _new_engine()
        self._source.seed(self.initial_seed() & _WORD_MASK)
        self._engine = self._source._bit_generator
        return self._engine

    def __del__(self) -> None:
        # Programs that make a generator per draw, such as those of Brownian paths, would pay for an engine each time.
        source = getattr(self, "_source", None)
        if source is not None and _spare is not None and len(_spare) < _MOST_SPARE:
            _spare.append((source, self._bulk))

    # ---- drawing; the caller holds the lock

    def _words(self, count: int) -> np.ndarray:
        """The next `count` 32-bit words, (count,) uint32. The array may be shared: do not write into it."""
        position = self._position
        end = position + count
        if end <= self._limit:
            self._position = end
            return self._buffer[position:end]
        return self._words_over_blocks(count)

    def _words_over_blocks(self, count: int) -> np.ndarray:
        left = self._buffer[self._position : self._limit]
        # The words of new blocks come in pairs: they are to begin where a 64-bit number may.
        words = np.empty(count + 1, np.uint32)[left.size & 1 :][:count]
        words[: left.size] = left
        self._fill_over_blocks(words, left.size)
        return words

    def _longs(self, count: int) -> np.ndarray:
        """The next `count` 64-bit draws, (count,) uint64: two words each, the high half first. The array is the caller's."""
        left = self._limit - self._position
        if 2 * count <= left or left % 2:
            return _pairs(self._words(2 * count))
        longs = np.empty(count, np.uint64)
        longs[: left // 2] = _pairs(self._buffer[self._position : self._limit])
        self._fill_over_blocks(longs, left // 2)
        return longs

    def _fill_over_blocks(self, out: np.ndarray, filled: int) -> None:
        """Fill the rest of `out` with words or 64-bit draws of whole blocks, the last of which becomes the current one."""
        engine = self._engine
        if engine is None:
            engine = self._start()
        words = out.itemsize // 4  # of an element
        longs, run, taken = out, 0, 0
        while filled < out.size:
            run = min(-(-(out.size - filled) * words // BLOCK) * BLOCK, _LONGEST_RUN)
            # Two words at once are faster than one, even though they come in the wrong order.
            longs = self._bulk.integers(0, _SEED_MASK, run // 2, np.uint64, True)
            taken = min(run // words, out.size - filled)
            part = out[filled : filled + taken]
            if words == 1:
                _split(longs, part)
            else:
                part[...] = longs[:taken]
            filled += taken
        last = np.empty(BLOCK, np.uint32)
        _split(longs[-BLOCK // 2 :], last)
        self._set_block(last)
        self._position = BLOCK - (run - taken * words)
        self._limit = BLOCK

    def _unit_floats(self, count: int) -> np.ndarray:
        """`count` uniform float32 of [0, 1) with 24 bits each, (count,): one word per number. Do not write into the array."""
        position = self._position
        end = position + count
        if end > self._limit:
            return _unit_floats(self._words_over_blocks(count))
        self._position = end
        if count > _FEW:
            return _unit_floats(self._buffer[position:end])
        if self._singles is None:
            self._singles = _unit_floats(self._buffer)
        return self._singles[position:end]

    def _unit_doubles(self, count: int) -> np.ndarray:
        """`count` uniform float64 of [0, 1) with 53 bits each, (count,): two words per number, the high half first.

        Do not write into the array.
        """
        position = self._position
        end = position + 2 * count
        if count > _FEW or end > self._limit:
            return _unit_longs(self._longs(count))
        self._position = end
        if self._doubles is None:
            self._doubles = _unit_doubles(self._buffer[:-1], self._buffer[1:])
        return self._doubles[position : end - 1 : 2]

    def _mark(self, count: int) -> Mark:
        """Remember where the stream stands, before `count` more words are taken at once."""
        crossing = self._position + count > self._limit
        if crossing and self._engine is None:
            self._start()
        return Mark(self._buffer, self._position, self._limit, self._engine.state if crossing else None)

    def _rewind(self, mark: Mark, used: int) -> None:
        """Go back to `mark` and take `used` words from there."""
        if mark.engine is not None:
            self._engine.state = mark.engine
        if mark.buffer is not self._buffer:
            self._set_block(mark.buffer)
        self._position, self._limit = mark.position, mark.limit
        self._words(used)

    # ---- seeds

    def manual_seed(self, seed: int) -> Self:
        """Restart the stream from `seed`, -2^63 to 2^64 - 1; negative numbers stand for themselves plus 2^64."""
        seed = checked_seed(seed)
        with self._lock:
            self._forget(seed)
        return self

    def seed(self) -> int:
        """Restart the stream from 64 bits of the system's entropy, and return them."""
        seed = _entropy()
        with self._lock:
            self._forget(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed of the current stream, as an unsigned number."""
        if self._seed is None:
            self._seed = _entropy()
        return self._seed

    @property
    def device(self) -> device:
        """Where the generator's numbers are made: always the CPU."""
        return device("cpu")

    # ---- state

    def _state_bytes(self) -> np.ndarray:
        """The whole state, (5056,) uint8 in torch's layout."""
        with self._lock:
            engine = self._engine if self._engine is not None else self._start()
            state = np.zeros(STATE_SIZE, np.uint8)
            state[0:8].view("<u8")[0] = self.initial_seed()
            state[8:16].view("<i4")[:] = self._limit - self._position + 1, 1
            state[16:24].view("<u8")[0] = self._position
            state[24:5016].view("<u8")[:] = engine.state["state"]["key"]
            if self._cached_normal is not None:
                state[5024:5032].view("<f8")[0] = self._cached_normal
                state[5040] = 1
            return state

    def _set_state_bytes(self, state: np.ndarray) -> None:
        """Continue from a state that `_state_bytes`, or torch, gave.

        Raises TypeError for arrays that are not uint8, RuntimeError for other sizes and impossible states.
        """
        if state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.size != STATE_SIZE:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {STATE_SIZE} but found the input RNG state size to be {state.size}"
            )
        state = state.reshape(STATE_SIZE).copy()
        left, seeded = state[8:16].view("<i4").tolist()
        position = int(state[16:24].view("<u8")[0])
        # Where more words are said to be left than the block has, torch would read past its end.
        if not seeded or not 1 <= left <= BLOCK or position > BLOCK or position + left - 1 > BLOCK:
            raise RuntimeError("Invalid mt19937 state")
        key = state[24:5016].view("<u8").astype(np.uint32)
        with self._lock:
            self._seed = int(state[0:8].view("<u8")[0])
            engine = self._engine if self._engine is not None else self._start()
            engine.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": 0}}
            self._set_block(engine.random_raw(BLOCK).astype(np.uint32))
            self._position = position
            self._limit = position + left - 1
            self._cached_normal = float(state[5024:5032].view("<f8")[0]) if state[5040] else None

    def get_state(self) -> Any:
        """The whole state as a tensor, (5056,) uint8, in torch's layout."""
        from .tensor import wrap

        return wrap(self._state_bytes())

    def set_state(self, new_state: Any) -> Self:
        """Continue from a state that `get_state`, here or in torch, gave.

        Raises TypeError for what is no uint8 tensor, RuntimeError for other sizes and impossible states.
        """
        from .tensor import Tensor

        if not isinstance(new_state, Tensor):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        self._set_state_bytes(new_state._array)
        return self

    def clone_state(self) -> Generator:
        """A new generator that continues as this one would."""
        clone = Generator()
        clone._set_state_bytes(self._state_bytes())
        return clone

    def graphsafe_get_state(self) -> NoReturn:
        """Raises NotImplementedError: only accelerators' generators have such a state."""
        raise NotImplementedError("graphsafe_get_state is not supported in this Generator")

    def graphsafe_set_state(self, state: Generator) -> NoReturn:
        """Raises NotImplementedError: only accelerators' generators have such a state."""
        raise NotImplementedError("graphsafe_set_state is not supported in this Generator")

    def get_offset(self) -> NoReturn:
        """Raises RuntimeError: only accelerators' generators count offsets."""
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset: int) -> NoReturn:
        """Raises RuntimeError: only accelerators' generators count offsets."""
        raise RuntimeError("CPU Generator does not use offset")

    def __reduce__(self) -> tuple[Any, ...]:
        # As torch does it: the seed, an offset only accelerators have, and the state.
        return (_restored, (self.device,), (self.initial_seed(), None, self.get_state()))

    def __setstate__(self, state: tuple[int, None, Any]) -> None:
        self.set_state(state[2])


def _unit_floats(words: np.ndarray) -> np.ndarray:
    """The low 24 bits of each word, divided by 2^24."""
    values: np.ndarray = np.bitwise_and(words, _LOW_BITS).view(_INT32).astype(_FLOAT32)
    np.multiply(values, _SINGLE_UNIT, values)
    return values


def _unit_doubles(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """The low 53 bits of each pair of words, divided by 2^53."""
    values: np.ndarray = np.bitwise_and(high, _HIGH_BITS).view(_INT32).astype(_FLOAT64)
    np.multiply(values, _HIGH_UNIT, values)
    rest = low.astype(_FLOAT64)
    np.multiply(rest, _DOUBLE_UNIT, rest)
    np.add(values, rest, values)
    return values


def _unit_longs(longs: np.ndarray) -> np.ndarray:
    """The low 53 bits of each 64-bit draw, divided by 2^53. Overwrites the draws."""
    np.bitwise_and(longs, _DOUBLE_BITS, longs)
    values: np.ndarray = longs.view(np.int64).astype(_FLOAT64)
    np.multiply(values, _DOUBLE_UNIT, values)
    return values


def _exchange(longs: np.ndarray, out: np.ndarray) -> None:
    """Write 64-bit numbers (n,) into `out`, (n,) uint64, with their halves exchanged where memory has the low half first."""
    if sys.byteorder == "little":
        np.right_shift(longs, _HALF, out)
        out |= longs << _HALF
    else:
        out[...] = longs


def _split(longs: np.ndarray, out: np.ndarray) -> None:
    """Write the first words that 64-bit draws (n,) are made of into `out`, (at most 2 n,) uint32: the high half first."""
    pairs = out.size // 2
    _exchange(longs[:pairs], out[: 2 * pairs].view(np.uint64))
    if out.size % 2:
        out[-1] = longs[pairs] >> _HALF


def _pairs(words: np.ndarray) -> np.ndarray:
    """Words (2 n,) as 64-bit draws, (n,) uint64, in an array of their own."""
    longs = np.empty(words.size // 2, np.uint64)
    _exchange(words.view(np.uint64), longs)
    return longs


def _restored(device: Any) -> Generator:
    """A new generator; pickles name this function, because the class goes by a name of torch's."""
    return Generator(device)


def checked_seed(seed: object) -> int:
    """The unsigned 64-bit seed that the int `seed` stands for.

    Raises RuntimeError for other types (TypeError for NumPy's integers), ValueError outside -2^63 to 2^64 - 1.
    """
    if isinstance(seed, np.integer):
        raise TypeError("an integer is required")
    if isinstance(seed, bool) or not isinstance(seed, int):
        kind = type(seed)
        name = f"numpy.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__
        raise RuntimeError(f"manual_seed expected a long, but got {name}")
    number = int(seed)
    if not -(2**63) <= number < 2**64:
        raise ValueError("Overflow when unpacking long long")
    return number & _SEED_MASK


def _entropy() -> int:
    return int.from_bytes(os.urandom(8), "little")


_NO_GENERATOR = {
    "cuda": "Cannot get CUDA generator without ATen_cuda library. PyTorch splits its backend into two shared libraries: a CPU "
    "library and a CUDA library; this error has occurred because you are trying to use some CUDA functionality, but the CUDA "
    "library has not been loaded by the dynamic linker for some reason.  The CUDA library MUST be loaded, EVEN IF you don't "
    "directly use any symbols from the CUDA library! One common culprit is a lack of -Wl,--no-as-needed in your link arguments; "
    "many dynamic linkers will delete dynamic library dependencies if you don't depend on any of their symbols.  You can check if "
    "this has occurred by using ldd on your binary to see if there is a dependency on *_cuda.so library.",
    "mps": "Cannot execute getNewGenerator() without MPS backend.",
    "xpu": "Cannot get XPU generator without ATen_xpu library.",
    "xla": "Cannot get XLA generator without torch_xla library. This error has occurred because you are trying to use some XLA "
    "functionality, but the XLA library has not been loaded by the dynamic linker. You must load xla libraries by "
    "`import torch_xla`",
    "hip": "Backend doesn`t support getNewGenerator()",
    "meta": "META device type not an accelerator.",
}


def _check_device(wanted: Any) -> None:
    """Refuse every device but the CPU, as torch's CPU build does."""
    if not isinstance(wanted, (str, int, device)):
        raise TypeError(
            f"Generator(): argument 'device' (position 1) must be torch.device, not {type(wanted).__name__}"
        )
    kind = (wanted if isinstance(wanted, device) else device(wanted)).type
    if kind != "cpu":
        raise RuntimeError(
            _NO_GENERATOR.get(kind, f"Device type {kind.upper()} has no generator in this build.")
        )


# The generator of every call that names none. Unlike others it is seeded by the system, when it is first used.
default_generator = Generator()
default_generator._forget(None)
