//! The operator's signers file, in OpenSSH's `allowed_signers` format (`ssh-keygen(1)`, "ALLOWED SIGNERS"), and lists of revoked keys.
//!
//! Answers as `ssh-keygen -Y find-principals` and `-Y verify` do, with three differences, all on the strict side or towards the same
//! answer everywhere: a line that cannot be read is an error of the file, wherever it stands (ssh-keygen skips it when it finds a key
//! before); dates that no calendar has are refused; and a time without `Z` or `UTC` is read as UTC, not in the time zone of the user who
//! runs the program.

use std::ops::Range;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::principals::list_matches;
use super::sshsig::NAMESPACE;
use super::verdict::{Code, Failure};
use super::wire::{SshKey, is_key_type};
use crate::error::OperatorError;
use crate::text::excerpt;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// An `allowed_signers` file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    entries: Vec<AllowedSigner>,
    unknown: Vec<UnknownKey>,
}

/// A line whose key is of a kind that this program does not know. It allows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownKey {
    /// The name of the kind, as the line and the key itself say it.
    pub key_type: String,
    /// Line of the file, from 1.
    pub line: usize,
}

/// What a line says.
enum Line {
    Signer(AllowedSigner),
    Unknown(UnknownKey),
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AllowedSigner {
    /// Patterns separated by commas, as written.
    pub principals: String,
    /// The key.
    pub key: SshKey,
    /// The key signs certificates of signers. Not supported, so the line allows nothing.
    pub cert_authority: bool,
    /// Pattern list of what the key may sign for; none: everything.
    pub namespaces: Option<String>,
    /// First second, since 1970, at which the key counts.
    pub valid_after: Option<i64>,
    /// Last second, since 1970, at which the key counts.
    pub valid_before: Option<i64>,
    /// Line of the file, from 1.
    pub line: usize,
}

/// Keys that count no longer, whatever a signers file says: one public key a line, as `ssh-keygen -Y verify -r` takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokedKeys {
    /// Plain keys.
    Keys(Vec<SshKey>),
    /// OpenSSH's binary key revocation list, which is not read: nothing that depends on it is established.
    Krl,
}

impl AllowedSigners {
    /// Reads the text of a file; `path` is for messages.
    ///
    /// # Errors
    /// The first line that cannot be read, with its place.
    pub fn parse(path: &Path, text: &str) -> crate::error::Result<Self> {
        let mut signers = Self::default();
        for (number, (line, span)) in (1..).zip(lines(text)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let said = parse_line(line, number).map_err(|problem| {
                let at = span.start + problem.at.start..span.start + problem.at.end;
                OperatorError::at(path, text, at, format!("line {number} of the signers file: {}", problem.what)).with_help(
                    "a line is: principals [options] key-type base64-key [comment]; see `man ssh-keygen`, ALLOWED SIGNERS",
                )
            })?;
            match said {
                Line::Signer(entry) => signers.entries.push(entry),
                Line::Unknown(key) => signers.unknown.push(key),
            }
        }
        Ok(signers)
    }

    /// The lines, in order.
    #[must_use]
    pub fn entries(&self) -> &[AllowedSigner] {
        &self.entries
    }

    /// The lines that allow nothing because their kind of key is not known here.
    #[must_use]
    pub fn unknown(&self) -> &[UnknownKey] {
        &self.unknown
    }

    /// The principals of the first line that has this key and counts at `at` (seconds since 1970), as
    /// `ssh-keygen -Y find-principals` prints them.
    #[must_use]
    pub fn find_principals(&self, key: &SshKey, at: i64) -> Option<&str> {
        let mut lines = self.entries.iter().filter(|entry| entry.is_for(key));
        let principals = lines
            .find(|entry| entry.validity(at).is_ok())?
            .principals
            .as_str();
        // The list ends where a name is empty.
        let end = if principals.starts_with(',') {
            Some(0)
        } else {
            principals.find(",,")
        };
        Some(
            principals
                .get(..end.unwrap_or(principals.len()))
                .unwrap_or_default()
                .trim_end_matches(','),
        )
    }

