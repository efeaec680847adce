"""No import of an implementation asks for MPTCP: `MPWS_SITE=DIR python -m unittest` in this folder.

So a peer under a policy that refuses MPTCP may be forked from a process that was not under it when it
imported (docs/design/fork-server.md).
"""

from __future__ import annotations

import unittest

from conversation import SITE
from imports import is_killed_for_asking, nursery, ready
from suite_end import ADAPTER, implementations


@unittest.skipUnless(SITE, "MPWS_SITE does not name a folder with websockets")
class Imports(unittest.TestCase):
    """Each implementation, imported where asking for MPTCP is death."""

    def test_none_asks_for_mptcp(self) -> None:
        self.assertTrue(is_killed_for_asking())
        for implementation in implementations(SITE):
            with self.subTest(implementation):
                said = ready(ADAPTER, SITE, implementation)
                self.assertEqual(said, {"nursery": nursery.PROTOCOL})


if __name__ == "__main__":
    unittest.main()
