//! Reads OSV records. What is not understood and could decide makes a record unreadable; it is then counted and named, never passed
//! over. A severity decides nothing about whether a version is affected, so one that cannot be read keeps the record.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Severity;
use crate::digest::TreeDigest;
use crate::subject::SubjectId;
use crate::text;

/// Most bytes of one record.
pub(super) const MAX_BYTES: usize = 4 << 20;
/// Most bytes of an id, a package name or a version.
const MAX_TEXT: usize = 256;
/// Most aliases of one record.
const MAX_ALIASES: usize = 1_000;
/// Most events and versions of one record.
const MAX_PLACES: usize = 200_000;
/// Most characters of a summary that are kept.
const SUMMARY: usize = 160;

/// Why a record is not read. Safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RecordError(String);

/// One record, as far as it decides something about npm packages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Its id, such as `GHSA-…`, `CVE-…` or `MAL-…`.
    pub id: String,
    /// When it last changed.
    pub modified: Timestamp,
    /// When it was taken back: from then on it says nothing about any version.
    pub withdrawn: Option<Timestamp>,
    /// What it says, by the name of an npm package; of a violation also by tree digest, and by the id of a subject that is none.
    /// Empty when it is about other ecosystems only.
    pub packages: BTreeMap<String, Entry>,
}

/// What one record says of one package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// The record's id.
    pub id: String,
    /// Its other ids, as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// When it last changed.
    pub modified: Timestamp,
    /// One line about it, safe to show.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// How bad it is.
    #[serde(default)]
    pub severity: Severity,
    /// Affected versions by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Affected ranges; the events of each in the record's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Vec<Event>>,
}

impl Entry {
    /// Whether it says that the package is malware, rather than that it has a hole: by its own id, or as what it is an alias of.
    #[must_use]
    pub fn is_malicious(&self) -> bool {
        is_malware(&self.id) || self.aliases.iter().any(|alias| is_malware(alias))
    }
}

/// Where a range begins or ends. `limit` is for git only and left out: without it, more is affected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The first affected version; `0` stands before every version.
    Introduced(String),
    /// The first version that is not affected any more.
    Fixed(String),
    /// The last affected version.
    LastAffected(String),
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    modified: String,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    severity: Option<Value>,
    #[serde(default)]
    database_specific: Option<Value>,
    #[serde(default)]
    affected: Option<Vec<WireAffected>>,
}

#[derive(Deserialize)]
struct WireAffected {
    #[serde(default)]
    package: Option<WirePackage>,
    #[serde(default)]
    versions: Option<Vec<String>>,
    #[serde(default)]
    ranges: Option<Vec<WireRange>>,
    #[serde(default)]
    severity: Option<Value>,
    #[serde(default)]
    ecosystem_specific: Option<Value>,
}

/// What our own records name that no ecosystem has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSpecific {
    subject: SubjectId,
    #[serde(default)]
    digests: Vec<TreeDigest>,
    /// The range as the operator wrote it; the events say the same.
    #[serde(default, rename = "range")]
    _range: Option<String>,
}

