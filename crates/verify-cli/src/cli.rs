//! The command line: every verb and flag, defined once. Names and exit codes are a contract, see docs/cli.md.

mod args;
mod given;
mod help;

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use openclaw_verify_core::finding::Level;

use crate::names;
use crate::render::event;

pub(crate) use self::args::*;
pub(crate) use self::help::{completed, page, parse};

/// Headings of the help.
const INSTALLATION: &str = "Installation";
const FILES: &str = "Operator's files";
const TRUST: &str = "Network and trust";
const REPORT: &str = "Report";

/// Verify that what this OpenClaw would run is what was locked, reviewed and signed
#[derive(Debug, Parser)]
#[command(name = "openclaw-verify", version, disable_help_subcommand = true, help_template = help::TEMPLATE)]
pub(crate) struct Cli {
    /// What to do; `check` when left out.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Flags for all verbs.
    #[command(flatten)]
    pub common: Common,
}

/// Flags for all verbs. Each is accepted by every verb, and shown in the help of those on which it acts; see [`help`].
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// OpenClaw's state directory
    ///
    /// The default is $OPENCLAW_STATE_DIR, then ~/.openclaw.
    #[arg(long, global = true, value_name = "DIR", help_heading = INSTALLATION, env = "OPENCLAW_STATE_DIR", hide_env = true)]
    pub state_dir: Option<PathBuf>,
    /// The host package
    ///
    /// The default is $OPENCLAW_VERIFY_OPENCLAW, then the real path of `openclaw` on PATH.
    #[arg(long, global = true, value_name = "DIR", help_heading = INSTALLATION, env = "OPENCLAW_VERIFY_OPENCLAW", hide_env = true)]
    pub openclaw: Option<PathBuf>,
    /// Where a copied state was before
    ///
    /// The state directory is a copy, and its records name paths below OLD.
    #[arg(long, global = true, value_name = "OLD", help_heading = INSTALLATION, hide_short_help = true)]
    pub relocated_from: Option<PathBuf>,
    /// The home folder of OpenClaw's user
    ///
    /// The default is the one in which the state directory lies.
    #[arg(long, global = true, value_name = "DIR", help_heading = INSTALLATION, hide_short_help = true)]
    pub home: Option<PathBuf>,
    /// OpenClaw's profile
    ///
    /// The default is $OPENCLAW_PROFILE.
    #[arg(long, global = true, value_name = "NAME", help_heading = INSTALLATION, hide_short_help = true, conflicts_with = "dev", value_parser = crate::operator::profile_name)]
    pub profile: Option<String>,
    /// OpenClaw's development profile
    #[arg(long, global = true, help_heading = INSTALLATION, hide_short_help = true)]
    pub dev: bool,
    /// The temporary folder of OpenClaw's user
    ///
    /// The default is /tmp.
    #[arg(long, global = true, value_name = "DIR", help_heading = INSTALLATION, hide_short_help = true)]
    pub tmp: Option<PathBuf>,
    /// The database of a Nix store
    ///
    /// The default is /nix/var/nix/db/db.sqlite. Host package and plugins that lie in the store are compared with what it registered; the
    /// store is beside one that lies at var/nix/db/db.sqlite.
    #[arg(long, global = true, value_name = "FILE", help_heading = INSTALLATION, hide_short_help = true)]
    pub nix_db: Option<PathBuf>,
    /// A variable that OpenClaw's config names
    ///
    /// Its value, as OpenClaw sees it (repeatable).
    #[arg(long = "env", global = true, value_name = "NAME=VALUE", help_heading = INSTALLATION, hide_short_help = true)]
    pub variables: Vec<String>,
    /// Judge the files without an installation
    ///
    /// Only lock, policy and reviews are judged.
    #[arg(long, global = true, help_heading = INSTALLATION, hide_short_help = true)]
    pub lock_only: bool,
    /// Threads for hashing
    ///
    /// The default is one a core. Verdicts do not depend on it.
    #[arg(long, global = true, value_name = "N", help_heading = INSTALLATION, hide_short_help = true, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub threads: Option<u16>,
    /// The folder of policy, lock and reviews
    ///
    /// The default is the root of the git repository around the working folder, then openclaw-verify/ in the user's config folder.
    #[arg(long, global = true, value_name = "DIR", help_heading = FILES, conflicts_with_all = ["policy", "lockfile", "reviews"])]
    pub config: Option<PathBuf>,
    /// The policy file
    ///
    /// The default is $OPENCLAW_VERIFY_POLICY, then openclaw-verify.toml in the folder of --config.
    #[arg(long, global = true, value_name = "FILE", help_heading = FILES, hide_short_help = true, env = "OPENCLAW_VERIFY_POLICY", hide_env = true)]
    pub policy: Option<PathBuf>,
    /// The lock file
    ///
    /// The default is $OPENCLAW_VERIFY_LOCKFILE, then openclaw-verify.lock in the folder of --config.
    #[arg(long, global = true, value_name = "FILE", help_heading = FILES, hide_short_help = true, env = "OPENCLAW_VERIFY_LOCKFILE", hide_env = true)]
    pub lockfile: Option<PathBuf>,
    /// The reviews file
    ///
    /// The default is $OPENCLAW_VERIFY_REVIEWS, then openclaw-reviews.toml in the folder of --config.
    #[arg(long, global = true, value_name = "FILE", help_heading = FILES, hide_short_help = true, env = "OPENCLAW_VERIFY_REVIEWS", hide_env = true)]
    pub reviews: Option<PathBuf>,
    /// Trust these OpenSSH signers
    ///
    /// A file of the form allowed_signers. `release` trusts them for tags (in place of the policy's rules), `attestation` for statements;
    /// other verbs demand that policy, lock and reviews are signed by them.
    #[arg(long, global = true, value_name = "FILE", help_heading = TRUST, hide_short_help = true)]
    pub signers: Option<PathBuf>,
    /// Allow sockets
    ///
    /// They are opened where policy requires facts of a registry, and for --tuf.
    #[arg(long, global = true, help_heading = TRUST)]
    pub online: bool,
    /// What signatures are judged by.
    #[command(flatten)]
    pub anchors: AnchorArgs,
    /// Do not report this finding (repeatable)
    #[arg(short = 'A', long = "allow", global = true, value_name = "ID", help_heading = REPORT, hide_short_help = true)]
    pub allow: Vec<String>,
    /// Report it as a warning (repeatable)
    #[arg(short = 'W', long = "warn", global = true, value_name = "ID", help_heading = REPORT, hide_short_help = true)]
    pub warn: Vec<String>,
    /// Report it as denied (repeatable)
    #[arg(short = 'D', long = "deny", global = true, value_name = "ID", help_heading = REPORT, hide_short_help = true)]
    pub deny: Vec<String>,
    /// deny, warn or note make exit code 1
    ///
    /// The minimum level that causes exit code 1.
    #[arg(long, global = true, value_name = "LEVEL", help_heading = REPORT, default_value = "deny", hide_default_value = true, hide_possible_values = true, hide_short_help = true)]
    pub fail_on: Threshold,
    /// human, json, jsonl, sarif, github, junit, html, …
    ///
    /// human, json, jsonl, sarif, github, junit, html, markdown or prometheus. The form of what is printed on standard output, also of an error. A verb that has no such form ends with exit code 2.
    #[arg(long, global = true, value_name = "FORMAT", help_heading = REPORT, default_value = "human", hide_default_value = true, hide_possible_values = true)]
    pub format: Format,
    /// Also write it, as in sarif=FILE
    ///
    /// Also write the report to a file, such as sarif=out.sarif (repeatable).
    #[arg(long, global = true, value_name = "FORMAT=PATH", help_heading = REPORT, hide_short_help = true, value_parser = report_target)]
    pub report: Vec<(Format, PathBuf)>,
    /// What rows and gauges call this machine
    ///
    /// In jsonl and prometheus. It proves nothing: identity comes from what carries them.
    #[arg(long, global = true, value_name = "NAME", help_heading = REPORT, hide_short_help = true, value_parser = event::host_label)]
    pub host_label: Option<String>,
    /// Write a signed statement to FILE
    ///
    /// An in-toto statement that says PASSED or FAILED of what was judged. - is standard output; the report is then written on standard error.
    #[arg(long, global = true, value_name = "FILE", help_heading = REPORT, hide_short_help = true)]
    pub attest: Option<PathBuf>,
    /// Sign it with this key, in PEM
    ///
    /// P-256 or Ed25519. FILE is then a Sigstore bundle.
    #[arg(long, global = true, value_name = "KEY", help_heading = REPORT, hide_short_help = true, requires = "attest", conflicts_with = "sign_ssh")]
    pub sign_key: Option<PathBuf>,
    /// Sign it with this SSH key
    ///
    /// The statement, or the lock, policy or reviews that the verb writes: the signature is FILE.sig, as `ssh-keygen -Y sign` writes it.
    /// With jsonl also the rows: the last one signs them. Ed25519 or P-256, without a passphrase.
    #[arg(long, global = true, value_name = "KEY", help_heading = REPORT, hide_short_help = true)]
    pub sign_ssh: Option<PathBuf>,
    /// Only what counts
    #[arg(short, long, global = true, help_heading = REPORT, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Every finding and subject
    ///
    /// Also those that an exception covers.
    #[arg(short, long, global = true, help_heading = REPORT)]
    pub verbose: bool,
    /// auto, always or never
    ///
    /// NO_COLOR in the environment is respected.
    #[arg(long, global = true, value_name = "WHEN", help_heading = REPORT, default_value = "auto", hide_default_value = true, hide_possible_values = true, hide_short_help = true)]
    pub color: ColorWhen,
    /// No progress bar
    #[arg(long, global = true, help_heading = REPORT, hide_short_help = true)]
    pub no_progress: bool,
    /// Judge as of this time (RFC 3339), for tests
    #[arg(long, global = true, value_name = "TIME", hide = true)]
    pub now: Option<jiff::Timestamp>,
}

