//! From what stands in the file to a [`Policy`] that cannot be wrong.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as ValueError, StrDeserializer};
use toml::Spanned;

use super::wire::{VERSION, WireException, WireIdentity, WireImport, WirePolicy, WireRelease, WireRule, WireSources};
use super::{
    BaseRule, Exception, Gitsign, Identity, Import, ImportLocation, MAX_EXCEPTION_DAYS, Origin, Pattern, Policy, Preset,
    ReleaseNeed, ReleaseRule, Rule, RuleInfo, Sources,
};
use crate::error::OperatorError;
use crate::finding::Level;
use crate::subject::{Kind, Source};
use crate::text;
use crate::toml_file::{Checked, TomlFile, closest, fail};

const WAY_OUT: &str = "docs/file-formats.md describes every key of openclaw-verify.toml";

/// What may stand before the `:` of a subject id.
const SCHEMES: [&str; 14] = [
    "core",
    "npm",
    "npm-pack",
    "clawhub",
    "git",
    "path",
    "archive",
    "link",
    "bundle",
    "load",
    "unrecorded",
    "skill",
    "hook",
    "mcp",
];

pub(super) fn preset(preset: Preset, catalogue: &[RuleInfo<'_>]) -> Checked<Policy> {
    let path = PathBuf::from(format!("policies/{}.toml", preset.as_str()));
    let file = TomlFile::new(&path, preset.text(), WAY_OUT)?;
    let reader = Reader { file: &file, catalogue };
    let wire: WirePolicy = file.parse(VERSION)?;
    let origin = |line| Origin::Preset { preset, line };
    Ok(Policy {
        preset,
        levels: reader.levels(wire.levels, origin)?,
        sources: None,
        imports: Vec::new(),
        rules: Vec::new(),
        base: wire.rule.into_iter().map(|rule| reader.base_rule(rule, origin)).collect::<Checked<_>>()?,
        releases: Vec::new(),
        exceptions: Vec::new(),
    })
}

pub(super) fn operator(path: &Path, text: &str, catalogue: &[RuleInfo<'_>], today: Date) -> Checked<Policy> {
    let file = TomlFile::new(path, text, WAY_OUT)?;
    let reader = Reader { file: &file, catalogue };
    let wire: WirePolicy = file.parse(VERSION)?;
    let mut policy = preset(wire.preset.map(Spanned::into_inner).unwrap_or_default(), catalogue)?;
    policy.levels.extend(reader.levels(wire.levels, |line| Origin::Policy { line })?);
    policy.sources = wire.sources.map(|s| reader.sources(s)).transpose()?;
    policy.imports = wire.imports.into_iter().map(|(name, import)| reader.import(name, import)).collect::<Checked<_>>()?;
    policy.rules = reader.rules(wire.rule)?;
    policy.releases = reader.releases(wire.release)?;
    policy.exceptions = reader.exceptions(wire.exception, today)?;
    Ok(policy)
}

struct Reader<'a> {
    file: &'a TomlFile<'a>,
    catalogue: &'a [RuleInfo<'a>],
}

impl<'a> Reader<'a> {
    fn levels(
        &self,
        wire: BTreeMap<Spanned<String>, Spanned<Level>>,
        origin: impl Fn(usize) -> Origin,
    ) -> Checked<BTreeMap<String, (Level, Origin)>> {
        let mut levels = BTreeMap::new();
        for (id, level) in wire {
            let info = self.finding(&id)?;
            if info.fixed && *level.get_ref() != Level::Deny {
                return fail(self.fixed(&id, "lowered"));
            }
            let origin = origin(self.file.line(id.span().start));
            levels.insert(id.into_inner(), (level.into_inner(), origin));
        }
        Ok(levels)
    }

    fn sources(&self, wire: WireSources) -> Checked<Sources> {
        let registry = |url: Spanned<String>| {
            let text = url.get_ref().trim_end_matches('/');
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            match rest {
                Some(rest) if !rest.is_empty() && !rest.contains(['@', '?', '#']) && !rest.contains(char::is_whitespace) => {
                    Ok(text.to_owned())
                }
                _ => fail(
                    self.file.error(url.span(), "not the address of a registry").with_help("write it as https://<host>[/<path>]"),
                ),
            }
        };
        Ok(Sources {
            registries: wire.registries.map(|all| all.into_iter().map(registry).collect::<Checked<_>>()).transpose()?,
            git: wire.git.map(|all| all.iter().map(|p| self.pattern(p)).collect::<Checked<_>>()).transpose()?,
            min_age_days: wire.min_age_days,
        })
    }

