//! `skill`: judge a skill before it is installed.

use std::path::Path;

use openclaw_verify_core::report::StatementSubject;
use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::{Error, Result, SkillPackage, SkillRefused, SkillReport, temporary};

use super::{detail, start_without_installation};
use crate::cli::{Common, Format, SkillArgs};
use crate::render::skill;
use crate::{Exit, attest, operator, output, render};

pub(super) fn run(common: &Common, args: &SkillArgs) -> Result<Exit> {
    let integrity = super::archive::integrity(args.integrity.as_deref())?;
    let id = args.id.as_deref().map(id).transpose()?;
    let start = start_without_installation(common, common.online)?;
    let verifier = start.builder.build()?;
    start.bar.finish();

    let shown = operator::shown(&args.path);
    let folder = temporary::Folder::in_shared(&std::env::temp_dir())
        .map_err(|error| Error::io("create", "a temporary folder", error))?;
    let package = match SkillPackage::open(&args.path, &shown, folder.path()) {
        Ok(package) => package,
        Err(SkillRefused::Refused(why)) => return refused(common, &shown, &format!("it {why}")),
        Err(error) => {
            return Err(Error::environment(
                format!("{shown} cannot be read: {error}"),
                "name the folder of a skill, a zip or a .tgz",
            ));
        }
    };
    if let Some(wanted) = integrity {
        let found = package.archive.as_ref().map(|archive| archive.integrity);
        let found = found.ok_or_else(|| {
            Error::environment(
                "--integrity is about an archive, and this is a folder",
                "leave it out",
            )
        })?;
        if found != wanted {
            let why = format!("its integrity is {found}, not the {wanted} that was wanted");
            return refused(common, &shown, &why);
        }
    }
    let found = verifier.skill(&package, id.as_ref())?;
    match common.format {
        Format::Json => output::document(&render::json(&skill::json(&found))?, common.format)?,
        Format::Human => output::human(&skill::human(&found))?,
        _ => {}
    }
    let exit = if common.format == Format::Json {
        super::check::written(common, &found.report)?
    } else {
        super::check::finish(common, &found.report, detail(common), None)?
    };
    let archive = package.archive.as_ref().map(|archive| {
        let name = format!("{}#archive", found.contents.id);
        StatementSubject::new(name, vec![("sha256", archive.sha256.hex())])
    });
    let more = archive.into_iter().collect();
    attest::write(common, &verifier, &found.report, "skill", more)?;
    match &args.unpack_to {
        Some(target) => unpack(&found, &package, target, exit),
        None => Ok(exit),
    }
}

fn id(text: &str) -> Result<SubjectId> {
    text.parse().map_err(|error| {
        Error::environment(
            format!(
                "--as {}: {error}",
                openclaw_verify_core::text::excerpt(text, 120)
            ),
            "such as skill:workspace/NAME, clawhub:OWNER/NAME or git:HOST/OWNER/REPOSITORY",
        )
    })
}

fn unpack(found: &SkillReport, package: &SkillPackage, target: &Path, exit: Exit) -> Result<Exit> {
    let shown = operator::shown(target);
    if exit != Exit::Clean {
        output::stderr(&format!("{shown} was not written: the findings come first"));
        return Ok(exit);
    }
    found.unpack(package, target).map_err(|error| {
        Error::environment(
            format!("cannot unpack to {shown}: {error}"),
            "nothing was left there",
        )
    })?;
    let files = usize::try_from(found.contents.files).unwrap_or(usize::MAX);
    let tree = found.contents.tree.map(|tree| format!(", {tree}"));
    output::stderr(&format!(
        "wrote {shown}: {}{}",
        render::count(files, "file"),
        tree.unwrap_or_default()
    ));
    Ok(exit)
}

fn refused(common: &Common, shown: &str, why: &str) -> Result<Exit> {
    output::report(&skill::refused(shown, why, common.format)?, common.format)?;
    Ok(Exit::Findings)
}
