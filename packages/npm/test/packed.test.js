// What is published, from the packed tarballs alone, each in a clean folder: `npx`, an install, the examples of the README, the types.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { registry } from "./registry.js";
import { binary, flags, installOf, root, shipped, target } from "./support.js";

const packs = process.env.OPENCLAW_VERIFY_PACKS;
if (!packs) throw new Error("OPENCLAW_VERIFY_PACKS is to name the folder that scripts/pack.js wrote");
const work = mkdtempSync(join(tmpdir(), "openclaw-verify-packed-"));
let served;
before(async () => { served = await registry(packs); });
after(() => { served.close(); rmSync(work, { recursive: true, force: true }); });

/** Runs a command in a clean folder with nothing of npm's settings of this machine. */
function run(folder, command, args) {
  mkdirSync(join(work, folder), { recursive: true });
  const env = {
    PATH: process.env.PATH, HOME: join(work, "home"), npm_config_registry: served.address, npm_config_cache: join(work, "cache"),
    npm_config_update_notifier: "false", npm_config_audit: "false", npm_config_fund: "false", npm_config_loglevel: "error",
  };
  return asynchronous(command, args, { cwd: join(work, folder), env });
}

// The registry answers from this process, so nothing here may block it.
function asynchronous(command, args, options) {
  return new Promise((resolve, reject) => {
    import("node:child_process").then(({ execFile }) => {
      execFile(command, args, { ...options, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        if (error && typeof error.code !== "number") reject(error);
        else resolve({ code: error ? error.code : 0, stdout, stderr });
      });
    }, reject);
  });
}

const expected = spawnSync(binary, ["check", "--format", "json", ...flags], { encoding: "utf8" });

