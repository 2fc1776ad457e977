//! The arguments of `review`, and what a review may say.

use std::path::PathBuf;

use clap::Args;
use openclaw_verify_core::review::Criteria;
use openclaw_verify_core::subject::SubjectId;

/// Arguments of `review`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("action").args(["diff", "record", "trust", "violation"]).requires("id"))]
pub(crate) struct ReviewArgs {
    /// The subject; all without one
    ///
    /// Without one, everything that is left to read is listed.
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// Show what to read
    ///
    /// Since VERSION (or a digest) that was reviewed, since the `lock`, since another `generation` on the disk, since what its registry
    /// `published` (with --online), or all with `none`. The
    /// default is what leaves least to read; where nothing was reviewed, what changed since the lock.
    #[arg(long, value_name = "VERSION", num_args = 0..=1, default_missing_value = "")]
    pub diff: Option<String>,
    /// Append a review of what was shown
    #[arg(long, requires = "criteria")]
    pub record: bool,
    /// Append trust in a publisher
    ///
    /// Such as github:openclaw/openclaw.
    #[arg(long, value_name = "PUBLISHER")]
    pub trust: Option<String>,
    /// Append that this must not run
    #[arg(long, requires = "reason")]
    pub violation: bool,
    /// Write what must not run as OSV records
    ///
    /// One file for each violation of the reviews file, into FOLDER, which has to be there, for `advisories import` of others.
    #[arg(
        long,
        value_name = "FOLDER",
        conflicts_with_all = ["id", "record", "trust", "violation"]
    )]
    pub export_violations: Option<PathBuf>,
    /// Finish a merge that git could not finish
    ///
    /// Of the reviews file: the entries of both sides count. Shows what the other side adds, and asks.
    #[arg(
        long,
        hide_short_help = true,
        conflicts_with_all = ["id", "record", "trust", "violation", "export_violations"]
    )]
    pub resolve: bool,
    /// safe-to-load or safe-to-run
    ///
    /// What the review says.
    #[arg(long, value_name = "CRITERIA", value_parser = criteria)]
    pub criteria: Option<Criteria>,
    /// With all its dependencies
    ///
    /// Shown, or recorded.
    #[arg(long)]
    pub dependencies: bool,
    /// What is not installed yet
    ///
    /// The copy that the gate kept, or an archive without dependencies.
    #[arg(long, value_name = "PATH", requires = "id")]
    pub from: Option<PathBuf>,
    /// For people: what was looked at
    #[arg(long, hide_short_help = true, value_name = "TEXT")]
    pub notes: Option<String>,
    /// The last day on which it counts
    ///
    /// The default is for ever, and for trust one year.
    #[arg(long, hide_short_help = true, value_name = "DAY", value_parser = super::policy::day)]
    pub until: Option<jiff::civil::Date>,
    /// The machine that read it
    ///
    /// It does not count as a person's review.
    #[arg(
        long,
        hide_short_help = true,
        value_name = "MODEL",
        requires = "record"
    )]
    pub agent: Option<String>,
    /// A person led the machine
    #[arg(long, hide_short_help = true, requires = "agent")]
    pub guided: bool,
    /// The workflow that is trusted
    ///
    /// It has to have built what is trusted.
    #[arg(long, hide_short_help = true, value_name = "FILE", requires = "trust")]
    pub workflow: Option<String>,
    /// Why it must not run
    #[arg(long, value_name = "TEXT", requires = "violation")]
    pub reason: Option<String>,
    /// Versions that must not run
    ///
    /// `*`, a range, or one version. The default is exactly what is installed.
    #[arg(
        long,
        hide_short_help = true,
        value_name = "RANGE",
        requires = "violation"
    )]
    pub versions: Option<String>,
    /// Who says so
    ///
    /// The default is user.name and user.email of git.
    #[arg(long, hide_short_help = true, value_name = "NAME")]
    pub by: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

impl ReviewArgs {
    /// A review of `id`, without anything said yet.
    pub(crate) fn of(id: &SubjectId) -> Self {
        Self {
            id: Some(id.to_string()),
            diff: None,
            record: true,
            trust: None,
            violation: false,
            export_violations: None,
            resolve: false,
            criteria: None,
            dependencies: false,
            from: None,
            notes: None,
            until: None,
            agent: None,
            guided: false,
            workflow: None,
            reason: None,
            versions: None,
            by: None,
            yes: false,
        }
    }
}

pub(super) fn criteria(text: &str) -> Result<Criteria, String> {
    let all = [Criteria::SafeToLoad, Criteria::SafeToRun];
    all.into_iter()
        .find(|known| known.as_str() == text)
        .ok_or_else(|| "expected safe-to-load or safe-to-run".to_owned())
}
