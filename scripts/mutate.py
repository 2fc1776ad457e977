#!/usr/bin/env python3
"""Structure-aware mutation over whole states, kills, and writers at the same time.

    scripts/mutate.py mutate N [--seed S] [--jobs J]
    scripts/mutate.py kills N [--seed S]
    scripts/mutate.py writers N
    scripts/mutate.py paths 1

`mutate` changes one file at a time of an installation (testdata/states/home after `lock --init`), of the operator's files, of what
options name (archives, skills, statements, backups, files about a machine), of signed files, of a clone, and of a gate's request: keys gone, doubled, renamed, of another type; lines gone, doubled, swapped, very
long; values replaced by characters that a terminal obeys; pages and bytes of databases, archives and objects; a link, a folder or
nothing in the file's place. Then it runs a verb on it and fails on:

- an exit code that docs/cli.md does not have, or a panic;
- a run of more than 10 seconds (measured again alone before it counts);
- a character on either stream that a terminal obeys;
- a format for machines that is none;
- exit 0 where code that is locked differs, or where the lock says something else (`lock --check`), or a trust file was damaged and
  yet read, or a skill, a statement or a file of the operator is not what was signed.

`paths` gives every option that takes a path each such character, in a place that is there and in one that is not. `kills` ends runs of `lock` and `check` by SIGKILL at random moments: the lock is the old or the new one, and the next run leaves
nothing of the killed one. `writers` starts N `lock ID`, N `policy except` and N `release --pin` at the same time.

Every case depends on seed and number only; a failure prints both, and `--only NUMBER` runs it again and keeps its folder. Exit 1
where anything failed. OPENCLAW_VERIFY_BIN is the program (default: target/debug, else target/release).
"""

import argparse
import base64
import concurrent.futures
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import xml.dom.minidom
import zipfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOW = "2026-11-22T12:00:00Z"
# When the certificate of testdata/signed-skill is valid.
VALID = "2026-12-24T12:00:00Z"
DATES = {"GIT_AUTHOR_DATE": "2026-11-01T12:00:00Z", "GIT_COMMITTER_DATE": "2026-11-01T12:00:00Z"}
HANG = 10
# Verbs that give no report in the formats of CI.
BRIEF = ("lock", "review", "policy", "sbom", "update", "checklist", "attestation")
# C0, C1, bidi, zero-width, tags: what crates/verify-core/src/text.rs names.
HAZARD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e01ef]"
)
NASTY = ["\x1b]0;x\x07", "\x1b[2J", "\x9b31m", "\u202e", "\u200b", "\r", "\x00", "\ufeff", "\U000e0041", "\x7f", "\b"]
ODD = [None, True, False, 0, -1, 1e308, 2**63, "", "x" * 70_000, [], {}, [[]], "../../etc/passwd", "/", "__proto__", "\ud800"]


def program():
    named = os.environ.get("OPENCLAW_VERIFY_BIN")
    found = [Path(named)] if named else [ROOT / "target" / kind / "openclaw-verify" for kind in ("debug", "release")]
    for path in found:
        if path.is_file():
            return path.resolve()
    sys.exit("no program: set OPENCLAW_VERIFY_BIN")


