//! What changed between two SBOMs: the page that a reviewer reads after an update.
//!
//! Packages are matched by subject and by their place below its project, not by their path in the state directory, so that a new
//! generation folder of OpenClaw is no change. What only moved inside its project is distinguished from what is new.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::text;

use super::build::NO_ADVISORIES;

/// What changed between two SBOMs. Everything is sorted, and every text is safe to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diff {
    /// Only in the new SBOM.
    pub added: Vec<ComponentEntry>,
    /// Only in the old SBOM.
    pub removed: Vec<ComponentEntry>,
    /// The same name and version of the same subject in another place.
    pub moved: Vec<Moved>,
    /// In both, and not equal.
    pub changed: Vec<ComponentChange>,
    /// What advisories say that the old SBOM does not.
    #[serde(rename = "vulnerabilitiesAdded")]
    pub vulnerabilities_added: Vec<KnownVulnerability>,
    /// What the old SBOM says, and the new one does not.
    #[serde(rename = "vulnerabilitiesRemoved")]
    pub vulnerabilities_removed: Vec<KnownVulnerability>,
    /// The old SBOM knows vulnerabilities, and for the new one nothing was looked up, so that nothing is known to be gone.
    #[serde(rename = "vulnerabilitiesNotLookedUp")]
    pub vulnerabilities_not_looked_up: bool,
}

/// A vulnerability of one component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct KnownVulnerability {
    /// What has it.
    #[serde(flatten)]
    pub entry: ComponentEntry,
    /// Its id.
    pub id: String,
    /// How it was judged, such as `not_affected`; empty where it was not.
    pub state: String,
}

/// A component or service.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct ComponentEntry {
    /// The subject that it is or belongs to; empty when the SBOM does not say.
    pub subject: String,
    /// Its name with the scope.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its place below the subject's project, or its reference.
    pub place: String,
}

/// The same package in another place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Moved {
    /// What it is now.
    #[serde(flatten)]
    pub entry: ComponentEntry,
    /// Where it was.
    pub from: String,
}

/// One entry with what changed about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct ComponentChange {
    /// What it is now.
    #[serde(flatten)]
    pub entry: ComponentEntry,
    /// The fields, by name.
    pub fields: Vec<Field>,
}

/// One changed field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Field {
    /// `version`, `licenses`, `hashes`, `dependencies`, or the name of a property.
    pub name: String,
    /// What only the old SBOM has.
    pub old: Vec<String>,
    /// What only the new SBOM has.
    pub new: Vec<String>,
}

/// Compares two SBOMs in CycloneDX JSON, of any version and any tool; those of this library match best.
#[must_use]
pub fn diff(old: &Value, new: &Value) -> Diff {
    let mut diff = Diff::default();
    let (before, after) = (read(old), read(new));
    let looked_up = is_looked_up(new);
    diff.compare_known(before.known(old), after.known(new), looked_up);
    let (old, new) = (before.items, after.items);
    let mut gone: BTreeMap<&String, &Item> = old
        .iter()
        .filter(|(key, _)| !new.contains_key(*key))
        .collect();
    let mut come: BTreeMap<&String, &Item> = new
        .iter()
        .filter(|(key, _)| !old.contains_key(*key))
        .collect();
    for (key, before) in &old {
        if let Some(after) = new.get(key) {
            diff.changed.extend(change(before, after));
        }
    }
    // First what moved unchanged, then what moved and changed its version, where that is not ambiguous.
    pair(
        &mut gone,
        &mut come,
        |entry| {
            (
                entry.subject.clone(),
                entry.name.clone(),
                entry.version.clone(),
            )
        },
        |before, after| {
            diff.moved.push(Moved {
                entry: after.entry.clone(),
                from: before.entry.place.clone(),
            });
            diff.changed.extend(change(before, after));
        },
    );
    pair(
        &mut gone,
        &mut come,
        |entry| (entry.subject.clone(), entry.name.clone(), String::new()),
        |before, after| {
            diff.changed.extend(change(before, after));
        },
    );
    diff.added = come.into_values().map(|item| item.entry.clone()).collect();
    diff.removed = gone.into_values().map(|item| item.entry.clone()).collect();
    diff.added.sort();
    diff.removed.sort();
    diff.moved.sort();
    diff.changed.sort();
    diff
}

