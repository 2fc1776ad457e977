#!/usr/bin/env python3
"""Runs openclaw.rego on a JSON report of the real program, by regopy (an interpreter of Rego that is no OPA).

    fleet/rego/check.py report.json

Fails where the policy cannot be read, or does not deny a plugin that stands on the lock alone.
"""
import json
import os
import sys

from regopy import Interpreter

HERE = os.path.dirname(os.path.abspath(__file__))
interpreter = Interpreter()
with open(f"{HERE}/openclaw.rego", encoding="utf-8") as policy:
    interpreter.add_module("openclaw", policy.read())
with open(sys.argv[1], encoding="utf-8") as report:
    text = report.read()
interpreter.set_input_term(text)
(denied,) = json.loads(str(interpreter.query("data.main.deny")))["expressions"]
wanted = [one["id"] for one in json.loads(text)["subjects"] if one["kind"] == "plugin" and one["enabled"] and one["basis"] == "locked"]
missing = [one for one in wanted if not any(line.startswith(f"{one} stands on") for line in denied)]
if missing or not wanted:
    sys.exit(f"not denied: {missing or 'no plugin is in the report'}")
print(f"regopy: the policy, {len(denied)} denials")