class Place:
    """One installation to tamper with, and what restores it."""

    def __init__(self, bin, root):
        self.bin, self.root = bin, Path(root)
        self.state, self.config, self.home = self.root / "state", self.root / "config", self.root / "home"
        self.tmp, self.more = self.root / "tmp", self.root / "more"
        for folder in (self.config, self.home, self.tmp, self.more):
            folder.mkdir(parents=True)
        shutil.copytree(ROOT / "testdata/states/home/.openclaw", self.state, symlinks=True)
        self.ok(["lock", "--init"])
        tree = tomllib.loads((self.config / "openclaw-verify.lock").read_text())["package"][0]["tree"]
        (self.config / "openclaw-reviews.toml").write_text(
            f'version = 1\n\n[[review]]\npackage = "archive:acme-archived"\nversion = "1.4.0"\ntree = "{tree}"\n'
            'criteria = "safe-to-run"\nby = "Ada <ada@example.org>"\ndate = 2026-11-22\nnotes = "read"\n'
        )
        shutil.copy(self.config / "openclaw-reviews.toml", self.more / "imported.toml")
        policy = self.config / "openclaw-verify.toml"
        digest = hashlib.sha256((self.more / "imported.toml").read_bytes()).hexdigest()
        team = f'\n[imports.team]\npath = "../more/imported.toml"\ndigest = "sha256:{digest}"\n'
        # What advisories say of a package that is there, and that the team says it is none.
        record = {
            "id": "GHSA-1", "modified": "2026-11-20T00:00:00Z",
            "affected": [{"package": {"ecosystem": "npm", "name": "@acme/packed"}, "versions": ["1.2.0"]}],
        }
        (self.more / "record.json").write_text(json.dumps(record))
        vex = {
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.org/1", "author": "Ada", "version": 1,
            "timestamp": "2026-11-20T00:00:00Z",
            "statements": [{
                "vulnerability": {"name": "GHSA-1", "aliases": ["CVE-1"]}, "products": [{"@id": "pkg:npm/%40acme/packed@1.2.0"}],
                "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path",
            }],
        }
        (self.more / "vex.json").write_text(json.dumps(vex, indent=1))
        known = '\n[advisories]\nindex = "../more/advisories.index"\n\n[[vex]]\npath = "../more/vex.json"\nuntil = 2026-12-20\n'
        policy.write_text(policy.read_text() + team + known)
        self.ok(["advisories", "import", str(self.more / "record.json")])
        self.clone()
        shutil.copy(ROOT / "crates/verify-core/src/provenance/npm/keys.json", self.more / "keys.json")
        roots = sorted(Path.home().glob(".cargo/registry/src/*/sigstore-trust-root-*/src/trusted_root.json"))
        if roots:
            shutil.copy(roots[-1], self.more / "root.json")
        archive = next(self.state.glob("npm/projects/*/_openclaw-pack-archives/*.tgz"))
        shutil.copy(archive, self.more / "a.tgz")
        plugin = self.state / "extensions/acme-notes"
        request = {
            "protocolVersion": 1, "openclawVersion": "2026.9.6", "targetName": "acme-notes", "targetType": "plugin",
            "sourcePath": str(plugin), "sourcePathKind": "directory",
            "source": {"kind": "local-path", "authority": "user", "mutable": True, "network": False},
            "origin": {"type": "plugin-package"}, "request": {"kind": "plugin-dir", "mode": "install"},
            "plugin": {"contentType": "package", "pluginId": "acme-notes"},
        }
        (self.more / "request.json").write_text(json.dumps(request))
        self.ok(["check"])
        self.ok(["release", str(self.root / "clone"), "v1.0.0", "--repository", "github.com/acme/a", "--signers", str(self.more / "signers")])
        made = self.ok(["sbom"])
        (self.more / "old.cdx.json").write_bytes(made.stdout)
        self.signed()
        self.skills()
        self.backup()
        self.machine()
        self.listing()

    def signed(self):
        """The operator's three files, signed, and what `check` says of a state as a statement, by an SSH key and in a bundle."""
        folder, key = self.root / "signed", self.more / "key"
        folder.mkdir()
        self.ok(["lock", "--init", "--config", str(folder)])
        self.ok(["policy", "sign", "--sign-ssh", str(key), "--config", str(folder)])
        self.ok(["check", "--config", str(folder), "--signers", str(self.more / "signers")])
        self.ok(["check", "--attest", str(self.more / "statement.json"), "--sign-ssh", str(key)])
        private, public = str(self.more / "private.pem"), str(self.more / "public.pem")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
        Path(private).chmod(0o600)
        self.ok(["check", "--attest", str(self.more / "bundle.json"), "--sign-key", private])

    def skills(self):
        """Two signed skills, of a key and of a certificate, each with a policy that demands its signer; also packed."""
        for by, rule in (("by-key", 'key = "key.pem"'), ("by-certificate", 'certificate = "root.pem"')):
            folder = self.root / by
            folder.mkdir()
            for name in ("key.pem", "root.pem"):
                shutil.copy(ROOT / "testdata/signed-skill" / name, folder)
            shutil.copytree(ROOT / "testdata/signed-skill" / by / "weather", folder / "weather")
            text = f'version = 1\npreset = "homelab"\n\n[[skill-signer]]\nmatch = "skill:**"\n{rule}\n'
            (folder / "openclaw-verify.toml").write_text(text)
            files = sorted(path for path in (folder / "weather").rglob("*") if path.is_file())
            with zipfile.ZipFile(folder / "weather.zip", "w", zipfile.ZIP_DEFLATED) as packed:
                for path in files:
                    packed.write(path, path.relative_to(folder))
            with tarfile.open(folder / "weather.tgz", "w:gz") as packed:
                packed.add(folder / "weather", "weather")
            for name in ("weather", "weather.zip", "weather.tgz"):
                self.ok(self.skill(by, name))

    def skill(self, by, name):
        return ["skill", str(self.root / by / name), "--config", str(self.root / by), "--now", VALID]

    def backup(self):
        """As `openclaw fleet backup` packs a cell: no links."""
        manifest = self.root / "manifest.json"
        manifest.write_text('{"schemaVersion":1,"kind":"openclaw-fleet-cell-backup","tenant":"acme","image":"openclaw"}')
        with tarfile.open(self.more / "backup.tgz", "w:gz", format=tarfile.USTAR_FORMAT) as packed:
            packed.add(manifest, "manifest.json")
            packed.add(self.state, "data", filter=lambda entry: None if entry.issym() or entry.islnk() else entry)
        self.run(["check", "--backup", str(self.more / "backup.tgz")])

    def machine(self):
        """What `host` is given about a machine, and a machine: users, groups and the kernel's tables."""
        web = {"a.ts.net:443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:18789"}}}}
        inspected = {
            "Name": "/openclaw", "Config": {"Env": ["A_TOKEN=sesame"], "Image": "openclaw"},
            "HostConfig": {"Privileged": True, "Binds": ["/:/h:ro"], "CapAdd": ["ALL"]},
            "NetworkSettings": {"Ports": {"18789/tcp": [{"HostIp": "0.0.0.0", "HostPort": "18789"}]}},
        }
        compose = (
            "x-base: &base\n  environment: {A_TOKEN: sesame, B: '${C:-${D}}'}\nservices:\n  openclaw:\n    <<: *base\n"
            "    image: ${I:-a}:latest\n    ports: ['${H:-0.0.0.0}:18789:18789/tcp', {target: 18789, host_ip: '::1'}]\n"
            "    volumes: ['/:/h', {type: bind, source: ~/x, target: /x}]\n    extends: {service: b}\n  b: {privileged: true}\n"
        )
        digest = "sha512-" + base64.b64encode(bytes(64)).decode()
        process = "proc/77/"
        tcp = "  sl  local_address rem_address st\n   0: 00000000:4965 00000000:0000 0A 0:0 00:0 0 1 0 42 1 0 100 0 0 10 0\n"
        texts = {
            "compose.yml": compose,
            "inspect.json": json.dumps([inspected]),
            "daemon.json": json.dumps({"default-runtime": "runsc", "runtimes": {"runsc": {"path": "/usr/bin/runsc"}}, "ip": "127.0.0.1"}),
            "serve.json": json.dumps({"TCP": {"443": {"HTTPS": True}}, "Web": web, "AllowFunnel": {"a.ts.net:443": True}}),
            "pins/zalo.nix": f'{{\n  pluginId = "zalo";\n  version = "2026.6.9";\n  hash = "{digest}";\n}}\n',
            "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nclaw:x:1000:1000::/home/claw:/bin/sh\n",
            "etc/group": "root:x:0:\nclaw:x:1000:\ndocker:x:999:claw\n",
            "proc/self/mountinfo": "1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n2 1 0:2 / /srv rw - nfs4 a:/b rw\n",
            "proc/self/uid_map": "         0          0 4294967295\n",
            "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 1000 0 -2\n",
            process + "comm": "openclaw-gatewa\n",
            process + "cmdline": "openclaw-gateway\0",
            process + "status": "Name:\topenclaw\nUid:\t1\t1\t1\t1\n",
            process + "environ": f"OPENCLAW_STATE_DIR={self.state}\0",
            process + "attr/current": "openclaw-gateway (enforce)\n",
            process + "net/tcp": tcp,
        }
        unit = self.home / ".config/systemd/user/openclaw-gateway.service"
        for path, text in [*((self.more / name, text) for name, text in texts.items())]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        unit.parent.mkdir(parents=True)
        shutil.copy(ROOT / "profiles/openclaw-gateway.service", unit)
        self.machine_files = [self.more / name for name in texts] + [unit]

    def clone(self):
        key, clone = self.more / "key", self.root / "clone"
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", key], **quiet)
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1", **DATES}
        git = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "gpg.format=ssh", "-c", f"user.signingkey={key}"]
        subprocess.run([*git, "init", "-q", clone], env=environment, **quiet)
        (clone / "a").write_text("a\n")
        subprocess.run([*git, "-C", clone, "add", "."], env=environment, **quiet)
        subprocess.run([*git, "-C", clone, "commit", "-qm", "a"], env=environment, **quiet)
        subprocess.run([*git, "-C", clone, "tag", "-s", "-m", "v1", "v1.0.0"], env=environment, **quiet)
        public = (self.more / "key.pub").read_text().split()
        (self.more / "signers").write_text(f"ada@example.org {public[0]} {public[1]}\n")
        tag = subprocess.run(["git", "-C", clone, "cat-file", "tag", "v1.0.0"], env=environment, capture_output=True, check=True)
        (self.more / "tag").write_bytes(tag.stdout)

    def listing(self):
        """What can be changed: path, kind, and the verbs that read it."""
        both = [["check"], ["lock", "--check"], ["review"], ["sbom"]]
        self.targets = []
        for path in sorted(p for p in self.state.rglob("*") if p.is_file() and not p.is_symlink()):
            kind = {".json": "json", ".sqlite": "sqlite", ".tgz": "bytes", ".md": "text", ".js": "text", ".sh": "text"}
            self.targets.append((path, kind.get(path.suffix, "bytes"), [*both, ["lock"]], self.locked(path)))
        for name in ("openclaw-verify.lock", "openclaw-verify.toml", "openclaw-reviews.toml"):
            oracle = "lock" if name.endswith(".lock") else None
            self.targets += [(self.config / name, "toml", [*both, ["check", "--lock-only"]], oracle)] * 4
        self.targets += [(self.more / "imported.toml", "toml", both, None)] * 2
        release = ["release", str(self.root / "clone"), "v1.0.0", "--repository", "github.com/acme/a"]
        signers = [*release, "--signers", str(self.more / "signers")]
        raw = ["release", "--object", str(self.more / "tag"), "v1.0.0", "--repository", "github.com/acme/a", "--signers", str(self.more / "signers")]
        self.targets += [(self.more / "signers", "text", [signers, raw], None)] * 4
        self.targets += [(self.more / "tag", "text", [raw], "signed")] * 4
        objects = [p for p in (self.root / "clone/.git").rglob("*") if p.is_file() and "hooks" not in p.parts]
        self.targets += [(path, "bytes", [signers], None) for path in objects]
        archive = ["archive", str(self.more / "a.tgz")]
        self.targets += [(self.more / "a.tgz", "bytes", [archive], None)] * 4
        self.targets += [(self.more / "keys.json", "json", [[*archive, "--npm-keys", str(self.more / "keys.json")]], "strict")] * 4
        if (self.more / "root.json").exists():
            self.targets += [(self.more / "root.json", "json", [[*archive, "--trusted-root", str(self.more / "root.json")]], "strict")] * 4
        again = ["advisories", "import", "--index", str(self.more / "other.index")]
        self.targets += [(self.more / "vex.json", "json", both, None)] * 4
        self.targets += [(self.more / "advisories.index", "bytes", [*both, ["advisories"]], None)] * 4
        self.targets += [(self.more / "record.json", "json", [[*again, str(self.more / "record.json")]], None)] * 4
        self.targets += [(self.more / "old.cdx.json", "json", [["sbom", "--diff", str(self.more / "old.cdx.json")]], None)] * 2
        self.targets += [(self.more / "request.json", "json", [["gate"]], None)] * 6

        self.later()

    def later(self):
        """What is read by the verbs about skills, statements, backups, machines and signed files, and what changes the policy."""
        policy = [
            ["policy", "set", "host.check=true"], ["policy", "prune"], ["policy", "renew", "--until", "2027-01-31"],
            ["policy", "except", "path:acme-notes", "unreviewed", "--until", "2027-01-31", "--reason", "x"],
            ["policy", "add", "mutable", "package=skill:workspace/weather", "paths=a/*"], ["policy", "source", "https://registry.example/"],
        ]
        writing = [[*verb, "--yes"] for verb in policy]
        record = ["review", "path:acme-notes", "--record", "--criteria", "safe-to-run", "--by", "Ada <ada@example.org>", "--yes"]
        self.targets += [(self.config / "openclaw-verify.toml", "toml", writing, None)] * 4
        self.targets += [(self.config / "openclaw-reviews.toml", "toml", [record, ["update", "path:acme-notes", "--yes"]], None)] * 3
        self.targets += [(self.config / "openclaw-verify.lock", "toml", [record, ["update", "path:acme-notes", "--yes"]], None)] * 3

        signed = self.root / "signed"
        demanded = ["check", "--config", str(signed), "--signers", str(self.more / "signers")]
        for name in ("openclaw-verify.lock", "openclaw-verify.toml", "openclaw-reviews.toml"):
            self.targets += [(signed / name, "toml", [demanded], "signed-file")] * 2
            self.targets += [(signed / f"{name}.sig", "text", [demanded], "signature")] * 2

        plugin = str(self.state / "extensions/acme-notes")
        ssh = ["attestation", plugin, "--bundle", str(self.more / "statement.json"), "--signers", str(self.more / "signers")]
        key = ["attestation", plugin, "--bundle", str(self.more / "bundle.json"), "--public-key", str(self.more / "public.pem")]
        self.targets += [(self.more / "statement.json", "json", [ssh], "signed-file")] * 3
        self.targets += [(self.more / "statement.json.sig", "text", [ssh], "signature")] * 3
        self.targets += [(self.more / "bundle.json", "json", [key], "bundle")] * 4
        self.targets += [(self.more / "public.pem", "text", [key], "key")] * 2

        for by in ("by-key", "by-certificate"):
            whole = self.skill(by, "weather")
            for path in sorted(path for path in (self.root / by / "weather").rglob("*") if path.is_file()):
                oms = path.name == "skill.oms.sig"
                self.targets += [(path, "json" if oms else "bytes", [whole], "bundle" if oms else "signed-file")] * (4 if oms else 1)
            for name in ("weather.zip", "weather.tgz"):
                self.targets += [(self.root / by / name, "bytes", [self.skill(by, name)], None)] * 3
        self.targets += [(self.root / "by-key/key.pem", "text", [self.skill("by-key", "weather")], "key")] * 2
        self.targets += [(self.root / "by-certificate/root.pem", "text", [self.skill("by-certificate", "weather")], "root")] * 2

        self.targets += [(self.more / "backup.tgz", "bytes", [["check", "--backup", str(self.more / "backup.tgz")]], None)] * 4

        files = {"compose": "compose.yml", "docker-inspect": "inspect.json", "docker-daemon": "daemon.json"}
        files |= {"tailscale-status": "serve.json", "nix-pins": "pins", "etc": "etc", "proc": "proc"}
        given = {option: [f"--{option}", str(self.more / name)] for option, name in files.items()}
        everything = [word for words in given.values() for word in words]
        printed = [["host", "--print", what, *given["proc"]] for what in ("apparmor", "systemd", "compose", "config")]
        for path in self.machine_files:
            top = path.relative_to(self.more).parts[0] if path.is_relative_to(self.more) else None
            option = next((option for option, name in files.items() if name == top), "proc")
            verbs = [["host", *given[option]], ["host", *everything], ["checklist", *given[option]], ["host", "--commands", *given[option]]]
            self.targets.append((path, "json" if path.suffix == ".json" else "text", verbs, None))
        self.targets += [(self.state / "openclaw.json", "json", [["host"], ["checklist"], ["host", "--commands"], *printed], None)] * 6

    def locked(self, path):
        """Whether any change of its bytes changes a digest of the lock."""
        name = str(path.relative_to(self.state))
        records = (".openclaw/", ".clawhub/", "package-lock.json", "_openclaw-pack-archives", "node_modules/.package-lock.json")
        code = name.startswith(("extensions/", "hooks/", "workspace/skills/")) or "/node_modules/" in name
        return "code" if code and not any(record in name for record in records) else None

    def command(self, verb):
        if verb[0] == "gate":
            return [self.bin, "gate", "--config", self.config]
        usual = {"--config": self.config, "--now": NOW}
        # The lock alone is judged where no installation is named.
        if "--lock-only" not in verb:
            usual["--relocated-from"] = "/home/user/.openclaw"
            if "--backup" not in verb:
                usual["--state-dir"] = self.state
        rest = [word for option, value in usual.items() if option not in verb for word in (option, value)]
        return [self.bin, *verb, *rest, "--no-progress"]

    def environment(self):
        return {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "TMPDIR": str(self.tmp)}

    def run(self, verb, timeout=None, stdin=b""):
        return subprocess.run(
            self.command(verb), cwd=self.root, env=self.environment(), input=stdin, capture_output=True, timeout=timeout, check=False
        )

    def ok(self, verb):
        done = self.run(verb)
        if done.returncode != 0:
            sys.exit(f"{verb}: exit {done.returncode}: {done.stderr.decode()}")
        return done


