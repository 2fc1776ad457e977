// Made by scripts/types.js from docs/report.schema.json. Do not edit.

/** Everything that one run found out. */
export interface Report {
  /** Always [`SCHEMA`]. */
  schema: string;
  /** Who made it. */
  tool: Tool;
  /** What of the subjects was there to be judged. */
  stage: Stage;
  /** What it stands on. */
  inputs: Inputs;
  /** Counts. */
  summary: Summary;
  /** Sorted by id. */
  subjects: Array<SubjectReport>;
  /** Release tags, where the question was about them. Sorted by name. */
  releases?: Array<ReleaseReport>;
  /** Sorted by level (most severe first), group, id, subject. */
  findings: Array<Finding>;
  /** What OpenClaw also loads, and this tool does not judge. */
  notCovered: Array<NotCovered>;
}

/** The program that made a report. */
export interface Tool {
  /** `openclaw-verify`. */
  name: string;
  /** Its version. */
  version: string;
}

/** What of a subject is there when it is judged. */
export type Stage = "installed" | "staged" | "packed" | "announced" | "lock-only" | "host";

/** The files and folders that a report stands on. */
export interface Inputs {
  /** The policy; only a preset when there is no file. */
  policy: InputFile;
  /** The lock. */
  lock: InputFile;
  /** The reviews. */
  reviews: InputFile;
  /** The host package. */
  openclaw: InputFile;
  /** The state directory. */
  stateDir: InputFile;
  /** The state directory and folders in it that are links, and where they lead. */
  links?: Array<LinkedRoot>;
  /** The home folder of the user who runs OpenClaw, where the caller gave it. */
  home?: InputFile | null;
  /** OpenClaw's config, where the caller moved it. */
  openclawConfig?: InputFile | null;
  /** The default workspace, where the caller moved it. */
  workspace?: InputFile | null;
  /** The temporary folder that was looked into. */
  temporary?: InputFile | null;
  /** Names of variables whose values the caller gave. */
  variables?: Array<string>;
  /** The index of advisories that was looked into; none where there was none. */
  advisories?: AdvisoriesUsed | null;
  /** The files by which the operator's team says which holes are none. */
  vex?: Array<InputFile>;
  /** Files about the machine that were handed over. */
  machine?: Array<GivenFile>;
  /** `not-detectable` where signatures of the operator's files are demanded and no highest serials are kept. */
  replay?: string | null;
  /** What signatures were judged by, where there were any. */
  anchors?: AnchorsUsed | null;
}

/** One input. */
export interface InputFile {
  /** Path as the caller gave it; none when there is no such file. */
  path?: string | null;
  /** Digest of its bytes, for files. */
  digest?: string | null;
  /**
   * Who chose the place, where the caller says so: `named`, `default`, `derived`, `policy` (the signed one), `PATH`, or the name of
   * a variable of the caller's environment.
   */
  origin?: string | null;
  /** Who signed it, where that is demanded. */
  signedBy?: string | null;
  /** Its serial, where a signature is demanded. */
  serial?: number | null;
}

/** The state directory, or a folder in it, that is a link to another place of the same owner. */
export interface LinkedRoot {
  /** The state directory as the caller gave it, or the name of the folder below it. Safe to show. */
  link: string;
  /** The real path that it leads to. Safe to show. */
  target: string;
}

/** The index that a verdict stands on. */
export interface AdvisoriesUsed {
  /** Where it is. */
  path: string;
  /** The digest that stands for all of it. */
  digest: string;
  /** Digests of what it was made from. */
  sources: Array<string>;
  /** Records in it. */
  records: number;
  /** When the newest of them changed, where that is known. */
  newest?: string | null;
  /** Whole days since then. */
  ageDays?: number | null;
}

/** A file about the machine that was handed over. */
export interface GivenFile {
  /** What it was given as: `compose`, `docker-inspect`, `tailscale-status`, `nix-pins` or `docker-daemon`. */
  what: string;
  /** Path as the caller gave it, safe to show. */
  path: string;
  /** SHA-256 of its bytes; of a folder, of the lines `<SHA-256>  <name>` of the files that were read, sorted by name. */
  digest: string;
}

