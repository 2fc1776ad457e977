//! `policy resolve`: finishes a merge of the policy that git could not finish.

use openclaw_verify_core::operator_file::Purpose;
use openclaw_verify_core::policy::keys::{Change, Differing, Resolved};
use openclaw_verify_core::{Error, Result, rules};

use super::{difference, document};
use crate::cli::{Common, Format, ResolveArgs};
use crate::verbs::conflict::Conflict;
use crate::{Exit, commands, operator, output, signed};

/// Shows what comes from the other side, asks, and writes the policy without the marks of the conflict.
pub(super) fn run(common: &Common, args: &ResolveArgs) -> Result<Exit> {
    let file = Conflict::of(common, |files| files.policy, "--policy")?;
    let change = Change {
        path: &file.path,
        text: &file.text,
        catalogue: &rules::infos(),
        today: operator::today(common),
    };
    let resolved = change.resolved(args.take.map(Into::into))?;
    if resolved.twice {
        output::stderr(
            "note: a table or key is there twice; the first of them is ours here, the other one theirs",
        );
    }
    if args.take.is_none() && !resolved.differing.is_empty() {
        return Err(undecided(&resolved.differing));
    }
    let added = difference(&resolved.edited);
    match common.format {
        Format::Human => output::lines(&added)?,
        _ => output::stderr_text(&added),
    }
    say_what_stays(&resolved, args);
    if !file.confirmed(args.yes, &file.question(!added.is_empty()))? {
        document(common, &file.path, &resolved.edited, false)?;
        return Ok(Exit::Findings);
    }
    signed::write(common, &file.path, Purpose::Policy, &resolved.edited.text)?;
    file.say_written("")?;
    document(common, &file.path, &resolved.edited, true)?;
    Ok(Exit::Clean)
}

/// Both values of each, and the ways to choose.
fn undecided(differing: &[Differing]) -> Error {
    let said: Vec<String> = differing
        .iter()
        .map(|one| format!("{}: ours {}, theirs {}", one.what, one.ours, one.theirs))
        .collect();
    Error::environment(
        format!("both sides say something else of {}", said.join("; ")),
        format!(
            "choose ours: {}; or the other side's, with --take theirs; single keys can be set afterwards with policy set",
            commands::carried("openclaw-verify policy resolve --take ours")
        ),
    )
}

/// What is in the file and not among what comes from the other side: it may have been taken out there.
fn say_what_stays(resolved: &Resolved, args: &ResolveArgs) {
    for one in &resolved.only_ours {
        output::stderr(&format!("note: only ours has {one}; it stays"));
    }
    let word = match args.take {
        Some(crate::cli::TakenSide::Theirs) => "theirs",
        _ => "ours",
    };
    for one in &resolved.differing {
        output::stderr(&format!(
            "note: {}: ours {}, theirs {}; {word} is taken",
            one.what, one.ours, one.theirs
        ));
    }
}
