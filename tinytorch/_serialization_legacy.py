"""The format before zip archives: a row of pickles (magic number, version, system, object, keys), then each storage's length and bytes."""

from __future__ import annotations

import io
import pickle
import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ._core.storage import TypedStorage, UntypedStorage
from ._serialization_pickler import pickler_for

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
_SYSTEM = {
    "protocol_version": PROTOCOL_VERSION,
    "little_endian": sys.byteorder == "little",
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


def write(obj: object, file: Any, module: Any, protocol: int) -> None:
    """Write `obj`, its tensors' storages after it."""
    for header in (MAGIC_NUMBER, PROTOCOL_VERSION, _SYSTEM):
        module.dump(header, file, protocol=protocol)
    pickler = pickler_for(module, file, protocol, legacy=True)
    pickler.dump(obj)
    keys = sorted(pickler.storages)
    module.dump(keys, file, protocol=protocol)
    file.flush()
    for key in keys:
        storage, kind = pickler.storages[key], pickler.kinds[key]
        file.write(struct.pack("<q", storage.nbytes() // kind.itemsize))
        if storage.nbytes():
            file.write(memoryview(storage._bytes))


def read(
    file: Any, restore: Callable[[Any, str], Any], base: Any, options: dict[str, Any], skip: bool
) -> Any:
    """The object of a file. Raises RuntimeError for files that are something else or shorter than they say."""
    loaded: dict[str, tuple[Any, Any]] = {}
    waiting: dict[str, UntypedStorage] = {}
    views: dict[str, Any] = {}
    start = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(start)
    claimed = 0

    def persistent_load(self: Any, reference: tuple[Any, ...]) -> Any:
        nonlocal claimed
        if reference[0] != "storage":
            raise NotImplementedError(f"torch.load: {reference[0]} records of old files")
        _, kind, key, location, count, *view = reference
        key, location = _text(key), _text(location)
        if key not in loaded:
            claimed += count * kind.dtype.itemsize
            if count < 0 or claimed > size:
                raise RuntimeError(
                    f"the file of {size} bytes claims to hold a storage of {count} elements: it is damaged or incomplete"
                )
            waiting[key] = UntypedStorage._over(np.zeros(count * kind.dtype.itemsize, np.uint8), False)
            loaded[key] = (restore(waiting[key], location), kind.dtype)
        storage, element = loaded[key]
        if view and view[0] is not None:
            view_key, offset, length = view[0]
            if _text(view_key) not in views:
                octets = storage._bytes[offset * element.itemsize : (offset + length) * element.itemsize]
                views[_text(view_key)] = UntypedStorage._over(octets, False)
            storage = views[_text(view_key)]
        return TypedStorage(wrap_storage=storage, dtype=element)

    reader = type("Reader", (base,), {"persistent_load": persistent_load})
    if reader(file, **options).load() != MAGIC_NUMBER:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = reader(file, **options).load()
    if version != PROTOCOL_VERSION:
        raise RuntimeError(f"Invalid protocol version: {version}")
    system = reader(file, **options).load()
    result = reader(file, **options).load()
    keys = reader(file, **options).load()
    if skip:
        return result
    for key in keys:
        _fill(file, waiting[_text(key)], loaded[_text(key)][1], system)
    return result


def _fill(file: Any, storage: UntypedStorage, kind: Any, system: Any) -> None:
    octets = storage._root
    header = file.read(8)
    if len(header) != 8 or struct.unpack("<q", header)[0] * kind.itemsize != octets.size:
        raise RuntimeError(
            "the file holds another number of elements than it claims: it is damaged or incomplete"
        )
    content = file.read(octets.size)
    if len(content) != octets.size:
        raise RuntimeError("the file ends before its last storage: it is damaged or incomplete")
    octets[:] = np.frombuffer(content, np.uint8)
    little = system.get("little_endian", True) if isinstance(system, dict) else True
    if little != (sys.byteorder == "little"):
        storage.byteswap(kind)


def _text(value: Any) -> str:
    text = value.decode() if isinstance(value, bytes) else value
    if not isinstance(text, str):
        raise pickle.UnpicklingError(f"the file names a storage {text!r}")
    return text
