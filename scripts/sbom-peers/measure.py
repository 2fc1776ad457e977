"""Runs a command three times, keeps what it wrote, and notes the best wall time and the peak memory of any of its processes."""

import json
import os
import re
import sys
import time

folder, name, *command = sys.argv[1:]
file = os.path.join(folder, re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"))
runs = []
for attempt in ("", ".again", ".third"):
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        output = os.open(f"{file}{attempt}.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(output, 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.execvp(command[0], command)
    _, status, usage = os.wait4(child, 0)
    runs.append((time.monotonic() - started, usage.ru_maxrss // 1024, os.waitstatus_to_exitcode(status)))

read = lambda attempt: open(f"{file}{attempt}.json", "rb").read()
result = {
    "name": name,
    "file": f"{os.path.basename(file)}.json",
    "seconds": min(run[0] for run in runs),
    "megabytes": max(run[1] for run in runs),
    "exit": runs[0][2],
    "repeatable": read("") == read(".again") and len(read("")) > 0,
}
for attempt in (".again", ".third"):
    os.remove(f"{file}{attempt}.json")
with open(os.path.join(folder, "measured.ndjson"), "a", encoding="utf-8") as out:
    out.write(json.dumps(result) + "\n")
print(f"{name}: {result['seconds']:.2f} s, {result['megabytes']} MB, exit {result['exit']}")
