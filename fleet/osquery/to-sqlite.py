#!/usr/bin/env python3
"""The last verdict of this machine as an SQLite file, which osquery reads as a table (atc.json).

    openclaw-verify check --format jsonl | fleet/osquery/to-sqlite.py - /var/lib/openclaw-verify/verdict.sqlite

The file is replaced whole, so a reader sees one verdict. Rows of a run that was cut off, and of one that failed, replace nothing.
"""
import json
import os
import sqlite3
import sys
import tempfile

COLUMNS = ["at", "subject", "kind", "version", "tree", "dependencies", "definition", "integrity", "level", "findings", "message", "full"]


def main():
    source, target = sys.argv[1:3]
    with sys.stdin if source == "-" else open(source, encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["event"] != "signature"]
    if not rows or rows[-1]["event"] != "run":
        sys.exit("no whole verdict: nothing was written")
    descriptor, made = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(target)))
    os.close(descriptor)
    try:
        db = sqlite3.connect(made)
        db.execute(f"CREATE TABLE subjects ({', '.join(COLUMNS)})")
        values = [[" ".join(row[key]) if key == "findings" else row[key] for key in COLUMNS] for row in rows if row["event"] == "subject"]
        db.executemany(f"INSERT INTO subjects VALUES ({', '.join('?' * len(COLUMNS))})", values)
        db.commit()
        db.close()
        os.chmod(made, 0o644)
        os.replace(made, target)
    except BaseException:
        os.unlink(made)
        raise


main()
