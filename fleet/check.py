#!/usr/bin/env python3
"""Runs every recipe of duckdb/ and osquery/ on a made-up fleet and on rows of the real program, and says what it cost.

    fleet/check.py --hosts 10000 --work DIR [--real rows.jsonl]

Fails where a tampering is not found, where anything else is, where a recipe does not run, and where rows of the real program have
other keys than the made-up ones. Needs fleet/requirements.txt. CI runs it by ci/fleet.sh.
"""
import argparse
import json
import os
import sqlite3
import subprocess
import sys
import time

import duckdb

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import generate  # noqa: E402


def recipe(name):
    with open(f"{HERE}/duckdb/{name}.sql", encoding="utf-8") as file:
        return file.read()


def made(hosts, day, folder, seed):
    files = f"{folder}/{day}.jsonl", f"{folder}/{day}.json"
    began = time.monotonic()
    subprocess.run([sys.executable, f"{HERE}/generate.py", "--hosts", str(hosts), "--day", day, "--seed", str(seed),
                    "--out", files[0], "--truth", files[1]], check=True)
    with open(files[1], encoding="utf-8") as file:
        truth = json.load(file)
    print(f"{hosts} hosts, {os.path.getsize(files[0]) / 1e6:.0f} MB of rows: {time.monotonic() - began:.1f} s")
    return files[0], truth


def best(db, sql, times=5):
    """The answer, and the least milliseconds of some runs: other work on the machine only adds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        answer = db.execute(sql).fetchall()
        took.append((time.perf_counter() - began) * 1000)
    return answer, min(took)


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: found {found}, wanted {wanted}")
    print(f"{what}: as wanted")


def by_shell(rows, tampered):
    """The lines of docs/fleet.md, as they stand there, in DuckDB's own shell."""
    with open(f"{HERE}/../docs/fleet.md", encoding="utf-8") as page:
        lines = [line.strip() for line in page if line.startswith(("    SET VARIABLE", "    .read"))]
    os.makedirs("shell/logs")
    os.link(rows, "shell/logs/rows.jsonl")
    os.symlink(HERE, "shell/fleet")
    shell = os.path.join(os.path.dirname(sys.executable), "duckdb")
    run = subprocess.run([shell, "-bail", "-csv"], input="\n".join(lines), cwd="shell", stdout=subprocess.PIPE, text=True, check=True)
    found = [line.split(",")[:2] for line in run.stdout.splitlines()[1:]]
    expect("the lines of docs/fleet.md in DuckDB's shell", sorted(map(tuple, found)), tampered)


def odd_lines(db, files, host):
    """One host's rows of a time that has not come, and lines that are no row, change no answer and are named."""

    def asked(files):
        names = ", ".join(f"'{file}'" for file in files)
        db.execute(f"SET VARIABLE files = [{names}]")
        db.execute(recipe("events"))
        return {name: db.execute(recipe(name)).fetchall() for name in ("rare-digest", "who-ran", "overdue", "changed", "exposure")}

    before = asked(files)
    none = [db.execute(recipe(name)).fetchall() for name in ("future", "not-rows")]
    expect("rows of the future, and no rows, where there are none", none, [[], []])
    future = {"schema": "openclaw-verify.event/1", "at": "2099-01-01T00:00:00.000Z", "host": host}
    subject = {"event": "subject", "subject": "npm:@acme/plugin-3", "version": "1.2.0", "findings": ["known-malicious"]}
    run = generate.row(**future, event="run", exit=0)
    # Cut off; cut off with the next run behind it; no object; values of another type; times that are none; another version.
    no_rows = [run[:40], run[:40] + run, "[]", "7", run.replace("[]", "{}"), run.replace("[]", "null"),
               *(run.replace(future["at"], at) for at in ("infinity", "294247-01-10T04:00:54.775806Z", "yesterday")),
               generate.row(**future, event="subject")]
    with open("odd.jsonl", "w", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in [generate.row(**future | subject), run, *no_rows, run.replace("event/1", "event/2"), run[:40]])
    expect("answers beside odd lines", asked([*files, "odd.jsonl"]), before)
    expect("rows of the future", [row[:2] for row in db.execute(recipe("future")).fetchall()], [(host, 2)])
    expect("lines that are no row", sorted(row[1:] for row in db.execute(recipe("not-rows")).fetchall() if row[1]),
           [("openclaw-verify.event/1", 6), ("openclaw-verify.event/2", 1)])
    expect("lines that are no JSON object", [(row[0], row[2]) for row in db.execute(recipe("not-rows")).fetchall() if not row[1]], [("odd.jsonl", 5)])


