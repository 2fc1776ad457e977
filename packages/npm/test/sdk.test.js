// The SDK against the real program and the state that is shipped with the project.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { VerifyError, check, decide, packageNames, sbom, tree } from "../dist/index.js";
import { valid } from "./schema.js";
import { binary, flags, installOf, root, shipped } from "./support.js";

const work = mkdtempSync(join(tmpdir(), "openclaw-verify-sdk-"));
after(() => rmSync(work, { recursive: true, force: true }));

/** A copy of the shipped state that a test may change. */
function copy(name) {
  const folder = join(work, name);
  cpSync(join(root, "testdata/states/home"), folder, { recursive: true });
  return { binary, stateDir: join(folder, ".openclaw"), relocatedFrom: shipped.relocatedFrom, config: join(folder, "config"), folder };
}

test("check gives the report of the command line", async () => {
  const { passed, report } = await check({ binary, ...shipped });
  assert.equal(passed, true);
  const printed = execFileSync(binary, ["check", "--format", "json", ...flags], { encoding: "utf8" });
  assert.deepEqual(report, JSON.parse(printed));
  assert.deepEqual(valid("report.schema.json", report), []);
});

test("a changed file does not pass, and the finding names it", async () => {
  const { folder, ...options } = copy("changed");
  writeFileSync(join(options.stateDir, "extensions/acme-notes/index.js"), "export default 1;\n");
  const { passed, report } = await check(options);
  assert.equal(passed, false);
  const finding = report.findings.find(({ id }) => id === "tree-mismatch");
  assert.equal(finding.subject, "path:acme-notes");
  assert.match(finding.evidence.join("\n"), /index\.js/);
  assert.equal((await check({ ...options, only: "skills" })).passed, true);
  assert.equal((await check({ ...options, only: "plugins", ids: ["path:acme-notes"] })).passed, false);
});

test("the threshold is that of the caller", async () => {
  assert.equal((await check({ binary, ...shipped, failOn: "warn" })).passed, false);
});

test("what cannot be answered is an error with the words of the program", async () => {
  await assert.rejects(check({ binary, ...shipped, stateDir: join(work, "nowhere") }), (error) => {
    assert(error instanceof VerifyError);
    assert.equal(error.exit, 2);
    assert.match(error.message, /nowhere/);
    assert.deepEqual(valid("schema/error.schema.json", error.document), []);
    return true;
  });
  await assert.rejects(check({ binary, ...shipped, only: "plugins", ids: ["npm:@no/such"] }), VerifyError);
});

