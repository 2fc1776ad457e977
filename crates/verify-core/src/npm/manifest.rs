//! `package.json`, read so that nothing in it can stop the reading. A field of an unexpected type counts as absent and is noted.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::json::{self, JsonError};

/// What a `package.json` says about its package. All of it is untrusted text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackageJson {
    /// `name`, as written.
    pub name: Option<String>,
    /// `version`, as written.
    pub version: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `license`, or the members of the retired `licenses`.
    pub licenses: Vec<String>,
    /// `author`.
    pub author: Option<Person>,
    /// Address in `repository`, as written.
    pub repository: Option<String>,
    /// `homepage`.
    pub homepage: Option<String>,
    /// Address in `bugs`.
    pub bugs: Option<String>,
    /// `dependencies`, `optionalDependencies` and `peerDependencies` as npm merges them: optional wins over the plain entry of the
    /// same name. Sorted by name, then kind.
    pub dependencies: Vec<Dependency>,
    /// Names in `bundleDependencies` (or `bundledDependencies`); `true` is written out as all dependencies. Sorted.
    pub bundles: Vec<String>,
    /// Scripts that npm runs when the package is installed, in the order in which it runs them.
    pub scripts: Vec<Script>,
    /// `gypfile` is `false`, which keeps npm from running node-gyp.
    pub gypfile_off: bool,
    /// `bin`: command and file. Sorted.
    pub bin: Vec<(String, String)>,
    /// `engines`: name and range. Sorted.
    pub engines: Vec<(String, String)>,
    /// `os`, as written.
    pub os: Vec<String>,
    /// `cpu`, as written.
    pub cpu: Vec<String>,
    /// `libc`, as written.
    pub libc: Vec<String>,
}

/// A person or organisation, as npm splits `Name <e-mail> (address)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Person {
    /// Name.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Address of a page.
    pub url: Option<String>,
}

/// One entry of `dependencies`, `optionalDependencies` or `peerDependencies`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Dependency {
    /// Name of the folder that Node looks for.
    pub name: String,
    /// Which list names it.
    pub kind: DependencyKind,
    /// Range, tag, address or alias, as written.
    pub spec: String,
}

/// The lists of dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DependencyKind {
    /// `dependencies`.
    Required,
    /// `optionalDependencies`.
    Optional,
    /// `peerDependencies`.
    Peer,
    /// `peerDependencies` that `peerDependenciesMeta` calls optional.
    OptionalPeer,
}

/// A lifecycle script.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Script {
    /// `preinstall`, `install`, `postinstall`, or one of those that npm runs only for git and folder dependencies.
    pub name: &'static str,
    /// The command, as written.
    pub command: String,
}

impl Script {
    /// Whether npm runs it for a package from a registry; the others run only for git and folder dependencies.
    #[must_use]
    pub fn runs_from_registry(&self) -> bool {
        matches!(self.name, "preinstall" | "install" | "postinstall")
    }
}

/// What was odd about a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    WrongType(&'static str),
    DuplicateKey(String),
}

/// npm's order: the first three always, the others when a git or folder dependency is prepared.
const LIFECYCLE: [&str; 7] = [
    "preinstall",
    "install",
    "postinstall",
    "prepublish",
    "preprepare",
    "prepare",
    "postprepare",
];

const WANTED: [&str; 22] = [
    "name",
    "version",
    "description",
    "license",
    "licenses",
    "author",
    "repository",
    "homepage",
    "bugs",
    "dependencies",
    "optionalDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "bundleDependencies",
    "bundledDependencies",
    "scripts",
    "gypfile",
    "bin",
    "engines",
    "os",
    "cpu",
    "libc",
];

