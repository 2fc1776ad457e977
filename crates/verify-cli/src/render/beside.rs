//! What else is known of a subject and decides nothing by itself: records of other tools, the paths of a Nix store, and the signed release
//! of the core.

use openclaw_verify_core::inventory::Agreement;
use openclaw_verify_core::report::SubjectReport;

/// One line each.
pub(super) fn lines(subject: &SubjectReport) -> Vec<String> {
    let records = subject.tool_records.iter().map(|record| {
        let agreement = match &record.agreement {
            Agreement::Agrees => "agrees".to_owned(),
            Agreement::Differs { what, .. } => format!("differs about the {what}"),
            Agreement::NotCompared { why } => format!("not compared: {why}"),
            _ => "unknown".to_owned(),
        };
        let (tool, place, says) = (record.tool, &record.place, &record.says);
        format!("record of {tool} in {place}: {says}; {agreement}")
    });
    let store = subject.nix_store.iter().flat_map(|store| &store.paths);
    let paths = store.map(|path| {
        let name = match (&path.signer, path.content_addressed) {
            (Some(key), _) => format!(", signed by {key}"),
            (None, true) => ", named by its content".to_owned(),
            (None, false) => String::new(),
        };
        let outcome = path.outcome.as_str();
        format!("Nix store path {}: {outcome}{name}", path.path)
    });
    records.chain(paths).chain(release(subject)).collect()
}

/// Which signed tag of its makers the core was built from.
fn release(subject: &SubjectReport) -> Option<String> {
    let release = subject.release.as_ref()?;
    let outcome = release.outcome.as_str();
    let of = match (&release.tag, &release.signer) {
        (Some(tag), Some(signer)) => format!(" {tag}, signed by {}", signer.principal),
        (Some(tag), None) => format!(" {tag}"),
        (None, _) => String::new(),
    };
    let why = release.why.iter().map(|why| format!("; {why}"));
    let why: String = why.collect();
    Some(format!("built from a signed release{of}: {outcome}{why}"))
}
