#!/usr/bin/env python3
"""Writes a requirements file with the hashes of all Linux wheels of the named releases.

    ci/pin-wheels.py websockets==13.1 > interop/websockets/requirements-13.1.txt

Wheels: CPython 3.9 to 3.14, manylinux and musllinux, x86_64 and aarch64, and those without compiled
parts. It asks the index that pip asks by default (PEP 691), or the one that PIP_INDEX_URL names.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from typing import Any

PYTHONS = ("cp39", "cp310", "cp311", "cp312", "cp313", "cp314")
PLATFORM = re.compile(r"^(manylinux|musllinux).*_(x86_64|aarch64)$")
INDEX = "https://pypi.org/simple"
SECONDS = 60


def main(words: list[str]) -> int:
    """Prints the file."""
    if not words or any(word.count("==") != 1 for word in words):
        print(__doc__, file=sys.stderr)
        return 2
    first, *others = (word.split("==") for word in words)
    print("\n".join(heading(first, bool(others))))
    for name, version in (first, *others):
        hashes = sorted({wheel["hashes"]["sha256"] for wheel in wheels(name, version)})
        if not hashes:
            print(f"{name} {version} has no wheel that fits", file=sys.stderr)
            return 1
        print(
            " \\\n".join(
                [f"{name}=={version}", *(f"    --hash=sha256:{h}" for h in hashes)]
            )
        )
    return 0


def heading(first: list[str], more: bool) -> list[str]:
    """What the file is, as a comment."""
    title = f"# {first[0]} {first[1]}{' and what it needs' if more else ''}: "
    return [
        title
        + "the wheels for CPython 3.9 to 3.14 on Linux (manylinux and musllinux, x86_64",
        "# and aarch64), and those without compiled parts. Made by ci/pin-wheels.py.",
    ]


def wheels(name: str, version: str) -> list[dict[str, Any]]:
    """The entries of the index for the wheels that may be installed."""
    index = os.environ.get("PIP_INDEX_URL", INDEX).rstrip("/")
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    request = urllib.request.Request(f"{index}/{name}/", headers=accept)
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        files = json.load(answer)["files"]
    return [file for file in files if fits(file["filename"], name, version)]


def fits(filename: str, name: str, version: str) -> bool:
    """Whether a file is a wheel of this release for one of our platforms."""
    parts = filename.removesuffix(".whl").split("-")
    if not filename.endswith(".whl") or len(parts) != 5:
        return False
    wheel, released, python, abi, platforms = parts
    if (wheel.lower(), released) != (name.lower().replace("-", "_"), version):
        return False
    if (abi, platforms) == ("none", "any"):
        return "py3" in python.split(".")
    # cp314t is the build without the global lock.
    pythons = python in PYTHONS and abi in (python, "abi3")
    return pythons and any(
        PLATFORM.match(platform) for platform in platforms.split(".")
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
