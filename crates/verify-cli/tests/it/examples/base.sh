#!/usr/bin/env bash
# What the examples of the pages are run on, made in the working folder, which becomes a home:
#
#     base.sh REPOSITORY PROGRAM
#
# Files that may have any name have the names that the pages use; for the rest the table says what takes their place (`put:`).
set -euo pipefail
repository=$1 program=$2
export HOME=$PWD PATH="$PWD/bin:/usr/bin:/bin" GIT_CONFIG_NOSYSTEM=1

# The day of all tests, and where the state was that is copied here.
mkdir bin
cat >bin/openclaw-verify <<EOF
#!/bin/sh
case " \$* " in *' --relocated-from '* | *' --lock-only '*) ;; *) set -- "\$@" --relocated-from /home/user/.openclaw ;; esac
# ANSWER is --yes where a person would be asked.
exec '$program' "\$@" --now 2026-11-22T12:00:00Z \$ANSWER
EOF
chmod +x bin/openclaw-verify
cp -a "$repository/testdata/states/home/.openclaw" .openclaw
mkdir -p host/node_modules/openclaw
echo '{"name":"openclaw","version":"2026.9.6"}' >host/node_modules/openclaw/package.json

git config --global user.name Ada
git config --global user.email ada@example.org
git config --global gpg.format ssh
git config --global user.signingkey "$HOME/key"
ssh-keygen -q -t ed25519 -N '' -C ada -f key
export GIT_AUTHOR_DATE=2026-11-01T12:00:00Z GIT_COMMITTER_DATE=2026-11-01T12:00:00Z

mkdir openclaw-policy
cd openclaw-policy
git init -q
openclaw-verify lock --init >/dev/null
mkdir keys
echo "ada@example.org $(cut -d' ' -f1-2 ../key.pub)" | tee keys/acme.allowed_signers keys/openclaw.allowed_signers >allowed_signers
echo "gateway-17 $(cut -d' ' -f1-2 ../key.pub)" >>allowed_signers
cp "$repository/testdata/signed-skill/root.pem" keys/root.pem
for repository_of in acme/notes openclaw/openclaw; do
  cat >>openclaw-verify.toml <<EOF

[[release]]
repository = "github.com/$repository_of"
tags = "v*"
signers = "keys/${repository_of%/*}.allowed_signers"
EOF
done
git add .
git commit -qm 'Lock OpenClaw as it is'

# Clones with signed tags, from which releases are verified.
git init -q notes
echo a >notes/a
git -C notes add .
git -C notes commit -qm a
for tag in v1.3.0 v2.0 v2026.9.5; do git -C notes tag -s -m "$tag" "$tag"; done
cp -a notes openclaw
git clone -q --bare notes notes.git

for name in zalo-2026.9.5 matrix-1.4.2; do
  cp ../.openclaw/npm/projects/*/_openclaw-pack-archives/*.tgz "$name.tgz"
done
mkdir package
echo '{"id":"notes","name":"notes","version":"1.4.0","configSchema":{}}' >package/openclaw.plugin.json
echo '{"name":"notes","version":"1.4.0","type":"module","openclaw":{"extensions":["./index.js"]}}' >package/package.json
echo 'export default {};' >package/index.js
tar -czf notes-1.4.0.tgz package
rm -r package
cp -a ../.openclaw/workspace/skills/weather some-skill
mkdir ../friends
echo 'version = 1' >../friends/openclaw-reviews.toml
python3 - <<'EOF'
import json, zipfile
with zipfile.ZipFile("npm.zip", "w") as records:
    for id in ("GHSA-1", "MAL-2026-2307"):
        affected = [{"package": {"ecosystem": "npm", "name": "@acme/packed"}, "versions": ["1.2.0"]}]
        record = {"id": id, "modified": "2026-11-20T00:00:00Z", "affected": affected}
        records.writestr(f"{id}.json", json.dumps(record))
EOF
printf 'services:\n  openclaw-gateway:\n    image: openclaw\n' >compose.yml
echo '[{"Name":"/openclaw-gateway","Config":{},"HostConfig":{},"Mounts":[]}]' >inspect.json
ln -s "$repository/fleet" fleet
