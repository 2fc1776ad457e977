#!/usr/bin/env python3
"""Does what docs/tutorial.md says, from an empty folder, and compares what is printed with what the page says.

    OPENCLAW_VERIFY=target/release/openclaw-verify ci/tutorial.py [--write]

Lines that begin with `$ ` in blocks marked `console` are given to one shell, one after the other. Days, commit ids and the folder may
differ. With --write the page is written anew. README.md shows the report of the changed file, without the places.
"""

import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/tutorial.md"
README = ROOT / "README.md"
MARK = "\x01done"
MOST_SECONDS = 180


def alike(text):
    """The text without what differs from day to day."""
    text = re.sub(r"\b\d{4}-\d\d-\d\d\b", "DAY", text)
    text = re.sub(r"\b[0-9a-f]{7}\b", "COMMIT", text)
    return re.sub(r"\s+$", "", text, flags=re.M)


def with_report(readme, page):
    """The README with the report that the tutorial has of the changed file; a call that names no places prints none."""
    printed = re.search(r"^(deny tree-mismatch .*?)^exit 1$", page, re.M | re.S).group(1)
    printed = re.sub(r" --state-dir \S+ --relocated-from \S+ --config [^\s;]+", "", printed)
    block = "".join(f"    {line}" if line.strip() else line for line in ["$ openclaw-verify -q\n", *printed.splitlines(True)])
    return re.sub(r"^    \$ openclaw-verify -q\n(?:    .*\n|\n(?=    ))+", lambda _: block, readme, count=1, flags=re.M)


def main():
    program = pathlib.Path(os.environ.get("OPENCLAW_VERIFY") or ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release/openclaw-verify").resolve()
    if not program.is_file():
        sys.exit(f"{program} is not there: build it, or name it with OPENCLAW_VERIFY")
    work = pathlib.Path(tempfile.mkdtemp(prefix="openclaw-verify-tutorial-")).resolve()
    started = time.monotonic()
    try:
        home = work / "you"
        (work / "bin").mkdir()
        home.mkdir()
        (work / "bin/openclaw-verify").symlink_to(program)
        # The clone of the first step.
        os.makedirs(home / "openclaw-verify")
        shutil.copytree(ROOT / "testdata/states", home / "openclaw-verify/testdata/states", symlinks=True)
        environment = {
            "HOME": str(home),
            "PATH": f"{work / 'bin'}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "You", "GIT_AUTHOR_EMAIL": "you@example.org",
            "GIT_COMMITTER_NAME": "You", "GIT_COMMITTER_EMAIL": "you@example.org",
        }
        shell = subprocess.Popen(["bash", "--noprofile", "--norc"], cwd=home, env=environment, text=True, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        commands = 0

        def run(command):
            nonlocal commands
            commands += 1
            # `$?` is kept for the next command; no one answers questions.
            shell.stdin.write(f"{{ {command}\n}} </dev/null; code=$?; printf '{MARK}\\n'; (exit $code)\n")
            shell.stdin.flush()
            printed = []
            for line in shell.stdout:
                if line.endswith(f"{MARK}\n"):
                    printed.append(line[: -len(f"{MARK}\n")])
                    break
                printed.append(line)
            else:
                sys.exit(f"the shell ended after: {command}")
            return "".join(printed).replace(str(home), "/home/you")

        before = PAGE.read_text(encoding="utf-8")
        made, inside, command = [], None, None
        for line in before.splitlines(keepends=True):
            if line.startswith("```"):
                inside = "console" if line.strip() == "```console" else ("other" if inside is None else None)
                made.append(line)
            elif inside == "console" and line.startswith("$ "):
                made.append(line)
                printed = run(line[2:].rstrip("\n"))
                made.append(printed if printed.endswith("\n") or not printed else printed + "\n")
            elif inside != "console":
                made.append(line)
        after = "".join(made)
        shell.stdin.close()
        shell.wait()
    finally:
        shutil.rmtree(work)
    if "--write" in sys.argv[1:]:
        PAGE.write_text(after, encoding="utf-8")
        README.write_text(with_report(README.read_text(encoding="utf-8"), after), encoding="utf-8")
    elif alike(before) != alike(after):
        sys.stdout.writelines(difflib.unified_diff(alike(before).splitlines(True), alike(after).splitlines(True), "docs/tutorial.md", "what is printed"))
        sys.exit("the tutorial says what is not so; write it anew with ci/tutorial.py --write and read its diff")
    readme = README.read_text(encoding="utf-8")
    if alike(readme) != alike(with_report(readme, after)):
        sys.stdout.writelines(difflib.unified_diff(readme.splitlines(True), with_report(readme, after).splitlines(True), "README.md", "what is printed"))
        sys.exit("the README shows what is not printed; write it anew with ci/tutorial.py --write and read its diff")
    took = time.monotonic() - started
    print(f"tutorial: {commands} commands, as the page says, in {took:.1f} s")
    if took > MOST_SECONDS:
        sys.exit(f"the tutorial takes more than {MOST_SECONDS} s of a machine's time")


main()