    /// The line that lets `principal` sign for `namespace` with this key at `at`, as `ssh-keygen -Y verify` decides it.
    #[must_use]
    pub fn permits(
        &self,
        principal: &str,
        namespace: &str,
        key: &SshKey,
        at: i64,
    ) -> Option<&AllowedSigner> {
        self.entries.iter().find(|entry| {
            entry.is_for(key)
                && list_matches(principal, &entry.principals)
                && entry.allows_namespace(namespace)
                && entry.validity(at).is_ok()
        })
    }

    /// A line and a principal of it under which this key may sign in `namespace` at `at`, whatever other lines say of the key.
    pub(super) fn any_for(
        &self,
        key: &SshKey,
        namespace: &str,
        at: i64,
    ) -> Option<(&AllowedSigner, &str)> {
        let own = self.entries.iter().filter(|entry| entry.is_for(key));
        own.flat_map(|entry| entry.principals.split(','))
            .filter(|name| !name.is_empty() && !name.starts_with('!'))
            .find_map(|name| Some((self.permits(name, namespace, key, at)?, name)))
    }

    /// The line and the principal under which this key may sign tags at `at`, found as git finds it: each principal of
    /// [`AllowedSigners::find_principals`] is tried in turn.
    ///
    /// # Errors
    /// `unknown-key`, `unsupported-certificate`, `key-expired`, `key-not-yet-valid` or `namespace-not-allowed`.
    pub fn authorise(
        &self,
        key: &SshKey,
        namespace: &str,
        at: i64,
    ) -> Result<(&AllowedSigner, &str), Failure> {
        let principals = self.find_principals(key, at).unwrap_or_default();
        for principal in principals
            .split(',')
            .filter(|principal| !principal.is_empty())
        {
            // A negated pattern is not a name.
            if principal.starts_with('!') {
                continue;
            }
            if let Some(entry) = self.permits(principal, namespace, key, at) {
                return Ok((entry, principal));
            }
        }
        Err(self.refusal(key, namespace, at))
    }

    /// The lines that let the key of this fingerprint sign tags, at whatever time.
    pub(super) fn sign_with(&self, fingerprint: &str) -> impl Iterator<Item = &AllowedSigner> {
        let may = move |entry: &&AllowedSigner| {
            !entry.cert_authority
                && entry.allows_namespace(NAMESPACE)
                && entry.key.fingerprint() == fingerprint
        };
        self.entries.iter().filter(may)
    }

    fn refusal(&self, key: &SshKey, namespace: &str, at: i64) -> Failure {
        let fingerprint = key.fingerprint();
        let lines: Vec<_> = self
            .entries
            .iter()
            .filter(|entry| entry.key == *key)
            .collect();
        let Some(first) = lines.first() else {
            let why = format!(
                "the key {} {fingerprint} is not in the signers file",
                key.type_name()
            );
            return Failure::new(Code::UnknownKey, why).help(how_to_add(key));
        };
        if lines.iter().all(|entry| entry.cert_authority) {
            let why = format!(
                "line {} of the signers file has the key {fingerprint} as a certificate authority only",
                first.line
            );
            return Failure::new(Code::UnsupportedCertificate, why);
        }
        let usable = lines.iter().filter(|entry| !entry.cert_authority);
        let refused_by_time = usable
            .clone()
            .filter(|entry| entry.allows_namespace(namespace))
            .find_map(|entry| entry.validity(at).err());
        refused_by_time.unwrap_or_else(|| {
            if let Some(entry) = usable.clone().find(|entry| entry.allows_namespace(namespace)) {
                let why =
                    format!("line {} of the signers file has the key {fingerprint} but no principal that it matches", entry.line);
                return Failure::new(Code::UnknownKey, why).help(
                    "begin the line with whose key it is; a negated pattern, and all after an empty one, names no one",
                );
            }
            let line = usable.map(|entry| entry.line).next().unwrap_or(first.line);
            let why = format!("line {line} of the signers file does not let the key {fingerprint} sign for `{namespace}`");
            Failure::new(Code::NamespaceNotAllowed, why).help(format!("add \"{namespace}\" to the namespaces of that line if the key may sign for it"))
        })
    }
}