    fn import(&self, name: Spanned<String>, wire: Spanned<WireImport>) -> Checked<Import> {
        let line = self.file.line(name.span().start);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.get_ref().is_empty() || !name.get_ref().chars().all(plain) {
            return fail(
                self.file.error(name.span(), "the name of an import holds ASCII letters, digits, `-`, `_` and `.` only"),
            );
        }
        let span = wire.span();
        let wire = wire.into_inner();
        let location = match (wire.path, wire.url) {
            (Some(path), None) => ImportLocation::Path(self.resolve(&path)?),
            (None, Some(url)) if url.get_ref().strip_prefix("https://").is_some_and(|rest| !rest.is_empty()) => {
                ImportLocation::Url(url.into_inner())
            }
            (None, Some(url)) => return fail(self.file.error(url.span(), "an imported file is fetched over https only")),
            _ => return fail(self.file.error(span, "an import has either `path` or `url`")),
        };
        Ok(Import { name: name.into_inner(), location, digest: wire.digest, line })
    }

    fn rules(&self, wire: Vec<Spanned<WireRule>>) -> Checked<Vec<Rule>> {
        let mut rules: Vec<(Rule, Range<usize>)> = Vec::with_capacity(wire.len());
        for entry in wire {
            let line = self.file.line(entry.span().start);
            let wire = entry.into_inner();
            let span = wire.pattern.span();
            let pattern = self.subject_pattern(&wire.pattern)?;
            for (other, first) in &rules {
                if other.pattern == pattern {
                    return fail(self.file.duplicate(&format!("a rule for `{pattern}`"), first.clone(), span));
                }
                if other.pattern.literals() == pattern.literals() && other.pattern.overlaps(&pattern) {
                    return fail(self.tie(&other.pattern, first, &pattern, span));
                }
            }
            let identity = wire.identity.map(|i| self.identity(i.into_inner())).transpose()?;
            let review = wire.review.map(super::wire::WireReview::criteria);
            let rule = Rule {
                pattern,
                line,
                pin: wire.pin,
                provenance: wire.provenance,
                identity,
                review,
                dependencies: wire.dependencies,
            };
            rules.push((rule, span));
        }
        Ok(rules.into_iter().map(|(rule, _)| rule).collect())
    }

    /// A rule of a preset: `kind:<kind>`, or `kind:<kind> source:<source>,<source>`, and every key.
    fn base_rule(&self, entry: Spanned<WireRule>, origin: impl Fn(usize) -> Origin) -> Checked<BaseRule> {
        let span = entry.span();
        let wire = entry.into_inner();
        let bad = || self.file.error(wire.pattern.span(), "a preset matches by `kind:<kind> source:<source>,…`");
        let mut words = wire.pattern.get_ref().split(' ');
        let kind = words.next().and_then(|w| w.strip_prefix("kind:")).and_then(from_name::<Kind>).ok_or_else(bad)?;
        let sources = match words.next() {
            None => Vec::new(),
            Some(word) => {
                let names = word.strip_prefix("source:").ok_or_else(bad)?.split(',');
                names.map(|n| from_name::<Source>(n).ok_or_else(|| Box::new(bad()))).collect::<Checked<_>>()?
            }
        };
        let (None, None, Some(pin), Some(provenance), Some(review), Some(dependencies)) =
            (words.next(), &wire.identity, wire.pin, wire.provenance, wire.review, wire.dependencies)
        else {
            return fail(self.file.error(span, "a rule of a preset has all keys but `identity`"));
        };
        let origin = origin(self.file.line(span.start));
        Ok(BaseRule { kind, sources, origin, pin, provenance, review: review.criteria(), dependencies })
    }

    fn identity(&self, wire: WireIdentity) -> Checked<Identity> {
        Ok(Identity {
            repository: self.file.sentence(&wire.repository, "repository")?,
            workflow: wire.workflow.map(|w| self.file.sentence(&w, "workflow")).transpose()?,
            reference: wire.reference.map(|r| self.pattern(&r)).transpose()?,
        })
    }

