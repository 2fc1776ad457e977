"""The list of what no digest holds: the product's own table, with patterns below named roots.

A line of crates/verify-core/src/inventory/tables/not-covered.tsv that begins with a tab is a place; the head of that file says what
stands in it. Nothing else is an allow-list here.
"""

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

TABLE = Path(__file__).resolve().parents[2] / "crates/verify-core/src/inventory/tables/not-covered.tsv"
# Endings of what is run, sourced or imported.
CODE = re.compile(r"\.(?:js|mjs|cjs|ts|mts|cts|node|wasm|so|sh|py)$")


@dataclass
class Place:
    """One pattern of the table."""

    what: str
    pattern: str
    must: str
    must_not: list
    reason: str
    trace: str
    expression: re.Pattern = field(init=False)

    def __post_init__(self):
        self.root = self.pattern.split("/", 1)[0]
        words = {"/**": "/.+", "*": "[^/]*"}
        parts = re.split(r"(/\*\*$|\*)", self.pattern)
        self.expression = re.compile("".join(words.get(part) or re.escape(part) for part in parts))

    def matches(self, path, executed=False):
        """Whether it takes `path`, which begins with the name of a root."""
        if self.reason == "-" and (executed or CODE.search(path)):
            return False
        return self.expression.fullmatch(path) is not None


def read():
    """All places, after each was tried on its own examples."""
    places, what = [], None
    for line in TABLE.read_text().splitlines():
        if line.startswith("\t"):
            pattern, must, must_not, reason, trace = line[1:].split("\t")
            places.append(Place(what, pattern, must, must_not.split(" "), reason, trace))
        elif not line.startswith("#"):
            what = line.split("\t")[0]
    for place in places:
        wrong = [path for path in place.must_not if place.matches(path)]
        if wrong or not place.matches(place.must):
            raise ValueError(f"{place.pattern} against its own examples: {place.must}, {wrong}")
    return places


class Roots:
    """Where the named roots are on this machine. One may lie in another, so a file can have several names."""

    def __init__(self, home, state, tmp, node):
        self.home = home
        self.folders = [
            ("<workspace>", state / "workspace"),
            *(("<agent>", folder) for folder in state.glob("agents/*/agent")),
            ("<state>", state),
            ("<home>", home),
            # Programs whose environment OpenClaw cuts down know no TMPDIR.
            *(("<tmp>", folder) for folder in {tmp, Path("/tmp")}),
            ("<node>", node),
        ]

    def names(self, path):
        """Every name of a file: below the roots that hold it, and below the system where root alone can write it."""
        names = [f"{root}{path[len(str(folder)):]}" for root, folder in self.folders if path.startswith(f"{folder}/")]
        is_users = any(name.startswith(("<home>/", "<tmp>/")) for name in names)
        if not is_users and root_alone_writes(path):
            names.append(f"<system>{path}")
        return names


def root_alone_writes(path):
    """Whether file and ancestors belong to root and no one else may write them. What the kernel makes up has no such owner."""
    if path.startswith(("/proc/", "/sys/", "/dev/")):
        return True
    for part in [path, *map(str, Path(path).parents)]:
        try:
            found = os.lstat(part)
        except OSError:
            return False
        if found.st_uid != 0 or (found.st_mode & 0o022 and not stat.S_ISLNK(found.st_mode)):
            return False
    return True
