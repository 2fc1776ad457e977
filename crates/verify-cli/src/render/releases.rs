//! Release tags for people: one in full, several as a table.

use std::fmt::Write as _;

use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::release::CheckState;
use openclaw_verify_core::report::ReleaseReport;

use super::Detail;
use crate::wrap::HANG;

/// The widest name of a tag that a column is made for.
const WIDTH: usize = 40;

pub(super) fn render(out: &mut String, releases: &[ReleaseReport], detail: Detail) {
    match releases {
        [] => return,
        [one] => full(out, one),
        several if detail == Detail::Verbose => {
            several.iter().for_each(|release| full(out, release))
        }
        several => table(out, several),
    }
    out.push('\n');
}

/// Who signed, what it is, and what was and was not looked at.
fn full(out: &mut String, release: &ReleaseReport) {
    // Writing to a String cannot fail.
    let what = if release.tag.is_empty() {
        "all tags".to_owned()
    } else {
        format!("tag {}", release.tag)
    };
    let _ = writeln!(out, "{what}: {}", verdict(release));
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name:12}{HANG}{value}");
    };
    if let Some(repository) = &release.repository {
        field(
            "repository",
            &openclaw_verify_core::text::visible(repository),
        );
    }
    match &release.signer {
        Some(signer) => field(
            "signer",
            &format!(
                "{}, {} {}",
                signer.principal, signer.key_type, signer.fingerprint
            ),
        ),
        None => field("signer", "not established"),
    }
    field(
        "tag object",
        release.tag_object.as_deref().unwrap_or("none"),
    );
    field(
        "commit",
        release.commit.as_deref().unwrap_or("not established"),
    );
    for check in &release.checks {
        let state = match check.state {
            CheckState::Passed => "passed",
            CheckState::Failed => "failed",
            CheckState::NotChecked => "not checked",
        };
        field(state, &format!("{}: {}", check.name, check.detail));
    }
    for note in &release.notes {
        field("note", note);
    }
}

fn table(out: &mut String, releases: &[ReleaseReport]) {
    let width = releases
        .iter()
        .map(|release| release.tag.chars().count())
        .max()
        .unwrap_or(0)
        .min(WIDTH);
    let verdicts: Vec<String> = releases.iter().map(verdict).collect();
    let middle = verdicts
        .iter()
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0);
    for (release, verdict) in releases.iter().zip(&verdicts) {
        let pin = release.pin.map_or("not pinned", |pin| pin.as_str());
        let signer = release.signer.as_ref();
        let signer = signer.map_or("-".to_owned(), |signer| {
            format!("{} {}", signer.principal, signer.fingerprint)
        });
        let _ = writeln!(
            out,
            "{:width$}  {verdict:middle$}  {pin:10}  {signer}",
            release.tag
        );
    }
}

fn verdict(release: &ReleaseReport) -> String {
    match (release.outcome, release.failures.first()) {
        (Outcome::Verified, _) => "verified".to_owned(),
        (_, Some(failure)) => failure.clone(),
        (outcome, None) => outcome.as_str().to_owned(),
    }
}
