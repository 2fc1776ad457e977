//! OpenVEX: what people say of holes in their products. Only that something is not affected is used, and only against holes: what a record
//! calls malware is none. Format: OpenVEX v0.2.0.
//!
//! Read strictly, because such a file says whom to trust: a key that is not known, a wrong type or a statement without a reason makes
//! the whole file unreadable.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::record::is_id;
use crate::digest::Sha256Digest;
use crate::error::{Error, OperatorError, Result};
use crate::{json, read, text};

/// Most bytes of a file.
const MAX_BYTES: u64 = 16 << 20;
/// Most statements of a file.
const MAX_STATEMENTS: usize = 100_000;
/// Where the format's versions begin.
const CONTEXT: &str = "https://openvex.dev/ns";
const WAY_OUT: &str = "use a file in the form of OpenVEX v0.2.0, or take it out of the policy; one that cannot be read never counts as missing";

/// A file of statements that policy names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VexPolicy {
    /// Where it is.
    pub path: PathBuf,
    /// The digest that it has to have, where policy pins one.
    pub digest: Option<Sha256Digest>,
    /// The last day on which it counts, because such a file has no end of its own.
    pub until: Date,
    /// Line in the policy, from 1.
    pub line: usize,
}

impl VexPolicy {
    /// What policy says of one file.
    #[must_use]
    pub fn new(path: PathBuf, digest: Option<Sha256Digest>, until: Date, line: usize) -> Self {
        Self {
            path,
            digest,
            until,
            line,
        }
    }
}

/// Every statement of the files that policy names.
#[derive(Debug, Default)]
pub struct Vex {
    files: Vec<VexFile>,
    /// Statements by the ids of what they are about: numbers of file and statement.
    by_id: HashMap<String, Vec<(usize, usize)>>,
}

/// One file of statements.
#[derive(Debug)]
struct VexFile {
    shown: String,
    author: String,
    digest: Sha256Digest,
    until: Date,
    statements: Vec<Statement>,
}

#[derive(Debug)]
struct Statement {
    products: Vec<Product>,
    status: Status,
    justification: Option<Justification>,
    impact: Option<String>,
    time: Timestamp,
}

#[derive(Debug)]
struct Product {
    names: Vec<Named>,
    /// The parts of it that the statement is about; empty where it is about all of it.
    parts: Vec<Vec<Named>>,
}

/// How a product is called.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    /// An npm package of one version.
    Npm { name: String, version: String },
    /// A digest, or something that is never installed here.
    Other(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    NotAffected,
    Affected,
    Fixed,
    UnderInvestigation,
}

/// Why something is not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Justification {
    /// The component is not there.
    ComponentNotPresent,
    /// The code is not in it.
    VulnerableCodeNotPresent,
    /// The code never runs.
    VulnerableCodeNotInExecutePath,
    /// An attacker cannot get at it.
    VulnerableCodeCannotBeControlledByAdversary,
    /// Something in place keeps it from being used.
    InlineMitigationsAlreadyExist,
}

impl Justification {
    /// The label of the format.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ComponentNotPresent => "component_not_present",
            Self::VulnerableCodeNotPresent => "vulnerable_code_not_present",
            Self::VulnerableCodeNotInExecutePath => "vulnerable_code_not_in_execute_path",
            Self::VulnerableCodeCannotBeControlledByAdversary => {
                "vulnerable_code_cannot_be_controlled_by_adversary"
            }
            Self::InlineMitigationsAlreadyExist => "inline_mitigations_already_exist",
        }
    }
}

/// What a hole was found in.
#[derive(Clone, Copy, Debug)]
pub struct VexTarget<'a> {
    /// The package.
    pub package: &'a str,
    /// Its version; without one no statement is about it.
    pub version: Option<&'a str>,
    /// The subject's own package and version, where it is one.
    pub subject: Option<(&'a str, &'a str)>,
    /// The subject's tree digest as text.
    pub tree: Option<&'a str>,
}

/// A statement that something is not affected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct NotAffected {
    /// Who says so. Untrusted text.
    pub author: String,
    /// The file, safe to show.
    pub file: String,
    /// Why, as a label.
    pub justification: Option<Justification>,
    /// Why, in words. Untrusted text.
    pub impact: Option<String>,
    /// The last day on which it counts.
    pub until: Date,
    /// Whether that day is over, so that it does not count any more.
    pub expired: bool,
}

impl Vex {
    /// Reads the files that policy names. One that is missing is an error: without it a hole would be judged otherwise than the
    /// operator wants.
    ///
    /// # Errors
    /// When one of them is not there, is not what policy pins or is not in the format.
    pub fn read(policy: &[VexPolicy]) -> Result<Self> {
        let mut vex = Self::default();
        for wanted in policy {
            vex.add(wanted)?;
        }
        Ok(vex)
    }

