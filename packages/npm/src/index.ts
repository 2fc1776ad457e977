// What openclaw-verify says, as values. Each function runs the program once and returns what it printed; none decides anything itself.

import { VerifyError } from "./error.js";
import type { ErrorDocument } from "./generated/error.js";
import type { Reply } from "./generated/gate.js";
import type { Level, Report } from "./generated/report.js";
import type { Tree } from "./generated/tree.js";
import { checked, shared, SHARED, type Options } from "./options.js";
import { binaryPath } from "./platform.js";
import { run, type Outcome, type RunOptions } from "./run.js";

export { VerifyError } from "./error.js";
export { binaryPath, fileDigest, packageNames } from "./platform.js";
export type * from "./generated/error.js";
export type * from "./generated/gate.js";
export type * from "./generated/report.js";
export type * from "./generated/tree.js";
export type { Options, RunOptions };

/** What `check` looks at. */
export interface CheckOptions extends Options {
  /** Only this part of the installation. */
  only?: "plugins" | "skills" | "core" | undefined;
  /** Only these subjects; together with `only: "plugins"` or `"skills"`. */
  ids?: readonly string[] | undefined;
  /** The lowest level at which it does not pass; `"deny"` when left out. */
  failOn?: Exclude<Level, "allow"> | undefined;
}

const PARTS = ["plugins", "skills", "core"] as readonly string[];

/** A report, and whether it passes. */
export interface Checked {
  /** No finding at the threshold. Not the same as "no finding", nor as "everything verified": read the report. */
  passed: boolean;
  report: Report;
}

/** Judges an installation, as `openclaw-verify check` does. */
export async function check(given: CheckOptions = {}): Promise<Checked> {
  const options = checked(given, [...SHARED, "only", "ids", "failOn"]);
  // The types forbid it, and it would be the verb that is run.
  if (options.only !== undefined && !PARTS.includes(options.only)) {
    throw new TypeError(`only is one of ${PARTS.join(", ")}`);
  }
  const ids = options.ids ?? [];
  if (ids.length > 0 && options.only !== "plugins" && options.only !== "skills") {
    throw new TypeError("ids need only: \"plugins\" or \"skills\"");
  }
  const args = [options.only ?? "check", "--format=json", ...shared(options)];
  if (options.failOn !== undefined) args.push(`--fail-on=${options.failOn}`);
  if (ids.length > 0) args.push("--", ...ids);
  const outcome = await ask(args, options);
  const report = document<Report>(outcome, "openclaw-verify.report/1");
  return { passed: outcome.code === 0, report };
}

/** What `decide` asks with. */
export interface DecideOptions extends RunOptions {
  /** The folder of policy, lock and reviews, as an absolute path. */
  config: string;
  /** The host package. */
  openclaw?: string | undefined;
  /** Where refused installs are kept to be read. */
  spool?: string | undefined;
  /** What to answer in place of `warn`. */
  noWarn?: "block" | "allow" | undefined;
  /** Milliseconds until the answer is a block because nothing is known; 9,000 when left out. A large package may need more. */
  deadlineMs?: number | undefined;
}

/**
 * Answers one request of OpenClaw's install policy (protocol version 1), as `openclaw-verify gate` does. A rejected promise is no
 * permission: treat it as a block.
 */
export async function decide(request: object, given: DecideOptions): Promise<Reply> {
  const options = checked(given, ["config", "openclaw", "spool", "noWarn", "deadlineMs"]);
  if (options.config === undefined) throw new TypeError("config is missing");
  if (typeof request !== "object" || request === null) throw new TypeError("the request is no object");
  const args = ["gate", `--config=${options.config}`];
  if (options.openclaw !== undefined) args.push(`--openclaw=${options.openclaw}`);
  if (options.spool !== undefined) args.push(`--spool=${options.spool}`);
  if (options.noWarn !== undefined) args.push(`--no-warn=${options.noWarn}`);
  if (options.deadlineMs !== undefined) args.push(`--deadline-ms=${options.deadlineMs}`);
  // As OpenClaw starts it: with nothing of the environment.
  const outcome = await ask(args, { ...options, env: options.env ?? {} }, JSON.stringify(request));
  const reply = parsed(outcome) as Partial<Reply> | undefined;
  const decisions: unknown[] = ["allow", "warn", "block"];
  if (outcome.code !== 0 || reply?.protocolVersion !== 1 || !decisions.includes(reply.decision)) throw failed(outcome);
  return reply as Reply;
}

