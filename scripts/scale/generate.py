#!/usr/bin/env python3
"""Makes an installation of a given size, for measurements:

    scripts/scale/generate.py KIND COUNT FOLDER

FOLDER/state and FOLDER/config are for --state-dir and --config. Kinds: skills, plugins (installed from npm, seven files each), files
(one plugin of so many files), lock, rules, exceptions, reviews (each beside 100 skills).
"""
import base64
import hashlib
import json
import pathlib
import sqlite3
import sys

TREE = "git-sha256:" + hashlib.sha256(b"tree").hexdigest()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def skills(state, count):
    for n in range(count):
        folder = state / f"workspace/skills/skill-{n}"
        write(folder / "SKILL.md", f"---\nname: skill-{n}\ndescription: does {n}\nversion: 1.0.{n}\n---\nDo {n}.\n")
        write(folder / "scripts/run.sh", f"#!/bin/sh\necho {n}\n")


def plugins(state, count, files=4):
    records = {}
    for n in range(count):
        name, ident = f"@acme/plugin-{n}", f"plugin-{n}"
        project = state / "npm/projects" / f"acme-plugin-{n}-{hashlib.sha256(name.encode()).hexdigest()[:10]}"
        place = project / "node_modules" / name
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(name.encode()).digest()).decode()
        address = f"https://registry.example/{name}/-/plugin-{n}-1.0.0.tgz"
        entry = {"version": "1.0.0", "resolved": address, "integrity": integrity}
        packages = {f"node_modules/{name}": entry}
        write(project / "package.json", json.dumps({"private": True, "dependencies": {name: "1.0.0"}}))
        root = {"": {"dependencies": {name: "1.0.0"}}}
        lock = {"name": "stage", "lockfileVersion": 3, "requires": True, "packages": {**root, **packages}}
        write(project / "package-lock.json", json.dumps(lock))
        write(project / "node_modules/.package-lock.json", json.dumps({"name": "stage", "lockfileVersion": 3, "requires": True, "packages": packages}))
        package = {"name": name, "version": "1.0.0", "type": "module", "main": "index.js", "openclaw": {"extensions": ["./index.js"]}}
        write(place / "package.json", json.dumps(package))
        write(place / "index.js", f'export default {{ id: "{ident}", register() {{}} }};\n')
        schema = {"type": "object", "additionalProperties": False, "properties": {}}
        write(place / "openclaw.plugin.json", json.dumps({"id": ident, "name": ident, "version": "1.0.0", "configSchema": schema}))
        for f in range(files - 3):
            write(place / f"lib/{f % 100}/{f}.js", f"export const value = {n * 1000003 + f};\n")
        records[ident] = {
            "source": "npm", "spec": f"{name}@1.0.0", "installPath": str(place), "version": "1.0.0", "resolvedName": name,
            "resolvedVersion": "1.0.0", "resolvedSpec": f"{name}@1.0.0", "integrity": integrity,
            "resolvedAt": "2026-11-22T12:03:51.130Z", "installedAt": "2026-11-22T12:03:52.579Z",
        }
    (state / "state").mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(state / "state/openclaw.sqlite")
    db.execute("CREATE TABLE config_machine_state (state_key TEXT NOT NULL PRIMARY KEY, value_json TEXT NOT NULL, updated_at_ms INTEGER NOT NULL) STRICT")
    index = {"revision": 1, "index": {"version": 1, "hostContractVersion": "2026.9.6", "installRecords": records, "plugins": [], "diagnostics": []}}
    db.execute("INSERT INTO config_machine_state VALUES ('plugins.installedIndex', ?, 1)", (json.dumps(index),))
    db.commit()
    db.close()


def operator_file(kind, config, count):
    entries = {
        "lock": lambda n: f'[[package]]\nid = "skill:managed/gone-{n}"\nkind = "skill"\nsource = "unrecorded"\ntree = "{TREE}"\n',
        "rules": lambda n: f'[[rule]]\nmatch = "skill:managed/gone-{n}"\nreview = "none"\n',
        "exceptions": lambda n: f'[[exception]]\npackage = "skill:managed/gone-{n}"\ntree = "{TREE}"\nallow = ["unreviewed"]\nreason = "measured"\nuntil = 2026-12-20\n',
        "reviews": lambda n: f'[[review]]\npackage = "skill:managed/gone-{n}"\ntree = "git-sha256:{hashlib.sha256(str(n).encode()).hexdigest()}"\nversion = "1.0.{n}"\ncriteria = "safe-to-run"\nby = "Ada <ada@example.org>"\ndate = 2026-11-01\n',
    }[kind]
    name = {"lock": "openclaw-verify.lock", "reviews": "openclaw-reviews.toml"}.get(kind, "openclaw-verify.toml")
    write(config / name, "version = 1\n" + ("revision = 1\n" if kind == "lock" else "") + "\n" + "\n".join(entries(n) for n in range(count)))


def main():
    kind, count, folder = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3]).resolve()
    state, config = folder / "state", folder / "config"
    state.mkdir(parents=True)
    config.mkdir()
    if kind == "skills":
        skills(state, count)
    elif kind == "plugins":
        plugins(state, count)
    elif kind == "files":
        plugins(state, 1, count)
    else:
        skills(state, 100)
        # Where nothing that is locked is there, this is what says that it is a state directory.
        write(state / "openclaw.json", "{}")
        operator_file(kind, config, count)


main()
