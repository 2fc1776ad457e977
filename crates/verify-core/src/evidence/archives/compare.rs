//! The files of one package against its archive. What npm and OpenClaw change honestly is known by name, and nothing else is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::layout::{PackageLayout, Piece};
use super::unpacked::Unpacked;
use crate::digest::Sri;
use crate::fact::{Fact, NotEstablished};
use crate::spec::plain_version;
use crate::text;
use crate::tree::{self, ChangeKind, FileChange, Manifest, Mode, TreeEntry};

/// Lines about one package before the rest is counted.
const LINES: usize = 100;

/// The files of a subject, by the package whose archive must hold them.
pub(super) struct Owned {
    /// For each piece of the layout.
    pub(super) files: Vec<Vec<TreeEntry>>,
    /// Files of no package, safe to show.
    pub(super) strays: Vec<String>,
    /// Whether a package with an archive of its own lies inside the subject's folder.
    pub(super) foreign_in_tree: bool,
}

/// What came of one package.
pub(super) struct PieceOutcome {
    /// Whether it equals its archive.
    pub(super) fact: Fact<Sri>,
    /// Where it does not, safe to show.
    pub(super) differences: Vec<String>,
    /// The archive that it was compared with.
    pub(super) archive: Option<Sri>,
}

/// Gives each file to the innermost package with an archive of its own. The links that npm makes for commands belong to no package, when
/// they say exactly what npm writes.
pub(super) fn owners(installed: &[(String, &TreeEntry)], layout: &PackageLayout) -> Owned {
    let places: BTreeMap<&str, usize> = layout
        .pieces
        .iter()
        .enumerate()
        .map(|(at, piece)| (piece.path.as_str(), at))
        .collect();
    let own = layout
        .pieces
        .iter()
        .find(|piece| piece.own)
        .map(|piece| piece.path.as_str());
    let inside_own = |piece: &Piece| {
        !piece.own
            && own.is_some_and(|own| {
                // A project that is the package itself has its dependencies in the top `node_modules`, which is no part of its tree.
                !own.is_empty()
                    && piece
                        .path
                        .strip_prefix(own)
                        .is_some_and(|rest| rest.starts_with('/'))
            })
    };
    let mut owned = Owned {
        files: layout.pieces.iter().map(|_| Vec::new()).collect(),
        strays: Vec::new(),
        foreign_in_tree: layout.pieces.iter().any(inside_own),
    };
    for (path, entry) in installed {
        if is_command(path, entry, layout) {
            continue;
        }
        // From the innermost folder outwards, as Node resolves: a package inside another one's folder is its own
        // package, and its files must not be excused by the outer archive.
        let above = path
            .rmatch_indices('/')
            .map(|(end, _)| path.get(..end).unwrap_or_default());
        let owner = above
            .chain([""])
            .find_map(|folder| places.get(folder).map(|at| (folder, *at)));
        match owner.and_then(|(folder, at)| Some((folder, owned.files.get_mut(at)?))) {
            Some((folder, files)) => {
                let rest = if folder.is_empty() {
                    path
                } else {
                    path.get(folder.len() + 1..).unwrap_or_default()
                };
                files.push(TreeEntry {
                    path: rest.to_owned(),
                    mode: entry.mode,
                    id: entry.id,
                });
            }
            None => owned.strays.push(text::excerpt(path, 300)),
        }
    }
    owned
}

/// Compares the files of one package with its archive.
pub(super) fn piece(
    piece: &Piece,
    files: Vec<TreeEntry>,
    unpacked: Fact<Arc<Unpacked>>,
    layout: &PackageLayout,
) -> PieceOutcome {
    let nothing = |fact| PieceOutcome {
        fact,
        differences: Vec::new(),
        archive: None,
    };
    let unpacked = match unpacked {
        Fact::Verified(unpacked) => unpacked,
        Fact::Violated { code, why } => {
            return nothing(Fact::Violated {
                code,
                why: format!("{}: {why}", piece.label()),
            });
        }
        Fact::NotEstablished { code, why } => return nothing(Fact::NotEstablished { code, why }),
        Fact::NotApplicable => return nothing(Fact::NotApplicable),
    };
    let archive = Some(unpacked.integrity);
    // Genuine bytes of another package pass every comparison of files, so what the archive says it is comes first.
    if let Some(why) = other_package(piece, &unpacked) {
        return PieceOutcome {
            fact: Fact::violated(None, why),
            differences: Vec::new(),
            archive,
        };
    }
    let installed = match Manifest::new(files) {
        Ok(installed) => installed,
        Err(error) => return nothing(Fact::violated(None, format!("{}: {error}", piece.label()))),
    };
    let changes = tree::compare(&unpacked.manifest, &installed);
    let without_modes = installed.is_without_modes();
    let real: Vec<FileChange> = changes
        .into_iter()
        .filter(|change| !(without_modes && change.kind == ChangeKind::ModeChanged))
        .filter(|change| !is_honest(change, piece, &unpacked, &installed))
        .collect();
    if real.is_empty() {
        let fact = match &piece.doubt {
            None => Fact::Verified(unpacked.integrity),
            Some(doubt) => Fact::not_established(NotEstablished::UnknownLayout, doubt.clone()),
        };
        return PieceOutcome {
            fact,
            differences: Vec::new(),
            archive,
        };
    }
    let count = real.len();
    let why = difference(&real, &unpacked, piece);
    let mut differences: Vec<String> = real
        .iter()
        .take(LINES)
        .map(|change| line(change, piece, layout))
        .collect();
    if count > LINES {
        differences.push(format!("… and {} more", count - LINES));
    }
    PieceOutcome {
        fact: Fact::violated(None, why),
        differences,
        archive,
    }
}