#[derive(Deserialize)]
struct WirePackage {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct WireRange {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    events: Vec<WireEvent>,
}

#[derive(Deserialize)]
struct WireEvent {
    #[serde(default)]
    introduced: Option<String>,
    #[serde(default)]
    fixed: Option<String>,
    #[serde(default)]
    last_affected: Option<String>,
    #[serde(default)]
    limit: Option<String>,
}

/// Reads one record.
///
/// # Errors
/// When it is no OSV record, or what it says of an npm package cannot be compared with a version.
pub fn read_record(bytes: &[u8]) -> Result<Record, RecordError> {
    if bytes.len() > MAX_BYTES {
        return fail(format!("has more than the {MAX_BYTES} bytes accepted"));
    }
    let wire: Wire = serde_json::from_slice(bytes).map_err(|error| {
        RecordError(format!(
            "is no OSV record: {}",
            text::excerpt(&error.to_string(), 200)
        ))
    })?;
    if !is_id(&wire.id) {
        return fail(format!("has the id `{}`", text::excerpt(&wire.id, 80)));
    }
    let time = |field: &str, written: &str| {
        Timestamp::from_str(written).map_err(|_| {
            let written = text::excerpt(written, 60);
            RecordError(format!("has `{field}` {written}, which is no time"))
        })
    };
    let modified = time("modified", &wire.modified)?;
    let withdrawn = wire.withdrawn.as_ref();
    let withdrawn = withdrawn
        .map(|written| time("withdrawn", written))
        .transpose()?;
    let aliases = wire.aliases.unwrap_or_default();
    if aliases.len() > MAX_ALIASES || !aliases.iter().all(|alias| is_id(alias)) {
        return fail("has aliases that are no ids, or too many");
    }
    let stated =
        severity_of(wire.severity.as_ref()).max(named_severity(wire.database_specific.as_ref()));
    let own = is_violation(&wire.id);
    let mut reader = Reader {
        blank: Entry {
            id: wire.id.clone(),
            aliases,
            modified,
            summary: text::excerpt(wire.summary.as_deref().unwrap_or_default(), SUMMARY),
            severity: stated,
            versions: Vec::new(),
            ranges: Vec::new(),
        },
        places: 0,
        packages: BTreeMap::new(),
    };
    for affected in wire.affected.unwrap_or_default() {
        reader.affected(affected, own)?;
    }
    Ok(Record {
        id: wire.id,
        modified,
        withdrawn,
        packages: reader.packages,
    })
}

/// What a record says of packages, as far as it was read.
struct Reader {
    /// What every entry of the record begins with.
    blank: Entry,
    /// Versions, events and digests so far.
    places: usize,
    packages: BTreeMap<String, Entry>,
}

impl Reader {
    fn affected(&mut self, affected: WireAffected, own: bool) -> Result<(), RecordError> {
        let severity = self
            .blank
            .severity
            .max(severity_of(affected.severity.as_ref()));
        let versions = affected.versions.unwrap_or_default();
        let ranges = affected.ranges.unwrap_or_default();
        let mut digests: Vec<TreeDigest> = Vec::new();
        if let Some(package) = &affected.package
            && is_almost_npm(&package.ecosystem)
        {
            let ecosystem = text::excerpt(&package.ecosystem, 40);
            return fail(format!(
                "names the ecosystem `{ecosystem}`, which is not `npm`"
            ));
        }
        let package = affected
            .package
            .filter(|package| package.ecosystem == "npm");
        let mut name = package.map(|package| package.name);
        if let Some(name) = name.as_ref().filter(|name| !can_be_installed(name)) {
            let name = text::excerpt(name, 80);
            return fail(format!("names the package `{name}`"));
        }
        if own {
            let specific = specific(affected.ecosystem_specific)?;
            digests = specific.digests;
            // An npm package is found by its own name, wherever it is.
            if name.is_none() && !(versions.is_empty() && ranges.is_empty()) {
                name = Some(specific.subject.to_string());
            }
            if name.is_none() && digests.is_empty() {
                return fail("names neither versions nor digests");
            }
        }
        self.places += digests.len();
        if name.is_some() {
            let events = ranges.iter().map(|range| range.events.len() + 1);
            self.places += versions.len() + events.sum::<usize>();
        }
        if self.places > MAX_PLACES {
            return fail(format!(
                "names more than the {MAX_PLACES} versions accepted"
            ));
        }
        // Bytes are what they are in every version.
        for digest in digests {
            let entry = self.entry(digest.to_string(), severity);
            entry.ranges = vec![vec![Event::Introduced("0".to_owned())]];
        }
        match name {
            Some(name) => self.versions(name, severity, versions, ranges),
            None => Ok(()),
        }
    }

    /// The versions of a package, each by itself and in ranges.
    fn versions(
        &mut self,
        name: String,
        severity: Severity,
        versions: Vec<String>,
        ranges: Vec<WireRange>,
    ) -> Result<(), RecordError> {
        let comparable = ranges.iter().filter(|range| range.kind != "GIT").count();
        if versions.is_empty() && comparable == 0 {
            let name = text::excerpt(&name, 80);
            return fail(format!("names no version of {name} that could be compared"));
        }
        if !versions.iter().all(|version| is_text(version)) {
            return fail("names a version that is none");
        }
        let entry = self.entry(name, severity);
        entry.severity = entry.severity.max(severity);
        entry.versions.extend(versions);
        for range in ranges {
            if range.kind == "GIT" {
                continue;
            }
            if range.kind != "SEMVER" && range.kind != "ECOSYSTEM" {
                let kind = text::excerpt(&range.kind, 40);
                return fail(format!("has a range of the type `{kind}`"));
            }
            entry.ranges.push(events(range.events)?);
        }
        Ok(())
    }

