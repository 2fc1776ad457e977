//! Where a link leads that goes into the store: from store path to store path, step by step, as the kernel would follow it.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::store_path::StorePath;

/// As many symlinks as Linux follows in one path.
const MAX_FOLLOWED: usize = 40;
/// Components that are looked at for one link.
const MAX_STEPS: usize = 1024;

/// The store paths by which a link that says `target` leads, from `folder`, to something in the store at `store`. None where it leaves the
/// store on its way, or leads nowhere.
pub(crate) fn resolve(store: &Path, folder: &Path, target: &str) -> Option<BTreeSet<StorePath>> {
    let mut passed = BTreeSet::new();
    let mut at = PathBuf::new();
    let mut todo: Vec<String> = Vec::new();
    start(store, folder, target, &mut at, &mut todo)?;
    let mut followed = 0;
    for _ in 0..MAX_STEPS {
        let Some(name) = todo.pop() else {
            return (!passed.is_empty()).then_some(passed);
        };
        if name == ".." {
            at.pop();
            continue;
        }
        at.push(name);
        // Whatever lies in the store and is no store path is none of Nix's.
        passed.insert(StorePath::of(Path::new(""), &at)?);
        let place = store.join(&at);
        if !std::fs::symlink_metadata(&place).ok()?.is_symlink() {
            continue;
        }
        followed += 1;
        let next = std::fs::read_link(&place).ok()?;
        at.pop();
        let from = store.join(&at);
        start(store, &from, next.to_str()?, &mut at, &mut todo)?;
        if followed > MAX_FOLLOWED {
            return None;
        }
    }
    None
}

/// Puts the components of `target` before `todo`, and `at` to the place in the store where they begin.
fn start(
    store: &Path,
    folder: &Path,
    target: &str,
    at: &mut PathBuf,
    todo: &mut Vec<String>,
) -> Option<()> {
    let target = Path::new(target);
    let rest = if target.is_absolute() {
        *at = PathBuf::new();
        let named = target.strip_prefix(super::store::NAME);
        target.strip_prefix(store).or(named).ok()?
    } else {
        *at = folder.strip_prefix(store).ok()?.to_owned();
        target
    };
    for component in rest.components().rev() {
        match component {
            Component::Normal(name) => todo.push(name.to_str()?.to_owned()),
            Component::ParentDir => todo.push("..".to_owned()),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_from_store_path_to_store_path_only() {
        let dir = tempfile::tempdir().expect("folder");
        let store = dir.path().canonicalize().expect("real").join("store");
        let path = |digit: &str, rest: &str| format!("{}-a{rest}", digit.repeat(32));
        for digit in ["1", "2"] {
            fs::create_dir_all(store.join(path(digit, "/bin"))).expect("folder");
        }
        fs::write(store.join(path("1", "/bin/x")), "").expect("file");
        fs::create_dir_all(store.join(".links")).expect("folder");
        let text = |rest: &str| format!("/nix/store/{rest}");
        let link = |to: &str, from: &str| symlink(to, store.join(path("2", from))).expect("link");
        link(&text(&path("1", "/bin/x")), "/chain");
        link("/etc/passwd", "/out");
        let outside = Path::new("/home/user");
        let found = |folder: &Path, target: &str| {
            let found = resolve(&store, folder, target)?;
            let bases = found.iter().map(|path| path.base()[..1].to_owned());
            Some(bases.collect::<Vec<_>>())
        };
        assert_eq!(
            found(outside, &text(&path("1", "/bin/x"))),
            Some(vec!["1".to_owned()])
        );
        let both = Some(vec!["1".to_owned(), "2".to_owned()]);
        assert_eq!(found(outside, &text(&path("2", "/chain"))), both);
        let inside = store.join(path("2", "/bin"));
        assert_eq!(found(&inside, "../chain"), both);
        assert_eq!(
            found(&inside, &format!("../../{}", path("1", "/bin/x"))),
            both.clone().map(|_| vec!["1".to_owned()])
        );
        for (folder, target) in [
            (outside, "x"),
            (outside, "/etc/passwd"),
            (outside, "/nix/store"),
            (outside, "/nix/store/.links"),
            (outside, &text(&path("1", "/bin/none"))),
            (outside, &text(&path("2", "/out"))),
            (outside, &text(&path("1", "/../../etc"))),
            (&inside, "../../../x"),
        ] {
            assert_eq!(found(folder, target), None, "{target}");
        }
    }
}
