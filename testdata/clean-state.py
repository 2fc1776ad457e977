"""Copies a state dir without what is private or noise, as if it had been made in /home/user. Called by make-state.sh."""
import hashlib, json, os, shutil, sqlite3, sys
from pathlib import Path

home, package, target = sys.argv[1:]
USER, HOST = "/home/user", "/usr/lib/node_modules/openclaw"


def rewrite(text):
    return text.replace(package, HOST).replace(home, USER)


def rehash(text):
    """Rewritten paths change the records, and so the hashes that OpenClaw keeps of them: sha256 of the compact JSON."""
    compact = lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    value = json.loads(text)
    records = value["index"]["installRecords"]
    for plugin in value["index"]["plugins"]:
        if "installRecordHash" in plugin and plugin["pluginId"] in records:
            plugin["installRecordHash"] = hashlib.sha256(compact(records[plugin["pluginId"]]).encode()).hexdigest()
    return compact(value)


shutil.rmtree(target, ignore_errors=True)
source = Path(home, ".openclaw")
for path in sorted(source.rglob("*")):
    relative = path.relative_to(source)
    top = relative.parts[0]
    if top in ("tmp", "logs", "cache") or ".bak" in path.name or path.name.startswith("config-journal"):
        continue
    if top == "state" and path.is_file():
        continue
    out = Path(target, ".openclaw", relative)
    if path.is_symlink():
        out.parent.mkdir(parents=True, exist_ok=True)
        out.symlink_to(rewrite(os.readlink(path)))
    elif path.is_file():
        out.parent.mkdir(parents=True, exist_ok=True)
        data = path.read_bytes()
        try:
            data = rewrite(data.decode()).encode()
        except UnicodeDecodeError:
            pass
        out.write_bytes(data)
        out.chmod(path.stat().st_mode & 0o777)

# Only the table that install records stand in, with the schema that OpenClaw gave it.
old = sqlite3.connect(source / "state/openclaw.sqlite")
out = Path(target, ".openclaw/state/openclaw.sqlite")
out.parent.mkdir(parents=True)
new = sqlite3.connect(out)
(version,) = old.execute("pragma user_version").fetchone()
new.execute(f"pragma user_version={version}")
for name in ("config_machine_state", "schema_meta"):
    (sql,) = old.execute("select sql from sqlite_master where type='table' and name=?", (name,)).fetchone()
    new.execute(sql)
    for row in old.execute(f"select * from {name}"):
        if name == "config_machine_state" and row[0] not in ("plugins.installedIndex", "hooks.internal.installs"):
            continue
        row = [rewrite(value) if isinstance(value, str) else value for value in row]
        if row[0] == "plugins.installedIndex":
            row[1] = rehash(row[1])
        new.execute(f"insert into {name} values ({','.join('?' * len(row))})", row)
new.commit()
new.execute("vacuum")
new.close()

# The linked plugin lies outside the state dir.
shutil.copytree(Path(home, "src/plugin-linked"), Path(target, "src/plugin-linked"))
