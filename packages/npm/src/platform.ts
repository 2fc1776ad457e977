// Which package holds the program for this machine, and where in it the program is. Neither PATH nor any variable of the environment
// counts, nor a folder above: what is checked could set or fill them.

import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, readFileSync, readSync } from "node:fs";
import * as nodeModule from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread } from "node:worker_threads";
import { incomplete } from "./error.js";

const SCOPE = "@openclaw-verify";

const place: unknown = import.meta.url;
/** The folder of this package; empty in a bundle in the form of CommonJS, which has no place of its own. */
export const packageFolder = typeof place === "string" ? dirname(dirname(fileURLToPath(place))) : "";

/** The machine that Node says it runs on. */
export interface Machine {
  platform: string;
  arch: string;
  musl: boolean;
  /** The version of glibc, where that is the C library. */
  glibc?: string | undefined;
}

// The newest symbols that the program asks of glibc, as packages/deb/build.sh reads them.
const OLDEST_GLIBC = [2, 34] as const;

/** This machine. */
export function machine(): Machine {
  const { platform, arch } = process;
  if (platform !== "linux") return { platform, arch, musl: false };
  const glibc = glibcVersion();
  return { platform, arch, musl: glibc === undefined, glibc };
}

function isOld(glibc: string): boolean {
  const [major = 0, minor = 0] = glibc.split(".").map(Number);
  return major < OLDEST_GLIBC[0] || (major === OLDEST_GLIBC[0] && minor < OLDEST_GLIBC[1]);
}

// A Node that was built for glibc says which one it runs with; one that was built for musl says nothing.
function glibcVersion(): string | undefined {
  const report = process.report as { getReport(): unknown; excludeNetwork?: boolean } | undefined;
  if (!report) return OLDEST_GLIBC.join(".");
  // Else it looks up the name of every peer, which takes seconds. A worker may not change the setting for all.
  const before = report.excludeNetwork;
  if (isMainThread) report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
    return header.glibcVersionRuntime;
  } finally {
    if (isMainThread && before !== undefined) report.excludeNetwork = before;
  }
}

/** The packages that have a program for this machine, the best first. Empty where there is none. */
export function packageNames({ platform, arch, musl, glibc }: Machine = machine()): string[] {
  if (arch !== "x64" && arch !== "arm64") return [];
  // The one for musl is linked statically and runs with any libc.
  if (platform === "linux") {
    const names = [`${SCOPE}/linux-${arch}-musl`];
    return musl || (glibc !== undefined && isOld(glibc)) ? names : [`${SCOPE}/linux-${arch}`, ...names];
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
  const own = packageFolder === "" ? undefined : manifestOf(packageFolder);
  if (own?.name !== "openclaw-verify") {
    throw incomplete(
      `this code is not in its own package, but in ${packageFolder || "a bundle"}. In a bundle: leave openclaw-verify out of it (external), or name the program with \`binary\``,
    );
  }
  for (const name of names) {
    for (const folder of foldersOf(name)) {
      const found = manifestOf(folder);
      if (found === undefined) continue;
      if (found.version !== own.version) {
        throw incomplete(`${folder} is of version ${found.version}, and openclaw-verify of ${own.version}. Install openclaw-verify again`);
      }
      const program = join(folder, "bin", "openclaw-verify");
      const wrong = wrongWith(program, at);
      if (wrong) throw incomplete(`${program} ${wrong}. Install openclaw-verify again`);
      return program;
    }
  }
  if (at.glibc !== undefined && isOld(at.glibc)) {
    throw incomplete(
      `glibc ${at.glibc} is older than ${OLDEST_GLIBC.join(".")}, for which the program is built. The static one runs here: npm install --libc=musl openclaw-verify`,
    );
  }
  throw incomplete(
    `${names[0]} is not installed beside openclaw-verify. It is an optional dependency: install again without --omit=optional, ` +
      "and where the lockfile was written on another kind of machine, with a lockfile that names all of them",
  );
}

// Node itself would also look into every folder above, into NODE_PATH and into two folders of the home. npm, pnpm and Yarn put what a
// package needs into its own folder or beside it; Yarn's Plug'n'Play alone knows where it is.
function foldersOf(name: string): string[] {
  if (isOfPlugAndPlay()) {
    try {
      return [dirname(nodeModule.createRequire(import.meta.url).resolve(`${name}/package.json`))];
    } catch {
      return [];
    }
  }
  const above = dirname(packageFolder);
  // Under another name the package may lie below a scope.
  const beside = basename(above).startsWith("@") ? dirname(above) : above;
  const folders = [join(packageFolder, "node_modules", name)];
  if (basename(beside) === "node_modules") folders.push(join(beside, name));
  // Yarn's store for its linker `pnpm`: a folder for each package, which is `package` in it.
  if (basename(packageFolder) === "package" && basename(dirname(above)) === ".store") folders.push(join(above, "node_modules", name));
  return folders;
}

// Below `yarn run` every Node has it; of a package that is not of that project it knows nothing, and would search as Node does.
function isOfPlugAndPlay(): boolean {
  const { findPnpApi } = nodeModule as { findPnpApi?: (place: string) => unknown };
  return Boolean(process.versions.pnp && findPnpApi?.(packageFolder));
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

// The package in a folder; undefined where there is none.
function manifestOf(folder: string): { name?: unknown; version?: unknown } | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, "package.json"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return JSON.parse(text) as { name?: unknown; version?: unknown };
}

/** The digest of a file as `sha256:HEX`, to compare with `SHA256SUMS` of the release, which lists each program. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(path)) hash.update(bytes as Buffer);
  return `sha256:${hash.digest("hex")}`;
}

