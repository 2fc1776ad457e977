//! The pins of nix-openclaw: one file a plugin, `nix/generated/openclaw-runtime-plugins/<name>.nix`, each a flat set of texts, lists of texts
//! and sets of texts. Anything else of the language is refused. [R nix-openclaw 910c1ce]

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::digest::{Sha256Digest, Sri, to_hex};
use crate::{read, text};

/// Where the pins lie in a checkout.
const FOLDER: &str = "nix/generated/openclaw-runtime-plugins";
/// Imports of the others.
const INDEX: &str = "default.nix";
/// Most files of pins.
const MAX_FILES: usize = 5_000;
/// Most bytes of one.
const MAX_FILE: u64 = 256 << 10;

/// One pinned plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NixPin {
    /// The file, by its name.
    pub file: String,
    /// `npm` or `clawhub`: the same name and version may be two archives there.
    pub source: String,
    /// Name of the package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Integrity of its archive.
    pub integrity: Sri,
}

/// All pins of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NixPins {
    /// Sorted by file.
    pub pins: Vec<NixPin>,
    /// Digest over names and bytes of the files.
    pub digest: Option<Sha256Digest>,
}

impl NixPins {
    /// Reads the pins in `folder`: a checkout of nix-openclaw, or the folder with the files itself.
    ///
    /// # Errors
    /// What is wrong with which file, safe to show.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let inside = folder.join(FOLDER);
        let folder = if inside.is_dir() {
            inside
        } else {
            folder.to_owned()
        };
        let shown = |path: &Path| text::visible(&path.to_string_lossy()).into_owned();
        let wrong = |why: std::io::Error| format!("{} {why}", shown(&folder));
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            let is_pin = path.extension().is_some_and(|end| end == "nix")
                && path.file_name().is_some_and(|name| name != INDEX);
            if is_pin {
                files.push(path);
            }
            if files.len() > MAX_FILES {
                return Err(format!(
                    "{} holds more than {MAX_FILES} files",
                    shown(&folder)
                ));
            }
        }
        if files.is_empty() {
            return Err(format!("{} holds no pins of nix-openclaw", shown(&folder)));
        }
        files.sort();
        let mut digest = Sha256::new();
        let mut pins = Vec::new();
        for file in files {
            let wrong = |why: &dyn std::fmt::Display| format!("{} {why}", shown(&file));
            let source = read::text(&file, MAX_FILE).map_err(|error| wrong(&error))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            for part in [name.as_ref(), &source] {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part);
            }
            pins.push(pin(&name, &source).map_err(|why| wrong(&why))?);
        }
        let digest = to_hex(&digest.finalize()).parse().ok();
        Ok(Self { pins, digest })
    }
}

fn pin(file: &str, source: &str) -> Result<NixPin, String> {
    let fields = Reader(source).whole()?;
    let field = |key: &str| {
        let found = fields.iter().find(|(name, _)| name == key);
        found
            .map(|(_, value)| value.clone())
            .ok_or_else(|| format!("has no text `{key}`"))
    };
    let source = field("selectedSource")?;
    if !matches!(source.as_str(), "npm" | "clawhub") {
        let shown = text::excerpt(&source, 40);
        return Err(format!("has the source {shown}, which is not known"));
    }
    Ok(NixPin {
        file: text::excerpt(file, 100),
        source,
        package: field("packageName")?,
        version: field("version")?,
        integrity: field("npmIntegrity")?
            .parse()
            .map_err(|error| format!("has a bad npmIntegrity: {error}"))?,
    })
}

/// What is still to be read.
struct Reader<'s>(&'s str);