    fn releases(&self, wire: Vec<Spanned<WireRelease>>) -> Checked<Vec<ReleaseRule>> {
        let mut rules: Vec<(ReleaseRule, Range<usize>)> = Vec::with_capacity(wire.len());
        for entry in wire {
            let span = entry.span();
            let rule = self.release(entry)?;
            for (other, first) in &rules {
                if other.repository == rule.repository && other.tags == rule.tags {
                    let what = format!("a release rule for `{}` of `{}`", rule.tags, rule.repository);
                    return fail(self.file.duplicate(&what, first.clone(), span));
                }
                let same = specificity(other) == specificity(&rule);
                if same && other.repository.overlaps(&rule.repository) && other.tags.overlaps(&rule.tags) {
                    let pair = if other.repository == rule.repository {
                        (&other.tags, &rule.tags)
                    } else {
                        (&other.repository, &rule.repository)
                    };
                    return fail(self.tie(pair.0, first, pair.1, span));
                }
            }
            rules.push((rule, span));
        }
        rules.sort_by_key(|(rule, _)| std::cmp::Reverse(specificity(rule)));
        Ok(rules.into_iter().map(|(rule, _)| rule).collect())
    }

    fn release(&self, entry: Spanned<WireRelease>) -> Checked<ReleaseRule> {
        let span = entry.span();
        let wire = entry.into_inner();
        let require = wire.require.unwrap_or_default();
        if require == ReleaseNeed::SignedTag && wire.signers.is_none() && wire.openpgp.is_none() && wire.gitsign.is_none() {
            return fail(
                self.file
                    .error(span, "a release rule that asks for a signed tag names nobody who may sign")
                    .with_help("add `signers`, `openpgp` or `gitsign`, or write `require = \"pinned\"`"),
            );
        }
        let openpgp = match wire.openpgp {
            None => Vec::new(),
            Some(files) if files.get_ref().is_empty() => {
                return fail(self.file.error(files.span(), "`openpgp` names no certificate file"));
            }
            Some(files) => files.get_ref().iter().map(|f| self.resolve(f)).collect::<Checked<_>>()?,
        };
        let gitsign = wire.gitsign.map(|g| -> Checked<_> {
            let g = g.into_inner();
            Ok(Gitsign {
                identity: self.file.sentence(&g.identity, "identity")?,
                issuer: self.file.sentence(&g.issuer, "issuer")?,
            })
        });
        Ok(ReleaseRule {
            repository: self.pattern(&wire.repository)?,
            tags: self.pattern(&wire.tags)?,
            signers: wire.signers.map(|f| self.resolve(&f)).transpose()?,
            openpgp,
            gitsign: gitsign.transpose()?,
            require,
            minimum: wire.minimum.map(|m| self.file.sentence(&m, "minimum")).transpose()?,
            line: self.file.line(span.start),
        })
    }

    fn exceptions(&self, wire: Vec<Spanned<WireException>>, today: Date) -> Checked<Vec<Exception>> {
        let mut seen: HashMap<(String, String), Range<usize>> = HashMap::new();
        let mut exceptions = Vec::with_capacity(wire.len());
        for entry in wire {
            let span = entry.span();
            let exception = self.exception(entry, today)?;
            let bound = format!(
                "{} {:?} {:?} {:?} {:?}",
                exception.package, exception.tree, exception.definition, exception.version, exception.dependencies
            );
            for id in &exception.allow {
                if let Some(first) = seen.insert((bound.clone(), id.clone()), span.clone()) {
                    return fail(self.file.duplicate(&format!("an exception for `{id}` of {}", exception.package), first, span));
                }
            }
            exceptions.push(exception);
        }
        Ok(exceptions)
    }

    fn exception(&self, entry: Spanned<WireException>, today: Date) -> Checked<Exception> {
        let span = entry.span();
        let wire = entry.into_inner();
        let until = self.file.date(&wire.until)?;
        // Counted in days from the epoch of the calendar, so no time zone has a part in it.
        if today.until(until).is_ok_and(|span| span.get_days() > MAX_EXCEPTION_DAYS) {
            let help = today
                .checked_add(jiff::Span::new().days(MAX_EXCEPTION_DAYS))
                .map(|last| format!("the last day possible today is {last}"));
            let error = self.file.error(wire.until.span(), format!("an exception ends at most {MAX_EXCEPTION_DAYS} days ahead"));
            return fail(match help {
                Ok(help) => error.with_help(help),
                Err(_) => error,
            });
        }
        let digest = wire.tree.is_some() || wire.definition.is_some();
        if wire.tree.is_some() && wire.definition.is_some() {
            return fail(self.file.error(span, "an exception is bound to `tree` or to `definition`, not to both"));
        }
        if !digest && wire.version.is_none() {
            return fail(
                self.file
                    .error(span, "an exception has to be bound to what was looked at")
                    .with_help("add `tree` or `definition`; both stand in the lock"),
            );
        }
        if wire.allow.get_ref().is_empty() {
            return fail(self.file.error(wire.allow.span(), "the exception allows nothing"));
        }
        let mut allow: Vec<String> = Vec::new();
        for id in wire.allow.get_ref() {
            let info = self.finding(id)?;
            if info.fixed {
                return fail(self.fixed(id, "excepted"));
            }
            if !digest && info.group != "pinning" {
                return fail(
                    self.file
                        .error(id.span(), format!("an exception bound only to a version cannot allow `{}`", info.id))
                        .with_help("add `tree`; the same version can hold other bytes"),
                );
            }
            if allow.contains(id.get_ref()) {
                return fail(self.file.error(id.span(), format!("`{}` stands here twice", info.id)));
            }
            allow.push(id.get_ref().clone());
        }
        Ok(Exception {
            package: wire.package,
            tree: wire.tree,
            definition: wire.definition,
            version: wire.version.map(Spanned::into_inner),
            dependencies: wire.dependencies,
            allow,
            reason: self.file.sentence(&wire.reason, "reason")?,
            until,
            line: self.file.line(span.start),
        })
    }

