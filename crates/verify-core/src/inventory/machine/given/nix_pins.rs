//! The pins of runtime plugins that nix-openclaw generates: one file a plugin, an attribute set of texts, lists and sets. Anything else
//! of the language is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{MAX_FILE, bytes, shown};
use crate::digest::{Sha256Digest, Sri};
use crate::error::{Error, Malformed, Result};
use crate::text;

/// Where they lie in a checkout.
const IN_CHECKOUT: &str = "nix/generated/openclaw-runtime-plugins";
/// Most files of one folder.
const MAX_FILES: usize = 2000;
/// Deepest nesting of sets and lists.
const MAX_DEPTH: usize = 16;
const WAY_OUT: &str = "name the folder nix/generated/openclaw-runtime-plugins of a checkout of nix-openclaw, or the checkout";

/// One pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NixPin {
    /// The file, as it is shown.
    pub(crate) file: String,
    /// Where the plugin comes from: `npm`, or another registry.
    pub(crate) source: String,
    /// The package.
    pub(crate) package: String,
    /// Its version.
    pub(crate) version: String,
    /// What npm says of its archive.
    pub(crate) integrity: Sri,
    /// Lines of version and integrity, from 1.
    pub(crate) lines: [usize; 2],
}

/// Reads every pin of a folder. Also gives the digest of the files that were read.
///
/// # Errors
/// When there is none, or a file is not as nix-openclaw writes it: the file, the line, and what is wrong.
pub(super) fn read(folder: &Path) -> Result<(Vec<NixPin>, Sha256Digest)> {
    let given = shown(folder);
    let inside = folder.join(IN_CHECKOUT);
    let folder: PathBuf = if inside.is_dir() {
        inside
    } else {
        folder.to_owned()
    };
    let entries = std::fs::read_dir(&folder).map_err(|error| {
        Error::environment(format!("{given} cannot be listed: {error}"), WAY_OUT)
    })?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".nix") && name != "default.nix")
        .collect();
    names.sort();
    if names.is_empty() || names.len() > MAX_FILES {
        let what = match names.is_empty() {
            true => format!("{given} holds no pins"),
            false => format!("{given} holds more than {MAX_FILES} pins"),
        };
        return Err(Error::environment(what, WAY_OUT));
    }
    let mut pins = Vec::new();
    let mut listing = String::new();
    for name in names {
        let file = shown(&folder.join(&name));
        let wrong = |why: Malformed| {
            Error::environment(
                format!("{file} {why}, so it is no pin of nix-openclaw"),
                WAY_OUT,
            )
        };
        let content = bytes(&folder.join(&name), MAX_FILE).map_err(wrong)?;
        listing.push_str(&format!("{}  {name}\n", Sha256Digest::of(&content).hex()));
        let content = String::from_utf8(content).map_err(|_| wrong("is not UTF-8 text".into()))?;
        let values = Parser::new(&content).file().map_err(wrong)?;
        pins.push(pin(&file, &values).map_err(wrong)?);
    }
    Ok((pins, Sha256Digest::of(listing.as_bytes())))
}

fn pin(file: &str, values: &BTreeMap<String, (String, usize)>) -> Result<NixPin, Malformed> {
    let value = |key: &str| {
        let found = values.get(key).filter(|(text, _)| !text.is_empty());
        found.ok_or_else(|| format!("has no `{key}`"))
    };
    let (written, integrity_line) = value("npmIntegrity")?;
    let integrity: Sri = written
        .parse()
        .map_err(|_| format!("line {integrity_line}: has an `npmIntegrity` that is no SHA-512"))?;
    // SHA-256 of the same archive: what is installed has no such digest to compare, but a damaged pin shows.
    let (written, line) = value("nixHash")?;
    let bytes = written
        .strip_prefix("sha256-")
        .and_then(|text| STANDARD.decode(text).ok());
    if bytes.is_none_or(|bytes| bytes.len() != 32) {
        return Err(format!("line {line}: has a `nixHash` that is no SHA-256").into());
    }
    let (version, version_line) = value("version")?;
    Ok(NixPin {
        file: file.to_owned(),
        source: value("selectedSource").map_or_else(|_| "npm".to_owned(), |(text, _)| text.clone()),
        package: value("packageName")?.0.clone(),
        version: version.clone(),
        integrity,
        lines: [*version_line, *integrity_line],
    })
}

