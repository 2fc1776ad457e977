// Options as arguments. Each value is one argument together with its option, so that none can be taken for another option.

import type { RunOptions } from "./run.js";

/** What every question can be asked with; the names are those of the command line. */
export interface Options extends RunOptions {
  /** OpenClaw's state directory. */
  stateDir?: string | undefined;
  /** The host package. */
  openclaw?: string | undefined;
  /** Where a copied state directory was before. */
  relocatedFrom?: string | undefined;
  /** The home folder of the user who runs OpenClaw. */
  home?: string | undefined;
  /** OpenClaw's profile. */
  profile?: string | undefined;
  /** The temporary folder of the user who runs OpenClaw. */
  tmp?: string | undefined;
  /** Values of variables that OpenClaw's config names. */
  variables?: Readonly<Record<string, string>> | undefined;
  /** The folder of policy, lock and reviews. */
  config?: string | undefined;
  /** The policy file; not together with `config`, as the next two. */
  policy?: string | undefined;
  /** The lock file. */
  lockfile?: string | undefined;
  /** The reviews file. */
  reviews?: string | undefined;
  /** Judge the files without an installation. */
  lockOnly?: boolean | undefined;
  /** Allow sockets. */
  online?: boolean | undefined;
  /** A Sigstore trust root. */
  trustedRoot?: string | undefined;
  /** Keys of the npm registry. */
  npmKeys?: string | undefined;
  /** Threads for hashing. */
  threads?: number | undefined;
}

const VALUES = {
  stateDir: "--state-dir",
  openclaw: "--openclaw",
  relocatedFrom: "--relocated-from",
  home: "--home",
  profile: "--profile",
  tmp: "--tmp",
  config: "--config",
  policy: "--policy",
  lockfile: "--lockfile",
  reviews: "--reviews",
  trustedRoot: "--trusted-root",
  npmKeys: "--npm-keys",
} as const;

const RUN = ["binary", "cwd", "env", "signal"] as const satisfies readonly (keyof RunOptions)[];

/** The options that every question about an installation takes. */
export const SHARED = [...Object.keys(VALUES), "variables", "lockOnly", "online", "threads"] as readonly (keyof Options)[];

/** What values are. A text that should be a switch would be one: `"false"` out of a variable of the environment. */
const SWITCHES = ["lockOnly", "online", "manifest", "reproducible", "fromLock"];
const NUMBERS = ["threads", "deadlineMs"];
const LISTS = ["ids", "subjects"];
const TEXTS_BY_NAME = ["variables", "env"];

/**
 * The options as they are now, read once. Refuses what is no option, or no value of it: with a misspelt one another place would be
 * judged, or by another threshold.
 */
export function checked<Given extends object>(options: Given | null | undefined, names: readonly string[]): Given {
  if (!isPlain(options)) throw new TypeError("the options are no plain object");
  const known = new Set<string>([...RUN, ...names]);
  const own: Record<string, unknown> = {};
  for (const name of Reflect.ownKeys(options).map(String)) {
    if (!known.has(name)) throw new TypeError(`${name} is no option; the options are ${[...known].join(", ")}`);
    const value = (options as Record<string, unknown>)[name];
    if (value === undefined) continue;
    const wrong = wrongWith(name, value);
    if (wrong) throw new TypeError(`${name} is ${wrong}`);
    own[name] = value;
  }
  return own as Given;
}

// What an instance of a class or a Map holds would be passed over: it is not the object's own.
function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Of whatever realm: in a test runner the plain object of the caller is another one than ours.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function wrongWith(name: string, value: unknown): string | undefined {
  if (SWITCHES.includes(name)) return typeof value === "boolean" ? undefined : "neither true nor false";
  if (LISTS.includes(name)) return Array.isArray(value) && value.every(isText) ? undefined : "no list of texts";
  if (TEXTS_BY_NAME.includes(name)) return isRecord(value, name === "env") ? undefined : "no object with texts";
  if (NUMBERS.includes(name)) return Number.isInteger(value) ? undefined : "no whole number";
  if (name === "signal") return value instanceof AbortSignal ? undefined : "no AbortSignal";
  // An empty value means the default to the program, and an empty variable of the caller should not.
  if (value === "") return "empty";
  return isText(value) ? undefined : "no text";
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** The environment may have names without a value, and empty ones. */
function isRecord(value: unknown, isEnvironment: boolean): boolean {
  if (value !== process.env && !isPlain(value)) return false;
  return Object.values(value).every((one) => typeof one === "string" || (isEnvironment && one === undefined));
}

/** The arguments that say `options`. */
export function shared(options: Options): string[] {
  const args: string[] = [];
  for (const [name, flag] of Object.entries(VALUES)) {
    const value = options[name as keyof typeof VALUES];
    if (value !== undefined) args.push(`${flag}=${value}`);
  }
  for (const [name, value] of Object.entries(options.variables ?? {})) args.push(`--env=${name}=${value}`);
  if (options.lockOnly) args.push("--lock-only");
  if (options.online) args.push("--online");
  if (options.threads !== undefined) args.push(`--threads=${options.threads}`);
  return args;
}
