"""The arguments of an operation, taken one by one and checked. What is not known is `unsupported`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Unsupported(Exception):
    """The peer does not know the operation, or not with these arguments."""


class Arguments:
    """A JSON object from which every field must be taken, then `finish` called, before anything is done."""

    def __init__(self, values: Any, where: str = "") -> None:
        if not isinstance(values, dict):
            raise Unsupported(f"{where or 'args'} is not an object")
        self._values: dict[str, Any] = dict(values)
        self._where = f"{where}." if where else ""

    def finish(self) -> None:
        """Refuses fields that nobody took."""
        if self._values:
            names = ", ".join(self._where + name[:80] for name in sorted(self._values))
            raise Unsupported(f"unknown argument {names}")

    def number(self, name: str, minimum: int = 0, maximum: int = 2**64 - 1) -> int:
        """A whole number that must be there."""
        value = self.optional_number(name, minimum, maximum)
        if value is None:
            raise Unsupported(f"argument {self._where}{name} is missing")
        return value

    def optional_number(self, name: str, minimum: int = 0, maximum: int = 2**64 - 1) -> int | None:
        """A whole number, or None where the field is absent or null."""
        value = self._values.pop(name, None)
        if value is None:
            return None
        if type(value) is not int or not minimum <= value <= maximum:
            raise Unsupported(
                f"argument {self._where}{name} is not a number from {minimum} to {maximum}"
            )
        return value

    def text(self, name: str) -> str:
        """A string that must be there."""
        value = self.optional_text(name)
        if value is None:
            raise Unsupported(f"argument {self._where}{name} is missing")
        return value

    def optional_text(self, name: str) -> str | None:
        """A string, or None where the field is absent or null."""
        value = self._values.pop(name, None)
        if value is not None and not isinstance(value, str):
            raise Unsupported(f"argument {self._where}{name} is not a string")
        return value

    def flag(self, name: str) -> bool:
        """A boolean, false where the field is absent."""
        value = self._values.pop(name, False)
        if not isinstance(value, bool):
            raise Unsupported(f"argument {self._where}{name} is not a boolean")
        return value

    def choice(self, name: str, known: Sequence[str], default: str | None = None) -> str:
        """One of the known words."""
        value = self.optional_choice(name, known)
        if value is None:
            value = default
        if value is None:
            raise Unsupported(f"argument {self._where}{name} is missing")
        return value

    def optional_choice(self, name: str, known: Sequence[str]) -> str | None:
        """One of the known words, or None where the field is absent or null."""
        value = self.optional_text(name)
        if value is not None and value not in known:
            raise Unsupported(f"argument {self._where}{name}: {value[:80]!r} is not known")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of strings, empty where the field is absent."""
        value = self._values.pop(name, None)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Unsupported(f"argument {self._where}{name} is not a list of strings")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """An object taken as it is, empty where the field is absent."""
        value = self._values.pop(name, None)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise Unsupported(f"argument {self._where}{name} is not an object")
        return value

    def inner(self, name: str) -> Arguments:
        """An object that must be there, to be taken apart in turn."""
        value = self.optional_inner(name)
        if value is None:
            raise Unsupported(f"argument {self._where}{name} is missing")
        return value

    def optional_inner(self, name: str) -> Arguments | None:
        """An object to be taken apart in turn, or None where the field is absent or null."""
        value = self._values.pop(name, None)
        return None if value is None else Arguments(value, self._where + name)

    def deadline(self) -> float:
        """`deadline_ms`, in seconds."""
        return self.number("deadline_ms") / 1000
