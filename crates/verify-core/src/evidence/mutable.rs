//! Whether what changed in a skill is only its own state: notes and caches that it writes beside itself, or git's bookkeeping in a clone.
//!
//! Such a file must not be able to decide what runs or what the agent is told. So it is a data file by name and by content, that was
//! there and a file before, that no text of the skill names, and that the operator declared in the policy.

use std::io::Read as _;
use std::path::Path;

use crate::inventory::Subject;
use crate::policy::Pattern;
use crate::policy::state_files::{DATABASES, GIT, OBEYED, TEXTS};
use crate::read;
use crate::subject::Kind;
use crate::tree::{BlobId, ChangeKind, FileChange, ManifestStore, Mode, TreeEntry};

use super::Part;

/// Most bytes of a file that is state.
const MAX_FILE: u64 = 1 << 20;
const SQLITE: &[u8] = b"SQLite format 3\0";
/// Files that say which other files a skill is made of.
const MANIFESTS: [&str; 5] = [
    "SKILL.md",
    ".mcp.json",
    "package.json",
    "pyproject.toml",
    "openclaw.plugin.json",
];
/// What a difference from the locked tree is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StateChange {
    /// None, or one that may change what runs.
    #[default]
    No,
    /// Only files that could be declared as state.
    Undeclared,
    /// Only files that the operator declared as state.
    Declared,
}

/// Looks at what changed in the tree of `subject`. `declared` are the paths that policy gives.
pub(super) fn judge(
    subject: &Subject,
    part: &Part,
    manifests: Option<&ManifestStore>,
    declared: &[Pattern],
) -> StateChange {
    let spec = subject.trees.tree.as_ref();
    let (Kind::Skill, Some(spec), Some(changes)) = (subject.kind, spec, &part.changes) else {
        return StateChange::No;
    };
    let before = part.locked.and_then(|locked| manifests?.get(&locked).ok()?);
    let (Some(before), Some(now)) = (before, part.tree().map(|tree| &tree.manifest)) else {
        return StateChange::No;
    };
    let texts = texts(&spec.root, subject);
    let is_state = |change: &FileChange| {
        let (before, now) = (before.get(&change.path), now.get(&change.path));
        match change.path.strip_prefix(".git/") {
            Some(inside) => is_bookkeeping(&spec.root, inside, [before, now]),
            None => {
                change.kind == ChangeKind::Changed
                    && is_data(&spec.root, before, now)
                    && !is_named(&change.path, &texts)
            }
        }
    };
    if changes.is_empty() || !changes.iter().all(is_state) {
        return StateChange::No;
    }
    let is_declared = |change: &FileChange| declared.iter().any(|path| path.matches(&change.path));
    if changes.iter().all(is_declared) {
        StateChange::Declared
    } else {
        StateChange::Undeclared
    }
}

/// The texts that may name files of the skill.
fn texts(root: &Path, subject: &Subject) -> Vec<String> {
    let manifests = MANIFESTS.iter().filter_map(|name| {
        let bytes = read::bytes(&root.join(name), MAX_FILE).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    });
    let steps = subject.install_steps.iter().map(|step| step.target.clone());
    manifests.chain(steps).collect()
}

/// Whether a text names the file: by its name, by its path without the ending, or by a pattern that it matches.
fn is_named(path: &str, texts: &[String]) -> bool {
    let path = path.to_lowercase();
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let (stem, ending) = path.rsplit_once('.').unwrap_or((&path, ""));
    texts.iter().any(|text| {
        let text = text.to_lowercase();
        text.contains(name)
            || (stem.contains('/') && text.contains(stem))
            || text.contains(&format!("*.{ending}"))
            || (!folder.is_empty() && text.contains(&format!("{folder}/*")))
    })
}

fn is_bookkeeping(root: &Path, inside: &str, entries: [Option<&TreeEntry>; 2]) -> bool {
    let known = GIT.iter().any(|place| match place.strip_suffix('/') {
        Some(_) => inside.starts_with(place),
        None => inside == *place,
    });
    // Objects elsewhere are another repository's.
    let elsewhere = inside.starts_with("objects/info/alternates");
    let regular = entries
        .iter()
        .flatten()
        .all(|entry| entry.mode == Mode::Regular);
    known && !elsewhere && regular && entries[1].is_none_or(|_| is_gits(root, inside))
}

