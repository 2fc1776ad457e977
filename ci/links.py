#!/usr/bin/env python3
"""Dead links in the pages, READMEs and the site's table of contents. No network: a link to this repository on GitHub is looked up in this
tree, any other address has only to be well formed. Every page of docs/ stands in docs/SUMMARY.md; --write brings the
findings there up to date."""

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


def write_findings():
    """The findings in the table of contents, as the folder has them."""
    path = ROOT / "docs/SUMMARY.md"
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if "](findings/" not in line or "findings/README.md" in line]
    names = sorted(page.stem for page in (ROOT / "docs/findings").glob("*.md") if page.stem != "README")
    path.write_text("\n".join([*kept, *(f"  - [{name}](findings/{name}.md)" for name in names)]) + "\n", encoding="utf-8")


def main():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    pages = [ROOT / line for line in listed.splitlines() if not line.startswith("testdata/") and (ROOT / line).exists() and not (ROOT / line).is_symlink()]
    dead, links = check(pages)
    for page, target in dead:
        print(f"error: {page.relative_to(ROOT)}: {target}", file=sys.stderr)
    summary = set(re.findall(r"\]\(([^)]+)\)", (ROOT / "docs/SUMMARY.md").read_text(encoding="utf-8")))
    missing = [page.relative_to(ROOT / "docs").as_posix() for page in sorted((ROOT / "docs").rglob("*.md"))]
    missing = [name for name in missing if name != "SUMMARY.md" and name not in summary]
    if "--write" in sys.argv[1:]:
        findings = [name for name in missing if name.startswith("findings/")]
        write_findings()
        missing = [name for name in missing if name not in findings]
    for name in missing:
        print(f"error: docs/SUMMARY.md has no {name}; of findings, ci/links.py --write brings them in", file=sys.stderr)
        dead.append((ROOT / "docs" / name, name))
    print(f"{links} links of {len(pages)} pages: {len(dead)} dead")
    sys.exit(1 if dead else 0)


main()
