#!/usr/bin/env python3
"""Puts a program into wheels in place of the one that maturin built: ci/wheel.py PROGRAM WHEEL...

A release builds every program twice and compares; maturin's own build would be a third one, compared with nothing. Everything else of the
wheel stays, RECORD says what is there now, and the same inputs give the same bytes.
"""
import base64
import csv
import hashlib
import io
import os
import sys
import zipfile

SCRIPT = ".data/scripts/openclaw-verify"
RECORD = ".dist-info/RECORD"


def only(names, end):
    """The one of `names` that ends so."""
    found = [name for name in names if name.endswith(end)]
    if len(found) != 1:
        sys.exit(f"the wheel has {len(found)} files {end}")
    return found[0]


def recorded(table, script, program):
    """RECORD with the digest and size of the program."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(program).digest()).rstrip(b"=").decode()
    rows = list(csv.reader(io.StringIO(table.decode())))
    if [row[0] for row in rows].count(script) != 1:
        sys.exit(f"RECORD does not name {script} once")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([script, f"sha256={digest}", len(program)] if row[0] == script else row for row in rows)
    return text.getvalue().encode()


def put(program, wheel):
    with zipfile.ZipFile(wheel) as old:
        entries = old.infolist()
        contents = {entry.filename: old.read(entry) for entry in entries}
    script, record = only(contents, SCRIPT), only(contents, RECORD)
    contents[record] = recorded(contents[record], script, program)
    contents[script] = program
    with zipfile.ZipFile(f"{wheel}.new", "w") as new:
        for entry in entries:
            made = zipfile.ZipInfo(entry.filename, entry.date_time)
            made.external_attr, made.create_system = entry.external_attr, entry.create_system
            new.writestr(made, contents[entry.filename], zipfile.ZIP_DEFLATED, 9)
    os.replace(f"{wheel}.new", wheel)


def main():
    with open(sys.argv[1], "rb") as file:
        program = file.read()
    for wheel in sys.argv[2:]:
        put(program, wheel)
        print(f"{os.path.basename(wheel)}: {hashlib.sha256(program).hexdigest()}")


main()
