//! The command line: every verb and flag, defined once. Names and exit codes are a contract, see docs/cli.md.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use openclaw_verify_core::finding::Level;
use openclaw_verify_core::review::Criteria;
use openclaw_verify_core::text;

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
#[command(name = "openclaw-verify", version, about, help_template = HELP, disable_help_subcommand = true, disable_help_flag = true, max_term_width = 100)]
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
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "OPENCLAW_STATE_DIR",
        hide_env_values = true
    )]
    pub state_dir: Option<PathBuf>,
    /// The host package [default: the real path of `openclaw` on PATH]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "OPENCLAW_VERIFY_OPENCLAW",
        hide_env_values = true
    )]
    pub openclaw: Option<PathBuf>,
    /// The state dir is a copy whose records say OLD
    #[arg(long, global = true, value_name = "OLD")]
    pub relocated_from: Option<PathBuf>,
    /// The home folder of the user who runs OpenClaw [default: where the state directory lies]
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// OpenClaw's profile [default: OPENCLAW_PROFILE]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "dev")]
    pub profile: Option<String>,
    /// OpenClaw's development profile
    #[arg(long, global = true)]
    pub dev: bool,
    /// The temporary folder of the user who runs OpenClaw [default: /tmp]
    #[arg(long, global = true, value_name = "DIR")]
    pub tmp: Option<PathBuf>,
    /// The value of a variable that OpenClaw's config names
    #[arg(long = "env", global = true, value_name = "NAME=VALUE")]
    pub variables: Vec<String>,
    /// The folder that holds policy, lock and reviews
    #[arg(long, global = true, value_name = "DIR", conflicts_with_all = ["policy", "lockfile", "reviews"])]
    pub config: Option<PathBuf>,
    /// The policy file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "OPENCLAW_VERIFY_POLICY",
        hide_env_values = true
    )]
    pub policy: Option<PathBuf>,
    /// The lock file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "OPENCLAW_VERIFY_LOCKFILE",
        hide_env_values = true
    )]
    pub lockfile: Option<PathBuf>,
    /// The reviews file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "OPENCLAW_VERIFY_REVIEWS",
        hide_env_values = true
    )]
    pub reviews: Option<PathBuf>,
    /// Open sockets where policy asks for facts of a registry, and for --tuf
    #[arg(long, global = true)]
    pub online: bool,
    /// What signatures are judged by.
    #[command(flatten)]
    pub anchors: AnchorArgs,
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
    /// Print help
    #[arg(short, long, global = true, action = clap::ArgAction::HelpShort)]
    pub help: Option<bool>,
    /// Judge as of this time (RFC 3339), for tests
    #[arg(long, global = true, value_name = "TIME", hide = true)]
    pub now: Option<jiff::Timestamp>,
}

impl Common {
    /// The flags that lead another call to the same places, to print behind a command. `from` is what `--from` named.
    pub(crate) fn again(&self, from: Option<&Path>) -> String {
        let places = [
            ("--from", from),
            ("--state-dir", self.state_dir.as_deref()),
            ("--openclaw", self.openclaw.as_deref()),
            ("--relocated-from", self.relocated_from.as_deref()),
            ("--config", self.config.as_deref()),
            ("--policy", self.policy.as_deref()),
            ("--lockfile", self.lockfile.as_deref()),
            ("--reviews", self.reviews.as_deref()),
        ];
        let flag = |(flag, place): (&str, Option<&Path>)| {
            Some(format!(
                " {flag} {}",
                text::shell_word(&text::visible(&place?.to_string_lossy()))
            ))
        };
        places.into_iter().filter_map(flag).collect()
    }
}

/// What attestations, registry signatures and gitsign tags are judged by.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct AnchorArgs {
    /// The trust root of Sigstore certificates [default: the one compiled in]
    #[arg(long, global = true, value_name = "FILE")]
    pub trusted_root: Option<PathBuf>,
    /// npm's keys [default: those compiled in]
    #[arg(long, global = true, value_name = "FILE")]
    pub npm_keys: Option<PathBuf>,
    /// Trust root and npm's keys by TUF: fetched where sockets are allowed, else as last fetched while that is current
    #[cfg(feature = "online")]
    #[arg(long, global = true, conflicts_with = "trusted_root")]
    pub tuf: bool,
    /// Another TUF repository than the instance's own
    #[cfg(feature = "online")]
    #[arg(long, global = true, value_name = "URL", requires_all = ["tuf", "tuf_root"])]
    pub tuf_mirror: Option<String>,
    /// The first root.json of that repository, trusted as it is
    #[cfg(feature = "online")]
    #[arg(long, global = true, value_name = "FILE", requires = "tuf_mirror")]
    pub tuf_root: Option<PathBuf>,
}