/** What a run judged signatures by. Nothing where nothing was signed, or signatures were not asked for. */
export interface AnchorsUsed {
  /** The trust root: origin, age, digest; or why there was none. */
  root?: string | null;
  /** Whole days since a compiled-in trust root was published. */
  rootAgeDays?: number | null;
  /** npm's keys: origin, date, digest; or why there were none. */
  npmKeys?: string | null;
}

/** Counts over subjects and findings. */
export interface Summary {
  /** Subjects that were judged. */
  subjects: number;
  /** Subjects whose integrity is verified. */
  verified: number;
  /** Subjects whose integrity is violated. */
  violated: number;
  /** Subjects whose integrity is not established. */
  notEstablished: number;
  /** Subjects without a question of integrity. */
  notApplicable: number;
  /** Findings at `deny` that count. */
  deny: number;
  /** Findings at `warn` that count. */
  warn: number;
  /** Findings at `note` that count. */
  note: number;
  /** Findings that an exception covers. */
  suppressed: number;
  /** The first day on which one of those exceptions ends. */
  suppressedUntil?: string | null;
  /** Findings, also excepted ones, that say a review is missing. */
  reviewBacklog: number;
}

/** One subject. */
export interface SubjectReport {
  /** Its id. */
  id: SubjectId;
  /** What it is. */
  kind: Kind;
  /** Version as its own files say. */
  version?: string | null;
  /** Where it came from. */
  source: Source;
  /** Where it is, relative to the state directory where it lies inside. */
  path: string;
  /** Whether OpenClaw would load it. */
  enabled: boolean;
  /** Digest of its own code. */
  tree?: string | null;
  /** How much its digests of files cover, dependencies included; none where no file was read. */
  size?: Size | null;
  /** Digest of what it starts. */
  definition?: string | null;
  /** Digest of what of it steers or guards. */
  settings?: string | null;
  /** Digest of what of it reaches the model as text. */
  instructions?: string | null;
  /** Which of its local files policy wants hashed, where a rule says so: for MCP servers. */
  local?: LocalFiles | null;
  /** The Node.js that runs it, where something says which. */
  node?: NodeRuntime | null;
  /** Digest of its dependencies. */
  dependencies?: string | null;
  /** What other tools wrote down about it, and whether that is what is there. No verdict stands on it. */
  toolRecords?: Array<ToolRecord>;
  /** Of the core: whether the commit that its provenance names is that of a signed tag of its makers. */
  release?: CoreRelease | null;
  /** What a Nix store says of it, where it lies in one or leads into one. */
  nixStore?: StoreReport | null;
  /** What an intact verdict stands on; none where the subject is not intact. */
  basis?: Basis | null;
  /** The reviews and trusted publishers by which it counts as read; empty where nothing requires that, or where it is not read. */
  reviews?: Array<ReviewReport>;
  /** What was found out, by group. */
  outcomes: Outcomes;
}

/**
 * The stable name of a subject, such as `npm:@openclaw/zalo` or `skill:workspace/weather`.
 *
 * Holds no control, bidi or zero-width characters, no white space at its ends, at most [`SubjectId::MAX`] bytes; ordered by bytes.
 */
export type SubjectId = string;

/** What a subject is. */
export type Kind = "core" | "plugin" | "bundle" | "skill" | "hook-pack" | "mcp-server" | "config" | "automation" | "agent" | "runtime" | "service";

/** Where a subject came from, by the record that OpenClaw keeps, or by where it was found. */
export type Source = "npm" | "npm-pack" | "clawhub" | "git" | "path" | "archive" | "link" | "load" | "config" | "unrecorded";

/** How much there is. */
export interface Size {
  /** Files and symlinks. */
  files: number;
  /** Bytes of the files. */
  bytes: number;
}

/** Which files stand for the local script or program that an MCP server's command line names. */
export type LocalFiles = "package" | "file" | "none";

/** The program that runs OpenClaw. */
export interface NodeRuntime {
  /** Where it is, safe to show. */
  path: string;
  /** Its version as stands in it, without `v`; none where that cannot be read. */
  version?: string | null;
  /** The number of the user to whom it belongs. */
  owner: number;
}

