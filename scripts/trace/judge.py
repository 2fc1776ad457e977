#!/usr/bin/env python3
"""Sorts every file that a real OpenClaw opened or executed by how openclaw-verify judges it.

    judge.py --real DIR --tools DIR --verifier FILE --work DIR

Five answers: in the digest of a subject (its bytes are those of the manifest), a copy of such a file in a folder of copies, a source of
a definition, of settings or of instructions, an entry of `notCovered` by its pattern, and unknown. Exit 1 when something is unknown,
when a pattern that has to be seen was not, or the other way round, or when what was locked before is denied after it was used.
"""

import argparse
import gzip
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

import copies
import opened
import places
from session import Session

# Folders of copies, each of whose files has to equal one of a subject: the finding `unrecorded [staged-code]`.
COPIES = ("tmp/plugin-captures", "cache/control-ui-assets")
DIGEST, COPY, SOURCE, NAMED, UNKNOWN = (
    "in the digest of a subject",
    "a copy of a file in such a digest",
    "a source of a definition, of settings or of instructions",
    "named in notCovered",
    "unknown",
)


class Verifier:
    """The program under test, with an operator's folder of its own."""

    def __init__(self, program, session, folder):
        self.program, self.session, self.folder = program, session, folder
        self.cache = folder / "cache/openclaw-verify/manifests"
        folder.mkdir()

    def run(self, *arguments):
        session = self.session
        command = [
            *(self.program, *arguments, "--state-dir", session.state, "--openclaw", session.host),
            *("--config", self.folder, "--home", session.home, "--tmp", session.tmp, "--no-progress"),
        ]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(session.home), "XDG_CACHE_HOME": str(self.folder / "cache")}
        return subprocess.run(list(map(str, command)), env=environment, cwd=self.folder, capture_output=True, text=True, timeout=300)

    def lock(self):
        done = self.run("lock", "--init")
        if done.returncode not in (0, 1) or not (self.folder / "openclaw-verify.lock").exists():
            raise RuntimeError(f"lock --init: {done.stdout}{done.stderr}")

    def report(self):
        done = self.run("check", "--format", "json")
        if done.returncode not in (0, 1):
            raise RuntimeError(f"check: {done.stderr}")
        return json.loads(done.stdout)

    def prefer(self, preset):
        """Judges by another preset from now on."""
        policy = self.folder / "openclaw-verify.toml"
        before = policy.read_text()
        policy.write_text(before.replace('preset = "default"', f'preset = "{preset}"'))
        if f'preset = "{preset}"' not in policy.read_text():
            raise RuntimeError(f"the starter policy names no preset: {before}")

    def denied(self):
        """What is denied after a week of honest use. What is warned about is printed: it has to be worth reading."""
        counting = [finding for finding in self.report()["findings"] if not finding.get("suppressed")]
        for finding in counting:
            if finding["level"] == "warn":
                print(f"  {self.folder.name} warns: {finding['id']} {finding.get('subject') or ''}: {finding['message']}")
        return [finding for finding in counting if finding["level"] == "deny" and not expected(finding)]

    def packages(self):
        return tomllib.loads((self.folder / "openclaw-verify.lock").read_text())["package"]

    def manifest(self, digest):
        """Paths with the blob ids of their bytes. The name of a manifest is the digest of it."""
        path = self.cache / f"{digest.split(':')[1]}.manifest.gz"
        entries = gzip.decompress(path.read_bytes()).decode(errors="surrogateescape").split("\0")
        found = {}
        for entry in filter(None, entries):
            mode, _, rest = entry.partition(" blob ")
            blob, path = rest.split("\t", 1)
            if mode != "120000":
                found[path] = blob
        return found

    def listing(self, digest):
        path = self.cache / f"{digest.split(':')[1]}.listing"
        return [line.split("\t")[0] for line in path.read_text().splitlines()] if path.exists() else []


class Judge:
    """What the lock, the report and the table say of a file."""

    def __init__(self, verifier, report, roots, table, copied):
        self.roots, self.table, self.copied = roots, table, copied
        self.state = verifier.session.state
        self.files, self.sources, self.blobs = {}, set(), set()
        self.seen = Counter()
        where = {subject["id"]: subject["path"] for subject in report["subjects"]}
        for package in verifier.packages():
            path = self.state / where[package["id"]].split("#")[0]
            for part in ("tree", "dependencies", "siblings"):
                if part in package:
                    self.add(path, part, verifier.manifest(package[part]))
            if any(part in package for part in ("definition", "settings", "instructions")) and not path.is_dir():
                self.sources.add(str(path))
            # Of an agent and of a folder of files each key names its file.
            for part in ("definition", "settings", "instructions"):
                for key in verifier.listing(package.get(part, ":")):
                    for file in (self.state / key, path / key.split("#")[0]):
                        if file.is_file():
                            self.sources.add(str(file))

    def add(self, path, part, manifest):
        """A tree lies at its subject, or its subject is the file; dependencies lie in a `node_modules` in or above it."""
        folders = [path, path.parent] if part == "tree" else [path, *path.parents]
        roots = [folder / "node_modules" for folder in folders] if part != "tree" else folders
        root = next((root for root in roots if manifest and all((root / name).exists() for name in list(manifest)[:3])), None)
        if root is None and manifest:
            root = self.local_script(manifest)
        if root is None:
            return
        for name, blob in manifest.items():
            self.files[str(root / name)] = blob
            self.blobs.add(blob)

    def local_script(self, manifest):
        """The files of an MCP server lie where its command line says, below the home folder."""
        first = next(iter(manifest))
        found = [path for path in self.roots.home.glob(f"*/{first}") if blob_of(path) == manifest[first]]
        return found[0].parents[first.count("/")] if found else None

    def sort(self, path, use):
        """The answer, and for an entry of `notCovered` which one."""
        named = [place for place in self.table if any(place.matches(name, use.executed) for name in self.roots.names(path))]
        self.seen.update(place.pattern for place in named)
        blob = self.files.get(path)
        if blob and blob == blob_of(path):
            return DIGEST, None
        if any(path.startswith(f"{self.state}/{folder}/") for folder in COPIES):
            blob = self.copied.get(path) or blob_of(path)
            if blob in self.blobs:
                return COPY, None
        if path in self.sources:
            return SOURCE, None
        return (NAMED, named[0].what) if named else (UNKNOWN, None)