# Mutations. Each takes the bytes of a file and a source of randomness, and gives other bytes.


def any_bytes(data, r):
    data = bytearray(data)
    choice = r.randrange(7)
    at = r.randrange(len(data) + 1)
    if choice == 0 and data:
        data[at % len(data)] ^= 1 << r.randrange(8)
    elif choice == 1:
        del data[at:]
    elif choice == 2:
        data[at:at] = r.randbytes(r.choice((1, 8, 700)))
    elif choice == 3:
        del data[at : at + r.randrange(1, 64)]
    elif choice == 4:
        data[at:at] = data[: r.randrange(1, 4096)]
    elif choice == 5:
        data[at : at + 4] = r.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))
    else:
        return b"" if r.random() < 0.2 else bytes(data) * 2
    return bytes(data)


def any_lines(data, r):
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    at, other = r.randrange(len(lines)), r.randrange(len(lines))
    choice = r.randrange(9)
    if choice == 0:
        del lines[at]
    elif choice == 1:
        lines.insert(other, lines[at])
    elif choice == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif choice == 3:
        lines[at] += r.choice(NASTY)
    elif choice == 4:
        column = r.randrange(len(lines[at]) + 1)
        lines[at] = lines[at][:column] + r.choice(NASTY) + lines[at][column:]
    elif choice == 5:
        lines[at] = lines[at] + r.choice("x=\"[{ ") * 70_000
    elif choice == 6:
        lines.insert(at, r.choice(("<<<<<<< HEAD", "[[", "---", "\t", "a.b.c = 1", "[[package]]", "#" * 70_000)))
    elif choice == 7:
        lines[at] = lines[at][::-1]
    else:
        return any_bytes(data, r)
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def any_toml(data, r):
    text = data.decode("utf-8", "surrogateescape")
    pairs = list(re.finditer(r"^([A-Za-z-]+) = (.+)$", text, re.M))
    choice = r.randrange(6)
    if not pairs or choice > 3:
        return any_lines(data, r)
    pair, other = r.choice(pairs), r.choice(pairs)
    key, value = pair[1], pair[2]
    if choice == 0:
        value = r.choice(("true", "-1", "0.5", '""', "[]", "{}", "nan", "1979-05-27", '"\\u001b[2J\\u202e"', "9" * 400, "'" + "x" * 70_000 + "'"))
    elif choice == 1:
        value = other[2]
    elif choice == 2:
        key = other[1]
    elif value.startswith('"') and len(value) > 3:
        at = r.randrange(1, len(value) - 1)
        value = value[:at] + r.choice("abcdef0123456789/@") + value[at + 1 :]
    return (text[: pair.start()] + f"{key} = {value}" + text[pair.end() :]).encode("utf-8", "surrogateescape")