/** What another tool wrote down about a subject, and whether it is what is there. Never evidence. */
export type ToolRecord = {
  agreement: "agrees";
} | {
  agreement: "differs";
  /** What was compared: `hash`, `git tree`, or a file. */
  what: string;
  /** What the record says, safe to show. */
  recorded: string;
  /** What is there, safe to show. */
  found: string;
  /** The tool itself installs something else than what it recorded, so an honest skill may differ. */
  rough: boolean;
} | {
  agreement: "not-compared";
  /** Why not, safe to show. */
  why: string;
};

/** The release that the core was built from. */
export interface CoreRelease {
  /** `verified` where a signed tag that you allow and the provenance name one commit, `violated` where they name two. */
  outcome: Outcome;
  /** Why it is not verified, safe to show. */
  why?: string | null;
  /** The repository that the provenance names. */
  repository?: string | null;
  /** The commit that the provenance names. */
  commit?: string | null;
  /** The tag of this version that is pinned. */
  tag?: string | null;
  /** The commit that the tag leads to. */
  tagCommit?: string | null;
  /** Who signed the tag, where that is one whom policy allows. */
  signer?: TagSigner | null;
}

/**
 * The outcome of a fact or of a group of facts. Ordered so that the maximum of several is their sum: one violation violates all,
 * one open question keeps the rest from being called verified.
 */
export type Outcome = "not-applicable" | "verified" | "not-established" | "violated";

/** A key that the operator's file allows. */
export interface TagSigner {
  /**
   * The principal as the operator's file has it; for OpenPGP the primary user ID of the operator's certificate; for gitsign
   * the identity in the certificate.
   */
  principal: string;
  /** Such as `ssh-ed25519`. */
  keyType: string;
  /** `SHA256:…` as OpenSSH writes it, or the OpenPGP fingerprint in hex. */
  fingerprint: string;
}

/** What a Nix store says of a subject that lies in it or leads into it. */
export interface StoreReport {
  /** The store's database, safe to show. */
  database: string;
  /** The outcome over all paths. */
  outcome: Outcome;
  /** The trusted key by which all files of the subject are signed. */
  signer?: string | null;
  /** The store paths, sorted by name. */
  paths: Array<StorePathReport>;
}

/** One store path. */
export interface StorePathReport {
  /** Its name in the store, `<hash>-<name>`. */
  path: string;
  /** Whether files of the subject lie in it; otherwise only links lead there. */
  own: boolean;
  /** Whether it is what the database registered. */
  outcome: Outcome;
  /** SHA-256 of its archive in Nix's format, hex, where it is the registered one. */
  narSha256?: string | null;
  /** Its name is made from its content. */
  contentAddressed: boolean;
  /** The trusted key that signed it. */
  signer?: string | null;
}

/** What an intact verdict stands on. Ordered by strength. */
export type Basis = "locked" | "archive" | "signed";

/** One step by which a subject counts as read. */
export interface ReviewReport {
  /** Who recorded it. Safe to show. */
  by: string;
  /** The day from which on it counts. */
  date: string;
  /** The last day on which it counts, where it has one. */
  until?: string | null;
  /** Whether it trusts the publisher and did not read this very content. */
  publisher: boolean;
}

/** Outcomes by group of rules. */
export interface Outcomes {
  /** Is it what was locked? */
  integrity: Outcome;
  /** Would a reinstall bring the same? */
  pinning: Outcome;
  /** Is it known who published it? */
  provenance: Outcome;
  /** Has it been reviewed? */
  review: Outcome;
  /** Is something bad known about it? */
  advisory: Outcome;
}

/** One release tag. */
export interface ReleaseReport {
  /** The repository's id, when it is known; never what the clone says of itself. */
  repository?: string | null;
  /** The tag's name; empty where not even the names could be read. */
  tag: string;
  /** The tag's object; none for a lightweight tag. */
  tagObject?: string | null;
  /** The commit that the tag leads to, when it is known to be one. */
  commit?: string | null;
  /** Scheme of the signature: `ssh`, `openpgp` or `gitsign`. */
  scheme?: string | null;
  /** Who signed, by the operator's files. The tagger is not a signer: a tag may name anyone. */
  signer?: TagSigner | null;
  /** What was found out. */
  outcome: Outcome;
  /** How the tag relates to the pinned one; none when there is no pin. */
  pin?: PinState | null;
  /** What was and was not looked at, and what came out. */
  checks: Array<TagCheck>;
  /** Findings about it: `signer-not-allowed`, or `signer-not-allowed/unknown-key` where there is a code. */
  failures: Array<string>;
  /** What an accepted tag should still be read with. */
  notes: Array<string>;
}

