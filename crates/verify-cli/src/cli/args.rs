//! The arguments of each verb.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use openclaw_verify_core::review::Criteria;
use openclaw_verify_core::subject::SubjectId;

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
}

impl LockArgs {
    /// A plain lock of `ids`.
    pub(crate) fn of(ids: &[SubjectId]) -> Self {
        Self {
            ids: ids.iter().map(ToString::to_string).collect(),
            init: false,
            registry: None,
            check: false,
            from: None,
            accept: Vec::new(),
        }
    }
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
    /// For scripts: whoever is named by --by has read this very tree. The review is then recorded without asking.
    #[arg(long, value_name = "DIGEST", requires_all = ["criteria", "by"])]
    pub shown: Option<String>,
    /// For people: what was looked at
    #[arg(long, value_name = "TEXT")]
    pub notes: Option<String>,
}

/// What is asked of a package before it is installed.
#[derive(Debug, Args)]
pub(crate) struct CandidateArgs {
    /// The integrity that it must have
    ///
    /// As npm writes it, such as sha512-…
    #[arg(long, value_name = "SRI")]
    pub integrity: Option<String>,
    /// Write the verified bytes to DIR
    ///
    /// Only to a new folder, and only when nothing stands against them.
    #[arg(long, value_name = "DIR")]
    pub unpack_to: Option<PathBuf>,
}

/// Arguments of `npm`.
#[derive(Debug, Args)]
pub(crate) struct NpmArgs {
    /// Such as @openclaw/zalo@2026.9.5
    ///
    /// The package and its exact version.
    #[arg(value_name = "NAME@VERSION")]
    pub package: String,
    /// What is asked of the package.
    #[command(flatten)]
    pub candidate: CandidateArgs,
}

/// Arguments of `archive`.
#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    /// The .tgz
    pub file: PathBuf,
    /// Attestations of this version
    ///
    /// What the registry's attestation endpoint answered for it.
    #[arg(long, value_name = "FILE")]
    pub attestations: Option<PathBuf>,
    /// What is asked of the package.
    #[command(flatten)]
    pub candidate: CandidateArgs,
}

/// Arguments of `skill`.
#[derive(Debug, Args)]
pub(crate) struct SkillArgs {
    /// The skill's folder, a zip or a .tgz
    pub path: PathBuf,
    /// The id that it will have
    ///
    /// Such as clawhub:acme/weather. The default is the locked skill of its name, else skill:workspace/NAME.
    #[arg(long = "as", value_name = "ID")]
    pub id: Option<String>,
    /// The integrity that the archive must have
    ///
    /// As npm writes it, such as sha512-…
    #[arg(long, value_name = "SRI")]
    pub integrity: Option<String>,
    /// Write the verified bytes to DIR
    ///
    /// Only to a new folder, and only when nothing stands against them.
    #[arg(long, value_name = "DIR")]
    pub unpack_to: Option<PathBuf>,
}

/// Arguments of `attestation`.
#[derive(Debug, Args)]
pub(crate) struct AttestationArgs {
    /// The file or its digest
    ///
    /// A digest is sha256:HEX, sha512:HEX or sha512-BASE64.
    pub artifact: PathBuf,
    /// The Sigstore bundle
    ///
    /// Or several, one a line; with --signers a statement, whose signature lies beside it as FILE.sig.
    #[arg(long, value_name = "FILE")]
    pub bundle: PathBuf,
    /// Who must have signed
    ///
    /// The exact e-mail address or workflow URI of the certificate.
    #[arg(long, value_name = "IDENTITY")]
    pub identity: Option<String>,
    /// The same as a pattern
    ///
    /// With `*` within one part and `**` across parts.
    #[arg(long, value_name = "PATTERN", conflicts_with = "identity")]
    pub identity_pattern: Option<String>,
    /// Who vouches for the identity
    ///
    /// Exactly as the certificate has it.
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// The repository that was built
    ///
    /// Such as github.com/acme/tool.
    #[arg(long, value_name = "REPOSITORY")]
    pub repository: Option<String>,
    /// The workflow that signed
    ///
    /// Such as .github/workflows/release.yml.
    #[arg(long, value_name = "PATH")]
    pub workflow: Option<String>,
    /// The branch or tag that was built
    ///
    /// Such as refs/tags/v*.
    #[arg(long = "ref", value_name = "REF")]
    pub git_ref: Option<String>,
    /// A public key that signed, in PEM
    ///
    /// In place of an identity.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["identity", "identity_pattern", "issuer", "repository", "workflow", "git_ref"])]
    pub public_key: Option<PathBuf>,
    /// public-good or github
    ///
    /// Whose instance of Sigstore signed. GitHub's own is used for private repositories and releases, and has no public log.
    #[arg(
        long,
        value_name = "INSTANCE",
        default_value = "public-good",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub instance: SigstoreInstance,
}

