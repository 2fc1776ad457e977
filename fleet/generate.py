#!/usr/bin/env python3
"""Rows of a made-up fleet, to try recipes on: openclaw-verify.event/1, one JSON document a line.

    fleet/generate.py --hosts 10000 --out events.jsonl --truth truth.json [--seed 1] [--day 2026-11-28]

Each host has 31 subjects and a run. What honest fleets have, and a good question must not take for an attack: versions that roll out
(three at a time, the newest on a handful of hosts), skills and settings that one host alone has, hosts that did not report for two
days, hosts that failed. And ten hosts on each of which one thing was tampered with: other bytes under the same version.
"""
import argparse
import datetime
import hashlib
import json
import random

PLUGINS = [f"npm:@acme/plugin-{number}" for number in range(12)]
SKILLS = [f"skill:managed/skill-{number}" for number in range(12)]
SERVERS = [f"mcp:server-{number}" for number in range(3)]
SUBJECTS = ["core:openclaw", *PLUGINS, *SKILLS, *SERVERS, "config:openclaw", "agent:main", "service:openclaw-gateway.service"]
assert len(SUBJECTS) == 31
KINDS = {"core": "core", "npm": "plugin", "skill": "skill", "mcp": "mcp-server", "config": "config", "agent": "agent", "service": "service"}
KEYS = [
    "schema", "event", "at", "host", "tool", "full", "whole", "policy", "lock", "reviews", "advisories", "subject", "kind", "source", "version",
    "enabled", "tree", "dependencies", "definition", "settings", "instructions", "basis", "integrity", "pinning", "provenance", "review",
    "advisory", "level", "findings", "excepted", "message", "exit", "subjects", "deny", "warn", "note", "signature",
]
TAMPERINGS = 10


def digest(*words):
    return hashlib.sha256("\0".join(map(str, words)).encode()).hexdigest()


def row(**fields):
    return json.dumps({key: fields.get(key, [] if key in ("findings", "excepted") else None) for key in KEYS}, separators=(",", ":"))


def subject(host, name, version, tampered):
    kind = KINDS[name.split(":")[0]]
    mark = [host] if tampered else []
    found = {"enabled": True, "subject": name, "kind": kind, "source": "npm" if kind == "plugin" else "managed"}
    if kind in ("core", "plugin", "skill"):
        found |= {"version": version, "tree": "git-sha256:" + digest(name, version, *mark)}
    if kind in ("core", "plugin"):
        found["dependencies"] = "git-sha256:" + digest(name, version, "dependencies")
    if kind == "mcp-server":
        found["definition"] = "sha256:" + digest(name, "definition", *mark)
    if kind == "config":
        # Ports, names and channels: every host has its own.
        found |= {"definition": "sha256:" + digest(name, "definition"), "settings": "sha256:" + digest(name, host)}
    if kind == "agent":
        found |= {"tree": "git-sha256:" + digest(name), "instructions": "sha256:" + digest(name, "instructions", host)}
    if kind == "service":
        found["definition"] = "sha256:" + digest(name)
    verdict = {"integrity": "verified", "pinning": "verified", "provenance": "not-applicable", "review": "verified",
               "advisory": "verified", "basis": "locked"}
    return found | verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--day", type=datetime.date.fromisoformat, default=datetime.date(2026, 11, 28))
    parser.add_argument("--out", required=True)
    parser.add_argument("--truth", required=True)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    hosts = [f"gw-{number:05}.example.net" for number in range(given.hosts)]
    chosen = chance.sample(hosts, TAMPERINGS)
    # Each kind of code at least once.
    targets = ["core:openclaw", *chance.sample(PLUGINS, 4), *chance.sample(SKILLS, 3), *chance.sample(SERVERS, 2)]
    tampered = dict(zip(chosen, targets, strict=True))
    honest = [host for host in hosts if host not in tampered]
    silent, failed, alone = (set(chance.sample(honest, max(1, given.hosts // part))) for part in (500, 700, 300))
    canary = set(chance.sample(honest, max(1, given.hosts // 2000)))
    lock, policy = "sha256:" + digest("lock"), "sha256:" + digest("policy")
    with open(given.out, "w", encoding="utf-8") as out:
        for host in hosts:
            day = given.day - datetime.timedelta(days=3 if host in silent else 0)
            at = f"{day}T{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}.000Z"
            common = {"schema": "openclaw-verify.event/1", "at": at, "host": host, "tool": "0.1.0", "full": True, "whole": True, "policy": policy, "lock": lock}
            if host in failed:
                out.write(row(**common | {"event": "failed", "full": False, "whole": False, "exit": 2, "message": "the disk is full"}) + "\n")
                continue
            names = list(SUBJECTS)
            if host in alone:
                names[-4] = f"skill:workspace/own-{host}"
            for name in names:
                version = "1.2.0" if chance.random() < 0.7 else "1.1.0"
                if host in canary and name in PLUGINS:
                    version = "1.3.0"
                out.write(row(**common | {"event": "subject"} | subject(host, name, version, tampered.get(host) == name)) + "\n")
            out.write(row(**common | {"event": "run", "exit": 0, "subjects": len(names), "deny": 0, "warn": 0, "note": 0}) + "\n")
    with open(given.truth, "w", encoding="utf-8") as truth:
        json.dump({"tampered": sorted(map(list, tampered.items())), "silent": sorted(silent), "failed": sorted(failed)}, truth, indent=1)


if __name__ == "__main__":
    main()
