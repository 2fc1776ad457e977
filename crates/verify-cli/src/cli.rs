//! The command line: every verb and flag, defined once. Names and exit codes are a contract, see docs/cli.md.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use openclaw_verify_core::finding::Level;

/// The top-level help. Verbs are grouped by when they are needed, which clap cannot do by itself; a test holds the list complete.
const HELP: &str = "\
{before-help}{about-with-newline}
{usage-heading} {usage}

Every day:
  check        Everything that policy asks for (also without a verb)
  plugins      Only plugins, bundles, hook packs and MCP servers
  skills       Only skills
  core         Only the OpenClaw host package
  lock         Write the lock from what is installed
  review       Who has read this code, and what to read next

Before an install:
  gate         Answer OpenClaw's install-policy requests
  npm          Judge a package of an npm registry
  archive      Judge a .tgz

Evidence:
  release      Verify signed release tags of a local clone
  attestation  Verify any file against a Sigstore bundle
  sbom         Describe the installation in CycloneDX

Tools:
  tree         Digest of any folder
  explain      What a finding means and what to do about it
  completions  Completions for a shell

Exit codes: 0 nothing at the threshold · 1 findings · 2 could not complete · 3 nothing to verify

Options:
{options}{after-help}";

/// Is what this OpenClaw would run exactly what somebody you trust pinned, reviewed, signed and published?
#[derive(Debug, Parser)]
#[command(name = "openclaw-verify", version, about, help_template = HELP, disable_help_subcommand = true, max_term_width = 100)]
#[command(after_help = "\
Examples:
  openclaw-verify lock --init
  openclaw-verify --format json check")]
pub(crate) struct Cli {
    /// What to do; `check` when left out.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Flags for all verbs.
    #[command(flatten)]
    pub common: Common,
}

/// Flags for all verbs.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// OpenClaw's state dir [default: ~/.openclaw]
    #[arg(long, global = true, value_name = "DIR", env = "OPENCLAW_STATE_DIR", hide_env_values = true)]
    pub state_dir: Option<PathBuf>,
    /// The host package [default: the real path of `openclaw` on PATH]
    #[arg(long, global = true, value_name = "DIR", env = "OPENCLAW_VERIFY_OPENCLAW", hide_env_values = true)]
    pub openclaw: Option<PathBuf>,
    /// The state dir is a copy whose records say OLD
    #[arg(long, global = true, value_name = "OLD")]
    pub relocated_from: Option<PathBuf>,
    /// The folder that holds policy, lock and reviews
    #[arg(long, global = true, value_name = "DIR", conflicts_with_all = ["policy", "lockfile", "reviews"])]
    pub config: Option<PathBuf>,
    /// The policy file
    #[arg(long, global = true, value_name = "FILE", env = "OPENCLAW_VERIFY_POLICY", hide_env_values = true)]
    pub policy: Option<PathBuf>,
    /// The lock file
    #[arg(long, global = true, value_name = "FILE", env = "OPENCLAW_VERIFY_LOCKFILE", hide_env_values = true)]
    pub lockfile: Option<PathBuf>,
    /// The reviews file
    #[arg(long, global = true, value_name = "FILE", env = "OPENCLAW_VERIFY_REVIEWS", hide_env_values = true)]
    pub reviews: Option<PathBuf>,
    /// Open sockets where policy asks for facts of a registry
    #[arg(long, global = true)]
    pub online: bool,
    /// Judge lock, policy and reviews without any installation
    #[arg(long, global = true)]
    pub lock_only: bool,
    /// Do not report this finding (repeatable)
    #[arg(short = 'A', long = "allow", global = true, value_name = "ID")]
    pub allow: Vec<String>,
    /// Report this finding as a warning (repeatable)
    #[arg(short = 'W', long = "warn", global = true, value_name = "ID")]
    pub warn: Vec<String>,
    /// Report this finding as denied (repeatable)
    #[arg(short = 'D', long = "deny", global = true, value_name = "ID")]
    pub deny: Vec<String>,
    /// The least level that makes the exit code 1
    #[arg(long, global = true, value_name = "LEVEL", default_value = "deny")]
    pub fail_on: Threshold,
    /// Form of the report on standard output
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human")]
    pub format: Format,
    /// Also write the report to a file, such as sarif=out.sarif (repeatable)
    #[arg(long, global = true, value_name = "FORMAT=PATH", value_parser = report_target)]
    pub report: Vec<(Format, PathBuf)>,
    /// Threads for hashing [default: one a core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub threads: Option<u16>,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
    /// Less: only what counts
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// More: every finding and subject, also excepted ones
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// No progress bar
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Judge as of this time (RFC 3339), for tests
    #[arg(long, global = true, value_name = "TIME", hide = true)]
    pub now: Option<jiff::Timestamp>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Everything that policy asks for (also without a verb)
    #[command(
        after_help = "Examples:\n  openclaw-verify check\n  openclaw-verify check --fail-on warn --report sarif=openclaw.sarif"
    )]
    Check,
    /// Only plugins, bundles, hook packs and MCP servers
    #[command(after_help = "Examples:\n  openclaw-verify plugins\n  openclaw-verify plugins npm:@openclaw/zalo")]
    Plugins(Ids),
    /// Only skills
    #[command(after_help = "Examples:\n  openclaw-verify skills\n  openclaw-verify skills skill:workspace/weather -v")]
    Skills(Ids),
    /// Only the OpenClaw host package
    #[command(after_help = "Examples:\n  openclaw-verify core\n  openclaw-verify core --openclaw /usr/lib/node_modules/openclaw")]
    Core,
    /// Write the lock from what is installed
    #[command(after_help = "Examples:\n  openclaw-verify lock --init\n  openclaw-verify lock --accept npm:@openclaw/zalo")]
    Lock(LockArgs),
    /// Answer one install-policy request of OpenClaw, from standard input to standard output
    #[command(
        after_help = "Examples:\n  openclaw-verify gate --config /home/node/policy --setup\n  openclaw-verify gate --config /home/node/policy --selftest"
    )]
    Gate(GateArgs),
    /// Digest of any folder, as git gives it in a SHA-256 repository
    #[command(after_help = "Examples:\n  openclaw-verify tree ~/.openclaw/extensions/notes\n  openclaw-verify tree . --manifest")]
    Tree(TreeArgs),
    /// What a finding means and what to do about it
    #[command(after_help = "Examples:\n  openclaw-verify explain\n  openclaw-verify explain tree-mismatch")]
    Explain {
        /// The finding's id, with or without `openclaw-verify/`
        id: Option<String>,
    },
    /// Completions for a shell
    #[command(
        after_help = "Examples:\n  openclaw-verify completions bash > /etc/bash_completion.d/openclaw-verify\n  openclaw-verify completions zsh > ~/.zfunc/_openclaw-verify"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Subjects to restrict a verb to.
