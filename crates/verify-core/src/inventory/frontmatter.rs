//! The front matter of `SKILL.md` and `HOOK.md`, read as OpenClaw 2026.9 reads it (`markdown-core/src/frontmatter.ts`).
//!
//! YAML first, a second time with free text in quotes where that fails; for what YAML does not say, lines of the form `key: value`.
//! `metadata` is read again as JSON5. Where the two readings of `metadata` differ, the install steps of both are kept: one too many is
//! a finding that a person can dismiss, one too few is an install step that is never seen.
//!
//! OpenClaw passes over a skill whose front matter it cannot read. Its YAML reader is not ours, so a skill that we cannot read is
//! still judged as one that it loads.

use std::borrow::Cow;

use serde_json::map::Entry;
use serde_json::{Map, Value};

use super::{InstallStep, Observation};
use crate::error::Malformed;
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
    /// Further values of `metadata`, under keys that are the same but for the blanks around them.
    more_metadata: Vec<Value>,
    manifests: Vec<Map<String, Value>>,
    problems: Vec<Problem>,
    skipped: Option<&'static str>,
}

/// What could not be read.
#[derive(Debug)]
struct Problem {
    /// Safe to show.
    why: String,
    /// Whether what was not read may declare an install step.
    may_install: bool,
}

impl Problem {
    fn new(why: impl Into<String>, unread: &str) -> Self {
        Self {
            why: why.into(),
            may_install: names_an_install_key(unread),
        }
    }
}

impl FrontMatter {
    /// Reads the front matter of `content`. Never fails: what cannot be read is in [`Self::observations`].
    pub(super) fn parse(content: &str) -> Self {
        let normalized = content
            .trim_start_matches('\u{feff}')
            .replace("\r\n", "\n")
            .replace('\r', "\n");
        let mut found = Self {
            skipped: reason_to_skip(&normalized),
            ..Self::default()
        };
        match block(&normalized) {
            Block::None => return found,
            // OpenClaw passes over the file; only where its reader might see an end that ours does not is there anything to say.
            Block::Unterminated => {
                if found.skipped.is_none() {
                    let problem = Problem::new("it has no closing `---`", &normalized);
                    found.problems.push(problem);
                }
                return found;
            }
            Block::Found(block) if block.len() > MAX_BLOCK => {
                let why = format!("it has more than {MAX_BLOCK} bytes");
                found.problems.push(Problem::new(why, block));
                return found;
            }
            Block::Found(block) => {
                found.lines = lines(block);
                match yaml(block).or_else(|why| yaml(&with_quoted_text(block)).map_err(|_| why)) {
                    Ok(map) => found.keep(map),
                    Err(why) => {
                        let why = format!("it is not the YAML that OpenClaw expects: {why}");
                        found.problems.push(Problem::new(why, block));
                    }
                }
            }
        }
        found.read_metadata();
        found
    }

    /// Keeps the keys as OpenClaw does, which takes the blanks off them.
    fn keep(&mut self, map: Map<String, Value>) {
        for (key, value) in map {
            let key = key.trim_matches(is_blank_of_javascript).to_owned();
            match self.yaml.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                // Which of the two stands later is not known any more.
                Entry::Occupied(entry) if entry.key() == "metadata" => {
                    self.more_metadata.push(value);
                }
                Entry::Occupied(_) => {}
            }
        }
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

    /// What could not be read of the file that is shown as `place`.
    pub(super) fn observations(&self, place: &str) -> impl Iterator<Item = Observation> {
        self.problems
            .iter()
            .map(|problem| Observation::FrontMatter {
                place: place.to_owned(),
                why: problem.why.clone(),
                may_install: problem.may_install,
            })
    }

