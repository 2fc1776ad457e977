//! Who can change a place: only its owner and root, or others too.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::text;

/// The bits of a mode by which the group or anyone may write.
const GROUP_OR_OTHERS: u32 = 0o022;
/// The bit by which anyone may write.
const OTHERS: u32 = 0o002;
/// Only the owner of an entry may rename or remove it.
const STICKY: u32 = 0o1000;

/// Why `place` is not in the hands of `owners` and root alone; none when it is. The folders above it count as well: who can write there
/// can put another thing in its place. A link has no mode of its own: who owns it counts, and what it leads to.
pub(super) fn other_hand(place: &Path, owners: &[u32]) -> Option<String> {
    let shown = |path: &Path| text::visible(&path.to_string_lossy()).into_owned();
    place.ancestors().find_map(|folder| {
        let Ok(metadata) = std::fs::symlink_metadata(folder) else {
            return Some(format!("{} cannot be looked at", shown(folder)));
        };
        if metadata.uid() != 0 && !owners.contains(&metadata.uid()) {
            return Some(format!("{} belongs to another user", shown(folder)));
        }
        if metadata.is_symlink() {
            return match folder.canonicalize() {
                Ok(real) => other_hand(&real, owners),
                Err(_) => Some(format!("{} cannot be looked at", shown(folder))),
            };
        }
        // The owner's private group has the number of the owner, and no other member.
        let private = owners.contains(&metadata.gid());
        let others = if private { OTHERS } else { GROUP_OR_OTHERS };
        is_written_by(&metadata, others, folder == place).then(|| {
            let folder = shown(folder);
            format!("{folder} can be written by others; `chmod go-w {folder}` ends that")
        })
    })
}

/// Whether anyone can put a file into this folder, or replace it or one above it; where it is not there, whether anyone can make it. Links
/// are followed; the group is not asked about.
pub(super) fn is_open(folder: &Path) -> bool {
    let mut is_place = true;
    folder.ancestors().any(|folder| {
        std::fs::metadata(folder).is_ok_and(|metadata| {
            let is_place = std::mem::replace(&mut is_place, false);
            is_written_by(&metadata, OTHERS, is_place)
        })
    })
}

/// Whether one of `bits` of a folder's mode lets others change what it holds. In a sticky folder only the owner of an entry replaces it,
/// which protects what is below it; `is_place` itself is filled with entries.
fn is_written_by(metadata: &Metadata, bits: u32, is_place: bool) -> bool {
    metadata.mode() & bits != 0 && (is_place || metadata.mode() & STICKY == 0)
}

/// Whether the group or anyone can replace what is below a folder.
pub(super) fn can_be_replaced_below(metadata: &Metadata) -> bool {
    is_written_by(metadata, GROUP_OR_OTHERS, false)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_link_is_what_it_leads_to() {
        // Below a folder that only root and this user can write.
        let home = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("folder");
        let own = std::fs::metadata(home.path()).expect("folder").uid();
        let (program, link) = (home.path().join("node"), home.path().join("link"));
        std::fs::write(&program, "").expect("file");
        let mode = |bits| {
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(bits))
                .expect("mode");
        };
        symlink("node", &link).expect("link");
        mode(0o755);
        assert_eq!(other_hand(&link, &[own]), other_hand(&program, &[own]));
        mode(0o757);
        let why = other_hand(&link, &[own]).expect("open");
        assert!(why.contains("/node can be written by others"), "{why}");
        std::fs::remove_file(&program).expect("removed");
        assert!(other_hand(&link, &[own]).is_some_and(|why| why.contains("cannot be looked at")));
    }
}
