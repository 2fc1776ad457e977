//! A skill that lies somewhere to be judged before it is installed: a folder, a zip or a `.tgz`.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Staging;
use super::protocol::{PROTOCOL_VERSION, Request};
use crate::archive::{self, Archive, ArchiveError, ArchiveLimits};
use crate::inventory::frontmatter::FrontMatter;
use crate::inventory::skill_record::{CLAWHUB_ORIGINS, SOURCE_ORIGIN};
use crate::tree::skill_record::{ClawhubOrigin, SourceOrigin};
use crate::tree::{Mode, records};
use crate::{read, text};

/// What makes a folder a skill.
const SKILL: &str = "SKILL.md";
/// How much of an archive is accepted: a skill is text and some scripts.
const LIMITS: ArchiveLimits = ArchiveLimits {
    packed: 256 << 20,
    unpacked: 512 << 20,
    ratio: 200,
    entries: 20_000,
    depth: 64,
    path_bytes: 8 << 20,
    kept_file: 1 << 20,
    kept: 1 << 20,
};

/// A skill that is not installed.
#[derive(Debug)]
#[non_exhaustive]
pub struct SkillPackage {
    /// The folder that holds its files. Of an archive it is in the caller's folder, and stays as long as that does.
    pub root: PathBuf,
    /// The archive that it came in.
    pub archive: Option<Archive>,
    /// What the archive is.
    pub form: SkillForm,
    /// How it is named in the report.
    pub(crate) shown: String,
    pub(crate) request: Request,
}

/// In what a skill came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SkillForm {
    /// A folder, which is judged in its place.
    Folder,
    /// A zip.
    Zip,
    /// A tar archive in gzip.
    Tgz,
}

/// Why a skill is not judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SkillRefused {
    /// There is nothing, or it cannot be read.
    #[error("{0}")]
    Unread(String),
    /// It is no skill, or an archive that two readers could understand in two ways. Completes a sentence that starts with "it".
    #[error("it {0}")]
    Refused(String),
}

impl SkillPackage {
    /// Reads the skill at `path`, which reports name as `shown`. An archive is unpacked into `folder`, an empty folder that only the caller can write to.
    ///
    /// # Errors
    /// See [`SkillRefused`].
    pub fn open(path: &Path, shown: &str, folder: &Path) -> Result<Self, SkillRefused> {
        use SkillRefused::{Refused, Unread};
        let found = fs::metadata(path).map_err(|error| Unread(error.to_string()))?;
        let (root, archive, form) = if found.is_dir() {
            let root = fs::canonicalize(path).map_err(|error| Unread(error.to_string()))?;
            (root, None, SkillForm::Folder)
        } else {
            let form = form(path)?;
            let (root, archive) = match form {
                SkillForm::Zip => unzip(path, folder),
                _ => untar(path, folder),
            }?;
            (root, Some(archive), form)
        };
        // What it is, is for the tree to say: here only that there is anything to judge.
        if fs::symlink_metadata(root.join(SKILL)).is_err() {
            return Err(Refused(format!("is no skill: it has no {SKILL}")));
        }
        let source = root
            .to_str()
            .ok_or_else(|| Unread("its path is not UTF-8".to_owned()))?;
        let request = json!({
            "protocolVersion": PROTOCOL_VERSION, "targetType": "skill", "targetName": folder_name(&root),
            "sourcePath": source, "sourcePathKind": "directory",
            "source": { "kind": "local-path" }, "origin": { "type": "path" },
            "request": { "kind": "skill-install", "mode": "install" }, "skill": { "installId": "skill" },
        });
        let request = Request::parse(request.to_string().as_bytes())
            .map_err(|error| Unread(error.to_string()))?;
        Ok(Self {
            root,
            archive,
            form,
            shown: shown.to_owned(),
            request,
        })
    }

    /// The records of an install that lie in it: the file, and what it says.
    pub(crate) fn shipped_records(&self) -> Vec<(&'static str, Option<String>)> {
        let read = |path: &'static str, parse: &dyn Fn(&str) -> Option<String>| {
            fs::symlink_metadata(self.root.join(path)).ok()?;
            let text = read::text(&self.root.join(path), records::MAX_BYTES).ok();
            Some((path, text.and_then(|text| parse(&text))))
        };
        let clawhub = |text: &str| {
            let origin = ClawhubOrigin::parse(text).ok()?;
            let owner = origin.owner.map(|owner| format!("@{owner}/"));
            let (owner, slug) = (owner.unwrap_or_default(), origin.slug);
            Some(format!("clawhub {owner}{slug} {}", origin.version))
        };
        let source = |text: &str| SourceOrigin::parse(text).ok().map(|origin| origin.spec);
        let places = CLAWHUB_ORIGINS.into_iter();
        let found = places.filter_map(|path| read(path, &clawhub));
        found.chain(read(SOURCE_ORIGIN, &source)).collect()
    }

    /// Why OpenClaw would pass over it, where it would.
    pub(crate) fn not_loaded(&self) -> Option<&'static str> {
        Staging::open(&self.root, None).ok()?.skipped()
    }
}

