//! From what is in the file to a [`Policy`] that cannot be wrong.

mod advisories;
mod exception;
mod mutable;
mod nix;
mod release;
mod signed;
mod skill_signer;
mod vex;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as ValueError, StrDeserializer};

use super::rule_set::{Prefixes, RuleSet};
use super::wire::{VERSION, WireHost, WireIdentity, WireImport, WirePolicy, WireRule, WireSources};
use super::{
    AdvisoryPolicy, AllowedSources, BaseRule, BuildIdentity, HostPolicy, Import, ImportLocation,
    InstallationPlaces, Pattern, Policy, PolicyRule, Preset, RequirementOrigin, RuleInfo,
};
use crate::error::OperatorError;
use crate::finding::Level;
use crate::subject::{Kind, Source};
use crate::text;
use crate::toml_file::{Checked, Spanned, TomlFile, closest, fail};

const WAY_OUT: &str = "docs/formats.md describes every key of openclaw-verify.toml";

/// What may stand before the `:` of a subject id.
pub(crate) const SCHEMES: [&str; 19] = [
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
    "config",
    "cron",
    "agent",
    "runtime",
    "service",
];

pub(super) fn preset(preset: Preset, catalogue: &[RuleInfo<'_>]) -> Checked<Policy> {
    let path = PathBuf::from(format!("policies/{}.toml", preset.as_str()));
    let file = TomlFile::new(&path, preset.text(), WAY_OUT)?;
    let reader = Reader {
        file: &file,
        catalogue,
    };
    let wire: WirePolicy = file.parse(VERSION)?;
    let origin = |line| RequirementOrigin::Preset { preset, line };
    Ok(Policy {
        preset,
        levels: reader.levels(wire.levels, origin)?,
        sources: None,
        advisories: AdvisoryPolicy::default(),
        host: host(HostPolicy::default(), wire.host),
        imports: Vec::new(),
        rules: RuleSet::default(),
        base: wire
            .rule
            .into_iter()
            .map(|rule| reader.base_rule(rule, origin))
            .collect::<Checked<_>>()?,
        releases: Vec::new(),
        skill_signers: Vec::new(),
        vex: Vec::new(),
        nix_keys: Vec::new(),
        exceptions: Vec::new(),
        excepted: BTreeMap::new(),
        mutable: Vec::new(),
        installation: InstallationPlaces::default(),
        files: Vec::new(),
    })
}

pub(super) fn operator(
    path: &Path,
    text: &str,
    catalogue: &[RuleInfo<'_>],
    today: Date,
) -> Checked<Policy> {
    let file = TomlFile::new(path, text, WAY_OUT)?;
    let reader = Reader {
        file: &file,
        catalogue,
    };
    let wire: WirePolicy = file.parse(VERSION)?;
    let mut policy = preset(
        wire.preset.map(Spanned::into_inner).unwrap_or_default(),
        catalogue,
    )?;
    policy
        .levels
        .extend(reader.levels(wire.levels, |line| RequirementOrigin::Policy { line })?);
    policy.host = host(policy.host, wire.host);
    policy.sources = wire.sources.map(|s| reader.sources(s)).transpose()?;
    if let Some(advisories) = wire.advisories {
        policy.advisories = reader.advisories(advisories)?;
    }
    policy.imports = wire
        .imports
        .into_iter()
        .map(|(name, import)| reader.import(name, import))
        .collect::<Checked<_>>()?;
    policy.rules = RuleSet::new(reader.rules(wire.rule)?);
    policy.releases = reader.releases(wire.release)?;
    policy.skill_signers = reader.skill_signers(wire.skill_signer)?;
    policy.vex = reader.vex(wire.vex, today)?;
    if let Some(nix) = wire.nix {
        policy.nix_keys = reader.nix(nix)?;
    }
    policy.mutable = reader.mutable(wire.mutable)?;
    if let Some(installation) = wire.installation {
        policy.installation = reader.installation(installation)?;
    }
    policy.files = reader.files(wire.file)?;
    policy.exceptions = reader.exceptions(wire.exception, today)?;
    for (number, exception) in policy.exceptions.iter().enumerate() {
        let numbers = policy.excepted.entry(exception.package.clone());
        numbers.or_default().push(number);
    }
    Ok(policy)
}

/// What the preset says, with the operator's own keys over it.
fn host(preset: HostPolicy, wire: Option<WireHost>) -> HostPolicy {
    HostPolicy {
        check: wire.and_then(|host| host.check).unwrap_or(preset.check),
        group_shared: wire
            .and_then(|host| host.group_shared)
            .unwrap_or(preset.group_shared),
    }
}

struct Reader<'a> {
    file: &'a TomlFile<'a>,
    catalogue: &'a [RuleInfo<'a>],
}

