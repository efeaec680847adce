"""The other end for libraries that are a client or a server only: RFC 6455 on a socket, as little as the tests need."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import struct
import threading

PATIENCE = 20.0
TEXT, CLOSE = 1, 8
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class BareEnd:
    """One WebSocket connection, of either end."""

    def __init__(self, sock: socket.socket, masked: bool) -> None:
        self._sock = sock
        self._masked = masked
        sock.settimeout(PATIENCE)
        self._read = sock.makefile("rb")

    def head(self) -> list[bytes]:
        """The lines of an HTTP head."""
        lines = []
        while line := self._read.readline().rstrip(b"\r\n"):
            lines.append(line)
        return lines

    def write_head(self, *lines: str) -> None:
        """Sends an HTTP head."""
        self._sock.sendall("\r\n".join((*lines, "", "")).encode())

    def frame(self) -> tuple[int, bytes]:
        """Opcode and content of a frame that is shorter than 126 bytes."""
        first, second = self._read.read(2)
        length = second & 0x7F
        mask = self._read.read(4) if second & 0x80 else bytes(4)
        content = self._read.read(length)
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(content))

    def write_frame(self, opcode: int, content: bytes) -> None:
        """Sends a frame that is shorter than 126 bytes."""
        length = len(content)
        if self._masked:
            # A mask of zeros leaves the content as it is.
            self._sock.sendall(bytes((0x80 | opcode, 0x80 | length, 0, 0, 0, 0)) + content)
        else:
            self._sock.sendall(bytes((0x80 | opcode, length)) + content)

    def close(self) -> None:
        """Closes the socket."""
        self._read.close()
        self._sock.close()


class BareServer:
    """Echoes the frames of one connection until it is closed, in a thread."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self.port: int = self._listener.getsockname()[1]
        self.close_code: int | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Waits for the end of the connection."""
        self._thread.join(PATIENCE)
        self._listener.close()

    def _serve(self) -> None:
        accepted, _ = self._listener.accept()
        end = BareEnd(accepted, masked=False)
        fields = dict(line.split(b": ", 1) for line in end.head()[1:])
        key = {name.lower(): value for name, value in fields.items()}[b"sec-websocket-key"]
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        end.write_head(
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept}",
        )
        opcode = TEXT
        while opcode != CLOSE:
            opcode, content = end.frame()
            end.write_frame(opcode, content)
        (self.close_code,) = struct.unpack("!H", content[:2])
        end.close()


def bare_client(port: int) -> BareEnd:
    """An open connection to a server of the loopback."""
    end = BareEnd(socket.create_connection(("127.0.0.1", port), PATIENCE), masked=True)
    end.write_head(
        "GET / HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
    )
    status = end.head()[0]
    if not status.startswith(b"HTTP/1.1 101 "):
        raise AssertionError(f"the server answers {status!r}")
    return end
