//! The arguments of each verb.

mod candidate;
mod policy;
mod review;
#[cfg(feature = "sbom")]
mod sbom;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use openclaw_verify_core::operator_file::Take;
use openclaw_verify_core::policy::Preset;
use openclaw_verify_core::review::Criteria;
use openclaw_verify_core::subject::SubjectId;

pub(crate) use self::candidate::*;
pub(crate) use self::policy::*;
pub(crate) use self::review::*;
#[cfg(feature = "sbom")]
pub(crate) use self::sbom::*;
use crate::verbs::watch;

/// Subjects to restrict a verb to.
#[derive(Debug, Args)]
pub(crate) struct Ids {
    /// Subject ids, as `check -v` lists them
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
}

/// Arguments of `check`.
#[derive(Debug, Default, Args)]
pub(crate) struct CheckArgs {
    /// Judge what a backup of a fleet's cell holds
    ///
    /// As `openclaw fleet backup` writes it. It is read into a private folder that is gone afterwards; records are taken as those of a cell, unless --relocated-from says otherwise.
    #[arg(long, value_name = "FILE")]
    pub backup: Option<PathBuf>,
}

/// Arguments of `watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Run when the verdict changes
    ///
    /// A program by its whole path. It gets the row of the run on standard input, no arguments and no environment, and 30 seconds.
    #[arg(long, value_name = "CMD")]
    pub on_change: Option<PathBuf>,
    /// Read everything again so often
    ///
    /// Such as 30m. It finds what no event tells; the default is 6h.
    #[arg(long, value_name = "TIME", default_value = "6h", hide_default_value = true, value_parser = watch::length)]
    pub full_every: Duration,
}

/// Arguments of `host`.
#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    /// Print only the commands that fix it
    ///
    /// To be read and then run. What no command fixes is a comment.
    #[arg(long)]
    pub commands: bool,
    /// apparmor, systemd, compose or config
    ///
    /// Print a file that hardens this installation, with its paths filled in, and judge nothing.
    #[arg(
        long,
        value_name = "FILE",
        hide_possible_values = true,
        conflicts_with = "commands"
    )]
    pub print: Option<Profile>,
    /// Where the machine's tables are.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// A file that hardens an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// A profile of AppArmor.
    Apparmor,
    /// A system unit with its hardening.
    Systemd,
    /// An override for the compose file.
    Compose,
    /// A config of OpenClaw.
    Config,
}

/// Arguments of `checklist`.
#[derive(Debug, Args)]
pub(crate) struct ChecklistArgs {
    /// Where the machine's tables are.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// Where the machine's tables are, in place of its own.
#[derive(Debug, Args)]
pub(crate) struct MachineArgs {
    /// The folder of users and groups
    ///
    /// In place of /etc, for an image or a test.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub etc: Option<PathBuf>,
    /// The folder of the kernel's tables
    ///
    /// In place of /proc, for an image or a test; tables of devices are then beside it in sys.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub proc: Option<PathBuf>,
    /// Files that are handed over.
    #[command(flatten)]
    pub given: super::given::GivenArgs,
}

/// Arguments of `lock`.
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// Subjects to lock again; all when left out
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// First run: lock and starter policy
    ///
    /// Writes the lock and a starter policy with dated exceptions; never overwrites.
    #[arg(long, conflicts_with_all = ["ids", "check", "accept"])]
    pub init: bool,
    /// The registry that may be asked, into the starter policy
    ///
    /// Written into the registries of the policy, so that --online and npm ask it, and code of another one is a finding.
    #[arg(long, value_name = "URL", requires = "init")]
    pub registry: Option<String>,
    /// default, strict or homelab, into the starter policy
    ///
    /// What is asked of everything. In homelab what is not read yet only warns.
    #[arg(long, value_name = "NAME", requires = "init", value_parser = preset)]
    pub preset: Option<Preset>,
    /// Only say whether it would change
    #[arg(long)]
    pub check: bool,
    /// Lock ID before it is installed
    ///
    /// From the copy that the gate kept, or from an archive without dependencies.
    #[arg(long, value_name = "PATH", requires = "ids", conflicts_with = "init")]
    pub from: Option<PathBuf>,
    /// Accept a changed digest of this subject for an unchanged version (repeatable)
    ///
    /// Needed where bytes changed and the version did not.
    #[arg(long, value_name = "ID")]
    pub accept: Vec<String>,
    /// Finish a merge that git could not finish
    ///
    /// What only one side locked counts; where both locked something else, --take says which. Shows what the other side adds, and asks.
    #[arg(
        long,
        hide_short_help = true,
        conflicts_with_all = ["ids", "init", "check", "accept"]
    )]
    pub resolve: bool,
    /// ours or theirs, where both locked something else
    ///
    /// As git calls them: ours is the branch that is checked out.
    #[arg(
        long,
        value_name = "SIDE",
        hide_possible_values = true,
        hide_short_help = true,
        requires = "resolve"
    )]
    pub take: Option<TakenSide>,
    /// Do not ask
    #[arg(long, hide_short_help = true, requires = "resolve")]
    pub yes: bool,
}