impl Diff {
    /// Compares what advisories say. A package that only moved, or has another version, has the same vulnerability.
    fn compare_known(&mut self, before: Known, after: Known, looked_up: bool) {
        let only = |these: &Known, those: &Known| -> Vec<KnownVulnerability> {
            let only = these.iter().filter(|(key, _)| !those.contains_key(*key));
            only.map(|(_, one)| one.clone()).collect()
        };
        self.vulnerabilities_added = only(&after, &before);
        if looked_up {
            self.vulnerabilities_removed = only(&before, &after);
        } else {
            self.vulnerabilities_not_looked_up = !before.is_empty();
        }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The page for a reader: by subject, `+` added, `-` removed, `>` moved, `~` changed, `!` what advisories say now or no more.
    #[must_use]
    pub fn to_text(&self) -> String {
        let (added, removed, moved, changed) = (
            self.added.len(),
            self.removed.len(),
            self.moved.len(),
            self.changed.len(),
        );
        let mut page =
            format!("{added} added · {removed} removed · {moved} moved · {changed} changed");
        let known = self.vulnerabilities_added.len();
        let gone = self.vulnerabilities_removed.len();
        if known + gone > 0 {
            let _ = write!(
                page,
                " · vulnerabilities: {known} known now, {gone} no more"
            );
        }
        page.push('\n');
        if self.vulnerabilities_not_looked_up {
            page.push_str("vulnerabilities: the old SBOM has some, and for the new one nothing was looked up\n");
        }
        for (subject, lines) in self.lines() {
            let _ = write!(page, "\n{subject}\n{lines}");
        }
        page
    }

    /// The lines of each subject.
    fn lines(&self) -> BTreeMap<String, String> {
        let mut subjects: BTreeMap<String, String> = BTreeMap::new();
        let mut line = |entry: &ComponentEntry, mark: char, rest: String| {
            let place = if entry.place == entry.name {
                String::new()
            } else {
                format!("  ({})", entry.place)
            };
            let text = subjects
                .entry(subject_of(&entry.subject).to_owned())
                .or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  {mark} {} {}{place}{rest}",
                entry.name, entry.version
            );
        };
        for entry in &self.added {
            line(entry, '+', String::new());
        }
        for entry in &self.removed {
            line(entry, '-', String::new());
        }
        for moved in &self.moved {
            line(&moved.entry, '>', format!("  from {}", moved.from));
        }
        for change in &self.changed {
            let fields = change.fields.iter().map(|field| {
                let list = |values: &[String]| {
                    if values.is_empty() {
                        "nothing".to_owned()
                    } else {
                        values.join(", ")
                    }
                };
                format!(
                    "\n      {}: {} -> {}",
                    field.name,
                    list(&field.old),
                    list(&field.new)
                )
            });
            line(&change.entry, '~', fields.collect());
        }
        let known = self
            .vulnerabilities_added
            .iter()
            .map(|one| (one, "known now"));
        let gone = &self.vulnerabilities_removed;
        for (one, what) in known.chain(gone.iter().map(|one| (one, "no more"))) {
            let state = if one.state.is_empty() {
                String::new()
            } else {
                format!(" ({})", one.state)
            };
            line(&one.entry, '!', format!("  {what}: {}{state}", one.id));
        }
        subjects
    }
}

fn subject_of(subject: &str) -> &str {
    if subject.is_empty() {
        "(no subject)"
    } else {
        subject
    }
}

struct Item {
    entry: ComponentEntry,
    fields: BTreeMap<String, BTreeSet<String>>,
}

