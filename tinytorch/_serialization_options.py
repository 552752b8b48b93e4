"""What can be set for save and load, per thread: checksums, byte order, memory maps, whether storages matter."""

from __future__ import annotations

import sys
import threading
from enum import Enum


class LoadEndianness(Enum):
    """Which byte order files without a mark are taken to have."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class _Options(threading.local):
    """What this thread has set for save and load."""

    checksums = True
    endianness: LoadEndianness | None = None
    mapping: int | None = None
    skip = False


options = _Options()
_PUBLISHED = __name__.replace("_serialization_options", "serialization")


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order assumed of files that do not say."""
    return options.endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Set the byte order assumed of files that do not say. Raises TypeError for other values."""
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    options.endianness = endianness


def get_crc32_options() -> bool:
    """Whether `save` computes checksums."""
    return options.checksums


def set_crc32_options(compute_crc32: bool) -> None:
    """Let `save` compute checksums, or not: then other programs that read zip archives may complain."""
    options.checksums = compute_crc32


def get_default_mmap_options() -> int | None:
    """How load(mmap=True) maps files: mmap.MAP_PRIVATE or mmap.MAP_SHARED; None where the platform has neither."""
    import mmap

    return getattr(mmap, "MAP_PRIVATE", None) if options.mapping is None else options.mapping


class set_default_mmap_options:
    """Choose how load(mmap=True) maps files, from now on or in a block: a private map's changes stay in memory.

    Raises ValueError for other flags, RuntimeError on Windows.
    """

    def __init__(self, flags: int) -> None:
        import mmap

        if sys.platform == "win32":
            raise RuntimeError("Changing the default mmap options is currently not supported for Windows")
        if flags not in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, but got "
                f"{flags}"
            )
        self.prev = get_default_mmap_options()
        options.mapping = flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        options.mapping = self.prev


class skip_data:
    """A block in which `save` writes zeros in the place of storages, and `load` leaves their content open."""

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self) -> None:
        self._before = options.skip
        options.skip = True

    def __exit__(self, *exception: object) -> None:
        options.skip = self._before


for _published in (LoadEndianness, set_default_mmap_options, skip_data):
    _published.__module__ = _PUBLISHED
