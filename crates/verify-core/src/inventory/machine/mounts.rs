//! What the state directory lies on: kind of file system, and whether the kernel encrypts the disk below.

use std::path::{Path, PathBuf};

use crate::{read, text};

/// Most bytes of a table of the kernel.
const MAX_TABLE: u64 = 4 << 20;
/// Most layers of block devices.
const MAX_LAYERS: usize = 16;

/// A file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Its kind, as the kernel calls it.
    pub(crate) kind: String,
    /// Where it is mounted, as it is to be shown.
    pub(crate) at: String,
    /// Whether dm-crypt lies below it. Its absence proves nothing.
    pub(crate) encrypted: bool,
    /// Areas to which memory is written unencrypted, where the disk of the state is encrypted.
    pub(crate) plain_swap: Vec<String>,
    /// The parts of the path of the state directory that a service of synchronised folders has.
    pub(crate) synced: Option<String>,
}

/// Names of folders whose content is copied to other machines.
const SYNCED: [&str; 17] = [
    "Dropbox",
    "OneDrive",
    "Google Drive",
    "GoogleDrive",
    "My Drive",
    "iCloud Drive",
    "Mobile Documents",
    "Nextcloud",
    "ownCloud",
    "pCloudDrive",
    "pCloud Drive",
    "CloudStorage",
    "Box Sync",
    "MEGAsync",
    "SynologyDrive",
    "Seafile",
    "Resilio Sync",
];

/// The same, of names that other folders have too: only directly in a home folder.
const SYNCED_IN_HOME: [&str; 4] = ["Box", "MEGA", "Sync", "Syncthing"];
/// What such a service leaves at the top of a folder that it copies.
const MARKS: [&str; 6] = [
    ".stfolder",
    ".dropbox.cache",
    ".nextcloudsync.log",
    ".owncloudsync.log",
    ".SynologyWorkingDirectory",
    ".sync/ID",
];

/// The name of a folder above, or of the folder itself, whose content is copied to other machines.
fn synced(folder: &Path) -> Option<String> {
    folder.ancestors().find_map(|place| {
        let name = place.file_name()?.to_string_lossy().into_owned();
        let same = |known: &&str| name.eq_ignore_ascii_case(known);
        let of_company = name.starts_with("OneDrive - ") || name.starts_with("Dropbox (");
        let above = place.parent().and_then(Path::parent);
        let in_home = above.is_some_and(|homes| {
            ["/home", "/Users", "/var/home"]
                .iter()
                .any(|known| homes == Path::new(known))
        });
        let is_marked = || {
            MARKS
                .iter()
                .any(|mark| std::fs::symlink_metadata(place.join(mark)).is_ok())
        };
        let is_one = SYNCED.iter().any(same)
            || of_company
            || (in_home && SYNCED_IN_HOME.contains(&name.as_str()))
            || is_marked();
        is_one.then(|| text::excerpt(&name, 60))
    })
}

/// What a folder lies on, by the table of the process that looks.
pub(super) fn of(folder: &Path, proc: &Path) -> Option<Mount> {
    let table = table(&proc.join("self/mountinfo"))?;
    let mut found: Option<(usize, &str, &str, String)> = None;
    for line in table.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let (Some(device), Some(at)) = (fields.get(2), fields.get(4)) else {
            continue;
        };
        let Some(kind) = fields
            .iter()
            .position(|field| *field == "-")
            .and_then(|dash| fields.get(dash + 1))
        else {
            continue;
        };
        let at = unescaped(at);
        let depth = Path::new(&at).components().count();
        // Of two at one place the later one hides the other.
        if folder.starts_with(&at) && found.as_ref().is_none_or(|(known, ..)| depth >= *known) {
            found = Some((depth, device, kind, at));
        }
    }
    let (_, device, kind, at) = found?;
    let sys = proc
        .parent()
        .unwrap_or(Path::new("/"))
        .join("sys/dev/block");
    let encrypted = is_encrypted(&sys.join(device), 0);
    Some(Mount {
        kind: text::excerpt(kind, 40),
        at: text::excerpt(&at, 200),
        encrypted,
        plain_swap: if encrypted {
            swap(proc, &sys)
        } else {
            Vec::new()
        },
        synced: synced(folder),
    })
}

/// Files of the kernel state no size.
pub(super) fn table(file: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let (opened, _) = read::open(file).ok()?;
    opened.take(MAX_TABLE).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Spaces and their like stand as octal numbers in such tables.
fn unescaped(written: &str) -> String {
    let mut out = String::new();
    let mut rest = written;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let digits = after
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match digits {
            Some(byte) => {
                out.push(char::from(byte));
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out + rest
}

/// Whether a block device, or what it is made of, is of dm-crypt.
fn is_encrypted(device: &Path, layers: usize) -> bool {
    if layers > MAX_LAYERS {
        return false;
    }
    if table(&device.join("dm/uuid")).is_some_and(|uuid| uuid.starts_with("CRYPT-")) {
        return true;
    }
    let slaves = std::fs::read_dir(device.join("slaves"));
    let slaves: Vec<PathBuf> = slaves
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .take(64)
        .collect();
    !slaves.is_empty() && slaves.iter().all(|slave| is_encrypted(slave, layers + 1))
}

/// Areas of swap that are on no encrypted device and no memory.
fn swap(proc: &Path, sys: &Path) -> Vec<String> {
    let table = table(&proc.join("swaps")).unwrap_or_default();
    let areas = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next());
    areas
        .filter(|area| {
            let name = area.rsplit('/').next().unwrap_or_default();
            if name.starts_with("zram") || !area.starts_with("/dev/") {
                return false;
            }
            let block = sys
                .parent()
                .and_then(Path::parent)
                .map(|sys| sys.join("class/block").join(name));
            !block.is_some_and(|block| is_encrypted(&block, 0))
        })
        .map(|area| text::excerpt(area, 100))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_counts_and_encryption_is_seen_below() {
        let dir = tempfile::tempdir().expect("temp dir");
        let root = dir.path();
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            std::fs::write(path, text).expect("write");
        };
        write(
            "proc/self/mountinfo",
            "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 253:0 / /home/a\\040b rw - nfs4 x rw\nbroken\n3 1 253:1 / /srv rw shared:1 - ext4 /dev/dm-1 rw\n",
        );
        write(
            "sys/dev/block/253:1/slaves/dm-0/dm/uuid",
            "CRYPT-LUKS2-abc\n",
        );
        write(
            "proc/swaps",
            "Filename Type\n/dev/zram0 partition\n/dev/sda2 partition\n",
        );
        let at = |folder: &str| of(Path::new(folder), &root.join("proc")).expect("mount");
        assert_eq!(
            (at("/x").kind.as_str(), at("/x").encrypted),
            ("ext4", false)
        );
        assert_eq!(at("/home/a b/.openclaw").kind, "nfs4");
        assert!(at("/srv/s").encrypted);
        assert_eq!(at("/srv/s").plain_swap, ["/dev/sda2"]);
        assert_eq!(at("/home/dropboxer/s").synced, None);
        assert_eq!(at("/home/u/Dropbox/s").synced.as_deref(), Some("Dropbox"));
        assert_eq!(of(Path::new("/x"), &root.join("none")), None);
    }
}
