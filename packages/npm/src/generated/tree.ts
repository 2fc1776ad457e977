// Made by scripts/types.js from docs/schema/tree.schema.json. Do not edit.

/** The digest of a folder. */
export interface Tree {
  /** `git-sha256:` and the id that git gives the tree in a SHA-256 repository. */
  tree: string;
  /** How many files and links it covers. */
  files: number;
  /** Their size together. */
  bytes: number;
  /** Each of them, where it was asked for. */
  manifest?: Array<TreeEntry>;
}

/** A file or link of a tree. */
export interface TreeEntry {
  /** Git's mode: a file, an executable file, a link. */
  mode: "100644" | "100755" | "120000";
  /** The id of git's blob, SHA-256 in hex. */
  id: string;
  /** Its path below the folder, with `/`. */
  path: string;
}
