//! The folders in which programs are looked for, where a file gives them to OpenClaw: `PATH`.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::paths::Paths;
use crate::text;

/// The bits of a mode by which everybody may write, and by which only owners may rename and remove.
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// The first entry by which another user, or the folder at hand, decides which program runs, and why. What a variable stands for, and
/// `~`, are not followed; of a copy only the text is judged.
pub(super) fn open_entry(paths: &Paths, value: &str) -> Option<String> {
    value.split(':').find_map(|entry| {
        let why = if entry.starts_with(['$', '~']) {
            None
        } else if !entry.starts_with('/') {
            Some("is looked for in the folder at hand")
        } else if paths.not_here().is_none() && is_open(Path::new(entry)) {
            Some("can be written by others")
        } else {
            None
        };
        why.map(|why| format!("`{}` {why}", text::excerpt(entry, 120)))
    })
}

/// Whether others can put a program into this folder, or replace it or one above it.
fn is_open(folder: &Path) -> bool {
    folder.ancestors().enumerate().any(|(at, folder)| {
        std::fs::metadata(folder).is_ok_and(|metadata| {
            let mode = metadata.mode();
            mode & OTHERS_WRITE != 0 && (at == 0 || mode & STICKY == 0)
        })
    })
}
