//! A sorted list of what starts commands, or of what steers: key paths with a digest of what stands there. Format: docs/formats.md,
//! "Listings".
//!
//! The digest of a listing covers every value. What is kept of it for messages covers less: the digest of a value only where the value
//! is a command, and one byte of it elsewhere, which is enough to name a key that changed and tells nothing about its value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::digest::Sha256Digest;
use crate::operator_file;
use crate::read;
use crate::text;

/// Most bytes of a kept listing: some 200,000 keys.
const MAX_KEPT: u64 = 16 << 20;
/// Most changed keys that are named.
const MAX_NAMED: usize = 20;

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Class {
    /// It starts a program.
    Command,
    /// It guards: approvals, allow lists, sandboxes, whatever is not known.
    Guard,
    /// It says where requests go.
    Endpoint,
    /// It reaches the model as text.
    Prompt,
}

impl Class {
    /// The word in listings and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Guard => "guard",
            Self::Endpoint => "endpoint",
            Self::Prompt => "prompt",
        }
    }
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    path: String,
    class: Class,
    value: Sha256Digest,
    /// What people may see of the value.
    shown: Option<String>,
}

/// The keys of one subject, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    keys: Vec<Key>,
}

/// Keys in the order in which they are found.
#[derive(Default)]
pub(super) struct ListingBuilder {
    keys: Vec<Key>,
}

impl ListingBuilder {
    /// Adds a key with a value that holds no secret.
    pub(super) fn add(&mut self, path: impl Into<String>, class: Class, value: &Value) {
        let bytes = serde_json_canonicalizer::to_vec(value)
            .unwrap_or_else(|_| value.to_string().into_bytes());
        self.keys.push(Key {
            path: text::excerpt(&path.into(), 300),
            class,
            value: Sha256Digest::of(&bytes),
            shown: None,
        });
    }

    /// Adds a key whose value is the content of a file or a row.
    pub(super) fn add_bytes(&mut self, path: impl Into<String>, class: Class, bytes: &[u8]) {
        self.keys.push(Key {
            path: text::excerpt(&path.into(), 300),
            class,
            value: Sha256Digest::of(bytes),
            shown: Some(format!(
                "{} lines",
                String::from_utf8_lossy(bytes).lines().count()
            )),
        });
    }

    /// The listing, even of no keys.
    pub(super) fn finish(mut self) -> Listing {
        self.keys.sort();
        Listing { keys: self.keys }
    }

    /// The listing, where there are keys.
    pub(super) fn finish_unless_empty(self) -> Option<Listing> {
        Some(self.finish()).filter(|listing| !listing.is_empty())
    }
}

impl Listing {
    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The digest of all keys and values.
    #[must_use]
    pub fn digest(&self) -> Sha256Digest {
        let mut text = String::new();
        for key in &self.keys {
            text.push_str(&format!(
                "{}\t{}\t{}\n",
                key.class.as_str(),
                key.value,
                key.path
            ));
        }
        Sha256Digest::of(text.as_bytes())
    }

    /// The paths of the keys, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.path.as_str())
    }

    /// Keeps it in `folder`, so that a later difference can name keys.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn keep(&self, folder: &Path) -> crate::error::Result<()> {
        std::fs::create_dir_all(folder)
            .map_err(|error| crate::error::Error::io("make the folder", folder, error))?;
        operator_file::write_atomic(&kept_at(folder, &self.digest()), &self.kept()).map(|_| ())
    }

    /// What changed since the listing of the digest `before`, one line each; none where it was not kept here.
    #[must_use]
    pub fn changed_since(&self, folder: &Path, before: &Sha256Digest) -> Option<Vec<String>> {
        let text = read::text(&kept_at(folder, before), MAX_KEPT).ok()?;
        let own = self.kept();
        let (old, new) = (by_path(&text), by_path(&own));
        let mut lines = Vec::new();
        for ((path, value), key) in own.lines().filter_map(split).zip(&self.keys) {
            match old.get(path) {
                None => lines.push(format!("added   {}", text::excerpt(path, 200))),
                Some(before) if *before != value => {
                    let shown = key.shown.as_ref().map(|shown| format!(" ({shown} now)"));
                    lines.push(format!(
                        "changed {}{}",
                        text::excerpt(path, 200),
                        shown.unwrap_or_default()
                    ));
                }
                Some(_) => {}
            }
        }
        for (path, _) in text.lines().filter_map(split) {
            if !new.contains_key(path) {
                lines.push(format!("gone    {}", text::excerpt(path, 200)));
            }
        }
        let more = lines.len().saturating_sub(MAX_NAMED);
        lines.truncate(MAX_NAMED);
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        Some(lines)
    }

    /// All keys as new ones, one line each.
    #[must_use]
    pub fn all_added(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .paths()
            .take(MAX_NAMED)
            .map(|path| format!("added   {}", text::excerpt(path, 200)))
            .collect();
        if self.len() > MAX_NAMED {
            lines.push(format!("and {} more", self.len() - MAX_NAMED));
        }
        lines
    }

    /// The listing as it is kept: without the digests of values that are no commands.
    fn kept(&self) -> String {
        let mut text = String::new();
        for key in &self.keys {
            let value = key.value.hex();
            let value = match key.class {
                Class::Command => value.as_str(),
                _ => value.get(..2).unwrap_or_default(),
            };
            text.push_str(&format!("{}\t{}\t{value}\n", key.path, key.class.as_str()));
        }
        text
    }
}

fn split(line: &str) -> Option<(&str, &str)> {
    line.split_once('\t')
}

/// Class and value by path; of several keys of one path the first.
fn by_path(kept: &str) -> BTreeMap<&str, &str> {
    let mut keys = BTreeMap::new();
    for (path, rest) in kept.lines().filter_map(split) {
        keys.entry(path).or_insert(rest);
    }
    keys
}

fn kept_at(folder: &Path, digest: &Sha256Digest) -> PathBuf {
    folder.join(format!("{}.listing", digest.hex()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listing(value: &str) -> Listing {
        let mut listing = ListingBuilder::default();
        listing.add("tools.exec.security", Class::Guard, &json!(value));
        listing.add("secrets.providers.x.command", Class::Command, &json!("a"));
        listing.finish()
    }

    #[test]
    fn a_changed_value_is_named_and_never_shown() {
        let dir = tempfile::tempdir().expect("temp dir");
        let (before, after) = (listing("full"), listing("deny"));
        assert_ne!(before.digest(), after.digest());
        before.keep(dir.path()).expect("kept");
        let lines = after.changed_since(dir.path(), &before.digest());
        assert_eq!(lines.expect("kept"), ["changed tools.exec.security"]);
        let kept = std::fs::read_to_string(kept_at(dir.path(), &before.digest())).expect("file");
        let whole = Sha256Digest::of(br#""full""#).hex();
        assert!(!kept.contains(&whole) && !kept.contains("full"), "{kept}");
    }

    #[test]
    fn the_order_in_which_keys_are_added_is_nothing() {
        let mut one = ListingBuilder::default();
        one.add("b", Class::Guard, &json!(1));
        one.add("a", Class::Guard, &json!(2));
        let mut two = ListingBuilder::default();
        two.add("a", Class::Guard, &json!(2));
        two.add("b", Class::Guard, &json!(1));
        assert_eq!(one.finish().digest(), two.finish().digest());
    }
}
