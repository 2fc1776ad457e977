//! The arguments of `policy` and `advisories`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use openclaw_verify_core::policy::keys::Assignment;

use super::TakenSide;

/// Arguments of `policy`.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: PolicyAction,
}

/// What to do with the policy.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyAction {
    /// Except a finding until a day
    #[command(
        override_usage = "openclaw-verify policy except ID FINDING --until DAY --reason TEXT"
    )]
    Except(ExceptArgs),
    /// Take out exceptions that are expired or cover nothing
    Prune(PruneArgs),
    /// Give exceptions that end soon another last day
    #[command(override_usage = "openclaw-verify policy renew [ID…] --until DAY")]
    Renew(RenewArgs),
    /// Set keys, such as host.check=true
    #[command(override_usage = "openclaw-verify policy set KEY=VALUE…")]
    Set(SetArgs),
    /// Take keys, imports or tables out
    #[command(override_usage = "openclaw-verify policy unset KEY…")]
    Unset(UnsetArgs),
    /// Add an entry, such as a rule or a mutable
    #[command(override_usage = "openclaw-verify policy add ENTRY KEY=VALUE…")]
    Add(EntryArgs),
    /// Take one entry out
    #[command(override_usage = "openclaw-verify policy remove ENTRY KEY=VALUE…")]
    Remove(EntryArgs),
    /// List a place that code may come from
    #[command(override_usage = "openclaw-verify policy source ADDRESS")]
    Source(SourceArgs),
    /// Finish a merge that git could not finish
    ///
    /// What only one side says counts; where both say something else, --take says which.
    #[command(override_usage = "openclaw-verify policy resolve [--take SIDE]")]
    Resolve(ResolveArgs),
    /// Give policy, lock and reviews their next serials, to be signed
    ///
    /// With --sign-ssh KEY they are signed here; otherwise the commands are printed that sign them.
    Sign,
    /// Note the serials of the signed files as the highest seen
    ///
    /// For root. An older file that is put in the place of one of them is refused from then on.
    AcceptSerial,
}

/// Arguments of `policy except`.
#[derive(Debug, Args)]
pub(crate) struct ExceptArgs {
    /// The subject, as `check -v` lists it
    ///
    /// The exception is bound to the very bytes that are installed of it.
    #[arg(value_name = "ID")]
    pub id: String,
    /// The finding's id, or that of an advisory
    ///
    /// A record that is wrong, such as MAL-2026-1, is excepted by its own id: for these bytes, and of malware for at most 30 days.
    #[arg(value_name = "FINDING")]
    pub finding: String,
    /// The last day on which it counts
    ///
    /// At most 180 days ahead.
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub until: jiff::civil::Date,
    /// Why it is accepted until then
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `policy prune`.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `advisories`.
#[derive(Debug, Args)]
pub(crate) struct AdvisoriesArgs {
    /// What to do; without it, what the index holds is shown.
    #[command(subcommand)]
    pub action: Option<AdvisoriesAction>,
    /// The index
    ///
    /// The default is the one that policy names, then advisories.index in the user's cache folder of this program.
    #[arg(long, value_name = "FILE", global = true)]
    pub index: Option<PathBuf>,
}

/// What to do with advisories.
#[derive(Debug, Subcommand)]
pub(crate) enum AdvisoriesAction {
    /// Make an index of OSV records
    ///
    /// The records come out of a zip, as ecosystems publish them, a folder, or single files. The index takes the place of the old one
    /// when every record was read.
    Import(AdvisoriesImportArgs),
    #[cfg(feature = "online")]
    /// Fetch records and make an index of them
    ///
    /// From the address that policy names, `[advisories] source`, and from nowhere else: it opens sockets without --online. A download that
    /// broke off goes on where it stopped.
    Fetch(AdvisoriesFetchArgs),
}

/// Arguments of `advisories fetch`.
#[cfg(feature = "online")]
#[derive(Debug, Args)]
pub(crate) struct AdvisoriesFetchArgs {
    /// Do without so many records that cannot be read
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub allow_broken: u64,
}

/// Arguments of `advisories import`.
#[derive(Debug, Args)]
pub(crate) struct AdvisoriesImportArgs {
    /// A zip, a folder, or a file with one record
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Do without so many records that cannot be read
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub allow_broken: u64,
}

/// Arguments of `policy source`.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// A registry's address, or a git repository such as `github.com/acme/notes`
    ///
    /// The first registry that is listed is the one that --online and npm ask. Once one is listed, code of every other is a finding.
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `policy renew`.
#[derive(Debug, Args)]
pub(crate) struct RenewArgs {
    /// Whose exceptions; all that end within two weeks when left out
    ///
    /// Left out, those that are expired and would still cover what is found are renewed too. Each stays bound to the bytes that it names.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// The last day on which they count
    ///
    /// At most 180 days ahead.
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub until: jiff::civil::Date,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `policy resolve`.
#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// ours or theirs, where both say something else
    ///
    /// As git calls them: ours is the branch that is checked out.
    #[arg(long, value_name = "SIDE", hide_possible_values = true)]
    pub take: Option<TakenSide>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `policy set`.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// A key and what it is to say
    ///
    /// As preset=strict, levels.unreviewed=warn, advisories.source=https://…, imports.NAME.path=FILE. A key that is given twice is a list.
    #[arg(value_name = "KEY=VALUE", required = true, value_parser = assignment)]
    pub keys: Vec<Assignment>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `policy unset`.
#[derive(Debug, Args)]
pub(crate) struct UnsetArgs {
    /// A key, imports.NAME, or a whole table
    #[arg(value_name = "KEY", required = true)]
    pub keys: Vec<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `policy add` and `policy remove`.
#[derive(Debug, Args)]
pub(crate) struct EntryArgs {
    /// rule, mutable, release, skill-signer, file, vex or exception
    #[arg(value_name = "ENTRY")]
    pub kind: String,
    /// Its keys, as match=npm:@acme/* or paths=data/*.json
    ///
    /// A key that is given twice is a list. One with the same match, package, path or repository and tags is replaced.
    #[arg(value_name = "KEY=VALUE", required = true, value_parser = assignment)]
    pub keys: Vec<Assignment>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

fn assignment(text: &str) -> Result<Assignment, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// A day as people write it.
pub(super) fn day(text: &str) -> Result<jiff::civil::Date, String> {
    text.parse()
        .map_err(|_| "expected a day such as 2027-01-31".to_owned())
}
