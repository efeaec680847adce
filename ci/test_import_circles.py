#!/usr/bin/env python3
"""Tests of ci/import-circles.py, on crates made up for the purpose: python3 ci/test_import_circles.py."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent / "import-circles.py"


class Circles(unittest.TestCase):
    """Each test is a crate and what is found in it."""

    def found(self, files: dict[str, str]) -> list[str]:
        """Runs the script on a crate with these files below `src`; the imports that close circles, without lines."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "Cargo.toml").write_text('[package]\nname = "a"\n')
            for name, text in files.items():
                path = Path(folder) / "src" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            done = subprocess.run(
                [sys.executable, SCRIPT, folder],
                capture_output=True,
                text=True,
                check=False,
            )
        imports = []
        for line in done.stdout.splitlines():
            if line.startswith("  "):
                source, target = line.strip().split(" imports ")
                source = source.rsplit(":", 1)[0]
                imports.append(f"{Path(source).name} {Path(target).name}")
        self.assertEqual(done.returncode, 1 if imports else 0, done.stderr)
        return sorted(imports)

    def test_files_that_use_each_other_are_a_circle(self) -> None:
        files = {
            "lib.rs": "mod a;\nmod b;",
            "a.rs": "use crate::b::B;\npub struct A(B);",
            "b.rs": "use crate::a::A;\npub struct B(Box<A>);",
        }
        self.assertEqual(self.found(files), ["a.rs b.rs", "b.rs a.rs"])
        files["b.rs"] = "pub struct B;"
        self.assertEqual(self.found(files), [])

    def test_a_way_back_over_others_is_a_circle(self) -> None:
        files = {
            "lib.rs": "mod a;\nmod b;\nmod c;",
            "a.rs": "use super::b;\npub fn a() { b::b() }",
            "b.rs": "pub fn b() { crate::c::c() }",
            "c.rs": "pub fn c() { super::a::a() }",
        }
        self.assertEqual(self.found(files), ["a.rs b.rs", "b.rs c.rs", "c.rs a.rs"])

    def test_names_that_are_passed_on_lead_to_where_they_come_from(self) -> None:
        files = {
            "lib.rs": "mod a;\nmod room;\npub use room::{Inner as Outer, second::*};",
            "a.rs": "use crate::{Outer, Second};\npub struct A(Outer, Second);",
            "room/mod.rs": "mod inner;\npub mod second;\npub use self::inner::Inner;",
            "room/inner.rs": "use crate::a::A;\npub struct Inner(Box<A>);",
            "room/second.rs": "pub struct Second;",
        }
        self.assertEqual(self.found(files), ["a.rs inner.rs", "inner.rs a.rs"])

    def test_a_parent_that_only_passes_names_on_closes_no_circle(self) -> None:
        files = {
            "lib.rs": "mod room;\npub use room::Inner;",
            "room/mod.rs": "//! Docs.\nmod error;\nmod inner;\npub use error::Error;\npub use inner::Inner;",
            "room/error.rs": "pub struct Error;",
            "room/inner.rs": "use super::Error;\npub struct Inner(Error);",
        }
        self.assertEqual(self.found(files), [])

    def test_a_parent_with_code_that_uses_its_child_closes_one(self) -> None:
        files = {
            "lib.rs": "mod room;",
            "room/mod.rs": "mod inner;\npub struct Error;\npub fn f() { inner::g() }",
            "room/inner.rs": "use super::Error;\npub fn g() -> Error { Error }",
        }
        self.assertEqual(self.found(files), ["inner.rs mod.rs", "mod.rs inner.rs"])

    def test_unit_tests_comments_and_strings_import_nothing(self) -> None:
        files = {
            "lib.rs": "mod a;\nmod b;",
            "a.rs": "use crate::b::B;\npub struct A(B);",
            "b.rs": """//! See crate::a::A. /* crate::a::A */
                /* /// crate::a::A */ pub struct B;
                const TEXT: &str = "crate::a::A";
                const RAW: &str = r#"crate::a::"A" "#;
                fn f<'a>(_: &'a str) -> char { '"' }
                #[cfg(test)]
                mod tests { use crate::a::A; }
            """,
        }
        self.assertEqual(self.found(files), [])

    def test_modules_within_a_file_count_as_the_file(self) -> None:
        files = {
            "lib.rs": "mod a;\nmod b;",
            "a.rs": "mod within { use super::super::b::B; pub struct A(B); }\npub use within::A;",
            "b.rs": "use crate::a::A;\npub struct B(Box<A>);",
        }
        self.assertEqual(self.found(files), ["a.rs b.rs", "b.rs a.rs"])

    def test_a_module_may_lie_elsewhere(self) -> None:
        files = {
            "lib.rs": "mod a;\nmod b;",
            "a.rs": '#[path = "odd.rs"]\n#[expect(dead_code)]\nmod b;\npub fn a() { b::b() }\npub struct A;',
            "odd.rs": "pub fn b() { super::a() }",
            "b.rs": "",
        }
        self.assertEqual(self.found(files), ["a.rs odd.rs", "odd.rs a.rs"])


if __name__ == "__main__":
    unittest.main()