    /// Why OpenClaw loads no skill from this file; none where it does, or might.
    pub(super) fn skipped(&self) -> Option<&'static str> {
        self.skipped
    }

    /// A text of OpenClaw's part of `metadata`.
    pub(super) fn manifest_text(&self, key: &str) -> Option<&str> {
        self.manifests
            .iter()
            .find_map(|manifest| manifest.get(key)?.as_str())
    }

    /// A text of `metadata` itself, which other tools write.
    pub(super) fn metadata_text(&self, key: &str) -> Option<&str> {
        self.yaml.get("metadata")?.get(key)?.as_str()
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
            .chain(&self.more_metadata)
        {
            match written {
                Value::String(text) => match json::json5(text) {
                    Ok(parsed) => readings.push(parsed.value),
                    Err(error) => why = Some((error.to_string(), text.clone())),
                },
                other => readings.push(other.clone()),
            }
        }
        // What fails as a whole was said above, with the keys of all of it.
        let unsaid = readings.is_empty() && self.problems.is_empty();
        if let (true, Some((why, unread))) = (unsaid, why) {
            let why = format!("its `metadata` is no JSON5: {why}");
            self.problems.push(Problem::new(why, &unread));
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

/// What `String.prototype.trim` takes off. [ECMA-262, WhiteSpace and LineTerminator]
fn is_blank_of_javascript(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
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

/// Why OpenClaw loads no skill with this text. Only what is beyond doubt: its reader of YAML is another, and takes other characters for
/// blanks. [S `loadSingleSkillDirectory`, `parseSkillFrontmatter`]
fn reason_to_skip(normalized: &str) -> Option<&'static str> {
    let Some(front) = normalized.strip_prefix("---") else {
        return Some("it has no front matter");
    };
    // Which of several such lines is the end depends on what counts as a blank after it.
    let Some((front, _)) = front.rsplit_once("\n---") else {
        return Some("its front matter has no end");
    };
    // Whatever spells the key holds its letters, or a backslash.
    (!front.contains("description") && !front.contains('\\')).then_some("it has no description")
}

/// Whether `unread` may hold a key of an install step, in a spelling of YAML or JSON5.
fn names_an_install_key(unread: &str) -> bool {
    const KEYS: [&str; 5] = ["install", "kind", "formula", "package", "url"];
    // An escape can spell any key.
    if unread.contains('\\') {
        return true;
    }
    unread.match_indices(':').any(|(at, _)| {
        let before = unread.get(..at).unwrap_or_default().trim_end();
        let before = before.trim_end_matches(['"', '\'']);
        KEYS.iter().any(|key| before.ends_with(key))
    })
}

/// The block with the value of each free text in quotes, as OpenClaw retries where YAML fails: `description: Use when: it rains`.
/// [S `normalizeFreeformFieldAtError`]
fn with_quoted_text(block: &str) -> String {
    let quoted = |line: &str| {
        let (key, value) = line.split_once(':')?;
        let name = key
            .strip_prefix(['"', '\''])
            .map_or(key, |rest| rest.trim_end_matches(['"', '\'']));
        let value = value.trim();
        let is_text = matches!(name, "description" | "read_when" | "summary");
        if !is_text || value.is_empty() || value.starts_with(['|', '>']) {
            return None;
        }
        Some(format!("{key}: {}", Value::from(without_quotes(value))))
    };
    let lines = block.split('\n');
    let lines: Vec<Cow<'_, str>> = lines
        .map(|line| quoted(line).map_or(Cow::Borrowed(line), Cow::Owned))
        .collect();
    lines.join("\n")
}

/// A value without the quotes around it.
fn without_quotes(value: &str) -> &str {
    let quoted = value.len() >= 2
        && value.starts_with(['"', '\''])
        && value.chars().last() == value.chars().next();
    if quoted {
        &value[1..value.len() - 1]
    } else {
        value
    }
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
        } else {
            value = without_quotes(&value).to_owned();
        }
        if !value.is_empty() {
            result.insert(key.to_owned(), Value::String(value));
        }
    }
    result
}

