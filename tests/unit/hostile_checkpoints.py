"""Files that no loader should accept: hostile pickles, impossible sizes, damaged and doctored archives. Made anew at every run, always the same.

`python -m tests.unit.hostile_checkpoints marker` loads them all, and prints what happened and how much memory it took; a file that runs
code makes the folder `marker`.
"""

from __future__ import annotations

import io
import struct
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator

PROTOCOL = b"\x80\x02"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value: int) -> bytes:
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    content = value.to_bytes(9, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def name(module: str, item: str) -> bytes:
    return f"c{module}\n{item}\n".encode()


def items(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + items(*arguments) + b"R"


def storage(key: str = "0", count: int = 3, kind: str = "FloatStorage", place: str = "cpu") -> bytes:
    return items(text("storage"), name("torch", kind), text(key), text(place), integer(count)) + b"Q"


def tensor(
    memory: bytes | None = None,
    offset: int = 0,
    shape: tuple[int, ...] = (3,),
    strides: tuple[int, ...] = (1,),
) -> bytes:
    hooks = call(name("collections", "OrderedDict"))
    window = (integer(offset), items(*map(integer, shape)), items(*map(integer, strides)), b"\x89", hooks)
    return call(name("torch._utils", "_rebuild_tensor_v2"), storage() if memory is None else memory, *window)


def archive(pickled: bytes, method: int = zipfile.ZIP_STORED, **records: bytes) -> bytes:
    """A checkpoint around a pickle, with a storage of three floats."""
    entries = {
        "data.pkl": pickled,
        "byteorder": b"little",
        "version": b"3\n",
        "data/0": struct.pack("<3f", 1, 2, 3),
    }
    entries.update(records)
    return zipped([(f"archive/{key}", content) for key, content in entries.items()], method)


def zipped(entries: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", method) as file:
        warnings.simplefilter("ignore")
        for key, content in entries:
            file.writestr(zipfile.ZipInfo(key, (1980, 1, 1, 0, 0, 0)), content, method)
    return target.getvalue()


GOOD = archive(PROTOCOL + tensor() + b".")
LEGACY_HEADER = (
    PROTOCOL
    + b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
    + PROTOCOL
    + b"M\xe9\x03."
    + PROTOCOL
    + b"}"
    + text("little_endian")
    + b"\x88s."
)


def legacy(
    pickled: bytes, keys: tuple[str, ...] = ("0",), tail: bytes = struct.pack("<q3f", 3, 1, 2, 3)
) -> bytes:
    return LEGACY_HEADER + pickled + PROTOCOL + b"](" + b"".join(map(text, keys)) + b"e." + tail


def legacy_tensor(count: int = 3, view: bytes = b"N") -> bytes:
    memory = (
        items(text("storage"), name("torch", "FloatStorage"), text("0"), text("cpu"), integer(count), view)
        + b"Q"
    )
    return PROTOCOL + tensor(memory) + b"."


def patched(content: bytes, place: int, new: bytes) -> bytes:
    return content[:place] + new + content[place + len(new) :]


def running(marker: str) -> Iterator[tuple[str, bytes]]:
    """Pickles that would make the folder `marker` if their calls were made."""
    command = f"mkdir {marker}"
    code = f"import os; os.mkdir({marker!r})"
    calls = {
        ("os", "system"): (command,),
        ("posix", "system"): (command,),
        ("nt", "system"): (command,),
        ("os", "mkdir"): (marker,),
        ("os", "popen"): (command,),
        ("os", "execl"): ("/bin/mkdir", "mkdir", marker),
        ("subprocess", "getoutput"): (command,),
        ("subprocess", "call"): (command,),
        ("subprocess", "Popen"): (command,),
        ("commands", "getoutput"): (command,),
        ("builtins", "eval"): (f"__import__('os').mkdir({marker!r})",),
        ("__builtin__", "eval"): (f"__import__('os').mkdir({marker!r})",),
        ("builtins", "exec"): (code,),
        ("builtins", "compile"): (code, "x", "exec"),
        ("builtins", "__import__"): ("os",),
        ("builtins", "getattr"): ("os", "system"),
        ("builtins", "open"): (marker, "w"),
        ("builtins", "input"): ("?",),
        ("builtins", "print"): ("x",),
        ("builtins", "globals"): (),
        ("importlib", "import_module"): ("os",),
        ("runpy", "run_path"): (marker,),
        ("runpy", "_run_code"): (code,),
        ("pty", "spawn"): (command,),
        ("timeit", "timeit"): (code,),
        ("shutil", "rmtree"): (marker,),
        ("pickle", "loads"): ("x",),
        ("marshal", "loads"): ("x",),
        ("ctypes", "CDLL"): ("libc.so.6",),
        ("code", "interact"): (),
        ("pdb", "run"): (code,),
        ("cProfile", "run"): (code,),
        ("webbrowser", "open"): ("file:///",),
        ("socket", "create_connection"): ("localhost",),
        ("operator", "attrgetter"): ("system",),
        ("functools", "partial"): ("x",),
        ("asyncio", "run"): ("x",),
        ("torch", "load"): (marker,),
        ("torch.hub", "load"): (marker, "x"),
        ("torch.serialization", "load"): (marker,),
        ("torch.storage", "_load_from_bytes"): ("x",),
        ("torch.nn.modules.linear", "Linear"): (),
        ("torch._utils", "_set_obj_state"): (),
        ("torch.jit", "load"): (marker,),
        ("torch.utils.data", "DataLoader"): (),
        ("numpy", "load"): (marker,),
        ("numpy.core.multiarray", "_reconstruct"): (),
        ("numpy.testing._private.utils", "runstring"): (code, "x"),
        ("tinytorch.serialization", "save"): ("x", marker),
        ("types", "FunctionType"): (),
        ("sys", "exit"): (),
        ("sys", "settrace"): ("x",),
    }
    for (module, item), arguments in calls.items():
        yield f"call {module}.{item}", PROTOCOL + call(name(module, item), *map(text, arguments)) + b"."
    run = name("os", "system")
    yield "by an instance", PROTOCOL + b"(" + text(command) + b"ios\nsystem\n."
    yield "by an object", PROTOCOL + b"(" + run + text(command) + b"o."
    yield "by a state", PROTOCOL + name("collections", "OrderedDict") + b")R" + run + b"b."
    yield (
        "by a stacked name",
        b"\x80\x04" + text("os") + text("system") + b"\x93" + items(text(command)) + b"R.",
    )
    yield "by an extension", PROTOCOL + b"\x82\x01" + items(text(command)) + b"R."
    yield "by a new object", PROTOCOL + run + items(text(command)) + b"\x81."
    yield "by a dotted name", PROTOCOL + call(name("torch", "serialization.os.system"), text(command)) + b"."
    yield "by a dtype", PROTOCOL + call(name("torch", "float32"), text(command)) + b"."
    yield "by a text", PROTOCOL + call(text("os.system"), text(command)) + b"."
    yield (
        "by a tensor's type",
        PROTOCOL
        + call(
            name("torch._tensor", "_rebuild_from_type_v2"),
            run,
            name("torch", "Tensor"),
            items(text(command)),
            b"}",
        )
        + b".",
    )
    yield (
        "in a state",
        PROTOCOL
        + call(name("collections", "OrderedDict"))
        + b"}"
        + text("x")
        + call(run, text(command))
        + b"sb.",
    )
    yield "after tensors", PROTOCOL + b"](" + tensor() + call(run, text(command)) + b"e."
    yield "as a reference", PROTOCOL + call(run, text(command)) + b"Q."
    yield "as a key", PROTOCOL + b"}" + call(run, text(command)) + b"Ns."


def greedy() -> Iterator[tuple[str, bytes]]:
    """Pickles that claim more than they hold."""
    huge = 2**40
    for function in ("Tensor", "FloatTensor", "ByteTensor", "FloatStorage"):
        yield f"torch.{function} of a size", PROTOCOL + call(name("torch", function), integer(huge)) + b"."
    for function in ("UntypedStorage", "TypedStorage"):
        yield (
            f"torch.storage.{function} of a size",
            PROTOCOL + call(name("torch.storage", function), integer(huge)) + b".",
        )
    yield "a bytearray of a size", PROTOCOL + call(name("builtins", "bytearray"), integer(huge)) + b"."
    yield "a long text", PROTOCOL + b"X\xff\xff\xff\xffabc."
    yield "a very long text", PROTOCOL + b"\x8d" + struct.pack("<Q", 2**60) + b"abc."
    yield "long bytes", PROTOCOL + b"\x8e" + struct.pack("<Q", 2**60) + b"abc."
    yield "a long bytearray", PROTOCOL + b"\x96" + struct.pack("<Q", 2**60) + b"abc."
    yield "a long number", PROTOCOL + b"\x8b" + struct.pack("<i", 2**31 - 1) + b"\x01."
    yield "a long frame", b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N."
    yield "a far place", PROTOCOL + b"]r\xff\xff\xff\x7f0."
    yield "deep tuples", PROTOCOL + b"N" + b"\x85" * 100_000 + b"."
    yield "deep tuples as a key", PROTOCOL + b"}N" + b"\x85" * 100_000 + b"Ns."
    yield (
        "a codec that costs",
        PROTOCOL + call(name("_codecs", "encode"), text("x" * 1000), text("punycode")) + b".",
    )
    yield "a codec of bytes", PROTOCOL + call(name("_codecs", "encode"), text("x"), text("zlib")) + b"."
    for count in (4, 2**20, 2**31 - 1, 2**62, -1):
        yield f"a storage of {count}", PROTOCOL + tensor(storage(count=count)) + b"."
    yield "many marks", PROTOCOL + b"(" * 100_000 + b"\xff"
    yield "no storage", PROTOCOL + tensor(integer(5)) + b"."
    yield "a storage of another type", PROTOCOL + tensor(storage(kind="NoStorage")) + b"."
    yield "a storage elsewhere", PROTOCOL + tensor(storage(place="moon")) + b"."
    yield "a storage that is missing", PROTOCOL + tensor(storage(key="7")) + b"."
    yield "a storage outside", PROTOCOL + tensor(storage(key="../data/0")) + b"."
    yield "a path", PROTOCOL + tensor(storage(key="/etc/passwd")) + b"."


def impossible() -> Iterator[tuple[str, bytes]]:
    """Tensors that reach outside of their storages, and pickles that make no sense."""
    windows = {
        "too long": (0, (4,), (1,)),
        "too far": (1, (3,), (1,)),
        "far away": (2**40, (1,), (1,)),
        "before": (-1, (3,), (1,)),
        "backwards": (2, (3,), (-1,)),
        "wide strides": (0, (3,), (2**40,)),
        "negative": (0, (-3,), (1,)),
        "overflow": (0, (2**32, 2**32), (0, 0)),
        "more overflow": (0, (2**62, 4), (0, 0)),
        "unequal": (0, (3, 1), (1,)),
        "no strides": (0, (3,), ()),
    }
    for title, (offset, shape, strides) in windows.items():
        yield f"a tensor {title}", PROTOCOL + tensor(None, offset, shape, strides) + b"."
    rebuild = name("torch._utils", "_rebuild_tensor_v2")
    yield "a tensor of text", PROTOCOL + call(rebuild, storage(), text("x"), b")", b")", b"\x89", b"N") + b"."
    yield "a tensor of too little", PROTOCOL + call(rebuild, storage()) + b"."
    yield (
        "a tensor of a tensor",
        PROTOCOL + call(rebuild, tensor(), integer(0), b")", b")", b"\x89", b"N") + b".",
    )
    yield (
        "a parameter of text",
        PROTOCOL + call(name("torch._utils", "_rebuild_parameter"), text("x"), b"\x88", b"N") + b".",
    )
    yield (
        "a tensor's slots",
        PROTOCOL
        + call(
            name("torch._utils", "_rebuild_parameter_with_state"),
            tensor(),
            b"\x88",
            b"N",
            b"N}" + text("_array") + b"Ns\x86",
        )
        + b".",
    )
    sparse = name("torch._utils", "_rebuild_sparse_tensor")
    layout = call(name("torch.serialization", "_get_layout"), text("torch.sparse_coo"))
    # The bytes of the file's three floats, read as whole numbers, are the indices: far beyond the size.
    numbers = storage(kind="IntStorage")
    size = call(name("torch", "Size"), items(integer(5)))
    parts = items(tensor(numbers, 0, (1, 3), (3, 1)), tensor(numbers), size, b"\x89")
    yield "a sparse tensor with indices outside", PROTOCOL + call(sparse, layout, parts) + b"."
    programs = {
        "nothing": b"",
        "no end": PROTOCOL,
        "an empty stack": PROTOCOL + b".",
        "a call of nothing": PROTOCOL + b"R.",
        "no mark": PROTOCOL + b"t.",
        "an unknown place": PROTOCOL + b"h\x07.",
        "half a name": PROTOCOL + b"ctorch",
        "a name that is no text": PROTOCOL + b"c\xff\xfe\nx\n.",
        "a broken text": PROTOCOL + b"X\x02\x00\x00\x00\xff\xfe.",
        "a list as a key": PROTOCOL + b"}]Ns.",
        "an item of a list": PROTOCOL + b"]NNs.",
        "items of a number": PROTOCOL + b"K\x01(NNu.",
        "append to a dictionary": PROTOCOL + b"}Na.",
        "extend a text": PROTOCOL + text("x") + b"(Ne.",
        "odd items": PROTOCOL + b"}(Nu.",
        "the state of a list": PROTOCOL + b"]}b.",
        "the state of a function": PROTOCOL + name("_codecs", "encode") + b"}b.",
        "a text as a state": PROTOCOL + name("collections", "OrderedDict") + b")R" + text("x") + b"b.",
        "a reference by text": PROTOCOL + text("storage") + b"Q.",
        "another reference": PROTOCOL + items(text("module"), text("x")) + b"Q.",
        "a short reference": PROTOCOL + items(text("storage")) + b"Q.",
        "a new text": PROTOCOL + text("x") + b")\x81.",
        "an unknown opcode": PROTOCOL + b"\xff.",
    }
    for code in b"012SVTBCFILgpPlde":
        programs[f"the opcode {chr(code)}"] = PROTOCOL + b"N" + bytes([code]) + b"\x01x\n."
    yield from programs.items()


def doctored() -> Iterator[tuple[str, bytes]]:
    """Archives that are damaged, or that say one thing in one place and another elsewhere."""
    for part in range(1, 20):
        yield f"cut after {part}/20", GOOD[: len(GOOD) * part // 20]
    for missing in (1, 4, 21):
        yield f"cut by {missing}", GOOD[:-missing]
    pickled = PROTOCOL + tensor() + b"."
    data, code = GOOD.index(struct.pack("<3f", 1, 2, 3)), GOOD.index(pickled)
    for place in (data, data + 5, data + 11, code + 2, code + len(pickled) - 1):
        yield f"a changed byte at {place}", patched(GOOD, place, bytes([GOOD[place] ^ 0x40]))
    end = GOOD.rindex(b"PK\x05\x06")
    directory = struct.unpack_from("<I", GOOD, end + 16)[0]
    central = {
        "method": (10, struct.pack("<H", 12)),
        "deflate that is none": (10, struct.pack("<H", 8)),
        "encryption": (8, struct.pack("<H", 1)),
        "checksum": (16, b"\1\2\3\4"),
        "packed size": (20, struct.pack("<I", 2**31)),
        "size": (24, struct.pack("<I", 2**31)),
        "both sizes": (20, struct.pack("<II", 2**31, 2**31)),
        "both sizes in 64 bits": (20, b"\xff" * 8),
        "smaller sizes": (20, struct.pack("<II", 3, 3)),
        "length of its name": (28, struct.pack("<H", 60000)),
        "length of its extra field": (30, struct.pack("<H", 60000)),
        "position": (42, struct.pack("<I", 2**31)),
        "position in 64 bits": (42, b"\xff" * 4),
        "position inside of another": (42, struct.pack("<I", code)),
        "signature": (0, b"PK\x01\x03"),
        "name": (46, b"other"),
    }
    for title, (offset, new) in central.items():
        yield f"another {title}", patched(GOOD, directory + offset, new)
    ends = {
        "disk": (4, b"\1\0"),
        "count": (8, struct.pack("<HH", 60000, 60000)),
        "two counts": (8, struct.pack("<HH", 3, 4)),
        "directory size": (12, struct.pack("<I", 2**31)),
        "directory position": (16, struct.pack("<I", 2**31)),
        "directory position before": (16, struct.pack("<I", 5)),
    }
    for title, (offset, new) in ends.items():
        yield f"another {title}", patched(GOOD, end + offset, new)
    local = {
        "signature": (0, b"PK\x07\x08"),
        "name": (30, b"X"),
        "size": (22, b"\1"),
        "method": (8, b"\x08"),
        "name's length": (26, b"\1"),
    }
    second = GOOD.index(b"PK\x03\x04", 4)
    for title, (offset, new) in local.items():
        yield f"another {title} at the entry", patched(GOOD, second + offset, new)
    wide = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2**60, 2**60, 2**61, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    yield "a directory of 2**60 entries", GOOD[:end] + wide + locator + GOOD[end:]
    yield "a directory nowhere", GOOD[:end] + struct.pack("<4sIQI", b"PK\x06\x07", 0, 2**62, 1) + GOOD[end:]
    yield "no directory", GOOD[:directory] + GOOD[end:]
    nothing = PROTOCOL + b"N."
    others = {
        "two pickles": [("a/data.pkl", nothing), ("a/data.pkl", nothing), ("a/version", b"3")],
        "two storages": [
            ("a/data.pkl", nothing),
            ("a/version", b"3"),
            ("a/data/0", b"1"),
            ("a/data/0", b"2"),
        ],
        "two folders": [("a/data.pkl", nothing), ("b/data.pkl", nothing), ("a/version", b"3")],
        "no folder": [("data.pkl", nothing), ("version", b"3")],
        "no pickle": [("a/version", b"3")],
        "no version": [("a/data.pkl", nothing)],
        "a version of text": [("a/data.pkl", nothing), ("a/version", b"three")],
        "a version to come": [("a/data.pkl", nothing), ("a/version", b"1000")],
        "another byte order": [("a/data.pkl", nothing), ("a/version", b"3"), ("a/byteorder", b"middle")],
        "a script": [("a/data.pkl", nothing), ("a/version", b"3"), ("a/constants.pkl", nothing)],
        "a name that climbs": [("a/data.pkl", nothing), ("a/version", b"3"), ("a/../../x", b"")],
        "a name from the root": [("/a/data.pkl", nothing), ("/a/version", b"3")],
        "a name with backslashes": [("a/data.pkl", nothing), ("a/version", b"3"), ("a/..\\..\\x", b"")],
    }
    for title, entries in others.items():
        yield title, zipped(entries)
    packed = zlib.compress(bytes(300_000_000), 9)[2:-4]
    yield "a bomb", _bomb(packed, 300_000_000)
    yield "a bomb that says it is small", _bomb(packed, 1000)
    yield "many entries in one place", _overlapping(200)
    yield "a tail without a file", b"PK\x03\x04" + GOOD[end:]


def _bomb(packed: bytes, claimed: int) -> bytes:
    """An archive whose pickle is deflated to a thousandth."""
    key, version = b"a/data.pkl", b"a/version"
    head = (
        struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, 1, len(packed), claimed, len(key), 0)
        + key
        + packed
    )
    check = zlib.crc32(b"3")
    second = (
        struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 0, check, 1, 1, len(version), 0) + version + b"3"
    )
    listed = (
        struct.pack(
            "<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, 1, len(packed), claimed, len(key), *[0] * 6
        )
        + key
    )
    listed += (
        struct.pack(
            "<4s6H3I5H2I",
            b"PK\x01\x02",
            20,
            20,
            0,
            0,
            0,
            0,
            check,
            1,
            1,
            len(version),
            0,
            0,
            0,
            0,
            0,
            len(head),
        )
        + version
    )
    return (
        head
        + second
        + listed
        + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 2, 2, len(listed), len(head + second), 0)
    )


def _overlapping(count: int) -> bytes:
    """Entries that all say they lie where the first one does."""
    content = bytes(100_000)
    key = b"a/data.pkl"
    head = (
        struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 1, len(content), len(content), len(key), 0)
        + key
    )
    listed = b"".join(
        struct.pack(
            "<4s6H3I5H2I",
            b"PK\x01\x02",
            20,
            20,
            0,
            0,
            0,
            0,
            1,
            len(content),
            len(content),
            len(key),
            *[0] * 6,
        )
        + key
        for _ in range(count)
    )
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(listed), len(head + content), 0)
    return head + content + listed + tail