    fn entry(&mut self, name: String, severity: Severity) -> &mut Entry {
        let blank = || Entry {
            severity,
            ..self.blank.clone()
        };
        self.packages.entry(name).or_insert_with(blank)
    }
}

/// What one of our own records names. Read strictly: what is not understood in it would be something that runs.
fn specific(value: Option<Value>) -> Result<WireSpecific, RecordError> {
    let value = value.ok_or_else(|| RecordError("has no `ecosystem_specific`".to_owned()))?;
    serde_json::from_value(value).map_err(|error| {
        let why = text::excerpt(&error.to_string(), 200);
        RecordError(format!(
            "has an `ecosystem_specific` that cannot be read: {why}"
        ))
    })
}

fn events(wire: Vec<WireEvent>) -> Result<Vec<Event>, RecordError> {
    let mut events = Vec::with_capacity(wire.len());
    for event in wire {
        let before = events.len();
        events.extend(event.introduced.map(Event::Introduced));
        events.extend(event.fixed.map(Event::Fixed));
        events.extend(event.last_affected.map(Event::LastAffected));
        if events.len() == before && event.limit.is_none() {
            return fail("has an event of a range that says nothing");
        }
    }
    let text = |event: &Event| match event {
        Event::Introduced(at) | Event::Fixed(at) | Event::LastAffected(at) => is_text(at),
    };
    if !events.iter().all(text) {
        return fail("has an event of a range without a version");
    }
    if !events
        .iter()
        .any(|event| matches!(event, Event::Introduced(_)))
    {
        return fail("has a range without a beginning");
    }
    Ok(events)
}

/// The severity of a list of vectors; what cannot be read counts as unknown.
fn severity_of(list: Option<&Value>) -> Severity {
    let vectors = list.and_then(Value::as_array).into_iter().flatten();
    let scores = vectors.filter_map(|one| one.get("score").and_then(Value::as_str));
    scores.map(of_vector).max().unwrap_or_default()
}

fn of_vector(vector: &str) -> Severity {
    match cvss::Cvss::from_str(vector).map(|vector| vector.severity()) {
        Ok(cvss::Severity::Critical) => Severity::Critical,
        Ok(cvss::Severity::High) => Severity::High,
        Ok(cvss::Severity::Medium) => Severity::Medium,
        Ok(cvss::Severity::Low | cvss::Severity::None) => Severity::Low,
        Err(_) => Severity::Unknown,
    }
}

/// The word that GitHub's advisories carry.
fn named_severity(specific: Option<&Value>) -> Severity {
    let word = specific.and_then(|specific| specific.get("severity")?.as_str());
    match word.map(str::to_ascii_uppercase).as_deref() {
        Some("LOW") => Severity::Low,
        Some("MODERATE" | "MEDIUM") => Severity::Medium,
        Some("HIGH") => Severity::High,
        Some("CRITICAL") => Severity::Critical,
        _ => Severity::Unknown,
    }
}

/// What the ids of records begin with that say what must not run here, by digest or by subject.
pub(crate) const VIOLATION_PREFIX: &str = "x_openclaw-";

/// Whether a record of this id says that something must not run, also where others call it a hole or malware.
pub(crate) fn is_violation(id: &str) -> bool {
    id.starts_with(VIOLATION_PREFIX)
}

/// Whether a record of this id says that a package is malware.
pub(crate) fn is_malware(id: &str) -> bool {
    id.starts_with("MAL-")
}

/// Whether `id` can stand in a file name, a message and a policy as it is.
pub(crate) fn is_id(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
    !id.is_empty() && id.len() <= MAX_TEXT && id.bytes().all(plain)
}

/// Whether an ecosystem can only be meant to be npm: as another one, its record would silently match nothing.
fn is_almost_npm(ecosystem: &str) -> bool {
    let word = ecosystem.split(':').next().unwrap_or_default().trim();
    ecosystem != "npm" && word.eq_ignore_ascii_case("npm")
}

/// Whether a folder of installed packages could have this name, also one that npm accepted only in its first years. The form of a purl
/// (`%40a/b`), blanks around a name and the like match nothing.
fn can_be_installed(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.contains(['/', '\\', '%', '@']);
    let plain = match name.strip_prefix('@') {
        Some(scoped) => scoped
            .split_once('/')
            .is_some_and(|(scope, name)| part(scope) && part(name)),
        None => part(name),
    };
    plain && is_text(name) && !name.contains(char::is_whitespace)
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_TEXT && !text.chars().any(text::is_hazard)
}

fn fail<T>(why: impl Into<String>) -> Result<T, RecordError> {
    Err(RecordError(why.into()))
}