impl AnchorArgs {
    /// The files that are trusted as they are.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        #[cfg(feature = "online")]
        let tuf = self.tuf_root.iter();
        #[cfg(not(feature = "online"))]
        let tuf = std::iter::empty();
        self.trusted_root.iter().chain(&self.npm_keys).chain(tuf)
    }
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
    #[command(
        after_help = "Examples:\n  openclaw-verify plugins\n  openclaw-verify plugins npm:@openclaw/zalo"
    )]
    Plugins(Ids),
    /// Only skills
    #[command(
        after_help = "Examples:\n  openclaw-verify skills\n  openclaw-verify skills skill:workspace/weather -v"
    )]
    Skills(Ids),
    /// Only the OpenClaw host package
    #[command(
        after_help = "Examples:\n  openclaw-verify core\n  openclaw-verify core --openclaw /usr/lib/node_modules/openclaw"
    )]
    Core,
    /// Write the lock from what is installed
    #[command(
        after_help = "Examples:\n  openclaw-verify lock --init\n  openclaw-verify lock --accept npm:@openclaw/zalo"
    )]
    Lock(LockArgs),
    /// Judge a package of an npm registry
    #[command(
        after_help = "Examples:\n  openclaw-verify npm @openclaw/zalo@2026.9.5\n  openclaw-verify npm @acme/notes@1.4.2 --unpack-to notes"
    )]
    Npm(NpmArgs),
    /// Judge a .tgz before it is installed
    #[command(
        after_help = "Examples:\n  openclaw-verify archive notes-1.4.2.tgz --integrity sha512-…\n  openclaw-verify archive notes-1.4.2.tgz --attestations notes-1.4.2.json --unpack-to notes"
    )]
    Archive(ArchiveArgs),
    /// Verify any file against a Sigstore bundle
    #[command(
        after_help = "Examples:\n  openclaw-verify attestation tool.tar.gz --bundle tool.sigstore.json --repository github.com/acme/tool\n  openclaw-verify attestation tool.tar.gz --bundle tool.sigstore.json --identity ada@example.org --issuer https://accounts.example.org"
    )]
    Attestation(AttestationArgs),
    /// Verify signed release tags of a local clone
    #[command(
        after_help = "Examples:\n  openclaw-verify release ./notes v1.3.0 --repository github.com/acme/notes\n  openclaw-verify release ./notes v1.3.0 --signers keys/acme.allowed_signers"
    )]
    Release(ReleaseArgs),
    /// Describe the installation in CycloneDX
    #[cfg(feature = "sbom")]
    #[command(
        after_help = "Examples:\n  openclaw-verify sbom -o openclaw.cdx.json\n  openclaw-verify sbom --diff before-update.cdx.json"
    )]
    Sbom(SbomArgs),
    /// Who has read this code, and what to read next
    #[command(
        after_help = "Examples:\n  openclaw-verify review npm:@openclaw/zalo --diff\n  openclaw-verify review npm:@openclaw/zalo --record --criteria safe-to-run"
    )]
    Review(ReviewArgs),
    /// Answer one install-policy request of OpenClaw, from standard input to standard output
    #[command(
        after_help = "Examples:\n  openclaw-verify gate --config /home/node/policy --setup\n  openclaw-verify gate --config /home/node/policy --selftest"
    )]
    Gate(GateArgs),
    /// Digest of any folder, as git gives it in a SHA-256 repository
    #[command(
        after_help = "Examples:\n  openclaw-verify tree ~/.openclaw/extensions/notes\n  openclaw-verify tree . --manifest"
    )]
    Tree(TreeArgs),
    /// What a finding means and what to do about it
    #[command(
        after_help = "Examples:\n  openclaw-verify explain\n  openclaw-verify explain tree-mismatch"
    )]
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
    /// Lock the one ID before it is installed: from the copy that the gate kept, or from an archive without dependencies
    #[arg(long, value_name = "PATH", requires = "ids", conflicts_with = "init")]
    pub from: Option<PathBuf>,
    /// Take over a change of an unchanged version of this subject (repeatable)
    #[arg(long, value_name = "ID")]
    pub accept: Vec<String>,
}

