// Runs the program and collects what it says. Never through a shell.

import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { statSync } from "node:fs";
import { incomplete } from "./error.js";
import { unpassable } from "./unpassable.js";

/** Most bytes of an answer. The report of an installation of 60 plugins has less than one million. */
const MAX_OUTPUT = 256 * 1024 * 1024;
/** Bytes of messages that are kept, the last ones. */
const MAX_MESSAGES = 64 * 1024;

// The type of signals where something declares it: the DOM, or the types of Node.
type Signal = typeof globalThis extends { AbortSignal: { prototype: infer Known } } ? Known : object;

/** How a run is started. */
export interface RunOptions {
  /** The program; that of the platform package when left out. */
  binary?: string | undefined;
  /** The working folder, in whose git repository the operator's files are looked for. */
  cwd?: string | undefined;
  /** The whole environment of the program; that of this process when left out. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Ends the run; the promise is rejected. */
  signal?: Signal | undefined;
}

/** How a run ended. */
export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs `binary` with `args` and `input` on its standard input. Rejects where it could not be started, was ended, or says too much. */
export function run(binary: string, args: readonly string[], options: RunOptions, input = ""): Promise<Outcome> {
  const env = options.env ?? process.env;
  const wrong = unpassable(args, env);
  if (wrong !== undefined) return Promise.reject(incomplete(wrong));
  return new Promise((resolve, reject) => {
    let child: ChildProcessWithoutNullStreams;
    try {
      child = spawn(binary, args, {
        shell: false,
        windowsHide: true,
        stdio: ["pipe", "pipe", "pipe"],
        cwd: options.cwd,
        env,
        killSignal: "SIGKILL",
        ...(options.signal ? { signal: options.signal } : {}),
      });
    } catch (error) {
      reject(unstarted(binary, options, error as Error));
      return;
    }
    const output: Buffer[] = [];
    let bytes = 0;
    let messages = Buffer.alloc(0);
    let failure: Error | undefined;
    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_OUTPUT) {
        output.push(chunk);
      } else {
        failure = incomplete(`openclaw-verify printed more than ${MAX_OUTPUT} bytes`);
        child.kill("SIGKILL");
      }
    });
    child.stderr.on("data", (chunk: Buffer) => {
      messages = Buffer.concat([messages, chunk]).subarray(-MAX_MESSAGES);
    });
    // It may end without having read everything, and its exit code says more than a broken pipe.
    child.stdin.on("error", () => undefined);
    child.on("error", (error) => {
      failure ??= error.name === "AbortError" ? error : incomplete(`openclaw-verify: ${error.message}`, error);
      // An error of the start has no end that would follow.
      if (child.pid === undefined) reject(unstarted(binary, options, error));
    });
    child.on("close", (code, signal) => {
      if (failure) reject(failure);
      else if (code === null) reject(incomplete(`openclaw-verify was ended by ${signal}`));
      else resolve({ code, stdout: Buffer.concat(output).toString("utf8"), stderr: messages.toString("utf8") });
    });
    child.stdin.end(input);
  });
}

// Of a folder that is not there Node says that the program is not.
function unstarted(binary: string, { cwd }: RunOptions, error: Error): Error {
  // What the caller wrote, and the end that the caller asked for.
  if (error instanceof TypeError || error.name === "AbortError") return error;
  if (cwd !== undefined && !isFolder(cwd)) return incomplete(`cwd is no folder: ${cwd}`, error);
  return incomplete(`${binary} could not be started: ${error.message}`, error);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
