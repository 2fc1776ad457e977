//! The policy that a first run writes: a preset, and one dated exception for each subject and finding that cannot
//! have been looked at yet.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::digest::TreeDigest;
use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::lock::{Lock, LockedPackage};
use crate::subject::SubjectId;

use super::edit::render;
use super::{Exception, Preset};
use crate::toml_file::{quote, schema_line};

/// Days that the exceptions of a first run last.
pub const DAYS: i64 = 90;

/// A starter policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Starter {
    /// The file.
    pub text: String,
    /// How many exceptions it holds.
    pub exceptions: usize,
    /// Their last day.
    pub until: Date,
}

/// The starter policy of `preset` that excepts `findings`, each bound to what `lock` holds of its subject.
///
/// `registry` is the address of the registry that may be asked, where the operator names one.
///
/// # Errors
/// When `registry` is no address of one, or `today` is at the end of the calendar.
pub fn write(
    lock: &Lock,
    findings: &[&Finding],
    today: Date,
    preset: Preset,
    registry: Option<&str>,
) -> Result<Starter> {
    let until = today.checked_add(DAYS.days()).map_err(|error| {
        Error::environment(
            format!("no day {DAYS} days after {today}: {error}"),
            "correct the clock",
        )
    })?;
    let wanted: BTreeMap<(&SubjectId, &str), &LockedPackage> = findings
        .iter()
        .filter_map(|finding| {
            let entry = lock.package(finding.subject.as_ref()?)?;
            Some(((&entry.id, finding.id), entry))
        })
        .collect();
    let mut text = head(wanted.len(), until, preset, registry);
    for ((_, id), entry) in &wanted {
        text.push('\n');
        text += &render(&excepted(entry, id, today, until));
    }
    Ok(Starter {
        text,
        exceptions: wanted.len(),
        until,
    })
}

fn head(exceptions: usize, until: Date, preset: Preset, registry: Option<&str>) -> String {
    let sources = match registry {
        Some(address) => format!("[sources]                        # where code may come from\nregistries = [{}]\n# git = [\"github.com/openclaw/*\"]\n# min-age-days = 7\n", quote(address)),
        None => "# [sources]                      # where code may come from; without this everything is allowed\n# git = [\"github.com/openclaw/*\"]\n# min-age-days = 7\n".to_owned(),
    };
    let mut text = schema_line("policy");
    let _ = write!(
        text,
        "\
# Policy of openclaw-verify: what this installation may run. Format: docs/formats.md of openclaw-verify.
version = 1
preset = {:<21} # default | strict | homelab; keys here override it

# [levels]                       # finding id = deny | warn | note | allow
# floating-spec = \"deny\"

{sources}
# [[rule]]                       # what is asked of some subjects; the most specific match wins
# match = \"npm:@openclaw/*\"
# provenance = \"required\"
",
        quote(preset.as_str())
    );
    if exceptions > 0 {
        let _ = write!(
            text,
            "
# Exceptions of the first run: findings that were there when openclaw-verify was introduced. Each is bound to the very bytes that were
# installed then, and ends on {until}. Clear them one by one (`openclaw-verify review` lists what to read, cheapest first) and remove
# the entry; do not renew them without having looked.
"
        );
    }
    text
}

/// Whether an exception of `id` names its definition: where there is a tree, that is what it is bound to, and only MCP servers are bound
/// to both.
pub(crate) fn binds_definition(id: &SubjectId, tree: Option<TreeDigest>) -> bool {
    tree.is_none() || id.scheme() == "mcp"
}

