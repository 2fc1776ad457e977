//! `policy resolve`: finishes a merge of the policy that git could not finish.

use openclaw_verify_core::operator_file::{self, Purpose};
use openclaw_verify_core::policy::keys::{Change, Differing, Resolved};
use openclaw_verify_core::{Error, Result, rules};

use super::{difference, document};
use crate::cli::{Common, Format, ResolveArgs};
use crate::{Exit, ask, attest, commands, operator, output, signed};

/// Shows what comes from the other side, asks, and writes the policy without the marks of the conflict.
pub(super) fn run(common: &Common, args: &ResolveArgs) -> Result<Exit> {
    let under_test = super::super::under_test(operator::installation(common).ok().as_ref(), common);
    let path = operator::files(common, &under_test)?.policy;
    let shown = operator::shown(&path);
    let _guard = operator::only_writer(&path)?;
    let text = operator_file::read(&path)?.ok_or_else(|| {
        Error::environment(
            format!("{shown}: there is no such file"),
            "name the folder with --config, or the file with --policy",
        )
    })?;
    let change = Change {
        path: &path,
        text: &text,
        catalogue: &rules::infos(),
        today: operator::today(common),
    };
    let resolved = change.resolved(args.take.map(Into::into))?;
    if args.take.is_none() && !resolved.differing.is_empty() {
        return Err(undecided(&resolved.differing));
    }
    let added = difference(&resolved.edited);
    match common.format {
        Format::Human => output::lines(&added)?,
        _ => output::stderr_text(&added),
    }
    say_what_stays(&resolved, args);
    let question = match added.is_empty() {
        true => format!("the other side adds nothing; finish the merge of {shown}?"),
        false => format!("finish the merge of {shown} like this?"),
    };
    if !args.yes && !ask::confirmed(&question)? {
        output::stderr("nothing was written");
        document(common, &path, &resolved.edited, false)?;
        return Ok(Exit::Findings);
    }
    signed::write(common, &path, Purpose::Policy, &resolved.edited.text)?;
    let name = |path: &std::path::Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.into_owned()
    };
    let signature = attest::beside(&path);
    let signature = match signed::is_signed(&path)? {
        true => format!(" {}", name(&signature)),
        false => String::new(),
    };
    output::stderr(&format!(
        "wrote {shown}; for git it is resolved after: git add {}{signature}",
        name(&path)
    ));
    document(common, &path, &resolved.edited, true)?;
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
