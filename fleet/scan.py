#!/usr/bin/env python3
"""Judges many packages, archives and skill folders, on one machine or on a Ray cluster; nothing else changes.

    fleet/scan.py LIST --results DIR --verifier openclaw-verify [--config POLICY] [--engine ray|plain] [--address ray://…] [--workers N]

LIST has one item a line: the path of a .tgz or of a folder, file://…, http(s)://…/x.tgz, or any other address that fsspec knows
(s3://…, gs://…; `pip install fsspec s3fs`). Each item is digested first: an archive by SHA-256 of its bytes, a folder by its tree
digest. What is in DIR already, and what stands in LIST twice, is not judged again; it is counted. An archive is judged by
`openclaw-verify archive`, a folder by `openclaw-verify tree`.

DIR gets Parquet partitioned by day, in parts that appear whole: a scan that is killed goes on where it was. An item that cannot be
had after three tries is a row with `error`, and is tried again by the next scan. A worker that is lost is replaced by Ray and what it
had in hand is done again, up to five times.

Exit 0: everything has a row. 1: some items have errors. 2: the call is wrong.
"""
import argparse
import contextlib
import datetime
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid

# Items that one task takes: some tenths of a second of work, so that handing them out costs little.
BATCH = 16
# Rows of one part.
PART = 512
MOST_BYTES = 512 << 20
TRIES = 3
COLUMNS = {
    "digest": "VARCHAR", "item": "VARCHAR", "kind": "VARCHAR", "exit": "INTEGER", "level": "VARCHAR", "findings": "VARCHAR[]",
    "tree": "VARCHAR", "files": "BIGINT", "bytes": "BIGINT", "message": "VARCHAR", "error": "VARCHAR", "tool": "VARCHAR", "at": "TIMESTAMP",
}


class Missing(Exception):
    """An item that cannot be had, or not judged."""


@contextlib.contextmanager
def at_hand(item):
    """The path of an item on this machine."""
    if item.startswith("file://"):
        item = item[len("file://"):]
    if "://" not in item:
        if not os.path.exists(item):
            raise Missing(f"{item} is not there")
        yield item
        return
    with tempfile.TemporaryDirectory(prefix="openclaw-scan-") as folder:
        path = os.path.join(folder, "item.tgz")
        for attempt in range(1, TRIES + 1):
            try:
                with opened(item) as source, open(path, "wb") as target:
                    copied = 0
                    while chunk := source.read(1 << 20):
                        copied += len(chunk)
                        if copied > MOST_BYTES:
                            raise Missing(f"{item} has more than {MOST_BYTES} bytes")
                        target.write(chunk)
                break
            except OSError as error:
                if attempt == TRIES:
                    raise Missing(f"{item}: {error}") from error
                time.sleep(attempt)
        yield path


def opened(item):
    if item.startswith(("http://", "https://")):
        return urllib.request.urlopen(item, timeout=60)
    try:
        import fsspec
    except ImportError as error:
        raise Missing(f"{item}: pip install fsspec and what it needs for this address") from error
    return fsspec.open(item, "rb").open()


