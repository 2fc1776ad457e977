#!/usr/bin/env python3
"""The last verdict of this machine as an SQLite file, which osquery reads as a table (atc.json).

    openclaw-verify check --format jsonl | fleet/osquery/to-sqlite.py - /var/lib/openclaw-verify/verdict.sqlite

In place of `-`, also the file to which each run is appended, of one machine or of several on it; its last run counts. The file is
replaced whole, so a reader sees one verdict. Rows of a run that was cut off, that failed, that judged a part, or that lack a subject replace nothing; nor do
those of `watch` between two full checks, which are only about what changed.
"""
import json
import os
import sqlite3
import sys
import tempfile

COLUMNS = ["at", "subject", "kind", "version", "tree", "dependencies", "definition", "integrity", "level", "findings", "message", "full"]
SCHEMA = "openclaw-verify.event/1"
NO_ROW = {"event": None}
# Each is the last row of a run.
ENDS = ("run", "failed", "signature")


def last_run(lines):
    """The subjects of the last run, which is whole."""
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        rows.append(row if isinstance(row, dict) and row.get("schema") == SCHEMA else NO_ROW)
    if rows and rows[-1]["event"] == "signature":
        rows.pop()
    if not rows or rows[-1]["event"] != "run":
        sys.exit("no whole verdict: nothing was written")
    run = rows.pop()
    if not run["whole"]:
        sys.exit("the last run judged no more than a part: nothing was written")
    before = max((number for number, row in enumerate(rows, 1) if row["event"] in ENDS), default=0)
    # The end of a run that was cut off; the first row of the last one may be in the same line.
    if NO_ROW in rows[before:]:
        sys.exit("a line of the last run, or just before it, is no row: nothing was written")
    # A run that was cut off between two rows has another time.
    subjects = [row for row in rows[before:] if row["event"] == "subject" and all(row[key] == run[key] for key in ("at", "host"))]
    # `subjects` of a run counts those that are there; a row without a kind is about one that is not.
    there = sum(row["kind"] is not None for row in subjects)
    if there != run["subjects"]:
        sys.exit(f"the last run has {run['subjects']} subjects, and {there} of them are here: nothing was written")
    return subjects


def main():
    source, target = sys.argv[1:3]
    with sys.stdin if source == "-" else open(source, encoding="utf-8", errors="replace") as file:
        rows = last_run(file)
    descriptor, made = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(target)))
    os.close(descriptor)
    try:
        db = sqlite3.connect(made)
        db.execute(f"CREATE TABLE subjects ({', '.join(COLUMNS)})")
        values = [[" ".join(row[key]) if key == "findings" else row[key] for key in COLUMNS] for row in rows]
        db.executemany(f"INSERT INTO subjects VALUES ({', '.join('?' * len(COLUMNS))})", values)
        db.commit()
        db.close()
        os.chmod(made, 0o644)
        os.replace(made, target)
    except BaseException:
        os.unlink(made)
        raise


main()
