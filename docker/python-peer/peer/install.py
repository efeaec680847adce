"""Unpacks the wheels of an image and compiles all that it runs. Needs no pip and no network.

Environment: `LIBRARY` and `VERSION`, which must be among the wheels; no `VERSION` takes what is there.
"""

from __future__ import annotations

import compileall
import importlib.metadata
import os
import re
import sys
import zipfile
from pathlib import Path

HOME = Path("/opt/mpws")


def canonical(name: str) -> str:
    """The form in which names of distributions are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Makes `site` of `wheels`."""
    site = HOME / "site"
    site.mkdir()
    for wheel in sorted((HOME / "wheels").glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    found = {
        canonical(distribution.metadata["Name"]): distribution.version
        for distribution in importlib.metadata.distributions(path=[str(site)])
    }
    library, version = canonical(os.environ["LIBRARY"]), os.environ.get("VERSION", "")
    if not found:
        sys.exit("install.py: wheels/ holds no wheel")
    if version and found.get(library) != version:
        sys.exit(f"install.py: wheels/ holds {found}, not {library} {version}")
    for folder in (site, HOME / "adapter"):
        # A file that does not compile says so better when it runs.
        compileall.compile_dir(folder, quiet=2)


main()
