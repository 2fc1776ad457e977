// Made by scripts/types.js from docs/schema/error.schema.json. Do not edit.

/** What could not be completed, in place of a report. */
export interface ErrorDocument {
  /** The name of this form. */
  schema: "openclaw-verify.error/1";
  /** The program that says it. */
  tool: {
    /** `openclaw-verify`. */
    name: string;
    /** Its version. */
    version: string;
  };
  /** The exit code: 1 refused, 2 could not complete, 3 nothing to verify. */
  exit: number;
  /** What is wrong. */
  error: string;
  /** The error behind it. */
  cause: string | null;
  /** What to do next. */
  next: string | null;
  /** The operator's file that is wrong. */
  file: string | null;
  /** The line in it, from 1. */
  line: number | null;
  /** The column in it, from 1. */
  column: number | null;
}