impl AllowedSigner {
    fn is_for(&self, key: &SshKey) -> bool {
        !self.cert_authority && self.key == *key
    }

    fn allows_namespace(&self, namespace: &str) -> bool {
        self.namespaces
            .as_deref()
            .is_none_or(|list| list_matches(namespace, list))
    }

    /// Whether the line counts at `at` (seconds since 1970).
    pub(super) fn validity(&self, at: i64) -> Result<(), Failure> {
        let fingerprint = self.key.fingerprint();
        let when = Timestamp::from_second(at).map_or_else(|_| at.to_string(), |at| at.to_string());
        if self.valid_after.is_some_and(|from| at < from) {
            let why = format!(
                "the key {fingerprint} (line {} of the signers file) was not yet valid at {when}",
                self.line
            );
            return Err(Failure::new(Code::KeyNotYetValid, why));
        }
        if self.valid_before.is_some_and(|until| at > until) {
            let why = format!(
                "the key {fingerprint} (line {} of the signers file) was no longer valid at {when}",
                self.line
            );
            return Err(Failure::new(Code::KeyExpired, why));
        }
        Ok(())
    }
}

impl RevokedKeys {
    /// Reads a file of revoked keys; `path` is for messages.
    ///
    /// # Errors
    /// A line that is no public key: ssh-keygen would skip it, and with it a revocation.
    pub fn parse(path: &Path, bytes: &[u8]) -> crate::error::Result<Self> {
        if bytes.starts_with(b"SSHKRL\n\0") {
            return Ok(Self::Krl);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| {
            OperatorError::whole(path, "the list of revoked keys is not UTF-8 text")
        })?;
        let mut keys = Vec::new();
        for (line, span) in lines(text) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
            let words = words.next().zip(words.next());
            // No signature by such a key is accepted, revoked or not.
            if words.is_some_and(|(kind, base64)| SshKey::is_of_unknown_kind(kind, base64)) {
                continue;
            }
            let key = words.and_then(|(kind, base64)| SshKey::from_text(kind, base64));
            keys.push(key.ok_or_else(|| {
                OperatorError::at(
                    path,
                    text,
                    span,
                    "a line of the list of revoked keys is no public key",
                )
                .with_help("a line is: key-type base64-key [comment]")
            })?);
        }
        Ok(Self::Keys(keys))
    }
}

/// Lines without white space at their ends, with their places.
fn lines(text: &str) -> impl Iterator<Item = (&str, Range<usize>)> {
    text.split('\n').scan(0, |at, line| {
        let start = *at + (line.len() - line.trim_start_matches([' ', '\t', '\r']).len());
        *at += line.len() + 1;
        let line = line.trim_matches([' ', '\t', '\r']);
        Some((line, start..start + line.len()))
    })
}

struct Problem {
    what: String,
    at: Range<usize>,
}

/// Longest key that a message prints, in characters: an RSA key of 4096 bits has some 730.
const MAX_SHOWN_KEY: usize = 1000;

fn how_to_add(key: &SshKey) -> String {
    let text = key.to_text();
    let text = if text.len() <= MAX_SHOWN_KEY {
        text.as_str()
    } else {
        "<its .pub file>"
    };
    format!(
        "if you know whose key it is, add the line `<principal> {text}`, with valid-before=\"YYYYMMDDZ\" for a key that is retired"
    )
}

