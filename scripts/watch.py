#!/usr/bin/env python3
"""Measures `openclaw-verify watch` on a real OpenClaw.

    scripts/watch.py REAL VERIFIER [CHANGES]

REAL is an installation as ../shared/tools/real-openclaw.sh makes it (REAL/app/node_modules/openclaw, REAL/home/.openclaw).

1. Coverage: every folder that a check lists, and every folder of a file that it opens, is one that watch has a watch on (strace and
   /proc/PID/fdinfo are the judges). Folders of the system, of the kernel and of this program itself are left out by name.
2. CHANGES (100) bytes at random places of the judged folders are changed in place, one by one, and put back: each has to be told in
   less than a second and by the subject that holds it.
3. Idle: CPU time of the process over 30 seconds in which nothing happens.
4. Noise: the same while a file of OpenClaw's logs grows 20 times a second.

Everything is put back. Exit 1 when a change was not told or a folder is not watched; figures are printed.
"""
import json
import os
import queue
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

REAL, VERIFIER = (os.path.realpath(path) for path in sys.argv[1:3])
CHANGES = int(sys.argv[3]) if len(sys.argv) > 3 else 100
STATE, HOST = f"{REAL}/home/.openclaw", f"{REAL}/app/node_modules/openclaw"
NOT_JUDGED = re.compile(r"^/(proc|sys|dev|lib|lib64|usr/lib/x86_64-linux-gnu|etc/ld\.so.*)(/|$)|/\.openclaw-verify-|/\.cache/openclaw-verify")


class Watch:
    def __init__(self, arguments):
        self.process = subprocess.Popen([VERIFIER, "watch", *arguments], stdout=subprocess.PIPE, text=True)
        self.rows = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.rows.put((time.monotonic(), json.loads(line)))

    def run(self, limit):
        """When the next verdict was told, and its rows."""
        rows, end = [], time.monotonic() + limit
        while time.monotonic() < end:
            try:
                at, row = self.rows.get(timeout=0.1)
            except queue.Empty:
                continue
            rows.append(row)
            if row["event"] in ("run", "failed"):
                return at, rows
        return None, rows

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def inodes(self):
        found = set()
        folder = f"/proc/{self.process.pid}/fdinfo"
        for name in os.listdir(folder):
            with open(f"{folder}/{name}", encoding="ascii") as file:
                found |= {int(inode, 16) for inode in re.findall(r"^inotify wd:\S+ ino:(\S+)", file.read(), re.M)}
        return found


def looked_at(arguments, folder):
    """Folders that a check listed, and those of files that it opened."""
    trace = f"{folder}/trace"
    subprocess.run(
        ["strace", "-f", "-y", "-qq", "-e", "trace=getdents64,read,pread64", "-o", trace, VERIFIER, "check", "-q", *arguments],
        stdout=subprocess.DEVNULL, check=False)
    listed, files = set(), set()
    with open(trace, encoding="utf-8", errors="replace") as file:
        for line in file:
            call = re.search(r"(getdents64|read|pread64)\(\d+<([^>]*)>", line)
            if call:
                (listed if call[1] == "getdents64" else files).add(call[2])
    listed |= {os.path.dirname(path) for path in files if path.startswith("/")}
    return sorted(path for path in listed if os.path.isdir(path) and not NOT_JUDGED.search(path))


def candidates():
    found = []
    for part in [f"{STATE}/{name}" for name in ("extensions", "npm", "git", "skills", "hooks", "workspace/skills")] + [f"{REAL}/app/node_modules"]:
        files = []
        for folder, folders, names in os.walk(part):
            # What git keeps, and records beside a skill, are in no digest: a change of one is told where it says something else.
            folders[:] = [name for name in folders if name not in (".git", ".openclaw", ".clawhub")]
            files += [f"{folder}/{name}" for name in names]
        usual = [path for path in files if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path)
                 and not path.endswith("/.package-lock.json")]
        if usual:
            found.append(usual)
    return found


def main():
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--state-dir", STATE, "--openclaw", HOST, "--config", f"{folder}/config"]
        subprocess.run([VERIFIER, "lock", "--init", *arguments], stdout=subprocess.DEVNULL, check=False)
        began = time.monotonic()
        watch = Watch(arguments)
        at, rows = watch.run(120)
        if at is None:
            sys.exit("no first verdict")
        print(f"first verdict: {at - began:.2f} s, {watch.cpu():.2f} s CPU, {len(rows)} rows; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        watched = watch.inodes()
        places = looked_at(arguments, folder)
        unwatched = [path for path in places if os.stat(path).st_ino not in watched and not path.startswith(folder)]
        print(f"coverage: {len(places)} folders were looked into, {len(unwatched)} of them are not watched")
        wrong += [f"not watched: {path}" for path in unwatched]

        parts, latencies, cpu = candidates(), [], []
        chance = random.Random(int.from_bytes(os.urandom(4), "big"))
        for _ in range(CHANGES):
            path = chance.choice(chance.choice(parts))
            with open(path, "rb") as file:
                before = file.read()
            times = os.stat(path)
            at_byte = chance.randrange(len(before))
            used, began = watch.cpu(), time.monotonic()
            with open(path, "r+b") as file:
                file.seek(at_byte)
                file.write(bytes([before[at_byte] ^ 1]))
            at, rows = watch.run(20)
            if at is None or rows[-1].get("exit") != 1:
                wrong.append(f"not told: byte {at_byte} of {path}")
            else:
                latencies.append(at - began)
                cpu.append(watch.cpu() - used)
            with open(path, "r+b") as file:
                file.seek(at_byte)
                file.write(before[at_byte:at_byte + 1])
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            if at is not None:
                watch.run(20)
        latencies.sort()
        if latencies:
            within = sum(latency < 1 for latency in latencies)
            print(f"changes: {len(latencies)} of {CHANGES} told, {within} in under 1 s; median {latencies[len(latencies) // 2]:.2f} s, "
                  f"most {latencies[-1]:.2f} s; CPU a change {sorted(cpu)[len(cpu) // 2]:.2f} s")

        used = watch.cpu()
        time.sleep(30)
        print(f"idle: {(watch.cpu() - used) / 30:.3%} of a core")
        used, logs = watch.cpu(), f"{STATE}/logs"
        there = os.path.isdir(logs)
        os.makedirs(logs, exist_ok=True)
        for _ in range(200):
            with open(f"{logs}/noise.log", "a", encoding="ascii") as file:
                file.write("a line\n")
            time.sleep(0.05)
        print(f"a log that grows: {(watch.cpu() - used) / 10:.3%} of a core")
        os.remove(f"{logs}/noise.log")
        if not there:
            os.rmdir(logs)
        watch.process.terminate()
        code = watch.process.wait()
        if code != 143:
            wrong.append(f"ended with {code}")
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


main()
