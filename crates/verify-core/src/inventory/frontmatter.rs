//! The front matter of `SKILL.md` and `HOOK.md`, read as OpenClaw 2026.9 reads it (`markdown-core/src/frontmatter.ts`).
//!
//! YAML first; where YAML fails, or says nothing about a key, lines of the form `key: value`. `metadata` is read again as JSON5. Where
//! the two readings of `metadata` differ, the install steps of both are kept: one too many is a finding that a person can dismiss, one
//! too few is an install step that goes unnoticed.

use serde_json::{Map, Value};

use super::InstallStep;
use crate::json;
use crate::text;

/// Most bytes of a file with front matter that are read. OpenClaw's default is 256,000 for skills and 1 MiB for hooks.
pub(super) const MAX_BYTES: u64 = 1 << 20;

/// Largest front matter that is read. Real ones have some hundred bytes; the limit bounds the time that thousands of files can take.
const MAX_BLOCK: usize = 64 << 10;

/// Most install steps that are kept of one file.
const MAX_STEPS: usize = 200;

/// Names under which `metadata` may hold OpenClaw's part, in the order of precedence.
const MANIFEST_KEYS: [&str; 4] = ["openclaw", "clawdbot", "moltbot", "clawdis"];

/// What the front matter says. All texts are untrusted.
#[derive(Debug, Default)]
pub(super) struct FrontMatter {
    yaml: Map<String, Value>,
    lines: Map<String, Value>,
    manifests: Vec<Map<String, Value>>,
    /// What could not be read, safe to show.
    pub(super) problems: Vec<String>,
}

impl FrontMatter {
    /// Reads the front matter of `content`. Never fails: what cannot be read is listed in `problems`.
    pub(super) fn parse(content: &str) -> Self {
        let normalized = content
            .trim_start_matches('\u{feff}')
            .replace("\r\n", "\n")
            .replace('\r', "\n");
        let mut found = Self::default();
        match block(&normalized) {
            Block::None => return found,
            Block::Unterminated => {
                found
                    .problems
                    .push("front matter has no closing `---`".to_owned());
                return found;
            }
            Block::Found(block) if block.len() > MAX_BLOCK => {
                found.problems.push(format!(
                    "front matter has more than {MAX_BLOCK} bytes and was not read"
                ));
                return found;
            }
            Block::Found(block) => {
                found.lines = lines(block);
                match yaml(block) {
                    Ok(map) => found.yaml = map,
                    Err(why) => found.problems.push(format!(
                        "front matter is not the YAML that OpenClaw expects: {why}"
                    )),
                }
            }
        }
        found.read_metadata();
        found
    }

    /// The text of a key, trimmed; none when it is absent or empty.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        let text = match self.yaml.get(key).or_else(|| self.lines.get(key))? {
            Value::String(text) => text.trim().to_owned(),
            value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// A text of OpenClaw's part of `metadata`.
    pub(super) fn manifest_text(&self, key: &str) -> Option<&str> {
        self.manifests
            .iter()
            .find_map(|manifest| manifest.get(key)?.as_str())
    }

    /// The install steps that OpenClaw's part of `metadata` declares, in order, each once.
    pub(super) fn install_steps(&self) -> Vec<InstallStep> {
        let mut steps = Vec::new();
        for entry in self
            .manifests
            .iter()
            .filter_map(|m| m.get("install")?.as_array())
            .flatten()
        {
            if let Some(step) = step(entry)
                && !steps.contains(&step)
                && steps.len() < MAX_STEPS
            {
                steps.push(step);
            }
        }
        steps
    }

    fn read_metadata(&mut self) {
        let mut readings = Vec::new();
        let mut why = None;
        for written in [self.lines.get("metadata"), self.yaml.get("metadata")]
            .into_iter()
            .flatten()
        {
            match written {
                Value::String(text) => match json::json5(text) {
                    Ok(parsed) => readings.push(parsed.value),
                    Err(error) => why = Some(error.to_string()),
                },
                other => readings.push(other.clone()),
            }
        }
        if let (true, Some(why)) = (readings.is_empty(), why) {
            self.problems
                .push(format!("`metadata` cannot be read: {why}"));
        }
        for reading in readings {
            let manifest = MANIFEST_KEYS
                .iter()
                .find_map(|key| reading.get(key)?.as_object().cloned());
            if let Some(manifest) = manifest
                && !self.manifests.contains(&manifest)
            {
                self.manifests.push(manifest);
            }
        }
    }
}

enum Block<'a> {
    None,
    Unterminated,
    Found(&'a str),
}

/// The text between `---` and `---` at the beginning.
fn block(normalized: &str) -> Block<'_> {
    let is_delimiter = |line: &str| {
        line.strip_prefix("---")
            .is_some_and(|rest| rest.chars().all(char::is_whitespace))
    };
    let Some((first, tail)) = normalized.split_once('\n') else {
        return Block::None;
    };
    if !is_delimiter(first) {
        return Block::None;
    }
    let mut at = 0;
    for line in tail.split_inclusive('\n') {
        if is_delimiter(line.trim_end_matches('\n')) {
            return Block::Found(tail[..at].trim_end_matches('\n'));
        }
        at += line.len();
    }
    Block::Unterminated
}

