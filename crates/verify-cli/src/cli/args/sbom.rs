//! The arguments of `sbom`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `sbom`.
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
