// Starts the program in place of this process: the same arguments, streams, signals and exit code.

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { unpassable } from "./unpassable.js";

/** What is passed on. The other signals that end a process cannot be caught, or are Node's own. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"] as const;
/**
 * Milliseconds that the program has after a signal; it takes 1,250 at most. OpenClaw's launcher kills what this runs in after two seconds,
 * and the program would go on alone.
 */
const GRACE = 1500;

/** Runs `binary` to its end, and gives the exit code as a shell says it. Rejects where it cannot be started. */
export async function start(binary: string, args: readonly string[], env: Readonly<Record<string, string | undefined>> = process.env): Promise<number> {
  const wrong = unpassable(args, env);
  if (wrong !== undefined) throw new Error(`${wrong}. Give it to the program itself: ${binary}`);
  const child = spawn(binary, args, { stdio: "inherit", shell: false, env });
  // A signal to this process alone is passed on; one of the terminal reaches both, and a second one does no harm.
  let passed: (typeof SIGNALS)[number] | undefined;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      // The keyboard's reaches the program too, which may leave it to its pager and go on.
      if (passed === undefined && signal !== "SIGINT") setTimeout(() => child.kill("SIGKILL"), GRACE).unref();
      passed ??= signal;
      child.kill(signal);
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", (error) => { reject(new Error(`${binary} could not be started: ${error.message}`)); });
    child.on("exit", (code, signal) => {
      const by = passed ?? signal;
      // Never 0 for a program that was ended.
      const end = code ?? 128 + (by ? constants.signals[by] : 1);
      // What this runs in may take longer to put its things away than the sender of the signal waits.
      if (passed) process.exit(end);
      resolve(end);
    });
  });
}
