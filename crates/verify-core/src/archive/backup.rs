//! A backup of one cell of `openclaw fleet`, written out to be judged: `manifest.json`, `data/` (the cell's state directory) and `auth/`.
//! [S `backupFleetCell`]
//!
//! It may come from anywhere. It is read by the same rules as a published archive, and whatever OpenClaw itself would not restore is
//! refused: links, special files, paths that lead out. The secrets in `auth/` are read past and never written.

use std::io::Read;
use std::path::Path;

use super::unpack::Writer;
use super::{ArchiveError, ArchiveLimits, Sink, reader};
use crate::digest::Sha256Digest;
use crate::json;
use crate::text;
use crate::tree::Mode;

/// Where a cell has its state directory, so that its records name paths below it. [S `FLEET_CONTAINER_STATE_DIR`]
pub const STATE_OF_CELL: &str = "/home/node/.openclaw";

/// How much of a backup is accepted: as much as OpenClaw writes. [S `DEFAULT_FLEET_BACKUP_MAX_BYTES`, `FLEET_BACKUP_MAX_ENTRIES`]
pub const BACKUP_LIMITS: ArchiveLimits = ArchiveLimits {
    packed: 16 << 30,
    unpacked: 17 << 30,
    ratio: 1032,
    entries: 1_000_000,
    depth: 128,
    path_bytes: 256 << 20,
    kept_file: MAX_MANIFEST,
    kept: MAX_MANIFEST,
};

const MAX_MANIFEST: u64 = 64 << 10;
const KIND: &str = "openclaw-fleet-cell-backup";
/// Holds the three in the eyes of the reader, which strips one folder.
const TOP: &str = "backup";

/// A backup that was written out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Backup {
    /// SHA-256 of the archive.
    pub sha256: Sha256Digest,
    /// Whose cell it is, as the archive says. Safe to show.
    pub tenant: String,
}

/// Reads a backup and writes what lies in `data/` to `target`, an empty folder of the caller's own. Files get the modes 644 and 755.
///
/// # Errors
/// When it is no backup, is refused, or cannot be written. What was written by then is for the caller to remove.
pub fn unpack_backup(
    reader: impl Read,
    limits: &ArchiveLimits,
    target: &Path,
) -> Result<Backup, ArchiveError> {
    let mut parts = Parts {
        writer: Writer::new(target),
        manifest: None,
        open: Part::Other,
        data: false,
    };
    let archive = reader::read_below(reader, limits, &mut parts, Some(TOP))?;
    let link = archive
        .entries
        .iter()
        .find(|entry| entry.hard_link || entry.mode == Mode::Symlink);
    if let Some(link) = link {
        return Err(ArchiveError::NoBackup(format!(
            "`{}` is a link, and OpenClaw restores none",
            text::excerpt(&link.path, 200)
        )));
    }
    if !parts.data {
        return Err(ArchiveError::NoBackup("it holds no data/".to_owned()));
    }
    Ok(Backup {
        sha256: archive.sha256,
        tenant: tenant(parts.manifest.as_deref())?,
    })
}

/// What `manifest.json` says.
fn tenant(manifest: Option<&[u8]>) -> Result<String, ArchiveError> {
    let no = |why: &str| ArchiveError::NoBackup(why.to_owned());
    let text = manifest.ok_or_else(|| no("it holds no manifest.json"))?;
    let text = std::str::from_utf8(text).map_err(|_| no("manifest.json is no UTF-8"))?;
    let value = json::strict(text).map_err(|error| no(&format!("manifest.json: {error}")))?;
    if value["kind"] != KIND {
        return Err(no("manifest.json names another kind"));
    }
    if value["schemaVersion"] != 1 {
        return Err(no("manifest.json has a version that is not known here"));
    }
    let tenant = value["tenant"].as_str().unwrap_or_default();
    if tenant.is_empty() {
        return Err(no("manifest.json names no tenant"));
    }
    Ok(text::excerpt(tenant, 100))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Manifest,
    Data,
    Other,
}

struct Parts<'a> {
    writer: Writer<'a>,
    manifest: Option<Vec<u8>>,
    open: Part,
    data: bool,
}

