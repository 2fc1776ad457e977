//! The files that a reviewer compares what is installed with.

use std::path::Path;

use super::super::Verifier;
use super::super::since_lock::Old;
use super::Since;
use crate::digest::TreeDigest;
use crate::error::{Error, Result};
use crate::evidence::review::{self as facts, ReadPart, ReviewedTree};
use crate::evidence::{Evidence, bases};
use crate::inventory::Subject;
use crate::review::diff::{self, CostLimits};
use crate::review::{Content, ContentStore, Contents, Criteria};
use crate::text;
use crate::tree::ManifestStore;

pub(super) struct Base {
    pub(super) digest: TreeDigest,
    pub(super) version: Option<String>,
    pub(super) reviewed: bool,
    pub(super) contents: Contents<'static>,
}

impl Verifier {
    /// The reviewed files to compare `installed` with, which is all of `part`.
    pub(super) fn base(
        &self,
        subject: &Subject,
        evidence: &Evidence,
        part: ReadPart,
        installed: &Contents<'_>,
        since: Since<'_>,
    ) -> Result<Option<Base>> {
        let manifests = self.options.manifests.as_ref().map(ManifestStore::new);
        let store = self.options.contents.as_ref().map(ContentStore::new);
        let given = self.given(manifests.as_ref(), store.as_ref(), CostLimits::BACKLOG);
        let open = evidence
            .review
            .required
            .iter()
            .find(|reading| reading.part == part);
        let wanted = open
            .or_else(|| facts::own(evidence))
            .map_or(Criteria::SafeToLoad, |reading| reading.wanted);
        let content = Content::Tree(installed.manifest.digest());
        let known = facts::known(&subject.id, part, content, wanted, &given);
        let next = open.and_then(|open| open.next.as_ref());
        let next = next.and_then(|next| next.from);
        let meant: Vec<ReviewedTree> = known
            .iter()
            .filter(|known| is_meant(known, part, since, next))
            .map(|k| ReviewedTree {
                digest: k.digest,
                version: k.version.clone(),
            })
            .collect();
        let old = self.unreviewed_base(subject, part, content, since, &known);
        let meant = match (&old, since) {
            (Some(Old::Locked(tree)), _) if meant.is_empty() => vec![tree.clone()],
            _ => meant,
        };
        let generations = match old {
            Some(Old::Generations) => given.generations(subject, content),
            _ => Vec::new(),
        };
        let archived = match since {
            Since::Archive(path) if part == ReadPart::Own => {
                Some(of_archive(subject, path, content)?)
            }
            _ => None,
        };
        let priced = given
            .find(subject, part, &meant)
            .into_iter()
            .chain(generations)
            .chain(archived)
            .filter_map(|(digest, contents)| {
                let cost = diff::cost(Some(&contents), installed, CostLimits::BACKLOG)?;
                Some((cost, digest, contents))
            });
        let best = priced
            .min_by_key(|(cost, digest, contents)| (cost.key(), *digest, contents.place.clone()));
        let Some((_, digest, contents)) = best else {
            return match part {
                ReadPart::Own => self.no_base(subject, content, since, &known),
                _ => Ok(None),
            };
        };
        let version = meant
            .into_iter()
            .find(|known| known.digest == digest)
            .and_then(|known| known.version);
        Ok(Some(Base {
            digest,
            version,
            reviewed: known.iter().any(|known| known.digest == digest),
            contents,
        }))
    }

    /// Nothing to compare with: an error where the caller asked for something that is not there.
    fn no_base(
        &self,
        subject: &Subject,
        content: Content,
        since: Since<'_>,
        known: &[ReviewedTree],
    ) -> Result<Option<Base>> {
        match since {
            Since::Version(asked) => {
                let versions = known.iter().map(|known| {
                    let digest = || known.digest.to_string();
                    known.version.clone().unwrap_or_else(digest)
                });
                let mut versions: Vec<String> = versions.collect();
                versions.sort();
                let help = match versions.is_empty() {
                    true => "no other version of it was reviewed; show all of it".to_owned(),
                    false => format!("reviewed were: {}; or show all of it", versions.join(", ")),
                };
                let asked = text::excerpt(asked, 100);
                Err(Error::environment(
                    format!("nothing that was reviewed as {asked} can be had any more"),
                    help,
                ))
            }
            Since::Locked => Err(self.no_locked_base(subject, content)),
            Since::Generation => Err(Error::environment(
                format!("no other generation of {} is on the disk", subject.id),
                "show what changed since the lock, or all of it",
            )),
            Since::Nothing | Since::Cheapest | Since::Archive(_) => Ok(None),
        }
    }
}

/// Whether a reviewed tree is one that the caller asked to compare with; `next` is the cheapest of the subject's own.
fn is_meant(
    known: &ReviewedTree,
    part: ReadPart,
    since: Since<'_>,
    next: Option<TreeDigest>,
) -> bool {
    match since {
        Since::Nothing | Since::Locked | Since::Generation | Since::Archive(_) => false,
        Since::Cheapest if part == ReadPart::Own => next == Some(known.digest),
        Since::Cheapest => true,
        Since::Version(text) => {
            known.version.as_deref() == Some(text) || known.digest.to_string() == text
        }
    }
}

/// The files of an archive to compare with.
fn of_archive(
    subject: &Subject,
    path: &Path,
    installed: Content,
) -> Result<(TreeDigest, Contents<'static>)> {
    let shown = text::visible(&path.to_string_lossy()).into_owned();
    let Some((digest, contents)) = bases::of_archive(path, |_| true) else {
        return Err(Error::environment(
            format!("the archive {shown} cannot be read in one way"),
            "show what changed since the lock, or all of it",
        ));
    };
    if Content::Tree(digest) == installed {
        return Err(Error::environment(
            format!("{} has the very files of the archive", subject.id),
            "there is no difference to read; show all of it",
        ));
    }
    Ok((digest, contents))
}
