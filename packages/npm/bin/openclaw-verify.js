#!/usr/bin/env node
// Starts the program for this machine with the same arguments, streams and exit code.

import { binaryPath } from "../dist/platform.js";
import { start } from "../dist/start.js";

try {
  process.exitCode = await start(binaryPath(), process.argv.slice(2));
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 2;
}