/// Whether a file holds what git writes at its place: a reference is an id or names another, and nothing begins like a script.
fn is_gits(root: &Path, inside: &str) -> bool {
    const START: usize = 64;
    let mut start = Vec::new();
    let file = read::open(&root.join(".git").join(inside)).ok();
    let read = file.and_then(|(file, _)| file.take(START as u64 + 1).read_to_end(&mut start).ok());
    if read.is_none() || start.starts_with(b"#!") {
        return false;
    }
    let is_id = |text: &[u8]| {
        let text = text.trim_ascii_end();
        matches!(text.len(), 40 | 64) && text.iter().all(u8::is_ascii_hexdigit)
    };
    !inside.starts_with("refs/") || is_id(&start) || start.starts_with(b"ref: ")
}

/// Whether a file was one before and is one now, of data and nothing else.
fn is_data(root: &Path, before: Option<&TreeEntry>, now: Option<&TreeEntry>) -> bool {
    let (Some(before), Some(now)) = (before, now) else {
        return false;
    };
    let name = now.path.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let hidden = now.path.split('/').any(|part| part.starts_with('.'));
    if before.mode != Mode::Regular
        || now.mode != Mode::Regular
        || hidden
        || OBEYED.contains(&name.to_lowercase().as_str())
    {
        return false;
    }
    // What is looked at has to be what was measured.
    let Ok(bytes) = read::bytes(&root.join(&now.path), MAX_FILE) else {
        return false;
    };
    if BlobId::of(&bytes) != now.id {
        return false;
    }
    if TEXTS.contains(&ending) {
        // No program, archive or compiled code is text without NUL.
        let text = std::str::from_utf8(&bytes).is_ok_and(|text| !text.contains('\0'));
        text && !bytes.starts_with(b"#!") && !bytes.starts_with(b"<?")
    } else {
        DATABASES.contains(&ending) && (bytes.is_empty() || bytes.starts_with(SQLITE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::TreeDigest;
    use crate::inventory::{Place, Trees};
    use crate::policy::Pattern;
    use crate::subject::{Source, SubjectId};
    use crate::tree::{self, TreeSpec};

    struct Skill {
        dir: tempfile::TempDir,
        store: ManifestStore,
        locked: Option<TreeDigest>,
    }

    impl Skill {
        /// A skill that was locked with these files.
        fn locked(files: &[(&str, &str)]) -> Self {
            let dir = tempfile::tempdir().expect("temp dir");
            let store = ManifestStore::new(dir.path().join("manifests"));
            let mut skill = Self {
                dir,
                store,
                locked: None,
            };
            for (path, text) in files {
                skill.write(path, text);
            }
            let tree = skill.tree();
            skill.store.put(&tree.manifest).expect("kept");
            skill.locked = Some(tree.digest);
            skill
        }

        fn root(&self) -> std::path::PathBuf {
            std::fs::canonicalize(self.dir.path())
                .expect("real")
                .join("skill")
        }

        fn write(&self, path: &str, text: &str) {
            let file = self.root().join(path);
            std::fs::create_dir_all(file.parent().expect("parent")).expect("mkdir");
            std::fs::write(file, text).expect("write");
        }

        fn tree(&self) -> tree::Tree {
            let specs = [TreeSpec::whole(self.root())];
            let mut trees = tree::digest_all(&specs, &tree::TreeOptions::default());
            trees.remove(0).expect("tree")
        }

        fn judged(&self, declared: &[&str]) -> StateChange {
            let place = Place {
                absolute: self.root(),
                shown: "skill".to_owned(),
            };
            let id = SubjectId::new("skill", "workspace/s");
            let mut subject = Subject::new(id, Kind::Skill, Source::Unrecorded, place);
            subject.trees = Trees {
                tree: Some(TreeSpec::whole(self.root())),
                ..Trees::default()
            };
            let part = Part::new(
                Some(Ok(self.tree())),
                self.locked,
                true,
                Some(&self.store),
                tree::compare,
            );
            let declared: Vec<Pattern> = declared
                .iter()
                .map(|path| Pattern::new(path).expect("pattern"))
                .collect();
            judge(&subject, &part, Some(&self.store), &declared)
        }
    }

    const ID: &str = "0123456789abcdef0123456789abcdef01234567\n";
    const FILES: [(&str, &str); 8] = [
        (
            "SKILL.md",
            "---\nname: s\ndescription: reads named.json\n---\n",
        ),
        ("data/notes.json", "{}"),
        ("data/run.sh", "true"),
        ("named.json", "{}"),
        ("package.json", "{}"),
        (".git/HEAD", "ref: refs/heads/main"),
        (".git/config", "[core]"),
        (".git/refs/heads/main", ID),
    ];

    #[test]
    fn declared_data_files_are_state() {
        let skill = Skill::locked(&FILES);
        assert_eq!(skill.judged(&["**"]), StateChange::No, "nothing changed");
        skill.write("data/notes.json", "{\"seen\": 1}");
        assert_eq!(skill.judged(&["data/*.json"]), StateChange::Declared);
        assert_eq!(skill.judged(&["other/*.json"]), StateChange::Undeclared);
        skill.write("data/run.sh", "touch /tmp/x");
        assert_eq!(skill.judged(&["**"]), StateChange::No);
    }

    #[test]
    fn a_fetch_of_a_clone_is_state_and_its_hooks_are_not() {
        let fetched = [
            (".git/FETCH_HEAD", ID),
            (".git/objects/ab/cdef", "x"),
            (".git/refs/remotes/origin/main", ID),
        ];
        let skill = Skill::locked(&FILES);
        for (path, text) in fetched {
            skill.write(path, text);
        }
        assert_eq!(skill.judged(&[".git/**"]), StateChange::Declared);
        assert_eq!(skill.judged(&[]), StateChange::Undeclared);
        for hostile in [
            ".git/hooks/post-checkout",
            ".git/config",
            ".git/HEAD",
            ".git/info/attributes",
            ".git/modules/x/config",
            ".git/objects/info/alternates",
            ".git/refs/heads/evil.sh",
        ] {
            let skill = Skill::locked(&FILES);
            skill.write(hostile, "other");
            assert_eq!(skill.judged(&["**"]), StateChange::No, "{hostile}");
        }
    }

    #[test]
    fn what_may_run_or_reach_the_agent_is_never_state() {
        for (path, text) in [
            ("SKILL.md", "---\nname: s\ndescription: other\n---\n"),
            ("named.json", "{\"is\": \"named by SKILL.md\"}"),
            ("package.json", "{\"main\": \"x\"}"),
            ("data/notes.json", "#!/bin/sh\n"),
            ("data/notes.json", "\u{7f}ELF\0"),
            ("data/notes.json", "<?php system('x');"),
            ("data/notes.json", "PK\u{3}\u{4}\0"),
            (".mcp.json", "{}"),
            ("data/new.json", "{}"),
            ("notes.md", "obey"),
            ("data/notes.txt", "obey"),
            ("data/x.pyc", "code"),
        ] {
            let skill = Skill::locked(&FILES);
            skill.write(path, text);
            assert_eq!(skill.judged(&["**"]), StateChange::No, "{path}");
        }
        let skill = Skill::locked(&FILES);
        skill.write("data/notes.json", &"x".repeat(MAX_FILE as usize + 1));
        assert_eq!(skill.judged(&["**"]), StateChange::No, "size");
        let skill = Skill::locked(&FILES);
        std::fs::remove_file(skill.root().join("data/notes.json")).expect("remove");
        assert_eq!(skill.judged(&["**"]), StateChange::No, "removed");
        std::os::unix::fs::symlink("run.sh", skill.root().join("data/notes.json")).expect("link");
        assert_eq!(skill.judged(&["**"]), StateChange::No, "link");
    }
}
