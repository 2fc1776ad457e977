#!/usr/bin/env bash
# The pages in a headless Chromium, which is installed where it can be: no request, no console message, the same without script,
# narrow and wide, light and dark, axe's rules of WCAG 2.1 AA; the shipped state, hostile names, a thousand subjects, and
# OPENCLAW_VERIFY_REAL where it is set.
# OPENCLAW_VERIFY names a program that is built already.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."
PROGRAM=${OPENCLAW_VERIFY:-${CARGO_TARGET_DIR:-target}/release/openclaw-verify}
PROGRAM=$(cd -- "$(dirname -- "$PROGRAM")" && pwd)/openclaw-verify
if ! command -v chromium >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium >/dev/null
fi
if ! command -v chromium >/dev/null; then echo 'not run: chromium is not here'; exit 0; fi
TOOLS=$(mkdir -p "${CARGO_TARGET_DIR:-target}/ci-tools/html" && cd -- "${CARGO_TARGET_DIR:-target}/ci-tools/html" && pwd)
if ! cmp -s ci/html/package-lock.json "$TOOLS/package-lock.json"; then
  cp ci/html/package.json ci/html/package-lock.json "$TOOLS/"
  (cd "$TOOLS" && npm ci --ignore-scripts --no-audit --no-fund --silent)
fi
cp ci/html/check.mjs "$TOOLS/"
OUT=$(mktemp -d)
trap 'rm -rf -- "$OUT"' EXIT

pages=()
# page NAME VERB OPTIONS...: also a report that denies is a report.
page() {
  local name=$1
  shift
  "$PROGRAM" --format html "$@" >"$OUT/$name.html" || [ $? = 1 ]
  pages+=("$OUT/$name.html")
}
shipped=(--state-dir testdata/states/home/.openclaw --relocated-from /home/user/.openclaw --config testdata/states/home/config)
page shipped check "${shipped[@]}"
page host host "${shipped[@]}"
page checklist checklist "${shipped[@]}"
"$PROGRAM" sbom "${shipped[@]}" -o "$OUT/old.json"
sed -i 's/"version": "1\./"version": "0./' "$OUT/old.json"
page changes sbom --diff "$OUT/old.json" "${shipped[@]}"
cp -R testdata/states/home/.openclaw "$OUT/state"
for name in '<img src=x onerror=alert(1)>' '"><script>alert(1)<' '&lt;b&gt;' "' onmouseover='alert(1)" $'\u202egnp.exe' "$(printf 'long%.0s' $(seq 50))"; do
  mkdir -p "$OUT/state/workspace/skills/$name"
  printf -- '---\nname: "%s"\ndescription: x\n---\n' "${name//\"/\\\"}" >"$OUT/state/workspace/skills/$name/SKILL.md"
  echo changed >"$OUT/state/extensions/acme-notes/$name"
done
page hostile check --state-dir "$OUT/state" --relocated-from /home/user/.openclaw --config testdata/states/home/config -v
# A thousand skills, of which none is locked.
cp -R testdata/states/home/.openclaw "$OUT/many"
for number in $(seq 1000); do
  mkdir -p "$OUT/many/workspace/skills/s$number"
  printf -- '---\nname: s%s\ndescription: x\n---\n' "$number" >"$OUT/many/workspace/skills/s$number/SKILL.md"
done
page thousand check --state-dir "$OUT/many" --relocated-from /home/user/.openclaw --config testdata/states/home/config
if [ -n "${OPENCLAW_VERIFY_REAL:-}" ]; then
  real=(--state-dir "$OPENCLAW_VERIFY_REAL/home/.openclaw" --openclaw "$OPENCLAW_VERIFY_REAL/app/node_modules/openclaw" --config "$OUT/policy")
  "$PROGRAM" lock --init "${real[@]}" >/dev/null || [ $? = 1 ]
  page real check "${real[@]}"
fi
# A page that breaks the rules is found.
sed 's|<footer>|<img src="http://127.0.0.1:9/x"><footer style="color:#eee;background:#fff">|; s|default-src .none.|default-src *|' "$OUT/shipped.html" >"$OUT/bad.html"
if (cd "$TOOLS" && node check.mjs "$(command -v chromium)" "$OUT/bad.html") >"$OUT/bad.log" 2>&1; then echo 'a page that asks for a picture passes' >&2; exit 1; fi
grep -q 'asks for' "$OUT/bad.log" && grep -q 'color-contrast' "$OUT/bad.log" || { cat "$OUT/bad.log"; exit 1; }
(cd "$TOOLS" && node check.mjs "$(command -v chromium)" "${pages[@]}")
echo "${#pages[@]} passed, 0 failed"
