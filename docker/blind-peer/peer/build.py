"""Makes a blind peer's program of its files, and asks for the version of what is under test. Needs no network.

Reads `orders.json`: `needs` (a `program` or a `file`, and the Debian `package` that brings it), `env`, and the commands
`version` and `build`, which run in `program/`. Writes `version`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path("/opt/mpws")
PROGRAM = HOME / "program"

# Seconds for one command.
DEADLINE = 300

# Longest version, in characters: reports carry it.
LONGEST_VERSION = 100


def output(argv: list[str], env: dict[str, str]) -> str:
    """What a command writes; its errors go to the log of the build."""
    try:
        done = subprocess.run(
            argv,
            check=True,
            cwd=PROGRAM,
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            timeout=DEADLINE,
        )
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"build.py: {error}")
    return done.stdout.decode(errors="replace")


def main() -> None:
    """Checks, asks, builds."""
    orders = json.loads((HOME / "orders.json").read_text(encoding="utf-8"))
    for need in orders["needs"]:
        there = (
            shutil.which(need["program"])
            if "program" in need
            else Path(need["file"]).exists()
        )
        if not there:
            what = need.get("program") or need["file"]
            sys.exit(
                f"build.py: {what} is not there: the base lacks the Debian package {need['package']}"
            )
    PROGRAM.mkdir(exist_ok=True)
    version = output(orders["version"], orders["env"]).strip()[:LONGEST_VERSION]
    if not version or not version.isprintable():
        sys.exit(
            f"build.py: {orders['version']} is to print a version in one line, not {version!r}"
        )
    (HOME / "version").write_text(version, encoding="utf-8")
    for argv in orders["build"]:
        print(output(argv, orders["env"]), end="")


main()