fn form(path: &Path) -> Result<SkillForm, SkillRefused> {
    let (mut file, _) =
        read::open(path).map_err(|error| SkillRefused::Unread(error.to_string()))?;
    let mut magic = [0; 4];
    // What is shorter is neither.
    let _ = file.read_exact(&mut magic);
    match magic {
        [b'P', b'K', ..] => Ok(SkillForm::Zip),
        [0x1f, 0x8b, ..] => Ok(SkillForm::Tgz),
        _ => Err(SkillRefused::Refused(
            "is neither a folder, a zip nor a .tgz".to_owned(),
        )),
    }
}

fn untar(path: &Path, folder: &Path) -> Result<(PathBuf, Archive), SkillRefused> {
    let open = || {
        read::open(path)
            .map(|(file, _)| file)
            .map_err(|error| SkillRefused::Unread(error.to_string()))
    };
    let archive = archive::read(open()?, &LIMITS, |path| path == SKILL).map_err(refused)?;
    let mut links = archive.entries.iter();
    if let Some(link) = links.find(|entry| entry.hard_link || entry.mode == Mode::Symlink) {
        let path = text::excerpt(&link.path, 200);
        return Err(SkillRefused::Refused(format!(
            "holds `{path}`, a link, which not every program makes"
        )));
    }
    let root = folder.join(&archive.top);
    archive::unpack(open()?, &LIMITS, &archive.integrity, &root)
        .map_err(|error| SkillRefused::Refused(format!("cannot be unpacked: {error}")))?;
    Ok((root, archive))
}

/// A zip is read from its end, and more than once, so it is a copy that is read.
fn unzip(path: &Path, folder: &Path) -> Result<(PathBuf, Archive), SkillRefused> {
    let unread = |error: io::Error| SkillRefused::Unread(error.to_string());
    let (mut file, _) =
        read::open(path).map_err(|error| SkillRefused::Unread(error.to_string()))?;
    let copied = folder.join("archive.zip");
    let mut copy = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&copied)
        .map_err(unread)?;
    let size = io::copy(&mut (&mut file).take(LIMITS.packed + 1), &mut copy).map_err(unread)?;
    if size > LIMITS.packed {
        return Err(refused(ArchiveError::PackedTooLarge(LIMITS.packed)));
    }
    let archive =
        archive::read_zip(&copied, &LIMITS, SKILL, |path| path == SKILL).map_err(refused)?;
    let inside = folder.join("unpacked");
    fs::create_dir(&inside).map_err(unread)?;
    let root = inside.join(match archive.top.as_str() {
        "" => name_of(&archive),
        top => top.to_owned(),
    });
    archive::unpack_zip(&copied, &LIMITS, SKILL, &archive, &root)
        .map_err(|error| SkillRefused::Refused(format!("cannot be unpacked: {error}")))?;
    Ok((root, archive))
}

/// The folder that a skill without one gets: its own name, as a signature may name it.
fn name_of(archive: &Archive) -> String {
    let front = archive
        .content(SKILL)
        .map(|bytes| FrontMatter::parse(&String::from_utf8_lossy(bytes)));
    let name = front.and_then(|front| front.text("name"));
    let plain = |name: &String| {
        !name.is_empty()
            && name.len() <= 100
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    name.filter(plain).unwrap_or_else(|| "skill".to_owned())
}

fn folder_name(root: &Path) -> String {
    let name = root.file_name().map(|name| name.to_string_lossy());
    let name = text::visible(name.as_deref().unwrap_or_default()).into_owned();
    if name.trim().is_empty() {
        "skill".to_owned()
    } else {
        name
    }
}

fn refused(error: ArchiveError) -> SkillRefused {
    match error {
        ArchiveError::Io(error) => SkillRefused::Unread(error.to_string()),
        error @ (ArchiveError::NoTopFolder(_) | ArchiveError::SeveralTopFolders(..)) => {
            SkillRefused::Refused(format!(
                "{error}; pack the skill's folder itself, and nothing beside it"
            ))
        }
        error => SkillRefused::Refused(error.to_string()),
    }
}
