#!/usr/bin/env python3
"""Which places OpenClaw's own code names below the state directory, the home folder, a workspace and the temporary folder.

    scripts/trace/joins.py PACKAGE [--list]

PACKAGE is `node_modules/openclaw` of an installation. A trace sees what was opened; this sees what could be. Each call of `join` or
`resolve` whose first argument is one of these roots, by the name of a variable or a function, gives a name such as
`<state>/cache/shell-snapshots`; what is no literal is `*`. Each name has to be in the reviewed table joins.tsv beside this file, which
says how what lies there is judged, so a place that is new in a new OpenClaw is a difference: exit 1. So is a row that fits nothing any
more, one that says `notCovered` and is not in crates/verify-core/src/inventory/tables/not-covered.tsv, and one that names a file of
the inventory that is not there. `--list` prints all names and a file that has each.

It reads text and understands no JavaScript: a path that is put together in steps counts where its first step has a literal name.
Folders that `mkdtemp` makes do not count: they are new, and their names cannot be foreseen.
"""

import fnmatch
import re
import sys
from pathlib import Path

import places

TABLE = Path(__file__).resolve().with_name("joins.tsv")
INVENTORY = Path(__file__).resolve().parents[2] / "crates/verify-core/src"
# How a place is judged: the four words of docs/coverage.md and what a finding says, and why it needs none.
JUDGED = {"tree", "definition", "settings", "instructions", "finding", "notCovered", "folder", "data", "other system", "not loaded"}
# Names of variables and functions that hold a root, without `_` and in lower case, after words such as `resolve` were taken off.
ROOTS = {
    "<state>": {"statedir", "configdir", "stateroot", "statedirectory", "configroot"},
    "<home>": {"homedir", "home", "homedirectory", "userprofile", "homepath"},
    "<workspace>": {"workspacedir", "workspaceroot", "workspace", "workspacepath", "agentworkspacedir", "workspacedirectory"},
    "<tmp>": {"tmpdir", "openclawtmpdir"},
    "<agent>": {"agentdir", "agentdirectory"},
}
WORDS = re.compile(
    r"^(?:resolve|get|normalize|normalized|effective|default|configured|target|source|real|canonical|root|legacy|old|new|openclaw"
    r"|preferred|required|user|os|gateway|current|trusted|base)+"
)
LITERAL = re.compile(r"""(?:"([^"\\]*)"|'([^'\\]*)'|`([^`]*)`)""")
JOINED = re.compile(r"(?:\w+\.)?join\(")
CONSTANTS = re.compile(r'\bconst ([A-Z_][A-Z0-9_]{2,}) = "([^"\\]*)"')
CONSTANT = re.compile(r"[A-Z_][A-Z0-9_]{2,}(?:\$\d+)?")
FIRST = re.compile(r"(?:await )?([\w$.?]+)\s*(\(.*\))?", re.S)
# A call is no longer than this: enough for the longest that was found, and a bound for text that is no code.
LONGEST = 1500


def names(package):
    """All names, and the files that have them, by their paths in the package."""
    found = {}
    texts = {file: file.read_text(errors="replace") for file in scripts(package)}
    # Constants of other files keep their names where they are imported; one of several values is not known.
    values = {}
    for text in texts.values():
        for match in CONSTANTS.finditer(text):
            values.setdefault(match[1], set()).add(match[2])
    shared = {name: next(iter(all)) for name, all in values.items() if len(all) == 1}
    for file, text in texts.items():
        for word in ("join(", "resolve(", "join$1(", "resolve$1("):
            at = text.find(word)
            while at >= 0:
                name = call(text, at, at + len(word), shared)
                if name:
                    found.setdefault(name, set()).add(str(file.relative_to(package)))
                at = text.find(word, at + 1)
    return found


def scripts(package):
    """Its scripts, without what a browser runs."""
    endings = {".js", ".mjs", ".cjs"}
    yield from (file for file in sorted(package.iterdir()) if file.suffix in endings)
    for file in sorted((package / "dist").rglob("*")):
        if file.suffix in endings and "control-ui" not in file.parts:
            yield file


