"""Services that do harm on the wire: bounded memory, bounded time, and our key stays here."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support import made_up_papers
from tests.support.events import LIMIT_S
from tests.support.program import KEY, Program

MOST_MEMORY = 700 * 1024
"""KiB of the whole process. One answer may hold 64 MiB, and is held twice while it is read."""

EMAIL = "somebody@example.org"
Write = Callable[[socket.socket], None]


@contextmanager
def speaking(
    write: Write, context: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[bytes]]]:
    """Answer each connection by whatever is written; yield the port and the requests heard."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection = listener.accept()[0]
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    def talk(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(LIMIT_S)
            with context.wrap_socket(connection, server_side=True) if context else connection as it:
                heard.append(it.recv(1 << 16))
                write(it)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def whole(head: str, body: bytes = b"") -> Write:
    """Write one answer and end the connection."""
    length = f"Content-Length: {len(body)}\r\n"
    return lambda connection: connection.sendall(f"{head}{length}\r\n".encode() + body)


def endless(head: bytes, piece: bytes) -> Write:
    """Write a piece again and again until nobody listens any more."""

    def write(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(piece)

    return write


OK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = f"{OK}Transfer-Encoding: chunked\r\n".encode()


GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def bomb(megabytes: int) -> bytes:
    """Return JSON of so many megabytes in a thousandth of them."""
    block = b" " * (1 << 20)
    packed = gzip.compress(block, 9)
    return packed * megabytes


def bombs_in_one(megabytes: int) -> bytes:
    """Return one member of gzip that unpacks to so many megabytes."""
    block = b" " * (1 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    # After a full flush the next block is packed into the same bytes again.
    piece = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(block, checksum)
    end = packer.flush() + struct.pack("<II", checksum, megabytes << 20)
    return GZIP_HEAD + piece * megabytes + end


def gzip_bomb(connection: socket.socket) -> None:
    """Write an answer that unpacks to a gigabyte."""
    whole(f"{OK}Content-Encoding: gzip\r\n", bombs_in_one(1024))(connection)


TELLING = """
import atexit, runpy, sys
atexit.register(lambda: open("peak.txt", "w").write(open("/proc/self/status").read()))
sys.argv[0] = "jobrunner"
runpy.run_module("jobrunner", run_name="__main__", alter_sys=True)
"""
"""Runs the program and writes down its peak; that of wait4 is the test's own, from before exec."""


class Ended:
    """A program that has ended, and the most memory that it took, in KiB."""

    def __init__(self, program: Program, *arguments: str) -> None:
        out = program.directory / "said.txt"
        with out.open("wb") as file:
            self.code = subprocess.run(
                [sys.executable, "-c", TELLING, *arguments],
                cwd=program.directory,
                env=program.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                check=False,
            ).returncode
        status = (program.directory / "peak.txt").read_text()
        self.memory = next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
        self.said = out.read_text(errors="replace")
        assert "Traceback" not in self.said
        assert "unexpected" not in self.said, self.said


def run(program: Program, port: int, scheme: str = "http", count: int = 1) -> Ended:
    program.environment["JOBRUNNER_OPENALEX_BASE_URL"] = f"{scheme}://127.0.0.1:{port}"
    program.input([made_up_papers.by_doi(number) for number in range(count)])
    return Ended(program, "run", "papers.json", "-o", "out.json", "--email", EMAIL)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "work")


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(gzip_bomb, id="gzip bomb"),
        pytest.param(
            endless(CHUNKED + b"\r\n", b"10000\r\n" + b" " * 0x10000 + b"\r\n"), id="endless body"
        ),
    ],
)
def test_an_answer_too_large_costs_bounded_memory(program: Program, write: Write) -> None:
    with speaking(write) as (port, heard):
        ended = run(program, port)
    assert heard
    assert ended.code == 3, ended.said  # the paper has failed, and can be tried again
    [(error,)] = program.query("SELECT error FROM record")
    assert "larger than 64 MiB" in error
    assert ended.memory < MOST_MEMORY, f"{ended.memory} KiB"


@pytest.mark.torture
@pytest.mark.parametrize(
    "write",
    [
        pytest.param(endless(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"), id="endless headers"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 1000), id="endless header"),
        pytest.param(endless(b"", b"y" * 1000), id="endless status line"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"9" * 999),
                     id="endless chunk size"),
    ],
)  # fmt: skip
def test_endless_talk_before_an_answer_stops_the_source(program: Program, write: Write) -> None:
    with speaking(write) as (port, _):
        ended = run(program, port)
    assert ended.code == 75, ended.said
    assert ended.memory < MOST_MEMORY, f"{ended.memory} KiB"


@pytest.mark.parametrize(
    "code",
    [302, 307, *(pytest.param(code, marks=pytest.mark.torture) for code in (301, 303, 308))],
)
def test_a_redirect_elsewhere_takes_neither_key_nor_address_along(
    program: Program, code: int
) -> None:
    with speaking(whole(OK, b"{}")) as (elsewhere, heard):
        target = f"http://127.0.0.1:{elsewhere}/steal"
        head = f"HTTP/1.1 {code} Moved\r\nLocation: {target}\r\n"
        with speaking(whole(head)) as (port, first):
            ended = run(program, port)
    assert ended.code == 75, ended.said
    assert "not followed" in ended.said
    assert KEY.encode() in first[0]
    assert heard == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody has signed, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl, to make a certificate")
    place = tmp_path_factory.mktemp("tls")
    names = place / "certificate.pem", place / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", names[0], "-keyout",
         names[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return names


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


NOTHING_FOUND = whole(OK, b'{"meta": {"count": 0}, "results": []}')


def test_a_certificate_that_nobody_signed_is_refused(program: Program, tls: ssl.SSLContext) -> None:
    with speaking(NOTHING_FOUND, tls) as (port, heard):
        ended = run(program, port, "https")
    assert ended.code == 75
    assert "the certificate is not trusted" in ended.said
    assert b"".join(heard) == b""


def test_a_certificate_that_the_user_trusts_is_taken(
    program: Program, tls: ssl.SSLContext, certificate: tuple[Path, Path]
) -> None:
    program.environment["SSL_CERT_FILE"] = str(certificate[0])
    with speaking(NOTHING_FOUND, tls) as (port, heard):
        ended = run(program, port, "https")
    assert ended.code == 0, ended.said
    assert KEY.encode() in heard[0]


ENDED = gzip.compress(b'[{"title": "x"}]')


@pytest.mark.parametrize("pack", [bombs_in_one, bomb], ids=["one member", "many members"])
def test_an_input_of_much_nothing_is_read_in_bounded_memory(
    program: Program, pack: Callable[[int], bytes]
) -> None:
    (program.directory / "papers.json").write_bytes(pack(200) + ENDED)
    ended = Ended(program, "plan", "papers.json")
    assert ended.code == 0, ended.said
    assert "1 paper" in ended.said
    assert ended.memory < 150 * 1024, f"{ended.memory} KiB"


@pytest.mark.parametrize(
    "begun",
    [b'[{"title": "', *(pytest.param(b, marks=pytest.mark.torture) for b in (b'{"x": "', b'{"'))],
)
def test_an_input_with_a_boundless_value_is_refused(program: Program, begun: bytes) -> None:
    (program.directory / "papers.json").write_bytes(gzip.compress(begun) + bombs_in_one(1024))
    ended = Ended(program, "plan", "papers.json")
    assert ended.code == 1, ended.said
    assert "a value of more than 64 MiB" in ended.said
    assert ended.memory < MOST_MEMORY, f"{ended.memory} KiB"
