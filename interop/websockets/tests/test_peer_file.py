"""What peer.toml tells the plan of each version is what the version has."""

from __future__ import annotations

import os
import unittest
from pathlib import Path

from suite_end import PEER_FILE, implementations

SITE = os.environ.get("MPWS_SITE", "")


class PeerFile(unittest.TestCase):
    """`peer.toml`, read with the library beside it."""

    @unittest.skipUnless(SITE, "MPWS_SITE does not name a folder with websockets")
    def test_it_names_the_implementations_that_the_version_has(self) -> None:
        try:
            import tomllib
        except ImportError:
            self.skipTest("Python below 3.11 has no reader for it")
        (installed,) = Path(SITE).glob("websockets-*.dist-info")
        version = installed.name.removeprefix("websockets-").removesuffix(".dist-info")
        python = tomllib.loads(PEER_FILE.read_text(encoding="utf-8"))["python"]
        (entry,) = (one for one in python["versions"] if one["version"] == version)
        everything = [one["name"] for one in python["implementations"]]
        self.assertEqual(set(entry.get("implementations", everything)), implementations(SITE))


if __name__ == "__main__":
    unittest.main()