impl Reader<'_> {
    /// The texts of the one set that the file is.
    fn whole(mut self) -> Result<Vec<(String, String)>, String> {
        let fields = self.set(true)?;
        self.blanks();
        match self.0 {
            "" => Ok(fields),
            rest => Err(format!(
                "goes on after its set: {}",
                text::excerpt(rest, 40)
            )),
        }
    }

    fn blanks(&mut self) {
        loop {
            self.0 = self.0.trim_start();
            match self.0.strip_prefix('#') {
                Some(comment) => self.0 = comment.split_once('\n').map_or("", |(_, rest)| rest),
                None => return,
            }
        }
    }

    fn take(&mut self, mark: &str) -> bool {
        self.blanks();
        match self.0.strip_prefix(mark) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn want(&mut self, mark: &str) -> Result<(), String> {
        match self.take(mark) {
            true => Ok(()),
            false => Err(format!(
                "is no flat set: expected `{mark}` before {}",
                text::excerpt(self.0, 40)
            )),
        }
    }

    /// The texts of a set; of lists, and of sets inside, only the form is looked at.
    fn set(&mut self, outer: bool) -> Result<Vec<(String, String)>, String> {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        self.want("{")?;
        while !self.take("}") {
            let key = self.key()?;
            if !seen.insert(key.clone()) {
                return Err(format!("has the key {} twice", text::excerpt(&key, 40)));
            }
            self.want("=")?;
            self.blanks();
            if self.0.starts_with('[') {
                self.list()?;
            } else if self.0.starts_with('{') && outer {
                self.set(false)?;
            } else {
                fields.push((key, self.text()?));
            }
            self.want(";")?;
        }
        Ok(fields)
    }

    fn key(&mut self) -> Result<String, String> {
        self.blanks();
        if self.0.starts_with('"') {
            return self.text();
        }
        let plain = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\''));
        let end = self.0.find(plain).unwrap_or(self.0.len());
        let (key, rest) = self.0.split_at(end);
        if key.is_empty() {
            return Err(format!("has no key before {}", text::excerpt(self.0, 40)));
        }
        self.0 = rest;
        Ok(key.to_owned())
    }

    fn list(&mut self) -> Result<(), String> {
        self.want("[")?;
        while !self.take("]") {
            self.text()?;
        }
        Ok(())
    }

    fn text(&mut self) -> Result<String, String> {
        self.want("\"")?;
        let mut found = String::new();
        let mut chars = self.0.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.0 = self.0.get(at + 1..).unwrap_or_default();
                    return Ok(found);
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => found.push('\n'),
                    Some(c @ ('"' | '\\' | '$')) => found.push(c),
                    _ => return Err("has an escape that is not known".to_owned()),
                },
                '$' if self
                    .0
                    .get(at + 1..)
                    .is_some_and(|rest| rest.starts_with('{')) =>
                {
                    return Err("computes a text".to_owned());
                }
                c => found.push(c),
            }
        }
        Err("has a text without an end".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> String {
        format!(
            "# Generated. Do not edit manually.\n{{\n  selectedSource = \"npm\";\n  packageName = \"@openclaw/zalo\";\n  \
             version = \"2026.6.9\";\n  npmIntegrity = \"sha512-{}==\";\n  expectedIntegrity = \"\";\n  runtimeExtensions = [\n    \
             \"./dist/index.js\"\n  ];\n  contracts = {{ }};\n  dependencies = {{\n    \"@x/zod\" = \"4.4.3\";\n  }};\n}}\n",
            "A".repeat(86)
        )
    }

    #[test]
    fn generated_pins_are_read() {
        let dir = tempfile::tempdir().expect("folder");
        let folder = dir.path().join(FOLDER);
        std::fs::create_dir_all(&folder).expect("folder");
        std::fs::write(folder.join("zalo.nix"), file()).expect("file");
        std::fs::write(folder.join(INDEX), "{ zalo = import ./zalo.nix; }").expect("file");
        let found = NixPins::read(dir.path()).expect("pins");
        let [pin] = &found.pins[..] else {
            panic!("{found:?}");
        };
        let text = (
            pin.source.as_str(),
            pin.package.as_str(),
            pin.version.as_str(),
        );
        assert_eq!(text, ("npm", "@openclaw/zalo", "2026.6.9"));
        assert_eq!(NixPins::read(&folder).expect("pins"), found);
    }

    #[test]
    fn what_is_more_than_data_is_refused() {
        let file = file();
        for (from, to) in [
            ("\"npm\"", "\"n${x}pm\""),
            ("\"npm\"", "builtins.readFile ./x"),
            ("\"npm\"", "\"pip\""),
            ("contracts = { };", "contracts = { a = { }; };"),
            ("contracts = { };", "version = \"1\";"),
            ("  version = \"2026.6.9\";\n", ""),
            ("{\n", "{ lib }: {\n"),
            ("sha512-", "sha1-"),
            ("\"./dist/index.js\"", "./dist/index.js"),
        ] {
            assert!(file.contains(from), "{from}");
            assert!(
                pin("zalo.nix", &file.replacen(from, to, 1)).is_err(),
                "{to}"
            );
        }
        assert!(pin("zalo.nix", &format!("{file}x")).is_err());
        assert!(pin("zalo.nix", file.trim_end().trim_end_matches('}')).is_err());
    }
}
