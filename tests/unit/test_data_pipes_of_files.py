"""Pipes over files, beside torch's."""

from __future__ import annotations

import importlib
import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name, contents in {
        "a.txt": b"hi\n", "b.json": b'{"x": 1}', "c.cls": b"5", "f.bin": b"abcdefghij", "sub/d.txt": b"z", "sub/deep/e.TXT": b"y",
        "g.pickle": pickle.dumps([2]), "bad.cls": b"five",
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(contents)
    return tmp_path


def _tell(root: str, program: Any, folder: Path) -> Any:
    """What a program returns or raises, and its warnings."""
    pipes = importlib.import_module(f"{root}.utils.data.datapipes.iter")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = program(pipes, str(folder))
        except Exception as error:
            result = type(error), str(error)
    return result, [(warning.category, str(warning.message)) for warning in caught]


def _opened(pipes: Any, folder: str, *names: str, **options: Any) -> Any:
    return pipes.FileOpener(pipes.IterableWrapper([f"{folder}/{name}" for name in names]), **options)


def _described(pipes: Any, folder: str) -> list[Any]:
    name, stream = next(iter(_opened(pipes, folder, "a.txt")))
    before = stream.closed
    text = repr(stream).partition(" encoding")[0]
    contents = stream.read()
    stream.close()
    return [name, text, before, contents, stream.closed, type(stream).__name__]


def _with_handler(pipes: Any, folder: str) -> list[Any]:
    decoded = pipes.RoutedDecoder(_opened(pipes, folder, "f.bin", "a.txt", mode="rb"))
    decoded.add_handler(lambda extension, data: len(data) if extension == "bin" else None)
    return list(decoded)


PROGRAMS = {
    "list": lambda p, d: list(p.FileLister(d)),
    "all": lambda p, d: list(p.FileLister(d, recursive=True)),
    "masks": lambda p, d: list(p.FileLister(d, ["*.txt", "*.json"], recursive=True)),
    "several": lambda p, d: list(p.FileLister([d, f"{d}/sub"], "*.txt")),
    "of a pipe": lambda p, d: list(p.IterableWrapper([d]).list_files(masks="*.json", abspath=True)),
    "a file": lambda p, d: list(p.FileLister(f"{d}/a.txt")),
    "no folder": lambda p, d: list(p.FileLister(f"{d}/none")),
    "length": lambda p, d: [len(p.FileLister(d, length=3)), len(_opened(p, d, length=2))],
    "no length": lambda p, d: len(p.FileLister(d)),
    "contents": lambda p, d: [(name, file.read()) for name, file in _opened(p, d, "a.txt", "b.json")],
    "bytes": lambda p, d: [(name, file.read()) for name, file in _opened(p, d, "a.txt", mode="b")],
    "mode": lambda p, d: _opened(p, d, mode="w"),
    "encoding": lambda p, d: _opened(p, d, mode="rb", encoding="utf-8"),
    "no file": lambda p, d: list(_opened(p, d, "none")),
    "no name": lambda p, d: list(p.FileOpener(p.IterableWrapper([3]))),
    "pieces": lambda p, d: list(_opened(p, d, "f.bin", mode="rb").read_from_stream(4)),
    "whole": lambda p, d: list(p.StreamReader(_opened(p, d, "a.txt", "c.cls"))),
    "no stream": lambda p, d: list(p.StreamReader(p.IterableWrapper([("name", ["x"])]))),
    "decoded": lambda p, d: list(p.RoutedDecoder(_opened(p, d, "a.txt", "b.json", "c.cls", "g.pickle", "bad.cls", "f.bin", mode="rb"))),
    "decoded by": lambda p, d: list(_opened(p, d, "a.txt", mode="rb").routed_decode(lambda extension, data: (extension, data))),
    "no pair": lambda p, d: list(p.RoutedDecoder(p.IterableWrapper([("name", 3)]))),
    "handler": _with_handler,
    "stream": _described,
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch(name: str, folder: Path) -> None:
    assert _tell("tinytorch", PROGRAMS[name], folder) == _tell("torch", PROGRAMS[name], folder)


@pytest.mark.parametrize("root", ["torch", "tinytorch"])
def test_helpers(root: str, folder: Path) -> None:
    decoder = importlib.import_module(f"{root}.utils.data.datapipes.utils.decoder")
    common = importlib.import_module(f"{root}.utils.data.datapipes.utils.common")
    assert decoder.handle_extension("jpg jpeg", len)("a.JPG", b"xyz") == 3
    assert decoder.handle_extension("tar.gz", len)("a.tar.gz", b"xyz") == 3
    assert decoder.handle_extension("tar.gz", len)("gz", b"xyz") is None
    assert decoder.extension_extract_fn("/a/b.tar.gz") == "gz"
    assert decoder.Decoder(decoder.basichandlers)([("__name", b"x"), ("n.json", b"[2]")]) == {
        "__name": "x",
        "n.json": [2],
    }
    assert common.match_masks("a.txt", "")
    assert not common.match_masks("a.txt", ["*.t"])
    streams = [stream for _, stream in common.get_file_binaries_from_pathnames([f"{folder}/a.txt"] * 3, "t")]
    common.StreamWrapper.close_streams({"a": [streams[0]], "b": (streams[1], 3)})
    assert [stream.closed for stream in streams] == [True, True, False]
    assert list(streams[2]) == ["hi\n"]
