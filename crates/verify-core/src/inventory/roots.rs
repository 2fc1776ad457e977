//! Folders of the state directory that OpenClaw installs into, where they are links: people keep them on a volume.
//!
//! OpenClaw follows such a link, and so do we: what lies behind it is at its place. That holds only where no one but the owner of the
//! state can change what the link leads to, and where no agent works. A link *below* one of these folders is judged as any other.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::context::Workspace;
use super::ownership;
use super::paths::{Kind, Paths, normalize};
use super::{Inventory, LinkedRoot, Observation};
use crate::text;

/// Folders that OpenClaw installs into, below the state directory.
const ROOTS: [&str; 4] = ["extensions", "git", "hooks", "npm"];

/// Finds the linked roots; from now on `paths` takes what lies behind them for its own.
pub(super) fn follow(
    paths: &Paths,
    state_dir: &Path,
    workspaces: &[Workspace],
    inventory: &mut Inventory,
) {
    let linked = |link: &Path, target: &Path| LinkedRoot {
        link: text::visible(&link.to_string_lossy()).into_owned(),
        target: text::visible(&target.to_string_lossy()).into_owned(),
    };
    if is_link(state_dir) {
        let root = linked(state_dir, &paths.state);
        inventory.linked_roots.push(root);
    }
    let mut targets: Vec<(&str, PathBuf)> = Vec::new();
    for name in ROOTS {
        let link = paths.state.join(name);
        if !is_link(&link) {
            continue;
        }
        // What leads nowhere, or out of a copy, is spoken of where it is listed.
        let Ok(target) = paths.real(&link) else {
            continue;
        };
        if paths.kind(&target) != Kind::Folder {
            continue;
        }
        let refused = leads_over_another_link(paths, &link)
            .or_else(|| reason_to_refuse(paths, &target, workspaces));
        if let Some(why) = refused {
            inventory.observations.push(Observation::UnknownLayout {
                place: name.to_owned(),
                found: format!("a link to {}: {why}", paths.shown(&target)),
            });
            continue;
        }
        if let Some((first, _)) = targets.iter().find(|(_, known)| *known == target) {
            inventory.observations.push(Observation::SharedRoot {
                roots: [(*first).to_owned(), name.to_owned()],
                target: paths.shown(&target),
            });
        }
        inventory
            .linked_roots
            .push(linked(Path::new(name), &target));
        targets.push((name, target));
    }
    for (name, target) in targets {
        paths.follow(name, target);
    }
}

/// Whether a link leads to its end by way of another link, which another user may be able to change. Those of the system, which only root
/// can change, do no harm.
fn leads_over_another_link(paths: &Paths, link: &Path) -> Option<String> {
    let owner = std::fs::metadata(&paths.state).map_or(0, |state| state.uid());
    let target = std::fs::read_link(link).ok()?;
    let first = normalize(&link.parent()?.join(target));
    let mut so_far = PathBuf::new();
    for part in first.components() {
        so_far.push(part);
        let metadata = std::fs::symlink_metadata(&so_far).ok()?;
        let at_the_top = so_far
            .parent()
            .is_some_and(|above| above.parent().is_none());
        let of_system = metadata.uid() == 0 && (owner != 0 || at_the_top);
        if metadata.is_symlink() && !of_system {
            let over = text::visible(&so_far.to_string_lossy()).into_owned();
            return Some(format!(
                "it leads over the link {over}; let it lead to its end directly"
            ));
        }
        let above = so_far
            .parent()
            .and_then(|above| std::fs::metadata(above).ok());
        let open =
            above.is_some_and(|above| above.mode() & 0o002 != 0 && above.mode() & 0o1000 == 0);
        if metadata.is_symlink() && open {
            return Some("it leads over a link that others can change".to_owned());
        }
    }
    None
}

fn is_link(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Why what a link leads to is not the owner's alone; none when it is.
fn reason_to_refuse(paths: &Paths, target: &Path, workspaces: &[Workspace]) -> Option<String> {
    let shown = |path: &Path| text::visible(&path.to_string_lossy()).into_owned();
    let inside = workspaces.iter().find(|workspace| {
        let real = paths.real(&workspace.folder);
        let folder = real.as_ref().unwrap_or(&workspace.folder);
        target.starts_with(folder)
    });
    if let Some(workspace) = inside {
        let folder = shown(&workspace.folder);
        return Some(format!(
            "it lies in the workspace {folder}, where an agent writes"
        ));
    }
    if target.starts_with(paths.state.join("sandboxes")) {
        return Some("it lies in a sandbox, where an agent writes".to_owned());
    }
    let owner = std::fs::metadata(&paths.state).map_or(0, |state| state.uid());
    ownership::other_hand(target, &[owner])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn observed(target_mode: u32, workspace: &str) -> (Vec<LinkedRoot>, Vec<Observation>) {
        let dir = tempfile::tempdir().expect("temp dir");
        let base = std::fs::canonicalize(dir.path()).expect("real");
        let state = base.join("state");
        let target = base.join("volume/npm");
        std::fs::create_dir_all(&target).expect("mkdir");
        std::fs::create_dir_all(&state).expect("mkdir");
        symlink(&target, state.join("npm")).expect("link");
        symlink(&target, state.join("git")).expect("link");
        let permissions = std::fs::Permissions::from_mode(target_mode);
        std::fs::set_permissions(&target, permissions).expect("chmod");
        let workspaces = [Workspace {
            folder: base.join(workspace),
            agent: None,
        }];
        let paths = Paths::plain(&state);
        let mut inventory = Inventory::default();
        follow(&paths, &state, &workspaces, &mut inventory);
        if !inventory.linked_roots.is_empty() {
            assert_eq!(paths.root("npm"), target);
            // Of two names for one place the first is shown.
            assert_eq!(paths.shown(&target.join("projects")), "git/projects");
        } else {
            assert_eq!(paths.root("npm"), state.join("npm"));
        }
        (inventory.linked_roots, inventory.observations)
    }

    #[test]
    fn a_root_of_the_owner_is_followed() {
        let (linked, observations) = observed(0o755, "workspace");
        assert_eq!(linked.len(), 2, "{observations:?}");
        assert!(matches!(
            observations.as_slice(),
            [Observation::SharedRoot { .. }]
        ));
    }

    #[test]
    fn what_others_or_an_agent_can_write_is_not() {
        for (mode, workspace) in [(0o777, "workspace"), (0o1777, "workspace")] {
            let (linked, observations) = observed(mode, workspace);
            assert!(linked.is_empty(), "{mode:o}");
            assert_eq!(observations.len(), 2, "{observations:?}");
        }
        let (linked, observations) = observed(0o755, "volume");
        assert!(linked.is_empty(), "{observations:?}");
    }
}
