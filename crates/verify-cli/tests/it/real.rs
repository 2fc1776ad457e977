//! A real OpenClaw with real plugins, where CI has installed one: `OPENCLAW_VERIFY_REAL` names the folder.

use std::path::PathBuf;

use crate::support::Installation;

/// The folder of the real installation, or a printed line that says what was skipped.
pub fn real(what: &str) -> Option<PathBuf> {
    let root = std::env::var_os("OPENCLAW_VERIFY_REAL").map(PathBuf::from);
    if root.is_none() {
        println!("skipped: {what}, OPENCLAW_VERIFY_REAL names no real OpenClaw");
    }
    root
}

#[test]
fn a_real_installation_is_clean_after_the_first_run() {
    let Some(root) = real("the first run on a real OpenClaw") else { return };
    let installation = Installation::real(&root);
    installation.init(0);
    let (code, report) = installation.check();
    assert_eq!(code, 0, "{:#?}", crate::support::findings(&report));
}
