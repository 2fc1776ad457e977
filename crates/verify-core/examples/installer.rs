//! An installer that publishes only verified bytes: `cargo run --example installer -- POLICY-FOLDER STAGED-FOLDER TARGET-FOLDER`.
//!
//! It asks for a decision in the words of OpenClaw's install policy, copies what was decided about, and takes the digest of the copy:
//! what was checked and what is published are the same bytes, even when another user can write to the staging folder.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use openclaw_verify_core::gate::{Request, Verdict};
use openclaw_verify_core::{Verifier, jiff, tree_digest};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let mut next = || {
        arguments
            .next()
            .ok_or("three folders are needed: policy, staged, target")
    };
    let (policy, staged, target) = (next()?, next()?.canonicalize()?, next()?);
    install(&policy, &staged, &target)?;
    println!("published {}", target.display());
    Ok(())
}

fn install(policy: &Path, staged: &Path, target: &Path) -> Result<(), Box<dyn Error>> {
    let verifier = Verifier::builder(jiff::Timestamp::now())
        .folder(policy)
        .build()?;

    // First a copy that no other user can write to, beside the target so that publishing it is one rename.
    let parent = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let private = tempfile::tempdir_in(parent)?;
    let copy = private.path().join("plugin");
    copy_folder(staged, &copy)?;
    let copy = copy.canonicalize()?;

    let id = target
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or("the target folder has no name")?;
    let decision = verifier.decide(&Request::plugin_folder(id, &copy)?)?;
    for finding in &decision.findings {
        println!(
            "{} {}: {}",
            finding.level.as_str(),
            finding.id,
            finding.message
        );
    }
    if decision.verdict != Verdict::Allow {
        return Err(decision.reason.into());
    }
    println!("publishing {}", tree_digest(&copy)?);
    fs::rename(&copy, target)?;
    Ok(())
}

/// Regular files and folders; whatever else there is, the digest of the copy would not be the locked one.
fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
