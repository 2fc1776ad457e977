#!/usr/bin/env bash
# Everything else that is published, made and then used from the artifact alone, in a clean folder: wheel, Debian package, archive of the
# release (as `cargo binstall`, Homebrew and the action take it), the image's file system, the crates. Each gives the same JSON for the
# state in testdata/. OPENCLAW_VERIFY names a program that is built already; PROFILE=dev lets maturin build without optimising. Names of
# parts (wheel, deb, archive, container, crates, built_crates) run only these; built_crates, which installs from the packed crates, takes
# long and runs only by name.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."
ROOT=$PWD
OUT=$(mktemp -d)
trap 'rm -rf -- "$OUT"' EXIT
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
if [ -z "${OPENCLAW_VERIFY:-}" ]; then
  cargo build --quiet --release -p openclaw-verify
  OPENCLAW_VERIFY=$(cd -- "${CARGO_TARGET_DIR:-target}/release" && pwd)/openclaw-verify
fi
TOOLS=$(mkdir -p "${CARGO_TARGET_DIR:-target}/ci-tools" && cd -- "${CARGO_TARGET_DIR:-target}/ci-tools" && pwd)
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
HOST=$(rustc -vV | sed -n 's/^host: //p')
STATE=(--state-dir "$ROOT/testdata/states/home/.openclaw" --relocated-from /home/user/.openclaw --config "$ROOT/testdata/states/home/config")
PASSED=0

fail() { echo "failed: $*" >&2; exit 1; }
passed() { PASSED=$((PASSED + 1)); echo "ok: $*"; }
# same NAME COMMAND...: the program, run so, says of the shipped state what the built one says.
same() {
  local name=$1
  shift
  (cd "$OUT" && "$@" check --format json "${STATE[@]}") >"$OUT/$name.json" || fail "$name: exit $?"
  cmp "$OUT/expected.json" "$OUT/$name.json" || fail "$name says something else"
  passed "$name: the same $(wc -c <"$OUT/$name.json") bytes of JSON"
}
(cd "$OUT" && "$OPENCLAW_VERIFY" check --format json "${STATE[@]}") >"$OUT/expected.json"
# linked FOLDER: its pages have no link into a tree that is not there.
linked() {
  grep -q '](https://.*docs/install.md)' "$1/README.md" || fail "$1/README.md has no link to the way in"
  if grep -nE '\]\([^):#][^):]*\)' "$1/README.md" "$1/SECURITY.md"; then fail 'links that lead nowhere from a package'; fi
}

versions() {
  local said
  for said in \
    "packages/python/pyproject.toml=$(sed -n 's/^version = "\(.*\)"/\1/p' packages/python/pyproject.toml)" \
    "the program=$("$OPENCLAW_VERIFY" --version | head -n 1 | cut -d' ' -f2)"; do
    [ "${said#*=}" = "$VERSION" ] || fail "${said%%=*} says ${said#*=}, not $VERSION"
  done
  passed "one version everywhere: $VERSION"
}

