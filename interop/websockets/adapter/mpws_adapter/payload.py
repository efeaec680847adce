"""Messages that both ends can make and check without sending them twice."""

from __future__ import annotations

import hashlib
from typing import Union

from .arguments import Arguments

Message = Union[str, bytes]

MAX_SIZE = 2**30


def message(args: Arguments) -> Message:
    """The message that a payload describes: SHAKE256 of its seed in decimal, as much as its size says."""
    kind = args.choice("type", ("text", "binary", "literal"))
    if kind == "literal":
        text = args.text("text")
        args.finish()
        return text
    size = args.number("size", maximum=MAX_SIZE)
    seed = args.number("seed")
    args.finish()
    if kind == "binary":
        return generate(seed, size)
    return generate(seed, (size + 1) // 2).hex()[:size]


def generate(seed: int, size: int) -> bytes:
    """The first `size` bytes of what `seed` stands for."""
    return hashlib.shake_256(b"%d" % seed).digest(size)


def digested(content: Message) -> dict[str, object]:
    """Enough of a message to tell that two are the same."""
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else bytes(content)
    return {
        "type": "text" if isinstance(content, str) else "binary",
        "size": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }


def parts(content: Message, frames: int) -> list[Message]:
    """What to give to `send()` as an iterable so that the message leaves in so many frames (2 or more).

    The library sends each part as a frame without FIN and ends with an empty frame that has FIN
    (`send` in each of its `connection` modules), so there is one part less than frames.
    """
    count = frames - 1
    step, rest = divmod(len(content), count)
    pieces: list[Message] = []
    start = 0
    for index in range(count):
        end = start + step + (1 if index < rest else 0)
        pieces.append(content[start:end])
        start = end
    return pieces
