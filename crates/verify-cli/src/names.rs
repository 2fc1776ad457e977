//! Names as people type them: short ids of subjects where only one fits, and what was probably meant.
//!
//! Only verbs that read take a short id. What writes names its subject in full, so that a new package of a similar name cannot be
//! written in place of the one that was meant.

use openclaw_verify_core::rules::{self, Rule};
use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::{Error, Result, Verifier, text};

use crate::{ask, commands};

/// What is shown of a name that fits nothing.
const SHOWN: usize = 200;

/// The subjects that `texts` name: each in full, as `@scope/name`, or as the last part of a name.
pub(crate) fn resolve(verifier: &Verifier, texts: &[String]) -> Result<Vec<SubjectId>> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let known = known(verifier)?;
    texts.iter().map(|text| one(text, &known)).collect()
}

/// The subjects that `texts` name in full. An id that is not installed is left to the verb.
pub(crate) fn in_full(texts: &[String]) -> Result<Vec<SubjectId>> {
    in_full_of(texts, Vec::new)
}

/// The same where what is installed is known, so that the whole id can be said.
pub(crate) fn in_full_installed(verifier: &Verifier, texts: &[String]) -> Result<Vec<SubjectId>> {
    in_full_of(texts, || known(verifier).unwrap_or_default())
}

/// The same of subjects that have to be installed or locked.
pub(crate) fn in_full_known(verifier: &Verifier, texts: &[String]) -> Result<Vec<SubjectId>> {
    let ids = in_full_installed(verifier, texts)?;
    if ids.is_empty() {
        return Ok(ids);
    }
    let known = known(verifier)?;
    for id in &ids {
        one(id.as_str(), &known)?;
    }
    Ok(ids)
}

fn in_full_of(texts: &[String], known: impl Fn() -> Vec<SubjectId>) -> Result<Vec<SubjectId>> {
    let parse = |text: &String| {
        text.parse::<SubjectId>().map_err(|error| {
            let help = match one(text, &known()) {
                Ok(meant) => format!("name it in full: {meant}"),
                Err(_) => format!("name it in full, as it is listed by: {}", all_ids()),
            };
            Error::environment(error.to_string(), help)
        })
    };
    texts.iter().map(parse).collect()
}

/// What lists the id of every subject.
fn all_ids() -> String {
    commands::carried("openclaw-verify check -v")
}

/// The subject that a verb writes about: in full, or short where someone can be asked, who is then shown the full id.
pub(crate) fn to_write(verifier: &Verifier, text: &str, unasked: bool) -> Result<SubjectId> {
    let known = known(verifier)?;
    if let Some(exact) = known.iter().find(|id| id.as_str() == text) {
        return Ok(exact.clone());
    }
    let meant = one(text, &known)?;
    if !unasked && ask::possible() {
        return Ok(meant);
    }
    let why = match unasked {
        true => "with --yes nothing is asked",
        false => "there is no terminal to ask on",
    };
    Err(Error::environment(
        format!(
            "{} is not a whole id, and {why}, so it has to be whole",
            text::excerpt(text, SHOWN)
        ),
        format!("name it in full: {meant}"),
    ))
}

/// The finding that is called `named`, also as machines name it.
pub(crate) fn finding(named: &str) -> Result<&'static Rule> {
    let id = named.strip_prefix("openclaw-verify/").unwrap_or(named);
    rules::rule(id).ok_or_else(|| {
        let what = format!("no finding is called {}", text::excerpt(id, 60));
        let known = rules::catalogue().iter().map(|rule| rule.id);
        let help = did_you_mean(id, known)
            .unwrap_or_else(|| "openclaw-verify explain lists all of them".to_owned());
        Error::environment(what, help)
    })
}

/// The id of a finding, or of an advisory: that begins with a capital letter everywhere.
pub(crate) fn finding_or_advisory(named: &str) -> Result<&str> {
    match named.starts_with(|c: char| c.is_ascii_uppercase()) {
        true => Ok(named),
        false => Ok(finding(named)?.id),
    }
}

