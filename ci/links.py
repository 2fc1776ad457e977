#!/usr/bin/env python3
"""Dead links in the pages, READMEs and the site's table of contents. No network: a link to this repository on GitHub is looked up in this
tree, any other address has only to be well formed. Every page of docs/ stands in docs/SUMMARY.md."""

import pathlib
import re
import subprocess
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = re.compile(r"https://github\.com/openclaw/openclaw-verify/(?:blob|tree)/main/(.*)")


def text_of(path):
    """The page without its code, where brackets are no links."""
    text = re.sub(r"^(```+).*?^\1$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    text = re.sub(r"^(?: {4}|\t).*$", "", text, flags=re.M)
    return re.sub(r"`[^`\n]*`", "`x`", text)


def anchors(path):
    """As GitHub and mdBook make them of headings."""
    found = set()
    body = re.sub(r"^(```+).*?^\1$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", body, re.M):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        base = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        name, count = base, 0
        while name in found:
            count += 1
            name = f"{base}-{count}"
        found.add(name)
    return found


def check(pages):
    dead, links = [], 0
    for page in pages:
        text = text_of(page)
        targets = re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)", text) + re.findall(r"^\[[^]]+\]:\s*(\S+)", text, re.M)
        for target in targets:
            links += 1
            ours = OURS.fullmatch(target)
            if ours:
                base, target = ROOT, ours[1]
            elif re.match(r"[a-z]+:", target):
                if target.startswith(("https://", "http://", "mailto:")) and not re.search(r"\s", target):
                    continue
                dead.append((page, target))
                continue
            else:
                base = page.parent
            name, _, anchor = target.partition("#")
            path = (base / urllib.parse.unquote(name)).resolve() if name else page
            if not path.exists() or ROOT not in [path, *path.parents]:
                dead.append((page, target))
            elif anchor and path.suffix == ".md" and anchor not in anchors(path):
                dead.append((page, target))
    return dead, links


def main():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    pages = [ROOT / line for line in listed.splitlines() if not line.startswith("testdata/") and (ROOT / line).exists() and not (ROOT / line).is_symlink()]
    dead, links = check(pages)
    for page, target in dead:
        print(f"error: {page.relative_to(ROOT)}: {target}", file=sys.stderr)
    summary = set(re.findall(r"\]\(([^)]+)\)", (ROOT / "docs/SUMMARY.md").read_text(encoding="utf-8")))
    for page in sorted((ROOT / "docs").rglob("*.md")):
        name = page.relative_to(ROOT / "docs").as_posix()
        if name != "SUMMARY.md" and name not in summary:
            print(f"error: docs/SUMMARY.md has no {name}", file=sys.stderr)
            dead.append((page, name))
    print(f"{links} links of {len(pages)} pages: {len(dead)} dead")
    sys.exit(1 if dead else 0)


main()