test("npx runs the program by its name, and gives the same JSON", async () => {
  const ran = await run("npx", "npx", ["--yes", "openclaw-verify", "check", "--format", "json", ...flags]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(ran.stdout, expected.stdout);
  assert.deepEqual([...new Set(served.asked)].filter((name) => !/^@openclaw-verify\/|^tarballs\//.test(name)), ["openclaw-verify"]);
});

test("an install runs no script, and the starter passes exit codes and signals on", async () => {
  const installed = await run("install", "npm", ["install", "openclaw-verify"]);
  assert.equal(installed.code, 0, installed.stderr);
  const lock = JSON.parse(readFileSync(join(work, "install/package-lock.json"), "utf8"));
  assert.deepEqual(Object.values(lock.packages).filter((one) => one.hasInstallScript), []);
  const starter = join(work, "install/node_modules/.bin/openclaw-verify");
  for (const [code, ...args] of [[0, "--version"], [1, "check", "--fail-on", "warn", ...flags], [2, "no-such-verb"], [2, "check", "--state-dir", "/nowhere"]]) {
    const ran = await run("install", starter, args);
    assert.equal(ran.code, code, `${args}: ${ran.stderr}`);
  }
  const killed = spawnSync("bash", ["-c", `mkfifo ${work}/fifo; "$0" gate --config "$1" <${work}/fifo & exec 3>${work}/fifo; sleep 1; kill -TERM $!; wait $!; echo $?`, starter, shipped.config], { encoding: "utf8" });
  assert.equal(killed.stdout.trim().split("\n").at(-1), "143", killed.stderr);
  // Node would pass on another name.
  const bytes = spawnSync("bash", ["-c", `"$0" tree $'a\\xff'; echo $?`, starter], { encoding: "utf8" });
  assert.equal(bytes.stdout.trim(), "2", bytes.stderr);
  assert.match(bytes.stderr, /^error: the argument .* is no UTF-8 text.*bin\/openclaw-verify$/m);
  const variable = spawnSync("bash", ["-c", `OPENCLAW_STATE_DIR=$'/a\\xff' "$0" check; echo $?`, starter], { encoding: "utf8" });
  assert.equal(variable.stdout.trim(), "2", variable.stderr);
  assert.match(variable.stderr, /^error: the variable OPENCLAW_STATE_DIR is no UTF-8 text/m);
});

test("without its program the starter says what to do, exit 2", async () => {
  const ran = await run("omit", "npm", ["install", "--omit=optional", "openclaw-verify"]);
  assert.equal(ran.code, 0, ran.stderr);
  const starter = await run("omit", join(work, "omit/node_modules/.bin/openclaw-verify"), ["check"]);
  assert.equal(starter.code, 2);
  assert.match(starter.stderr, /^error: @openclaw-verify\/\S+ is not installed.*--omit=optional/);
});

test("PATH, the environment and folders above choose no program", async () => {
  const evil = "#!/bin/sh\necho evil\n";
  mkdirSync(join(work, "evil"));
  for (const name of ["openclaw-verify", "openclaw"]) writeFileSync(join(work, "evil", name), evil, { mode: 0o755 });
  const starter = join(work, "install/node_modules/openclaw-verify/bin/openclaw-verify.js");
  const env = { ...process.env, PATH: `${join(work, "evil")}:${process.env.PATH}`, OPENCLAW_VERIFY_BINARY: join(work, "evil/openclaw-verify") };
  const ran = await asynchronous(process.execPath, [starter, "--version"], { env });
  assert.match(ran.stdout, /^openclaw-verify \d/);
  // Where the program's package is left out, Node would find another one here.
  const { version } = JSON.parse(readFileSync(join(work, "omit/node_modules/openclaw-verify/package.json"), "utf8"));
  const plant = (folder) => {
    mkdirSync(join(folder, `@openclaw-verify/${target}/bin`), { recursive: true });
    writeFileSync(join(folder, `@openclaw-verify/${target}/package.json`), JSON.stringify({ name: `@openclaw-verify/${target}`, version }));
    writeFileSync(join(folder, `@openclaw-verify/${target}/bin/openclaw-verify`), evil, { mode: 0o755 });
  };
  for (const folder of ["evil", "node_modules", "evil-home/.node_modules"]) plant(join(work, folder));
  const without = join(work, "omit/node_modules/openclaw-verify/bin/openclaw-verify.js");
  const searched = { ...process.env, NODE_PATH: join(work, "evil"), HOME: join(work, "evil-home") };
  const found = await asynchronous(process.execPath, [without, "--version"], { env: searched });
  assert.equal(found.code, 2, found.stdout);
  assert.match(found.stderr, /is not installed beside openclaw-verify/);
  for (const folder of ["evil", "node_modules", "evil-home"]) rmSync(join(work, folder), { recursive: true });
});

test("other layouts have the program too, and a bundle says that it is one", async () => {
  const modules = join(work, "install/node_modules");
  const version = async (starter) => (await asynchronous(process.execPath, [starter, "--version"], {})).stdout;
  // Under another name below a scope, as `npm install @me/v@npm:openclaw-verify` makes it.
  cpSync(join(modules, "openclaw-verify"), join(work, "alias/node_modules/@me/v"), { recursive: true });
  cpSync(join(modules, "@openclaw-verify"), join(work, "alias/node_modules/@openclaw-verify"), { recursive: true });
  assert.match(await version(join(work, "alias/node_modules/@me/v/bin/openclaw-verify.js")), /^openclaw-verify \d/);
  // Yarn's store for its linker `pnpm`.
  const store = join(work, "yarn/node_modules/.store/openclaw-verify-npm-x");
  cpSync(join(modules, "openclaw-verify"), join(store, "package"), { recursive: true });
  cpSync(join(modules, "@openclaw-verify"), join(store, "node_modules/@openclaw-verify"), { recursive: true });
  assert.match(await version(join(store, "package/bin/openclaw-verify.js")), /^openclaw-verify \d/);
  // A bundle takes the code out of its package.
  cpSync(join(modules, "openclaw-verify/dist"), join(work, "bundle/node_modules/other/dist"), { recursive: true });
  writeFileSync(join(work, "bundle/node_modules/other/package.json"), '{"name":"other","version":"3.2.1","type":"module"}');
  const code = 'import("./node_modules/other/dist/index.js").then((sdk) => sdk.tree(".")).catch((error) => console.log(error.exit, error.message))';
  const bundled = await asynchronous(process.execPath, ["-e", code], { cwd: join(work, "bundle") });
  assert.match(bundled.stdout, /^2 this code is not in its own package.*external/);
});

test("a program of another version is not started", async () => {
  cpSync(join(work, "omit"), join(work, "other"), { recursive: true, verbatimSymlinks: true });
  const folder = join(work, `other/node_modules/@openclaw-verify/${target}`);
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ version: "0.0.1" }));
  writeFileSync(join(folder, "bin/openclaw-verify"), "#!/bin/sh\necho old\n", { mode: 0o755 });
  const ran = await run("other", join(work, "other/node_modules/.bin/openclaw-verify"), ["--version"]);
  assert.equal(ran.code, 2, ran.stdout);
  assert.match(ran.stderr, /is of version 0\.0\.1, and openclaw-verify of /);
});