/// A side of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TakenSide {
    /// The branch that is checked out.
    Ours,
    /// The other.
    Theirs,
}

impl From<TakenSide> for Take {
    fn from(side: TakenSide) -> Self {
        match side {
            TakenSide::Ours => Self::Ours,
            TakenSide::Theirs => Self::Theirs,
        }
    }
}

impl LockArgs {
    /// A plain lock of `ids`.
    pub(crate) fn of(ids: &[SubjectId]) -> Self {
        Self {
            ids: ids.iter().map(ToString::to_string).collect(),
            init: false,
            registry: None,
            preset: None,
            check: false,
            from: None,
            accept: Vec::new(),
            resolve: false,
            take: None,
            yes: false,
        }
    }
}

fn preset(text: &str) -> Result<Preset, String> {
    let all = [Preset::Default, Preset::Strict, Preset::Homelab];
    all.into_iter()
        .find(|known| known.as_str() == text)
        .ok_or_else(|| "expected default, strict or homelab".to_owned())
}

/// Arguments of `update`.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// What OpenClaw updated
    ///
    /// A plugin, skill or the host. What a plugin brings along is taken over with it.
    #[arg(value_name = "ID")]
    pub id: String,
    /// Do not ask about the lock
    ///
    /// The review is still asked for, or stays open.
    #[arg(long)]
    pub yes: bool,
    /// safe-to-load or safe-to-run
    ///
    /// What the review says. The default is what policy asks for.
    #[arg(long, value_name = "CRITERIA", value_parser = criteria)]
    pub criteria: Option<Criteria>,
    /// Who read it
    ///
    /// The default is user.name and user.email of git.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// The digest that was read
    ///
    /// For scripts: the person named by --by has read this very tree. The review is then recorded without asking.
    #[arg(long, value_name = "DIGEST", requires_all = ["criteria", "by"])]
    pub shown: Option<String>,
    /// For people: what was looked at
    #[arg(long, value_name = "TEXT")]
    pub notes: Option<String>,
}

/// Arguments of `gate`.
#[derive(Clone, Debug, Args)]
pub(crate) struct GateArgs {
    /// Print how OpenClaw is made to ask
    ///
    /// The command that makes OpenClaw ask this gate, after the checks that OpenClaw makes.
    #[arg(long)]
    pub setup: bool,
    /// Print how OpenClaw is made to stop asking
    ///
    /// The command that takes this gate out of OpenClaw's config. What was kept stays.
    #[arg(long, conflicts_with = "setup")]
    pub remove: bool,
    /// Run that command
    #[arg(long)]
    pub apply: bool,
    /// Show a reply of every kind
    ///
    /// One request of every kind is answered.
    #[arg(long, conflicts_with_all = ["setup", "remove", "apply"])]
    pub selftest: bool,
    /// Where what was refused is kept
    ///
    /// And what is remembered between calls. The default is .openclaw-verify in the folder of --config.
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,
    /// How long a reply may take
    ///
    /// In milliseconds, from the start. The default is 9000: OpenClaw waits for ten seconds, its `timeoutMs`. --setup makes both fit.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1000..=600_000))]
    pub deadline_ms: Option<u64>,
    /// block or allow in place of warn
    ///
    /// For hosts that do not know that answer.
    #[arg(long, value_name = "ANSWER", hide_possible_values = true)]
    pub no_warn: Option<Instead>,
}

impl GateArgs {
    /// Whether OpenClaw waits for a reply.
    pub(crate) fn replies(&self) -> bool {
        !(self.setup || self.remove || self.apply || self.selftest)
    }
}

/// What replaces a warning.
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
    /// Also list what it covers
    ///
    /// As `git ls-tree -r` does.
    #[arg(long)]
    pub manifest: bool,
}
