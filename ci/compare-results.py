#!/usr/bin/env python3
"""Compares two runs cell by cell: verdict, known deviations, transport with its cause, and reason.

Usage: python3 ci/compare-results.py [--only WHAT,..] [--ignore PATTERN=WHAT,..].. ONE OTHER

ONE and OTHER are files of the form mpws-result/1 or mpws-result/2. WHAT is one or more of `verdict`, `known`,
`transport` and `reason`, parted by commas; --only compares nothing else. --ignore leaves WHAT out in the cells whose
name matches PATTERN (`*` for any characters); such differences are counted and not shown. So are cells that pass in one
run and fail in the other by nothing but known deviations that come by chance.

Exits with 1 and names each cell that differs or that only one run has, and with 2 where it cannot compare.
"""

from __future__ import annotations

import argparse
import json
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

FORMS = ("mpws-result/1", "mpws-result/2")
ASPECTS = ("verdict", "known", "transport", "reason")


def aspects_of(cell: dict[str, Any], form: str) -> dict[str, str]:
    """What is compared of a cell, in the words of the present form."""
    expected = cell.get("expected")
    if form == FORMS[0]:
        known = expected["id"].split(", ") if expected else []
    else:
        known = [one["id"] for one in expected or []]
    transport = cell["transport"]
    return {
        "verdict": cell["verdict"],
        "known": ", ".join(known) or "none",
        "transport": f"{transport['kind']} ({transport['cause']})"
        if transport["cause"]
        else transport["kind"],
        "reason": cell["reason"],
    }


def is_by_chance(cell: dict[str, Any]) -> bool:
    """Whether a cell fails by known deviations that come by chance, and by no other."""
    expected = cell.get("expected") or []
    return (
        isinstance(expected, list)
        and bool(expected)
        and all(one.get("by_chance", False) for one in expected)
    )


def read(path: str) -> tuple[dict[str, dict[str, str]], set[str]]:
    """Name of each cell of a run with what is compared of it, and the names of those that fail by chance."""
    try:
        result = json.loads(Path(path).read_text(encoding="utf-8"))
        form = result["schema"]
        if form not in FORMS:
            problem = f"schema {form!r} is not one of {', '.join(FORMS)}"
        else:
            cells = result["cells"]
            by_chance = {cell["cell"] for cell in cells if is_by_chance(cell)}
            return {cell["cell"]: aspects_of(cell, form) for cell in cells}, by_chance
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"{type(error).__name__}: {error}"
    print(f"{path}: {problem}", file=sys.stderr)
    sys.exit(2)


def aspects(text: str) -> set[str]:
    """The aspects of a list with commas."""
    chosen = set(text.split(","))
    if not chosen <= set(ASPECTS):
        raise argparse.ArgumentTypeError(f"{text!r}: there are {', '.join(ASPECTS)}")
    return chosen


def ignored(text: str) -> tuple[str, set[str]]:
    """A pattern of cells, and the aspects that are not compared there."""
    pattern, equals, what = text.rpartition("=")
    if not equals or not pattern:
        raise argparse.ArgumentTypeError(f"{text!r} is not PATTERN=WHAT")
    return pattern, aspects(what)


def main() -> int:
    """Prints the differences and tells by the exit code whether there are any."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=aspects, default=set(ASPECTS), metavar="WHAT,..")
    parser.add_argument(
        "--ignore", type=ignored, action="append", default=[], metavar="PATTERN=WHAT,.."
    )
    parser.add_argument("one", metavar="ONE")
    parser.add_argument("other", metavar="OTHER")
    args = parser.parse_args()
    (one, one_by_chance), (other, other_by_chance) = read(args.one), read(args.other)
    names = sorted(one.keys() | other.keys())
    different = set()
    left_out = chance = 0
    for name in names:
        if name not in one or name not in other:
            print(f"{name}: only in {args.one if name in one else args.other}")
            different.add(name)
            continue
        passed = "pass" in (one[name]["verdict"], other[name]["verdict"])
        if passed and (name in one_by_chance) != (name in other_by_chance):
            chance += 1
            continue
        not_here = set().union(
            *(what for pattern, what in args.ignore if fnmatchcase(name, pattern))
        )
        for aspect in ASPECTS:
            was, is_now = one[name][aspect], other[name][aspect]
            if aspect not in args.only or was == is_now:
                continue
            if aspect in not_here:
                left_out += 1
                continue
            print(f"{name}: {aspect}\n    {was!r}\n    {is_now!r}")
            different.add(name)
    print(
        f"{len(names)} cells compared, {len(different)} differ, {chance} by chance as is known, "
        f"{left_out} differences ignored"
    )
    return 1 if different or not one else 0


if __name__ == "__main__":
    sys.exit(main())