/// How a package differs from its archive. Where files are missing and nothing else, an install was cut off or something took them away.
fn difference(real: &[FileChange], unpacked: &Unpacked, piece: &Piece) -> String {
    let (count, label) = (real.len(), piece.label());
    if real.iter().all(|change| change.kind == ChangeKind::Removed) {
        let all = text::count(unpacked.manifest.entries().len() as u64, "file");
        let are = if count == 1 { "is" } else { "are" };
        return format!("{count} of {all} of the published archive of {label} {are} missing");
    }
    let differ = match count {
        1 => "file differs",
        _ => "files differ",
    };
    format!("{count} {differ} from the published archive of {label}")
}

/// Compares a package that came inside another one's archive with the archive that it is published as. Packages below it are its own
/// only where that archive holds them too.
pub(super) fn bundled(
    piece: &Piece,
    installed: &[(String, &TreeEntry)],
    unpacked: Fact<Arc<Unpacked>>,
    layout: &PackageLayout,
) -> PieceOutcome {
    let inside = format!("{}/", piece.path);
    let below = layout
        .labels
        .range(inside.clone()..)
        .map_while(|(path, _)| path.strip_prefix(&inside));
    let held = |folder: &str| {
        unpacked.verified().is_some_and(|unpacked| {
            let inside = format!("{folder}/");
            unpacked
                .manifest
                .entries()
                .iter()
                .any(|entry| entry.path.starts_with(&inside))
        })
    };
    let others: Vec<String> = below
        .filter(|folder| !held(folder))
        .map(|folder| format!("{folder}/"))
        .collect();
    let start = installed.partition_point(|(path, _)| *path < inside);
    let files = installed
        .iter()
        .skip(start)
        .map_while(|(path, entry)| Some((path, path.strip_prefix(&inside)?, entry)));
    let own = files.filter(|(path, rest, entry)| {
        !is_command(path, entry, layout) && !others.iter().any(|folder| rest.starts_with(folder))
    });
    let own = own
        .map(|(_, rest, entry)| TreeEntry {
            path: rest.to_owned(),
            mode: entry.mode,
            id: entry.id,
        })
        .collect();
    self::piece(piece, own, unpacked, layout)
}

/// A link that npm makes for a command, when it says exactly what npm writes.
fn is_command(path: &str, entry: &TreeEntry, layout: &PackageLayout) -> bool {
    entry.mode == Mode::Symlink
        && layout
            .commands
            .get(path)
            .is_some_and(|targets| targets.contains(&entry.id))
}

/// An archive of the recorded digest that is another package: the record lies.
fn other_package(piece: &Piece, unpacked: &Unpacked) -> Option<String> {
    let (name, version) = (unpacked.stated.0.as_deref(), unpacked.stated.1.as_deref());
    let same_version =
        version.is_some_and(|version| plain_version(version) == plain_version(&piece.version));
    if name == Some(piece.name.as_str()) && same_version {
        return None;
    }
    let shown = |text: Option<&str>| text::excerpt(text.unwrap_or("?"), 100);
    Some(format!(
        "the archive with the recorded integrity is {}@{}, not {}",
        shown(name),
        shown(version),
        piece.label()
    ))
}

/// What npm and OpenClaw do to installed files, and nothing else:
/// npm makes files named in `bin` executable, and gives the first line of such a file a Unix line ending; OpenClaw removes the note
/// that tells the host package to finish its own install.
fn is_honest(
    change: &FileChange,
    piece: &Piece,
    unpacked: &Unpacked,
    installed: &Manifest,
) -> bool {
    if piece.own && piece.name == "openclaw" && change.kind == ChangeKind::Removed {
        return change.path == ".openclaw-lifecycle-pending";
    }
    let (Some(before), Some(after)) = (
        unpacked.manifest.get(&change.path),
        installed.get(&change.path),
    ) else {
        return false;
    };
    let executable =
        after.mode == before.mode || (before.mode, after.mode) == (Mode::Regular, Mode::Executable);
    if !unpacked.bins.contains(&change.path) || !executable {
        return false;
    }
    match change.kind {
        ChangeKind::ModeChanged => true,
        ChangeKind::Changed => unpacked.unix_first_line(&change.path) == Some(after.id),
        _ => false,
    }
}

/// `changed zod@4.5.4: index.js`: the innermost package, and the file in it.
fn line(change: &FileChange, piece: &Piece, layout: &PackageLayout) -> String {
    let full = if piece.path.is_empty() {
        change.path.clone()
    } else {
        format!("{}/{}", piece.path, change.path)
    };
    let innermost = full.rmatch_indices('/').find_map(|(end, _)| {
        let folder = full.get(..end)?;
        Some((layout.labels.get(folder)?, full.get(end + 1..)?))
    });
    let kind = change.kind.as_str();
    match innermost {
        Some((label, file)) => format!("{kind} {label}: {}", text::excerpt(file, 300)),
        None => format!(
            "{kind} {}: {}",
            piece.label(),
            text::excerpt(&change.path, 300)
        ),
    }
}
