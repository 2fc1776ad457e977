#!/usr/bin/env python3
"""Runs scan.py on made-up packages and skills: by Ray with two workers, one of which is killed in the middle, by a plain loop, and
`xargs -P2` beside them.

    fleet/scan_check.py VERIFIER [COUNT]      (2000; needs fleet/requirements-scan.txt)

Fails where a row is missing or is there twice, where the engines disagree, or where a second scan judges something again.
"""
import glob
import io
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

import duckdb

HERE = os.path.dirname(os.path.abspath(__file__))
VERIFIER = os.path.abspath(sys.argv[1])
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 2000


def archive(path, name, files):
    with tarfile.open(path, "w:gz", format=tarfile.USTAR_FORMAT) as tar:
        for file, text in {"package.json": json.dumps({"name": name, "version": "1.0.0"}), **files}.items():
            info = tarfile.TarInfo(f"package/{file}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))


def material(folder):
    """Half packages, half skills; every twentieth is a copy of the one before."""
    chance, items = random.Random(5), []
    for number in range(COUNT):
        shown = number - 1 if number % 20 == 19 else number
        body = "".join(chr(97 + (shown * 7 + at) % 26) for at in range(200 + shown % 900))
        if shown % 2:
            path = f"{folder}/p-{number}.tgz"
            files = {"index.js": f"// {body}\n"}
            if shown % 100 == 1:
                files["../out"] = "leads out"
            archive(path, f"made-{shown}", files)
        else:
            path = f"{folder}/s-{number}"
            os.makedirs(f"{path}/scripts")
            with open(f"{path}/SKILL.md", "w", encoding="utf-8") as file:
                file.write(f"---\nname: made-{shown}\ndescription: made\n---\n{body}\n")
            with open(f"{path}/scripts/run.sh", "w", encoding="utf-8") as file:
                file.write(f"echo {shown}\n")
        items.append(path)
    chance.shuffle(items)
    with open(f"{folder}/list", "w", encoding="utf-8") as file:
        file.writelines(f"{item}\n" for item in items)
    return items


def start(folder, engine, results):
    return subprocess.Popen([sys.executable, f"{HERE}/scan.py", f"{folder}/list", "--results", results, "--verifier", VERIFIER,
                             "--config", f"{folder}/policy", "--engine", engine, "--workers", "2"], stdout=subprocess.PIPE, text=True)


def rows(results):
    sql = 'SELECT * EXCLUDE ("at", day, item) FROM read_parquet(?, hive_partitioning = true) ORDER BY digest'
    return duckdb.connect().execute(sql, [f"{results}/*/*.parquet"]).fetchall()


def kill_a_worker(process, killed):
    """Kills one worker of Ray that belongs to the scan and has a task, once there are any."""
    end = time.monotonic() + 300
    while time.monotonic() < end and process.poll() is None:
        for status in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(status, "rb") as file:
                    name = file.read().split(b"\0")[0]
                pid = int(status.split("/")[2])
                if name in (b"ray::digest_batch", b"ray::judge_batch") and of_session(pid, process.pid):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(name.decode())
                    return
            except (OSError, ProcessLookupError):
                continue
        time.sleep(0.01)


def of_session(pid, scan):
    """Whether a process descends from the scan: nothing else of this machine is touched."""
    while pid > 1:
        if pid == scan:
            return True
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            pid = int(file.read().rsplit(")", 1)[1].split()[1])
    return False


def main():
    with tempfile.TemporaryDirectory(prefix="scan-") as folder:
        os.mkdir(f"{folder}/policy")
        items = material(folder)
        print(f"{len(items)} items, load {os.getloadavg()[0]:.1f}")
        killed = []
        process = start(folder, "ray", f"{folder}/ray")
        kill_a_worker(process, killed)
        said, _ = process.communicate()
        print(f"ray, one worker killed ({killed}): {said.strip()}")
        if not killed:
            sys.exit("no worker was killed")
        process = start(folder, "plain", f"{folder}/plain")
        said, _ = process.communicate()
        print(f"plain loop: {said.strip()}")
        by_ray, by_loop = rows(f"{folder}/ray"), rows(f"{folder}/plain")
        if by_ray != by_loop:
            sys.exit(f"the engines disagree: {len(by_ray)} and {len(by_loop)} rows; {sorted(set(map(str, by_ray)) ^ set(map(str, by_loop)))[:3]}")
        digests = [row[0] for row in by_ray]
        if len(set(digests)) != len(digests):
            sys.exit("a digest was judged twice")
        wanted = len(items) - len(items) // 20
        if len(digests) != wanted:
            sys.exit(f"{len(digests)} rows, {wanted} wanted")
        refused = sum(row[2] == 1 for row in by_ray)
        print(f"same {len(digests)} rows by both, {refused} archives refused, none judged twice")
        process = start(folder, "plain", f"{folder}/ray")
        again = json.loads(process.communicate()[0])
        if again["judged"] or again["known"] != len(items):
            sys.exit(f"judged again: {again}")
        began = time.monotonic()
        script = 'case $1 in *.tgz) exec "$0" archive "$1" --format jsonl --config "$2" ;; *) exec "$0" tree "$1" --format json ;; esac'
        subprocess.run(["xargs", "-P2", "-I{}", "sh", "-c", script, VERIFIER, "{}", f"{folder}/policy"], stdin=open(f"{folder}/list", "rb"),
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        took = time.monotonic() - began
        print(f"xargs -P2: {took:.1f} s, {len(items) / took:.0f} each second, every item, copies too")


main()