/** What `tree` is asked with. */
export interface TreeOptions extends RunOptions {
  /** Also list what the digest covers. */
  manifest?: boolean | undefined;
  /** Threads for hashing. */
  threads?: number | undefined;
}

/** The digest of any folder, the one that git gives it in a SHA-256 repository. Rejects for a folder that has none. */
export async function tree(path: string, given: TreeOptions = {}): Promise<Tree> {
  const options = checked(given, ["manifest", "threads"]);
  if (typeof path !== "string" || path === "") throw new TypeError("the path is no text");
  const args = ["tree", "--format=json"];
  if (options.manifest) args.push("--manifest");
  if (options.threads !== undefined) args.push(`--threads=${options.threads}`);
  const outcome = await ask([...args, "--", path], options);
  const digest = parsed(outcome) as Tree | undefined;
  if (outcome.code !== 0 || typeof digest?.tree !== "string") throw failed(outcome);
  return digest;
}

/** What `sbom` is asked with. */
export interface SbomOptions extends Options {
  /** The version of CycloneDX. */
  specVersion?: "1.5" | "1.6" | "1.7" | undefined;
  /** Equal bytes for equal installations. */
  reproducible?: boolean | undefined;
  /** Only these subjects. */
  subjects?: readonly string[] | undefined;
  /** Describe what is locked, without an installation. */
  fromLock?: boolean | undefined;
}

/** The outline of a CycloneDX document; its own schema says the rest. */
export interface Bom {
  bomFormat: "CycloneDX";
  specVersion: string;
  serialNumber?: string;
  version?: number;
  metadata?: Record<string, unknown>;
  components?: Component[];
  dependencies?: { ref: string; dependsOn?: string[] }[];
  [key: string]: unknown;
}

/** A component of a CycloneDX document. */
export interface Component {
  type: string;
  name: string;
  version?: string;
  group?: string;
  purl?: string;
  "bom-ref"?: string;
  hashes?: { alg: string; content: string }[];
  properties?: { name: string; value: string }[];
  [key: string]: unknown;
}

/** Describes the installation in CycloneDX, as `openclaw-verify sbom` does. */
export async function sbom(given: SbomOptions = {}): Promise<Bom> {
  const options = checked(given, [...SHARED, "specVersion", "reproducible", "subjects", "fromLock"]);
  const args = ["sbom", ...shared(options)];
  if (options.specVersion !== undefined) args.push(`--spec-version=${options.specVersion}`);
  if (options.reproducible) args.push("--reproducible");
  if (options.fromLock) args.push("--from-lock");
  for (const id of options.subjects ?? []) args.push(`--subject=${id}`);
  const outcome = await ask(args, options);
  const bom = parsed(outcome) as Bom | undefined;
  if (bom?.bomFormat !== "CycloneDX") throw failed(outcome);
  return bom;
}

async function ask(args: readonly string[], options: RunOptions, input?: string): Promise<Outcome> {
  return run(options.binary ?? binaryPath(), args, options, input);
}

/** A document of this schema. The program ends with 0 or 1 where there is one. */
function document<Document extends { schema: string }>(outcome: Outcome, schema: string): Document {
  const value = parsed(outcome) as Document | undefined;
  if (outcome.code > 1 || value?.schema !== schema) throw failed(outcome);
  return value;
}

function parsed(outcome: Outcome): unknown {
  try {
    return JSON.parse(outcome.stdout) as unknown;
  } catch {
    return undefined;
  }
}

function failed(outcome: Outcome): VerifyError {
  const said = parsed(outcome) as Partial<ErrorDocument> | undefined;
  if (said?.schema === "openclaw-verify.error/1" && typeof said.error === "string") {
    const next = said.next ? `. Next: ${said.next}` : "";
    return new VerifyError(`${said.error}${next}`, outcome.code, outcome.stderr, said as ErrorDocument);
  }
  const first = outcome.stderr.trim() || "it printed no document that this version knows";
  return new VerifyError(`openclaw-verify ended with ${outcome.code}: ${first}`, outcome.code, outcome.stderr);
}