fn excepted(entry: &LockedPackage, id: &str, today: Date, until: Date) -> Exception {
    Exception {
        package: entry.id.clone(),
        tree: entry.tree,
        definition: entry
            .definition
            .filter(|_| binds_definition(&entry.id, entry.tree)),
        settings: entry.settings,
        instructions: entry.instructions,
        version: None,
        dependencies: entry.dependencies,
        archive: None,
        advisory: None,
        allow: vec![id.to_owned()],
        reason: format!("there at the first run on {today}, not looked at yet"),
        until,
        line: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;
    use crate::policy::Policy;
    use crate::rules;
    use crate::subject::{Kind, Source};

    fn id_of(lock: &Lock) -> SubjectId {
        lock.packages().first().expect("an entry").id.clone()
    }

    /// A finding about a subject, as a first run makes it.
    fn found(id: &'static str, subject: &SubjectId) -> Finding {
        Finding {
            id,
            code: None,
            level: Level::Deny,
            outcome: crate::fact::Outcome::Violated,
            subject: Some(subject.clone()),
            tag: None,
            message: String::new(),
            evidence: Vec::new(),
            locations: Vec::new(),
            declared: Vec::new(),
            observed: Vec::new(),
            definition: None,
            mutable: Vec::new(),
            restore: None,
            help: String::new(),
            remedy: crate::finding::Remedy::Never,
            about: crate::finding::About::Subject,
            beside: None,
            suppressed: None,
        }
    }

    /// A rule that asks for less counts only where the origin is verified, which that of a folder never is.
    #[test]
    fn the_rule_in_the_comment_counts_for_each_subject_that_it_matches() {
        let today = jiff::civil::date(2026, 11, 22);
        let lock = Lock::default();
        let starter = write(&lock, &[], today, Preset::Default, None).expect("starter");
        let (before, rule) = starter.text.split_once("# [[rule]]").expect("the rule");
        let text = format!("{before}[[rule]]{}", rule.replace("\n# ", "\n"));
        let path = std::path::Path::new("p");
        let policy = Policy::parse(path, &text, &rules::infos(), today)
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        let (_, matched) = rule.split_once("match = \"").expect("a pattern");
        let pattern = matched.split('"').next().unwrap_or_default();
        let (scheme, name) = pattern.split_once(':').expect("a scheme");
        let id = SubjectId::new(scheme, &name.replace('*', "x"));
        let asked = policy.requirements(&id, Kind::Plugin, Source::Npm);
        assert!(!asked.needs_proof(), "{text}");
        let preset = Policy::preset(Preset::Default, &rules::infos()).expect("preset");
        let preset = preset.requirements(&id, Kind::Plugin, Source::Npm);
        assert_ne!(asked.provenance, preset.provenance, "it changes nothing");
    }

    #[test]
    fn what_is_written_for_each_kind_is_read_back() {
        let entry = |scheme: &str, name: &str, kind, digests: [bool; 4]| {
            let id = SubjectId::new(scheme, name);
            let mut entry = LockedPackage::new(id, kind, Source::Config);
            let [tree, definition, settings, instructions] = digests;
            let digest = Some(crate::digest::Sha256Digest([1; 32]));
            entry.tree = tree.then_some(TreeDigest([2; 32]));
            entry.definition = digest.filter(|_| definition);
            entry.settings = digest.filter(|_| settings);
            entry.instructions = digest.filter(|_| instructions);
            entry
        };
        // As each kind is locked with the most that it can have, and with the least.
        let entries = vec![
            entry("core", "openclaw", Kind::Core, [true, true, false, false]),
            entry(
                "config",
                "openclaw",
                Kind::Config,
                [true, true, true, false],
            ),
            entry("cron", "a", Kind::Automation, [true, true, false, true]),
            entry("cron", "b", Kind::Automation, [false, true, false, false]),
            entry("service", "x", Kind::Service, [true, true, false, false]),
            entry("mcp", "x", Kind::McpServer, [true, true, false, false]),
            entry("mcp", "y", Kind::McpServer, [false, true, false, false]),
            entry("agent", "main", Kind::Agent, [true, true, true, true]),
        ];
        let lock = Lock::new(entries, Vec::new()).expect("lock");
        let findings: Vec<Finding> = lock
            .packages()
            .iter()
            .map(|entry| found("unreviewed", &entry.id))
            .collect();
        let today = jiff::civil::date(2026, 11, 22);
        let starter = write(
            &lock,
            &findings.iter().collect::<Vec<_>>(),
            today,
            Preset::Default,
            None,
        )
        .expect("starter");
        let policy = Policy::parse(
            std::path::Path::new("p"),
            &starter.text,
            &rules::infos(),
            today,
        )
        .unwrap_or_else(|error| panic!("{error}\n{}", starter.text));
        assert_eq!(policy.exceptions().len(), lock.packages().len());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let id = SubjectId::new("path", "two \"words\"");
        let mut entry = LockedPackage::new(id.clone(), Kind::Plugin, Source::Path);
        entry.tree = Some(TreeDigest([7; 32]));
        let lock = Lock::new(vec![entry], Vec::new()).expect("lock");
        let finding = |id| found(id, &id_of(&lock));
        let (one, twice, other) = (
            finding("unpinned"),
            finding("unpinned"),
            finding("floating-spec"),
        );
        let today = jiff::civil::date(2026, 11, 22);
        let starter = write(
            &lock,
            &[&one, &twice, &other],
            today,
            Preset::Homelab,
            Some("https://registry.example.org/"),
        )
        .expect("starter");
        assert_eq!(starter.exceptions, 2, "one a subject and finding");
        let policy = Policy::parse(
            std::path::Path::new("p"),
            &starter.text,
            &rules::infos(),
            today,
        )
        .expect("policy");
        assert_eq!(policy.base(), Preset::Homelab);
        let sources = policy.sources.as_ref().expect("sources");
        assert_eq!(
            sources.registries.as_deref(),
            Some(["https://registry.example.org".to_owned()].as_slice())
        );
        assert_eq!(policy.exceptions().len(), 2);
        for exception in policy.exceptions() {
            assert_eq!(
                (exception.package.clone(), exception.tree),
                (id.clone(), Some(TreeDigest([7; 32])))
            );
            assert_eq!(exception.until, jiff::civil::date(2027, 2, 20));
        }
    }
}