wheel() {
  if ! [ -x "$TOOLS/maturin/bin/maturin" ]; then
    python3 -m venv "$TOOLS/maturin"
    "$TOOLS/maturin/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r ci/maturin.txt
  fi
  (cd packages/python && "$TOOLS/maturin/bin/maturin" build --profile "${PROFILE:-release}" --compatibility linux --out "$OUT/wheel" >"$OUT/maturin.log" 2>&1) || fail "maturin: $(cat "$OUT/maturin.log")"
  # As the release does: the program that was compared, not maturin's own build. Twice the same bytes, and RECORD says what is there.
  ci/wheel.py "$OPENCLAW_VERIFY" "$OUT"/wheel/*.whl >/dev/null
  cp "$OUT"/wheel/*.whl "$OUT/first.whl"
  ci/wheel.py "$OPENCLAW_VERIFY" "$OUT"/wheel/*.whl >/dev/null
  cmp "$OUT/first.whl" "$OUT"/wheel/*.whl || fail 'two wheels of one program differ'
  python3 - "$OUT/first.whl" <<'PYTHON'
import base64
import csv
import hashlib
import io
import sys
import zipfile

wheel = zipfile.ZipFile(sys.argv[1])
(record,) = [name for name in wheel.namelist() if name.endswith(".dist-info/RECORD")]
rows = {name: (digest, size) for name, digest, size in csv.reader(io.StringIO(wheel.read(record).decode()))}
assert rows.keys() == set(wheel.namelist()), rows.keys() ^ set(wheel.namelist())
for name in rows.keys() - {record}:
    data = wheel.read(name)
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    assert rows[name] == (f"sha256={digest}", str(len(data))), name
PYTHON
  python3 -m venv "$OUT/python"
  "$OUT/python/bin/pip" install --quiet --disable-pip-version-check --no-index "$OUT"/wheel/*.whl
  same wheel "$OUT/python/bin/openclaw-verify"
  cmp "$OPENCLAW_VERIFY" "$OUT/python/bin/openclaw-verify" || fail 'the wheel holds another program'
  # Nothing in it names a folder of this machine, and it has no code of Python.
  mkdir "$OUT/unpacked"
  (cd "$OUT/unpacked" && python3 -m zipfile -e "$OUT"/wheel/*.whl .)
  if grep -rlF --include='*.json' --include=METADATA --include=RECORD -- "$ROOT" "$OUT/unpacked"; then fail 'the wheel names folders of this machine'; fi
  [ -z "$(find "$OUT/unpacked" -name '*.py')" ] || fail 'the wheel has code of Python'
  # The example of its README, on the workspace of the shipped state: of a copy with records of installs it would be asked where it was.
  sed -n '/^```python$/,/^```$/p' packages/python/README.md | sed '1d;$d' >"$OUT/example.py"
  mkdir -p "$OUT/home/.openclaw"
  cp -R "$ROOT/testdata/states/home/.openclaw/workspace" "$OUT/home/.openclaw/"
  example() { (cd "$OUT/home" && HOME=$OUT/home PATH=$OUT/python/bin:$PATH "$@") >"$OUT/example.out" 2>&1; }
  if example python3 "$OUT/example.py"; then fail 'the example of packages/python/README.md is content without a lock'; fi
  example openclaw-verify lock --init || [ $? = 1 ] || fail "lock --init: $(cat "$OUT/example.out")"
  example python3 "$OUT/example.py" || fail "the example of packages/python/README.md: $(cat "$OUT/example.out")"
  grep -qE '^(deny|warn) [a-z-]+ ' "$OUT/example.out" || fail "the example of packages/python/README.md prints no findings: $(cat "$OUT/example.out")"
  passed 'wheel: the example of its README'
}

deb() {
  if ! command -v dpkg-deb >/dev/null; then echo 'not run: dpkg-deb is not here'; return; fi
  local package again
  package=$(packages/deb/build.sh "$OPENCLAW_VERIFY" "$OUT/deb")
  dpkg-deb -x "$package" "$OUT/deb-root"
  same deb "$OUT/deb-root/usr/bin/openclaw-verify"
  (cd "$OUT/deb-root" && dpkg-deb --ctrl-tarfile "$package" | tar -xO ./md5sums | md5sum --quiet -c -) || fail 'md5sums of the Debian package'
  [ -z "$(dpkg-deb --ctrl-tarfile "$package" | tar -t | grep -E '(pre|post)(inst|rm)')" ] || fail 'the Debian package has scripts'
  # A database of its own: nothing of this machine is changed.
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$OUT/dpkg/updates" "$OUT/dpkg/info" "$OUT/installed"
    : >"$OUT/dpkg/status"
    dpkg --admindir "$OUT/dpkg" --instdir "$OUT/installed" --log /dev/null --force-depends -i "$package" >"$OUT/dpkg.log" 2>&1 || fail "dpkg: $(cat "$OUT/dpkg.log")"
    same deb-installed "$OUT/installed/usr/bin/openclaw-verify"
  fi
  again=$(packages/deb/build.sh "$OPENCLAW_VERIFY" "$OUT/deb-again")
  cmp "$package" "$again" || fail 'two Debian packages of one program differ'
  linked "$OUT/deb-root/usr/share/doc/openclaw-verify"
  grep -qF "Copyright: $(sed -n 's/^Copyright (c) //p' LICENSE-MIT)" "$OUT/deb-root/usr/share/doc/openclaw-verify/copyright" || fail 'copyright of the Debian package'
  # One manual page a verb, and nothing that man complains about.
  [ "$(find "$OUT/deb-root/usr/share/man/man1" -name '*.1.gz' | wc -l)" -ge 10 ] || fail 'manual pages are missing'
  if command -v man >/dev/null && command -v groff >/dev/null; then
    local manual
    for manual in "$OUT"/deb-root/usr/share/man/man1/*.1.gz; do
      [ -z "$(man --warnings -E UTF-8 -l -Tutf8 "$manual" 2>&1 >/dev/null)" ] || fail "$(basename "$manual")"
    done
    man -E UTF-8 -l "$OUT/deb-root/usr/share/man/man1/openclaw-verify-lock.1.gz" | grep -q -- '--accept <ID>' || fail 'the manual page of lock'
  fi
  passed 'deb: twice the same bytes, no scripts, checksums hold'
}

archive() {
  local packed again digest target
  packed=$(packages/archive/build.sh "$OPENCLAW_VERIFY" "$HOST" "$OUT/archive")
  again=$(packages/archive/build.sh "$OPENCLAW_VERIFY" "$HOST" "$OUT/archive-again")
  cmp "$packed" "$again" || fail 'two archives of one program differ'
  mkdir "$OUT/archive-root"
  tar -xzf "$packed" -C "$OUT/archive-root"
  # Where the metadata of `cargo binstall` says it is.
  python3 - "$packed" "$VERSION" "$HOST" <<'PYTHON'
import os
import sys
import tarfile
import tomllib

packed, version, target = sys.argv[1:]
with open("crates/verify-cli/Cargo.toml", "rb") as file:
    said = tomllib.load(file)["package"]["metadata"]["binstall"]


def filled(text):
    for name, value in {"repo": "", "version": version, "target": target, "bin": "openclaw-verify", "binary-ext": ""}.items():
        text = text.replace("{ %s }" % name, value)
    return text


assert os.path.basename(filled(said["pkg-url"])) == os.path.basename(packed), filled(said["pkg-url"])
assert filled(said["bin-dir"]) in tarfile.open(packed).getnames(), filled(said["bin-dir"])
PYTHON
  same archive "$OUT/archive-root/openclaw-verify-$VERSION-$HOST/openclaw-verify"
  linked "$OUT/archive-root/openclaw-verify-$VERSION-$HOST"
  # The sums of a release fit what is downloaded, packed and unpacked, and the digest of the program alone is in them.
  mkdir "$OUT/release-files" "$OUT/downloaded"
  cp "$packed" "$OUT/release-files/"
  printf 'tarball' >"$OUT/release-files/openclaw-verify-$VERSION.tgz"
  packages/sums.sh "$OUT/release-files"
  (cd "$OUT/release-files" && sha256sum --quiet -c SHA256SUMS && cp SHA256SUMS "openclaw-verify-$VERSION.tgz" "$OUT/downloaded/") || fail 'SHA256SUMS'
  tar -xzf "$packed" -C "$OUT/downloaded"
  [ "$(cd "$OUT/downloaded" && sha256sum --ignore-missing -c SHA256SUMS | grep -c ': OK$')" = 2 ] || fail 'SHA256SUMS does not fit what is downloaded'
  grep -q "^$(sha256sum <"$OPENCLAW_VERIFY" | cut -d' ' -f1)  " "$OUT/release-files/SHA256SUMS" || fail 'SHA256SUMS has no line of the program'
  digest=$(printf 'sums' | sha256sum | cut -d' ' -f1)
  for target in aarch64-apple-darwin x86_64-apple-darwin aarch64-unknown-linux-musl; do
    echo "$digest  openclaw-verify-$VERSION-$target.tar.gz"
  done >"$OUT/SHA256SUMS"
  if packages/homebrew/render.sh "$OUT/SHA256SUMS" >/dev/null 2>&1; then fail 'a formula without one of its checksums'; fi
  echo "$digest  openclaw-verify-$VERSION-x86_64-unknown-linux-musl.tar.gz" >>"$OUT/SHA256SUMS"
  packages/homebrew/render.sh "$OUT/SHA256SUMS" >"$OUT/openclaw-verify.rb"
  if grep -n '@' "$OUT/openclaw-verify.rb"; then fail 'the formula has holes'; fi
  # Its test, as `brew test` runs it: in a home of its own.
  local arguments code ended
  mkdir "$OUT/brew-home"
  while IFS=' ' read -r code arguments; do
    # shellcheck disable=SC2086 # words of the formula
    (cd "$OUT/brew-home" && env -i HOME="$OUT/brew-home" PATH=/usr/bin:/bin "$OPENCLAW_VERIFY" $arguments) >"$OUT/brew.log" 2>&1 && ended=0 || ended=$?
    [ "$ended" = "$code" ] || fail "the test of the formula: $arguments: exit $ended, not $code: $(cat "$OUT/brew.log")"
  done < <(sed -nE 's/.*shell_output\("#\{bin\}\/openclaw-verify ([^"]*)"(, ([0-9]+))?\).*/\3 \1/p' "$OUT/openclaw-verify.rb" | sed 's/^ /0 /')
  if command -v ruby >/dev/null; then ruby -c "$OUT/openclaw-verify.rb" >/dev/null || fail 'the formula is no Ruby'; else echo 'the formula was not parsed: ruby is not here'; fi
  if command -v nix-instantiate >/dev/null; then nix-instantiate --parse flake.nix >/dev/null || fail flake.nix; else echo 'flake.nix was not parsed: nix-instantiate is not here'; fi
  python3 - <<'PYTHON' || fail 'flake.lock is not that of flake.nix'
import json
import sys

with open("flake.lock", encoding="utf-8") as lock, open("flake.nix", encoding="utf-8") as flake:
    pinned, written = json.load(lock)["nodes"]["nixpkgs"], flake.read()
rev = pinned["locked"]["rev"]
sys.exit(not (len(rev) == 40 and pinned["original"]["rev"] == rev and f"github:NixOS/nixpkgs/{rev}" in written))
PYTHON
  passed 'archive: twice the same bytes, where binstall looks; formula from its checksums'
}