fn parse_line(line: &str, number: usize) -> Result<Line, Problem> {
    let problem = |what: &str, at: Range<usize>| Problem {
        what: what.to_owned(),
        at,
    };
    if let Some(at) = line.find(|c: char| c.is_control() && c != '\t') {
        return Err(problem("holds a control character", at..at + 1));
    }
    let (principals, rest) =
        split_principals(line).ok_or_else(|| problem("a quote is not closed", 0..line.len()))?;
    let rest_at = line.len() - rest.len();
    if rest.is_empty() {
        return Err(problem("has principals and no key", 0..line.len()));
    }
    let first = rest.split([' ', '\t']).next().unwrap_or_default();
    let (options, key) = if is_key_type(first) || unknown_key(rest, number).is_some() {
        ("", rest)
    } else {
        let end = end_of_options(rest)
            .ok_or_else(|| problem("a quote is not closed", rest_at..line.len()))?;
        (&rest[..end], rest[end..].trim_start_matches([' ', '\t']))
    };
    let allows = |options: &str| {
        parse_options(options).map_err(|what| Problem {
            what: what.to_string(),
            at: rest_at..rest_at + options.len(),
        })
    };
    if let Some(unknown) = unknown_key(key, number) {
        allows(options)?;
        return Ok(Line::Unknown(unknown));
    }
    let key = parse_key(key).ok_or_else(|| Problem {
        what: why_no_key(key, first),
        at: line.len() - key.len()..line.len(),
    })?;
    let options = allows(options)?;
    Ok(Line::Signer(AllowedSigner {
        principals,
        key,
        cert_authority: options.cert_authority,
        namespaces: options.namespaces,
        valid_after: options.valid_after,
        valid_before: options.valid_before,
        line: number,
    }))
}

/// What is wrong with the words where a key has to stand; `first` is the word after the principals.
fn why_no_key(key: &str, first: &str) -> String {
    match key.split([' ', '\t']).next() {
        Some("") | None => format!(
            "`{}` is neither a known type of key nor followed by one",
            excerpt(first, 40)
        ),
        Some(kind) if is_key_type(kind) => format!("the {kind} key is damaged"),
        Some(kind) => format!("`{}` is no known type of key", excerpt(kind, 40)),
    }
}

/// The first word, as OpenSSH's `strdelimw` takes it: a quote may begin anywhere in it, and ends it.
fn split_principals(line: &str) -> Option<(String, &str)> {
    let end = line.find([' ', '\t', '"']).unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    let (word, rest) = match rest.strip_prefix('"') {
        Some(quoted) => {
            let (inner, rest) = quoted.split_once('"')?;
            (format!("{word}{inner}"), rest)
        }
        None => (word.to_owned(), rest),
    };
    Some((word, rest.trim_start_matches([' ', '\t'])))
}

/// Where the options end: at white space outside quotes.
fn end_of_options(rest: &str) -> Option<usize> {
    let mut quoted = false;
    let mut bytes = rest.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if bytes.peek().is_some_and(|(_, next)| *next == b'"') => {
                bytes.next();
            }
            b'"' => quoted = !quoted,
            b' ' | b'\t' if !quoted => return Some(at),
            _ => {}
        }
    }
    (!quoted).then_some(rest.len())
}

fn parse_key(text: &str) -> Option<SshKey> {
    let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
    SshKey::from_text(words.next()?, words.next()?)
}

/// A key of a later OpenSSH: whole, and of a kind that is not known here.
fn unknown_key(text: &str, line: usize) -> Option<UnknownKey> {
    let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
    let (key_type, base64) = (words.next()?, words.next()?);
    SshKey::is_of_unknown_kind(key_type, base64).then(|| UnknownKey {
        key_type: excerpt(key_type, 80),
        line,
    })
}

