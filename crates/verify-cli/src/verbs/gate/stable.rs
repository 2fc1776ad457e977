//! A path of the host package that is still there after an update of OpenClaw.
//!
//! pnpm, bun, Homebrew and the managers of Node keep each version in a folder of its own, and a link beside it leads to the one that
//! counts. What is written into OpenClaw's config has to name the link.

use std::path::{Path, PathBuf};

/// How many folders above the one of a version are looked into for a link.
const MAX_ABOVE: usize = 4;
/// Most entries of such a folder.
const MAX_LINKS: usize = 1_000;
/// Where a prefix holds packages.
const PACKAGES: [&str; 2] = ["node_modules", "lib/node_modules"];

/// The path by a link that names no version, where one leads to the very same folder; `real` itself where there is none.
pub(super) fn path(real: &Path) -> PathBuf {
    let Some(versioned) = real.ancestors().find(|place| is_versioned(place)) else {
        return real.to_owned();
    };
    let above = || versioned.ancestors().skip(1).take(MAX_ABOVE);
    let package = real.file_name().unwrap_or_default();
    let packages = above().flat_map(|folder| PACKAGES.map(|name| folder.join(name).join(package)));
    // `Cellar/openclaw/1.2.3` beside `opt/openclaw`, `node-versions/v22.1.0` beside `aliases/default`, `installs/node/22.1.0` beside `22`.
    let folders = above().flat_map(|folder| ["", "aliases", "opt"].map(|name| folder.join(name)));
    let links = folders
        .flat_map(|folder| links(&folder))
        .filter_map(|link| {
            let target = link.canonicalize().ok()?;
            let rest = real.strip_prefix(target).ok()?;
            Some(link.join(rest))
        });
    let leads_there = |path: &PathBuf| {
        !path.iter().any(|part| Some(part) == versioned.file_name())
            && path.canonicalize().is_ok_and(|it| it == real)
    };
    packages
        .chain(links)
        .find(leads_there)
        .unwrap_or_else(|| real.to_owned())
}

/// Whether the last part of a path holds a version: digits, a full stop, digits.
fn is_versioned(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let parts: Vec<&str> = name.split('.').collect();
    parts.windows(2).any(|pair| match pair {
        [before, behind] => {
            before.ends_with(|c: char| c.is_ascii_digit())
                && behind.starts_with(|c: char| c.is_ascii_digit())
        }
        _ => false,
    })
}

/// The links of a folder, by name.
fn links(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut links: Vec<PathBuf> = entries
        .take(MAX_LINKS)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()))
        .map(|entry| entry.path())
        .collect();
    links.sort();
    links
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_link_that_stays_is_found() {
        let dir = tempfile::tempdir().expect("temp dir");
        let root = dir.path().canonicalize().expect("real path");
        for (real, link, target, stays) in [
            (
                "pnpm/global/5/.pnpm/openclaw@2026.9.6/node_modules/openclaw",
                "pnpm/global/5/node_modules/openclaw",
                "../.pnpm/openclaw@2026.9.6/node_modules/openclaw",
                "pnpm/global/5/node_modules/openclaw",
            ),
            (
                "brew/Cellar/openclaw/2026.9.6/libexec/lib/node_modules/openclaw",
                "brew/opt/openclaw",
                "../Cellar/openclaw/2026.9.6",
                "brew/opt/openclaw/libexec/lib/node_modules/openclaw",
            ),
            (
                "fnm/node-versions/v22.1.0/installation/lib/node_modules/openclaw",
                "fnm/aliases/default",
                "../node-versions/v22.1.0/installation",
                "fnm/aliases/default/lib/node_modules/openclaw",
            ),
            (
                "mise/installs/node/22.1.0/lib/node_modules/openclaw",
                "mise/installs/node/22",
                "22.1.0",
                "mise/installs/node/22/lib/node_modules/openclaw",
            ),
        ] {
            let (real, link) = (root.join(real), root.join(link));
            std::fs::create_dir_all(&real).expect("folder");
            assert_eq!(path(&real), real, "no link yet");
            std::fs::create_dir_all(link.parent().expect("parent")).expect("folder");
            // One that leads to another version is none.
            std::fs::create_dir_all(root.join("elsewhere")).expect("folder");
            symlink(root.join("elsewhere"), &link).expect("link");
            assert_eq!(path(&real), real, "a link to elsewhere");
            std::fs::remove_file(&link).expect("removed");
            symlink(target, &link).expect("link");
            assert_eq!(path(&real), root.join(stays));
        }
        let plain = root.join("usr/lib/node_modules/openclaw");
        std::fs::create_dir_all(&plain).expect("folder");
        assert_eq!(path(&plain), plain);
    }
}