    fn add(&mut self, wanted: &VexPolicy) -> Result<()> {
        let shown = text::visible(&wanted.path.display().to_string()).into_owned();
        let wrong = |why: &str| broken(&wanted.path, &shown, why);
        let real = wanted
            .path
            .canonicalize()
            .map_err(|error| wrong(&format!("cannot be read: {error}")))?;
        let bytes = read::bytes(&real, MAX_BYTES).map_err(|error| wrong(&error.to_string()))?;
        let digest = Sha256Digest::of(&bytes);
        if wanted.digest.is_some_and(|pinned| pinned != digest) {
            return Err(Error::from(
                OperatorError::whole(
                    &wanted.path,
                    format!(
                        "{shown}: is not the file that policy pins: it has the digest {digest}"
                    ),
                )
                .with_help("read what changed, then name the new digest in policy"),
            ));
        }
        let document = parse(&bytes).map_err(|why| wrong(&why))?;
        let file = self.files.len();
        for (number, (ids, _)) in document.statements.iter().enumerate() {
            for id in ids {
                let at = self.by_id.entry(id.clone()).or_default();
                if at.last() != Some(&(file, number)) {
                    at.push((file, number));
                }
            }
        }
        self.files.push(VexFile {
            shown,
            author: document.author,
            digest,
            until: wanted.until,
            statements: document
                .statements
                .into_iter()
                .map(|(_, one)| one)
                .collect(),
        });
        Ok(())
    }

    /// The files, as they are shown, with their digests.
    pub fn files(&self) -> impl Iterator<Item = (&str, Sha256Digest)> {
        self.files
            .iter()
            .map(|file| (file.shown.as_str(), file.digest))
    }

    /// What the newest statement about a hole of these ids says, where it says that it is not one in `target`. Of several as new the
    /// worst counts. That something is affected counts without an end; that it is not, until the day that policy names.
    #[must_use]
    pub fn not_affected<'i>(
        &self,
        ids: impl Iterator<Item = &'i String>,
        target: &VexTarget<'_>,
        today: Date,
    ) -> Option<NotAffected> {
        let said = ids
            .filter_map(|id| self.by_id.get(id))
            .flatten()
            .filter_map(|(file, number)| {
                let file = self.files.get(*file)?;
                Some((file, file.statements.get(*number)?))
            })
            .filter(|(_, statement)| statement.products.iter().any(|one| one.holds(target)))
            // One that was made after today outlives every later one: it says that something is none only from its day on.
            .filter(|(_, statement)| {
                statement.status != Status::NotAffected || statement.day() <= tomorrow(today)
            });
        // Of two that are as new, what is not `not_affected` counts, and of two that are, the one that ends first.
        let newest = said.max_by_key(|(file, statement)| {
            (
                statement.time,
                statement.status != Status::NotAffected,
                std::cmp::Reverse(file.until),
            )
        });
        let (file, statement) = newest?;
        (statement.status == Status::NotAffected).then(|| NotAffected {
            author: file.author.clone(),
            file: file.shown.clone(),
            justification: statement.justification,
            impact: statement.impact.clone(),
            until: file.until,
            expired: today > file.until,
        })
    }
}

impl Statement {
    /// The day on which it was made, in UTC.
    fn day(&self) -> Date {
        self.time.to_zoned(TimeZone::UTC).date()
    }
}

/// Clocks and time zones differ by less than a day.
fn tomorrow(today: Date) -> Date {
    today.tomorrow().unwrap_or(today)
}

impl Product {
    /// Whether a statement about it is one about `target`: it is the package; or the subject that brings the package along, and then
    /// the package is one of the parts that are named, or none is.
    fn holds(&self, target: &VexTarget<'_>) -> bool {
        let is = |name: &Named, package: Option<(&str, &str)>| match name {
            Named::Npm { name, version } => package == Some((name.as_str(), version.as_str())),
            Named::Other(_) => false,
        };
        let package = target.version.map(|version| (target.package, version));
        let subject = |name: &Named| {
            is(name, target.subject)
                || matches!(name, Named::Other(text) if target.tree == Some(text.as_str()))
        };
        if self.parts.is_empty() {
            return self
                .names
                .iter()
                .any(|name| subject(name) || is(name, package));
        }
        self.names.iter().any(subject)
            && self
                .parts
                .iter()
                .any(|part| part.iter().any(|name| is(name, package)))
    }
}

