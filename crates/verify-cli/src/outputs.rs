//! Files that a run was asked to write beside the operator's own: reports and SBOMs.
//!
//! A program that judges what others may have written must not be led to write where they choose. So an output is a new file or a
//! regular one of this user; it is replaced whole, through no link, and it lies in nothing that is under test.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use openclaw_verify_core::temporary::{self, Temporary};
use openclaw_verify_core::{Error, Result, read, text};

use crate::cli::Format;
use crate::render::counts;
use crate::render::failure::{self, Failure, NO_VERDICT};
use crate::{operator, output};

/// Mode of a new output: it names what is installed and holds no secrets. The umask does not change it.
const MODE: u32 = 0o644;

/// What is under test in this run.
static UNDER_TEST: OnceLock<Vec<PathBuf>> = OnceLock::new();
/// Whether the outputs of this run may be written; not set before that was looked at.
static ACCEPTED: OnceLock<bool> = OnceLock::new();

/// What is written to a file: an older one of the same form is replaced, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A report, `--report`.
    Report(Format),
    /// An SBOM in CycloneDX.
    #[cfg(feature = "sbom")]
    Sbom,
    /// An OSV record about what must not run.
    Violation,
    /// A statement or its signature, `--attest`. What may be replaced there is judged before: [`crate::attest::make_room`].
    Statement,
}

impl Form {
    /// As what it goes to standard output.
    fn format(self) -> Format {
        match self {
            Self::Report(format) => format,
            #[cfg(feature = "sbom")]
            Self::Sbom => Format::Json,
            Self::Violation | Self::Statement => Format::Json,
        }
    }

    /// What it is called.
    fn name(self) -> String {
        match self {
            Self::Report(format) => format!("report in the format {format}"),
            #[cfg(feature = "sbom")]
            Self::Sbom => "SBOM".to_owned(),
            Self::Violation => "record about what must not run".to_owned(),
            Self::Statement => "statement".to_owned(),
        }
    }

    /// Whether `text`, the whole of a file or its beginning and end, is an earlier one. An empty file is what a caller made room with.
    fn is_earlier(self, text: &str) -> bool {
        let has = |what: &str| text.contains(what);
        let last = text.trim_end().lines().next_back().unwrap_or_default();
        text.trim().is_empty()
            || match self {
                Self::Statement => true,
                #[cfg(feature = "sbom")]
                Self::Sbom => text.starts_with('{') && has("\"CycloneDX\""),
                Self::Violation => text.starts_with('{') && has("\"x_openclaw-"),
                Self::Report(format) => match format {
                    Format::Json => text.starts_with('{') && has("\"openclaw-verify."),
                    Format::Jsonl => text.starts_with('{') && has("\"openclaw-verify.event/"),
                    Format::Sarif => {
                        text.starts_with('{') && has("sarif-2.1.0") && has("openclaw-verify")
                    }
                    Format::Junit => {
                        text.starts_with("<?xml") && has("<testsuite") && has("openclaw-verify")
                    }
                    Format::Html => {
                        text.starts_with("<!doctype html>")
                            && (has("openclaw-verify") || has(" was judged"))
                    }
                    Format::Markdown => {
                        text.starts_with("### ") && (has(" was judged") || has("openclaw-verify"))
                    }
                    Format::Prometheus => text.starts_with("# HELP openclaw_verify_"),
                    Format::Github => {
                        text.starts_with("::error ") && has("title=openclaw-verify::")
                            || last.starts_with("openclaw-verify: ") && counts::is_count(last)
                    }
                    Format::Human => text.starts_with(NO_VERDICT) || counts::is_count(last),
                },
            }
    }
}

/// Refuses outputs that nothing may be written to, before anything is done. `read`: the files that this run reads as its operator's own.
///
/// # Errors
/// When one of `outputs` lies in `under_test`, is one of `read` or another output, or is no place for one.
pub(crate) fn refuse(
    outputs: &[(PathBuf, Form)],
    read: &[PathBuf],
    under_test: impl FnOnce() -> Vec<PathBuf>,
) -> Result<()> {
    let judged = judged(outputs, read, under_test);
    let _ = ACCEPTED.set(judged.is_ok());
    judged
}

fn judged(
    outputs: &[(PathBuf, Form)],
    read: &[PathBuf],
    under_test: impl FnOnce() -> Vec<PathBuf>,
) -> Result<()> {
    if outputs.is_empty() {
        return Ok(());
    }
    let under_test = UNDER_TEST.get_or_init(under_test);
    let read: Vec<PathBuf> = read.iter().map(|path| real(path)).collect();
    let mut taken: Vec<PathBuf> = Vec::new();
    for (path, form) in outputs {
        let Place::File(target) = place(path, under_test)? else {
            continue;
        };
        let shown = operator::shown(path);
        let wrong = |why: &str| {
            Err(Error::environment(
                format!("{shown} {why}"),
                "name a file of its own for each output",
            ))
        };
        if read.contains(&target) {
            return wrong("is a file that this run reads, and would be overwritten");
        }
        if taken.contains(&target) {
            return wrong("is named for two outputs");
        }
        replaceable(&target, path, *form)?;
        taken.push(target);
    }
    Ok(())
}

