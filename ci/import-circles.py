#!/usr/bin/env python3
"""Finds files of a Rust crate that import each other, directly or by way of others.

    ci/import-circles.py [--edges] [FOLDER ...]

Without a folder it reads the workspace: each `Cargo.toml` with a package below the current folder. Exits with 1 if
files import each other in a circle that `STAYING` does not explain, and if an entry there explains nothing any more.

An import is a `use` of `crate::`, `super::` or `self::`, the same as a path within code, and a path that begins with
a module that the file declares. It leads to the file that defines the name: a name that a module only passes on with
`pub use` leads on to where it comes from. Not counted are a `mod.rs`, `lib.rs` or `main.rs` that only declares
modules and passes names on, and unit tests within a file.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

# Imports that stay although they close a circle: importing file, imported file, and why.
STAYING: dict[tuple[str, str], str] = {}

# Comments, strings, characters, raw identifiers, lifetimes and tokens; only tokens are of interest.
TOKEN = re.compile(
    r"""
    //[^\n]*
    | /\*.*?\*/
    | b?r(?P<hashes>\#*)".*?"(?P=hashes)
    | [bc]?"(?:\\.|[^"\\])*"
    | b?'(?:\\[^u]|\\u\{[^}]*\}|[^'\\])'
    | '[A-Za-z_]\w*
    | (?P<token>(?:r\#)?[A-Za-z_]\w* | :: | [^\s])
    """,
    re.VERBOSE | re.DOTALL,
)

ITEMS = {
    "struct",
    "enum",
    "union",
    "trait",
    "fn",
    "type",
    "const",
    "static",
    "macro_rules",
}

Name = tuple[str, ...]


@dataclass
class Module:
    """A module of a crate: a file, or a part of one."""

    path: Name
    file: Path
    # Modules that it declares, items that it defines.
    children: set[str] = field(default_factory=set)
    items: set[str] = field(default_factory=set)
    # What it passes on, by the name under which it does; and what it passes on whole.
    exports: dict[str, Name] = field(default_factory=dict)
    globs: list[Name] = field(default_factory=list)
    # What it imports, and in which line; absolute names.
    imports: list[tuple[Name, int]] = field(default_factory=list)
    # It has code of its own.
    has_code: bool = False


@dataclass(frozen=True)
class Token:
    """A token and its line."""

    text: str
    line: int


def tokens_of(source: str) -> list[Token]:
    """The tokens of a file without comments, strings and lifetimes."""
    found = []
    line, at = 1, 0
    for match in TOKEN.finditer(source):
        line += source.count("\n", at, match.start())
        at = match.start()
        if match["token"]:
            found.append(Token(match["token"].removeprefix("r#"), line))
    return found


class Reader:
    """Reads the modules of one crate from its root file on."""

    def __init__(self, root: Path) -> None:
        self.modules: dict[Name, Module] = {}
        self.root = root
        self.read((), root, root.parent)

    def read(self, path: Name, file: Path, folder: Path) -> None:
        """Reads a file, and the files of the modules that it declares, which lie in `folder`."""
        tokens = tokens_of(file.read_text(encoding="utf-8"))
        self.module(path, file, folder, tokens)

    def module(self, path: Name, file: Path, folder: Path, tokens: list[Token]) -> None:
        """Reads the tokens of one module."""
        module = Module(path, file)
        self.modules[path] = module
        # Nested modules first: what they are called must be known before paths are read.
        rest = self.declarations(module, folder, tokens)
        self.code(module, rest)

    def declarations(
        self, module: Module, folder: Path, tokens: list[Token]
    ) -> list[Token]:
        """Reads the modules that are declared, and returns the tokens that are left."""
        rest: list[Token] = []
        at = 0
        attributes: list[str] = []
        place = None
        while at < len(tokens):
            text = tokens[at].text
            if text == "#" and at + 1 < len(tokens) and tokens[at + 1].text in "[!":
                start = at + (1 if tokens[at + 1].text == "[" else 2)
                end = closing(tokens, start)
                attributes.append(
                    "".join(token.text for token in tokens[start : end + 1])
                )
                at = end + 1
                continue
            if text == "mod" and at + 2 < len(tokens) and tokens[at + 2].text in ";{":
                name = tokens[at + 1].text
                is_test = "[cfg(test)]" in attributes
                if tokens[at + 2].text == ";":
                    place = place_of(module.file, name, folder, tokens[at].line)
                    if place is not None:
                        module.children.add(name)
                        inner = (
                            place.parent
                            if place.name == "mod.rs"
                            else place.parent / name
                        )
                        self.read((*module.path, name), place, inner)
                    at += 3
                else:
                    end = closing(tokens, at + 2)
                    if not is_test:
                        module.children.add(name)
                        inside = tokens[at + 3 : end]
                        self.module(
                            (*module.path, name), module.file, folder / name, inside
                        )
                    at = end + 1
                attributes = []
                continue
            attributes = []
            rest.append(tokens[at])
            at += 1
        return rest

    def code(self, module: Module, tokens: list[Token]) -> None:
        """Reads imports, and then items and paths, which may begin with what was imported."""
        rest: list[Token] = []
        at = 0
        while at < len(tokens):
            if tokens[at].text != "use":
                rest.append(tokens[at])
                at += 1
                continue
            end = at
            while end < len(tokens) and tokens[end].text != ";":
                end += 1
            passed_on = at > 0 and tokens[at - 1].text in {"pub", ")"}
            for name, alias in use_tree(tokens[at + 1 : end]):
                self.used(module, name, alias, tokens[at].line, passed_on)
            at = end + 1
        self.paths(module, rest)

    def paths(self, module: Module, tokens: list[Token]) -> None:
        """Reads items and paths."""
        at = 0
        while at < len(tokens):
            text = tokens[at].text
            if text in ITEMS and at + 1 < len(tokens):
                name = tokens[at + 2 if text == "macro_rules" else at + 1].text
                module.items.add(name)
            module.has_code |= text in ITEMS or text == "impl"
            before = tokens[at - 1].text if at else ""
            follows = at + 1 < len(tokens) and tokens[at + 1].text == "::"
            if follows and before not in {"::", "."}:
                names = [text]
                while at + 2 < len(tokens) and tokens[at + 1].text == "::":
                    if not re.match(r"[A-Za-z_]", tokens[at + 2].text):
                        break
                    names.append(tokens[at + 2].text)
                    at += 2
                if text in module.exports:
                    full: Name | None = (*module.exports[text], *names[1:])
                else:
                    full = absolute(module, names)
                if full is not None:
                    module.imports.append((full, tokens[at].line))
                    module.has_code = True
            at += 1

    def used(
        self, module: Module, name: list[str], alias: str, line: int, passed_on: bool
    ) -> None:
        """Takes down one name of a `use`."""
        full = absolute(module, name)
        if full is None:
            return
        module.imports.append((full, line))
        if name[-1] == "*":
            if passed_on:
                module.globs.append(full[:-1])
        elif passed_on:
            module.exports[alias] = full
        else:
            # A private import may be named by the modules below.
            module.exports.setdefault(alias, full)

    def files_of(self, name: Name, seen: frozenset[Name] = frozenset()) -> set[Path]:
        """The files that a name leads to."""
        if name in seen:
            return set()
        seen |= {name}
        depth = len(name)
        while depth and name[:depth] not in self.modules:
            depth -= 1
        module = self.modules[name[:depth]]
        if depth == len(name):
            return {module.file}
        first = name[depth]
        if first == "*":
            found = {module.file} if module.items else set()
            for target in [*module.exports.values(), *module.globs]:
                found |= self.files_of(target, seen)
            return found or {module.file}
        if first in module.items:
            return {module.file}
        if first in module.exports:
            return self.files_of((*module.exports[first], *name[depth + 1 :]), seen)
        for glob in module.globs:
            target = self.modules.get(glob)
            if target and (first in target.items or first in target.exports):
                return self.files_of((*glob, *name[depth:]), seen)
        return {module.file}

    def edges(self) -> dict[Path, dict[Path, int]]:
        """Each file with the files that it imports, and a line in which it does."""
        only_passes_on = {
            file
            for file in {module.file for module in self.modules.values()}
            if file.name in {"mod.rs", "lib.rs", "main.rs"}
            and not any(
                module.has_code or module.items
                for module in self.modules.values()
                if module.file == file
            )
        }
        edges: dict[Path, dict[Path, int]] = {}
        for module in self.modules.values():
            targets = edges.setdefault(module.file, {})
            if module.file in only_passes_on:
                continue
            for name, line in module.imports:
                for file in self.files_of(name):
                    if file != module.file:
                        targets.setdefault(file, line)
        return edges


def place_of(file: Path, name: str, folder: Path, line: int) -> Path | None:
    """The file of a module, by a `#[path]` above its line or by its name; `None` if there is none."""
    lines = file.read_text(encoding="utf-8").splitlines()[: line - 1]
    attributes = []
    while lines and lines[-1].lstrip().startswith("#["):
        attributes.append(lines.pop())
    given = re.search(r'#\[path\s*=\s*"([^"]+)"\]', "\n".join(attributes))
    if given:
        candidates = [file.parent / given[1]]
    else:
        candidates = [folder / f"{name}.rs", folder / name / "mod.rs"]
    return next((place for place in candidates if place.is_file()), None)


def closing(tokens: list[Token], start: int) -> int:
    """Index of the bracket that closes the one at `start`."""
    depth = 0
    for at in range(start, len(tokens)):
        if tokens[at].text in "([{":
            depth += 1
        elif tokens[at].text in ")]}":
            depth -= 1
            if depth == 0:
                return at
    return len(tokens) - 1


def use_tree(tokens: list[Token]) -> list[tuple[list[str], str]]:
    """The names of a `use`, each with the name under which it is known afterwards."""
    found: list[tuple[list[str], str]] = []
    prefix: list[str] = []
    alias = ""
    at = 0
    while at < len(tokens):
        text = tokens[at].text
        if text == "{":
            end = closing(tokens, at)
            for part in split_at_commas(tokens[at + 1 : end]):
                for name, known in use_tree(part):
                    whole = [*prefix, *name]
                    if name == ["self"]:
                        whole = prefix
                        known = prefix[-1] if known == "self" else known
                    found.append((whole, known))
            return found
        if text == "as":
            alias = tokens[at + 1].text
            break
        if text != "::":
            prefix.append(text)
        at += 1
    if prefix:
        found.append((prefix, alias or prefix[-1]))
    return found


def split_at_commas(tokens: list[Token]) -> list[list[Token]]:
    """The parts between the commas that stand in no bracket."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.text == "," and depth == 0:
            parts.append([])
            continue
        depth += (token.text in "([{") - (token.text in ")]}")
        parts[-1].append(token)
    return [part for part in parts if part]


def absolute(module: Module, name: list[str]) -> Name | None:
    """A name as seen from the root of the crate; `None` for one of another crate."""
    first, rest = name[0], name[1:]
    if first == "crate":
        return tuple(rest)
    if first == "self":
        return (*module.path, *rest)
    if first == "super":
        base = module.path
        while name and name[0] == "super":
            base, name = base[:-1], name[1:]
        return (*base, *name)
    if first in module.children:
        return (*module.path, *name)
    return None


def circles(edges: dict[Path, dict[Path, int]]) -> list[set[Path]]:
    """Groups of files that can reach each other (Tarjan)."""
    order: dict[Path, int] = {}
    low: dict[Path, int] = {}
    stack: list[Path] = []
    found: list[set[Path]] = []

    def visit(file: Path) -> None:
        order[file] = low[file] = len(order)
        stack.append(file)
        for target in edges.get(file, {}):
            if target not in order:
                visit(target)
                low[file] = min(low[file], low[target])
            elif target in stack:
                low[file] = min(low[file], order[target])
        if low[file] == order[file]:
            group = set()
            while True:
                member = stack.pop()
                group.add(member)
                if member == file:
                    break
            if len(group) > 1:
                found.append(group)

    for file in edges:
        if file not in order:
            visit(file)
    return found


def roots(package: Path) -> list[Path]:
    """The root files of all targets of a package."""
    named = [
        package / "src" / "lib.rs",
        package / "src" / "main.rs",
        package / "build.rs",
    ]
    for folder in ("src/bin", "tests", "benches", "examples"):
        named += sorted(package.glob(f"{folder}/*.rs"))
        named += sorted(package.glob(f"{folder}/*/main.rs"))
    manifest = (package / "Cargo.toml").read_text(encoding="utf-8")
    named += [
        package / path
        for path in re.findall(r'^path = "([^"]+\.rs)"', manifest, re.MULTILINE)
    ]
    return list(dict.fromkeys(path for path in named if path.is_file()))


def packages(folder: Path) -> list[Path]:
    """Folders with a package, but none of what was built or fetched."""
    found = []
    for manifest in sorted(folder.rglob("Cargo.toml")):
        parts = manifest.relative_to(folder).parts
        if "target" in parts or any(part.startswith(".") for part in parts):
            continue
        if "[package]" in manifest.read_text(encoding="utf-8"):
            found.append(manifest.parent)
    return found


def main() -> int:
    """Prints each circle, and tells by the exit code whether there is any."""
    arguments = sys.argv[1:]
    show = "--edges" in arguments
    folders = [Path(one) for one in arguments if one != "--edges"]
    whole = not folders
    found = 0
    explained: set[tuple[str, str]] = set()
    files = 0
    for package in [one for folder in folders or [Path()] for one in packages(folder)]:
        for root in roots(package):
            edges = Reader(root).edges()
            files += len(edges)
            if show:
                for file, targets in edges.items():
                    for target in targets:
                        print(f"{file} -> {target}")
            for group in circles(edges):
                for file in group:
                    for target in group & edges[file].keys():
                        if (str(file), str(target)) in STAYING:
                            explained.add((str(file), str(target)))
            kept = {
                file: {
                    target: line
                    for target, line in targets.items()
                    if (str(file), str(target)) not in STAYING
                }
                for file, targets in edges.items()
            }
            for group in circles(kept):
                found += 1
                print(f"{package}: {len(group)} files import each other:")
                for file in sorted(group):
                    for target in sorted(group & kept[file].keys()):
                        print(f"  {file}:{kept[file][target]} imports {target}")
    stale = sorted(STAYING.keys() - explained) if whole else []
    for file, target in stale:
        print(f"{file} imports {target}: listed as staying, but it closes no circle")
    print(
        f"{files} files read, {found} circles, {len(explained)} imports that stay with a reason"
    )
    return 1 if found or stale or not files else 0


if __name__ == "__main__":
    sys.exit(main())