/// What is wrong with the options of a line; safe to show.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum BadOptions {
    #[error("the value of `{0}` is not in quotes")]
    NotQuoted(&'static str),
    #[error("`{0}` stands twice")]
    Twice(&'static str),
    #[error("`{}` is no option that is known", excerpt(.0, 40))]
    Unknown(String),
    #[error("the options end in a comma")]
    TrailingComma,
    #[error("`{}` is no time: write YYYYMMDDZ or YYYYMMDDHHMMSSZ", excerpt(.0, 40))]
    NotTime(String),
    #[error("`valid-before` does not lie after `valid-after`")]
    EndsBeforeStart,
}

#[derive(Default)]
struct Options {
    cert_authority: bool,
    namespaces: Option<String>,
    valid_after: Option<i64>,
    valid_before: Option<i64>,
}

fn parse_options(mut rest: &str) -> Result<Options, BadOptions> {
    let mut entry = Options::default();
    while !rest.is_empty() {
        if let Some(after) = strip_name(rest, "cert-authority") {
            entry.cert_authority = true;
            rest = after;
        } else if let Some(after) = strip_name(rest, "namespaces=") {
            let value = value_of("namespaces", after, &mut rest)?;
            set_once(&mut entry.namespaces, value, "namespaces")?;
        } else if let Some(after) = strip_name(rest, "valid-after=") {
            let value = value_of("valid-after", after, &mut rest)?;
            set_once(&mut entry.valid_after, parse_time(&value)?, "valid-after")?;
        } else if let Some(after) = strip_name(rest, "valid-before=") {
            let value = value_of("valid-before", after, &mut rest)?;
            set_once(&mut entry.valid_before, parse_time(&value)?, "valid-before")?;
        } else {
            return Err(BadOptions::Unknown(rest.to_owned()));
        }
        if rest.is_empty() {
            break;
        }
        rest = match rest.strip_prefix(',') {
            Some("") => return Err(BadOptions::TrailingComma),
            Some(after) => after,
            None => return Err(BadOptions::Unknown(rest.to_owned())),
        };
    }
    match (entry.valid_after, entry.valid_before) {
        (Some(after), Some(before)) if before <= after => Err(BadOptions::EndsBeforeStart),
        _ => Ok(entry),
    }
}

/// The value in quotes at the start of `text`; what follows it becomes `rest`.
fn value_of<'a>(
    name: &'static str,
    text: &'a str,
    rest: &mut &'a str,
) -> Result<String, BadOptions> {
    let (value, after) = dequote(text).ok_or(BadOptions::NotQuoted(name))?;
    *rest = after;
    Ok(value)
}

fn set_once<T>(slot: &mut Option<T>, value: T, name: &'static str) -> Result<(), BadOptions> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(BadOptions::Twice(name)),
    }
}

fn strip_name<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(name.len())?;
    head.eq_ignore_ascii_case(name).then_some(rest)
}

/// A value in quotes, with `\"` for a quote in it, and what follows.
fn dequote(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                chars.next();
                value.push('"');
            }
            _ => value.push(c),
        }
    }
    None
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with `Z` or `UTC` after it or not.
fn parse_time(text: &str) -> Result<i64, BadOptions> {
    let bad = || BadOptions::NotTime(text.to_owned());
    let upper = text.to_ascii_uppercase();
    let digits = upper
        .strip_suffix('Z')
        .or_else(|| upper.strip_suffix("UTC"))
        .unwrap_or(&upper);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(digits.len(), 8 | 12 | 14) {
        return Err(bad());
    }
    let part = |at: usize, length: usize| {
        digits
            .get(at..at + length)
            .and_then(|part| part.parse::<i16>().ok())
            .unwrap_or(0)
    };
    let small = |at: usize| i8::try_from(part(at, 2)).unwrap_or(-1);
    let time = DateTime::new(
        part(0, 4),
        small(4),
        small(6),
        small(8),
        small(10),
        small(12),
        0,
    );
    // Not by way of a timestamp, which ends on the last day but one of the year 9999: people write its last day for "never".
    let seconds = time
        .map(|time| time.duration_since(EPOCH).as_secs())
        .map_err(|_| bad())?;
    if seconds > 0 { Ok(seconds) } else { Err(bad()) }
}

#[cfg(test)]
mod tests;