def old(marker: str) -> Iterator[tuple[str, bytes]]:
    """Files of the format before archives."""
    good = legacy(legacy_tensor())
    for part in range(1, 12):
        yield f"old, cut after {part}/12", good[: len(good) * part // 12]
    yield "old, cut by 1", good[:-1]
    for count in (4, 2**31 - 1, 2**60, -3):
        yield f"old, a storage of {count}", legacy(legacy_tensor(count))
    yield "old, another length", legacy(legacy_tensor(), tail=struct.pack("<q3f", 2**40, 1, 2, 3))
    yield "old, unknown keys", legacy(legacy_tensor(), ("1",))
    yield "old, another magic number", good.replace(b"l\xfc", b"m\xfc", 1)
    yield "old, another version", good.replace(b"M\xe9\x03", b"M\xe8\x03", 1)
    yield "old, a call", legacy(PROTOCOL + call(name("os", "mkdir"), text(marker)) + b".", ())
    yield "old, a call at the head", PROTOCOL + call(name("os", "mkdir"), text(marker)) + b"."
    yield (
        "old, a call in the keys",
        LEGACY_HEADER + PROTOCOL + b"N." + PROTOCOL + call(name("os", "mkdir"), text(marker)) + b".",
    )
    yield "old, a tar archive", b"sys_info" + bytes(249) + b"ustar" + bytes(250)
    yield "plain bytes", bytes(range(256))
    yield "plain text", b"What is this?\n" * 20


def checkpoints(marker: str) -> dict[str, bytes]:
    """All of them by name."""
    found: dict[str, bytes] = {}
    for source in (running(marker), greedy(), impossible()):
        for title, pickled in source:
            assert title not in found, title
            found[title] = archive(pickled)
    for source in (doctored(), old(marker)):
        for title, content in source:
            assert title not in found, title
            found[title] = content
    return found


def main(marker: str) -> None:
    import resource

    import tinytorch

    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

    warnings.simplefilter("ignore")
    files = checkpoints(marker)
    assert tinytorch.load(io.BytesIO(GOOD)).tolist() == [1, 2, 3]
    assert tinytorch.load(io.BytesIO(legacy(legacy_tensor()))).tolist() == [1, 2, 3]
    before = peak()
    for title, content in files.items():
        try:
            loaded = tinytorch.load(io.BytesIO(content))
            print(f"{title}: loaded as {type(loaded).__name__}")
        except Exception as error:
            print(f"{title}: {type(error).__name__}: {str(error).strip().splitlines()[:1]}")
    print(f"{len(files)} files, {peak() - before} MiB more")


if __name__ == "__main__":
    main(sys.argv[1])
