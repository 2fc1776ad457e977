//! The id that git gives a folder in a repository of object format SHA-1: what public repositories, Software Heritage and other tools
//! name a folder by. SHA-1 is broken, so no verdict stands on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sha1::{Digest as _, Sha1};

use super::{LeaveOut, TreeSpec, records};
use crate::digest::to_hex;
use crate::read;

/// A skill or hook is a few files. Larger folders get no id here: it is extra information, not worth a second long walk.
const MAX_ENTRIES: usize = 2_000;
const MAX_BYTES: u64 = 32 << 20;
const MAX_DEPTH: usize = 32;

/// The 40 hex digits for what the digest of `spec` covers. None for a folder that is too large, holds what git cannot, or holds an empty
/// folder, about which git and Software Heritage disagree.
pub(crate) fn of_folder(spec: &TreeSpec) -> Option<String> {
    if !fs::symlink_metadata(&spec.root).ok()?.is_dir() {
        return None;
    }
    let mut folders: BTreeMap<String, Vec<Entry>> = BTreeMap::from([(String::new(), Vec::new())]);
    let mut pending = vec![(String::new(), 1)];
    // Folders that held something which does not count: without it git does not know them.
    let mut hollow = BTreeSet::new();
    let (mut entries, mut bytes) = (0, 0);
    while let Some((folder, depth)) = pending.pop() {
        for entry in fs::read_dir(spec.root.join(&folder)).ok()? {
            entries += 1;
            if entries > MAX_ENTRIES || depth > MAX_DEPTH {
                return None;
            }
            let name = entry.ok()?.file_name().into_string().ok()?;
            let path = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            let file = spec.root.join(&path);
            let metadata = fs::symlink_metadata(&file).ok()?;
            if left_out(spec, &path, &file, &metadata) {
                hollow.insert(folder.clone());
                continue;
            }
            let (mode, id) = if metadata.is_dir() {
                folders.insert(path.clone(), Vec::new());
                pending.push((path, depth + 1));
                continue;
            } else if metadata.is_symlink() {
                (
                    "120000",
                    object("blob", fs::read_link(&file).ok()?.to_str()?.as_bytes()),
                )
            } else {
                let content = read::bytes(&file, MAX_BYTES - bytes).ok()?;
                bytes += content.len() as u64;
                let executable = metadata.permissions().mode() & 0o100 != 0;
                (
                    if executable { "100755" } else { "100644" },
                    object("blob", &content),
                )
            };
            folders
                .entry(folder.clone())
                .or_default()
                .push(Entry { mode, name, id });
        }
    }
    // Deepest first: a path comes after its own beginning, so the reverse order folds children before their parents.
    while let Some((path, mut entries)) = folders.pop_last() {
        if entries.is_empty() {
            if path.is_empty() || !hollow.contains(&path) {
                return None;
            }
            continue;
        }
        let id = tree(&mut entries);
        if path.is_empty() {
            return Some(to_hex(&id));
        }
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
        folders.get_mut(parent)?.push(Entry {
            mode: "40000",
            name: name.to_owned(),
            id,
        });
    }
    None
}

struct Entry {
    mode: &'static str,
    name: String,
    id: [u8; 20],
}

fn tree(entries: &mut [Entry]) -> [u8; 20] {
    // git sorts a folder as if its name ended in a slash.
    entries.sort_by_key(|entry| {
        format!(
            "{}{}",
            entry.name,
            if entry.mode == "40000" { "/" } else { "" }
        )
        .into_bytes()
    });
    let mut content = Vec::new();
    for entry in entries {
        content.extend_from_slice(format!("{} {}\0", entry.mode, entry.name).as_bytes());
        content.extend_from_slice(&entry.id);
    }
    object("tree", &content)
}

fn object(kind: &str, content: &[u8]) -> [u8; 20] {
    let mut hash = Sha1::new();
    hash.update(format!("{kind} {}\0", content.len()).as_bytes());
    hash.update(content);
    hash.finalize().into()
}

/// What the subject's digest leaves out, the upstream folder does not hold either.
fn left_out(spec: &TreeSpec, path: &str, file: &Path, metadata: &fs::Metadata) -> bool {
    spec.leave_out.iter().any(|one| match one {
        LeaveOut::Entry(entry) => entry == path,
        LeaveOut::Folder(folder) => folder == path && metadata.is_dir(),
        LeaveOut::Record(record, kind) => {
            let is_record = |text: String| records::is_record(*kind, text.as_bytes());
            record == path
                && metadata.is_file()
                && read::text(file, records::MAX_BYTES).is_ok_and(is_record)
        }
        LeaveOut::HostLink { path: link, .. } => link == path && metadata.is_symlink(),
        // Only files of MCP servers, which no archive holds.
        LeaveOut::AllBut(_) | LeaveOut::Inside { .. } | LeaveOut::Target(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_git::git;
    use crate::tree::RecordKind;

    #[test]
    fn folder_has_the_id_that_git_gives() {
        let dir = tempfile::tempdir().expect("temp dir");
        let root = dir.path().join("skill");
        fs::create_dir_all(root.join("a/b")).expect("folders");
        fs::create_dir_all(root.join(".git")).expect("folders");
        fs::write(root.join("SKILL.md"), "x\n").expect("file");
        fs::write(root.join("a/b/run.sh"), "#!/bin/sh\n").expect("file");
        fs::set_permissions(root.join("a/b/run.sh"), fs::Permissions::from_mode(0o755))
            .expect("mode");
        // Sorts between `a` as a file and `a/` as a folder.
        fs::write(root.join("a.txt"), "").expect("file");
        std::os::unix::fs::symlink("SKILL.md", root.join("link")).expect("link");
        fs::create_dir_all(root.join(".openclaw")).expect("folders");
        let origin =
            r#"{"version":1,"source":"path","spec":"/src/skill","slug":"skill","installedAt":1}"#;
        fs::write(root.join(".openclaw/source-origin.json"), origin).expect("file");
        let record = LeaveOut::Record(
            ".openclaw/source-origin.json".to_owned(),
            RecordKind::SkillSourceOrigin,
        );
        let leave_out = vec![LeaveOut::Folder(".git".to_owned()), record];
        let spec = TreeSpec {
            root: root.clone(),
            boundary: root.clone(),
            leave_out,
        };
        let ours = of_folder(&spec).expect("id");
        fs::remove_dir(root.join(".git")).expect("remove");
        fs::remove_dir_all(root.join(".openclaw")).expect("remove");
        git(&root, &["init", "-q"]);
        git(&root, &["add", "-A", "-f"]);
        assert_eq!(ours, git(&root, &["write-tree"]));

        fs::create_dir(root.join("empty")).expect("folder");
        assert_eq!(of_folder(&spec), None);
    }
}