struct Document {
    author: String,
    statements: Vec<(Vec<String>, Statement)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDocument {
    #[serde(rename = "@context")]
    context: String,
    #[serde(rename = "@id")]
    _id: String,
    author: String,
    #[serde(rename = "role")]
    _role: Option<String>,
    timestamp: String,
    last_updated: Option<String>,
    #[serde(rename = "version")]
    _version: u64,
    #[serde(rename = "tooling")]
    _tooling: Option<String>,
    #[serde(rename = "supplier")]
    _supplier: Option<String>,
    statements: Vec<WireStatement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireStatement {
    #[serde(rename = "@id")]
    _id: Option<String>,
    #[serde(rename = "version")]
    _version: Option<u64>,
    vulnerability: WireVulnerability,
    timestamp: Option<String>,
    last_updated: Option<String>,
    #[serde(default)]
    products: Vec<WireProduct>,
    status: Status,
    #[serde(rename = "supplier")]
    _supplier: Option<String>,
    #[serde(rename = "status_notes")]
    _status_notes: Option<String>,
    justification: Option<Justification>,
    impact_statement: Option<String>,
    #[serde(rename = "action_statement")]
    _action_statement: Option<String>,
    #[serde(rename = "action_statement_timestamp")]
    _action_statement_timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireVulnerability {
    #[serde(rename = "@id")]
    _id: Option<String>,
    name: String,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireProduct {
    #[serde(rename = "@id")]
    id: Option<String>,
    #[serde(default)]
    identifiers: WireIdentifiers,
    #[serde(default, rename = "hashes")]
    _hashes: HashMap<String, String>,
    #[serde(rename = "supplier")]
    _supplier: Option<String>,
    #[serde(default)]
    subcomponents: Vec<WirePart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePart {
    #[serde(rename = "@id")]
    id: Option<String>,
    #[serde(default)]
    identifiers: WireIdentifiers,
    #[serde(default, rename = "hashes")]
    _hashes: HashMap<String, String>,
    #[serde(rename = "supplier")]
    _supplier: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireIdentifiers {
    purl: Option<String>,
    #[serde(rename = "cpe22")]
    _cpe22: Option<String>,
    #[serde(rename = "cpe23")]
    _cpe23: Option<String>,
}

fn parse(bytes: &[u8]) -> std::result::Result<Document, String> {
    let said = |error: &dyn std::fmt::Display| text::excerpt(&error.to_string(), 300);
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    let value = json::strict(text).map_err(|error| said(&error))?;
    let wire: WireDocument = serde_json::from_value(value)
        .map_err(|error| format!("is no OpenVEX document: {}", said(&error)))?;
    let version = wire.context.strip_prefix(CONTEXT);
    if !version.is_some_and(|rest| rest.is_empty() || rest.starts_with("/v0.2.")) {
        return Err(format!(
            "has the context {}, which is not that of OpenVEX v0.2.0",
            text::excerpt(&wire.context, 80)
        ));
    }
    if wire.author.trim().is_empty() {
        return Err("has no author".to_owned());
    }
    if wire.statements.len() > MAX_STATEMENTS {
        return Err(format!(
            "has more than the {MAX_STATEMENTS} statements accepted"
        ));
    }
    let of_document = time(wire.last_updated.as_deref().unwrap_or(&wire.timestamp))?;
    let mut statements = Vec::with_capacity(wire.statements.len());
    for (number, wire) in (1..).zip(wire.statements) {
        let read = statement(wire, of_document);
        statements.push(read.map_err(|why| format!("its statement {number} {why}"))?);
    }
    Ok(Document {
        author: wire.author,
        statements,
    })
}

fn statement(
    wire: WireStatement,
    of_document: Timestamp,
) -> std::result::Result<(Vec<String>, Statement), String> {
    let mut ids = vec![wire.vulnerability.name];
    ids.extend(wire.vulnerability.aliases);
    if let Some(odd) = ids.iter().find(|id| !is_id(id)) {
        return Err(format!("names {}, which is no id", text::excerpt(odd, 80)));
    }
    let impact = wire.impact_statement.filter(|text| !text.trim().is_empty());
    if wire.status == Status::NotAffected && wire.justification.is_none() && impact.is_none() {
        return Err("says `not_affected` without a justification".to_owned());
    }
    let stated = wire.last_updated.as_deref().or(wire.timestamp.as_deref());
    let products = wire.products.into_iter().map(|product| Product {
        names: names(product.id, product.identifiers),
        parts: product
            .subcomponents
            .into_iter()
            .map(|part| names(part.id, part.identifiers))
            .collect(),
    });
    Ok((
        ids,
        Statement {
            products: products.collect(),
            status: wire.status,
            justification: wire.justification,
            impact,
            time: stated.map(time).transpose()?.unwrap_or(of_document),
        },
    ))
}

fn time(text: &str) -> std::result::Result<Timestamp, String> {
    Timestamp::from_str(text)
        .map_err(|_| format!("has the time {}, which is none", text::excerpt(text, 60)))
}

fn names(id: Option<String>, identifiers: WireIdentifiers) -> Vec<Named> {
    let all = id.into_iter().chain(identifiers.purl);
    all.map(|text| npm(&text).unwrap_or(Named::Other(text)))
        .collect()
}

/// `pkg:npm/%40scope/name@1.2.3`. With a qualifier it is another thing than what a registry gives out under that name; without a
/// version it would hold of what is not written yet.
fn npm(purl: &str) -> Option<Named> {
    let rest = purl.strip_prefix("pkg:npm/")?;
    if rest.contains(['?', '#']) {
        return None;
    }
    let at = rest.rfind('@').filter(|at| *at > 0)?;
    let (name, version) = (rest.get(..at)?, rest.get(at + 1..)?);
    let (name, version) = (decoded(name)?, decoded(version)?);
    (!name.is_empty() && !version.is_empty()).then_some(Named::Npm { name, version })
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

fn broken(path: &Path, shown: &str, why: &str) -> Error {
    Error::from(OperatorError::whole(path, format!("{shown}: {why}")).with_help(WAY_OUT))
}