/** How a tag relates to its pin. */
export type PinState = "same" | "retagged" | "moved" | "missing";

/** One thing that was looked at. */
export interface TagCheck {
  /** Stable name, such as `signature`. */
  name: string;
  /** What came out. */
  state: CheckState;
  /** A few words. */
  detail: string;
}

/** What came out of a check. */
export type CheckState = "passed" | "failed" | "not-checked";

/** One finding. */
export interface Finding {
  /** The rule's id, such as `tree-mismatch`. */
  id: string;
  /** The code, where one id covers several failures. */
  code?: string | null;
  /** How much it matters, after policy. */
  level: Level;
  /** What was found out. */
  outcome: Outcome;
  /** Whom it is about; none for findings about the operator's files or the installation as a whole. */
  subject?: SubjectId | null;
  /** The release tag that it is about, safe to show. */
  tag?: string | null;
  /** One sentence, safe to show. */
  message: string;
  /** What the message stands on, one line each, safe to show. */
  evidence: Array<string>;
  /** Where to look; paths relative to the working folder. */
  locations: Array<Location>;
  /** What the machine's own files say, where it is about how the machine is set up. */
  declared?: Array<Declared>;
  /** What was seen of the machine itself, where it is about that. */
  observed?: Array<Observed>;
  /**
   * Digest of rule, key paths and values, where it is about how the machine is set up: an exception names it as `definition`, so
   * that it covers these values and no others.
   */
  definition?: string | null;
  /** Paths of a skill that policy can declare as state of the skill's own: then this finding is gone. */
  mutable?: Array<string>;
  /** What brings back what the lock holds, where the lock itself says enough for that. */
  restore?: Restore | null;
  /** What to do next, in words. */
  help: string;
  /** What clears it, as data: a program words it as its own commands or buttons. */
  remedy: Remedy;
  /** The exception that keeps this finding from counting. */
  suppressed?: Suppression | null;
}

/** How much a finding matters to the operator. Ordered from least to most. */
export type Level = "allow" | "note" | "warn" | "deny";

/** A place in a file of the operator. */
export interface Location {
  /** Path as it is to be shown. */
  file: string;
  /** Line, from 1. */
  line: number;
}

/** A value that a file of the machine says, or that counts because it says nothing. Never the value of a secret. */
export interface Declared {
  /** The key's path, such as `gateway.bind`. */
  path: string;
  /** The value as it is to be shown: JSON, the form of a secret, or words for a default. */
  value: string;
  /** The file, as it is to be shown. */
  file: string;
  /** Its line, from 1; none where the key is not written there. */
  line?: number | null;
}

/** What was seen of the machine: a mode, an owner, a listener, a process. Never the value of a secret. */
export interface Observed {
  /** What was looked at: a place, or what it is in words. */
  path: string;
  /** What was seen. */
  value: string;
  /** Where it was seen, such as `mode bits` or `/proc/net/tcp`. */
  source: string;
  /** Number of the user who looked: others may see more, or less. */
  seenBy: number;
}

/**
 * The release that the lock holds, to be installed again in place of files that are not the locked ones. It comes from the lock alone:
 * of changed files and of the record beside them nothing is believed.
 */
export interface Restore {
  /** What to ask OpenClaw for. */
  spec: string;
  /** The folder of which a copy is worth keeping before, relative to the state directory or absolute: it shows what was done. */
  folder: string;
}