/// Every id that is installed or locked.
fn known(verifier: &Verifier) -> Result<Vec<SubjectId>> {
    let inventory = match verifier.inventory() {
        Ok(inventory) => inventory.subjects,
        // Without an installation the lock alone knows names.
        Err(_) if verifier.lock().is_some() => Vec::new(),
        Err(error) => return Err(error),
    };
    let installed = inventory.iter().map(|subject| subject.id.clone());
    let locked = verifier
        .lock()
        .into_iter()
        .flat_map(|lock| lock.packages())
        .map(|package| package.id.clone());
    let mut known: Vec<SubjectId> = installed.chain(locked).collect();
    known.sort();
    known.dedup();
    Ok(known)
}

fn one(text: &str, known: &[SubjectId]) -> Result<SubjectId> {
    if let Some(exact) = known.iter().find(|id| id.as_str() == text) {
        return Ok(exact.clone());
    }
    let fits: Vec<&SubjectId> = known.iter().filter(|id| fits(id, text)).collect();
    match fits.as_slice() {
        [only] => Ok((*only).clone()),
        [] => {
            let ids = known.iter().map(SubjectId::as_str);
            let short = known.iter().map(last_part);
            let help = did_you_mean(text, ids.chain(short))
                .unwrap_or_else(|| format!("the ids of all subjects: {}", all_ids()));
            let what = format!("no subject is called {}", text::excerpt(text, SHOWN));
            Err(Error::environment(what, help))
        }
        several => {
            let several: Vec<&str> = several.iter().map(|id| id.as_str()).collect();
            let what = format!(
                "{} could be any of {}",
                text::excerpt(text, SHOWN),
                several.join(", ")
            );
            Err(Error::environment(what, "name one of them in full"))
        }
    }
}

fn fits(id: &SubjectId, text: &str) -> bool {
    id.name() == text || last_part(id) == text
}

fn last_part(id: &SubjectId) -> &str {
    id.name().rsplit('/').next().unwrap_or_default()
}

/// The known name that is most like `text`, as a question; none when nothing is near.
pub(crate) fn did_you_mean<'a>(
    text: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    const LIKE: f64 = 0.8;
    let best = known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(text, known), known))
        .filter(|(like, _)| *like >= LIKE)
        // The first of equals, whatever the order of floats.
        .fold(
            None,
            |best: Option<(f64, &str)>, (like, known)| match best {
                Some((found, _)) if found >= like => best,
                _ => Some((like, known)),
            },
        );
    best.map(|(_, known)| format!("did you mean {}?", text::visible(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(texts: &[&str]) -> Vec<SubjectId> {
        texts.iter().map(|id| id.parse().expect("id")).collect()
    }

    #[test]
    fn a_short_name_counts_where_only_one_fits() {
        let known = ids(&["npm:@openclaw/zalo", "npm:@acme/notes", "clawhub:notes"]);
        let name = |text| one(text, &known).map(|id| id.to_string());
        for text in ["zalo", "@openclaw/zalo", "npm:@openclaw/zalo"] {
            assert_eq!(name(text).expect("one"), "npm:@openclaw/zalo");
        }
        let error = name("notes").expect_err("two").to_string();
        assert!(error.contains("npm:@acme/notes, clawhub:notes"), "{error}");
        assert_eq!(name("@acme/notes").expect("one"), "npm:@acme/notes");
        name("openclaw/zalo").expect_err("no part of an id");
    }

    #[test]
    fn what_was_meant() {
        let known = ["tree-mismatch", "unpinned", "not-locked"];
        assert_eq!(
            did_you_mean("tree-mismach", known).as_deref(),
            Some("did you mean tree-mismatch?")
        );
        assert_eq!(did_you_mean("zzz", known), None);
    }
}