def nodes(value, found):
    found.append(value)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        nodes(inner, found)
    return found


def any_value(value, r):
    """One change somewhere in a JSON value."""
    parents = [node for node in nodes(value, []) if isinstance(node, (dict, list)) and node]
    if not parents:
        return r.choice(ODD)
    node = r.choice(parents)
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    key, other = r.choice(keys), r.choice(keys)
    choice = r.randrange(8)
    if choice == 0:
        del node[key]
    elif choice == 1:
        node[key] = r.choice(ODD)
    elif choice == 2:
        node[key], node[other] = node[other], node[key]
    elif choice == 3 and isinstance(node, dict):
        node[str(key) + r.choice(("x", " ", "\u200b", "\x1b[2J"))] = node.pop(key)
    elif choice == 4 and isinstance(node[key], str):
        at = r.randrange(len(node[key]) + 1)
        node[key] = node[key][:at] + r.choice(NASTY) + node[key][at:]
    elif choice == 5:
        node[key] = json.loads(json.dumps(r.choice(nodes(value, []))))
    elif choice == 6:
        deep = node[key]
        for _ in range(r.choice((2, 60, 140))):
            deep = [deep]
        node[key] = deep
    elif isinstance(node, dict):
        node[r.choice(("__proto__", "constructor", "extra", "", "\x1b]0;x\x07"))] = r.choice(ODD)
    else:
        node.extend(node)
    return value