def is_named(table, report):
    """Only what the report itself names counts."""
    named = {(entry["what"], pattern) for entry in report["notCovered"] for pattern in entry.get("places", [])}
    if named != {(place.what, place.pattern) for place in table}:
        raise RuntimeError("the report of this program names other places than the table: build it anew")


def blob_of(path):
    """The id of a file's bytes as in a SHA-256 repository of git."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return None
    return hashlib.sha256(b"blob %d\0" % len(data) + data).hexdigest()


def files_of(trace):
    """What was opened, without folders, by the real paths of what is still there."""
    found = defaultdict(opened.Use)
    for path, use in trace.items():
        if os.path.exists(path):
            path = os.path.realpath(path)
        if not os.path.isdir(path):
            found[path].add(use)
    above = {os.path.dirname(path) for path in found}
    for path in list(above):
        while len(path) > 1:
            above.add(path)
            path = os.path.dirname(path)
    # A folder that is gone was opened like a file.
    return {path: use for path, use in found.items() if path not in above}


def show(answers, files, judge):
    executed = sum(use.executed for use in files.values())
    print(f"\n{len(files)} files opened, {executed} of them executed")
    for answer in (DIGEST, COPY, SOURCE, NAMED, UNKNOWN):
        group = answers[answer]
        ran = sum(files[path].executed for path, _ in group)
        print(f"{len(group):8} {answer}" + (f", {ran} of them executed" if ran else ""))
        if answer == NAMED:
            for what, count in Counter(what for _, what in group).most_common():
                print(f"{'':10}{count:8} {what}")
    for path, _ in answers[UNKNOWN]:
        use = files[path]
        way = "executed" if use.executed else "opened"
        print(f"unknown: {way} by {', '.join(sorted(use.by)[:4])}: {path}")
    wanting = [place for place in judge.table if place.trace == "seen" and not judge.seen[place.pattern]]
    for place in wanting:
        print(f"matched nothing: {place.pattern} ({place.what})")
    spurious = [place for place in judge.table if place.trace.startswith("not seen: ") and judge.seen[place.pattern]]
    for place in spurious:
        print(f"seen after all: {place.pattern} ({place.trace})")
    return len(answers[UNKNOWN]) + len(wanting) + len(spurious)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("real", "tools", "verifier", "work"):
        parser.add_argument(f"--{name}", type=lambda text: Path(text).resolve(), required=True)
    given = parser.parse_args()
    table = places.read()
    session = Session(given.real, given.tools, given.work)
    try:
        session.prepare()
        locked = [Verifier(given.verifier, session, given.work / preset) for preset in ("default", "homelab")]
        for verifier in locked:
            verifier.lock()
            verifier.prefer(verifier.folder.name)
        with copies.Watch([session.state / folder for folder in COPIES], blob_of) as watch:
            session.use()
        denied = [finding for verifier in locked for finding in verifier.denied()]
        after = Verifier(given.verifier, session, given.work / "after")
        after.lock()
        node = os.path.realpath(session.node)
        roots = places.Roots(session.home, session.state, session.tmp, Path(node).parents[1])
        report = after.report()
        is_named(table, report)
        judge = Judge(after, report, roots, table, watch.found)
        files = files_of(opened.read(session.logs))
        answers = defaultdict(list)
        for path in sorted(files):
            answer, what = judge.sort(path, files[path])
            answers[answer].append((path, what))
        wrong = show(answers, files, judge)
        for finding in denied:
            print(f"deny after use: {finding['id']} {finding.get('code') or ''} {finding.get('subject') or ''}: {finding['message']}")
        for name in session.failed:
            print(f"did not work: {name}: {session.output(name)[-500:] if (given.work / f'{name}.out').exists() else ''}")
        return 1 if wrong or denied or session.failed else 0
    finally:
        session.end_everything()


def expected(finding):
    """The trace itself adds a job that runs a command: a new one has to be denied."""
    return finding["id"] == "not-locked" and (finding.get("subject") or "").startswith("cron:")


if __name__ == "__main__":
    sys.exit(main())
