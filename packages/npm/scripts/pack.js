// Makes what is published to npm: the starter with the SDK, one package for each program, and OpenClaw's plugin.
//
//     node scripts/pack.js --out DIR --binary linux-x64=PATH [--binary TARGET=PATH]... [--all]
//
// Prints one line a tarball: SHA-256 and name. With --all a target of targets.json without a program is an error: a release has all.
// The packages have no scripts, so nothing runs when they are installed.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = fileURLToPath(new URL("..", import.meta.url));
const root = join(here, "../..");
const targets = json(join(here, "targets.json"));
const { values } = parseArgs({
  options: { out: { type: "string" }, binary: { type: "string", multiple: true, default: [] }, all: { type: "boolean" } },
});
if (!values.out) throw new Error("--out DIR is missing");

const manifest = json(join(here, "package.json"));
const { version } = manifest;
const cargo = /^version = "(.+)"$/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))[1];
if (cargo !== version) throw new Error(`package.json says ${version}, Cargo.toml ${cargo}`);

const binaries = new Map(values.binary.map((text) => {
  const at = text.indexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}));
for (const name of binaries.keys()) {
  if (!targets.some((target) => target.package === name)) throw new Error(`targets.json has no ${name}`);
}
const missing = targets.filter((target) => !binaries.has(target.package)).map((target) => target.package);
if (values.all && missing.length > 0) throw new Error(`no program for ${missing.join(", ")}`);

const work = mkdtempSync(join(tmpdir(), "openclaw-verify-pack-"));
try {
  mkdirSync(values.out, { recursive: true });
  for (const target of targets.filter((one) => binaries.has(one.package))) platform(target, binaries.get(target.package));
  starter();
  plugin();
} finally {
  rmSync(work, { recursive: true, force: true });
}

function platform(target, binary) {
  const folder = stage(target.package);
  mkdirSync(join(folder, "bin"));
  copyFileSync(binary, join(folder, "bin/openclaw-verify"));
  chmodSync(join(folder, "bin/openclaw-verify"), 0o755);
  writeFileSync(join(folder, "README.md"), `# @openclaw-verify/${target.package}\n\nThe program of \`openclaw-verify\` for ${target.rust}. ` +
    "Install `openclaw-verify`, which brings this where it fits.\n");
  write(folder, {
    name: `@openclaw-verify/${target.package}`,
    version,
    description: `The program of openclaw-verify for ${target.rust}`,
    license: manifest.license,
    repository: manifest.repository,
    os: [target.os],
    cpu: [target.cpu],
    ...(target.libc ? { libc: [target.libc] } : {}),
    files: ["bin"],
    preferUnplugged: true,
  });
  // One for musl is linked statically and is also what stands in on glibc.
  pack(folder);
}

function starter() {
  const folder = stage("starter");
  for (const name of ["bin", "dist"]) cpSync(join(here, name), join(folder, name), { recursive: true });
  copyFileSync(join(here, "README.md"), join(folder, "README.md"));
  const { scripts: _, devDependencies: __, ...rest } = manifest;
  const optionalDependencies = Object.fromEntries(targets.map((target) => [`@openclaw-verify/${target.package}`, version]));
  write(folder, { ...rest, optionalDependencies });
  pack(folder);
}

function plugin() {
  const source = join(root, "packages/openclaw-plugin");
  const folder = stage("plugin");
  for (const name of ["index.js", "openclaw.plugin.json", "README.md"]) copyFileSync(join(source, name), join(folder, name));
  const own = json(join(source, "package.json"));
  const described = json(join(source, "openclaw.plugin.json"));
  for (const said of [own.version, own.dependencies[manifest.name], described.version]) {
    if (said !== version) throw new Error(`the plugin says ${said}, not ${version}`);
  }
  write(folder, own);
  pack(folder);
}

function stage(name) {
  const folder = join(work, name);
  mkdirSync(folder);
  for (const licence of ["LICENSE-APACHE", "LICENSE-MIT"]) copyFileSync(join(root, licence), join(folder, licence));
  return folder;
}

function write(folder, content) {
  for (const name of Object.keys(content.scripts ?? {})) throw new Error(`${content.name} would have a script: ${name}`);
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(content, null, 2)}\n`);
}

function pack(folder) {
  const printed = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", values.out, folder], { encoding: "utf8" });
  const made = JSON.parse(printed);
  // npm 12 gives an object by name, older ones a list.
  const { filename } = Array.isArray(made) ? made[0] : Object.values(made)[0];
  const digest = createHash("sha256").update(readFileSync(join(values.out, filename))).digest("hex");
  console.log(`${digest}  ${filename}`);
}

function json(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}