def any_json(data, r):
    choice = r.randrange(5)
    if choice == 0:
        return any_lines(data, r)
    try:
        value = json.loads(data)
    except ValueError:
        return any_bytes(data, r)
    value = any_value(value, r)
    text = json.dumps(value, ensure_ascii=r.random() < 0.5, indent=r.choice((None, 2)))
    if choice == 1:
        # The same name twice, which json.dumps cannot write.
        names = list(re.finditer(r'"[^"\\]+": ', text))
        if names:
            name = r.choice(names)
            text = text[: name.start()] + name[0] + "null, " + text[name.start() :]
    return text.encode("utf-8", "surrogatepass")


def any_database(data, r, folder):
    if r.random() < 0.4:
        return any_bytes(data, r)
    path = folder / "mutated.sqlite"
    path.write_bytes(data)
    db = sqlite3.connect(path)
    try:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        table = r.choice(tables)
        columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]
        rows = [row[0] for row in db.execute(f'SELECT rowid FROM "{table}" LIMIT 50')]
        choice = r.randrange(6)
        if choice == 0:
            db.execute(r.choice((f'DROP TABLE "{table}"', f'CREATE TRIGGER t AFTER INSERT ON "{table}" BEGIN SELECT 1; END', f'CREATE VIEW v AS SELECT * FROM "{table}"', "PRAGMA user_version = 99999")))
        elif choice == 1 and rows:
            db.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (r.choice(rows),))
        elif rows:
            row, column = r.choice(rows), r.choice(columns)
            (old,) = db.execute(f'SELECT "{column}" FROM "{table}" WHERE rowid = ?', (row,)).fetchone()
            new = r.choice((None, 0, -1, b"\xff\xfe", "\x1b[2J\u202e", "x" * 70_000))
            if isinstance(old, str) and old[:1] in "[{" and r.random() < 0.8:
                new = json.dumps(any_value(json.loads(old), r))
            db.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (new, row))
        db.commit()
    except (sqlite3.Error, UnicodeError, ValueError):
        db.rollback()
    db.close()
    return path.read_bytes()


def changed(kind, data, r, folder):
    if kind == "sqlite":
        return any_database(data, r, folder)
    return {"json": any_json, "toml": any_toml, "text": any_lines, "bytes": any_bytes}[kind](data, r)


def in_its_place(path, r, folder):
    """Something else than a file, where a file was."""
    path.unlink()
    choice = r.randrange(5)
    if choice == 0:
        path.mkdir()
    elif choice == 1:
        path.symlink_to(r.choice(("/dev/zero", "/etc/passwd", path.name, "nowhere\x1b[2J", "..")))
    elif choice == 2:
        os.mkfifo(path)
    elif choice == 3:
        with path.open("wb") as sparse:
            sparse.truncate(5 << 30)


# What may never happen.


