//! Files that a run was asked to write beside the operator's own: reports and SBOMs.
//!
//! A program that judges what others may have written must not be led to write where they choose. So an output is a new file or a
//! regular one of this user; it is replaced whole, through no link, and it lies in nothing that is under test.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use openclaw_verify_core::temporary::{self, Temporary};
use openclaw_verify_core::{Error, Result, read};

use crate::cli::Format;
use crate::{operator, output};

/// Mode of a new output: it names what is installed and holds no secrets. The umask does not change it.
const MODE: u32 = 0o644;

/// What is under test in this run.
static UNDER_TEST: OnceLock<Vec<PathBuf>> = OnceLock::new();

/// Refuses outputs that nothing may be written to, before anything is done.
///
/// # Errors
/// When one of `paths` lies in `under_test`, or is no place for an output.
pub(crate) fn refuse<'a>(
    paths: impl IntoIterator<Item = &'a PathBuf>,
    under_test: impl FnOnce() -> Vec<PathBuf>,
) -> Result<()> {
    let mut paths = paths.into_iter().peekable();
    if paths.peek().is_none() {
        return Ok(());
    }
    let under_test = UNDER_TEST.get_or_init(under_test);
    paths.try_for_each(|path| place(path, under_test).map(drop))
}

/// Writes `text` to `path`; `-` and `/dev/stdout` are standard output.
///
/// # Errors
/// When it cannot be written, or may not be.
pub(crate) fn write(path: &Path, text: &str, format: Format) -> Result<()> {
    let under_test = UNDER_TEST.get().map(Vec::as_slice).unwrap_or_default();
    let target = match place(path, under_test)? {
        Place::Output => return output::document(text, format),
        Place::Nowhere => return Ok(()),
        Place::File(target) => target,
    };
    let cannot = |error: io::Error| Error::io("write", path, error);
    let folder = target.parent().unwrap_or(Path::new("."));
    let mode = fs::symlink_metadata(&target).map_or(MODE, |old| old.permissions().mode() & 0o777);
    temporary::sweep_files(folder);
    let mut file = Temporary::in_folder(folder, 0o600).map_err(cannot)?;
    file.write_all(text.as_bytes()).map_err(cannot)?;
    let opened = file.as_file();
    opened
        .set_permissions(Permissions::from_mode(mode))
        .and_then(|()| opened.sync_all())
        .map_err(cannot)?;
    file.persist(&target).map_err(cannot)
}

enum Place {
    Output,
    /// `/dev/null`.
    Nowhere,
    /// The file, in a real folder.
    File(PathBuf),
}

fn place(path: &Path, under_test: &[PathBuf]) -> Result<Place> {
    match path.to_str() {
        Some("-" | "/dev/stdout") => return Ok(Place::Output),
        Some("/dev/null") => return Ok(Place::Nowhere),
        _ => {}
    }
    let refused = |why: String| {
        Error::environment(
            format!("{} {why}", operator::shown(path)),
            "name a new file in a folder of your own, or - for standard output",
        )
    };
    let name = path
        .file_name()
        .ok_or_else(|| refused("names no file".to_owned()))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let me = rustix::process::geteuid().as_raw();
    if let Some(link) = foreign_link(folder, me) {
        let link = operator::shown(&link);
        return Err(refused(format!(
            "leads through {link}, a link of another user"
        )));
    }
    let real = folder
        .canonicalize()
        .map_err(|error| refused(format!("cannot be written: {error}")))?;
    let target = real.join(name);
    let inside = |folder: &&PathBuf| {
        target.starts_with(folder)
            || folder
                .canonicalize()
                .is_ok_and(|folder| target.starts_with(folder))
    };
    if let Some(folder) = under_test.iter().find(inside) {
        let folder = operator::shown(folder);
        return Err(refused(format!("lies in {folder}, which is under test")));
    }
    match fs::symlink_metadata(&target) {
        Ok(found) if !found.is_file() => Err(refused(format!(
            "is {}, not a regular file",
            read::kind_of(&found)
        ))),
        Ok(found) if found.uid() != me => Err(refused("belongs to another user".to_owned())),
        Ok(_) => Ok(Place::File(target)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Place::File(target)),
        Err(error) => Err(refused(format!("cannot be written: {error}"))),
    }
}

/// A link on the way to `folder` that neither this user nor root made.
fn foreign_link(folder: &Path, me: u32) -> Option<PathBuf> {
    let mut at = PathBuf::new();
    for part in folder.components() {
        at.push(part);
        if !matches!(part, Component::Normal(_)) {
            continue;
        }
        if let Ok(found) = fs::symlink_metadata(&at)
            && found.is_symlink()
            && ![0, me].contains(&found.uid())
        {
            return Some(at);
        }
    }
    None
}
