// What the tests have in common: the program, the shipped state.

import { fileURLToPath } from "node:url";
import { join } from "node:path";

export const root = fileURLToPath(new URL("../../..", import.meta.url));
/** The program that was built: OPENCLAW_VERIFY names it. */
export const binary = process.env.OPENCLAW_VERIFY ?? join(root, "target/release/openclaw-verify");
/** The installation that lies in testdata/. */
export const shipped = {
  stateDir: join(root, "testdata/states/home/.openclaw"),
  relocatedFrom: "/home/user/.openclaw",
  config: join(root, "testdata/states/home/config"),
};
export const flags = ["--state-dir", shipped.stateDir, "--relocated-from", shipped.relocatedFrom, "--config", shipped.config];
/** The package of this machine, as targets.json calls it. */
export const target = `${process.platform}-${process.arch}`;

/** What OpenClaw asks its install policy about the plugin acme-notes in a folder. */
export function installOf(folder) {
  return {
    protocolVersion: 1, openclawVersion: "2026.9.6", targetName: "acme-notes", targetType: "plugin",
    sourcePath: folder, sourcePathKind: "directory",
    source: { kind: "local-path", authority: "user", mutable: true, network: false }, origin: { type: "plugin-package" },
    request: { kind: "plugin-dir", mode: "install", requestedSpecifier: folder },
    plugin: { contentType: "package", pluginId: "acme-notes" },
  };
}
