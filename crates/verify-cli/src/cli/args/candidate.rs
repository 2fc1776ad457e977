//! The arguments of the verbs about what is not installed yet: a package, an archive, a skill, a signed file, a release.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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
