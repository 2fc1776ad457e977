//! What is in `openclaw-reviews.toml`, and how it becomes [`Reviews`].

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::value::Datetime;

use super::{Agent, Content, Criteria, Review, Reviews, Trust, Versions, Violated, Violation};
use crate::digest::{Sha256Digest, TreeDigest};
use crate::error::Unmerged;
use crate::policy::{Pattern, SCHEMES};
use crate::subject::SubjectId;
use crate::text;
use crate::toml_file::{Checked, Spanned, TomlFile, closest, date_schema, fail};

/// The format version that is read and written. A larger one breaks readers.
pub(super) const VERSION: i64 = 1;

pub(super) const WAY_OUT: &str = "docs/formats.md describes every key of openclaw-reviews.toml";

pub(super) fn schema() -> schemars::Schema {
    schemars::schema_for!(WireReviews)
}

/// What was read, by whom: `openclaw-reviews.toml`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Reviews")]
struct WireReviews {
    /// The version of this format.
    #[serde(rename = "version")]
    _version: i64,
    /// Which keys of this version are used.
    #[serde(default, rename = "revision")]
    _revision: u32,
    /// Something that was read.
    #[serde(default)]
    review: Vec<Spanned<WireReview>>,
    /// A publisher whose releases count as read.
    #[serde(default)]
    trust: Vec<Spanned<WireTrust>>,
    /// Something that must not be used.
    #[serde(default)]
    violation: Vec<Spanned<WireViolation>>,
}

/// Something that was read.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Review")]
struct WireReview {
    /// The subject.
    package: SubjectId,
    /// Its version.
    version: Option<String>,
    /// The version or digest from which only the difference was read.
    from: Option<Spanned<String>>,
    /// The digest of its files.
    tree: Option<TreeDigest>,
    /// The digest of what it starts.
    definition: Option<Sha256Digest>,
    /// The digest of its dependencies.
    dependencies: Option<TreeDigest>,
    /// How it was read.
    criteria: Criteria,
    /// Who read it.
    by: Spanned<String>,
    /// The program that read it, where it was no person.
    agent: Option<Agent>,
    /// When.
    #[schemars(schema_with = "date_schema")]
    date: Spanned<Datetime>,
    /// The last day on which it counts.
    #[schemars(schema_with = "date_schema")]
    until: Option<Spanned<Datetime>>,
    /// What was seen.
    notes: Option<String>,
}

/// A publisher whose releases count as read.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Trust")]
struct WireTrust {
    /// The repository that builds them.
    publisher: Spanned<String>,
    /// The workflow that builds them.
    workflow: Option<Spanned<String>>,
    /// Ids of subjects.
    packages: Spanned<Vec<Spanned<String>>>,
    /// As how they count.
    criteria: Criteria,
    /// Who trusts.
    by: Spanned<String>,
    /// The first day.
    #[schemars(schema_with = "date_schema")]
    start: Spanned<Datetime>,
    /// The last day.
    #[schemars(schema_with = "date_schema")]
    until: Spanned<Datetime>,
    /// Why.
    notes: Option<String>,
}

/// Something that must not be used.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Violation")]
struct WireViolation {
    /// The subject.
    package: Spanned<SubjectId>,
    /// Which versions.
    versions: Option<Spanned<WireVersions>>,
    /// Digests of its files.
    trees: Option<Spanned<Vec<TreeDigest>>>,
    /// Why.
    reason: Spanned<String>,
    /// Who says so.
    by: Spanned<String>,
    /// When.
    #[schemars(schema_with = "date_schema")]
    date: Spanned<Datetime>,
}

/// `*`, a range, or a list of versions.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected \"*\", a range, or a list of versions")]
#[schemars(rename = "Versions")]
enum WireVersions {
    Range(String),
    List(Vec<String>),
}

pub(super) fn parse(path: &Path, text: &str) -> Checked<Reviews> {
    read(path, text).map_err(|error| error.in_merge_of(Unmerged::Reviews))
}

