#!/usr/bin/env bash
# Makes the Debian package from a program that is built already: packages/deb/build.sh BINARY OUT-FOLDER. Prints the path of the package.
# Nothing of it runs when it is installed. The same inputs give the same bytes: times are those of SOURCE_DATE_EPOCH, or of the last commit.
set -euo pipefail
BINARY=$(cd -- "$(dirname -- "$1")" && pwd)/$(basename -- "$1")
mkdir -p -- "$2"
OUT=$(cd -- "$2" && pwd)
cd -- "$(dirname -- "$0")/../.."
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
ARCHITECTURE=${DEB_ARCH:-$(dpkg --print-architecture)}
# The newest version of glibc whose symbols it asks for; none where it is linked statically.
GLIBC=$(grep -aoE 'GLIBC_2\.[0-9]+' "$BINARY" | sort -Vu | tail -n 1 | cut -d_ -f2 || true)
DEPENDS=${GLIBC:+"Depends: libc6 (>= $GLIBC)"}
if [ -n "$GLIBC" ] && grep -aq 'libgcc_s\.so\.1' "$BINARY"; then DEPENDS="$DEPENDS, libgcc-s1"; fi

STAGE=$(mktemp -d)
trap 'rm -rf -- "$STAGE"' EXIT
umask 022
chmod 755 "$STAGE"
DOC=$STAGE/usr/share/doc/openclaw-verify
install -D -m 755 "$BINARY" "$STAGE/usr/bin/openclaw-verify"
install -d -m 755 "$DOC"
for page in README.md SECURITY.md; do packages/linked.sh "$page" >"$DOC/$page"; done
install -D -m 644 -t "$DOC/schema" docs/report.schema.json docs/schema/*.json
packages/linked.sh CHANGELOG.md | gzip -9n >"$DOC/changelog.gz"
{
  printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nSource: https://github.com/openclaw/openclaw-verify\n\n'
  printf 'Files: *\nCopyright: %s\nLicense: Expat or Apache-2.0\n\nLicense: Expat\n' "$(sed -n 's/^Copyright (c) //p' LICENSE-MIT)"
  sed 's/^$/./; s/^/ /' LICENSE-MIT
  printf '\nLicense: Apache-2.0\n On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n'
} >"$DOC/copyright"
# Completions and manual pages come from the program itself, where it can run here.
if [ "$ARCHITECTURE" = "$(dpkg --print-architecture)" ]; then
  install -d -m 755 "$STAGE/usr/share/bash-completion/completions" "$STAGE/usr/share/zsh/vendor-completions" "$STAGE/usr/share/fish/vendor_completions.d"
  "$BINARY" completions bash >"$STAGE/usr/share/bash-completion/completions/openclaw-verify"
  "$BINARY" completions zsh >"$STAGE/usr/share/zsh/vendor-completions/_openclaw-verify"
  "$BINARY" completions fish >"$STAGE/usr/share/fish/vendor_completions.d/openclaw-verify.fish"
  install -d -m 755 "$STAGE/usr/share/man/man1"
  packages/man/build.py "$BINARY" "$STAGE/usr/share/man/man1" >/dev/null
  gzip -9n "$STAGE"/usr/share/man/man1/*.1
fi
install -d -m 755 "$STAGE/DEBIAN"
cat >"$STAGE/DEBIAN/control" <<CONTROL
Package: openclaw-verify
Version: $VERSION
Architecture: $ARCHITECTURE
Maintainer: The openclaw-verify authors <openclaw-verify@users.noreply.github.com>
Section: admin
Priority: optional
Installed-Size: $(du -ks --apparent-size "$STAGE/usr" | cut -f1)
Homepage: https://github.com/openclaw/openclaw-verify
${DEPENDS:+$DEPENDS
}Description: verify what an OpenClaw installation would run
 Compares plugins, skills, hooks, commands and settings of an OpenClaw
 installation byte by byte with a lock, published archives, release tags,
 attestations and reviews. It never runs what it checks and changes nothing.
CONTROL
(cd "$STAGE" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$STAGE/DEBIAN/md5sums"
find "$STAGE" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --build "$STAGE" "$OUT/openclaw-verify_${VERSION}_$ARCHITECTURE.deb" >/dev/null
echo "$OUT/openclaw-verify_${VERSION}_$ARCHITECTURE.deb"