test("no value becomes an option, and none goes through a shell", async () => {
  const mark = join(work, "mark");
  for (const value of [`$(touch ${mark})`, `; touch ${mark}`, "--help", "-v"]) {
    await assert.rejects(check({ binary, ...shipped, stateDir: value }), VerifyError);
    await assert.rejects(check({ binary, ...shipped, only: "plugins", ids: [value] }), VerifyError);
    await assert.rejects(tree(value, { binary }), VerifyError);
  }
  assert.throws(() => readFileSync(mark));
  await assert.rejects(check({ binary, ...shipped, config: "" }), TypeError);
  // What types forbid, and what comes from elsewhere may be.
  await assert.rejects(check({ binary, ...shipped, state_dir: "/x" }), /state_dir is no option/);
  await assert.rejects(check({ binary, ...shipped, only: "lock" }), /only is one of/);
  await assert.rejects(sbom({ binary, ...shipped, failOn: "warn" }), TypeError);
  await assert.rejects(decide({}), TypeError);
  // What a variable of the environment, or a caller without types, would give.
  const wrong = [
    { lockOnly: "false" }, { online: "no" }, { online: 1 }, { failOn: "" }, { failOn: null }, { failOn: false }, { stateDir: 5 }, { threads: "4" },
    { threads: 1.5 }, { variables: "ab" }, { variables: { A: 5 } }, { variables: { A: undefined } }, { env: "x" }, { signal: {} }, { only: "plugins", ids: "x" },
    { only: "plugins", ids: new Set(["x"]) }, { only: "plugins", ids: [5] },
  ];
  for (const options of wrong) {
    await assert.rejects(check({ binary, ...shipped, ...options }), TypeError, JSON.stringify(options));
  }
  await assert.rejects(check([]), TypeError);
  class Settings { get lockOnly() { return "false"; } }
  const hidden = Object.defineProperty({}, "lockOnly", { value: "false" });
  for (const options of [new Settings(), Object.create({ lockOnly: "false" }), hidden, new Map([["failOn", "warn"]]), { env: new Map() }, { variables: new Map() }]) {
    await assert.rejects(check(options), TypeError);
  }
  for (const options of [{ specVersion: "" }, { specVersion: 1.6 }, { reproducible: "false" }, { fromLock: "false" }, { subjects: "x" }]) {
    await assert.rejects(sbom({ binary, ...shipped, ...options }), TypeError, JSON.stringify(options));
  }
  for (const options of [{ noWarn: "" }, { noWarn: false }]) {
    await assert.rejects(decide({}, { binary, config: shipped.config, ...options }), TypeError, JSON.stringify(options));
  }
  await assert.rejects(decide("{}", { binary, config: shipped.config }), TypeError);
  for (const path of [5, undefined, ["/"], ""]) await assert.rejects(tree(path, { binary }), TypeError);
  await assert.rejects(tree(".", { binary, manifest: "false" }), TypeError);
  // Node would pass on another name.
  for (const path of ["a\uFFFDb", "a\uD800b"]) await assert.rejects(tree(path, { binary }), /no UTF-8 text/);
  await assert.rejects(check({ binary, env: { OPENCLAW_STATE_DIR: "/a\uFFFD" } }), /OPENCLAW_STATE_DIR is no UTF-8 text/);
  await assert.rejects(check({ binary, ...shipped, ids: ["path:acme-notes"] }), TypeError);
});

test("an answer that is none is an error, whatever the exit code says", async () => {
  const liar = join(work, "liar");
  for (const [code, text] of [[0, ""], [0, "{}"], [0, '{"schema":"openclaw-verify.report/2"}'], [2, '{"schema":"openclaw-verify.report/1"}'], [139, ""]]) {
    writeFileSync(liar, `#!/bin/sh\ncat <<'END'\n${text}\nEND\nexit ${code}\n`);
    chmodSync(liar, 0o755);
    await assert.rejects(check({ binary: liar }), VerifyError, `${code} ${text}`);
    await assert.rejects(decide({}, { binary: liar, config: work, env: process.env }), VerifyError);
    await assert.rejects(sbom({ binary: liar }), VerifyError);
    await assert.rejects(tree(".", { binary: liar }), VerifyError);
  }
});

test("a program that does not start, is ended or says too much is an error of the same kind", async () => {
  const unanswered = (message) => (error) => {
    assert(error instanceof VerifyError, error);
    assert.equal(error.exit, 2);
    assert.match(error.message, message);
    return true;
  };
  await assert.rejects(check({ binary: join(work, "absent") }), unanswered(/absent could not be started: .*ENOENT/));
  await assert.rejects(check({ binary: work }), unanswered(/could not be started: .*EACCES/));
  const folder = join(work, "nowhere");
  await assert.rejects(check({ binary, ...shipped, cwd: folder }), unanswered(/^cwd is no folder: .*nowhere$/));
  await assert.rejects(check({ binary, ...shipped, cwd: join(root, "README.md") }), unanswered(/^cwd is no folder: .*README\.md$/));
  await assert.rejects(tree("a".repeat(1 << 20), { binary }), unanswered(/could not be started: .*E2BIG/));
  const program = join(work, "ended");
  writeFileSync(program, "#!/bin/sh\nkill -KILL $$\n", { mode: 0o755 });
  await assert.rejects(check({ binary: program }), unanswered(/was ended by SIGKILL/));
  writeFileSync(program, "#!/bin/sh\nexec head -c 300000000 /dev/zero\n");
  await assert.rejects(check({ binary: program }), unanswered(/printed more than \d+ bytes/));
  await assert.rejects(check({ binary: "a\0b" }), TypeError);
});

