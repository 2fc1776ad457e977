// The one error of this package, beside a `TypeError` for what the caller wrote.

import type { ErrorDocument } from "./generated/error.js";

/** There is no answer: wrong options, a file of the operator that is wrong, an environment that does not work, nothing to verify. */
export class VerifyError extends Error {
  override readonly name = "VerifyError";
  /** How the program ended: 1 for a refused folder, 2 could not complete or did not run, 3 nothing to verify. */
  readonly exit: number;
  /** What the program says about it, where it could. */
  readonly document: ErrorDocument | undefined;
  /** What it printed on standard error, at most the last 64 KiB. */
  readonly stderr: string;

  constructor(message: string, exit: number, stderr: string, document?: ErrorDocument, options?: { cause?: unknown }) {
    super(message, options);
    this.exit = exit;
    this.stderr = stderr;
    this.document = document;
  }
}

/** Nothing is known, because the program is not there, did not start or did not come to its end. */
export function incomplete(message: string, cause?: unknown): VerifyError {
  return new VerifyError(message, 2, "", undefined, cause === undefined ? {} : { cause });
}
