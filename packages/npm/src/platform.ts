// Which package holds the program for this machine, and where in it the program is. Neither PATH nor any variable of the environment
// counts, nor a folder above: what is checked could set or fill them.

import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, readFileSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread } from "node:worker_threads";
import { incomplete } from "./error.js";

const SCOPE = "@openclaw-verify";
/** The folder of this package. */
export const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** The machine that Node says it runs on. */
export interface Machine {
  platform: string;
  arch: string;
  musl: boolean;
}

/** This machine. */
export function machine(): Machine {
  return { platform: process.platform, arch: process.arch, musl: process.platform === "linux" && isMusl() };
}

// A Node that was built for glibc says which one it runs with; one that was built for musl says nothing.
function isMusl(): boolean {
  const report = process.report as { getReport(): unknown; excludeNetwork?: boolean } | undefined;
  if (!report) return false;
  // Else it looks up the name of every peer, which takes seconds. A worker may not change the setting for all.
  const before = report.excludeNetwork;
  if (isMainThread) report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
    return header.glibcVersionRuntime === undefined;
  } finally {
    if (isMainThread && before !== undefined) report.excludeNetwork = before;
  }
}

/** The packages that have a program for this machine, the best first. Empty where there is none. */
export function packageNames({ platform, arch, musl }: Machine = machine()): string[] {
  if (arch !== "x64" && arch !== "arm64") return [];
  // The one for musl is linked statically and runs with any libc.
  if (platform === "linux") {
    const names = [`${SCOPE}/linux-${arch}-musl`];
    return musl ? names : [`${SCOPE}/linux-${arch}`, ...names];
  }
  return platform === "darwin" ? [`${SCOPE}/darwin-${arch}`] : [];
}

/** The program of this installation of the package. Throws a `VerifyError` that says what to do where there is none. */
export function binaryPath(): string {
  const at = machine();
  const names = packageNames(at);
  if (names.length === 0) {
    throw incomplete(
      `openclaw-verify has no program for ${at.platform}-${at.arch} on npm. Build it: cargo install --locked openclaw-verify`,
    );
  }
  for (const name of names) {
    for (const folder of foldersOf(name)) {
      const version = versionOf(folder);
      if (version === undefined) continue;
      const own = versionOf(packageFolder);
      if (version !== own) {
        throw incomplete(`${folder} is of version ${version}, and openclaw-verify of ${own}. Install openclaw-verify again`);
      }
      const program = join(folder, "bin", "openclaw-verify");
      const wrong = wrongWith(program, at);
      if (wrong) throw incomplete(`${program} ${wrong}. Install openclaw-verify again`);
      return program;
    }
  }
  throw incomplete(
    `${names[0]} is not installed beside openclaw-verify. It is an optional dependency: install again without --omit=optional, ` +
      "and where the lockfile was written on another kind of machine, with a lockfile that names all of them",
  );
}

// Node itself would also look into every folder above, into NODE_PATH and into two folders of the home. npm, pnpm and Yarn put what a
// package needs into its own folder or beside it; Yarn's Plug'n'Play alone knows where it is.
function foldersOf(name: string): string[] {
  if (process.versions.pnp) {
    try {
      return [dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))];
    } catch {
      return [];
    }
  }
  const beside = dirname(packageFolder);
  return [join(packageFolder, "node_modules", name), ...(basename(beside) === "node_modules" ? [join(beside, name)] : [])];
}

// The first bytes of a program, and where in them which bytes name the processor.
const FORMS = {
  linux: { magics: ["7f454c46"], at: 18, x64: "3e00", arm64: "b700" },
  darwin: { magics: ["cffaedfe", "cafebabe"], at: 4, x64: "07000001", arm64: "0c000001" },
} as const;

// What the system does not take for a program the C library hands to a shell, and an empty script is a success: a disk that was full
// while this was installed would look like a check that passed.
function wrongWith(program: string, { platform, arch }: Machine): string | undefined {
  const form = FORMS[platform as keyof typeof FORMS];
  const head = Buffer.alloc(20);
  try {
    const file = openSync(program, "r");
    try {
      readSync(file, head, 0, head.length, 0);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return `cannot be read: ${(error as Error).message}`;
  }
  const magic = head.toString("hex", 0, 4);
  if (!form.magics.some((one) => one === magic)) return "is no program";
  // One for more than one processor has a list in place of the name of one.
  if (magic === "cafebabe") return undefined;
  const processor = form[arch as "x64" | "arm64"];
  return head.toString("hex", form.at, form.at + processor.length / 2) === processor ? undefined : `is no program for ${arch}`;
}

// The version of the package in a folder; undefined where there is none.
function versionOf(folder: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, "package.json"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return String((JSON.parse(text) as { version?: unknown }).version);
}

/** The digest of a file as `sha256:HEX`, to compare with `SHA256SUMS` of the release, which lists each program. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(path)) hash.update(bytes as Buffer);
  return `sha256:${hash.digest("hex")}`;
}