impl PackageJson {
    /// Reads the text of a `package.json`. A text that is no JSON object is an error.
    pub(crate) fn parse(text: &str) -> Result<(Self, Vec<Odd>), JsonError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (members, duplicates) = json::members(text, &WANTED)?;
        let mut reader = Reader {
            members,
            odd: duplicates.into_iter().map(Odd::DuplicateKey).collect(),
        };
        let manifest = reader.manifest();
        Ok((manifest, reader.odd))
    }

    /// The scripts that npm runs for a package from a registry.
    pub fn install_scripts(&self) -> impl Iterator<Item = &Script> {
        self.scripts
            .iter()
            .filter(|script| script.runs_from_registry())
    }
}

struct Reader {
    members: Map<String, Value>,
    odd: Vec<Odd>,
}

impl Reader {
    fn manifest(&mut self) -> PackageJson {
        let dependencies = self.dependencies();
        let bin = self.bin();
        PackageJson {
            name: self.text("name"),
            version: self.text("version"),
            description: self.text("description"),
            licenses: self.licenses(),
            author: self.author(),
            repository: self.address("repository"),
            homepage: self.text("homepage"),
            bugs: self.address("bugs"),
            bundles: self.bundles(&dependencies),
            dependencies,
            scripts: self.scripts(),
            gypfile_off: self.members.get("gypfile") == Some(&Value::Bool(false)),
            bin,
            engines: self.pairs("engines"),
            os: self.list("os"),
            cpu: self.list("cpu"),
            libc: self.list("libc"),
        }
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        self.members.remove(field).filter(|value| !value.is_null())
    }

    fn wrong<T: Default>(&mut self, field: &'static str) -> T {
        self.odd.push(Odd::WrongType(field));
        T::default()
    }

    fn text(&mut self, field: &'static str) -> Option<String> {
        match self.take(field)? {
            Value::String(text) => Some(text),
            _ => self.wrong(field),
        }
    }

    /// A text, or the `url` of an object.
    fn address(&mut self, field: &'static str) -> Option<String> {
        match self.take(field)? {
            Value::String(text) => Some(text),
            Value::Object(mut object) => match object.remove("url") {
                Some(Value::String(url)) => Some(url),
                None => None,
                Some(_) => self.wrong(field),
            },
            _ => self.wrong(field),
        }
    }

