"""torch.save and torch.load: files that torch reads, and reading torch's files.

A file is an uncompressed zip archive: `data.pkl` is a pickle in which storages are references by number, `data/<number>` are their
bytes. Source: torch's documentation, "Serialization semantics", and files written by torch 2.13. Files of the format before that (a
row of pickles, then the bytes) are read, too.
"""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import numpy as np

from . import _legacy, _utils, _weights_only_unpickler
from ._core import dtypes as _dtypes
from ._core import layouts as _layouts
from ._core.storage import TypedStorage as _TypedStorage
from ._core.storage import UntypedStorage as _UntypedStorage
from ._serialization_pickler import Pickler as _Pickler
from ._serialization_places import (
    default_restore_location,
    location_tag,
    register_package,
    storage_to_tensor_type,
)
from ._serialization_places import restorer as _restorer

__all__ = [
    "LoadEndianness",
    "StorageType",
    "add_safe_globals",
    "clear_safe_globals",
    "default_restore_location",
    "get_default_load_endianness",
    "get_safe_globals",
    "load",
    "location_tag",
    "register_package",
    "safe_globals",
    "save",
    "set_default_load_endianness",
    "storage_to_tensor_type",
]

DEFAULT_PROTOCOL = 2
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
_ALIGNMENT = 64

_NO_ZIP = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


class StorageType:
    """What a file says of a storage: torch's name of its class, from which its element type follows."""

    def __init__(self, name: str) -> None:
        self._dtype = _legacy._STORAGES.get(name, _dtypes.uint8)
        self._name = name

    @property
    def dtype(self) -> Any:
        return self._dtype

    def __repr__(self) -> str:
        return f"StorageType(dtype={self.dtype})"


class LoadEndianness(Enum):
    """Which byte order files without a mark are taken to have."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


_default_endianness: list[LoadEndianness | None] = [None]


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order assumed of files that do not say."""
    return _default_endianness[0]


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Set the byte order assumed of files that do not say. Raises TypeError for other values."""
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _default_endianness[0] = endianness


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Let files loaded with weights_only=True name these classes and functions; an item may be (object, "full.name")."""
    for item in safe_globals:
        if item not in _weights_only_unpickler._user_allowed:
            _weights_only_unpickler._user_allowed.append(item)


def get_safe_globals() -> list[Any]:
    """The classes and functions added by `add_safe_globals`."""
    return list(_weights_only_unpickler._user_allowed)


def clear_safe_globals() -> None:
    """Forget what `add_safe_globals` added."""
    _weights_only_unpickler._user_allowed.clear()


class safe_globals:
    """A block in which files may name the given classes and functions."""

    def __init__(self, safe_globals: list[Any]) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        self._before = get_safe_globals()
        add_safe_globals(self.safe_globals)

    def __exit__(self, *exception: object) -> None:
        _weights_only_unpickler._user_allowed[:] = self._before


# Layouts have no pickled form of their own in torch: it names this function.
_LAYOUTS = {str(value): value for value in vars(_layouts).values() if isinstance(value, _layouts.layout)}


def _get_layout(name: str) -> Any:
    return _LAYOUTS[name]


# Saving ------------------------------------------------------------------------------------------------------------------------------


