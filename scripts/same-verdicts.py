#!/usr/bin/env python3
"""Compares the verdicts of two builds of openclaw-verify.

    scripts/same-verdicts.py OLD NEW [REAL]

Runs both programs on every state and archive of testdata, with and without a lock, under every preset, and on the real installation
at REAL (as tests use it) when one is given. Compares exit codes and of the JSON reports what decides: findings (id, code, level,
outcome, subject, exception) and the outcomes of each subject. Wording is not compared. Prints each difference; exit 1 when there is one.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOW = "2026-11-22T12:00:00Z"
# Findings that one of the two programs no longer has, with the reason.
ALLOWED = {
    ("record-mismatch", "warn"): "the two foreign fingerprints that only warned are gone",
}


def run(program, arguments, home):
    done = subprocess.run(
        [program, *arguments],
        capture_output=True,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        cwd=home,
        timeout=300,
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        report = None
    return done.returncode, report


def decided(report):
    """What decides, of a report or of a document that holds one."""
    if report is None:
        return None
    report = report.get("report", report)
    findings = [
        [
            finding["id"],
            finding.get("code"),
            finding["level"],
            finding["outcome"],
            finding.get("subject"),
            bool(finding.get("suppressed")),
        ]
        for finding in report.get("findings", [])
        if (finding["id"], finding["level"]) not in ALLOWED
    ]
    # As text: of two findings one may have a code or a subject, and the other none.
    findings.sort(key=key)
    subjects = {
        subject["id"]: [subject.get("basis"), subject["outcomes"], subject.get("tree")]
        for subject in report.get("subjects", [])
    }
    return {"findings": findings, "subjects": subjects}


def key(finding):
    return json.dumps(finding)


def compare(name, old, new):
    problems = []
    if old[0] != new[0]:
        problems.append(f"exit {old[0]} became {new[0]}")
    before, after = decided(old[1]), decided(new[1])
    if before is None or after is None:
        if (before is None) != (after is None):
            problems.append("only one of the two wrote JSON")
    elif before != after:
        gone = {key(f) for f in before["findings"]} - {key(f) for f in after["findings"]}
        come = {key(f) for f in after["findings"]} - {key(f) for f in before["findings"]}
        problems += [f"- {finding}" for finding in sorted(gone)]
        problems += [f"+ {finding}" for finding in sorted(come)]
        for subject in sorted(before["subjects"].keys() | after["subjects"].keys()):
            a, b = before["subjects"].get(subject), after["subjects"].get(subject)
            if a != b:
                problems.append(f"{subject}: {a} became {b}")
    for problem in problems:
        print(f"{name}: {problem}")
    return not problems


def states(real):
    for state in sorted(ROOT.glob("testdata/states/*/.openclaw")):
        yield state.parent.name, state, None, ["--relocated-from", "/home/user/.openclaw"]
    for state in sorted(ROOT.glob("testdata/states/*/state")):
        yield state.parent.name, state, None, []
    if real:
        host = (real / "app/node_modules/openclaw").resolve()
        yield "real", (real / "home/.openclaw").resolve(), host, []


def main(old, new, real=None):
    old, new = Path(old).resolve(), Path(new).resolve()
    equal = compared = 0
    for name, state, host, more in states(Path(real) if real else None):
        where = ["--state-dir", str(state), *more, "--now", NOW, "--no-progress"]
        where += ["--openclaw", str(host)] if host else []
        for preset in ("default", "homelab", "strict"):
            with tempfile.TemporaryDirectory() as folder:
                home = Path(folder)
                config = home / "config"
                config.mkdir()
                (config / "openclaw-verify.toml").write_text(f'version = 1\npreset = "{preset}"\n')
                common = [*where, "--config", str(config)]
                # Before anything is locked, then with what the new program locked.
                calls = [["check"], ["plugins"], ["skills"], ["core"]]
                for locked in (False, True):
                    if locked:
                        run(new, ["lock", *common], home)
                        calls.append(["check", "--lock-only"])
                    for call in calls:
                        alone = "--lock-only" in call
                        rest = ["--now", NOW, "--config", str(config)] if alone else common
                        arguments = [*call, "--format", "json", *rest]
                        title = f"{name} {preset} {' '.join(call)}{' locked' if locked else ''}"
                        compared += 1
                        equal += compare(title, run(old, arguments, home), run(new, arguments, home))
    for archive in sorted(ROOT.glob("testdata/**/*.tgz")):
        with tempfile.TemporaryDirectory() as folder:
            arguments = ["archive", str(archive), "--format", "json", "--now", NOW]
            compared += 1
            equal += compare(archive.name, run(old, arguments, Path(folder)), run(new, arguments, Path(folder)))
    print(f"{equal} of {compared} runs decide the same")
    return 0 if equal == compared and compared else 1


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