/// The block as a YAML mapping; anchors, depth and size are bounded.
pub(crate) fn yaml(block: &str) -> Result<Map<String, Value>, Malformed> {
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
        Ok(_) => Err("it is no mapping".into()),
        Err(error) => Err(text::excerpt(&error.to_string(), 120).into()),
    }
}

/// One install step, of the front matter or of a request to run it.
pub(super) fn step(entry: &Value) -> Option<InstallStep> {
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

    #[test]
    fn free_text_with_colons_is_read_as_openclaw_reads_it() {
        let step =
            "metadata:\n  openclaw:\n    install:\n      - kind: node\n        package: left-pad\n";
        for text in [
            "description: Use when: a user says IMPORTANT: do it\n",
            "description: 'quoted': and more: text\n",
            "description: [draft] not a list\n",
            "\"description\": it said: \"yes\"\n",
            "description: a\nsummary: one: two: three\n",
            "description: `code` and: more\n",
        ] {
            let text = format!("---\nname: a\n{text}{step}---\n");
            let front = FrontMatter::parse(&text);
            assert_eq!(front.observations("SKILL.md").count(), 0, "{text}");
            assert_eq!(front.install_steps().len(), 1, "{text}");
            assert_eq!(front.skipped(), None, "{text}");
        }
    }

    #[test]
    fn blanks_around_a_key_hide_no_step() {
        let step = "\n  openclaw:\n    install:\n      - kind: node\n        package: left-pad\n";
        for key in [
            "\u{3000}metadata",
            "metadata\u{a0}",
            "\"metadata\\v\"",
            "\"\\uFEFFmetadata\"",
            "\"metadata\\u2028\"",
            "metadata: {}\n\"metadata \"",
            "\" metadata\": {}\nmetadata",
        ] {
            let text = format!("---\nname: a\ndescription: x\n{key}:{step}---\n");
            let front = FrontMatter::parse(&text);
            let hidden = front.observations("x").any(|observation| {
                matches!(
                    observation,
                    Observation::FrontMatter {
                        may_install: true,
                        ..
                    }
                )
            });
            assert!(hidden || front.install_steps().len() == 1, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_tells_whether_it_may_install() {
        let hides = |text: &str| {
            let front = FrontMatter::parse(text);
            let found: Vec<_> = front
                .observations("SKILL.md")
                .map(|observation| match observation {
                    Observation::FrontMatter { may_install, .. } => may_install,
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(found.len(), 1, "{text}");
            found[0]
        };
        let tabs = "---\nname: a\ndescription: x\nmetadata:\n\topenclaw:\n\t\temoji: x\n---\n";
        assert!(!hides(tabs));
        assert!(!hides("---\ndescription: x\nkeywords: @a\n---\n"));
        for install in [
            r#"{openclaw: {install: [{kind: download, url: "http://198.51.100.7/x.tgz"}]}"#,
            r#"{"openclaw": {"install" : [}}"#,
            r#"{openclaw: {inst\u0061ll: [}}"#,
            "@\n  openclaw:\n    install:\n      - {}",
            "@\n  ? install\n  : []",
        ] {
            let text = format!("---\nname: a\ndescription: x\nmetadata: {install}\n---\n");
            assert!(hides(&text), "{text}");
        }
    }

    #[test]
    fn a_skill_is_skipped_only_where_no_doubt_is_left() {
        let skipped = |text: &str| FrontMatter::parse(text).skipped().is_some();
        for text in [
            "# Title only\n",
            "",
            "---",
            "---\nname: a\n",
            "---\nname: a\n---\nno description\n",
        ] {
            assert!(skipped(text), "{text}");
        }
        for text in [
            "---\ndescription: x\n---\n",
            "---\n\"d\\x65scription\": x\n---\n",
            "---\u{feff}\ndescription: x\n---\n",
            "---\ndescription: x\n---\u{feff}\n",
            "---\ndescription: x\n\tbroken\n---\n",
            "---\nname: a\n---x\ndescription: x\n---\n",
        ] {
            assert!(!skipped(text), "{text}");
        }
    }
}