#[derive(Debug, Args)]
pub(crate) struct Ids {
    /// Subject ids, as `check -v` lists them
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
}

/// Arguments of `lock`.
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// Subjects to lock again; all when left out
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// First run: lock, starter policy and dated exceptions; never overwrites
    #[arg(long, conflicts_with_all = ["ids", "check", "accept"])]
    pub init: bool,
    /// Only tell whether the lock would change
    #[arg(long)]
    pub check: bool,
    /// Lock the one ID from the copy that the gate kept when it refused the install
    #[arg(long, value_name = "DIR", requires = "ids", conflicts_with = "init")]
    pub from: Option<PathBuf>,
    /// Take over a change of an unchanged version of this subject (repeatable)
    #[arg(long, value_name = "ID")]
    pub accept: Vec<String>,
}

/// Arguments of `gate`.
#[derive(Clone, Debug, Args)]
pub(crate) struct GateArgs {
    /// Print the command that makes OpenClaw ask this gate, after checking what OpenClaw will check
    #[arg(long)]
    pub setup: bool,
    /// Run that command
    #[arg(long, requires = "setup")]
    pub apply: bool,
    /// Answer one request of every kind and show the replies
    #[arg(long, conflicts_with = "setup")]
    pub selftest: bool,
    /// Where to keep what was refused, and what is remembered between calls [default: .openclaw-verify in the --config folder]
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,
    /// What to answer in place of `warn`, for hosts that do not know it
    #[arg(long, value_name = "ANSWER")]
    pub no_warn: Option<Instead>,
}

/// What stands in place of a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Instead {
    /// Do not install.
    Block,
    /// Install.
    Allow,
}

/// Arguments of `tree`.
#[derive(Debug, Args)]
pub(crate) struct TreeArgs {
    /// The folder
    pub path: PathBuf,
    /// Also list what the digest covers, as `git ls-tree -r` does
    #[arg(long)]
    pub manifest: bool,
}

/// The least level that makes the exit code 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Threshold {
    /// Findings that must not pass.
    Deny,
    /// Also findings that should be looked at.
    Warn,
    /// Any finding.
    Note,
}

impl From<Threshold> for Level {
    fn from(threshold: Threshold) -> Self {
        match threshold {
            Threshold::Deny => Self::Deny,
            Threshold::Warn => Self::Warn,
            Threshold::Note => Self::Note,
        }
    }
}

/// Form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people at a terminal.
    Human,
    /// docs/report.schema.json.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
    /// JUnit XML, for test reports.
    Junit,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

fn report_target(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, path) = text.split_once('=').ok_or("expected FORMAT=PATH, such as sarif=out.sarif")?;
    let format = Format::from_str(format, true)?;
    if path.is_empty() {
        return Err("the path is empty".to_owned());
    }
    Ok((format, PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_groups_every_verb_and_each_has_two_examples() {
        for verb in Cli::command().get_subcommands() {
            let name = verb.get_name();
            assert!(HELP.contains(&format!("\n  {name} ")), "{name} is not in the grouped help");
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert_eq!(help.matches("\n  openclaw-verify ").count(), 2, "{name} needs two examples");
        }
    }
}