/// Arguments of `npm`.
#[derive(Debug, Args)]
pub(crate) struct NpmArgs {
    /// The package and its exact version, such as @openclaw/zalo@2026.9.5
    #[arg(value_name = "NAME@VERSION")]
    pub package: String,
    /// The integrity that the archive must have, such as sha512-…
    #[arg(long, value_name = "SRI")]
    pub integrity: Option<String>,
    /// Write the verified bytes to a new folder, when nothing stands against them
    #[arg(long, value_name = "DIR")]
    pub unpack_to: Option<PathBuf>,
}

/// Arguments of `archive`.
#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    /// The .tgz
    pub file: PathBuf,
    /// What the registry's attestation endpoint answered for this package version
    #[arg(long, value_name = "FILE")]
    pub attestations: Option<PathBuf>,
    /// The integrity that the archive must have, such as sha512-…
    #[arg(long, value_name = "SRI")]
    pub integrity: Option<String>,
    /// Write the verified bytes to a new folder, when nothing stands against them
    #[arg(long, value_name = "DIR")]
    pub unpack_to: Option<PathBuf>,
}

/// Arguments of `attestation`.
#[derive(Debug, Args)]
pub(crate) struct AttestationArgs {
    /// The file, or its digest as sha256:HEX, sha512:HEX or sha512-BASE64
    pub artifact: PathBuf,
    /// The Sigstore bundle, or several, one a line
    #[arg(long, value_name = "FILE")]
    pub bundle: PathBuf,
    /// Who must have signed: the exact e-mail address or workflow URI of the certificate
    #[arg(long, value_name = "IDENTITY")]
    pub identity: Option<String>,
    /// The same with `*` within one part and `**` across parts
    #[arg(long, value_name = "PATTERN", conflicts_with = "identity")]
    pub identity_pattern: Option<String>,
    /// Who must have vouched for the identity, exactly
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// The repository that must have been built, such as github.com/acme/tool
    #[arg(long, value_name = "REPOSITORY")]
    pub repository: Option<String>,
    /// The workflow that must have signed, such as .github/workflows/release.yml
    #[arg(long, value_name = "PATH")]
    pub workflow: Option<String>,
    /// The branch or tag that must have been built, such as refs/tags/v*
    #[arg(long = "ref", value_name = "REF")]
    pub git_ref: Option<String>,
    /// A public key (PEM) that must have signed, in place of an identity
    #[arg(long, value_name = "FILE", conflicts_with_all = ["identity", "identity_pattern", "issuer", "repository", "workflow", "git_ref"])]
    pub public_key: Option<PathBuf>,
    /// Whose instance of Sigstore: `github` is used for private repositories, and has no public log
    #[arg(long, value_name = "INSTANCE", default_value = "public-good")]
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
    /// The clone, bare or with a work tree; left out with --object
    #[arg(value_name = "PATH", required_unless_present = "object")]
    pub path: Option<PathBuf>,
    /// The tag; all that a rule is for when left out
    #[arg(value_name = "TAG")]
    pub tag: Option<String>,
    /// The repository's id, such as github.com/acme/notes; what the clone says of itself does not count
    #[arg(long, value_name = "ID")]
    pub repository: Option<String>,
    /// Trust this OpenSSH allowed_signers file instead of the policy's rules
    #[arg(long, value_name = "FILE")]
    pub signers: Option<PathBuf>,
    /// Trust these OpenPGP certificates instead of the policy's rules (repeatable)
    #[arg(long, value_name = "FILE")]
    pub openpgp: Vec<PathBuf>,
    /// Trust gitsign certificates of this identity instead of the policy's rules
    #[arg(long, value_name = "X", requires = "issuer")]
    pub identity: Option<String>,
    /// The issuer of that identity
    #[arg(long, value_name = "Y", requires = "identity")]
    pub issuer: Option<String>,
    /// Trust GitHub's attestation of this release, as `gh attestation download` gives it, instead of the policy's rules
    #[arg(long, value_name = "FILE", requires = "repository", conflicts_with_all = ["signers", "openpgp", "identity"])]
    pub attestation: Option<PathBuf>,
    /// A raw tag object, or - for standard input, instead of a clone
    #[arg(long, value_name = "FILE")]
    pub object: Option<PathBuf>,
    /// Add what is verified to the lock
    #[arg(long)]
    pub pin: bool,
    /// Let a pin, named as REPOSITORY@TAG, change or go back (repeatable)
    #[arg(long, value_name = "ID", requires = "pin")]
    pub accept: Vec<String>,
}

