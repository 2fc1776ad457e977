//! Compiled code of Python beside its sources: `__pycache__`. [PEP 3147, PEP 552]
//!
//! A cache is no part of a tree, because Python writes it. What Python would load from it in place of the source is said.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::super::paths::Paths;
use super::super::{Hazard, Observation};

/// Most files of one cache.
const MAX_FILES: usize = 10_000;
/// Most of them that are named.
const MAX_NAMED: usize = 5;

/// Whether a folder holds nothing but compiled files of Python.
pub(super) fn is_cache(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    let mut count = 0;
    for entry in entries {
        count += 1;
        let is_compiled = entry.is_ok_and(|entry| {
            entry.file_type().is_ok_and(|kind| kind.is_file())
                && entry
                    .path()
                    .extension()
                    .is_some_and(|ending| ending == "pyc")
        });
        if !is_compiled || count > MAX_FILES {
            return false;
        }
    }
    true
}

/// What is odd about the files of a cache.
pub(super) fn observations(paths: &Paths, folder: &Path) -> Vec<Observation> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    let odd = files.iter().filter_map(|file| observation(paths, file));
    odd.take(MAX_NAMED).collect()
}

/// What is odd about one compiled file.
pub(super) fn observation(paths: &Paths, file: &Path) -> Option<Observation> {
    let (why, weak) = oddity(file)?;
    Some(Observation::Unexplained {
        hazard: Hazard::CompiledCode,
        place: paths.shown(file),
        why: why.to_owned(),
        weak,
    })
}

/// The compiled files of one source, in the folder in which Python looks for them.
pub(super) fn of_source(source: &Path) -> Vec<PathBuf> {
    let Some(folder) = source.parent().map(|folder| folder.join("__pycache__")) else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let compiled = entries.take(MAX_FILES).map(|entry| entry.path());
    let mut found: Vec<PathBuf> = compiled
        .filter(|file| source_of(file).as_deref() == Some(source))
        .collect();
    found.sort();
    found
}

/// What the header of a compiled file says against its source, and whether Python would make it anew.
fn oddity(file: &Path) -> Option<(&'static str, bool)> {
    let stale = Some((
        "is not what its source says; Python would make it anew",
        true,
    ));
    let mut header = [0; 16];
    // Python follows links, and what is no file it does not read: opening a FIFO would wait for who writes to it.
    let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let read = crate::read::open(&real)
        .ok()
        .and_then(|(mut file, _)| file.read_exact(&mut header).ok());
    if read.is_none() || header.get(2..4) != Some(b"\r\n") {
        return stale;
    }
    let number = |at: usize| {
        header
            .get(at..at + 4)
            .and_then(|four| four.try_into().ok())
            .map(u32::from_le_bytes)
    };
    let (flags, time, size) = (number(4)?, number(8)?, number(12)?);
    let source = source_of(file)?;
    let Ok(source) = std::fs::metadata(source) else {
        // Without its source nothing loads it from this folder.
        return None;
    };
    match flags {
        // Time and size, modulo 2^32 each.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        0 if time == source.mtime() as u32 && size == source.len() as u32 => None,
        0 => stale,
        // A hash that Python compares, or that it does not look at.
        3 => None,
        _ => Some((
            "says that Python need not look at its source, so it is loaded whatever stands there",
            false,
        )),
    }
}

/// `__pycache__/x.cpython-311.opt-1.pyc` is made of `x.py`.
fn source_of(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_str()?;
    let stem = name.strip_suffix(".pyc")?;
    let stem = stem.rsplit_once(".opt-").map_or(stem, |(stem, _)| stem);
    let (stem, _) = stem.rsplit_once('.')?;
    Some(file.parent()?.parent()?.join(format!("{stem}.py")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_compared_with_their_source() {
        let dir = tempfile::tempdir().expect("temp dir");
        let cache = dir.path().join("__pycache__");
        std::fs::create_dir(&cache).expect("folder");
        let source = dir.path().join("x.py");
        std::fs::write(&source, "print(1)\n").expect("source");
        let time =
            u32::try_from(std::fs::metadata(&source).expect("source").mtime()).expect("time");
        let file = cache.join("x.cpython-311.opt-1.pyc");
        let odd = |flags: u32, time: u32, size: u32| {
            let mut bytes = b"\xa7\r\r\n".to_vec();
            bytes[3] = b'\n';
            bytes[2] = b'\r';
            for number in [flags, time, size] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.extend(b"code");
            std::fs::write(&file, bytes).expect("compiled");
            oddity(&file).map(|(_, weak)| weak)
        };
        assert_eq!(odd(0, time, 9), None);
        assert_eq!(odd(3, 1, 1), None);
        assert_eq!(odd(0, time, 8), Some(true));
        assert_eq!(odd(0, time + 1, 9), Some(true));
        assert_eq!(
            odd(1, 1, 1),
            Some(false),
            "an unchecked hash is loaded always"
        );
        assert_eq!(odd(5, 1, 1), Some(false));
        assert!(is_cache(&cache));
        assert_eq!(of_source(&source), std::slice::from_ref(&file));
        assert_eq!(of_source(&dir.path().join("y.py")), [] as [PathBuf; 0]);
        // Opening a FIFO would wait for ever.
        let fifo = cache.join("z.cpython-311.pyc");
        crate::read::make_fifo(&fifo);
        assert_eq!(oddity(&fifo).map(|(_, weak)| weak), Some(true));
        std::fs::remove_file(&fifo).expect("removed");
        std::fs::write(cache.join("y.js"), "").expect("file");
        assert!(
            !is_cache(&cache),
            "code of another language stays in the tree"
        );
    }
}
