"""From bytes to text: opens, hashes, decompresses and decodes an input as a stream."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import sys
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from jobrunner.errors import InputError
from jobrunner.inputs.contract import WANTED

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark is a prefix of this one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GZIP_MAGIC = b"\x1f\x8b"
_SNIFFED = 1024


class TextReader:
    """The text of a file or of standard input, with the checksum of its bytes.

    ``name`` is the input's name in messages. Every failure to read is an ``InputError``.
    """

    def __init__(self, path: Path | str | None, stdin: BinaryIO | None = None) -> None:
        self._owned = path is not None and str(path) != "-"
        if path is None or not self._owned:
            self.name = "standard input"
            self._file = _standard(stdin)
        else:
            self.name = printable(path)
            self._file = _open(Path(path), self.name)
        self._hashed = _HashedReader(self._file)
        self._bytes: io.BufferedReader[Any] = io.BufferedReader(self._hashed)
        self._decoder: codecs.IncrementalDecoder | None = None
        self._encoding = "utf-8"
        self._fed = 0
        self._failure: InputError | None = None

    @property
    def sha256(self) -> str:
        """The checksum of all bytes read so far."""
        return self._hashed.digest.hexdigest()

    def read(self, size: int) -> str:
        """Read text from about ``size`` bytes at most; '' only at the end.

        A failure is permanent: text after unreadable bytes is never taken for the whole text.
        """
        if self._failure:
            raise self._failure
        try:
            return self._read(size)
        except InputError as error:
            self._failure = error
            raise

    def close(self) -> None:
        """Close the file, unless it is standard input."""
        if self._owned:
            self._file.close()

    def _read(self, size: int) -> str:
        if self._decoder is None:
            self._decoder = self._start(size)
        while data := self._read_bytes(size):
            if text := self._decode(self._decoder, data):
                return text
        return self._decode(self._decoder, b"", final=True)

    def _start(self, size: int) -> codecs.IncrementalDecoder:
        """Detect compression and encoding from the first bytes."""
        head = self._peek(max(size, _SNIFFED))
        if head.startswith(_GZIP_MAGIC):
            self._bytes = io.BufferedReader(gzip.GzipFile(fileobj=self._bytes))
            head = self._peek(max(size, _SNIFFED))
        mark, self._encoding = _encoding_of(head)
        if mark == codecs.BOM_UTF8:  # the other decoders need their mark and drop it themselves
            self._fed = len(self._read_bytes(len(mark)))
        # UTF-16 and UTF-32 are full of zero bytes; UTF-8 text contains none.
        if not mark and b"\0" in head[:_SNIFFED]:
            raise InputError(f"{self.name}: contains binary data, not text", hint=_WANTED)
        return codecs.getincrementaldecoder(self._encoding)()

    def _peek(self, size: int) -> bytes:
        try:
            return self._bytes.peek(size)
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error) from error

    def _read_bytes(self, size: int) -> bytes:
        try:
            return self._bytes.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> InputError:
        if isinstance(error, EOFError):
            return InputError(
                f"{self.name}: the compressed data is cut off",
                hint="copy or download the file again: it is incomplete",
            )
        if isinstance(error, (zlib.error, gzip.BadGzipFile)):
            return InputError(
                f"{self.name}: the compressed data is damaged",
                hint="copy or download the file again",
            )
        return _refused(self.name, error)

    def _decode(
        self, decoder: codecs.IncrementalDecoder, data: bytes, *, final: bool = False
    ) -> str:
        undecoded = len(decoder.getstate()[0])
        try:
            text = decoder.decode(data, final)
        except UnicodeError as error:
            # The UTF-16 decoder raises a bare UnicodeError if the byte order mark is missing.
            start = error.start if isinstance(error, UnicodeDecodeError) else 0
            place = self._fed - undecoded + start
            raise self._undecodable(place, final=final) from error
        self._fed += len(data)
        return text

    def _undecodable(self, place: int, *, final: bool) -> InputError:
        if final:
            return InputError(
                f"{self.name}: cut off in the middle of a character (byte {place})",
                hint="copy or download the file again: it is incomplete",
            )
        encoding = self._encoding.upper()
        return InputError(
            f"{self.name}: byte {place} is not {encoding} text",
            hint="if it is text in another encoding, convert it: iconv -f LATIN1 -t UTF-8",
        )


_WANTED = f"{WANTED}, in UTF-8"


def _encoding_of(head: bytes) -> tuple[bytes, str]:
    """Return the byte order mark at the beginning, b"" for none, and the encoding."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return mark, encoding
    return b"", "utf-8"


class _HashedReader(io.RawIOBase):
    """Hashes bytes while they are read."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        # The override: typeshed's ReadableBuffer has no len().
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        self.digest.update(data)
        return len(data)


def printable(text: Path | str) -> str:
    """Escape a file name, or a part of a file, for a one-line message."""
    shown = str(text)
    return shown if shown.isprintable() else ascii(shown)[1:-1]


def _open(path: Path, name: str) -> BinaryIO:
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _refused(name, error) from error


def _standard(stdin: BinaryIO | None) -> BinaryIO:
    if stdin is None and sys.stdin is None:
        raise InputError("standard input: is closed", hint="name a file instead of -")
    return stdin or sys.stdin.buffer


def _refused(name: str, error: Exception) -> InputError:
    match error:
        case FileNotFoundError():
            return InputError(f"{name}: no such file", hint="check the path, or use - for stdin")
        case IsADirectoryError():
            return InputError(f"{name}: is a directory", hint="name the file inside it")
        case PermissionError():
            return InputError(f"{name}: permission denied", hint=f"allow it: chmod u+r {name}")
    reason = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return InputError(f"{name}: cannot be read{reason}", hint="check the path and the disk")
