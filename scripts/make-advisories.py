#!/usr/bin/env python3
"""Writes a zip of OSV records in the three shapes of real ones, to measure with.

    make-advisories.py OUT.zip [--records 215000] [--names FILE]

FILE has a package name a line; without it names are made. The same arguments give the same bytes.
"""
import argparse
import json
import random
import zipfile

DETAILS = "Any computer that has this package installed or running should be considered fully compromised. " * 8


def record(dice, at, name):
    shape = at % 50
    if shape == 0:
        fixed = f"{dice.randrange(9)}.{dice.randrange(20)}.{dice.randrange(20)}"
        affected = {"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": fixed}]}]}
        kind = {"id": f"GHSA-{at:08x}", "aliases": [f"CVE-2026-{at}"], "database_specific": {"severity": "HIGH"},
                "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}
    elif shape % 2:
        affected = {"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]}
        kind = {"id": f"MAL-2026-{at}"}
    else:
        affected = {"versions": [f"1.{minor}.0" for minor in range(1 + dice.randrange(12))]}
        kind = {"id": f"MAL-2026-{at}", "aliases": [f"GHSA-{at:08x}"]}
    affected["package"] = {"ecosystem": "npm", "name": name, "purl": f"pkg:npm/{name}"}
    return {"schema_version": "1.7.4", "modified": f"2026-{1 + at % 12:02}-{1 + at % 28:02}T00:00:00Z",
            "summary": f"Malicious code in {name} (npm)", "details": DETAILS, "affected": [affected], **kind}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--records", type=int, default=215_000)
    parser.add_argument("--names")
    given = parser.parse_args()
    names = []
    if given.names:
        with open(given.names, encoding="utf-8") as lines:
            names = [line.strip() for line in lines if line.strip()]
    dice = random.Random(17)
    with zipfile.ZipFile(given.out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as out:
        for at in range(given.records):
            name = names[at % len(names)] if names else f"package-{at}"
            one = record(dice, at, name)
            out.writestr(zipfile.ZipInfo(f"{one['id']}.json", (2026, 1, 1, 0, 0, 0)),
                         json.dumps(one), compress_type=zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
