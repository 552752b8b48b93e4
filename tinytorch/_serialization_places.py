"""Where the storages of a file live: the names that are written down for places, and what map_location does to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _legacy
from ._core.device import device
from ._core.storage import UntypedStorage

_packages: list[tuple[int, Callable[[Any], str | None], Callable[[Any, str], Any]]] = []


def register_package(
    priority: int, tagger: Callable[[Any], str | None], deserializer: Callable[[Any, str], Any]
) -> None:
    """Teach save and load another kind of place: `tagger` names a storage's place, `deserializer` puts a storage there."""
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda package: package[0])


def location_tag(storage: Any) -> str:
    """The place that is written down for a storage. Raises RuntimeError if nobody knows it."""
    for _, tagger, _ in _packages:
        place = tagger(storage)
        if place:
            return place
    raise RuntimeError(
        f"don't know how to determine data location of {type(storage).__module__}.{type(storage).__qualname__}"
    )


def default_restore_location(storage: Any, location: str) -> Any:
    """A storage read from a file, put where the file (or map_location) says. Raises RuntimeError for unknown places."""
    for _, _, deserializer in _packages:
        result = deserializer(storage, location)
        if result is not None:
            return result
    kind = type(storage)
    raise RuntimeError(
        f"don't know how to restore data location of {kind.__module__}.{kind.__qualname__} (tagged with {location})"
    )


def _cpu_tag(storage: Any) -> str | None:
    return "cpu" if storage.device.type == "cpu" else None


def _cpu_place(storage: Any, location: str) -> Any:
    return storage if location == "cpu" else None


def _meta_tag(storage: Any) -> str | None:
    return "meta" if storage.device.type == "meta" else None


def _meta_place(storage: Any, location: str) -> Any:
    return UntypedStorage._over(storage._root, True) if location == "meta" else None


def validate_cuda_device(location: str) -> int:
    """The index of a CUDA device. Raises RuntimeError, because there is none."""
    raise RuntimeError(
        "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running on a CPU-only "
        "machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
    )


def validate_hpu_device(location: str) -> int:
    """The index of an HPU device. Raises RuntimeError, because there is none."""
    raise RuntimeError(
        "The HPU device module is not registered. If you are running on a CPU-only machine, please use torch.load with "
        "map_location=torch.device('cpu') to map your storages to the CPU."
    )


def _no_accelerator(storage: Any, location: str) -> Any:
    if location.startswith("cuda"):
        validate_cuda_device(location)
    if location.startswith("hpu"):
        validate_hpu_device(location)
    return None


register_package(10, _cpu_tag, _cpu_place)
register_package(20, lambda storage: None, _no_accelerator)
register_package(22, _meta_tag, _meta_place)


def normalize_storage_type(storage_type: Any) -> Any:
    """The class itself: names and classes of storages are the same in this library."""
    return storage_type


#: What `torch.load` takes for `map_location`.
MAP_LOCATION = Callable[[Any, str], Any] | device | str | dict[str, str] | None


def check_module_version_greater_or_equal(
    module: Any, req_version_tuple: tuple[Any, ...], error_if_malformed: bool = True
) -> bool:
    """Whether a module's __version__ is at least the given one. Raises RuntimeError, or only warns, if it cannot be read."""
    import warnings

    try:
        parts = module.__version__.split(".")
        version = tuple(type(wanted)(part) for wanted, part in zip(req_version_tuple, parts))
        return version >= req_version_tuple
    except Exception as error:
        message = f"'{module.__name__}' module version string is malformed '{module.__version__}' and cannot be compared with tuple {req_version_tuple!s}"
        if error_if_malformed:
            raise RuntimeError(message) from error
        warnings.warn(f"{message}, but continuing assuming that requirement is met", stacklevel=2)
        return True


def storage_to_tensor_type(storage: Any) -> Any:
    """The legacy tensor type over a typed storage: torch.FloatTensor for torch.FloatStorage."""
    return next(getattr(_legacy, name) for name, kind in _legacy._TENSORS.items() if kind is storage.dtype)


def restorer(map_location: Any) -> Callable[[Any, str], Any]:
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, location: default_restore_location(
            storage, map_location.get(location, location)
        )
    if isinstance(map_location, str | bytes):
        place = map_location if isinstance(map_location, str) else map_location.decode()
        return lambda storage, location: default_restore_location(storage, place)
    if isinstance(map_location, device):
        return lambda storage, location: default_restore_location(storage, str(map_location))

    def restore(storage: Any, location: str) -> Any:
        result = map_location(storage, location)
        return default_restore_location(storage, location) if result is None else result

    return restore
