//! Copies of code that OpenClaw makes and loads in place of the originals: each file of a copy has to equal a file of a subject.

use std::collections::HashSet;

use super::Evidence;
use crate::inventory::{Hazard, Inventory, Observation};
use crate::text;
use crate::tree::{self, BlobId, TreeError, TreeSpec};

/// Endings of files that are loaded, run or read as settings by code.
const CODE: [&str; 12] = [
    "js", "mjs", "cjs", "ts", "mts", "cts", "node", "wasm", "so", "json", "sh", "py",
];
/// How often a folder is read again that changed under the walk.
const ATTEMPTS: usize = 4;
/// Most files that are named.
const MAX_NAMED: usize = 20;

/// What in the staged folders equals nothing that was measured.
pub(super) fn read<'a>(
    inventory: &Inventory,
    measured: impl Iterator<Item = &'a Evidence>,
    options: &tree::Options<'_>,
) -> Vec<Observation> {
    if inventory.staged.is_empty() {
        return Vec::new();
    }
    let known: HashSet<BlobId> = measured
        .flat_map(|evidence| [&evidence.tree, &evidence.dependencies, &evidence.siblings])
        .filter_map(|part| part.tree())
        .flat_map(|tree| tree.manifest.entries().iter().map(|entry| entry.id))
        .collect();
    let mut found = Vec::new();
    for place in &inventory.staged {
        let say = |place: String, why: String| Observation::Unexplained {
            hazard: Hazard::StagedCode,
            place,
            why,
            weak: false,
        };
        let spec = TreeSpec::whole(&place.absolute);
        // The gateway makes and removes copies while it runs; one quiet moment is enough.
        let mut digested = tree::digest(&spec, options);
        for _ in 0..ATTEMPTS {
            if matches!(digested, Err(TreeError::Changed { .. })) {
                digested = tree::digest(&spec, options);
            }
        }
        match digested {
            Ok(tree) => {
                let strange = tree.manifest.entries().iter().filter(|entry| {
                    let end = entry.path.rsplit_once('.').map_or("", |(_, end)| end);
                    CODE.contains(&end) && !known.contains(&entry.id)
                });
                found.extend(strange.take(MAX_NAMED).map(|entry| {
                    say(
                        format!("{}/{}", place.shown, text::visible(&entry.path)),
                        "it equals no file of an installed subject".to_owned(),
                    )
                }));
            }
            Err(TreeError::Missing) => {}
            Err(TreeError::Changed { path }) => found.push(Observation::Unexplained {
                hazard: Hazard::StagedCode,
                place: place.shown.clone(),
                why: format!(
                    "{} changed each time it was read, so it was not judged",
                    text::excerpt(&path, 200)
                ),
                weak: true,
            }),
            Err(error) => found.push(say(
                place.shown.clone(),
                format!("cannot be digested: {error}"),
            )),
        }
    }
    found
}