def program(verifier, *arguments):
    """What the program prints in a format for machines, and how it ends."""
    run = subprocess.run([verifier, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, timeout=600)
    return run.returncode, run.stdout.decode()


def digested(item, verifier):
    """Digest and kind of an item; of a folder also what the tree says, so that it is read once."""
    with at_hand(item) as path:
        if os.path.isdir(path):
            code, text = program(verifier, "tree", path, "--format", "json", "--threads", "1")
            found = json.loads(text)
            if code:
                raise Missing(found.get("error", "no digest"))
            return found["tree"], "folder", found
        total = hashlib.sha256()
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                total.update(chunk)
        return "sha256:" + total.hexdigest(), "archive", None


def digest_batch(items, verifier):
    """A row with digest for each item; what is to be judged yet has no `exit`."""
    rows = []
    for item in items:
        row = {"item": item, "tool": None, "findings": []}
        try:
            row["digest"], row["kind"], found = digested(item, verifier)
            if found:
                row |= {"exit": 0, "tree": found["tree"], "files": found["files"], "bytes": found["bytes"]}
        except (Missing, OSError, ValueError, subprocess.TimeoutExpired) as error:
            row["error"] = str(error)
        rows.append(row)
    return rows


def judge_batch(rows, verifier, config):
    """The rows of archives, with the verdict."""
    for row in rows:
        try:
            with at_hand(row["item"]) as path:
                policy = ["--config", config] if config else []
                code, text = program(verifier, "archive", path, "--format", "jsonl", *policy)
            events = [json.loads(line) for line in text.splitlines()]
            if code > 1 or not events:
                raise Missing(events[0]["message"] if events else f"ended with {code}")
            subject = next((event for event in events if event["event"] == "subject"), events[-1])
            ids = sorted({found for event in events for found in event["findings"]})
            # A refused archive is one row that says why.
            last = events[-1]
            row |= {"exit": code, "level": last["level"] or ("deny" if code else None), "findings": ids, "tree": subject["tree"],
                    "message": next((event["message"] for event in events if event["message"]), None), "tool": last["tool"]}
        except (Missing, OSError, ValueError, subprocess.TimeoutExpired) as error:
            row["error"] = str(error)
    return rows


class Plain:
    """One after the other."""

    def __call__(self, task, batches, *more):
        for batch in batches:
            yield task(batch, *more)


class Cluster:
    """Ray: this machine's cores, or the cluster at an address."""

    def __init__(self, address, workers):
        import ray

        self.ray = ray
        local = {} if address else {"num_cpus": workers, "include_dashboard": False}
        ray.init(address=address, logging_level="WARNING", log_to_driver=False, **local)
        # Twice as many batches as can run are handed out, so that a list of millions is not in the store at once.
        self.most = max(4, 2 * int(ray.cluster_resources().get("CPU", workers)))

    def __call__(self, task, batches, *more):
        remote = self.ray.remote(max_retries=5)(task)
        batches, open_tasks = iter(batches), []
        while True:
            while len(open_tasks) < self.most and (batch := next(batches, None)):
                open_tasks.append(remote.remote(batch, *more))
            if not open_tasks:
                return
            ready, open_tasks = self.ray.wait(open_tasks, num_returns=1)
            yield from self.ray.get(ready)


class Results:
    """The folder of results."""

    def __init__(self, folder):
        import duckdb

        self.folder, self.db, self.rows = folder, duckdb.connect(), []
        os.makedirs(folder, exist_ok=True)
        columns = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
        self.db.execute(f"CREATE TABLE part ({columns})")

    def known(self):
        """Digests that have a verdict."""
        if not any(name.endswith(".parquet") for _, _, names in os.walk(self.folder) for name in names):
            return set()
        found = self.db.execute("SELECT DISTINCT digest FROM read_parquet(?) WHERE error IS NULL", [f"{self.folder}/*/*.parquet"])
        return {row[0] for row in found.fetchall()}

    def add(self, rows):
        self.rows += rows
        if len(self.rows) >= PART:
            self.flush()

    def flush(self):
        """Writes a part whole: readers never see half of one."""
        if not self.rows:
            return
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        values = [[row.get(name) if name != "at" else now for name in COLUMNS] for row in self.rows]
        self.db.executemany(f"INSERT INTO part VALUES ({', '.join('?' * len(COLUMNS))})", values)
        folder = f"{self.folder}/day={now.date()}"
        os.makedirs(folder, exist_ok=True)
        name = f"{folder}/{uuid.uuid4().hex}"
        self.db.execute(f"COPY part TO '{name}.tmp' (FORMAT parquet, COMPRESSION zstd)")
        os.rename(f"{name}.tmp", f"{name}.parquet")
        self.db.execute("DELETE FROM part")
        self.rows = []


def batches(things):
    batch = []
    for thing in things:
        batch.append(thing)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("list")
    parser.add_argument("--results", required=True)
    parser.add_argument("--verifier", required=True, help="the program, at the same place on every machine")
    parser.add_argument("--config", help="the folder of your policy")
    parser.add_argument("--engine", choices=["ray", "plain"], default="ray")
    parser.add_argument("--address", help="of a Ray cluster; without it, this machine")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args()
    verifier = shutil.which(given.verifier) or given.verifier
    if "'" in given.results or not os.access(verifier, os.X_OK):
        parser.error("--verifier is no program, or --results has a quote in it")
    began = time.monotonic()
    engine = Plain() if given.engine == "plain" else Cluster(given.address, given.workers)
    ready = time.monotonic()
    results = Results(given.results)
    known, again, errors, judged = results.known(), 0, 0, 0
    to_judge = []
    with open(given.list, encoding="utf-8") as file:
        items = (line.strip() for line in file)
        for rows in engine(digest_batch, batches(item for item in items if item), verifier):
            new = []
            for row in rows:
                if "error" in row:
                    errors += 1
                    new.append(row)
                elif row["digest"] in known:
                    again += 1
                else:
                    known.add(row["digest"])
                    (new if "exit" in row else to_judge).append(row)
            judged += sum("exit" in row for row in new)
            results.add(new)
    for rows in engine(judge_batch, batches(to_judge), verifier, given.config):
        errors += sum("error" in row for row in rows)
        judged += sum("error" not in row for row in rows)
        results.add(rows)
    results.flush()
    took = time.monotonic() - ready
    print(json.dumps({"engine": given.engine, "judged": judged, "known": again, "errors": errors, "start": round(ready - began, 1),
                      "seconds": round(took, 1), "each_second": round((judged + again + errors) / max(took, 0.001), 1)}))
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