def wrong(place, verb, formatted, done, seconds):
    out, err = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
    if done.returncode not in (0, 1, 2, 3):
        return f"exit {done.returncode}: {err[-300:]!r}"
    if "failed in itself" in out + err or "panicked" in err:
        return f"panic: {err[-300:]!r}"
    if seconds > HANG:
        return f"took {seconds:.0f} s"
    for name, text in (("standard output", out), ("standard error", err)):
        if found := HAZARD.search(text):
            at = found.start()
            return f"raw character on {name}: {text[max(0, at - 60) : at + 20]!r}"
    try:
        if formatted in ("json", "sarif") or verb[0] == "gate" or (verb == ["sbom"] and done.returncode == 0):
            json.loads(out)
        elif formatted == "junit":
            xml.dom.minidom.parseString(out)
    except Exception as error:  # noqa: BLE001: any failure of a parser says the same
        return f"no {formatted}: {error}: {out[:200]!r} {err[:200]!r}"
    return None


def says_good(verb, formatted, done):
    return done.returncode == 0 and not (verb[0] == "gate")


def same_toml(a, b):
    """Whether both say the same. A revision above 1 only adds keys (docs/formats.md), so a larger number alone says nothing else."""
    try:
        old, new = tomllib.loads(a.decode()), tomllib.loads(b.decode())
        if isinstance(new.get("revision"), int) and new["revision"] > 1:
            new["revision"] = old.get("revision")
        return old == new
    except (ValueError, UnicodeError):
        return False


def same_json(a, b):
    try:
        return json.loads(a) == json.loads(b)
    except (ValueError, UnicodeError, RecursionError):
        return False


def same_signature(a, b):
    """Whether the armour is around the same bytes; spaces and line ends are of no matter to it."""
    return b"".join(a.split()) == b"".join(b.split())


def same_bundle(a, b):
    """Whether the same statement is signed. What else a bundle says decides nothing where a key is given; there may be several, one a line."""

    def signed(text):
        try:
            envelope = json.loads(text)["dsseEnvelope"]
            return envelope["payload"], envelope["payloadType"]
        except (ValueError, UnicodeError, RecursionError, KeyError, TypeError):
            return None

    return any(signed(text) == signed(a) for text in (b, *b.splitlines()))


def same_key(a, b):
    """Whether the first block of PEM holds the same; what is around it is of no matter."""
    block = re.compile(rb"-----BEGIN [^-]+-----(.*?)-----END", re.S)
    old, new = block.search(a), block.search(b)
    return bool(old and new and b"".join(old[1].split()) == b"".join(new[1].split()))


def same_root(a, b):
    """Whether both are certificates of the same name and key: the signature of a root of trust itself is not looked at."""
    says = ["openssl", "x509", "-noout", "-subject", "-dates", "-pubkey"]
    old, new = (subprocess.run(says, input=data, capture_output=True, check=False) for data in (a, b))
    # What stands behind the block is text to us, and an error to openssl.
    return same_key(a, b) or new.returncode == 0 and old.stdout == new.stdout


# Files whose every change has to end otherwise than in exit 0, unless it says the same.
SIGNED = {
    "signed-file": lambda old, new: False,
    "signature": same_signature,
    "bundle": same_bundle,
    "key": same_key,
    "root": same_root,
}