def call(text, at, after, shared):
    """The name that the call of `join` or `resolve` at `at` makes, where its first argument is a root."""
    if at and (text[at - 1].isalnum() or text[at - 1] in "_$"):
        return None
    given = arguments(text, after)
    if len(given) < 2:
        return None
    root = root_of(given[0])
    if root is None or "mkdtemp" in text[max(0, at - 40) : at]:
        return None
    parts = [literal(argument, text, shared) for argument in given[1:] if argument]
    name = re.sub(r"\*+", "*", "/".join([root, *parts]))
    # Without a literal there is no name.
    return name if re.search(r"/[^*]", name) else None


def arguments(text, start):
    """The arguments of a call whose bracket opens before `start`; none where it does not close."""
    depth, given, begin, quote, at = 0, [], start, None, start
    end = min(len(text), start + LONGEST)
    while at < end:
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = None
        elif char in "\"'`":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            if depth == 0:
                return [*given, text[begin:at].strip()]
            depth -= 1
        elif char == "," and depth == 0:
            given.append(text[begin:at].strip())
            begin = at + 1
        at += 1
    return []


def root_of(argument):
    """Which root an expression is, by the last word of its name."""
    match = FIRST.fullmatch(re.sub(r"\s*(?:\?\?|\|\|).*", "", argument, flags=re.S))
    if not match:
        return None
    word = match[1].split(".")[-1].split("$")[0].lower().replace("_", "")
    word = WORDS.sub("", word)
    return next((root for root, words in ROOTS.items() if word in words), None)


def literal(argument, text, shared):
    """A part of a name; `*` for what is not known here."""
    if CONSTANT.fullmatch(argument):
        start = f"const {argument} = "
        at = text.find(start)
        if at < 0:
            return shared.get(argument, "*")
        at += len(start)
        match = LITERAL.match(text, at)
        if match:
            return part(match)
        joined = JOINED.match(text, at)
        parts = arguments(text, joined.end()) if joined else ["*"]
        return "/".join(part(match) if (match := LITERAL.fullmatch(one)) else "*" for one in parts) or "*"
    match = LITERAL.fullmatch(argument)
    return part(match) if match else "*"


def part(match):
    return re.sub(r"\$\{[^}]*\}+", "*", next(group for group in match.groups() if group is not None))


def table():
    """The reviewed rows by their names, after each was looked at for itself."""
    rows, wrong = {}, []
    covered = places.read()
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != 4 or not all(cells):
            wrong.append(f"joins.tsv:{number}: not four cells")
            continue
        name, _, judged, why = cells
        if name in rows:
            wrong.append(f"joins.tsv:{number}: {name} is there twice")
        if judged not in JUDGED:
            wrong.append(f"joins.tsv:{number}: `{judged}` is not known")
        if judged == "notCovered" and not is_covered(name, covered):
            wrong.append(f"joins.tsv:{number}: {name} is in no place of not-covered.tsv")
        for file in re.findall(r"`([\w/]+\.(?:rs|tsv))`", why):
            if not (INVENTORY / file).is_file():
                wrong.append(f"joins.tsv:{number}: no file {file}")
        rows[name] = judged
    return rows, wrong


def is_covered(name, covered):
    """Whether a pattern takes the place itself, or is of a file below it, or of one that the name may stand for."""
    name = name.replace("<state>/agents/*/agent", "<agent>")
    path = name.replace("*", "x")
    return any(
        any(place.matches(path + end) for end in ("", ".md", "/x", "/x.md"))
        or place.pattern.startswith(name + "/")
        or fnmatch.fnmatchcase(place.pattern, name)
        for place in covered
    )


def main():
    package = Path(sys.argv[1])
    found = names(package)
    if "--list" in sys.argv:
        for name in sorted(found):
            print(name, sorted(found[name])[0], sep="\t")
        return 0
    rows, wrong = table()
    if not found:
        wrong.append(f"no path is put together in {package}")
    wrong += [f"new: {name}\t{sorted(found[name])[0]}" for name in sorted(found) if name not in rows]
    wrong += [f"gone: {name}" for name in sorted(rows) if name not in found]
    for line in wrong:
        print(line)
    print(f"{len(found)} names of places in OpenClaw's code, {len(rows)} reviewed, {len(wrong)} to look at")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
