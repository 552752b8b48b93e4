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
import stat
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from mmap import ACCESS_COPY as _ACCESS_COPY
from mmap import ACCESS_WRITE as _ACCESS_WRITE
from mmap import mmap as _mmap
from typing import Any

import numpy as np

from . import _legacy, _serialization_legacy, _utils, _weights_only_unpickler
from ._core import dtypes as _dtypes
from ._core import layouts as _layouts
from ._core.storage import TypedStorage as _TypedStorage
from ._core.storage import UntypedStorage as _UntypedStorage
from ._serialization_legacy import MAGIC_NUMBER, PROTOCOL_VERSION
from ._serialization_options import (
    LoadEndianness,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
    skip_data,
)
from ._serialization_options import options as _options
from ._serialization_pickler import pickler_for as _pickler_for
from ._serialization_places import (
    MAP_LOCATION,
    check_module_version_greater_or_equal,
    default_restore_location,
    location_tag,
    normalize_storage_type,
    register_package,
    storage_to_tensor_type,
    validate_cuda_device,
    validate_hpu_device,
)
from ._serialization_places import restorer as _restorer
from ._serialization_zip import ALIGNMENT as _ALIGNMENT
from ._serialization_zip import Reader as _Reader
from ._serialization_zip import Writer as _Writer

__all__ = [
    "MAP_LOCATION",
    "SourceChangeWarning",
    "mkdtemp",
    "register_package",
    "check_module_version_greater_or_equal",
    "validate_cuda_device",
    "validate_hpu_device",
    "location_tag",
    "default_restore_location",
    "normalize_storage_type",
    "storage_to_tensor_type",
    "save",
    "load",
    "StorageType",
    "LoadEndianness",
    "get_crc32_options",
    "set_crc32_options",
    "get_default_load_endianness",
    "set_default_load_endianness",
    "get_default_mmap_options",
    "set_default_mmap_options",
    "clear_safe_globals",
    "get_safe_globals",
    "add_safe_globals",
    "safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "skip_data",
]

DEFAULT_PROTOCOL = 2
_OFFERED = (MAGIC_NUMBER, PROTOCOL_VERSION)


class SourceChangeWarning(Warning):
    """A module's code differs from that of the file. Files no longer hold code."""


@contextmanager
def mkdtemp() -> Iterator[str]:
    """A temporary folder, gone after the block."""
    import tempfile

    with tempfile.TemporaryDirectory() as path:
        yield path


class StorageType:
    """What a file says of a storage: torch's name of its class, from which its element type follows."""

    def __init__(self, name: str) -> None:
        if name not in _legacy._STORAGES and name != "UntypedStorage":
            raise KeyError(f'pickle storage type "{name}" is not recognized')
        self._dtype = _legacy._STORAGES.get(name, _dtypes.uint8)

    @property
    def dtype(self) -> Any:
        return self._dtype

    def __repr__(self) -> str:
        return f"StorageType(dtype={self.dtype})"


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
        self._before = list(_weights_only_unpickler._user_allowed)
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

    Tensors that share a storage still do after loading. A file at the path stays as it was until the new one is complete. Raises
    RuntimeError if a directory does not exist, AttributeError if `f` is neither path nor file. Source: torch's documentation, torch.save.
    """
    if not _use_new_zipfile_serialization and _options.skip:
        raise RuntimeError("Cannot use skip_data=True with _use_new_zipfile_serialization=False")
    is_path = isinstance(f, str | os.PathLike)
    name = _archive_name(os.fspath(f)) if is_path else "archive"

    def write(file: Any) -> None:
        if _use_new_zipfile_serialization:
            _write_archive(obj, file, name, pickle_module, pickle_protocol, _disable_byteorder_record)
        else:
            _serialization_legacy.write(obj, file, pickle_module, pickle_protocol)

    if is_path:
        _replace(os.fspath(f), write)
        return
    if not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    write(f)
    f.flush()


def _replace(path: str, write: Callable[[Any], None]) -> None:
    """Write a file next to `path`, and put it there when it is complete. Devices and pipes are written to as they are."""
    parent = os.path.dirname(path)
    if parent and not os.path.isdir(parent):
        raise RuntimeError(f"Parent directory {parent} does not exist.")
    target = os.path.realpath(path)
    try:
        mode: int | None = os.stat(target).st_mode
    except OSError:
        mode = None
    folder = os.path.dirname(target)
    if (
        os.path.isdir(target)
        or (mode is not None and not stat.S_ISREG(mode))
        or not os.access(folder, os.W_OK)
    ):
        with open(target, "wb") as file:
            write(file)
        return
    if mode is not None and not os.access(target, os.W_OK):
        open(target, "ab").close()  # raises what writing to it raises
    import tempfile

    handle, beside = tempfile.mkstemp(prefix=f".{os.path.basename(target)[:100]}.", dir=folder)
    try:
        with open(handle, "wb") as file:
            write(file)
        os.chmod(beside, stat.S_IMODE(mode) if mode is not None else 0o666 & ~_umask())
        os.replace(beside, target)
    except BaseException:
        os.unlink(beside)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _archive_name(path: str) -> str:
    """torch names the archive's folder after the file."""
    name = os.path.basename(path)
    stem = name.rpartition(".")[0] if "." in name else name
    return stem if stem.isascii() and stem else "archive"