def osquery(real):
    """One machine's last verdict as a table for osquery, out of what one run printed and out of a file that runs are appended to."""
    with open(real, encoding="utf-8") as file:
        lines = file.readlines()
    with open(f"{HERE}/osquery/atc.json", encoding="utf-8") as file:
        table = json.load(file)["auto_table_construction"]["openclaw_verify"]

    def table_of(log):
        with open("log.jsonl", "w", encoding="utf-8") as file:
            file.writelines(log)
        done = subprocess.run([sys.executable, f"{HERE}/osquery/to-sqlite.py", "log.jsonl", "verdict.sqlite"], stderr=subprocess.PIPE, check=False)
        db = sqlite3.connect("verdict.sqlite")
        found = db.execute(table["query"]).fetchall()
        db.close()
        return done.returncode, found

    def at(time, log):
        return [json.dumps(json.loads(line) | {"at": time}) + "\n" for line in log]

    code, wanted = table_of(lines)
    subjects = sum(json.loads(line)["event"] == "subject" for line in lines)
    expect("rows for osquery", (code, len(wanted), len(wanted[0])), (0, subjects, len(table["columns"])))
    # Whole ones, signed and not, one that failed, and two that were cut off: in a row and between two.
    old, failed = at("2026-01-01T00:00:00.000Z", lines), generate.row(schema="openclaw-verify.event/1", event="failed", exit=2) + "\n"
    signature = generate.row(schema="openclaw-verify.event/1", event="signature") + "\n"
    log = [*old, *old, signature, old[0][:40] + old[0], *old[1:], failed, *old[:3], *lines]
    expect("the last run of a file for osquery", [table_of(log), table_of([*log, signature])], [(0, wanted)] * 2)
    part = [json.dumps(json.loads(line) | {"whole": False}) + "\n" for line in lines]
    # The last run behind a row that was cut off, also in one line with its first; one that lacks a row, that failed, that was cut off,
    # that judged a part.
    for broken in ([*old, old[3][:40] + "\n", *lines], [*old, old[0][:40] + lines[0], *lines[1:]], [*old, *lines[1:]], [*log, failed],
                   [*log, *old[:3]], [*log, old[0][:40]], [*log, *part], []):
        expect("a last run that is not whole leaves the table", table_of(broken), (1, wanted))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--work", required=True)
    parser.add_argument("--real", help="rows of the real program")
    given = parser.parse_args()
    os.makedirs(given.work, exist_ok=True)
    os.chdir(given.work)
    rows, truth = made(given.hosts, "2026-11-28", ".", 1)
    if given.real:
        with open(given.real, encoding="utf-8") as file:
            for line in file:
                expect_keys = list(json.loads(line))
                if expect_keys != generate.KEYS:
                    sys.exit(f"the program's rows have other keys: {set(expect_keys) ^ set(generate.KEYS)}")
    db = duckdb.connect()
    db.execute(f"SET VARIABLE files = '{rows}'")
    db.execute(recipe("events"))
    tampered = sorted((host, subject) for host, subject in truth["tampered"])
    for form in ("JSONL", "Parquet"):
        if form == "Parquet":
            began = time.monotonic()
            db.execute(recipe("to-parquet"))
            size = sum(os.path.getsize(f"{folder}/{name}") for folder, _, names in os.walk("parquet") for name in names)
            print(f"to Parquet: {time.monotonic() - began:.1f} s, {size / 1e6:.1f} MB")
            db.execute(recipe("parquet"))
        answer, took = best(db, recipe("rare-digest"), 1 if form == "JSONL" else 7)
        print(f"rare-digest on {form}: {took:.0f} ms")
        expect("tampered hosts", sorted((row[0], row[1]) for row in answer), tampered)

    by_shell(rows, tampered)
    answer, took = best(db, recipe("overdue"))
    print(f"overdue: {took:.0f} ms")
    expect("overdue hosts", [row[0] for row in answer], sorted({*truth["silent"], *truth["failed"]}))
    host, name = truth["tampered"][0]
    digest = db.execute("SELECT coalesce(definition, tree) FROM events WHERE host = ? AND subject = ?", [host, name]).fetchone()[0]
    db.execute(f"SET VARIABLE digest = '{digest}'")
    answer, took = best(db, recipe("who-ran"))
    print(f"who-ran: {took:.0f} ms")
    expect("who ran it", [(row[0], row[1]) for row in answer], [(host, name)])

    # The next day: one host has another version, one a new skill, one lacks a subject, one judged a part; and one finding each.
    next_day = []
    with open(rows, encoding="utf-8") as file:
        quiet = {*truth["silent"], *truth["failed"], *(host for host, _ in truth["tampered"])}
        for line in file:
            row = json.loads(line)
            row["at"] = "2026-11-29" + row["at"][10:]
            next_day.append(row)
    some = sorted({row["host"] for row in next_day} - quiet)[:5]
    wanted = []
    kept = []
    for row in next_day:
        if row["host"] in quiet or (row["host"], row["subject"]) in [(some[2], "skill:managed/skill-0"), (some[4], "npm:@acme/plugin-1")]:
            continue
        if row["host"] == some[4]:
            row["full"] = row["whole"] = False
        if (row["host"], row["subject"]) == (some[0], "npm:@acme/plugin-0"):
            row["tree"] = "git-sha256:" + "1" * 64
        if (row["host"], row["subject"]) == (some[3], "npm:@acme/plugin-1"):
            row["findings"], row["level"] = ["known-malicious"], "deny"
        if (row["host"], row["subject"]) == (some[3], "npm:@acme/plugin-2"):
            row["excepted"] = ["known-vulnerable"]
        if row["event"] == "run" and row["host"] == some[1]:
            kept.append({**row, "event": "subject", "subject": "skill:managed/added", "kind": "skill", "exit": None})
        kept.append(row)
    wanted = sorted([(some[0], "npm:@acme/plugin-0", "changed"), (some[1], "skill:managed/added", "new"),
                     (some[2], "skill:managed/skill-0", "gone"), (some[3], "npm:@acme/plugin-1", "changed")])
    with open("next.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in kept)
    db.execute("SET VARIABLE files = 'next.jsonl'")
    db.execute(recipe("events"))
    db.execute(recipe("to-parquet"))
    db.execute(recipe("parquet"))
    answer, took = best(db, recipe("changed"), 2)
    print(f"changed: {took:.0f} ms on two days")
    expect("what changed", [tuple(row[:3]) for row in answer], wanted)
    with open("part.jsonl", "w", encoding="utf-8") as out:
        out.write(generate.row(schema="openclaw-verify.event/1", at="2026-11-29T23:00:00.000Z", host=truth["silent"][0], event="run", whole=False, exit=0))
    db.execute("SET VARIABLE files = ['next.jsonl', 'part.jsonl']")
    db.execute(recipe("events"))
    found = [row[0] for row in db.execute(recipe("overdue")).fetchall()]
    expect("a verdict about a part is none", truth["silent"][0] in found, True)
    db.execute(recipe("parquet"))
    answer, took = best(db, recipe("exposure"))
    print(f"exposure: {took:.0f} ms")
    exposed = [("known-malicious", "npm:@acme/plugin-1", False, 1), ("known-vulnerable", "npm:@acme/plugin-2", True, 1)]
    expect("exposure", [(row[0], row[1], *row[3:]) for row in answer], exposed)
    odd_lines(db, [rows, "next.jsonl"], truth["silent"][0])
    if given.real:
        osquery(given.real)


main()