    fn finding(&self, id: &Spanned<String>) -> Checked<&'a RuleInfo<'a>> {
        if let Some(info) = self.catalogue.iter().find(|info| info.id == id.get_ref()) {
            return Ok(info);
        }
        let error = self.file.error(id.span(), format!("`{}` is no finding", text::excerpt(id.get_ref(), 80)));
        fail(match closest(id.get_ref(), self.catalogue.iter().map(|info| info.id)) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error.with_help("`openclaw-verify explain` lists all findings"),
        })
    }

    fn fixed(&self, id: &Spanned<String>, verb: &str) -> OperatorError {
        self.file.error(id.span(), format!("`{}` can never be {verb}", id.get_ref())).with_help(
            "it means that something is wrong, not that something is unknown; remove this line and look into the finding",
        )
    }

    fn pattern(&self, text: &Spanned<String>) -> Checked<Pattern> {
        Pattern::new(text.get_ref()).or_else(|e| fail(self.file.error(text.span(), e.to_string())))
    }

    /// A pattern over subject ids: with a scheme that exists, unless a wildcard stands in its place.
    fn subject_pattern(&self, text: &Spanned<String>) -> Checked<Pattern> {
        let pattern = self.pattern(text)?;
        let scheme = pattern.as_str().split_once(':').map(|(scheme, _)| scheme);
        match scheme {
            None if pattern.as_str() == "**" => Ok(pattern),
            Some(scheme) if scheme.contains('*') || SCHEMES.contains(&scheme) => Ok(pattern),
            Some("kind") => fail(
                self.file
                    .error(text.span(), "only presets match by kind")
                    .with_help("match subject ids, such as `npm:@acme/*` or `skill:workspace/*`"),
            ),
            Some(scheme) => {
                let error = self.file.error(text.span(), format!("no subject id starts with `{}:`", text::excerpt(scheme, 40)));
                fail(match closest(scheme, SCHEMES.into_iter()) {
                    Some(near) => error.with_help(format!("did you mean `{near}:`?")),
                    None => error.with_help(format!("known are {}", SCHEMES.map(|s| format!("`{s}:`")).join(", "))),
                })
            }
            None => fail(
                self.file
                    .error(text.span(), "a pattern is matched against whole subject ids, which start with their scheme")
                    .with_help(format!("write for example `npm:{}`", text::excerpt(pattern.as_str(), 80))),
            ),
        }
    }

    fn tie(&self, a: &Pattern, first: &Range<usize>, b: &Pattern, second: Range<usize>) -> OperatorError {
        let line = self.file.line(first.start);
        self.file
            .error(second, format!("`{b}` and `{a}` of line {line} can match the same and are equally specific"))
            .with_label("tie")
            .with_help("make one of the two more specific: more literal characters win")
    }

    /// A path as the operator wrote it, from the folder of the policy.
    fn resolve(&self, path: &Spanned<String>) -> Checked<PathBuf> {
        let text = self.file.sentence(path, "path")?;
        Ok(self.file.path().parent().unwrap_or_else(|| Path::new("")).join(text))
    }
}

/// The more literal characters, the more specific; the repository counts first.
fn specificity(rule: &ReleaseRule) -> (usize, usize) {
    (rule.repository.literals(), rule.tags.literals())
}

/// A value of an enum by the name that serde gives it.
fn from_name<'n, T: Deserialize<'n>>(name: &'n str) -> Option<T> {
    let deserializer: StrDeserializer<'_, ValueError> = name.into_deserializer();
    T::deserialize(deserializer).ok()
}
