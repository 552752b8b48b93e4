"""The zip archives that checkpoints are: written entry by entry, and read with distrust.

A reader believes nothing it has not checked: every entry lies inside the file and apart from all others, both of its headers agree, and
its sizes and checksum are those of its content. So the memory a file can make it use is bounded by the file's own size.
Source: PKWARE, APPNOTE.TXT 6.3.10; the layout of the archives torch 2.13 writes.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, NamedTuple

import numpy as np

ALIGNMENT = 64
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_UTF8 = 0x800
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_DESCRIPTOR = 0x8
_STORED, _DEFLATED = 0, 8
_MANY = 0xFFFF
_LARGE = 0xFFFFFFFF
# A deflated entry may be this many times larger than its bytes in the file; checkpoints are stored, not deflated.
_INFLATION = 100
_DAMAGED = (
    " This is an internal miniz error. If you are seeing this error, there is a high likelihood that your checkpoint file is corrupted. "
    "This can happen if the checkpoint was not saved properly, was transferred incorrectly, or the file was modified after saving."
)


class Writer:
    """Writes an archive to anything with `write`; contents start at multiples of the alignment, so that they can be mapped."""

    def __init__(self, file: Any, folder: str, checksums: bool = True) -> None:
        self._file = file
        self._folder = folder
        self._checksums = checksums
        self._position = 0
        self._directory: list[bytes] = []
        self.checks: list[int] = []
        self.names: list[str] = []

    def _write(self, content: Any) -> None:
        self._file.write(content)
        self._position += len(content)

    def put(self, name: str, content: Any) -> None:
        """Add an entry: bytes, or a dense array of bytes."""
        view = memoryview(content).cast("B") if len(content) else b""
        encoded = f"{self._folder}/{name}".encode()
        size = len(view)
        check = zlib.crc32(view) if self._checksums else 0
        start = self._position
        wide = struct.pack("<HHQQ", 1, 16, size, size) if size >= _LARGE else b""
        padding = -(start + _LOCAL.size + len(encoded) + len(wide) + 4) % ALIGNMENT
        extra = wide + b"FB" + struct.pack("<H", padding) + b"Z" * padding
        shown = min(size, _LARGE)
        common = (_UTF8, _STORED, 0, 0x21, check, shown, shown, len(encoded))
        version = 45 if wide else 20
        self._write(_LOCAL.pack(b"PK\x03\x04", version, *common, len(extra)) + encoded + extra)
        self._write(view)
        far = start >= _LARGE
        fields = ([size, size] if wide else []) + ([start] if far else [])
        wide = struct.pack(f"<HH{len(fields)}Q", 1, 8 * len(fields), *fields) if fields else b""
        version = 45 if wide else 20
        header = (b"PK\x01\x02", version, version, *common, len(wide), 0, 0, 0, 0, min(start, _LARGE))
        self._directory.append(_CENTRAL.pack(*header) + encoded + wide)
        self.checks.append(check)
        self.names.append(name)

    def finish(self) -> None:
        """Write the directory."""
        start, count = self._position, len(self._directory)
        for entry in self._directory:
            self._write(entry)
        end = self._position
        if count >= _MANY or end >= _LARGE:
            size = end - start
            self._write(_END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start))
            self._write(_LOCATOR.pack(b"PK\x06\x07", 0, end, 1))
        shown = min(count, _MANY)
        position = (min(end - start, _LARGE), min(start, _LARGE))
        self._write(_END.pack(b"PK\x05\x06", 0, 0, shown, shown, *position, 0))


class Entry(NamedTuple):
    """Where an entry's content lies in the file."""

    name: str
    method: int
    check: int
    packed: int
    size: int
    start: int
    header: int


def _refuse(reason: str) -> RuntimeError:
    return RuntimeError(f"PytorchStreamReader failed reading zip archive: {reason}.")