/// Whose instance of Sigstore signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SigstoreInstance {
    /// The public one.
    PublicGood,
    /// GitHub's own.
    Github,
}

/// Arguments of `release`.
#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    /// The clone; not with --object
    ///
    /// Bare or with a work tree.
    #[arg(value_name = "PATH", required_unless_present = "object")]
    pub path: Option<PathBuf>,
    /// The tag; all that have a rule when left out
    #[arg(value_name = "TAG")]
    pub tag: Option<String>,
    /// Such as github.com/acme/notes
    ///
    /// The id of the repository. What the clone says of itself does not count.
    #[arg(long, value_name = "ID")]
    pub repository: Option<String>,
    /// Trust these OpenPGP certificates
    ///
    /// In place of the policy's rules (repeatable).
    #[arg(long, value_name = "FILE")]
    pub openpgp: Vec<PathBuf>,
    /// Trust gitsign by this identity
    ///
    /// In place of the policy's rules.
    #[arg(long, value_name = "X", requires = "issuer")]
    pub identity: Option<String>,
    /// The issuer of that identity
    #[arg(long, value_name = "Y", requires = "identity")]
    pub issuer: Option<String>,
    /// Trust GitHub's attestation
    ///
    /// Of this release, as `gh attestation download` gives it, in place of the policy's rules.
    #[arg(long, value_name = "FILE", requires = "repository", conflicts_with_all = ["openpgp", "identity"])]
    pub attestation: Option<PathBuf>,
    /// A raw tag object, or -
    ///
    /// In place of a clone; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub object: Option<PathBuf>,
    /// Add what is verified to the lock
    #[arg(long)]
    pub pin: bool,
    /// Let this pin change (repeatable)
    ///
    /// Or go back. It is named as REPOSITORY@TAG.
    #[arg(long, value_name = "ID", requires = "pin")]
    pub accept: Vec<String>,
}

/// Arguments of `sbom`.
#[cfg(feature = "sbom")]
#[derive(Debug, Args)]
pub(crate) struct SbomArgs {
    /// Write to a file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// CycloneDX 1.5, 1.6 or 1.7
    ///
    /// The default is 1.6.
    #[arg(
        long,
        value_name = "VERSION",
        default_value = "1.6",
        hide_default_value = true
    )]
    pub spec_version: openclaw_verify_core::sbom::SpecVersion,
    /// Equal bytes for equal installations
    ///
    /// No time is written.
    #[arg(long)]
    pub reproducible: bool,
    /// One line instead of indented text
    #[arg(long)]
    pub compact: bool,
    /// Only this subject (repeatable)
    ///
    /// And its packages.
    #[arg(long, value_name = "ID")]
    pub subject: Vec<String>,
    /// Describe what is locked
    #[arg(long)]
    pub from_lock: bool,
    /// Do not hash and judge
    ///
    /// Only describe what is there.
    #[arg(long)]
    pub no_verify: bool,
    /// Also compare bundled packages
    ///
    /// With --online: those inside other archives, each with its own archive.
    #[arg(long, conflicts_with_all = ["no_verify", "from_lock"])]
    pub verify_bundled: bool,
    /// Who makes this SBOM (repeatable)
    ///
    /// As `NAME <E-MAIL>`.
    #[arg(long, value_name = "PARTY")]
    pub author: Vec<openclaw_verify_core::sbom::Party>,
    /// Which organisation makes this SBOM
    ///
    /// As `NAME <E-MAIL> (ADDRESS)`.
    #[arg(long, value_name = "PARTY")]
    pub manufacturer: Option<openclaw_verify_core::sbom::Party>,
    /// Which supplies the installation
    ///
    /// As `NAME <E-MAIL> (ADDRESS)`.
    #[arg(long, value_name = "PARTY")]
    pub supplier: Option<openclaw_verify_core::sbom::Party>,
    /// What changed since this SBOM
    ///
    /// Nothing is written; exit code 1 when something changed.
    #[arg(long, value_name = "OLD", conflicts_with = "output")]
    pub diff: Option<PathBuf>,
}

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
    #[arg(long, hide_short_help = true, value_name = "DAY")]
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
    /// Put up with a finding until a day
    #[command(
        override_usage = "openclaw-verify policy except ID FINDING --until DAY --reason TEXT"
    )]
    Except(ExceptArgs),
    /// Take out exceptions that are expired or cover nothing
    Prune(PruneArgs),
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
    /// The finding's id
    #[arg(value_name = "FINDING")]
    pub finding: String,
    /// The last day on which it counts
    ///
    /// At most 180 days ahead.
    #[arg(long, value_name = "DAY")]
    pub until: jiff::civil::Date,
    /// Why it is put up with
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

fn criteria(text: &str) -> Result<Criteria, String> {
    let all = [Criteria::SafeToLoad, Criteria::SafeToRun];
    all.into_iter()
        .find(|known| known.as_str() == text)
        .ok_or_else(|| "expected safe-to-load or safe-to-run".to_owned())
}