    /// A list of texts, or one text.
    fn list(&mut self, field: &'static str) -> Vec<String> {
        match self.take(field) {
            None => Vec::new(),
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(items)) => {
                let all = items.len();
                let texts: Vec<String> = items.into_iter().filter_map(into_text).collect();
                if texts.len() < all {
                    self.odd.push(Odd::WrongType(field));
                }
                texts
            }
            Some(_) => self.wrong(field),
        }
    }

    /// The members of an object whose values are texts, sorted.
    fn pairs(&mut self, field: &'static str) -> Vec<(String, String)> {
        match self.take(field) {
            None => Vec::new(),
            Some(Value::Object(object)) => {
                let all = object.len();
                let mut pairs: Vec<_> = object
                    .into_iter()
                    .filter_map(|(key, value)| Some((key, into_text(value)?)))
                    .collect();
                if pairs.len() < all {
                    self.odd.push(Odd::WrongType(field));
                }
                pairs.sort();
                pairs
            }
            Some(_) => self.wrong(field),
        }
    }

    fn licenses(&mut self) -> Vec<String> {
        let one = |value: Value| match value {
            Value::String(text) => Some(text),
            // The retired form: {"type": "MIT", "url": "…"}.
            Value::Object(mut object) => object
                .remove("type")
                .or_else(|| object.remove("name"))
                .and_then(into_text),
            _ => None,
        };
        let field = if self
            .members
            .get("license")
            .is_some_and(|value| !value.is_null())
        {
            "license"
        } else {
            "licenses"
        };
        let values = match self.take(field) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(value) => vec![value],
        };
        let all = values.len();
        let licenses: Vec<String> = values.into_iter().filter_map(one).collect();
        if licenses.len() < all {
            self.odd.push(Odd::WrongType(field));
        }
        licenses
    }

    fn author(&mut self) -> Option<Person> {
        match self.take("author")? {
            Value::String(text) => Person::parse(&text),
            Value::Object(mut object) => {
                let mut text = |key: &str| {
                    object
                        .remove(key)
                        .and_then(into_text)
                        .filter(|text| !text.trim().is_empty())
                };
                let person = Person {
                    name: text("name"),
                    email: text("email"),
                    url: text("url"),
                };
                (person != Person::default()).then_some(person)
            }
            _ => self.wrong("author"),
        }
    }

    fn dependencies(&mut self) -> Vec<Dependency> {
        let optional_peers = match self.take("peerDependenciesMeta") {
            Some(Value::Object(object)) => object,
            None => Map::new(),
            Some(_) => self.wrong("peerDependenciesMeta"),
        };
        let mut installed = BTreeMap::new();
        for (field, kind) in [
            ("dependencies", DependencyKind::Required),
            ("optionalDependencies", DependencyKind::Optional),
        ] {
            for (name, spec) in self.pairs(field) {
                installed.insert(name.clone(), Dependency { name, kind, spec });
            }
        }
        let mut all: Vec<Dependency> = installed.into_values().collect();
        for (name, spec) in self.pairs("peerDependencies") {
            let optional = optional_peers
                .get(&name)
                .and_then(|meta| meta.get("optional"))
                == Some(&Value::Bool(true));
            let kind = if optional {
                DependencyKind::OptionalPeer
            } else {
                DependencyKind::Peer
            };
            all.push(Dependency { name, kind, spec });
        }
        all.sort();
        all
    }

    fn bundles(&mut self, dependencies: &[Dependency]) -> Vec<String> {
        let field = if self.members.contains_key("bundleDependencies") {
            "bundleDependencies"
        } else {
            "bundledDependencies"
        };
        let mut names = match self.take(field) {
            None | Some(Value::Bool(false)) => Vec::new(),
            Some(Value::Bool(true)) => dependencies
                .iter()
                .filter(|dependency| {
                    matches!(
                        dependency.kind,
                        DependencyKind::Required | DependencyKind::Optional
                    )
                })
                .map(|dependency| dependency.name.clone())
                .collect(),
            Some(Value::Array(items)) => items.into_iter().filter_map(into_text).collect(),
            // npm takes the keys of an object, too.
            Some(Value::Object(object)) => object.into_iter().map(|(name, _)| name).collect(),
            Some(_) => self.wrong(field),
        };
        names.sort();
        names.dedup();
        names
    }

    fn scripts(&mut self) -> Vec<Script> {
        let scripts = self.pairs("scripts");
        let command = |wanted: &str| {
            scripts
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, command)| command.clone())
        };
        LIFECYCLE
            .into_iter()
            .filter_map(|name| {
                command(name)
                    .filter(|command| !command.is_empty())
                    .map(|command| Script { name, command })
            })
            .collect()
    }

    fn bin(&mut self) -> Vec<(String, String)> {
        if let Some(Value::String(file)) = self.members.get("bin") {
            let file = file.clone();
            let name = self
                .members
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let command = name.rsplit('/').next().unwrap_or_default().to_owned();
            return vec![(command, file)];
        }
        if let Some(Value::Array(files)) = self.members.get("bin") {
            let command = |file: &str| {
                (
                    file.rsplit('/').next().unwrap_or_default().to_owned(),
                    file.to_owned(),
                )
            };
            let mut commands: Vec<_> = files
                .iter()
                .filter_map(Value::as_str)
                .map(command)
                .collect();
            commands.sort();
            return commands;
        }
        self.pairs("bin")
    }
}

impl Person {
    /// Splits `Name <e-mail> (address)`; none when nothing is left.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let between = |open: char, close: char| {
            let (_, rest) = text.split_once(open)?;
            let (inner, _) = rest.split_once(close)?;
            let inner = inner.trim();
            (!inner.is_empty()).then(|| inner.to_owned())
        };
        let name = text.split(['<', '(']).next().unwrap_or_default().trim();
        let person = Self {
            name: (!name.is_empty()).then(|| name.to_owned()),
            email: between('<', '>'),
            url: between('(', ')'),
        };
        (person != Self::default()).then_some(person)
    }
}

