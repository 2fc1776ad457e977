// Which package holds the program for this machine, and where in it the program is. Neither PATH nor any variable of the environment
// counts: what is checked could set both.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread } from "node:worker_threads";

const SCOPE = "@openclaw-verify";

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

/** The program of this installation of the package. Throws an `Error` that says what to do where there is none. */
export function binaryPath(): string {
  const at = machine();
  const names = packageNames(at);
  if (names.length === 0) {
    throw new Error(
      `openclaw-verify has no program for ${at.platform}-${at.arch} on npm. Build it: cargo install --locked openclaw-verify`,
    );
  }
  const require = createRequire(import.meta.url);
  for (const name of names) {
    try {
      return join(dirname(require.resolve(`${name}/package.json`)), "bin", "openclaw-verify");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  throw new Error(
    `${names[0]} is not installed beside openclaw-verify. It is an optional dependency: install again without --omit=optional, ` +
      "and where the lockfile was written on another kind of machine, with a lockfile that names all of them",
  );
}

/** The digest of a file as `sha256:HEX`, to compare with the checksums of the release. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(path)) hash.update(bytes as Buffer);
  return `sha256:${hash.digest("hex")}`;
}

/** The folder of this package, for messages. */
export const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));