def save(
    obj: object,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write any picklable object, with its tensors, to a path or a binary file.

    Tensors that share a storage still do after loading. Raises RuntimeError if a directory does not exist, AttributeError if `f` is
    neither path nor file. Source: torch's documentation, torch.save.
    """
    if pickle_module is not pickle:
        raise NotImplementedError("torch.save with another pickle_module")
    if not _use_new_zipfile_serialization:
        raise NotImplementedError(
            "torch.save in the format before zip archives (_use_new_zipfile_serialization=False)"
        )
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        parent = os.path.dirname(path)
        if parent and not os.path.isdir(parent):
            raise RuntimeError(f"Parent directory {parent} does not exist.")
        content = _archive(obj, _archive_name(path), pickle_protocol, _disable_byteorder_record)
        with open(path, "wb") as file:
            file.write(content)
        return
    if not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    f.write(_archive(obj, "archive", pickle_protocol, _disable_byteorder_record))


def _archive_name(path: str) -> str:
    """torch names the archive's folder after the file."""
    name = os.path.basename(path)
    stem = name.rpartition(".")[0] if "." in name else name
    return stem if stem.isascii() and stem else "archive"


def _archive(obj: object, name: str, protocol: int, disable_byteorder: bool) -> memoryview:
    pickled = io.BytesIO()
    pickler = _Pickler(pickled, protocol)
    pickler.dump(obj)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        _put(archive, target, f"{name}/data.pkl", pickled.getvalue())
        _put(archive, target, f"{name}/.format_version", b"1")
        _put(archive, target, f"{name}/.storage_alignment", str(_ALIGNMENT).encode())
        if not disable_byteorder:
            _put(archive, target, f"{name}/byteorder", sys.byteorder.encode())
        for key, storage in pickler.storages.items():
            _put(archive, target, f"{name}/data/{key}", memoryview(storage._bytes))
        _put(archive, target, f"{name}/version", b"3\n")
        checks = [entry.CRC for entry in archive.infolist()]
        names = hash(tuple(entry.filename for entry in archive.infolist())) % 10**20
        _put(
            archive,
            target,
            f"{name}/.data/serialization_id",
            f"{names:020d}{sum(checks) % 10**20:020d}".encode(),
        )
    return target.getbuffer()


def _put(archive: zipfile.ZipFile, target: io.BytesIO, name: str, content: Any) -> None:
    """Add an entry whose content starts at a multiple of the alignment, so that it can be mapped into memory."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    start = target.tell() + 30 + len(name.encode())
    padding = -(start + 4) % _ALIGNMENT
    entry.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    archive.writestr(entry, content)


# Loading -----------------------------------------------------------------------------------------------------------------------------

_FAILED = "Weights only load failed. "
_ADVICE = (
    "This file can still be loaded, to do so you have two options, \033[1mdo those steps only if you trust the source of the "
    "checkpoint\033[0m. \n\t(1) In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from `False` "
    "to `True`. Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can result in arbitrary code "
    "execution. Do it only if you got the file from a trusted source.\n\t(2) Alternatively, to load with `weights_only=True` please "
    "check the recommended steps in the following error message.\n\tWeightsUnpickler error: "
)
_FURTHER = (
    "\n\nCheck the documentation of torch.load to learn more about types accepted by default with weights_only "
    "https://pytorch.org/docs/stable/generated/torch.load.html."
)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what `save`, here or in torch, wrote to a path or a seekable binary file.

    map_location: a place, a dict of places, or a function (storage, place) -> storage or None. With weights_only (the default) only
    tensors, plain data and what `add_safe_globals` names come to life; anything else raises UnpicklingError. `mmap` is accepted, and
    the file read as a whole. Source: torch's documentation, torch.load.
    """
    strict = weights_only is not False
    if strict and pickle_module is not None and weights_only:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if pickle_module is not None and weights_only is None:
        strict = False
    base: Any = _weights_only_unpickler.Unpickler if strict else _trusting(pickle_module or pickle)
    with _opened(f) as file:
        start = file.tell()
        magic = file.read(4)
        file.seek(start)
        options = {"encoding": "utf-8", **pickle_load_args} if not strict else {}
        try:
            if magic == b"PK\x03\x04":
                return _load_archive(file, _restorer(map_location), base, options)
            return _load_row(file, _restorer(map_location), base, options)
        except pickle.UnpicklingError as error:
            if strict:
                raise pickle.UnpicklingError(f"{_FAILED}{_ADVICE}{error}{_FURTHER}") from None
            raise
        except EOFError:
            if strict:
                raise EOFError from None
            raise


@contextmanager
def _opened(f: Any) -> Iterator[Any]:
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            yield file
        return
    for method in ("read", "readline", "tell", "seek"):
        if not hasattr(f, method):
            method = "seek" if not hasattr(f, "seek") else method
            raise AttributeError(
                f"'{type(f).__name__}' object has no attribute '{method}'. You can only torch.load from a file that is seekable. Please "
                "pre-load the data into a buffer like io.BytesIO and try to load from it instead."
            )
    yield f


def _trusting(module: Any) -> Any:
    """An unpickler for files that are trusted: names of torch's are found here."""

    class Trusting(module.Unpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            if (module == "torch" and name in _legacy._STORAGES) or (module, name) == (
                "torch.storage",
                "UntypedStorage",
            ):
                return StorageType(name)
            if module == "torch._tensor" and hasattr(_utils, name):
                return getattr(_utils, name)
            if (module, name) == ("torch._C", "Generator"):
                from ._core.generator import Generator

                return Generator
            if module == "torch" or module.startswith("torch."):
                module = f"{__name__.partition('.')[0]}{module[5:]}"
            return super().find_class(module, name)

    return Trusting


def _storage(content: Any) -> _UntypedStorage:
    return _UntypedStorage._over(np.frombuffer(bytearray(content), np.uint8), False)


def _load_archive(file: Any, restore: Callable[[Any, str], Any], base: Any, options: dict[str, Any]) -> Any:
    with zipfile.ZipFile(file) as archive:
        entries = {name.partition("/")[2]: name for name in archive.namelist()}
        if "data.pkl" not in entries:
            raise RuntimeError("PytorchStreamReader failed locating file data.pkl: file not found")
        if "constants.pkl" in entries:
            raise NotImplementedError("torch.load of TorchScript archives")
        order = archive.read(entries["byteorder"]).decode() if "byteorder" in entries else _assumed_order()
        loaded: dict[str, Any] = {}

        def persistent_load(self: Any, reference: tuple[Any, ...]) -> Any:
            _, kind, key, location, _count = reference
            if key not in loaded:
                content = archive.read(entries[f"data/{key}"])
                if order != sys.byteorder:
                    content = _swapped(content, kind.dtype)
                loaded[key] = restore(_storage(content), location)
            return _TypedStorage(wrap_storage=loaded[key], dtype=kind.dtype)

        reader = type("Reader", (base,), {"persistent_load": persistent_load})
        return reader(io.BytesIO(archive.read(entries["data.pkl"])), **options).load()


def _assumed_order() -> str:
    chosen = _default_endianness[0]
    return (
        "big"
        if chosen is LoadEndianness.BIG
        else sys.byteorder
        if chosen is LoadEndianness.NATIVE
        else "little"
    )


def _swapped(content: bytes, kind: Any) -> bytes:
    width = kind.itemsize // (2 if kind._category == "complex" else 1)
    return np.frombuffer(content, f"u{width}").byteswap().tobytes()


def _load_row(file: Any, restore: Callable[[Any, str], Any], base: Any, options: dict[str, Any]) -> Any:
    """The format before zip archives: magic number, version, system, object, keys, then each storage's length and bytes."""
    loaded: dict[str, Any] = {}
    waiting: dict[str, _UntypedStorage] = {}

    def persistent_load(self: Any, reference: tuple[Any, ...]) -> Any:
        if reference[0] != "storage":
            raise NotImplementedError(f"torch.load: {reference[0]} records of old files")
        _, kind, key, location, count, *view = reference
        key = key.decode() if isinstance(key, bytes) else key
        if view and view[0] is not None:
            raise NotImplementedError("torch.load: views of storages in old files")
        if key not in loaded:
            waiting[key] = _storage(bytes(count * kind.dtype.itemsize))
            loaded[key] = (restore(waiting[key], location), kind.dtype)
        return _TypedStorage(wrap_storage=loaded[key][0], dtype=kind.dtype)

    reader = type("Reader", (base,), {"persistent_load": persistent_load})
    if reader(file, **options).load() != MAGIC_NUMBER:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = reader(file, **options).load()
    if version != PROTOCOL_VERSION:
        raise RuntimeError(f"Invalid protocol version: {version}")
    system = reader(file, **options).load()
    result = reader(file, **options).load()
    for key in reader(file, **options).load():
        name = key.decode() if isinstance(key, bytes) else key
        (count,) = struct.unpack("<q", file.read(8))
        kind = loaded[name][1]
        content = file.read(count * kind.itemsize)
        if system.get("little_endian", True) != (sys.byteorder == "little"):
            content = _swapped(content, kind)
        waiting[name]._root[:] = np.frombuffer(content, np.uint8)
    return result


copyreg.pickle(_layouts.layout, lambda value: (_get_layout, (str(value),)))
