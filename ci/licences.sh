#!/usr/bin/env bash
# Licences, bans and sources of all dependencies, by the lists in deny.toml, without cargo-deny and without a network.
# Sources and bans without wrappers are held for all of Cargo.lock; licences and the other bans for the platforms that deny.toml names
# when all their crates are at hand (`cargo fetch`), else for this one. Needs python3 3.11 or later.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."

host=$(rustc -vV | sed -n 's/^host: //p')
metadata=(cargo metadata --offline --locked --all-features --format-version 1)
file=$(mktemp)
trap 'rm -f -- "$file"' EXIT
platforms=()
for platform in $(sed -n 's/^targets = \[\(.*\)\]$/\1/p' deny.toml | tr -d '",'); do
    platforms+=(--filter-platform "$platform")
done
if "${metadata[@]}" "${platforms[@]}" >"$file" 2>/dev/null; then
    scope="the platforms of deny.toml"
else
    "${metadata[@]}" --filter-platform "$host" >"$file"
    scope=$host
fi

python3 - "$file" "$scope" <<'PYTHON'
import json
import re
import sys

try:
    import tomllib
except ImportError:
    sys.exit("ci/licences.sh: needs python3 3.11 or later")


def load(path):
    with open(path, "rb") as file:
        return tomllib.load(file)


def satisfied(expression, allowed):
    """Whether an SPDX expression can be met by the allowed licences alone. A `/` is the old way to write OR."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def primary():
        token = tokens.pop(0)
        if token == "(":
            value = either()
            if tokens.pop(0) != ")":
                raise ValueError("unbalanced")
            return value
        if token in (")", "AND", "OR", "WITH"):
            raise ValueError(token)
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token += " WITH " + tokens.pop(0)
        return token in allowed

    def both():
        value = primary()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            value &= primary()
        return value

    def either():
        value = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            value |= both()
        return value

    try:
        value = either()
        return value and not tokens
    except (IndexError, ValueError):
        return False


def compiled(package, enabled, name):
    """Whether a dependency is really used. Cargo's metadata also lists optional ones that only a weak `name?/feature` mentions."""
    declared = [dependency for dependency in package["dependencies"] if dependency["name"] == name]
    if not all(dependency["optional"] for dependency in declared):
        return True
    keys = {dependency["rename"] or name for dependency in declared}
    values = {value for feature in enabled for value in package["features"].get(feature, [])} | set(enabled)
    return any(value in (key, f"dep:{key}") or value.startswith(f"{key}/") for key in keys for value in values)


deny = load("deny.toml")
lock = load("Cargo.lock")["package"]
with open(sys.argv[1], encoding="utf-8") as file:
    metadata = json.load(file)
packages = metadata["packages"]
problems = []

allowed = set(deny["licenses"]["allow"])
extra = {entry["crate"]: set(entry["allow"]) for entry in deny["licenses"]["exceptions"]}
for package in packages:
    name, licence = package["name"], package["license"]
    if not licence:
        problems.append(f"{name} {package['version']}: no licence expression")
    elif not satisfied(licence, allowed | extra.get(name, set())):
        problems.append(f"{name} {package['version']}: licence {licence} is not allowed")
for name in extra.keys() - {package["name"] for package in lock}:
    problems.append(f"deny.toml: the licence exception for {name} is about no dependency")

by_id = {package["id"]: package for package in packages}
users = {}
for node in metadata["resolve"]["nodes"]:
    package = by_id[node["id"]]
    for dependency in node["deps"]:
        name = by_id[dependency["pkg"]]["name"]
        if compiled(package, node["features"], name):
            users.setdefault(name, set()).add(package["name"])
for ban in deny["bans"]["deny"]:
    name, wrappers = ban["crate"], set(ban.get("wrappers", []))
    if not wrappers and any(package["name"] == name for package in lock):
        problems.append(f"{name} is banned and in Cargo.lock: {ban['reason']}")
    for user in sorted(users.get(name, set()) - wrappers):
        problems.append(f"{name} is banned and used by {user}: {ban['reason']}")

for package in lock:
    source = package.get("source")
    if source is not None and not source.startswith("registry+https://github.com/rust-lang/"):
        problems.append(f"{package['name']} {package['version']}: comes from {source}")
    if source is not None and "checksum" not in package:
        problems.append(f"{package['name']} {package['version']}: no checksum in Cargo.lock")

for problem in sorted(problems):
    print(f"error: {problem}", file=sys.stderr)
print(f"licences of {len(packages)} crates ({sys.argv[2]}), bans and sources of {len(lock)}: {len(problems)} problems")
sys.exit(1 if problems else 0)
PYTHON
