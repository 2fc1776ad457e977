#!/usr/bin/env node
// Starts the program for this machine with the same arguments, streams and exit code.

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { binaryPath } from "../dist/platform.js";

let binary;
try {
  binary = binaryPath();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exit(2);
}

const child = spawn(binary, process.argv.slice(2), { stdio: "inherit", shell: false });
child.on("error", (error) => {
  console.error(`error: ${binary} could not be started: ${error.message}`);
  process.exit(2);
});
// A signal to this process alone is passed on; one of the terminal reaches both, and a second one does no harm.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  // As a shell says it. Never 0 for a program that was ended.
  process.exit(code ?? 128 + (constants.signals[signal] ?? 1));
});
