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
        match tree::digest(&spec, options) {
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
            // The gateway makes and removes captures while it runs: what changes under the walk is looked at by the next check.
            Err(TreeError::Changed { path }) => found.push(Observation::Unreadable {
                place: place.shown.clone(),
                why: format!("{} changed while it was read", text::excerpt(&path, 200)),
            }),
            Err(error) => found.push(say(
                place.shown.clone(),
                format!("cannot be digested: {error}"),
            )),
        }
    }
    found
}
