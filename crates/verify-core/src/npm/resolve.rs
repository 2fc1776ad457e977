//! What Node finds for a dependency, and which packages came inside another's archive.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Edge, PackageInstance};

/// Bytes that a name on disk can have: a scope and a name of 255 each.
const MAX_NAME: usize = 511;

/// Finds packages as Node does. Only places that the walk has seen can be found, so a dependency called `../../x` leads nowhere.
pub(super) struct Resolver<'a> {
    places: HashMap<&'a str, Resolved<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolved<'a> {
    /// Index of an instance.
    Instance(usize),
    /// Path of a link that leaves the project.
    Link(&'a str),
    Nothing,
}

impl<'a> Resolver<'a> {
    /// `links` are the links that lead somewhere, by path; with their real path when that is a package of the project.
    pub(super) fn new(
        instances: &'a [PackageInstance],
        links: &'a BTreeMap<String, Option<String>>,
    ) -> Self {
        let mut places: HashMap<&str, Resolved<'_>> = instances
            .iter()
            .enumerate()
            .map(|(at, one)| (one.path.as_str(), Resolved::Instance(at)))
            .collect();
        for (path, real) in links {
            let target = real
                .as_ref()
                .and_then(|real| places.get(real.as_str()).copied())
                .unwrap_or(Resolved::Link(path));
            places.insert(path, target);
        }
        Self { places }
    }

    /// What Node finds for `name` from inside the package at `path`: the nearest `node_modules` upwards that has it.
    pub(super) fn resolve(&self, path: &str, name: &str) -> Resolved<'a> {
        if name.len() > MAX_NAME {
            return Resolved::Nothing;
        }
        let mut folder = path;
        loop {
            // Node never looks into the `node_modules` of a folder that is itself called so.
            if folder.rsplit('/').next() != Some("node_modules") {
                let separator = if folder.is_empty() { "" } else { "/" };
                let candidate = format!("{folder}{separator}node_modules/{name}");
                if let Some(found) = self.places.get(candidate.as_str()) {
                    return *found;
                }
            }
            if folder.is_empty() {
                return Resolved::Nothing;
            }
            folder = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }
}

/// The instances that came inside the archive of a package around them, by npm's rule: from each bundler over its bundled names,
/// and on over every edge that stays inside the bundler. `edges` are sorted.
pub(super) fn bundled(
    instances: &[PackageInstance],
    resolver: &Resolver<'_>,
    edges: &[Edge],
) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for bundler in instances {
        let inside = format!("{}/node_modules/", bundler.path);
        let within = |at: &usize| {
            instances
                .get(*at)
                .is_some_and(|one| one.path.starts_with(&inside))
        };
        let mut pending: Vec<usize> = Vec::new();
        for name in &bundler.manifest.bundles {
            if let Resolved::Instance(at) = resolver.resolve(&bundler.path, name) {
                pending.extend(Some(at).filter(within));
            }
        }
        let mut seen = BTreeSet::new();
        while let Some(at) = pending.pop() {
            if seen.insert(at) {
                let leaving = super::edges_from(edges, Some(at));
                pending.extend(leaving.map(|edge| edge.to).filter(within));
            }
        }
        found.extend(seen);
    }
    found
}