/** What clears a finding. Data: the library names no command, and an embedder words it as it likes. */
export type Remedy = {
  kind: "lock";
  /** Which subject; all of them where none is named. */
  subject?: SubjectId | null;
  /** The change is one that has to be accepted by name, because an attack looks like it. */
  accept: boolean;
  /** A registry has to be asked in the same run. */
  online: boolean;
  /** OpenClaw itself installed another version: what changed can be taken over and reviewed in one go. */
  update: boolean;
} | {
  kind: "pin";
  /** The repository, such as `github.com/acme/notes`; none where only the caller knows it. */
  repository?: string | null;
  /** The change is one that has to be accepted by name. */
  accept: boolean;
} | {
  kind: "review";
  /** Which subject; none where it is trust in a publisher that has to be renewed. */
  subject?: SubjectId | null;
  /** Its dependencies have to be read, not its own files. */
  dependencies: boolean;
  /** The version or digest that was reviewed before and from which the least has to be read. */
  since?: string | null;
} | {
  kind: "online";
} | {
  kind: "reinstall";
  /** Which subject. */
  subject?: SubjectId | null;
  /** What to ask OpenClaw for, so that the same release is installed again; none where no record says it. */
  spec?: string | null;
} | {
  kind: "set-aside";
  /** The file, folder or link: relative to the state directory, or absolute. */
  path: string;
} | {
  kind: "set-state-dir";
  /** The state directory, whole. */
  folder: string;
} | {
  kind: "pack";
  /** The project's folder: relative to the state directory, or absolute. */
  folder: string;
  /** What OpenClaw is asked for to load the project no longer. */
  unload: Unload;
} | {
  kind: "uninstall";
  /** Which plugin. */
  subject: SubjectId;
  /** The name that OpenClaw knows it by. */
  name: string;
} | {
  kind: "unset";
  /** The key's path, such as `env.vars.NODE_OPTIONS`. */
  path: string;
} | {
  kind: "unset-variable";
  /** The variable. */
  variable: string;
  /** The file: relative to the state directory, or absolute. */
  file: string;
  /** It is one of systemd's, where the variable is one of several words behind `Environment=` or `DefaultEnvironment=`. */
  unit?: boolean;
} | {
  kind: "unset-stored";
  /** Its name. */
  name: string;
} | {
  kind: "drop";
  /** The file, relative to the state directory. */
  file: string;
  /** `trigger` or `view`. */
  object: string;
  /** Its name. */
  name: string;
} | {
  kind: "configure";
  /** The key's path, such as `mcp.servers.files`. */
  path: string;
  /** The value that it should have, where one is known, as JSON. */
  value?: string | null;
} | {
  kind: "open-claw";
  /** The words behind the program's name. */
  arguments: Array<string>;
} | {
  kind: "permissions";
  /** The file or folder, whole. */
  path: string;
  /** What becomes of its mode, such as `600` or `go-w`. */
  mode: string;
  /** Also everything below it. */
  recursive: boolean;
} | {
  kind: "owner";
  /** The file or folder, whole. */
  path: string;
  /** Number of the user. */
  user: number;
} | {
  kind: "source";
  /** The registry's address, or the repository as policy writes it. */
  address: string;
} | {
  kind: "gate";
} | {
  kind: "prune";
} | {
  kind: "renew";
} | {
  kind: "operator";
  /** What the verifier was not given. */
  input?: Input | null;
} | {
  kind: "never";
};

/** How OpenClaw stops loading a plugin from the project in which it is developed. The project stays as it is. */
export type Unload = {
  link: string;
} | {
  key: string;
};

/** Something that a caller can give the verifier, and did not. */
export type Input = "host" | "state-dir" | "home" | "relocated-from" | "nix-database" | "config" | "attestations" | "npm-keys" | "trust-root" | "instance" | "public-key" | "identity" | "issuer" | "repository" | "signers" | "network" | "copy" | "unpacked" | "registry" | "advisories" | "imports";

/** The exception that covers a finding. */
export interface Suppression {
  /** The operator's reason. */
  reason: string;
  /** The last day on which it counts. */
  until: string;
}

/** Something that OpenClaw loads and that is not judged. */
export interface NotCovered {
  /** What. */
  what: string;
  /** Why not. */
  why: string;
  /** Whose it is. */
  group: NotCoveredGroup;
  /** Patterns of its places, below a named root: `<state>/logs/**`. None where it is no place of a known name. */
  places?: Array<string>;
}

/** Whose the things are that are not judged. The order is that in which a person wants to know of them. */
export type NotCoveredGroup = "not-seen" | "elsewhere" | "openclaw" | "agents" | "user" | "system";
