// The plugin, from its tarball, in a real OpenClaw: OPENCLAW_VERIFY_REAL names one (CONTRIBUTING.md), OPENCLAW_VERIFY_PACKS the folder
// that packages/npm/scripts/pack.js wrote. Its state directory is a new one; nothing of the real one is touched.

import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { registry } from "../../npm/test/registry.js";
import { binary, flags } from "../../npm/test/support.js";

const { OPENCLAW_VERIFY_REAL: real, OPENCLAW_VERIFY_PACKS: packs } = process.env;
if (!real || !packs) throw new Error("OPENCLAW_VERIFY_REAL and OPENCLAW_VERIFY_PACKS are needed");
const work = mkdtempSync(join(tmpdir(), "openclaw-verify-plugin-"));
const state = join(work, "home/.openclaw");
const policy = join(work, "policy");
const project = join(state, "npm/projects/openclaw-verify-plugin/node_modules");
let served;

/**
 * Runs `openclaw` with these arguments. Another one that has just ended may still be taking its copies of the plugin away; they are
 * hard links, so the files change under a check, which then says so and asks to be run again.
 */
async function openclaw(args, more = {}) {
  const ran = await once(args, more);
  return ran.code === 2 && /changed while it was read/.test(ran.stdout + ran.stderr) ? once(args, more) : ran;
}

const launcher = join(real, "app/node_modules/openclaw/openclaw.mjs");

function environment(more) {
  return {
    PATH: `${real}/bin:${process.env.PATH}`, HOME: join(work, "home"), OPENCLAW_STATE_DIR: state, TMPDIR: join(work, "tmp"),
    npm_config_registry: served.address, npm_config_cache: join(work, "cache"), npm_config_update_notifier: "false",
    ...more,
  };
}

function once(args, more) {
  return start(join(real, "bin/node"), [launcher, ...args], { env: environment(more) });
}

function start(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd: work, maxBuffer: 1 << 26, ...options }, (error, stdout, stderr) => {
      if (error && typeof error.code !== "number") reject(error);
      else resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

before(async () => {
  for (const folder of ["home", "policy", "tmp"]) mkdirSync(join(work, folder));
  served = await registry(packs);
  const install = () => openclaw(["plugins", "install", "openclaw-verify-plugin", "--force", "--accept-capabilities"]);
  let installed = await install();
  // OpenClaw itself now and then gives up over its new database ("file identity changed during open").
  if (/SQLite/.test(installed.stdout + installed.stderr)) installed = await install();
  assert.equal(installed.code, 0, installed.stdout + installed.stderr);
});
after(() => { served?.close(); rmSync(work, { recursive: true, force: true }); });

test("OpenClaw's help lists it, and its version is the program with its digest", async () => {
  const help = await openclaw(["--help"]);
  assert.match(help.stdout, /^ {2}verify /m);
  const version = await openclaw(["verify", "--version"]);
  const digest = createHash("sha256").update(readFileSync(binary)).digest("hex");
  const [path, printed, program] = version.stdout.trim().split("\n");
  assert(path.startsWith(state) && path.includes("/@openclaw-verify/"), path);
  assert.equal(printed, `sha256:${digest}`);
  assert.match(program, /^openclaw-verify \d/);
  assert.match(version.stderr, /inside the OpenClaw that it checks/);
});

test("arguments, output and exit codes pass through", async () => {
  for (const args of [["check", "--format", "json", ...flags], ["check", "-q", "--fail-on", "warn", ...flags], ["--help"]]) {
    const direct = await start(binary, args);
    const through = await openclaw(["verify", ...args]);
    assert.equal(through.code, direct.code, args.join(" "));
    assert.equal(through.stdout, direct.stdout);
  }
});

test("it locks, checks and reviews the installation that it is in, itself among it", async () => {
  const locked = await openclaw(["verify", "lock", "--init", "--config", policy]);
  assert.equal(locked.code, 0, locked.stdout + locked.stderr);
  assert.match(readFileSync(join(policy, "openclaw-verify.lock"), "utf8"), /^id = "npm:openclaw-verify-plugin"$/m);
  const id = "npm:openclaw-verify-plugin";
  assert.equal((await openclaw(["verify", "review", id, "--diff", "none", "--config", policy])).code, 0);
  const recorded = await openclaw(["verify", "review", id, "--record", "--criteria", "safe-to-run", "--by", "Ada <ada@example.org>", "--yes", "--config", policy]);
  assert.equal(recorded.code, 0, recorded.stdout + recorded.stderr);
  const checked = await openclaw(["verify", "check", "--config", policy, "--format", "json"]);
  const report = JSON.parse(checked.stdout);
  assert.equal(checked.code, 0, checked.stdout);
  assert.equal(report.subjects.find((subject) => subject.id === id).outcomes.review, "verified");
  assert.equal(report.inputs.openclaw.path, join(real, "app/node_modules/openclaw"));
});

test("a signal ends the program too, with the exit code of the program", async () => {
  for (const [signal, code] of [["SIGTERM", 143], ["SIGHUP", 129], ["SIGQUIT", 131]]) {
    const child = spawn(join(real, "bin/node"), [launcher, "verify", "watch", "--config", policy], { cwd: work, env: environment(), stdio: ["ignore", "pipe", "ignore"] });
    const ended = new Promise((resolve) => { child.on("exit", (...how) => resolve(how)); });
    // Its first report: from now on it waits.
    await new Promise((resolve) => { child.stdout.once("data", resolve); });
    child.kill(signal);
    assert.deepEqual(await ended, [code, null], signal);
    const left = execFileSync("ps", ["-eo", "stat=,args="], { encoding: "utf8" }).split("\n").filter((line) => !line.startsWith("Z") && line.includes(`watch --config ${policy}`));
    assert.deepEqual(left, []);
  }
});

test("a change of the plugin itself is found, as far as it still runs", async () => {
  appendFileSync(join(project, "openclaw-verify-plugin/README.md"), "changed\n");
  const checked = await openclaw(["verify", "check", "-q", "--config", policy]);
  assert.equal(checked.code, 1);
  assert.match(checked.stdout, /tree-mismatch.*npm:openclaw-verify-plugin/);
});

test("nothing of the state directory chooses policy or program", async () => {
  const evil = join(work, "evil");
  mkdirSync(evil);
  const mark = join(evil, "ran");
  for (const name of ["openclaw-verify", "less"]) writeFileSync(join(evil, name), `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 });
  writeFileSync(join(evil, "openclaw-verify.toml"), 'version = 1\npreset = "homelab"\n');
  writeFileSync(join(state, ".env"), `OPENCLAW_VERIFY_POLICY=${evil}/openclaw-verify.toml\nXDG_CONFIG_HOME=${evil}\nPAGER=${evil}/less\nOPENCLAW_VERIFY_BINARY=${evil}/openclaw-verify\n`);
  const names = { OPENCLAW_VERIFY_POLICY: join(evil, "openclaw-verify.toml"), PATH: `${real}/bin:${evil}:${process.env.PATH}` };
  const checked = await openclaw(["verify", "check", "--config", policy, "--format", "json"], names);
  assert.equal(JSON.parse(checked.stdout).inputs.policy.path, "policy/openclaw-verify.toml");
  assert(!existsSync(mark));
});
