//! What the reviews say about names and versions, before the rules can judge what is staged.

use super::decide::deny;
use crate::digest::TreeDigest;
use crate::finding::Finding;
use crate::review::Content;
use crate::subject::SubjectId;
use crate::text;
use crate::verifier::Verifier;

/// Tree and dependencies.
pub(super) type Digests = (Option<TreeDigest>, Option<TreeDigest>);

/// Everything that says that one of `ids` must not run: what is staged may become any of them.
pub(super) fn violations(
    verifier: &Verifier,
    ids: &[SubjectId],
    version: Option<&str>,
    digests: Option<Digests>,
) -> Vec<Finding> {
    let index = verifier.review_index();
    let (tree, dependencies) = digests.unwrap_or_default();
    let versions: Vec<&str> = version.into_iter().collect();
    let mut found = Vec::new();
    for id in ids {
        for (_, violation) in index.violations(
            id,
            tree.map(Content::Tree),
            &versions,
            dependencies.as_slice(),
        ) {
            let (reason, by) = (
                text::excerpt(&violation.reason, 300),
                text::excerpt(&violation.by, 80),
            );
            found.push(deny(
                "violation",
                id,
                format!("must not run: {reason} (says {by})"),
                Vec::new(),
            ));
        }
    }
    found.dedup();
    found
}