/// Arguments of `sbom`.
#[cfg(feature = "sbom")]
#[derive(Debug, Args)]
pub(crate) struct SbomArgs {
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Version of CycloneDX: 1.5, 1.6 or 1.7
    #[arg(long, value_name = "VERSION", default_value = "1.6")]
    pub spec_version: openclaw_verify_core::sbom::SpecVersion,
    /// No time, so that equal installations give equal bytes
    #[arg(long)]
    pub reproducible: bool,
    /// One line instead of indented text
    #[arg(long)]
    pub compact: bool,
    /// Only this subject and its packages (repeatable)
    #[arg(long, value_name = "ID")]
    pub subject: Vec<String>,
    /// Describe what is locked instead of what is installed
    #[arg(long)]
    pub from_lock: bool,
    /// Do not hash and judge: only describe what is there
    #[arg(long)]
    pub no_verify: bool,
    /// With --online: also compare packages inside other archives with their own
    #[arg(long, conflicts_with_all = ["no_verify", "from_lock"])]
    pub verify_bundled: bool,
    /// Somebody who makes this SBOM (repeatable)
    #[arg(long, value_name = "NAME <E-MAIL>")]
    pub author: Vec<openclaw_verify_core::sbom::Party>,
    /// The organisation that makes this SBOM
    #[arg(long, value_name = "NAME <E-MAIL> (ADDRESS)")]
    pub manufacturer: Option<openclaw_verify_core::sbom::Party>,
    /// The organisation that supplies this installation
    #[arg(long, value_name = "NAME <E-MAIL> (ADDRESS)")]
    pub supplier: Option<openclaw_verify_core::sbom::Party>,
    /// Tell what changed since this SBOM instead of writing one
    #[arg(long, value_name = "OLD", conflicts_with = "output")]
    pub diff: Option<PathBuf>,
}

/// Arguments of `review`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("action").args(["diff", "record", "trust", "violation"]).requires("id"))]
pub(crate) struct ReviewArgs {
    /// The subject; without one, everything that is left to read
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// Show what to read: since VERSION (or a digest), or all with `none` [default: what leaves least to read]
    #[arg(long, value_name = "VERSION", num_args = 0..=1, default_missing_value = "")]
    pub diff: Option<String>,
    /// Append a review of what was shown
    #[arg(long, requires = "criteria")]
    pub record: bool,
    /// Append trust in a publisher, such as github:openclaw/openclaw
    #[arg(long, value_name = "PUBLISHER")]
    pub trust: Option<String>,
    /// Append that this must not run
    #[arg(long, requires = "reason")]
    pub violation: bool,
    /// What the review says: safe-to-load or safe-to-run
    #[arg(long, value_name = "CRITERIA", value_parser = criteria)]
    pub criteria: Option<Criteria>,
    /// Also show, or record, all its dependencies
    #[arg(long)]
    pub dependencies: bool,
    /// What is not installed yet: the copy that the gate kept, or an archive without dependencies
    #[arg(long, value_name = "PATH", requires = "id")]
    pub from: Option<PathBuf>,
    /// For people: what was looked at
    #[arg(long, value_name = "TEXT")]
    pub notes: Option<String>,
    /// The last day on which it counts [default: for ever; for trust one year]
    #[arg(long, value_name = "DAY")]
    pub until: Option<jiff::civil::Date>,
    /// The machine that read it; it does not count as a person's review
    #[arg(long, value_name = "MODEL", requires = "record")]
    pub agent: Option<String>,
    /// A person led the machine
    #[arg(long, requires = "agent")]
    pub guided: bool,
    /// The workflow that has to have built what is trusted
    #[arg(long, value_name = "FILE", requires = "trust")]
    pub workflow: Option<String>,
    /// Why it must not run
    #[arg(long, value_name = "TEXT", requires = "violation")]
    pub reason: Option<String>,
    /// Versions that must not run: `*`, a range, or one version [default: exactly what is installed]
    #[arg(long, value_name = "RANGE", requires = "violation")]
    pub versions: Option<String>,
    /// Who says so [default: user.name and user.email of git]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
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

fn criteria(text: &str) -> Result<Criteria, String> {
    let all = [Criteria::SafeToLoad, Criteria::SafeToRun];
    all.into_iter()
        .find(|known| known.as_str() == text)
        .ok_or_else(|| "expected safe-to-load or safe-to-run".to_owned())
}

fn report_target(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, path) = text
        .split_once('=')
        .ok_or("expected FORMAT=PATH, such as sarif=out.sarif")?;
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
            assert!(
                HELP.contains(&format!("\n  {name} ")),
                "{name} is not in the grouped help"
            );
            let help = verb
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert_eq!(
                help.matches("\n  openclaw-verify ").count(),
                2,
                "{name} needs two examples"
            );
        }
    }
}