class Reader:
    """An archive from the file's position to its end. Raises RuntimeError for what is not in order."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.base = file.tell()
        self._size = file.seek(0, io.SEEK_END) - self.base
        self.folder = ""
        self.entries: dict[str, Entry] = {}
        self._read_directory()
        self._checked = any(entry.check for entry in self.entries.values())

    def _at(self, position: int, count: int) -> bytes:
        if position < 0 or position + count > self._size:
            raise _refuse("a record lies outside of the file")
        self._file.seek(self.base + position)
        content: bytes = self._file.read(count)
        if len(content) != count:
            raise _refuse("the file ends too early")
        return content

    def _find_end(self) -> tuple[int, int, int]:
        """Number of entries, size and position of the directory."""
        if self._size < _END.size:
            raise RuntimeError(
                f"PytorchStreamReader failed reading zip archive: not a ZIP archive.{_DAMAGED}"
            )
        reach = min(self._size, _END.size + _MANY)
        tail = self._at(self._size - reach, reach)
        place = tail.rfind(b"PK\x05\x06", 0, max(0, len(tail) - _END.size + 4))
        if place < 0:
            raise RuntimeError(
                f"PytorchStreamReader failed reading zip archive: failed finding central directory.{_DAMAGED}"
            )
        _, disk, disk2, here, count, size, start, _ = _END.unpack_from(tail, place)
        end = self._size - reach + place
        if end >= _LOCATOR.size:
            signature, _, position, _ = _LOCATOR.unpack(self._at(end - _LOCATOR.size, _LOCATOR.size))
            if signature == b"PK\x06\x07":
                fields = _END64.unpack(self._at(position, _END64.size))
                if fields[0] != b"PK\x06\x06" or position + _END64.size > end:
                    raise _refuse("the 64-bit end of the directory is damaged")
                disk, disk2, here, count, size, start = fields[4:]
                end = position
        if disk or disk2 or here != count:
            raise _refuse("the archive is split over several files")
        if start + size > end or count * _CENTRAL.size > size:
            raise _refuse("the directory lies outside of the file")
        return count, size, start

    def _read_directory(self) -> None:
        count, size, directory = self._find_end()
        content = self._at(directory, size)
        place = 0
        found: list[Entry] = []
        for _ in range(count):
            if place + _CENTRAL.size > size:
                raise _refuse("the directory ends too early")
            header = _CENTRAL.unpack_from(content, place)
            signature, _, _, flags, method, _, _, check, packed, full = header[:10]
            length, extra, comment, _, _, _, start = header[10:]
            names = place + _CENTRAL.size
            place = names + length + extra + comment
            if signature != b"PK\x01\x02" or place > size:
                raise _refuse("the directory is damaged")
            packed, full, start = _widened(
                content[names + length : names + length + extra], packed, full, start
            )
            found.append(
                self._checked_entry(
                    content[names : names + length], flags, method, check, packed, full, start
                )
            )
        found.sort(key=lambda entry: entry.header)
        for entry, header_after in zip(found, [*(entry.header for entry in found[1:]), directory]):
            if entry.start + entry.packed > header_after:
                raise _refuse(f"the content of {entry.name!r} overlaps another record")
        for entry in found:
            if entry.name in self.entries:
                raise _refuse(f"there are two entries {entry.name!r}")
            self.entries[entry.name] = entry

    def _checked_entry(
        self, raw: bytes, flags: int, method: int, check: int, packed: int, full: int, header: int
    ) -> Entry:
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            raise _refuse(f"the name {raw!r} is not UTF-8") from None
        if "\\" in name or "\0" in name or name.startswith("/") or ".." in name.split("/"):
            raise _refuse(f"the name {name!r} leads out of the archive")
        folder, slash, rest = name.partition("/")
        self.folder = self.folder or folder
        if not slash:
            raise RuntimeError(f"file in archive is not in a subdirectory: {name}")
        if folder != self.folder:
            raise RuntimeError(f"file in archive is not in a subdirectory {self.folder}/: {name}")
        if flags & _ENCRYPTED:
            raise _refuse(f"{name!r} is encrypted")
        if method not in (_STORED, _DEFLATED):
            raise _refuse(f"{name!r} is packed by the unknown method {method}")
        if full != packed if method == _STORED else full > packed * _INFLATION + 4096:
            raise _refuse(f"{name!r} of {packed} bytes claims to hold {full}")
        local = _LOCAL.unpack(self._at(header, _LOCAL.size))
        length, extra = local[9:]
        if local[0] != b"PK\x03\x04" or local[3] != method or local[2] & _ENCRYPTED:
            raise _refuse(f"the header of {name!r} is damaged")
        inside = self._at(header + _LOCAL.size, length + extra)
        if inside[:length] != raw:
            raise _refuse(f"the header of {name!r} has another name")
        if not local[2] & _DESCRIPTOR:  # otherwise these follow the content
            local_packed, local_full, _ = _widened(inside[length:], local[7], local[8], 0)
            if (local_packed, local_full, local[6]) != (packed, full, check):
                raise _refuse(f"the header of {name!r} has other sizes or another checksum")
        start = header + _LOCAL.size + length + extra
        if start + packed > self._size:
            raise _refuse(f"{name!r} lies outside of the file")
        return Entry(rest, method, check, packed, full, start, header)

    def find(self, name: str) -> Entry:
        """Raises RuntimeError if there is no such entry."""
        entry = self.entries.get(name)
        if entry is None:
            raise RuntimeError(f"PytorchStreamReader failed locating file {name}: file not found.{_DAMAGED}")
        return entry

    def read(self, name: str) -> np.ndarray:
        """The content of an entry, (n,) uint8, memory of its own."""
        entry = self.find(name)
        content = np.empty(entry.size, np.uint8)
        self._file.seek(self.base + entry.start)
        if entry.method == _DEFLATED:
            decompressor = zlib.decompressobj(-15)
            try:
                inflated = decompressor.decompress(self._file.read(entry.packed), entry.size or 1)
            except zlib.error as error:
                raise _refuse(f"{name!r} is damaged ({error})") from None
            if len(inflated) != entry.size or decompressor.unconsumed_tail:
                raise _refuse(f"{name!r} does not hold the {entry.size} bytes it claims")
            content[...] = np.frombuffer(inflated, np.uint8)
        else:
            self._fill(content, name)
        if self._checked and zlib.crc32(content) != entry.check:
            raise _refuse(f"the checksum of {name!r} is wrong")
        return content

    def _fill(self, content: np.ndarray, name: str) -> None:
        if hasattr(self._file, "readinto"):
            view, filled = memoryview(content), 0
            while filled < len(view):
                count = self._file.readinto(view[filled:])
                if not count:
                    raise _refuse(f"{name!r} ends too early")
                filled += count
            return
        got = self._file.read(content.size)
        if len(got) != content.size:
            raise _refuse(f"{name!r} ends too early")
        content[...] = np.frombuffer(got, np.uint8)


def _widened(extra: bytes, packed: int, full: int, start: int) -> tuple[int, int, int]:
    """The sizes and the position again, where they did not fit into 32 bits from the extra field."""
    if _LARGE not in (packed, full, start):
        return packed, full, start
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, place)
        if kind == 1:
            wide = list(struct.unpack(f"<{length // 8}Q", extra[place + 4 : place + 4 + length // 8 * 8]))
            try:
                full = wide.pop(0) if full == _LARGE else full
                packed = wide.pop(0) if packed == _LARGE else packed
                start = wide.pop(0) if start == _LARGE else start
            except IndexError:
                break
            return packed, full, start
        place += 4 + length
    raise _refuse("a 64-bit size is missing")
