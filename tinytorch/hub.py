"""torch.hub: models from the network. Nothing is fetched; the folder of the cache is known."""

from __future__ import annotations

import os
import re
from typing import Any, NoReturn
from urllib.parse import urlparse  # noqa: F401  (torch has it here, and programs import it from here)

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

_directory: str | None = None


def get_dir() -> str:
    """The folder of the cache: what `set_dir` said, else $TORCH_HOME/hub, else ~/.cache/torch/hub."""
    if _directory is not None:
        return _directory
    return os.path.join(_get_torch_home(), "hub")


def _get_torch_home() -> str:
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))


def set_dir(d: Any) -> None:
    """Use the folder `d` for the cache."""
    global _directory
    _directory = os.path.expanduser(d)


def _refuse(name: str) -> NoReturn:
    raise NotImplementedError(f"torch.hub.{name} is not implemented: download the file and use torch.load")


#: The hash in a file's name, before its extension.
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    _refuse("download_url_to_file")


def load_state_dict_from_url(url: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    _refuse("load_state_dict_from_url")


def load(repo_or_dir: str, model: str, *args: Any, **kwargs: Any) -> Any:
    _refuse("load")


def help(github: str, model: str, *args: Any, **kwargs: Any) -> str:
    _refuse("help")


def list(github: str, *args: Any, **kwargs: Any) -> Any:
    _refuse("list")
