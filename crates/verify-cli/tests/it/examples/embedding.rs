use openclaw_verify_core::finding::Level;
use openclaw_verify_core::{Result, Scope, Verifier, jiff};

fn is_fine(now: jiff::Timestamp) -> Result<bool> {
    let verifier = Verifier::builder(now)
        .state_dir("/home/node/.openclaw")
        .host("/app/node_modules/openclaw")
        .folder("policy")
        .build()?;
    let report = verifier.check(&Scope::Everything)?;
    Ok(!report.fails(Level::Deny))
}