impl Sink for Parts<'_> {
    fn begin(&mut self, path: &str, mode: Mode, size: u64) -> Result<(), ArchiveError> {
        self.open = Part::Other;
        if path == "manifest.json" {
            if size > MAX_MANIFEST {
                return Err(ArchiveError::FileTooLarge {
                    path: path.to_owned(),
                    size,
                });
            }
            (self.open, self.manifest) = (Part::Manifest, Some(Vec::new()));
        } else if let Some(inside) = path.strip_prefix("data/") {
            (self.open, self.data) = (Part::Data, true);
            self.writer.begin(inside, mode, size)?;
        } else if !path.starts_with("auth/") {
            return Err(ArchiveError::NoBackup(format!(
                "it holds `{}`",
                text::excerpt(path, 200)
            )));
        }
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        match (self.open, &mut self.manifest) {
            (Part::Data, _) => self.writer.data(bytes),
            (Part::Manifest, Some(manifest)) => {
                manifest.extend_from_slice(bytes);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), ArchiveError> {
        match self.open {
            Part::Data => self.writer.end(),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const MANIFEST: &str =
        r#"{"schemaVersion":1,"kind":"openclaw-fleet-cell-backup","tenant":"acme"}"#;

    fn packed(files: &[(&str, &str)]) -> Vec<u8> {
        made(|tar| {
            for (path, text) in files {
                let mut header = tar::Header::new_ustar();
                header.set_size(text.len() as u64);
                header.set_mode(0o644);
                tar.append_data(&mut header, path, text.as_bytes())
                    .expect("entry");
            }
        })
    }

    fn made(entries: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        entries(&mut tar);
        let bytes = tar.into_inner().expect("tar");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&bytes).expect("gzip");
        gzip.finish().expect("gzip")
    }

    fn unpacked(bytes: &[u8]) -> Result<(Backup, tempfile::TempDir), String> {
        let dir = tempfile::tempdir().expect("folder");
        let backup = unpack_backup(bytes, &BACKUP_LIMITS, dir.path());
        backup
            .map(|backup| (backup, dir))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn only_the_state_is_written() {
        let bytes = packed(&[
            ("manifest.json", MANIFEST),
            ("data/openclaw.json", "{}"),
            ("data/extensions/a/index.js", "1"),
            // Two names where the backup was made.
            ("data/extensions/a/INDEX.js", "2"),
            ("auth/key", "s3cret"),
        ]);
        let (backup, dir) = unpacked(&bytes).expect("a backup");
        assert_eq!(backup.tenant, "acme");
        let text = |path: &str| std::fs::read_to_string(dir.path().join(path));
        assert_eq!(text("extensions/a/index.js").expect("file"), "1");
        let mut names: Vec<_> = std::fs::read_dir(dir.path())
            .expect("folder")
            .map(|entry| entry.expect("entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["extensions", "openclaw.json"]);
    }

    #[test]
    fn what_openclaw_would_not_restore_is_refused() {
        let other = MANIFEST.replace("cell-backup", "else");
        let newer = MANIFEST.replace(":1", ":2");
        let with = |more: (&'static str, &'static str)| {
            packed(&[("manifest.json", MANIFEST), ("data/a", "1"), more])
        };
        let linked = |kind: tar::EntryType| {
            made(|tar| {
                let mut header = tar::Header::new_ustar();
                header.set_size(0);
                header.set_entry_type(kind);
                tar.append_link(&mut header, "data/link", "data/a")
                    .expect("link");
            })
        };
        for (bytes, why) in [
            (packed(&[("data/a", "1")]), "no manifest.json"),
            (packed(&[("manifest.json", MANIFEST)]), "no data/"),
            (
                packed(&[("manifest.json", &other), ("data/a", "1")]),
                "another kind",
            ),
            (
                packed(&[("manifest.json", &newer), ("data/a", "1")]),
                "not known here",
            ),
            (
                packed(&[("manifest.json", "{"), ("data/a", "1")]),
                "manifest.json",
            ),
            (with(("etc/passwd", "x")), "it holds `etc/passwd`"),
            (with(("data", "x")), "holds `data` twice"),
            // Also with the same content.
            (with(("data/a", "1")), "holds `data/a` twice"),
            (
                with(("manifest.json", MANIFEST)),
                "holds `manifest.json` twice",
            ),
            (linked(tar::EntryType::Symlink), "is a link"),
            (linked(tar::EntryType::Link), ""),
            (b"no gzip".to_vec(), "gzip"),
        ] {
            let refused = unpacked(&bytes).expect_err(why);
            assert!(refused.contains(why), "{why}: {refused}");
        }
        let mut cut = packed(&[("manifest.json", MANIFEST), ("data/a", "1")]);
        cut.truncate(cut.len() - 9);
        assert!(unpacked(&cut).is_err());
    }

    /// A builder of archives refuses such names, so they are written into the header.
    #[test]
    fn paths_that_lead_out_are_refused() {
        for path in ["data/../../x", "/data/x", "../x", "data//x", "./data/x"] {
            let bytes = made(|tar| {
                let mut header = tar::Header::new_ustar();
                header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
                header.set_size(1);
                header.set_mode(0o644);
                header.set_cksum();
                tar.append(&header, &b"1"[..]).expect("entry");
            });
            assert!(unpacked(&bytes).is_err(), "{path}");
        }
    }
}