test("what is no program for this machine is not started, and no shell takes it for a script", async () => {
  cpSync(join(work, "install"), join(work, "broken"), { recursive: true, verbatimSymlinks: true });
  const folder = join(work, `broken/node_modules/@openclaw-verify/${target}`);
  const program = join(folder, "bin/openclaw-verify");
  const mark = join(work, "mark");
  const whole = readFileSync(program);
  const elsewhere = Buffer.from(whole);
  elsewhere[process.platform === "linux" ? 18 : 4] ^= 0xff;
  const sdk = join(work, "broken/sdk.mjs");
  writeFileSync(sdk, 'import { VerifyError, check } from "openclaw-verify";\ntry { await check(); } catch (error) { console.log(error instanceof VerifyError, error.exit, error.message); }\n');
  for (const [bytes, said] of [["", /is no program\./], [Buffer.alloc(4096), /is no program\./], [whole.subarray(0, 3), /is no program\./],
    [`#!/bin/sh\ntouch ${mark}\n`, /is no program\./], [`touch ${mark}\n`, /is no program\./], [elsewhere, /is no program for (x64|arm64)\./]]) {
    writeFileSync(program, bytes, { mode: 0o755 });
    const ran = await run("broken", join(work, "broken/node_modules/.bin/openclaw-verify"), ["--version"]);
    assert.equal(ran.code, 2, ran.stdout);
    assert.match(ran.stderr, said);
    assert.match(ran.stderr, /Install openclaw-verify again$/m);
    const asked = await run("broken", process.execPath, [sdk]);
    assert.match(asked.stdout, /^true 2 /, asked.stdout + asked.stderr);
  }
  rmSync(program);
  const absent = await run("broken", join(work, "broken/node_modules/.bin/openclaw-verify"), ["--version"]);
  assert.equal(absent.code, 2, absent.stdout);
  assert.match(absent.stderr, /bin\/openclaw-verify cannot be read: ENOENT/);
  assert(!existsSync(mark));
});

test("the examples of the README run, and compile under strict", async () => {
  const readme = readFileSync(join(root, "packages/npm/README.md"), "utf8");
  const blocks = [...readme.matchAll(/```js\n([^]*?)```/g)].map((match) => match[1]);
  assert.equal(blocks.length, 2);
  const home = join(work, "install/state");
  cpSync(join(root, "testdata/states/home"), home, { recursive: true });
  const request = installOf(join(home, ".openclaw/extensions/acme-notes"));
  const placed = blocks.map((text) => text
    .replaceAll("/home/node/.openclaw", join(home, ".openclaw"))
    .replaceAll("/home/node/policy", join(home, "config"))
    .replace("sbom({ ", `sbom({ stateDir: ${JSON.stringify(join(home, ".openclaw"))}, `)
    .replaceAll("stateDir:", 'relocatedFrom: "/home/user/.openclaw", stateDir:')
    .replace("./my-plugin", join(home, ".openclaw/extensions/acme-notes")));
  placed[1] = `const request = ${JSON.stringify(request)};\n${placed[1]}`;
  for (const [index, text] of placed.entries()) {
    writeFileSync(join(work, `install/example${index}.mts`), text);
    writeFileSync(join(work, `install/example${index}.mjs`), text);
    const ran = await asynchronous(process.execPath, [join(work, `install/example${index}.mjs`)], {});
    assert.equal(ran.code, 0, ran.stderr);
  }
  writeFileSync(join(work, "install/wrong.mts"), 'import { check } from "openclaw-verify";\n(await check()).report.findings[0]!.level = "good";\n');
  const tsc = join(root, "packages/npm/node_modules/typescript/bin/tsc");
  const compile = (...files) => asynchronous(process.execPath, [tsc, "--noEmit", "--strict", "--module", "nodenext", "--target", "es2022",
    "--typeRoots", join(root, "packages/npm/node_modules/@types"), "--types", "node", ...files.map((file) => join(work, "install", file))], {});
  const good = await compile("example0.mts", "example1.mts");
  assert.equal(good.code, 0, good.stdout);
  // Without the types of Node the package's own are whole.
  writeFileSync(join(work, "install/alone.mts"), 'import { check } from "openclaw-verify";\nexport const report = await check({ env: { HOME: "/x" } });\n');
  const alone = await asynchronous(process.execPath, [tsc, "--noEmit", "--strict", "--module", "nodenext", "--target", "es2022",
    "--lib", "es2022", "--typeRoots", join(work, "no-types"), join(work, "install/alone.mts")], {});
  assert.equal(alone.code, 0, alone.stdout);
  const wrong = await compile("wrong.mts");
  assert.match(wrong.stdout, /TS2322/);
});

test("the program of the package is the one that was packed", () => {
  const inside = join(realpathSync(join(work, "install/node_modules/@openclaw-verify")), `${target}/bin/openclaw-verify`);
  assert.deepEqual(readFileSync(inside), readFileSync(binary));
});

test("equal inputs give equal tarballs", () => {
  const again = join(work, "again");
  const printed = execFileSync(process.execPath, [join(root, "packages/npm/scripts/pack.js"), "--out", again, "--binary", `${target}=${binary}`], { encoding: "utf8" });
  for (const line of printed.trim().split("\n")) {
    const [, name] = line.split("  ");
    assert.deepEqual(readFileSync(join(again, name)), readFileSync(join(packs, name)), name);
  }
});
