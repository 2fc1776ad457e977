//! `check --backup`: judge a cell of a fleet from its backup, without running it.

use std::path::{Path, PathBuf};

use openclaw_verify_core::archive::{self, BACKUP_LIMITS, Backup, STATE_OF_CELL};
use openclaw_verify_core::report::InputFile;
use openclaw_verify_core::{Error, Result, Scope, read, temporary};

use super::{check, detail, no_lock, start};
use crate::cli::{Common, Format};
use crate::{Exit, commands, operator, output};

pub(super) fn run(common: &Common, file: &Path) -> Result<Exit> {
    if operator::in_call("--state-dir") {
        return Err(Error::environment(
            "--backup and --state-dir both say what to judge",
            "give one of them",
        ));
    }
    if common.lock_only {
        return Err(Error::environment(
            "--lock-only judges no files, and --backup gives some",
            "give one of them",
        ));
    }
    let place = std::env::temp_dir();
    let folder = temporary::Folder::in_shared(&place)
        .map_err(|error| Error::io("make a folder in", &place, error))?;
    let state = folder.path().join("data");
    std::fs::create_dir(&state).map_err(|error| Error::io("make", &state, error))?;
    let backup = unpacked(file, &state)?;
    let common = &Common {
        state_dir: Some(state),
        relocated_from: Some(
            common
                .relocated_from
                .clone()
                .unwrap_or_else(|| PathBuf::from(STATE_OF_CELL)),
        ),
        ..common.clone()
    };
    let start = start(common)?;
    let verifier = start.builder.build()?;
    if verifier.lock().is_none() {
        return Err(no_lock(&start.files, false));
    }
    let mut report = verifier.check(&Scope::Everything)?;
    start.bar.finish();
    // The folder is called otherwise each time, and is gone when this is read.
    report.inputs.state_dir = InputFile::new(operator::shown(file), Some(backup.sha256));
    let exit = check::finish(common, &report, detail(common), None)?;
    let commands =
        report.counting().next().is_some() && matches!(common.format, Format::Human | Format::Html);
    if let Some(unpack) = commands::unpacked().filter(|_| commands) {
        output::stderr(&format!(
            "commands of openclaw-verify above are for the backup as a folder; make it first: {unpack}"
        ));
    }
    Ok(exit)
}

fn unpacked(file: &Path, state: &Path) -> Result<Backup> {
    let shown = operator::shown(file);
    let refused = |why: String| Error::Subject {
        place: shown.clone(),
        why,
        help: Some("give the file that openclaw fleet backup wrote".to_owned()),
    };
    let (opened, _) = read::open(file).map_err(|error| refused(error.to_string()))?;
    archive::unpack_backup(opened, &BACKUP_LIMITS, state)
        .map_err(|error| refused(format!("it {error}")))
}