# What the Dockerfile copies, as the user that it names, everything read-only, with no network: in name spaces, because no engine is here.
container() {
  local file=packages/container/Dockerfile root=$OUT/image user folder target
  [ "$(grep -E '^FROM ' $file)" = 'FROM scratch' ] || fail 'the image has a base that could change'
  user=$(sed -n 's/^USER //p' $file)
  folder=$(sed -n 's/^WORKDIR //p' $file)
  [[ $user =~ ^[1-9][0-9]+:[1-9][0-9]+$ ]] || fail "the image runs as $user"
  if ! unshare -m mount -t tmpfs none /mnt 2>/dev/null; then echo 'the image was not run: no mount namespaces'; return; fi
  mkdir -p "$OUT/release" "$root"
  cp "$OPENCLAW_VERIFY" "$OUT/release/openclaw-verify"
  cp /etc/ssl/certs/ca-certificates.crt "$OUT/release/" 2>/dev/null || : >"$OUT/release/ca-certificates.crt"
  while read -r _ _ mode from to; do
    install -D -m "${mode#--chmod=}" "$OUT/release/$from" "$root$to"
  done < <(grep -E '^COPY ' $file)
  # The program of a release is static; this one brings its libraries along.
  ldd "$OPENCLAW_VERIFY" 2>/dev/null | grep -oE '/[^ ]+' | while read -r library; do install -D -m 555 "$library" "$root$library"; done
  mkdir -p "$root/tmp" "$root$folder" "$root$ROOT/testdata"
  target=$(sed -n 's/^ENTRYPOINT \["\(.*\)"\]/\1/p' $file)
  cat >"$OUT/inside" <<'SH'
root=$1 testdata=$2 user=$3 folder=$4
shift 4
# Both as `docker run --read-only --tmpfs /tmp -v …:ro` has them.
mount --bind "$root" "$root"
mount -t tmpfs -o mode=1777 none "$root/tmp"
mkdir -p "$root$testdata"
mount --bind "$testdata" "$root$testdata"
mount -o remount,bind,ro "$root$testdata"
mount -o remount,bind,ro "$root"
exec env -i "$(command -v unshare)" --root="$root" --wd="$folder" --setgid="${user#*:}" --setuid="${user%:*}" "$@"
SH
  chmod 755 "$OUT" "$root"
  same container unshare -m -n bash "$OUT/inside" "$root" "$ROOT/testdata" "$user" "$folder" "$target"
  # The arguments of its comment, with files of another user in /policy and no repository around them.
  local arguments
  arguments=$(sed -n 's/^# *openclaw-verify \(check .*\)/\1/p' $file | sed 's|~/|/home/user/|')
  mkdir -p "$root/home/node"
  cp -R testdata/states/home/.openclaw "$root/home/node/"
  cp -R testdata/states/home/config/. "$root$folder/"
  chmod -R go+rX "$root/home" "$root$folder"
  # shellcheck disable=SC2086 # words of the comment
  unshare -m -n bash "$OUT/inside" "$root" "$ROOT/testdata" "$user" "$folder" "$target" $arguments >"$OUT/docker.log" 2>&1 || fail "the command of $file: exit $?: $(cat "$OUT/docker.log")"
  passed 'container: the command of its comment'
}