def processor():
    """Seconds of the processor that ended children used: beside compilers a run waits long for few of them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def case(place, seed, number, keep=False):
    r = random.Random(f"{seed}/{number}")
    path, kind, verbs, oracle = r.choice(place.targets)
    old, mode = path.read_bytes(), path.stat().st_mode & 0o777
    # What a verb that writes may have changed.
    kept = {file: file.read_bytes() for file in place.config.iterdir() if file.is_file()}
    odd = r.random() < 0.03
    if odd:
        in_its_place(path, r, place.root)
        new = None
    else:
        new = changed(kind, old, r, place.root)
        path.write_bytes(new)
    verb = r.choice(verbs)
    if oracle == "lock" and r.random() < 0.5:
        verb = ["lock", "--check"]
    if oracle == "code" and r.random() < 0.5:
        verb = ["check"]
    known = ["human", "json"] if verb[0] in BRIEF else ["human", "json", "sarif", "junit", "github"]
    formatted = r.choice(known)
    words = list(verb) if verb[0] == "gate" else [*verb, "--format", formatted]
    stdin = b""
    if verb[0] == "gate" and path.is_file() and not path.is_symlink():
        stdin = new or b""
    start, fault = time.monotonic(), None
    try:
        done = place.run(words, timeout=60, stdin=stdin)
        fault = wrong(place, verb, formatted, done, time.monotonic() - start)
        if fault and fault.startswith("took"):
            start, used = time.monotonic(), processor()
            place.run(words, timeout=60, stdin=stdin)
            again = f"{fault}, again {time.monotonic() - start:.0f} s, of the processor {processor() - used:.1f} s"
            fault = again if time.monotonic() - start > HANG else None
        if fault is None and new is not None and new != old and says_good(verb, formatted, done):
            if oracle == "code" and verb == ["check"]:
                fault = "exit 0 where locked code differs"
            elif oracle == "lock" and verb == ["lock", "--check"] and not same_toml(old, new):
                fault = "exit 0 where the lock says something else"
            elif oracle == "strict" and not same_json(old, new) and not keys_less(old, new):
                fault = "exit 0 with a damaged file that says whom to trust"
            elif oracle in SIGNED and not SIGNED[oracle](old, new):
                fault = "exit 0 for what was not signed so"
            # Git's own commands take the last line end away.
            elif oracle == "signed" and new.rstrip(b"\n") != old.rstrip(b"\n"):
                fault = "exit 0 for a tag that was not signed so"
        code = done.returncode
    except subprocess.TimeoutExpired:
        fault, code = "no end after 60 s", None
    if fault:
        fault = f"case {number} of seed {seed}: {' '.join(map(str, words))} after a change of {path.relative_to(place.root)}: {fault}"
    if keep:
        print(f"kept: {place.root}\n{words}\nexit {code}\n{fault}")
        return code, fault, (kind, verb[0])
    if path.is_symlink() or path.exists():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    path.write_bytes(old)
    path.chmod(mode)
    for file, data in kept.items():
        if not file.is_file() or file.read_bytes() != data:
            file.write_bytes(data)
    left = [name for name in os.listdir(place.tmp)]
    if left and not fault:
        fault = f"case {number} of seed {seed}: left in the temporary folder: {left}"
    return code, fault, (kind, verb[0])


def keys_less(old, new):
    """A trust file may say other things and still be one, such as less, another name, or another key: only its form is judged here."""
    try:
        value = json.loads(new, object_pairs_hook=no_name_twice)
    except (ValueError, UnicodeError, RecursionError):
        return False
    known = {key for node in nodes(json.loads(old), []) if isinstance(node, dict) for key in node}
    found = {key for node in nodes(value, []) if isinstance(node, dict) for key in node}
    return found <= known


def no_name_twice(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("a name twice")
    return dict(pairs)


def batch(bin, seed, numbers):
    codes, kinds, verbs, faults = Counter(), Counter(), Counter(), []
    with tempfile.TemporaryDirectory(prefix="mutate-") as root:
        place = Place(bin, Path(root).resolve() / "place")
        for number in numbers:
            code, fault, (kind, verb) = case(place, seed, number)
            codes[code] += 1
            kinds[kind] += 1
            verbs[verb] += 1
            if fault:
                faults.append(fault)
                print(fault, flush=True)
    return codes, kinds, verbs, faults


def mutate(bin, count, seed, jobs):
    started, codes, kinds, verbs, faults = time.monotonic(), Counter(), Counter(), Counter(), []
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        parts = [range(at, count, jobs) for at in range(jobs)]
        for done in pool.map(batch, [bin] * jobs, [seed] * jobs, parts):
            codes += done[0]
            kinds += done[1]
            verbs += done[2]
            faults += done[3]
    print(f"{count} mutations of seed {seed} in {time.monotonic() - started:.0f} s: {len(faults)} faults")
    print("  exit codes: " + ", ".join(f"{code}: {times}" for code, times in sorted(codes.items(), key=str)))
    print("  kinds of file: " + ", ".join(f"{kind}: {times}" for kind, times in sorted(kinds.items())))
    print("  verbs: " + ", ".join(f"{verb}: {times}" for verb, times in verbs.most_common()))
    return not faults


def kills(bin, count, seed):
    r, faults, killed, news = random.Random(f"kills/{seed}"), [], 0, 0
    with tempfile.TemporaryDirectory(prefix="mutate-") as root:
        place = Place(bin, Path(root).resolve() / "place")
        lock, skill = place.config / "openclaw-verify.lock", place.state / "workspace/skills/weather/SKILL.md"
        text = skill.read_text()
        accept = ["lock", "--accept", "skill:workspace/weather"]
        # What the whole run writes for each of the two contents: the lock is deterministic.
        wanted = []
        for more in (1, 2):
            skill.write_text(text + "\nmore\n" * more)
            start = time.monotonic()
            place.ok(accept)
            usual = time.monotonic() - start
            wanted.append(lock.read_bytes())
        for number in range(count):
            skill.write_text(text + "\nmore\n" * (number % 2 + 1))
            old = lock.read_bytes()
            verb = accept if number % 3 else ["check"]
            child = subprocess.Popen(
                place.command(verb), cwd=place.root, env=place.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(r.random() * usual * 1.5)
            child.send_signal(signal.SIGKILL)
            killed += child.wait() == -signal.SIGKILL
            news += lock.read_bytes() == wanted[number % 2]
            now, may = lock.read_bytes(), [old] if verb == ["check"] else [old, wanted[number % 2]]
            if now not in may:
                faults.append(f"kill {number}: neither the old lock nor the new one, {len(now)} bytes")
                lock.write_bytes(old)
            # The next runs: one that reads, and one that writes.
            after = place.run(accept)
            if after.returncode not in (0, 2) or (after.returncode == 2 and b"nothing of it changed" not in after.stderr):
                faults.append(f"kill {number}: the next run: exit {after.returncode}: {after.stderr[-200:]!r}")
            if after.returncode == 2:
                place.run(["lock"])
            left = os.listdir(place.tmp) + [name for name in os.listdir(place.config) if name.startswith(".openclaw-verify-")]
            if verb != ["check"] and left and after.returncode == 2:
                # Nothing had to be written, so nothing was swept there; the next write does.
                skill.write_text(text + f"\n{number}\n")
                place.run(accept)
                left = os.listdir(place.tmp) + [name for name in os.listdir(place.config) if name.startswith(".openclaw-verify-")]
            if left:
                faults.append(f"kill {number}: left after the next run: {left}")
                for name in left:
                    for folder in (place.tmp, place.config):
                        subprocess.run(["rm", "-rf", folder / name], check=False)
    print(f"{count} kills ({killed} in the middle of a run, {news} times the new lock was there): {len(faults)} faults")
    for fault in faults[:20]:
        print("  " + fault)
    return not faults


def paths(bin):
    faults, runs = [], 0
    with tempfile.TemporaryDirectory(prefix="mutate-") as root:
        place = Place(bin, Path(root).resolve() / "place")
        archive, clone = str(place.more / "a.tgz"), str(place.root / "clone")
        release = ["release", clone, "v1.0.0", "--repository", "github.com/acme/a"]
        options = [
            ["check", "--state-dir"], ["check", "--openclaw"], ["check", "--config"], ["check", "--policy"], ["check", "--lockfile"],
            ["check", "--reviews"], ["check", "--home"], ["check", "--tmp"], ["check", "--relocated-from"], ["check", "--trusted-root"],
            ["check", "--npm-keys"], ["check", "--env"], ["check", "--profile"], ["lock", "--from"], ["review", "--from"],
            ["sbom", "-o"], ["sbom", "--diff"], ["tree"], ["archive"], ["archive", archive, "--attestations"], ["archive", archive, "--unpack-to"],
            [*release, "--signers"], [*release, "--openpgp"], ["attestation", archive, "--bundle"], ["release"], ["gate", "--config"],
            ["explain"], ["plugins"], ["npm"], ["check", "--report"], ["check", "-A"], ["policy", "except"],
        ]
        for number, nasty in enumerate(c for c in NASTY if "\x00" not in c):
            there = place.root / f"there{nasty}{number}"
            there.mkdir()
            (there / "file").write_text(f"{nasty} = [\n")
            for words in options:
                for argument in (str(there), str(there / "file"), f"{place.root}/none{nasty}", f"json={place.root}/none{nasty}/x"):
                    for formatted in ("human", "json"):
                        given = [bin, *words, argument, "--format", formatted, "--color", "always"]
                        if not any(word in words for word in ("--state-dir", "gate")):
                            given += ["--state-dir", place.state]
                        done = subprocess.run(given, cwd=place.root, env=place.environment(), input=b"", capture_output=True, timeout=60, check=False)
                        runs += 1
                        text = (done.stdout + done.stderr).decode("utf-8", "replace")
                        if found := HAZARD.search(re.sub(r"\x1b\[[0-9;]*m", "", text)):
                            faults.append(f"{words} {argument!r}: raw {found[0]!r}: {text[max(0, found.start() - 60) : found.start() + 20]!r}")
                        elif done.returncode not in (0, 1, 2, 3) or "failed in itself" in text:
                            faults.append(f"{words} {argument!r}: exit {done.returncode}: {text[-200:]!r}")
    print(f"{runs} runs with such characters in paths and arguments: {len(faults)} faults")
    for fault in faults[:20]:
        print("  " + fault)
    return not faults


def writers(bin, count):
    good = True

    def read(path):
        return tomllib.loads(path.read_text()) if path.exists() else {}

    with tempfile.TemporaryDirectory(prefix="mutate-") as root:
        place = Place(bin, Path(root).resolve() / "place")
        extensions = place.state / "workspace/skills"
        for number in range(count):
            folder = extensions / f"s{number}"
            folder.mkdir()
            (folder / "SKILL.md").write_text(f"---\nname: s{number}\ndescription: x\n---\n{number}\n")
        environment = {"PATH": os.environ["PATH"], "HOME": str(place.home), "GIT_CONFIG_NOSYSTEM": "1", **DATES}
        for number in range(count):
            tag = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "gpg.format=ssh"]
            tag += ["-c", f"user.signingkey={place.more / 'key'}", "-C", place.root / "clone", "tag", "-s", "-m", "x", f"w{number}"]
            subprocess.run(tag, env=environment, check=True, capture_output=True)
        ids = [f"skill:workspace/s{number}" for number in range(count)]
        lock, policy = place.config / "openclaw-verify.lock", place.config / "openclaw-verify.toml"
        pin = ["--repository", "github.com/acme/a", "--signers", place.more / "signers", "--pin", "--config", place.config, "--now", NOW]
        kinds = {
            "lock ID": [place.command(["lock", id]) for id in ids],
            "policy except": [
                place.command(["policy", "except", id, "unreviewed", "--until", "2026-12-01", "--reason", "x", "--yes"]) for id in ids
            ],
            "release --pin": [[bin, "release", place.root / "clone", f"w{number}", *pin] for number in range(count)],
            "review --violation": [
                place.command(["review", id, "--violation", "--reason", "x", "--by", "Ada <ada@example.org>", "--yes"]) for id in ids
            ],
        }
        reviews = place.config / "openclaw-reviews.toml"
        for kind, commands in kinds.items():
            started = time.monotonic()
            running = [
                subprocess.Popen(c, cwd=place.root, env=place.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                for c in commands
            ]
            ended = [(child.communicate()[1], child.returncode) for child in running]
            held = tomllib.loads(lock.read_text())
            excepted = {entry["package"] for entry in tomllib.loads(policy.read_text()).get("exception", [])}
            have = {
                "lock ID": {package["id"] for package in held["package"]}, "policy except": excepted,
                "release --pin": {release["tag"] for release in held.get("release", [])},
                "review --violation": {entry["package"] for entry in read(reviews).get("violation", [])},
            }[kind]
            wanted = ids if kind != "release --pin" else [f"w{number}" for number in range(count)]
            lost = [name for name, (_, code) in zip(wanted, ended) if code == 0 and name not in have]
            failed = [(name, code, err[-200:]) for name, (err, code) in zip(wanted, ended) if code != 0]
            print(f"{count} writers of `{kind}` at once in {time.monotonic() - started:.0f} s: {len(lost)} lost, {len(failed)} failed")
            for what in failed[:3]:
                print(f"  {what}")
            good &= not lost and not failed
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("mutate", "kills", "writers", "paths"))
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int)
    given = parser.parse_args()
    bin = program()
    if given.only is not None:
        root = tempfile.mkdtemp(prefix="mutate-")
        _, fault, _ = case(Place(bin, Path(root).resolve() / "place"), given.seed, given.only, keep=True)
        sys.exit(1 if fault else 0)
    if given.what == "mutate":
        good = mutate(bin, given.count, given.seed, given.jobs)
    elif given.what == "kills":
        good = kills(bin, given.count, given.seed)
    elif given.what == "paths":
        good = paths(bin)
    else:
        good = writers(bin, given.count)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