/// Takes each pair out of both maps that is the only one with its key on both sides.
fn pair<K: Ord>(
    gone: &mut BTreeMap<&String, &Item>,
    come: &mut BTreeMap<&String, &Item>,
    key: impl Fn(&ComponentEntry) -> K,
    mut found: impl FnMut(&Item, &Item),
) {
    let index = |items: &BTreeMap<&String, &Item>| {
        let mut index: BTreeMap<K, Vec<String>> = BTreeMap::new();
        for (at, item) in items {
            index
                .entry(key(&item.entry))
                .or_default()
                .push((*at).clone());
        }
        index
    };
    let after = index(come);
    for (key, before) in index(gone) {
        if let ([before], Some([after])) = (before.as_slice(), after.get(&key).map(Vec::as_slice))
            && let (Some(before), Some(after)) = (gone.remove(before), come.remove(after))
        {
            found(before, after);
        }
    }
}

fn change(before: &Item, after: &Item) -> Option<ComponentChange> {
    let none = BTreeSet::new();
    let names: BTreeSet<&String> = before.fields.keys().chain(after.fields.keys()).collect();
    let fields: Vec<Field> = names
        .into_iter()
        .filter_map(|name| {
            let (old, new) = (
                before.fields.get(name).unwrap_or(&none),
                after.fields.get(name).unwrap_or(&none),
            );
            (old != new).then(|| Field {
                name: name.clone(),
                old: old.difference(new).cloned().collect(),
                new: new.difference(old).cloned().collect(),
            })
        })
        .collect();
    (!fields.is_empty()).then(|| ComponentChange {
        entry: after.entry.clone(),
        fields,
    })
}

/// Whether advisories were looked up for an SBOM.
fn is_looked_up(bom: &Value) -> bool {
    let properties = bom.pointer("/metadata/properties");
    let mut properties = properties.and_then(Value::as_array).into_iter().flatten();
    bom.get("vulnerabilities").is_some_and(Value::is_array)
        || properties.any(|property| {
            property.get("name").and_then(Value::as_str) == Some("openclaw:advisories:index")
                && property.get("value").and_then(Value::as_str) != Some(NO_ADVISORIES)
        })
}

/// By subject, name, id and state.
type Known = BTreeMap<(String, String, String, String), KnownVulnerability>;

/// What an SBOM describes.
struct Described<'v> {
    /// Every component and service by the key under which it is matched.
    items: BTreeMap<String, Item>,
    /// The same keys by `bom-ref`.
    keys: BTreeMap<&'v str, String>,
}

impl Described<'_> {
    fn known(&self, bom: &Value) -> Known {
        let list = |value: &Value, name: &str| {
            let list = value.get(name).and_then(Value::as_array);
            list.cloned().unwrap_or_default()
        };
        let text = |value: &Value, at: &str| {
            let text = value.pointer(at).and_then(Value::as_str);
            text.map(safe).unwrap_or_default()
        };
        let mut known = Known::new();
        for one in list(bom, "vulnerabilities") {
            let (id, state) = (text(&one, "/id"), text(&one, "/analysis/state"));
            for affected in list(&one, "affects") {
                let reference = affected.get("ref").and_then(Value::as_str);
                let key = reference.and_then(|reference| self.keys.get(reference));
                let Some(item) = key.and_then(|key| self.items.get(key)) else {
                    continue;
                };
                let entry = item.entry.clone();
                let key = (
                    entry.subject.clone(),
                    entry.name.clone(),
                    id.clone(),
                    state.clone(),
                );
                known.entry(key).or_insert_with(|| KnownVulnerability {
                    entry,
                    id: id.clone(),
                    state: state.clone(),
                });
            }
        }
        known
    }
}