/// `path` in its real folder, as far as there is one.
fn real(path: &Path) -> PathBuf {
    operator::unlinked(path).unwrap_or_else(|| path.to_owned())
}

/// Most bytes at the beginning and at the end of an older file that are looked at.
const LOOKED_AT: u64 = 1 << 20;

/// Refuses to replace what is no earlier output of the same form: a key, a lock, something that was written by hand.
fn replaceable(target: &Path, path: &Path, form: Form) -> Result<()> {
    match beginning_and_end(target) {
        Ok(text) if form.is_earlier(&text) => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("look into", path, error)),
    }
    Err(Error::environment(
        format!(
            "{} is there, and is no {} that was written before",
            operator::shown(path),
            form.name()
        ),
        "name another file, or remove that one first",
    ))
}

fn beginning_and_end(target: &Path) -> io::Result<String> {
    let mut file = File::open(target)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    (&mut file).take(LOOKED_AT).read_to_end(&mut bytes)?;
    if size > LOOKED_AT {
        let rest = size.saturating_sub(LOOKED_AT).max(LOOKED_AT);
        file.seek(SeekFrom::Start(rest))?;
        file.take(LOOKED_AT).read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes `text` to `path`; `-` and `/dev/stdout` are standard output.
///
/// # Errors
/// When it cannot be written, or may not be.
pub(crate) fn write(path: &Path, text: &str, form: Form) -> Result<()> {
    match prepare(path, text, form)? {
        Prepared::Output => output::document(text, form.format()),
        prepared => prepared.put(),
    }
}

/// What lies whole on the disk and has no name yet; it is gone when it gets none.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// Standard output.
    Output,
    /// `/dev/null`.
    Nowhere,
    /// A file, and where it goes.
    File(Temporary, PathBuf),
}

impl Prepared {
    /// Gives the file its name, which is all that is left to do; standard output is its caller's.
    ///
    /// # Errors
    /// When the file cannot be renamed.
    pub(crate) fn put(self) -> Result<()> {
        match self {
            Self::Output | Self::Nowhere => Ok(()),
            Self::File(file, target) => file
                .persist(&target)
                .map_err(|error| Error::io("write", &target, error)),
        }
    }
}

/// Does everything of [`write()`] that takes time.
///
/// # Errors
/// When it cannot be written, or may not be.
pub(crate) fn prepare(path: &Path, text: &str, form: Form) -> Result<Prepared> {
    let under_test = UNDER_TEST.get().map(Vec::as_slice).unwrap_or_default();
    let target = match place(path, under_test)? {
        Place::Output => return Ok(Prepared::Output),
        Place::Nowhere => return Ok(Prepared::Nowhere),
        Place::File(target) => target,
    };
    replaceable(&target, path, form)?;
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
    Ok(Prepared::File(file, target))
}

/// Says in `reports` that this run reached no verdict: what reads them without the exit code would take those of an earlier run for its.
///
/// Where it was not looked at yet whether the outputs may be written, or one of them may not, only an earlier report of the same form is
/// replaced.
pub(crate) fn no_verdict(
    reports: &[(Format, PathBuf)],
    failure: &Failure,
    under_test: impl FnOnce() -> Vec<PathBuf>,
) {
    if reports.is_empty() {
        return;
    }
    let accepted = ACCEPTED.get() == Some(&true);
    let under_test = UNDER_TEST.get_or_init(under_test);
    for (format, path) in reports {
        let Ok(Place::File(target)) = place(path, under_test) else {
            continue;
        };
        let before = earlier(&target, *format);
        if !accepted && before.is_empty() {
            continue;
        }
        // The run failed already, and says why.
        let _ = write(
            path,
            &failure::in_place_of(failure, *format, &before),
            Form::Report(*format),
        );
    }
}

/// The report of this form that lies there; empty where there is none.
fn earlier(target: &Path, format: Format) -> String {
    match beginning_and_end(target) {
        Ok(text) if !text.trim().is_empty() && Form::Report(format).is_earlier(&text) => text,
        _ => String::new(),
    }
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
    let real = folder.canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let folder = operator::shown(folder);
            let word = text::shell_word(&folder);
            Error::environment(
                format!("there is no folder {folder}, so nothing can be written there"),
                format!("make it first: mkdir -p {word}"),
            )
        }
        _ => refused(format!("cannot be written: {error}")),
    })?;
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
