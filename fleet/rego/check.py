#!/usr/bin/env python3
"""Runs openclaw.rego on JSON reports of the real program, by regopy (an interpreter of Rego that is no OPA).

    fleet/rego/check.py report.json denied.json error.json

Fails where the policy cannot be read; where it does not deny a plugin that stands on the lock alone, what the second report denies, or
what is no report of the schema it knows; and where it denies what is excepted and may be.
"""
import json
import os
import sys

from regopy import Interpreter

HERE = os.path.dirname(os.path.abspath(__file__))
with open(f"{HERE}/openclaw.rego", encoding="utf-8") as file:
    POLICY = file.read()


def denied(document):
    interpreter = Interpreter()
    interpreter.add_module("openclaw", POLICY)
    interpreter.set_input_term(json.dumps(document))
    (found,) = json.loads(str(interpreter.query("data.main.deny")))["expressions"]
    return found


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def line(finding):
    return f"{finding['subject']}: {finding['id']} ({finding['message']})"


report, bad, error = map(read, sys.argv[1:4])
lines = denied(report)
wanted = [one["id"] for one in report["subjects"] if one["kind"] == "plugin" and one["enabled"] and one["basis"] == "locked"]
missing = [one for one in wanted if not any(line.startswith(f"{one} stands on") for line in lines)]
if missing or not wanted:
    sys.exit(f"not denied: {missing or 'no plugin is in the report'}")

# The findings alone, so that no other rule denies.
bare = bad | {"subjects": [], "inputs": {"advisories": "there"}}
refused = [finding for finding in bad["findings"] if finding["level"] == "deny" and "suppressed" not in finding]
for findings in bad["findings"], [finding | {"suppressed": finding.get("suppressed")} for finding in bad["findings"]]:
    lines_of_it = denied(bare | {"findings": findings})
    if not refused or sorted(lines_of_it) != sorted(map(line, refused)):
        sys.exit(f"denied: {lines_of_it}, where the report denies {refused}")
if "suppressed" not in read(f"{HERE}/../../docs/report.schema.json")["$defs"]["Finding"]["properties"]:
    sys.exit("an exception has another key in the report")
excepted = [finding | {"suppressed": {"reason": "a test", "until": "2099-01-01"}} for finding in refused]
if denied(bare | {"findings": excepted}):
    sys.exit("what is excepted is denied")
never = [finding | {"id": "known-malicious"} for finding in excepted]
if sorted(denied(bare | {"findings": never})) != sorted(map(line, never)):
    sys.exit("what may never be excepted is not denied")

unknown = [error, {}, [], None, bare | {"schema": "openclaw-verify.report/2", "findings": []}, bare | {"findings": None},
           {key: value for key, value in bare.items() if key != "findings"}]
for document in unknown:
    if not any(line.startswith("this is no report") for line in denied(document)):
        sys.exit(f"not denied: {json.dumps(document)[:200]}")
print(f"regopy: the policy, {len(lines)} denials, {len(refused)} of a report that denies, {len(unknown)} of what is no report")
