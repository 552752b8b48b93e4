"""Checkpoints as files: between processes of both libraries, mapped, replaced as a whole, and what can be set for them."""

from __future__ import annotations

import io
import mmap
import os
import pickle
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import tinytorch
from tinytorch._serialization_zip import Reader, Writer

PROGRAM = str(Path(__file__).parent / "checkpoint_programs.py")
LIBRARIES: dict[str, list[str]] = {"torch": [], "tinytorch": ["-m", "tinytorch"]}


@pytest.mark.parametrize(
    ("writer", "reader"), [("torch", "tinytorch"), ("tinytorch", "torch"), ("tinytorch", "tinytorch")]
)
def test_between_processes(tmp_path: Path, writer: str, reader: str) -> None:
    for library, action in ((writer, "write"), (reader, "check")):
        command = [sys.executable, "-W", "ignore", *LIBRARIES[library], PROGRAM, action, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr[-2000:]


def outcome(action: Any, library: Any) -> Any:
    try:
        return action(library)
    except Exception as error:
        return type(error).__name__, str(error)


def saved(library: Any, obj: Any, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    library.save(obj, file, **options)
    file.seek(0)
    return file


class Plain:
    """A class of the program's own."""


QUESTIONS = {
    "unsafe": lambda t: sorted(
        t.serialization.get_unsafe_globals_in_checkpoint(saved(t, [Plain(), print, t.ones(2)]))
    ),
    "unsafe, nothing": lambda t: t.serialization.get_unsafe_globals_in_checkpoint(saved(t, {"a": t.ones(2)})),
    "unsafe, old": lambda t: t.serialization.get_unsafe_globals_in_checkpoint(
        saved(t, 1, _use_new_zipfile_serialization=False)
    ),
    "unsafe, protocol": lambda t: t.serialization.get_unsafe_globals_in_checkpoint(
        saved(t, 1.5, pickle_protocol=4)
    ),
    "mmap of a buffer": lambda t: t.load(saved(t, t.ones(2)), mmap=True),
    "module": lambda t: t.load(saved(t, 1), weights_only=True, pickle_module=pickle),
    "module alone": lambda t: t.load(saved(t, Plain()), pickle_module=pickle).__class__.__name__,
    "unknown option": lambda t: t.load(saved(t, 1), colour=1),
    "map to nowhere": lambda t: t.load(saved(t, t.ones(2)), map_location="moon"),
    "map to an accelerator": lambda t: t.load(saved(t, t.ones(2)), map_location="hpu"),
    "map by a number": lambda t: t.load(saved(t, t.ones(2)), map_location=3),
    "mmap options": lambda t: t.serialization.set_default_mmap_options(5),
    "mmap default": lambda t: t.serialization.get_default_mmap_options(),
    "endianness": lambda t: t.serialization.set_default_load_endianness("little"),
    "skip and old": lambda t: skipping(
        t, lambda: t.save(1, io.BytesIO(), _use_new_zipfile_serialization=False)
    ),
    "skipped": lambda t: t.load(skipping(t, lambda: saved(t, t.ones(2)))).tolist(),
    "skip loading": lambda t: tuple(skipping(t, lambda: t.load(saved(t, t.ones(2)))).shape),
    "unknown storage": lambda t: t.serialization.StorageType("Other").dtype,
    "protocol 3": lambda t: t.load(saved(t, {"a": [1, (2, 3)]}, pickle_protocol=3)),
    "protocol 4": lambda t: t.load(saved(t, {"a": [1, (2, 3)]}, pickle_protocol=4)),
    "protocol 4, trusted": lambda t: t.load(
        saved(t, {"a": [1, t.ones(2)]}, pickle_protocol=4), weights_only=False
    )["a"][1].tolist(),
    "encoding": lambda t: t.load(saved(t, 1), weights_only=False, encoding="ascii"),
    "storage": lambda t: t.load(saved(t, t.arange(3, dtype=t.uint8).untyped_storage())).tolist(),
    "no checksums": lambda t: unchecked(t),
    "trailing bytes": lambda t: t.load(io.BytesIO(saved(t, t.ones(2)).getvalue() + b"more")).tolist(),
    "name of a nested class": lambda t: allowed(t, [(Plain, "other.Plain")], Plain()),
    "set state": lambda t: allowed(t, [Plain], Plain()).__class__.__name__,
    "listed": lambda t: listed(t),
    "a scheme": lambda t: str(t.load(saved(t, t.per_tensor_affine))),
    "an exception": lambda t: t.load(saved(t, ValueError("x"))),
}


def skipping(library: Any, action: Any) -> Any:
    with library.serialization.skip_data():
        return action()


def unchecked(library: Any) -> Any:
    library.serialization.set_crc32_options(False)
    try:
        file = saved(library, library.arange(3))
    finally:
        library.serialization.set_crc32_options(True)
    checks = {entry.CRC for entry in zipfile.ZipFile(file).infolist()}
    file.seek(0)
    return checks, library.load(file).tolist(), library.serialization.get_crc32_options()


def allowed(library: Any, names: list[Any], obj: Any) -> Any:
    with library.serialization.safe_globals(names):
        return library.load(saved(library, obj))


def listed(library: Any) -> Any:
    before = set(map(str, library.serialization.get_safe_globals()))
    library.serialization.add_safe_globals([Plain])
    added = [item for item in library.serialization.get_safe_globals() if str(item) not in before]
    library.serialization.clear_safe_globals()
    return added, library.serialization.get_safe_globals()


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.filterwarnings("ignore")
def test_questions(name: str) -> None:
    assert outcome(QUESTIONS[name], tinytorch) == outcome(QUESTIONS[name], torch)


def test_mapped_files(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    tinytorch.save([tinytorch.arange(1000), tinytorch.ones(3), tinytorch.zeros(0)], path)
    first, second, empty = tinytorch.load(path, mmap=True)
    first[0] = 77
    second += 1
    assert (first[:2].tolist(), second.tolist(), empty.shape) == ([77, 1], [2, 2, 2], (0,))
    assert tinytorch.load(path)[0][0].item() == 0
    with tinytorch.serialization.set_default_mmap_options(mmap.MAP_SHARED):
        tinytorch.load(path, mmap=True)[0][0] = 77
    # Writing through a map changes the content only, so the file's checksums no longer hold.
    with pytest.raises(RuntimeError, match="checksum"):
        tinytorch.load(path)
    assert tinytorch.load(path, mmap=True)[0][0].item() == 77
    old = tmp_path / "old.pt"
    tinytorch.save(1, old, _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        tinytorch.load(old, mmap=True)


class Exploding:
    def __reduce__(self) -> Any:
        raise ValueError("not this one")


def test_a_failing_save_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    tinytorch.save(1, path)
    os.chmod(path, 0o640)
    for archive in (True, False):
        with pytest.raises(ValueError, match="not this one"):
            tinytorch.save([tinytorch.ones(2), Exploding()], path, _use_new_zipfile_serialization=archive)
    assert tinytorch.load(path) == 1
    link = tmp_path / "link.pt"
    link.symlink_to(path)
    tinytorch.save(2, link)
    assert link.is_symlink()
    assert tinytorch.load(path) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(item.name for item in tmp_path.iterdir()) == ["link.pt", "state.pt"]
    tinytorch.save(3, os.devnull)


def test_anything_with_write_and_a_place_in_a_file() -> None:
    class Sink:
        def __init__(self) -> None:
            self.parts: list[bytes] = []

        def write(self, content: Any) -> int:
            self.parts.append(bytes(content))
            return len(content)

        def flush(self) -> None:
            pass

    sink = Sink()
    tinytorch.save(tinytorch.arange(3), sink)
    content = b"".join(sink.parts)
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    for library in (torch, tinytorch):
        file = io.BytesIO(b"before" + content)
        file.seek(6)
        assert library.load(file).tolist() == [0, 1, 2]


def test_deflated_archives_load() -> None:
    file = saved(tinytorch, tinytorch.arange(1000) % 7)
    target = io.BytesIO()
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for entry in source.infolist():
            packed.writestr(entry.filename, source.read(entry), zipfile.ZIP_DEFLATED)
    for library in (torch, tinytorch):
        target.seek(0)
        assert library.load(target)[:9].tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1]


def test_tar_archives(tmp_path: Path) -> None:
    path = tmp_path / "first.pt"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            archive.addfile(tarfile.TarInfo(name))
    assert outcome(lambda t: t.load(path), tinytorch) == outcome(lambda t: t.load(path), torch)
    with pytest.raises(NotImplementedError, match=r"legacy .tar format"):
        tinytorch.load(path, weights_only=False)


def test_big_endian_files() -> None:
    file = saved(tinytorch, [tinytorch.arange(3), tinytorch.ones(2, dtype=tinytorch.complex64) * 1j])
    target = io.BytesIO()
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(target, "w") as swapped:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename.endswith("byteorder"):
                content = b"big"
            if entry.filename.endswith("data/0"):
                content = b"".join(content[i : i + 8][::-1] for i in range(0, len(content), 8))
            if entry.filename.endswith("data/1"):
                content = b"".join(content[i : i + 4][::-1] for i in range(0, len(content), 4))
            swapped.writestr(entry.filename, content)
    for library in (torch, tinytorch):
        target.seek(0)
        assert [tensor.tolist() for tensor in library.load(target)] == [[0, 1, 2], [1j, 1j]]


def test_more_entries_than_fit_into_16_bits() -> None:
    file = io.BytesIO()
    writer = Writer(file, "many")
    for number in range(66_000):
        writer.put(f"data/{number}", b"%d" % number)
    writer.finish()
    assert zipfile.ZipFile(file).read("many/data/65999") == b"65999"
    file.seek(0)
    reader = Reader(file)
    assert len(reader.entries) == 66_000
    assert reader.read("data/65999").tobytes() == b"65999"