/// A reader of the part of the language that the generator writes.
struct Parser<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            line: 1,
        }
    }

    /// The texts of the set that is the whole file, with their lines.
    fn file(mut self) -> Result<BTreeMap<String, (String, usize)>, Malformed> {
        self.expect('{')?;
        let mut found = BTreeMap::new();
        self.set(0, |key, value, line| {
            let before = value.and_then(|value| found.insert(key.to_owned(), (value, line)));
            before.map_or(Ok(()), |_| {
                Err(format!("line {line}: has `{key}` twice").into())
            })
        })?;
        self.blank();
        match self.rest.is_empty() {
            true => Ok(found),
            false => Err(self.wrong("something follows the set")),
        }
    }

    /// The members of a set up to its end; `member` gets the text of those that have one.
    fn set(
        &mut self,
        depth: usize,
        mut member: impl FnMut(&str, Option<String>, usize) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        loop {
            self.blank();
            if self.take('}') {
                return Ok(());
            }
            let line = self.line;
            let key = match self.rest.starts_with('"') {
                true => self.text()?,
                false => self.name()?,
            };
            self.expect('=')?;
            let value = self.value(depth)?;
            self.expect(';')?;
            member(&key, value, line)?;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Option<String>, Malformed> {
        self.blank();
        if depth > MAX_DEPTH {
            return Err(self.wrong("it is nested too deeply"));
        }
        if self.rest.starts_with('"') {
            return self.text().map(Some);
        }
        if self.take('{') {
            self.set(depth + 1, |_, _, _| Ok(()))?;
            return Ok(None);
        }
        if self.take('[') {
            loop {
                self.blank();
                if self.take(']') {
                    return Ok(None);
                }
                self.value(depth + 1)?;
            }
        }
        match self.name()?.as_str() {
            "null" | "true" | "false" => Ok(None),
            number if number.bytes().all(|b| b.is_ascii_digit()) => Ok(None),
            other => {
                let why = format!(
                    "`{}` is neither text, list nor set",
                    text::excerpt(other, 40)
                );
                Err(self.wrong(&why))
            }
        }
    }

    /// A text in quotes, without `${`.
    fn text(&mut self) -> Result<String, Malformed> {
        let mut out = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Ok(out);
                }
                '\\' => match chars.next() {
                    Some((_, c @ ('"' | '\\' | '$'))) => out.push(c),
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, 't')) => out.push('\t'),
                    _ => return Err(self.wrong("a text has an escape that is not known")),
                },
                '\n' => return Err(self.wrong("a text does not end in its line")),
                '$' if self
                    .rest
                    .get(at + 1..)
                    .is_some_and(|rest| rest.starts_with('{')) =>
                {
                    return Err(self.wrong("a text has a part that is computed"));
                }
                c => out.push(c),
            }
        }
        Err(self.wrong("a text does not end"))
    }

    fn name(&mut self) -> Result<String, Malformed> {
        let end = self
            .rest
            .bytes()
            .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'\'')))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() {
            return Err(self.wrong("it holds more than texts, lists and sets"));
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn expect(&mut self, wanted: char) -> Result<(), Malformed> {
        self.blank();
        match self.take(wanted) {
            true => Ok(()),
            false => Err(self.wrong(&format!("`{wanted}` is missing"))),
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Passes over blanks and comments.
    fn blank(&mut self) {
        loop {
            let rest = self.rest.trim_start();
            let passed = self.rest.len() - rest.len();
            let blank = self.rest.get(..passed).unwrap_or_default();
            self.line += blank.matches('\n').count();
            self.rest = rest;
            if !rest.starts_with('#') {
                return;
            }
            let end = rest.find('\n').unwrap_or(rest.len());
            self.rest = rest.get(end..).unwrap_or_default();
        }
    }

    fn wrong(&self, why: &str) -> Malformed {
        format!("line {}: {why}", self.line).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As nix-openclaw generates it, without the keys that are not read.
    const ZALO: &str = "# Generated\n{\n  selectedSource = \"npm\";\n  packageName = \"@openclaw/zalo\";\n  version = \"2026.6.9\";\n  npmIntegrity = \"sha512-EWJ26/2QirgnFuPrEG0b3/y2ECPKWzxRUOeVUEQiiuFPL2wjLokucoWXLUX0oKK9h8O6JgdP0Eh5JP0EcWB2ug==\";\n  nixHash = \"sha256-xicnkomAd1hasXuOJ3O0leNFe1H9Nc2Iw4FPvEv4qr4=\";\n  runtimeSetupEntry = null;\n  channels = [\n    \"zalo\"\n  ];\n  contracts = { };\n  dependencies = {\n    \"@a/b\" = \"1\";\n  };\n}\n";

    #[test]
    fn pins_are_read_with_their_lines() {
        let values = Parser::new(ZALO).file().expect("pin");
        let pin = pin("zalo.nix", &values).expect("pin");
        assert_eq!(
            (pin.package.as_str(), pin.version.as_str()),
            ("@openclaw/zalo", "2026.6.9")
        );
        assert_eq!(pin.lines, [5, 6]);
    }

    #[test]
    fn anything_else_of_the_language_is_refused() {
        for broken in [
            "",
            "{ pkgs }: { }",
            "{ a = import ./b.nix; }",
            "{ a = \"${b}\"; }",
            "{ a = \"b\"; a = \"c\"; }",
            "{ a = \"b\" }",
            "{ a = \"b\"; } x",
            "{ a = ''b''; }",
            "rec { a = \"b\"; }",
        ] {
            assert!(Parser::new(broken).file().is_err(), "{broken}");
        }
        let deep = format!("{{ a = {}; }}", "[".repeat(10_000));
        assert!(Parser::new(&deep).file().is_err());
    }
}
