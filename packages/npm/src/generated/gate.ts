// Made by scripts/types.js from docs/schema/gate.schema.json. Do not edit.

/** One reply to OpenClaw's install policy, protocol version 1. */
export interface Reply {
  /** The version of OpenClaw's protocol. */
  protocolVersion: 1;
  /** Whether OpenClaw may go on. */
  decision: "allow" | "warn" | "block";
  /** Why not, beginning with what to do next. At most 1000 UTF-16 units. */
  reason?: string;
  /** What it stands on. At most 20. */
  findings?: Array<ReplyFinding>;
}

/** One finding of a reply. */
export interface ReplyFinding {
  /** `openclaw-verify/` and the id of the finding. */
  ruleId: string;
  /** How much it counts. */
  severity: "info" | "warn" | "critical";
  /** What was found. */
  message: string;
  /** What it stands on. */
  evidence?: string;
}