# The crates as they are published hold all that they need, and their READMEs link to what is there.
pack_crates() {
  cargo package --workspace --no-verify --allow-dirty --quiet 2>"$OUT/package.log" || fail "cargo package: $(cat "$OUT/package.log")"
  mkdir -p "$OUT/crates"
  local crate link
  for crate in openclaw-verify-core openclaw-verify; do
    tar -xzf "${CARGO_TARGET_DIR:-target}/package/$crate-$VERSION.crate" -C "$OUT/crates"
    for link in LICENSE-MIT LICENSE-APACHE README.md; do
      if ! [ -s "$OUT/crates/$crate-$VERSION/$link" ]; then fail "$crate has no $link"; fi
    done
    [ -z "$(find "$OUT/crates/$crate-$VERSION" -type l)" ] || fail "$crate has links"
  done
  PATCH=(--config "patch.crates-io.openclaw-verify-core.path='$OUT/crates/openclaw-verify-core-$VERSION'")
}

crates() {
  pack_crates
  # Where the checks of the workspace lie, so that dependencies are not checked anew.
  cargo check --quiet --offline --manifest-path "$OUT/crates/openclaw-verify-$VERSION/Cargo.toml" "${PATCH[@]}" --target-dir "${CARGO_TARGET_DIR:-target}" \
    || fail 'the packed crates do not compile'
  passed 'crates: packed, self-contained, with licences'
}

built_crates() {
  pack_crates
  cargo install --quiet --offline --path "$OUT/crates/openclaw-verify-$VERSION" "${PATCH[@]}" --root "$OUT/cargo" ${PROFILE:+--profile "$PROFILE"} --target-dir "${CARGO_TARGET_DIR:-target}"
  same crates "$OUT/cargo/bin/openclaw-verify"
}

for part in "${@:-versions}"; do "$part"; done
if [ $# = 0 ]; then for part in wheel deb archive container crates; do "$part"; done; fi
echo "$PASSED passed, 0 failed"
