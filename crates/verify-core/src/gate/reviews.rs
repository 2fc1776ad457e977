//! What the reviews say about a staged subject.

use super::decide::{deny, finding};
use crate::digest::{Sha256Digest, TreeDigest};
use crate::error::{Error, Result};
use crate::finding::{Finding, Level};
use crate::inventory::Subject;
use crate::operator_file;
use crate::policy::{Dependencies, ImportLocation, OriginProof, Target};
use crate::review::{Content, Criteria, Question, ReviewIndex, Reviews, Verdict};
use crate::rules;
use crate::subject::SubjectId;
use crate::text;
use crate::tree::Manifest;
use crate::verifier::Verifier;

/// Tree and dependencies.
pub(super) type Digests = (Option<TreeDigest>, Option<TreeDigest>);

/// Everything that says that one of `ids` must not run.
pub(super) fn violations(
    verifier: &Verifier,
    ids: &[SubjectId],
    version: Option<&str>,
    digests: Option<Digests>,
) -> Result<Vec<Finding>> {
    if rules::rule("violation").is_some() {
        return Ok(Vec::new());
    }
    let (own, imports) = read(verifier)?;
    let imports: Vec<(&str, &Reviews)> = imports.iter().map(|(name, reviews)| (name.as_str(), reviews)).collect();
    let index = ReviewIndex::build(&own, &imports, verifier.today());
    let (tree, dependencies) = digests.unwrap_or_default();
    // Nothing is staged yet: only names and versions can be compared.
    let content = tree.map_or_else(|| Content::Definition(Sha256Digest::of(b"")), Content::Tree);
    let mut found = Vec::new();
    for id in ids {
        for (_, violation) in index.violations(id, content, version, dependencies.as_slice()) {
            let message =
                format!("must not run: {} (says {})", text::excerpt(&violation.reason, 300), text::excerpt(&violation.by, 80));
            found.push(deny("violation", id, message, Vec::new()));
        }
    }
    found.dedup();
    Ok(found)
}

/// The review that policy asks for, where it is missing.
pub(super) fn unreviewed(verifier: &Verifier, subject: &Subject, digests: Digests) -> Result<Vec<Finding>> {
    let policy = verifier.policy();
    let requirements = policy.requirements(&subject.id, subject.kind, subject.source);
    let (Some(wanted), Some(tree)) = (requirements.review(OriginProof::Missing), digests.0) else { return Ok(Vec::new()) };
    if rules::rule("unreviewed").is_some() {
        return Ok(Vec::new());
    }
    let (own, imports) = read(verifier)?;
    let imports: Vec<(&str, &Reviews)> = imports.iter().map(|(name, reviews)| (name.as_str(), reviews)).collect();
    let index = ReviewIndex::build(&own, &imports, verifier.today());
    let question = Question {
        subject: &subject.id,
        content: Content::Tree(tree),
        version: subject.version.as_deref(),
        dependencies: digests.1.as_slice(),
        wanted,
        publishers: &[],
    };
    let (id, message) = match index.judge(&question) {
        Verdict::Reviewed(_) | Verdict::Trusted(_) | Verdict::Violation(_) => return Ok(Vec::new()),
        Verdict::AgentOnly(_) => {
            ("agent-reviewed-only", format!("only a machine has read these files, and policy wants {wanted}"))
        }
        Verdict::Expired(_) => ("review-expired", "the review of these files has expired".to_owned()),
        _ => ("unreviewed", format!("nobody has read these files, and policy wants {wanted}")),
    };
    let target = Target {
        finding: id,
        subject: &subject.id,
        digests: crate::policy::Digests {
            tree: Some(tree),
            dependencies: digests.1,
            definition: None,
            version: subject.version.as_deref(),
        },
        about_dependencies: false,
    };
    let level = policy.level(id).map_or(Level::Deny, |(level, _)| level);
    if level == Level::Allow || policy.exception_for(&target, verifier.today()).is_some() {
        return Ok(Vec::new());
    }
    Ok(vec![finding(id, level, &subject.id, message, vec![format!("tree {tree}")])])
}

/// What policy asks of the dependencies beyond the lock.
pub(super) fn dependencies(verifier: &Verifier, subject: &Subject, digests: Digests) -> Result<Vec<Finding>> {
    let requirements = verifier.policy().requirements(&subject.id, subject.kind, subject.source);
    let Some(digest) = digests.1.filter(|digest| *digest != Manifest::default().digest()) else { return Ok(Vec::new()) };
    match requirements.dependencies {
        Dependencies::Reviewed if rules::rule("unreviewed").is_none() => {
            let (own, imports) = read(verifier)?;
            let imports: Vec<(&str, &Reviews)> = imports.iter().map(|(name, reviews)| (name.as_str(), reviews)).collect();
            let index = ReviewIndex::build(&own, &imports, verifier.today());
            let wanted = requirements.review(OriginProof::Missing).unwrap_or(Criteria::SafeToRun);
            if matches!(index.dependencies(&subject.id, digest, wanted), Verdict::Reviewed(_)) {
                return Ok(Vec::new());
            }
            let message = format!("nobody has read its dependencies, and policy wants {wanted}");
            Ok(vec![deny("unreviewed", &subject.id, message, vec![format!("dependencies {digest}")])])
        }
        Dependencies::ArchiveVerified => {
            let message = "policy wants every dependency compared with its archive, which the gate cannot do".to_owned();
            Ok(vec![deny("not-established", &subject.id, message, vec![format!("dependencies {digest}")])])
        }
        _ => Ok(Vec::new()),
    }
}

fn read(verifier: &Verifier) -> Result<(Reviews, Vec<(String, Reviews)>)> {
    let own = match verifier.reviews_text() {
        Some((path, text)) => Reviews::parse(path, text)?,
        None => Reviews::default(),
    };
    let mut imports = Vec::new();
    for import in &verifier.policy().imports {
        let ImportLocation::Path(path) = &import.location else {
            return Err(Error::environment(
                format!(
                    "the reviews `{}` are imported from an address, which the gate does not fetch",
                    text::excerpt(&import.name, 60)
                ),
                "import them from a file beside the policy",
            ));
        };
        let text = operator_file::read(path)?.ok_or_else(|| {
            Error::environment(
                format!("the imported reviews {} are not there", path.display()),
                "restore the file or remove the import",
            )
        })?;
        imports.push((import.name.clone(), Reviews::parse_import(import, path, &text)?));
    }
    Ok((own, imports))
}