fn into_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_type_in_any_field_is_noted_and_counts_as_absent() {
        for field in WANTED {
            for value in [
                "null",
                "true",
                "7",
                "-1e400",
                r#""\ud800""#,
                "\"\"",
                "\"x\"",
                "[]",
                "[null,7,{}]",
                "{}",
                r#"{"a":{"b":[1]}}"#,
            ] {
                let text = format!(r#"{{"name":"a","version":"1.0.0","{field}":{value}}}"#);
                let (manifest, _) = PackageJson::parse(&text).expect("an object");
                assert!(
                    field == "version" || manifest.version.as_deref() == Some("1.0.0"),
                    "{text}"
                );
            }
        }
        let (manifest, odd) =
            PackageJson::parse(r#"{"name":7,"scripts":{"install":"a","postinstall":7}}"#)
                .expect("object");
        assert_eq!((manifest.name, manifest.scripts.len()), (None, 1));
        assert_eq!(odd, [Odd::WrongType("name"), Odd::WrongType("scripts")]);
    }

    #[test]
    fn last_of_two_equal_keys_wins_as_in_node_and_is_noted() {
        let text = r#"{"scripts":{},"scripts":{"postinstall":"a","postinstall":"b"}}"#;
        let (manifest, odd) = PackageJson::parse(text).expect("object");
        assert_eq!(
            manifest.scripts,
            [Script {
                name: "postinstall",
                command: "b".to_owned()
            }]
        );
        assert_eq!(
            odd,
            [
                Odd::DuplicateKey("postinstall".to_owned()),
                Odd::DuplicateKey("scripts".to_owned())
            ]
        );
    }

    #[test]
    fn depth_under_other_names_does_not_hide_a_script() {
        let deep = format!(
            r#"{{"x":{}{},"scripts":{{"install":"a"}}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert_eq!(
            PackageJson::parse(&deep).expect("object").0.scripts.len(),
            1
        );
        let text = format!(
            r#"{{"scripts":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(
            PackageJson::parse(&text)
                .expect_err("too deep")
                .to_string()
                .contains("nested deeper")
        );
        assert!(
            PackageJson::parse("[]")
                .expect_err("no object")
                .to_string()
                .contains("expected a JSON object")
        );
    }

    #[test]
    fn people_and_dependencies_are_read_as_npm_does() {
        let (manifest, odd) = PackageJson::parse(
            r#"{"author":"Ada L. <ada@example.org> (https://example.org)","dependencies":{"b":"1","a":"2"},
                "optionalDependencies":{"a":"3"},"peerDependencies":{"c":"4","d":"5"},
                "peerDependenciesMeta":{"d":{"optional":true}},"bundleDependencies":true,"bin":"x.js","name":"@s/n",
                "licenses":[{"type":"MIT"},"ISC"],"repository":{"url":"git+https://example.org/x.git"}}"#,
        )
        .expect("object");
        assert!(odd.is_empty());
        let author = manifest.author.expect("author");
        assert_eq!(author.name.as_deref(), Some("Ada L."));
        assert_eq!(author.email.as_deref(), Some("ada@example.org"));
        let kinds: Vec<_> = manifest
            .dependencies
            .iter()
            .map(|d| (d.name.as_str(), d.kind, d.spec.as_str()))
            .collect();
        use DependencyKind::{Optional, OptionalPeer, Peer, Required};
        assert_eq!(
            kinds,
            [
                ("a", Optional, "3"),
                ("b", Required, "1"),
                ("c", Peer, "4"),
                ("d", OptionalPeer, "5")
            ]
        );
        assert_eq!(manifest.bundles, ["a", "b"]);
        assert_eq!(manifest.bin, [("n".to_owned(), "x.js".to_owned())]);
        assert_eq!(manifest.licenses, ["MIT", "ISC"]);
    }
}