/// What attestations, registry signatures and gitsign tags are judged by.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct AnchorArgs {
    /// A Sigstore trust root
    ///
    /// It takes the place of the one that is compiled in.
    #[arg(long, global = true, value_name = "FILE", help_heading = TRUST, hide_short_help = true)]
    pub trusted_root: Option<PathBuf>,
    /// Keys of the npm registry
    ///
    /// They take the place of those that are compiled in.
    #[arg(long, global = true, value_name = "FILE", help_heading = TRUST, hide_short_help = true)]
    pub npm_keys: Option<PathBuf>,
    /// Trust root and npm's keys by TUF
    ///
    /// They are fetched where sockets are allowed, else used as last fetched while that is current.
    #[cfg(feature = "online")]
    #[arg(long, global = true, help_heading = TRUST, hide_short_help = true, conflicts_with = "trusted_root")]
    pub tuf: bool,
    /// Another TUF repository
    ///
    /// It takes the place of the instance's own.
    #[cfg(feature = "online")]
    #[arg(long, global = true, value_name = "URL", help_heading = TRUST, hide_short_help = true, requires_all = ["tuf", "tuf_root"])]
    pub tuf_mirror: Option<String>,
    /// The first root.json of that repository
    ///
    /// It is trusted as it is.
    #[cfg(feature = "online")]
    #[arg(long, global = true, value_name = "FILE", help_heading = TRUST, hide_short_help = true, requires = "tuf_mirror")]
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
    /// Everything that policy requires (also without a verb)
    #[command(
        after_help = "Examples:\n  openclaw-verify check\n  openclaw-verify check --fail-on warn --report sarif=openclaw.sarif"
    )]
    Check(CheckArgs),
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
    /// Check again whenever something changes
    ///
    /// Checks once, then is told by the kernel what changed, and reports each verdict that is another one within a second. Rows of jsonl unless --format says otherwise.
    #[command(
        after_help = "Examples:\n  openclaw-verify watch --host-label gateway-17 >> openclaw.jsonl\n  openclaw-verify watch -q --report prometheus=openclaw.prom \\\n      --on-change /usr/local/bin/page-me"
    )]
    Watch(WatchArgs),
    /// How the machine is set up around OpenClaw
    ///
    /// Judges the effective config: who can reach the gateway, and who may talk to the agent. Needs no lock.
    #[command(
        after_help = "Examples:\n  openclaw-verify host\n  openclaw-verify host --commands > fixes.sh"
    )]
    Host(HostArgs),
    /// The points of OpenClaw's security guide
    ///
    /// One row a point: passed by evidence, open, excepted, or not established. From host, check and advisories; it decides nothing of its own.
    #[command(
        after_help = "Examples:\n  openclaw-verify checklist\n  openclaw-verify checklist --format markdown > checklist.md"
    )]
    Checklist(ChecklistArgs),
    /// Write the lock from what is installed
    #[command(
        after_help = "Examples:\n  openclaw-verify lock --init\n  openclaw-verify lock --accept npm:@openclaw/zalo"
    )]
    Lock(LockArgs),
    /// Take over what OpenClaw updated
    ///
    /// Shows what changed, writes the lock and records the review, each after asking.
    #[command(
        after_help = "Examples:\n  openclaw-verify update zalo\n  openclaw-verify update npm:@openclaw/zalo --yes"
    )]
    Update(UpdateArgs),
    /// Judge a package of an npm registry
    #[command(
        after_help = "Examples:\n  openclaw-verify npm @openclaw/zalo@2026.9.5\n  openclaw-verify npm @acme/notes@1.4.2 --unpack-to notes"
    )]
    Npm(NpmArgs),
    /// Judge a .tgz before it is installed
    #[command(
        after_help = "Examples:\n  openclaw-verify archive notes-1.4.2.tgz --integrity sha512-…\n  openclaw-verify archive notes-1.4.2.tgz --unpack-to notes"
    )]
    Archive(ArchiveArgs),
    /// Judge a skill before it is installed
    #[command(
        after_help = "Examples:\n  openclaw-verify skill ./weather\n  openclaw-verify skill weather-1.2.0.zip --as clawhub:acme/weather"
    )]
    Skill(SkillArgs),
    /// Verify any file against a Sigstore bundle
    #[command(
        after_help = "Examples:\n  openclaw-verify attestation tool.tar.gz --bundle tool.sigstore.json \\\n      --repository github.com/acme/tool\n  openclaw-verify attestation tool.tar.gz --bundle tool.sigstore.json \\\n      --identity ada@example.org --issuer https://accounts.example.org"
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
    /// Change the policy: exceptions, keys, entries
    #[command(
        disable_help_subcommand = true,
        subcommand_help_heading = "Actions",
        after_help = "Examples:\n  openclaw-verify policy except npm:@acme/notes unreviewed \\\n      --until 2027-01-31 --reason OPS-12\n  openclaw-verify policy add rule 'match=skill:**' review=none"
    )]
    Policy(PolicyArgs),
    /// What is known to be bad, offline
    #[command(
        disable_help_subcommand = true,
        subcommand_help_heading = "Actions",
        after_help = "Examples:\n  openclaw-verify advisories import npm.zip\n  openclaw-verify advisories --index /etc/openclaw-verify/advisories.index"
    )]
    Advisories(AdvisoriesArgs),
    /// Answer OpenClaw's install-policy requests
    ///
    /// One request is read from standard input, and one reply is written to standard output.
    #[command(
        after_help = "Examples:\n  openclaw-verify gate --config /home/node/policy --setup\n  openclaw-verify gate --config /home/node/policy --selftest"
    )]
    Gate(GateArgs),
    /// Digest of any folder
    ///
    /// The digest is the one that git gives the folder in a SHA-256 repository.
    #[command(
        after_help = "Examples:\n  openclaw-verify tree ~/.openclaw/extensions/notes\n  openclaw-verify tree . --manifest"
    )]
    Tree(TreeArgs),
    /// What a finding means and what to do about it
    #[command(
        after_help = "Examples:\n  openclaw-verify explain\n  openclaw-verify explain tree-mismatch"
    )]
    Explain {
        /// The finding's id
        ///
        /// With or without `openclaw-verify/`; without an id the list is shown.
        id: Option<String>,
    },
    /// Help of a verb, as VERB --help gives it
    #[command(after_help = "Examples:\n  openclaw-verify help\n  openclaw-verify help lock")]
    Help {
        /// The verb; all of them when left out
        verb: Option<String>,
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

impl Verb {
    /// The formats in which the verb has something to say.
    pub(crate) fn formats(&self) -> &'static [Format] {
        const EVERY: &[Format] = &[
            Format::Human,
            Format::Json,
            Format::Jsonl,
            Format::Sarif,
            Format::Github,
            Format::Junit,
            Format::Html,
            Format::Markdown,
            Format::Prometheus,
        ];
        const BOTH: &[Format] = &[Format::Human, Format::Json];
        match self {
            Self::Check(_)
            | Self::Plugins(_)
            | Self::Skills(_)
            | Self::Core
            | Self::Watch(_)
            | Self::Npm(_)
            | Self::Archive(_)
            | Self::Skill(_)
            | Self::Release(_) => EVERY,
            Self::Lock(args) if args.init => EVERY,
            Self::Host(args) if args.commands || args.print.is_some() => &[Format::Human],
            Self::Host(_) => EVERY,
            Self::Checklist(_) => &[Format::Human, Format::Json, Format::Markdown, Format::Html],
            // A request is always answered in OpenClaw's own protocol.
            Self::Gate(args) if !args.setup && !args.remove && !args.selftest => EVERY,
            #[cfg(feature = "sbom")]
            Self::Sbom(args) if args.diff.is_some() => &[Format::Human, Format::Json, Format::Html],
            #[cfg(feature = "sbom")]
            Self::Sbom(_) => BOTH,
            Self::Lock(_)
            | Self::Gate(_)
            | Self::Review(_)
            | Self::Policy(_)
            | Self::Advisories(_)
            | Self::Attestation(_)
            | Self::Tree(_)
            | Self::Explain { .. } => BOTH,
            // It asks, so it is for people.
            Self::Update(_) | Self::Help { .. } | Self::Completions { .. } => &[Format::Human],
        }
    }
}

/// The minimum level that causes exit code 1.
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
    /// Rows `openclaw-verify.event/1`, one a line.
    Jsonl,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
    /// JUnit XML, for test reports.
    Junit,
    /// One page for a browser.
    Html,
    /// For a pull request.
    Markdown,
    /// Gauges for the textfile collector.
    Prometheus,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Sarif => "sarif",
            Self::Github => "github",
            Self::Junit => "junit",
            Self::Html => "html",
            Self::Markdown => "markdown",
            Self::Prometheus => "prometheus",
        })
    }
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
    let (format, path) = text
        .split_once('=')
        .ok_or("expected FORMAT=PATH, such as sarif=out.sarif")?;
    let format = Format::from_str(format, false).map_err(|_| {
        let known: Vec<String> = Format::value_variants()
            .iter()
            .map(Format::to_string)
            .collect();
        let meant = names::did_you_mean(format, known.iter().map(String::as_str));
        meant.unwrap_or_else(|| format!("the formats are {}", known.join(", ")))
    })?;
    if path.is_empty() {
        return Err("the path is empty".to_owned());
    }
    Ok((format, PathBuf::from(path)))
}
