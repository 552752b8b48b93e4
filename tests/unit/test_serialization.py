"""torch.save and torch.load: files of either library load in the other."""

from __future__ import annotations

import copy
import datetime
import io
import pathlib
import pickle
import warnings
import zipfile
from collections import Counter, OrderedDict
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import tinytorch
import tinytorch.nn.parameter

PAIRS = [(torch, tinytorch), (tinytorch, torch), (tinytorch, tinytorch)]
DTYPES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "float8_e5m2",
    "float8_e4m3fn",
]


class Held:
    """Something weights_only does not know."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor


def carried(source: Any, target: Any, obj: Any, **options: Any) -> Any:
    buffer = io.BytesIO()
    source.save(obj, buffer)
    buffer.seek(0)
    return target.load(buffer, **options)


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype(source: Any, target: Any, name: str) -> None:
    original = source.arange(6).view(2, 3).to(getattr(source, name))
    found = carried(source, target, original)
    assert found.dtype is getattr(target, name)
    assert found.shape == (2, 3)
    assert (
        found.float().tolist() == original.float().tolist()
        if "complex" not in name
        else found.tolist() == original.tolist()
    )


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_views_share_one_storage(source: Any, target: Any) -> None:
    base = source.arange(12.0).view(3, 4)
    whole, column, row, again = carried(source, target, [base, base.t(), base[1], base])
    assert whole is again
    assert column.stride() == (1, 4)
    assert row.storage_offset() == 4
    whole[1, 2] = 100
    assert row[2] == 100
    assert column[2, 1] == 100
    part = carried(source, target, base[1])
    assert part.untyped_storage().nbytes() == 48
    assert part.tolist() == [4, 5, 6, 7]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_containers_and_plain_values(source: Any, target: Any) -> None:
    obj = {
        "list": [1, 2.5, "text", None, True, 1 + 2j, b"bytes", bytearray(b"x"), (1,), 2**80],
        "ordered": OrderedDict(a=1, b=2),
        "counter": Counter("hello"),
        "set": {1, 2},
        "dtype": [source.float32, source.bfloat16, source.float32],
        "size": source.Size([1, 2]),
        "device": source.device("cpu"),
        "empty": source.zeros(0, 3),
        "scalar": source.tensor(2.5),
        "grad": source.ones(2, requires_grad=True),
        "node": source.ones(2, requires_grad=True) * 2,
        "meta": source.zeros(2, 3, device="meta"),
        "layout": source.strided,
        "parameter": source.nn.parameter.Parameter(source.ones(2), requires_grad=False),
    }
    found = carried(source, target, obj)
    assert found["list"] == obj["list"]
    for name in ("ordered", "counter", "set"):
        assert found[name] == obj[name]
        assert type(found[name]) is type(obj[name])
    assert found["dtype"] == [target.float32, target.bfloat16, target.float32]
    assert type(found["size"]) is target.Size
    assert found["device"] == target.device("cpu")
    assert found["empty"].shape == (0, 3)
    assert found["scalar"].item() == 2.5
    assert found["grad"].requires_grad
    assert found["node"].requires_grad
    assert found["node"].is_leaf
    assert found["meta"].is_meta
    assert found["meta"].shape == (2, 3)
    assert found["layout"] is target.strided
    assert type(found["parameter"]) is target.nn.parameter.Parameter
    assert not found["parameter"].requires_grad


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_attributes_and_generators(source: Any, target: Any) -> None:
    tensor = source.zeros(2)
    tensor.note = "kept"
    assert carried(source, target, tensor).note == "kept"
    parameter = source.nn.parameter.Parameter(source.zeros(2))
    parameter.note = 5
    assert carried(source, target, parameter).note == 5
    generator = source.Generator().manual_seed(5)
    source.randn(3, generator=generator)
    twin = carried(source, target, generator, weights_only=False)
    assert target.randn(4, generator=twin).tolist() == source.randn(4, generator=generator).tolist()


@pytest.mark.parametrize("source", [torch, tinytorch])
@pytest.mark.parametrize("target", [torch, tinytorch])
def test_paths(source: Any, target: Any, tmp_path: pathlib.Path) -> None:
    for path in (tmp_path / "state.dict.pt", str(tmp_path / "plain")):
        source.save({"w": source.arange(3)}, path)
        assert target.load(path)["w"].tolist() == [0, 1, 2]
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    assert "plain/data.pkl" in names


def test_the_archive_is_laid_out_as_torch_lays_it_out(tmp_path: pathlib.Path) -> None:
    listings = []
    for library in (torch, tinytorch):
        path = tmp_path / "a.pt"
        library.save([library.arange(5), library.ones(2, 3)], path)
        with zipfile.ZipFile(path) as archive:
            pickled = archive.read("a/data.pkl")
            listings.append(
                (archive.namelist(), pickled, archive.read("a/version"), archive.read("a/byteorder"))
            )
            content = path.read_bytes()
            entry = archive.getinfo("a/data/1")
            header = content[entry.header_offset : entry.header_offset + 30]
            start = (
                entry.header_offset
                + 30
                + int.from_bytes(header[26:28], "little")
                + int.from_bytes(header[28:30], "little")
            )
            assert start % 64 == 0
    assert listings[0] == listings[1]


@pytest.mark.parametrize("obj", [Held(1), datetime.date(2000, 1, 1), print, frozenset([1]), range(3), float])
def test_weights_only_refuses(obj: Any) -> None:
    texts = []
    for library in (torch, tinytorch):
        with pytest.raises(pickle.UnpicklingError) as caught:
            carried(library, library, obj)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


def test_weights_only_can_be_told(request: pytest.FixtureRequest) -> None:
    for library in (torch, tinytorch):
        with library.serialization.safe_globals([Held]):
            assert carried(library, library, Held(library.ones(2))).tensor.tolist() == [1, 1]
        with pytest.raises(pickle.UnpicklingError):
            carried(library, library, Held(library.ones(2)))
        assert carried(library, library, Held(3), weights_only=False).tensor == 3


def test_weights_only_runs_no_code() -> None:
    class Attack:
        def __reduce__(self) -> Any:
            return (eval, ("1 + 1",))

    buffer = io.BytesIO()
    tinytorch.save(Attack(), buffer)
    buffer.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="GLOBAL eval was not an allowed global"):
        tinytorch.load(buffer)


def test_map_location() -> None:
    for library in (torch, tinytorch):
        tensor = library.arange(3)
        assert carried(library, library, tensor, map_location="meta").is_meta
        assert carried(library, library, tensor, map_location=library.device("cpu")).tolist() == [0, 1, 2]
        assert carried(library, library, tensor, map_location={"cpu": "meta"}).is_meta
        seen = []
        assert carried(
            library, library, tensor, map_location=lambda s, place: seen.append(place)
        ).tolist() == [0, 1, 2]
        assert seen == ["cpu"]
        with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
            carried(library, library, tensor, map_location="cuda")


def test_files_of_the_older_format() -> None:
    buffer = io.BytesIO()
    shared = torch.arange(4.0)
    torch.save(
        {"a": shared, "b": shared[1:], "c": torch.ones(2, dtype=torch.int8)},
        buffer,
        _use_new_zipfile_serialization=False,
    )
    buffer.seek(0)
    found = tinytorch.load(buffer)
    found["a"][1] = 9
    assert found["b"].tolist() == [9, 2, 3]
    assert found["c"].tolist() == [1, 1]
    assert found["c"].dtype is tinytorch.int8


ERRORS = {
    "missing file": lambda t: t.load("/nonexistent"),
    "empty file": lambda t: t.load(io.BytesIO()),
    "no file to load": lambda t: t.load(3),
    "no file to save": lambda t: t.save(1, 3),
    "no directory": lambda t: t.save(t.zeros(2), "/nonexistent/a"),
    "two types": lambda t: t.save([x := t.zeros(4), x.view(t.int32)], io.BytesIO()),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    seen = []
    for library in (torch, tinytorch):
        with pytest.raises(Exception) as caught:
            ERRORS[name](library)
        seen.append((type(caught.value).__name__, str(caught.value)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_state_dict_of_a_module(source: Any, target: Any) -> None:
    state = OrderedDict(weight=source.ones(2, 3), bias=source.zeros(2))
    state._metadata = OrderedDict({"": {"version": 1}})  # as Module.state_dict leaves it
    found = carried(source, target, state)
    assert list(found) == ["weight", "bias"]
    assert found["weight"].tolist() == [[1] * 3] * 2
    assert found._metadata == state._metadata


def test_plain_pickle_copies_each_tensor_for_itself() -> None:
    base = tinytorch.arange(4)
    a, b = pickle.loads(pickle.dumps([base, base[1:]]))
    a[1] = 9
    assert (b.tolist(), b.storage_offset()) == ([1, 2, 3], 1)  # as torch has it; torch.save keeps sharing
    parameter = pickle.loads(pickle.dumps(tinytorch.nn.parameter.Parameter(tinytorch.ones(2))))
    assert type(parameter) is tinytorch.nn.parameter.Parameter


class Kept:
    """A file that can be written, and no more."""

    def __init__(self) -> None:
        self.content = b""
        self.flushed = 0

    def write(self, content: Any) -> int:
        self.content += bytes(content)
        return len(content)


class Flushed(Kept):
    def flush(self) -> None:
        self.flushed += 1


def test_what_a_file_to_save_into_must_offer() -> None:
    def said(library: Any) -> list[Any]:
        found: list[Any] = []
        for zipped in (True, False):
            for file in (Kept(), Flushed()):
                try:
                    library.save(library.ones(1), file, _use_new_zipfile_serialization=zipped)
                    found.append(file.flushed)
                except AttributeError as error:
                    found.append(str(error))
        return found

    assert said(tinytorch) == said(torch)


def test_what_cannot_be_pickled_and_what_is_no_archive() -> None:
    def said(library: Any) -> list[str]:
        def local() -> None:
            pass

        found = []
        for thing in (local, (number for number in (1,)), type("Unknown", (), {})):
            try:
                library.save(thing, io.BytesIO())
                found.append("saved")
            except Exception as error:
                found.append(f"{type(error).__name__}: {error}".split(" at 0x")[0])
        for content in (b"PK\x03\x04", b"PK\x03\x04" + b"a" * 17, b"PK\x03\x04" + b"a" * 18):
            try:
                library.load(io.BytesIO(content))
            except RuntimeError as error:
                found.append(str(error))
        return found

    assert said(tinytorch) == said(torch)


def test_hooks_that_are_lost_are_warned_of() -> None:
    def warned(library: Any) -> list[Any]:
        found = []
        for make in (library.ones, lambda size: library.nn.Parameter(library.ones(size))):
            leaf = make(1).requires_grad_()
            leaf.register_hook(print)
            for keep in (
                lambda x: library.save(x, io.BytesIO()),
                lambda x: library.save(x, io.BytesIO(), _use_new_zipfile_serialization=False),
                pickle.dumps,
                copy.copy,
                copy.deepcopy,
            ):
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    keep(leaf)
                found.append([str(item.message) for item in caught])
        return found

    assert warned(tinytorch) == warned(torch)
