//! Who can change a place: only its owner and root, or others too.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::text;

/// Why `place`, a real path, is not in the hands of `owners` and root alone; none when it is. The folders above it count as well: who
/// can write there can put another thing in its place.
pub(super) fn other_hand(place: &Path, owners: &[u32]) -> Option<String> {
    let shown = |path: &Path| text::visible(&path.to_string_lossy()).into_owned();
    place.ancestors().find_map(|folder| {
        let Ok(metadata) = std::fs::symlink_metadata(folder) else {
            return Some(format!("{} cannot be looked at", shown(folder)));
        };
        if metadata.uid() != 0 && !owners.contains(&metadata.uid()) {
            return Some(format!("{} belongs to another user", shown(folder)));
        }
        // A sticky folder lets only the owner of an entry replace it; but the place itself is filled with entries.
        let sticky = metadata.mode() & 0o1000 != 0 && folder != place;
        // The owner's private group has the number of the owner, and no other member.
        let private = owners.contains(&metadata.gid());
        let others = if private { 0o002 } else { 0o022 };
        (metadata.mode() & others != 0 && !sticky).then(|| {
            let folder = shown(folder);
            format!("{folder} can be written by others; `chmod go-w {folder}` ends that")
        })
    })
}
