//! The lock as an inventory: what would be installed. Nothing on disk is looked at, so nothing is known but what the lock says.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Inventory, McpDefinition, NotCovered, NotCoveredGroup, Place, Record, Subject};
use crate::lock::{Lock, LockedPackage};
use crate::subject::{Kind, Source};
use crate::text;

/// One subject an entry.
pub(crate) fn read(lock: &Lock) -> Inventory {
    let left_out = [
        (
            "the installation",
            "no state directory was looked at: whether what is installed is what is locked is not known",
        ),
        (
            "the environment of MCP servers",
            "the lock holds the digest of a definition, and of its text only the command line",
        ),
        (
            "skills and hooks of plugins whose package has another name",
            "the lock does not say of which plugin they are, so not whether they were read with it",
        ),
    ];
    let not_covered =
        left_out.map(|(what, why)| NotCovered::new(NotCoveredGroup::NotSeen, what, why));
    Inventory {
        subjects: lock.packages().iter().map(subject).collect(),
        not_covered: not_covered.to_vec(),
        ..Inventory::default()
    }
}

fn subject(package: &LockedPackage) -> Subject {
    // A lock has no places; without one the subject is known by its id.
    let place = Place {
        absolute: PathBuf::new(),
        shown: String::new(),
    };
    let mut subject = Subject::new(package.id.clone(), package.kind, package.source, place);
    // An operator's file, which a change that is not merged yet may have written.
    let version = package.version.as_deref();
    subject.version = version.map(|version| text::visible(version).into_owned());
    let resolved = match (package.source, &package.version) {
        (Source::Npm, Some(version)) => Some(format!("{}@{version}", package.id.name())),
        _ => None,
    };
    subject.record = Some(Record {
        spec: package.spec.clone(),
        resolved_spec: resolved,
        version: package.version.clone(),
        integrity: package.archive.map(|archive| archive.to_string()),
        git_commit: package.commit.as_ref().map(ToString::to_string),
        git_url: package.spec.as_deref().and_then(repository),
        ..Record::default()
    });
    if let (Kind::McpServer, Some(digest), Some(spec)) =
        (package.kind, package.definition, &package.spec)
    {
        subject.mcp = Some(McpDefinition {
            raw: definition(spec),
            digest,
            spec: text::visible(spec).into_owned(),
            when_on: Vec::new(),
            home: None,
            not_hashed: Vec::new(),
            local: None,
        });
    }
    subject
}

/// The address in a spec `git:<host>/<path>@<ref>`.
fn repository(spec: &str) -> Option<String> {
    let place = spec.strip_prefix("git:")?;
    let (place, _) = place.rsplit_once('@').unwrap_or((place, ""));
    Some(format!("https://{place}"))
}

/// The definition as far as the lock's text of it tells; null where the text is cut or cannot be split again.
fn definition(spec: &str) -> Value {
    match words(spec) {
        Some(words) => match words.as_slice() {
            [address] if address.contains("://") => json!({ "url": address }),
            [command, arguments @ ..] => json!({ "command": command, "args": arguments }),
            [] => Value::Null,
        },
        None => Value::Null,
    }
}

/// The words of a command line as the lock writes it: separated by single blanks, those with blanks or quotes between single quotes.
fn words(text: &str) -> Option<Vec<String>> {
    if text.contains('…') {
        return None;
    }
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut word = String::new();
        loop {
            if let Some(quoted) = rest.strip_prefix('\'') {
                let (inside, after) = quoted.split_once('\'')?;
                word.push_str(inside);
                rest = after;
            } else if let Some(after) = rest.strip_prefix("\\'") {
                word.push('\'');
                rest = after;
            } else {
                let end = rest.find([' ', '\'', '\\']).unwrap_or(rest.len());
                let (plain, after) = rest.split_at(end);
                word.push_str(plain);
                rest = after;
                if let Some(after) = rest
                    .strip_prefix('\\')
                    .filter(|after| !after.starts_with('\''))
                {
                    word.push('\\');
                    rest = after;
                    continue;
                }
                if !rest.starts_with(['\'', '\\']) {
                    break;
                }
            }
        }
        words.push(word);
        rest = rest.strip_prefix(' ').unwrap_or(rest);
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::mcp_spec;

    #[test]
    fn a_command_line_is_split_as_it_was_written() {
        for arguments in [
            vec!["npx", "-y", "@acme/files@1.2.3", "/srv"],
            vec!["sh", "-c", "npx -y x 2>>/tmp/log"],
            vec!["x", "it's", "", "a\"b", "C:\\x"],
        ] {
            let server = json!({ "command": arguments[0], "args": &arguments[1..] });
            let spec = mcp_spec::spec(server.as_object().expect("object"));
            assert_eq!(words(&spec).expect("words"), arguments, "{spec}");
            assert_eq!(definition(&spec), server);
        }
        assert_eq!(
            definition("https://mcp.example.com/mcp"),
            json!({ "url": "https://mcp.example.com/mcp" })
        );
        for cut in ["npx 'open", "npx a…"] {
            assert_eq!(definition(cut), Value::Null);
        }
    }
}
