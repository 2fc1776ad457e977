#!/usr/bin/env python3
"""Manual pages out of the program's own help: packages/man/build.py BINARY OUT-FOLDER. One page for the program and one a verb."""

import os
import pathlib
import re
import subprocess
import sys
import time

WHOLE = "openclaw-verify"


def help_of(program, *arguments):
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "78"}
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True, env=environment).stdout


def roff(text):
    """One line, in which nothing is a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\\&" + text if text[:1] in (".", "\\") else text


def page(name, text, day, others):
    first, _, rest = text.partition("\n\n")
    first = " ".join(first.split())
    out = [f'.TH "{roff(name.upper())}" 1 "{day}" "openclaw-verify" "User Commands"', ".SH NAME", f"{roff(name)} \\- {roff(first)}"]
    block, heading = [], None

    def close():
        while block and not block[0].strip():
            block.pop(0)
        while block and not block[-1].strip():
            block.pop()
        if block:
            out.append(f'.SH "{roff((heading or "Description").upper())}"')
            out.extend([".nf", *(roff(line) for line in block), ".fi"])
        block.clear()

    for line in rest.splitlines():
        usage = re.fullmatch(r"Usage: (.*)", line)
        title = re.fullmatch(r"([A-Z][A-Za-z' ]*):", line)
        if usage:
            close()
            heading = "Synopsis"
            block.append(usage[1])
        elif title:
            close()
            heading = title[1]
        else:
            block.append(line)
    close()
    if others:
        out.append('.SH "SEE ALSO"')
        out.append(", ".join(f"\\fB{roff(other)}\\fR(1)" for other in others))
    return "\n".join(out) + "\n"


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    day = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    # Every verb, also those that the short list leaves out, has its place in the completions.
    verbs = re.findall(r"^ *openclaw__verify,([a-z]+)\)$", help_of(program, "completions", "bash"), re.M)
    verbs = sorted(set(verbs) - {"help", "verify"})
    if not verbs:
        sys.exit("the completions name no verbs")
    pages = {WHOLE: help_of(program, "--help"), **{f"{WHOLE}-{verb}": help_of(program, verb, "--help") for verb in verbs}}
    for name, text in pages.items():
        others = [other for other in pages if other != name] if name == WHOLE else [WHOLE]
        (folder / f"{name}.1").write_text(page(name, text, day, others), encoding="utf-8")
    print(f"{len(pages)} pages")


main()