def _write_archive(
    obj: object, file: Any, name: str, module: Any, protocol: int, disable_byteorder: bool
) -> None:
    pickled = io.BytesIO()
    pickler = _pickler_for(module, pickled, protocol)
    pickler.dump(obj)
    archive = _Writer(file, name, _options.checksums)
    archive.put("data.pkl", pickled.getvalue())
    archive.put(".format_version", b"1")
    archive.put(".storage_alignment", str(_ALIGNMENT).encode())
    if not disable_byteorder:
        archive.put("byteorder", sys.byteorder.encode())
    for key, storage in pickler.storages.items():
        content = np.broadcast_to(np.uint8(0), storage.nbytes()) if storage._meta else storage._bytes
        archive.put(f"data/{key}", np.zeros_like(content) if _options.skip else content)
    archive.put("version", b"3\n")
    names = hash(tuple(archive.names)) % 10**20
    archive.put(".data/serialization_id", f"{names:020d}{sum(archive.checks) % 10**20:020d}".encode())
    archive.finish()


# Loading -----------------------------------------------------------------------------------------------------------------------------

_FAILED = "Weights only load failed. "
_RISK = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from `False` to `True`. Re-running "
    "`torch.load` with `weights_only` set to `False` will likely succeed, but it can result in arbitrary code execution. Do it only if "
    "you got the file from a trusted source."
)
_TWO_WAYS = (
    "This file can still be loaded, to do so you have two options, \033[1mdo those steps only if you trust the source of the "
    f"checkpoint\033[0m. \n\t(1) {_RISK}\n\t(2) Alternatively, to load with `weights_only=True` please "
    "check the recommended steps in the following error message.\n\tWeightsUnpickler error: "
)
_REPORT = (
    f"{_RISK}\nPlease file an issue with the following so that we can make `weights_only=True` compatible with your use case: "
    "WeightsUnpickler error: \n\n"
)
_FURTHER = (
    "\n\nCheck the documentation of torch.load to learn more about types accepted by default with weights_only "
    "https://pytorch.org/docs/stable/generated/torch.load.html."
)