/// Reads every component and service.
fn read(bom: &Value) -> Described<'_> {
    let list = |name: &str| {
        bom.get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let mut pending: Vec<&Value> = bom
        .pointer("/metadata/component")
        .into_iter()
        .chain(list("components"))
        .chain(list("services"))
        .collect();
    pending.reverse();
    // Other tools nest components and services.
    let mut all = Vec::new();
    while let Some(value) = pending.pop() {
        all.push(value);
        for inner in ["components", "services"] {
            pending.extend(
                value
                    .get(inner)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .rev(),
            );
        }
    }
    let mut items = BTreeMap::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    let mut keys: BTreeMap<&str, String> = BTreeMap::new();
    for value in all {
        let item = item(value);
        let place = format!("{}\n{}", item.entry.subject, item.entry.place);
        // The control character keeps what is counted apart from what can be written.
        let count = counts.entry(place.clone()).or_insert(0_usize);
        let key = if *count == 0 {
            place
        } else {
            format!("{place}\n{count:08}")
        };
        *count += 1;
        if let Some(reference) = value.get("bom-ref").and_then(Value::as_str) {
            names.insert(reference, item.entry.name.clone());
            keys.insert(reference, key.clone());
        }
        items.insert(key, item);
    }
    for dependency in list("dependencies") {
        let from = dependency
            .get("ref")
            .and_then(Value::as_str)
            .and_then(|from| keys.get(from));
        let Some(item) = from.and_then(|key| items.get_mut(key)) else {
            continue;
        };
        let on = dependency
            .get("dependsOn")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let on: BTreeSet<String> = on
            .map(|to| names.get(to).cloned().unwrap_or_else(|| safe(to)))
            .collect();
        if !on.is_empty() {
            item.fields.insert("dependencies".to_owned(), on);
        }
    }
    Described { items, keys }
}

fn item(value: &Value) -> Item {
    let field = |name: &str| value.get(name).and_then(Value::as_str).map(safe);
    let mut properties: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for property in value
        .get("properties")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let text = |name: &str| {
            property
                .get(name)
                .and_then(Value::as_str)
                .map(safe)
                .unwrap_or_default()
        };
        properties
            .entry(text("name"))
            .or_default()
            .insert(text("value"));
    }
    let mut one = |name: &str| {
        properties
            .remove(name)
            .and_then(|values| values.into_iter().next())
    };
    let (id, subject, path) = (
        one("openclaw:id"),
        one("openclaw:subject"),
        one("cdx:npm:package:path"),
    );
    let name = field("name").unwrap_or_default();
    let name = field("group")
        .filter(|group| !group.is_empty())
        .map_or(name.clone(), |group| format!("{group}/{name}"));
    // A subject is matched by its id alone, wherever it lies now.
    let place = match (&id, path) {
        (Some(_), _) => name.clone(),
        (None, Some(path)) => path,
        (None, None) => field("bom-ref").unwrap_or_else(|| name.clone()),
    };
    let version = field("version").unwrap_or_default();
    let entry = ComponentEntry {
        subject: id.or(subject).unwrap_or_default(),
        name,
        version: version.clone(),
        place,
    };

    let mut fields = properties;
    fields.insert("version".to_owned(), BTreeSet::from([version]));
    for name in [
        "purl",
        "scope",
        "modified",
        "hashes",
        "licenses",
        "authors",
        "author",
        "swhid",
        "endpoints",
        "externalReferences",
    ] {
        let values: BTreeSet<String> = match value.get(name) {
            None => continue,
            Some(Value::Array(values)) => values.iter().map(flat).collect(),
            Some(value) => BTreeSet::from([flat(value)]),
        };
        fields.insert(name.to_owned(), values);
    }
    Item { entry, fields }
}

/// The texts inside a value, in their order, as one line.
fn flat(value: &Value) -> String {
    let mut words = Vec::new();
    let mut pending = vec![value];
    while let Some(value) = pending.pop() {
        match value {
            Value::Object(object) => pending.extend(object.values().rev()),
            Value::Array(values) => pending.extend(values.iter().rev()),
            Value::String(text) => words.push(safe(text)),
            Value::Null => {}
            other => words.push(other.to_string()),
        }
    }
    words.join(" ")
}

fn safe(text: &str) -> String {
    text::excerpt(text, 400)
}

#[cfg(test)]
mod tests;