fn read(path: &Path, text: &str) -> Checked<Reviews> {
    let file = TomlFile::new(path, text, WAY_OUT)?;
    let wire: WireReviews = file.parse(VERSION)?;
    let reviews = each(&file, wire.review, review)?;
    let trusts = each(&file, wire.trust, trust)?;
    let violations = each(&file, wire.violation, violation)?;
    refuse_twins(&file, &reviews, review_key, |r| {
        format!("this review of {}", r.package)
    })?;
    refuse_twins(&file, &trusts, trust_key, |t| {
        format!("this trust in {}", t.publisher)
    })?;
    refuse_twins(&file, &violations, violation_key, |v| {
        format!("this violation of {}", v.package)
    })?;
    Ok(Reviews {
        reviews: reviews.into_iter().map(|(_, entry)| entry).collect(),
        trusts: trusts.into_iter().map(|(_, entry)| entry).collect(),
        violations: violations.into_iter().map(|(_, entry)| entry).collect(),
    })
}

/// What makes two reviews the same: all but what is only for people.
pub(super) fn review_key(review: &Review) -> impl Eq + Hash + '_ {
    let Review {
        package,
        from,
        content,
        dependencies,
        criteria,
        by,
        agent,
        date,
        until,
        ..
    } = review;
    (
        (package, from, content, dependencies, criteria),
        (by, agent, date, until),
    )
}

/// The same for trust.
pub(super) fn trust_key(trust: &Trust) -> impl Eq + Hash + '_ {
    let packages: Vec<&str> = trust.packages.iter().map(Pattern::as_str).collect();
    (
        &trust.publisher,
        &trust.workflow,
        packages,
        trust.criteria,
        &trust.by,
        trust.start,
        trust.until,
    )
}

/// The same for a violation.
pub(super) fn violation_key(violation: &Violation) -> impl Eq + Hash + '_ {
    (&violation.package, format!("{:?}", violation.what))
}

type Placed<T> = (Range<usize>, T);