/// Lines of the form `key: value`; a key without value takes the indented lines below it.
fn lines(block: &str) -> Map<String, Value> {
    let indented = |line: &&str| line.is_empty() || line.starts_with([' ', '\t']);
    let mut result = Map::new();
    let mut rest = block.split('\n').peekable();
    while let Some(line) = rest.next() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        if key.is_empty()
            || !key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        {
            continue;
        }
        let mut value = value.trim().to_owned();
        if value.is_empty() {
            let mut below = Vec::new();
            while let Some(line) = rest.next_if(indented) {
                below.push(line);
            }
            value = below.join("\n").trim().to_owned();
        } else if value.len() >= 2
            && value.starts_with(['"', '\''])
            && value.chars().last() == value.chars().next()
        {
            value = value[1..value.len() - 1].to_owned();
        }
        if !value.is_empty() {
            result.insert(key.to_owned(), Value::String(value));
        }
    }
    result
}

/// The block as a YAML mapping; anchors, depth and size are bounded.
pub(crate) fn yaml(block: &str) -> Result<Map<String, Value>, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 64,
            max_nodes: 50_000,
            max_events: 200_000,
            max_aliases: 100,
            max_anchors: 100,
            max_documents: 1,
            flow_nesting_limit: 64,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 50_000,
            max_replay_stack_depth: 16,
            max_alias_expansions_per_anchor: 100,
        },
        // YAML 1.2: only `true` and `false` are booleans, so that a skill may be called `n`.
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Value>(block, options) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Null) if block.trim().is_empty() => Ok(Map::new()),
        Ok(_) => Err("it is no mapping".to_owned()),
        Err(error) => Err(text::excerpt(&error.to_string(), 120)),
    }
}

fn step(entry: &Value) -> Option<InstallStep> {
    let entry = entry.as_object()?;
    let field = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| Some(entry.get(*name)?.as_str()?.trim().to_owned()))
    };
    let kind = field(&["kind", "type"])?.to_lowercase();
    let target = match kind.as_str() {
        "brew" => field(&["formula", "cask"]),
        "node" | "uv" => field(&["package"]),
        "go" => field(&["module"]),
        "download" => field(&["url"]),
        _ => field(&["package", "module", "formula", "cask", "url", "repository"]),
    };
    Some(InstallStep {
        kind,
        target: target.unwrap_or_default(),
        sha256: field(&["sha256"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Vec<(String, String, Option<String>)> {
        FrontMatter::parse(text)
            .install_steps()
            .into_iter()
            .map(|s| (s.kind, s.target, s.sha256))
            .collect()
    }

    #[test]
    fn names_come_from_yaml_and_from_lines() {
        let name = |text: &str| FrontMatter::parse(text).text("name");
        assert_eq!(
            name("---\nname: weather\n---\nbody").as_deref(),
            Some("weather")
        );
        assert_eq!(
            name("\u{feff}---  \r\nname: \"we: ather\"\r\n---").as_deref(),
            Some("we: ather")
        );
        assert_eq!(name("---\nname: 12\n---\n").as_deref(), Some("12"));
        // Not YAML: the lines still tell.
        assert_eq!(
            name("---\nname: a\ndescription: x: y: [\n---\n").as_deref(),
            Some("a")
        );
        assert_eq!(name("---\nname: a\nname: b\n---\n").as_deref(), Some("b"));
        assert_eq!(name("name: a\n"), None);
        assert_eq!(name("---\nname: a\n"), None);
        assert_eq!(name("---\n---\n"), None);
        assert_eq!(name(""), None);
    }

    #[test]
    fn install_steps_are_found_in_every_spelling_of_metadata() {
        let inline = r#"{"openclaw":{"install":[{"kind":"node","package":"left-pad"}]}}"#;
        let want = vec![("node".to_owned(), "left-pad".to_owned(), None)];
        assert_eq!(
            steps(&format!("---\nname: a\nmetadata: {inline}\n---\n")),
            want
        );
        assert_eq!(
            steps(&format!("---\nname: a\nmetadata: '{inline}'\n---\n")),
            want
        );
        assert_eq!(
            steps(&format!("---\nname: a\nmetadata: |\n  {inline}\n---\n")),
            want
        );
        assert_eq!(
            steps(&format!("---\nname: a\nmetadata:\n  {inline}\n---\n")),
            want
        );
        assert_eq!(
            steps(
                "---\nmetadata: {clawdbot: {install: [{kind: node, package: left-pad,},],},}\n---\n"
            ),
            want
        );
        assert_eq!(
            steps(
                "---\nmetadata:\n  clawdis:\n    install:\n      - type: NODE\n        package: left-pad\n---\n"
            ),
            want
        );
        let sha = "a".repeat(64);
        let text = format!(
            "---\nmetadata: {{\"openclaw\":{{install:[{{kind:'download',url:'http://x/y',sha256:'{sha}'}}]}}}}\n---\n"
        );
        assert_eq!(
            steps(&text),
            [("download".to_owned(), "http://x/y".to_owned(), Some(sha))]
        );
    }

    #[test]
    fn hostile_front_matter_is_bounded() {
        let bomb: String = (0..40)
            .map(|i| {
                format!(
                    "a{}: &a{i} [{}]\n",
                    i + 1,
                    vec![format!("*a{}", i.max(1) - 1); 9].join(",")
                )
            })
            .collect();
        let deep = format!("metadata: {}\n", "[".repeat(60_000));
        let deep_lines = format!("metadata: {{openclaw:{}\n", "{a:".repeat(20_000));
        let indent: String = (0..300).map(|i| format!("{}k:\n", " ".repeat(i))).collect();
        for hostile in [bomb, deep, deep_lines, indent] {
            let found = FrontMatter::parse(&format!("---\nname: x\n{hostile}---\n"));
            assert_eq!(found.text("name").as_deref(), Some("x"));
            assert!(!found.problems.is_empty());
        }
        let large = format!("---\nname: x\n{}---\n", "k: v\n".repeat(100_000));
        assert_eq!(FrontMatter::parse(&large).problems.len(), 1);
    }
}