impl<'a> Reader<'a> {
    fn levels(
        &self,
        wire: BTreeMap<Spanned<String>, Spanned<Level>>,
        origin: impl Fn(usize) -> RequirementOrigin,
    ) -> Checked<BTreeMap<String, (Level, RequirementOrigin)>> {
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

    fn sources(&self, wire: WireSources) -> Checked<AllowedSources> {
        let registry = |url: Spanned<String>| self.registry(url);
        Ok(AllowedSources {
            registries: wire
                .registries
                .map(|all| all.into_iter().map(registry).collect::<Checked<_>>())
                .transpose()?,
            git: wire
                .git
                .map(|all| all.iter().map(|p| self.pattern(p)).collect::<Checked<_>>())
                .transpose()?,
            min_age_days: wire.min_age_days,
        })
    }

    /// The address of a registry, without a slash at its end.
    fn registry(&self, url: Spanned<String>) -> Checked<String> {
        let text = url.get_ref().trim_end_matches('/');
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        match rest {
            Some(rest)
                if !rest.is_empty()
                    && !rest.contains(['@', '?', '#'])
                    && !rest.contains(char::is_whitespace) =>
            {
                Ok(text.to_owned())
            }
            _ => fail(
                self.file
                    .error(url.span(), "not the address of a registry")
                    .with_help("write it as https://<host>[/<path>]"),
            ),
        }
    }

    fn import(&self, name: Spanned<String>, wire: Spanned<WireImport>) -> Checked<Import> {
        let line = self.file.line(name.span().start);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.get_ref().is_empty() || !name.get_ref().chars().all(plain) {
            return fail(self.file.error(
                name.span(),
                "the name of an import holds ASCII letters, digits, `-`, `_` and `.` only",
            ));
        }
        let span = wire.span();
        let wire = wire.into_inner();
        let location = match (wire.path, wire.url) {
            (Some(path), None) => ImportLocation::Path(self.resolve(&path)?),
            (None, Some(url)) => match import_address(url.get_ref()) {
                Ok(()) => ImportLocation::Url(url.into_inner()),
                Err((why, help)) => return fail(self.file.error(url.span(), why).with_help(help)),
            },
            _ => {
                return fail(
                    self.file
                        .error(span, "an import has either `path` or `url`"),
                );
            }
        };
        let digest_at = wire.digest.span();
        Ok(Import {
            name: name.into_inner(),
            location,
            digest: wire.digest.into_inner(),
            digest_at,
            line,
        })
    }

    fn rules(&self, wire: Vec<Spanned<WireRule>>) -> Checked<Vec<PolicyRule>> {
        let mut rules: Vec<(PolicyRule, Range<usize>)> = Vec::with_capacity(wire.len());
        // Only patterns with as many literal characters and the same beginning can tie.
        let mut alike: BTreeMap<usize, Prefixes> = BTreeMap::new();
        for entry in wire {
            let line = self.file.line(entry.span().start);
            let wire = entry.into_inner();
            let span = wire.pattern.span();
            let pattern = self.subject_pattern(&wire.pattern)?;
            let alike = alike.entry(pattern.literals()).or_default();
            let mut near: Vec<usize> = alike
                .starting(pattern.prefix())
                .chain(alike.started_by(pattern.prefix()))
                .collect();
            near.sort_unstable();
            alike.insert(pattern.prefix(), rules.len());
            for (other, first) in near.into_iter().filter_map(|number| rules.get(number)) {
                if other.pattern == pattern {
                    return fail(self.file.duplicate(
                        &format!("a rule for `{pattern}`"),
                        first.clone(),
                        span,
                    ));
                }
                if other.pattern.overlaps(&pattern) {
                    return fail(self.tie(&other.pattern, first, &pattern, span));
                }
            }
            let identity = wire
                .identity
                .map(|i| self.identity(i.into_inner()))
                .transpose()?;
            let review = wire.review.map(super::wire::WireReview::criteria);
            if let Some(local) = &wire.local
                && !pattern.as_str().starts_with("mcp:")
            {
                return fail(
                    self.file
                        .error(local.span(), "`local` is for MCP servers")
                        .with_help("match one of them: match = \"mcp:<name>\""),
                );
            }
            let rule = PolicyRule {
                pattern,
                line,
                pin: wire.pin,
                provenance: wire.provenance,
                identity,
                review,
                dependencies: wire.dependencies,
                local: wire.local.map(Spanned::into_inner),
            };
            rules.push((rule, span));
        }
        Ok(rules.into_iter().map(|(rule, _)| rule).collect())
    }

    /// A rule of a preset: `kind:<kind>`, or `kind:<kind> source:<source>,<source>`, and every key.
    fn base_rule(
        &self,
        entry: Spanned<WireRule>,
        origin: impl Fn(usize) -> RequirementOrigin,
    ) -> Checked<BaseRule> {
        let span = entry.span();
        let wire = entry.into_inner();
        let bad = || {
            self.file.error(
                wire.pattern.span(),
                "a preset matches by `kind:<kind> source:<source>,…`",
            )
        };
        let mut words = wire.pattern.get_ref().split(' ');
        let kind = words
            .next()
            .and_then(|w| w.strip_prefix("kind:"))
            .and_then(from_name::<Kind>)
            .ok_or_else(bad)?;
        let sources = match words.next() {
            None => Vec::new(),
            Some(word) => {
                let names = word.strip_prefix("source:").ok_or_else(bad)?.split(',');
                names
                    .map(|n| from_name::<Source>(n).ok_or_else(|| Box::new(bad())))
                    .collect::<Checked<_>>()?
            }
        };
        let (None, None, None, Some(pin), Some(provenance), Some(review), Some(dependencies)) = (
            words.next(),
            &wire.identity,
            &wire.local,
            wire.pin,
            wire.provenance,
            wire.review,
            wire.dependencies,
        ) else {
            return fail(self.file.error(
                span,
                "a rule of a preset has all keys but `identity` and `local`",
            ));
        };
        let origin = origin(self.file.line(span.start));
        Ok(BaseRule {
            kind,
            sources,
            origin,
            pin,
            provenance,
            review: review.criteria(),
            dependencies,
        })
    }

    fn identity(&self, wire: WireIdentity) -> Checked<BuildIdentity> {
        Ok(BuildIdentity {
            repository: self.file.sentence(&wire.repository, "repository")?,
            workflow: wire
                .workflow
                .map(|w| self.file.sentence(&w, "workflow"))
                .transpose()?,
            reference: wire.reference.map(|r| self.pattern(&r)).transpose()?,
        })
    }

    fn finding(&self, id: &Spanned<String>) -> Checked<&'a RuleInfo<'a>> {
        if let Some(info) = self.catalogue.iter().find(|info| info.id == id.get_ref()) {
            return Ok(info);
        }
        let error = self.file.error(
            id.span(),
            format!("`{}` is no finding", text::excerpt(id.get_ref(), 80)),
        );
        fail(
            match closest(id.get_ref(), self.catalogue.iter().map(|info| info.id)) {
                Some(near) => error.with_help(format!("did you mean `{near}`?")),
                None => error.with_help("the documentation lists all findings"),
            },
        )
    }

    fn fixed(&self, id: &Spanned<String>, verb: &str) -> OperatorError {
        self.file.error(id.span(), format!("`{}` can never be {verb}", id.get_ref())).with_help(
            "it means that something is wrong, not that something is unknown; remove this line and look into the finding",
        )
    }

    fn pattern(&self, text: &Spanned<String>) -> Checked<Pattern> {
        Pattern::new(text.get_ref()).or_else(|e| fail(self.file.error(text.span(), e.to_string())))
    }

    /// A pattern over subject ids: with a scheme that exists, unless a wildcard is in its place.
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

    fn tie(
        &self,
        a: &Pattern,
        first: &Range<usize>,
        b: &Pattern,
        second: Range<usize>,
    ) -> OperatorError {
        let line = self.file.line(first.start);
        self.file
            .error(
                second,
                format!(
                    "`{b}` and `{a}` of line {line} can match the same and are equally specific"
                ),
            )
            .with_label("tie")
            .with_help("make one of the two more specific: more literal characters win")
    }

    /// A path as the operator wrote it, from the folder of the policy.
    fn resolve(&self, path: &Spanned<String>) -> Checked<PathBuf> {
        let text = self.file.sentence(path, "path")?;
        Ok(self
            .file
            .path()
            .parent()
            .unwrap_or_else(|| Path::new(""))
            .join(text))
    }
}

/// Whether a reviews file may be fetched from `url`; else why not, and the way out.
fn import_address(url: &str) -> Result<(), (&'static str, &'static str)> {
    let local = url.strip_prefix("http://").filter(|rest| {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let host = authority
            .rsplit_once(':')
            .filter(|_| !authority.ends_with(']'))
            .map_or(authority, |(host, _)| host);
        matches!(host, "localhost" | "127.0.0.1" | "[::1]")
    });
    let Some(rest) = url.strip_prefix("https://").or(local) else {
        return Err((
            "a file is fetched over https only",
            "write it as https://<host>/<path>",
        ));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        // It would be shown wherever the import is named.
        return Err((
            "the address holds a user name or password",
            "put credentials into .npmrc, for their host",
        ));
    }
    if authority.is_empty()
        || rest.contains('#')
        || url.chars().any(|c| c.is_whitespace() || text::is_hazard(c))
    {
        return Err((
            "not the address of a file",
            "write it as https://<host>/<path>",
        ));
    }
    Ok(())
}

/// A value of an enum by the name that serde gives it.
fn from_name<'n, T: Deserialize<'n>>(name: &'n str) -> Option<T> {
    let deserializer: StrDeserializer<'_, ValueError> = name.into_deserializer();
    T::deserialize(deserializer).ok()
}
