#!/usr/bin/env python3
"""Makes dashboard.json, so that its panels stand here in a form that can be read. `--check` fails where the file is another one."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
PANELS = [
    # title, kind, expression, legend, unit, width
    ("Machines that are refused", "stat", "count(openclaw_verify_exit_code == 1) or vector(0)", "", "short", 6),
    ("Machines without a verdict", "stat", "count(openclaw_verify_exit_code >= 2) or vector(0)", "", "short", 6),
    ("Oldest verdict", "stat", "max(time() - openclaw_verify_last_success_timestamp_seconds)", "", "s", 6),
    ("Locks in use", "stat", "count(count by (lock) (openclaw_verify_info))", "", "short", 6),
    ("Subjects by integrity", "timeseries", "sum by (outcome) (openclaw_verify_subjects)", "{{outcome}}", "short", 12),
    ("Findings", "timeseries", "sum by (id, level) (openclaw_verify_findings)", "{{level}} {{id}}", "short", 12),
    ("Refused or not judged", "table", "max by (instance, host) (openclaw_verify_exit_code) > 0", "{{instance}} {{host}}", "short", 12),
    ("Reviews that are missing", "timeseries", "sum(openclaw_verify_review_backlog)", "reviews", "short", 6),
    ("Age of the newest advisory", "timeseries", "max(openclaw_verify_advisories_age_seconds)", "oldest machine", "s", 6),
]


def dashboard():
    panels, across, down = [], 0, 0
    for number, (title, kind, expression, legend, unit, width) in enumerate(PANELS, 1):
        height = 4 if kind == "stat" else 8
        if across + width > 24:
            across, down = 0, down + panels[-1]["gridPos"]["h"]
        target = {"datasource": SOURCE, "expr": expression, "legendFormat": legend, "refId": "A"}
        if kind == "table":
            target |= {"instant": True, "format": "table"}
        panels.append({
            "id": number, "title": title, "type": kind, "datasource": SOURCE, "targets": [target],
            "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
            "gridPos": {"x": across, "y": down, "w": width, "h": height},
        })
        across += width
    return {
        "__inputs": [{"name": "DS_PROMETHEUS", "label": "Prometheus", "type": "datasource", "pluginId": "prometheus"}],
        "title": "openclaw-verify", "uid": "openclaw-verify", "schemaVersion": 39, "editable": True, "tags": ["openclaw"],
        "time": {"from": "now-24h", "to": "now"}, "refresh": "1m", "panels": panels,
    }


def main():
    text, path = json.dumps(dashboard(), indent=2) + "\n", f"{HERE}/dashboard.json"
    if "--check" in sys.argv:
        with open(path, encoding="utf-8") as file:
            if file.read() != text:
                sys.exit("dashboard.json is not what make.py makes")
        # For promtool: every expression as a rule.
        if "--rules" in sys.argv:
            rules = [{"record": f"panel_{number}", "expr": panel[2]} for number, panel in enumerate(PANELS)]
            print(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


main()