def _explained(error: pickle.UnpicklingError) -> pickle.UnpicklingError:
    if isinstance(error, _weights_only_unpickler.UnsupportedGlobal):
        before = _TWO_WAYS
    elif isinstance(error, _weights_only_unpickler.BlockedGlobal):
        before = f"{_RISK}\n\n\n"
    else:
        before = _REPORT
    return pickle.UnpicklingError(f"{_FAILED}{before}{error}{_FURTHER}")


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
    tensors, plain data and what `add_safe_globals` names come to life; anything else raises UnpicklingError. With mmap the storages
    of the file at a path are mapped instead of read. Raises RuntimeError for damaged files. Source: torch's documentation, torch.load.
    """
    strict = _is_strict(weights_only, pickle_module)
    base: Any = _weights_only_unpickler.Unpickler if strict else _trusting(pickle_module or pickle)
    if strict and pickle_load_args:
        warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=2)
    options = pickle_load_args if strict else {"encoding": "utf-8", **pickle_load_args}
    is_path = isinstance(f, str | os.PathLike)
    with _opened(f) as file:
        start = file.tell()
        magic = file.read(4)
        file.seek(start)
        is_archive = magic == b"PK\x03\x04"
        if mmap and not is_path:
            raise ValueError("f must be a file path in order to use the mmap argument")
        if mmap and not is_archive:
            raise RuntimeError(
                f"mmap can only be used with files saved with `torch.save({f}, _use_new_zipfile_serialization=True), please torch.save your "
                "checkpoint with this option in order to use mmap."
            )
        try:
            if is_archive:
                mapped = _map(os.fspath(f)) if mmap else None
                return _load_archive(file, _restorer(map_location), base, options, strict, mapped)
            if is_path and _is_tar(file):
                if strict:
                    raise RuntimeError(
                        f"Cannot use ``weights_only=True`` with files saved in the legacy .tar format. {_RISK}"
                    )
                raise NotImplementedError("torch.load of files in the legacy .tar format")
            return _serialization_legacy.read(file, _restorer(map_location), base, options, _options.skip)
        except pickle.UnpicklingError as error:
            if strict:
                raise _explained(error) from None
            raise
        except EOFError:
            if strict:
                raise EOFError from None
            raise


def _is_tar(file: Any) -> bool:
    """Whether the file is of the first format of all, a tar archive."""
    head = file.read(262)
    file.seek(-len(head), os.SEEK_CUR)
    return bool(head[257:] == b"ustar")


def _is_strict(weights_only: bool | None, module: Any) -> bool:
    forced = os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "0") in _YES
    freed = os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0") in _YES
    if forced and freed:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` should be set, but both were set."
        )
    if weights_only is None:
        weights_only = not freed and module is None
    if forced:
        weights_only = True
    if weights_only and module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    return bool(weights_only)


_YES = ("1", "y", "yes", "true")


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


def _map(path: str) -> np.ndarray:
    """(n,) uint8: the file in memory, read as its parts are looked at."""
    import mmap

    shared = get_default_mmap_options() == getattr(mmap, "MAP_SHARED", None)
    with open(path, "r+b" if shared else "rb") as file:
        return np.frombuffer(
            _mmap(file.fileno(), 0, access=_ACCESS_WRITE if shared else _ACCESS_COPY), np.uint8
        )


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


def _load_archive(
    file: Any,
    restore: Callable[[Any, str], Any],
    base: Any,
    options: dict[str, Any],
    strict: bool,
    mapped: np.ndarray | None,
) -> Any:
    archive = _Reader(file)
    if "constants.pkl" in archive.entries:
        if strict:
            raise RuntimeError(
                f"Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``. {_RISK}"
            )
        raise NotImplementedError("torch.load of TorchScript archives")
    _check_version(archive)
    pickled = archive.read("data.pkl").tobytes()
    swap = _byte_order(archive) != sys.byteorder
    loaded: dict[str, _TypedStorage] = {}

    def persistent_load(self: Any, reference: tuple[Any, ...]) -> Any:
        if not isinstance(reference, tuple):
            raise AssertionError(f"saved_id must be a tuple, got {type(reference).__name__}")
        _, kind, key, location, count = reference
        if key not in loaded:
            storage = _UntypedStorage._over(
                _content(archive, f"data/{key}", kind.dtype, count, mapped), False
            )
            if swap:
                storage.byteswap(kind.dtype)
            loaded[key] = _TypedStorage(wrap_storage=restore(storage, location), dtype=kind.dtype)
        return loaded[key]

    reader = type("Reader", (base,), {"persistent_load": persistent_load})
    return reader(io.BytesIO(pickled), **options).load()


def _check_version(archive: _Reader) -> None:
    if "version" not in archive.entries:
        raise RuntimeError(
            'Expected hasRecord("version") to be true, but got false.  (Could this error message be improved?  If so, please report an '
            "enhancement request to PyTorch.)"
        )
    text = archive.read("version")[:100].tobytes().decode("latin1")
    try:
        version = int(text)
    except ValueError:
        raise RuntimeError(f"Couldn't parse the version {text} as Long Long.") from None
    if not 1 <= version <= 10:
        edge = (
            "maximum supported version for reading is 10"
            if version > 10
            else "minimum supported version for reading is 1"
        )
        raise RuntimeError(f"Attempted to read a PyTorch file with version {version}, but the {edge}.")


def _content(archive: _Reader, name: str, kind: Any, count: Any, mapped: np.ndarray | None) -> np.ndarray:
    """(n,) uint8: what the file holds of a storage of `count` elements."""
    entry = archive.find(name)
    wanted = count * kind.itemsize
    if wanted != entry.size:
        raise RuntimeError(
            f"record size ({entry.size} bytes) does not match expected size ({wanted} bytes = {wanted} elements * 1 bytes/element) for "
            "dtype Byte"
        )
    if _options.skip:
        return np.zeros(entry.size, np.uint8)
    if mapped is not None and entry.packed == entry.size and not entry.method:
        return (
            np.frombuffer(mapped.base, np.uint8, entry.size, entry.start)
            if entry.size
            else np.empty(0, np.uint8)
        )
    return archive.read(name)


def _byte_order(archive: _Reader) -> str:
    if "byteorder" in archive.entries:
        order = archive.read("byteorder").tobytes()
        if order not in (b"little", b"big"):
            raise ValueError(f"Unknown endianness type: {order.decode('latin1')}")
        return order.decode()
    chosen = _options.endianness
    if chosen is LoadEndianness.BIG:
        return "big"
    return sys.byteorder if chosen is LoadEndianness.NATIVE else "little"


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The full names of classes and functions in a checkpoint that load(weights_only=True) would refuse.

    Raises ValueError for files that are no zip archives.
    """
    with _opened(f) as file:
        start = file.tell()
        magic = file.read(4)
        file.seek(start)
        if magic != b"PK\x03\x04":
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        archive = _Reader(file)
        if "constants.pkl" in archive.entries:
            raise ValueError(
                "Expected input to be a checkpoint returned by torch.save but got a torchscript checkpoint"
            )
        names = _weights_only_unpickler.named_globals(archive.read("data.pkl").tobytes())
    return sorted(
        names - _weights_only_unpickler._builtin_names().keys() - _weights_only_unpickler._user_names().keys()
    )


copyreg.pickle(_layouts.layout, lambda value: (_get_layout, (str(value),)))
