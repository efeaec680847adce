#!/usr/bin/env python3
"""Compares the verdicts of two runs: python3 ci/compare-results.py ONE/result.json OTHER/result.json.

Exits with 1 and names each cell whose verdict differs or that only one run has.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def verdicts(path: str) -> dict[str, str]:
    """Name of each cell of a run to its verdict; `known` is added where an expectation explains it."""
    result = json.loads(Path(path).read_text(encoding="utf-8"))
    if result["schema"] != "mpws-result/1":
        sys.exit(f"{path}: schema {result['schema']!r} is not mpws-result/1")
    return {
        cell["cell"]: cell["verdict"] + (", known" if cell.get("expected") else "")
        for cell in result["cells"]
    }


def main() -> int:
    """Prints the differences and tells by the exit code whether there are any."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    one, other = (verdicts(path) for path in sys.argv[1:])
    different = [
        f"{name!r}: {one.get(name, 'no such cell')} / {other.get(name, 'no such cell')}"
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]
    for line in different:
        print(line)
    print(f"{len(one.keys() | other.keys())} cells compared, {len(different)} differ")
    return 1 if different or not one else 0


if __name__ == "__main__":
    sys.exit(main())