test("a run can be ended", async () => {
  const slow = join(work, "slow");
  writeFileSync(slow, "#!/bin/sh\nexec sleep 60\n");
  chmodSync(slow, 0o755);
  await assert.rejects(check({ binary: slow, signal: AbortSignal.timeout(100) }), { name: "AbortError" });
});

test("tree gives the digest that git gives", async () => {
  const folder = join(work, "tree");
  mkdirSync(folder);
  writeFileSync(join(folder, "a.txt"), "a\n");
  writeFileSync(join(folder, "run.sh"), "#!/bin/sh\n", { mode: 0o755 });
  const git = (...args) => execFileSync("git", ["-C", folder, ...args], { encoding: "utf8" }).trim();
  git("init", "-q", "--object-format=sha256");
  git("add", "-A");
  const expected = `git-sha256:${git("write-tree")}`;
  rmSync(join(folder, ".git"), { recursive: true });
  const found = await tree(folder, { binary, manifest: true });
  assert.equal(found.tree, expected);
  assert.deepEqual(found.manifest.map(({ mode, path }) => [mode, path]), [["100644", "a.txt"], ["100755", "run.sh"]]);
  assert.deepEqual(valid("schema/tree.schema.json", found), []);
  symlinkSync("/etc", join(folder, "out"));
  await assert.rejects(tree(folder, { binary }), (error) => error instanceof VerifyError && error.exit === 1 && /out/.test(error.stderr));
});

test("sbom is CycloneDX of the version that was asked for", async () => {
  const options = { binary, ...shipped, reproducible: true };
  const bom = await sbom({ ...options, specVersion: "1.7" });
  assert.equal(bom.specVersion, "1.7");
  assert(bom.components.some(({ name, version }) => name === "packed" && version === "1.2.0"));
  assert.deepEqual(await sbom({ ...options, specVersion: "1.7" }), bom);
});

test("decide answers in OpenClaw's protocol", async () => {
  const replies = JSON.parse(execFileSync(binary, ["gate", "--selftest", "--format", "json", "--config", shipped.config], { encoding: "utf8" }));
  for (const { reply } of replies.replies) assert.deepEqual(valid("schema/gate.schema.json", reply), []);
  const { config, folder } = copy("gate");
  const source = join(folder, ".openclaw/extensions/acme-notes");
  const request = installOf(source);
  const reply = await decide(request, { binary, config });
  assert.deepEqual(valid("schema/gate.schema.json", reply), []);
  writeFileSync(join(source, "index.js"), "export default 1;\n");
  const changed = await decide(request, { binary, config });
  assert.equal(changed.decision, "block");
  assert.match(changed.reason, /acme-notes/);
  assert.notEqual(reply.decision, "block", reply.reason);
  // What is no request is blocked, not an error.
  assert.equal((await decide({ protocolVersion: 2 }, { binary, config })).decision, "block");
});

test("each machine has its package, the best first", () => {
  const names = (platform, arch, musl = false) => packageNames({ platform, arch, musl });
  assert.deepEqual(names("linux", "x64"), ["@openclaw-verify/linux-x64", "@openclaw-verify/linux-x64-musl"]);
  assert.deepEqual(names("linux", "arm64", true), ["@openclaw-verify/linux-arm64-musl"]);
  assert.deepEqual(names("darwin", "arm64"), ["@openclaw-verify/darwin-arm64"]);
  assert.deepEqual([...names("win32", "x64"), ...names("linux", "riscv64"), ...names("darwin", "ia32")], []);
  const targets = JSON.parse(readFileSync(join(root, "packages/npm/targets.json"), "utf8"));
  const known = new Set(targets.map((target) => `@openclaw-verify/${target.package}`));
  for (const platform of ["linux", "darwin"]) {
    for (const arch of ["x64", "arm64"]) {
      for (const musl of [true, false]) for (const name of names(platform, arch, musl)) assert(known.has(name), name);
    }
  }
});
