// `openclaw verify …`: starts openclaw-verify with the same arguments, streams and exit code.
//
// This runs inside what is checked, so it takes as little as it can from here: the program is found in the package beside its own, never by
// PATH, and of the environment only what says where OpenClaw is and how a terminal looks is passed on. OpenClaw reads a `.env` of its state
// directory into its environment; variables that choose policy, lock, trust, registry or pager could come from there.

import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { binaryPath, fileDigest } from "openclaw-verify/platform";
import { start } from "openclaw-verify/start";

const DESCRIPTION = "Verify that what this OpenClaw would run is what was locked, reviewed and signed";

const PASSED = [
  "HOME", "PATH", "TMPDIR", "TERM", "COLUMNS", "LANG", "LC_ALL", "NO_COLOR",
  "OPENCLAW_STATE_DIR", "OPENCLAW_HOME", "OPENCLAW_PROFILE", "OPENCLAW_CONFIG_PATH", "OPENCLAW_WORKSPACE_DIR",
];

/** The arguments behind `verify`, as they were given: OpenClaw's own parser would take options of its own out of them. */
function given(argv) {
  const at = argv.indexOf("verify", 2);
  return at < 0 ? [] : argv.slice(at + 1);
}

/** Whether standard output is a document that a program reads. */
function forMachines(args) {
  const at = args.findIndex((arg) => arg === "--format" || arg.startsWith("--format="));
  if (at < 0) return args[0] === "sbom" || args[0] === "gate";
  return (args[at].split("=")[1] ?? args[at + 1]) !== "human";
}

/** The host package that runs now, so that it need not be on PATH. The report says that it was named by a variable. */
function host() {
  try {
    for (let folder = dirname(realpathSync(process.argv[1])); folder !== dirname(folder); folder = dirname(folder)) {
      const path = join(folder, "package.json");
      try {
        return JSON.parse(readFileSync(path, "utf8")).name === "openclaw" ? { OPENCLAW_VERIFY_OPENCLAW: folder } : {};
      } catch (error) {
        if (error.code !== "ENOENT") return {};
      }
    }
  } catch {
    // The program says itself that it knows no host.
  }
  return {};
}

async function run(args) {
  const binary = binaryPath();
  if (args[0] === "--version" || args[0] === "-V") console.log(`${binary}\n${await fileDigest(binary)}`);
  if (process.stderr.isTTY || !(args.includes("-q") || args.includes("--quiet") || forMachines(args))) {
    console.error("note: this runs inside the OpenClaw that it checks, and what was tampered with can lie. From outside: the program of `npm install --global openclaw-verify`");
  }
  const env = Object.fromEntries(PASSED.filter((name) => process.env[name] !== undefined).map((name) => [name, process.env[name]]));
  // The state directory of another OpenClaw has another host.
  if (!args.some((arg) => /^--(state-dir|relocated-from)(=|$)/.test(arg))) Object.assign(env, host());
  return start(binary, args, env);
}

export default {
  id: "openclaw-verify-plugin",
  name: "openclaw-verify",
  description: DESCRIPTION,
  register(api) {
    api.registerCli(
      ({ program }) => {
        program
          .command("verify")
          .description(DESCRIPTION)
          .allowUnknownOption(true)
          .allowExcessArguments(true)
          .helpOption(false)
          .argument("[args...]")
          .action(async () => {
            try {
              process.exitCode = await run(given(process.argv));
            } catch (error) {
              console.error(`error: ${error.message}`);
              process.exitCode = 2;
            }
          });
      },
      {
        descriptors: [
          { name: "verify", description: DESCRIPTION, hasSubcommands: true, machineOutput: ({ argv }) => forMachines(given(argv)) },
        ],
      },
    );
  },
};
