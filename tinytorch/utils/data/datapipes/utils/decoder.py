"""What file contents mean, by the ends of their names."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from typing import Any

from .common import StreamWrapper

__all__ = ["Decoder", "basichandlers", "extension_extract_fn", "handle_extension"]

Handler = Callable[[str, Any], Any]


def basichandlers(extension: str, data: Any) -> Any:
    """Text, numbers, JSON and pickles; None for other extensions. As in torch, parts of the words here are extensions as well."""
    if extension in "txt text transcript":
        return data.decode("utf-8")
    if extension in ["cls", "cls2", "class", "count", "index", "inx", "id"]:
        try:
            return int(data)
        except ValueError:
            return None
    if extension in "json jsn":
        return json.loads(data)
    if extension in ["pyd", "pickle"]:
        return pickle.loads(data)
    return None


def handle_extension(extensions: str, f: Callable[[Any], Any]) -> Handler:
    """A handler that applies `f` to the contents of files with one of the extensions, which are separated by spaces."""
    wanted = [extension.split(".") for extension in extensions.lower().split()]

    def handler(extension: str, data: Any) -> Any:
        parts = extension.lower().split(".")
        for ending in wanted:
            if len(ending) <= len(parts) and parts[-len(ending) :] == ending:
                return f(data)
        return None

    return handler


def extension_extract_fn(pathname: str) -> str:
    """The extension without its dot."""
    return os.path.splitext(pathname)[1].removeprefix(".")


class Decoder:
    """Contents by what the first handler that knows the extension makes of them."""

    def __init__(self, *handler: Handler, key_fn: Callable[[str], str] = extension_extract_fn) -> None:
        self.handlers = list(handler)
        self.key_fn = key_fn

    def add_handler(self, *handler: Handler) -> None:
        """More handlers, to be asked last."""
        self.handlers.extend(handler)

    def decode1(self, key: str, data: Any) -> Any:
        """What contents with an extension mean; themselves if no handler knows."""
        for handler in self.handlers:
            result = handler(key, data)
            if result is not None:
                return result
        return data

    def decode(self, data: Any) -> dict[str, Any]:
        """The meaning of each pair of a name and contents; names that begin with two underscores are texts."""
        result: dict[str, Any] = {}
        for name, contents in data:
            if name[:2] == "__" and isinstance(contents, bytes):
                result[name] = contents.decode("utf-8")
                continue
            if isinstance(contents, StreamWrapper) or hasattr(contents, "read"):
                stream, contents = contents, contents.read()
                stream.close()
            result[name] = self.decode1(self.key_fn(name), contents)
        return result

    __call__ = decode