fn each<W, T>(
    file: &TomlFile<'_>,
    wire: Vec<Spanned<W>>,
    check: impl Fn(&TomlFile<'_>, Range<usize>, W) -> Checked<T>,
) -> Checked<Vec<Placed<T>>> {
    wire.into_iter()
        .map(|entry| (entry.span(), entry.into_inner()))
        .map(|(span, wire)| Ok((span.clone(), check(file, span, wire)?)))
        .collect()
}

fn refuse_twins<'t, T, K: Eq + Hash>(
    file: &TomlFile<'_>,
    entries: &'t [Placed<T>],
    key: impl Fn(&'t T) -> K,
    name: impl Fn(&T) -> String,
) -> Checked<()> {
    let mut seen = HashMap::with_capacity(entries.len());
    for (span, entry) in entries {
        if let Some(first) = seen.insert(key(entry), span.clone()) {
            return fail(file.duplicate(&name(entry), first, span.clone()));
        }
    }
    Ok(())
}

fn review(file: &TomlFile<'_>, span: Range<usize>, wire: WireReview) -> Checked<Review> {
    let content = match (wire.tree, wire.definition) {
        (Some(tree), None) => Content::Tree(tree),
        (None, Some(definition)) => Content::Definition(definition),
        _ => {
            return fail(file.error(
                span,
                "a review says what was read: either `tree` or `definition`",
            ));
        }
    };
    let from = match &wire.from {
        None => None,
        Some(from) => {
            let wrong = |e: crate::digest::DigestError| file.error(from.span(), e.to_string());
            let before = match content {
                Content::Tree(_) => Content::Tree(from.get_ref().parse().map_err(wrong)?),
                Content::Definition(_) => {
                    Content::Definition(from.get_ref().parse().map_err(wrong)?)
                }
            };
            if before == content {
                return fail(file.error(
                    from.span(),
                    "a delta leads from one digest to another; these two are the same",
                ));
            }
            Some(before)
        }
    };
    let date = file.date(&wire.date)?;
    let until = wire
        .until
        .as_ref()
        .map(|until| file.date(until))
        .transpose()?;
    if let (Some(last), Some(until)) = (until, &wire.until)
        && last < date
    {
        return fail(file.error(until.span(), "the review ends before it begins"));
    }
    Ok(Review {
        package: wire.package,
        version: wire.version,
        from,
        content,
        dependencies: wire.dependencies,
        criteria: wire.criteria,
        by: file.sentence(&wire.by, "by")?,
        agent: wire.agent,
        date,
        until,
        notes: wire.notes,
        line: file.line(span.start),
    })
}

fn trust(file: &TomlFile<'_>, span: Range<usize>, wire: WireTrust) -> Checked<Trust> {
    if wire.packages.get_ref().is_empty() {
        return fail(file.error(wire.packages.span(), "`packages` names nothing"));
    }
    let pattern = |p: &Spanned<String>| {
        Pattern::new(p.get_ref()).or_else(|e| fail(file.error(p.span(), e.to_string())))
    };
    let (start, until) = (file.date(&wire.start)?, file.date(&wire.until)?);
    let last = start.saturating_add(jiff::Span::new().years(1));
    if until < start {
        return fail(file.error(wire.until.span(), "the trust ends before it begins"));
    }
    if until > last {
        return fail(
            file.error(wire.until.span(), "trust lasts at most one year")
                .with_help(format!("the last day possible is {last}; renew it then")),
        );
    }
    Ok(Trust {
        publisher: file.sentence(&wire.publisher, "publisher")?,
        workflow: wire
            .workflow
            .map(|w| file.sentence(&w, "workflow"))
            .transpose()?,
        packages: wire
            .packages
            .get_ref()
            .iter()
            .map(pattern)
            .collect::<Checked<_>>()?,
        criteria: wire.criteria,
        by: file.sentence(&wire.by, "by")?,
        start,
        until,
        notes: wire.notes,
        line: file.line(span.start),
    })
}

fn violation(file: &TomlFile<'_>, span: Range<usize>, wire: WireViolation) -> Checked<Violation> {
    can_match(file, &wire.package, wire.versions.is_some())?;
    let what = match (wire.versions, wire.trees) {
        (Some(versions), None) => {
            let place = versions.span();
            let read = match versions.into_inner() {
                WireVersions::Range(text) => Versions::range(&text),
                WireVersions::List(list) => Versions::list(list),
            };
            Violated::Versions(read.ok_or_else(|| {
                file.error(
                    place,
                    "no versions: write \"*\", a range such as \"<1.2.0\", or a list",
                )
            })?)
        }
        (None, Some(trees)) if trees.get_ref().is_empty() => {
            return fail(file.error(trees.span(), "`trees` names nothing"));
        }
        (None, Some(trees)) => Violated::Trees(trees.into_inner()),
        _ => return fail(file.error(span, "a violation is about either `versions` or `trees`")),
    };
    Ok(Violation {
        package: wire.package.into_inner(),
        what,
        reason: file.sentence(&wire.reason, "reason")?,
        by: file.sentence(&wire.by, "by")?,
        date: file.date(&wire.date)?,
        line: file.line(span.start),
    })
}

/// A violation that can match no subject protects no one, so it is refused.
fn can_match(file: &TomlFile<'_>, package: &Spanned<SubjectId>, by_name: bool) -> Checked<()> {
    let id = package.get_ref();
    if !SCHEMES.contains(&id.scheme()) {
        let error = file.error(
            package.span(),
            format!(
                "no subject id starts with `{}:`",
                text::excerpt(id.scheme(), 40)
            ),
        );
        return fail(match closest(id.scheme(), SCHEMES.into_iter()) {
            Some(near) => error.with_help(format!("did you mean `{near}:`?")),
            None => error,
        });
    }
    if by_name && id.as_str().contains('*') {
        return fail(
            file.error(
                package.span(),
                "a violation of versions names one subject; `*` has no meaning in it",
            )
            .with_help("write one entry a subject, or ban bytes under whatever name with `trees`"),
        );
    }
    Ok(())
}
