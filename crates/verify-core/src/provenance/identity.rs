//! Who signed, and whether that is whom the operator trusts.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::fault::RefusedBundle;
use crate::fact::Fault;
use crate::policy::{self, BadPattern, Pattern};
use crate::text;

/// The issuer of GitHub Actions' identities, wanted wherever a policy names a repository on GitHub and no other issuer.
///
/// A certificate's repository is a claim of its issuer. Other issuers that the public-good instance accepts let their users choose
/// the repository they state, so the repository alone proves nothing.
const GITHUB_ACTIONS: &str = "https://token.actions.githubusercontent.com";
/// The same for GitLab.
const GITLAB: &str = "https://gitlab.com";
/// The identity of GitHub's release attestations, the only one that has no issuer.
pub(super) const GITHUB_RELEASES: &str = "https://dotcom.releases.github.com";

/// The signer that a verified certificate names. Texts are as the certificate has them: escape them before showing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Identity {
    /// The subject alternative name: an email address, or the URI of a workflow.
    pub subject: String,
    /// Who vouched for the identity. GitHub's release attestations have none.
    pub issuer: Option<String>,
    /// The workflow that signed, with its ref: for a reusable workflow that workflow, which may live in another repository.
    pub signer: Option<String>,
    /// The workflow that was started, with its ref; it may have called the signer.
    pub config: Option<String>,
    /// The repository that was built.
    pub source_repository: Option<String>,
    /// The branch or tag that was built, in full (`refs/heads/main`).
    pub source_ref: Option<String>,
    /// The commit that was built.
    pub source_digest: Option<String>,
    /// `github-hosted` or `self-hosted`.
    pub runner: Option<String>,
    /// The page of the run.
    pub run: Option<String>,
}

impl Identity {
    /// Whether this is GitHub's own identity for releases of all repositories: then the repository is what its statement says.
    #[must_use]
    pub fn is_github_releases(&self) -> bool {
        self.issuer.is_none() && self.subject == GITHUB_RELEASES
    }

    /// The source repository without scheme, as lock and policy write it: `github.com/owner/name`.
    #[must_use]
    pub fn repository(&self) -> Option<&str> {
        self.source_repository.as_deref().map(without_scheme)
    }

    /// The path of the workflow that signed: within the source repository (`.github/workflows/release.yml`), or with host and
    /// repository when it lives elsewhere.
    #[must_use]
    pub fn workflow(&self) -> Option<&str> {
        let (path, _) = split_workflow(without_scheme(self.signer.as_deref()?));
        if !path.contains("/.github/workflows/") && !path.contains(".gitlab-ci") {
            return None;
        }
        Some(self.inside_source(path).unwrap_or(path))
    }

    /// `path`, when it lies in the source repository, relative to it. GitLab writes `//` after the repository.
    fn inside_source<'p>(&self, path: &'p str) -> Option<&'p str> {
        Some(
            path.strip_prefix(self.repository()?)?
                .strip_prefix('/')?
                .trim_start_matches('/'),
        )
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", text::excerpt(&self.subject, 300))?;
        if let Some(issuer) = &self.issuer {
            write!(f, " (issuer {})", text::excerpt(issuer, 200))?;
        }
        Ok(())
    }
}

/// What a signer must be. Every part that is given must hold; a claim that the certificate does not make never matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityPolicy {
    /// The exact subject alternative name: email address or workflow URI with ref.
    pub identity: Option<String>,
    /// The same as a pattern.
    pub identity_pattern: Option<Pattern>,
    /// The exact issuer. Where none is given, a repository or workflow on GitHub or GitLab wants that host's own.
    pub issuer: Option<String>,
    /// The source repository: `github.com/owner/name`, with or without scheme; may be a pattern.
    pub repository: Option<Pattern>,
    /// The workflow that signed: a path in the source repository (`.github/workflows/release.yml`), or with host and repository for a
    /// reusable workflow that lives elsewhere; `@ref` may follow; may be a pattern.
    pub workflow: Option<Pattern>,
    /// The branch or tag that was built, in full: `refs/heads/main`, `refs/tags/v*`.
    pub git_ref: Option<Pattern>,
    /// The commit that was built.
    pub digest: Option<String>,
    /// The kind of runner, such as `github-hosted`.
    pub runner: Option<String>,
}

/// Why a policy does not name a signer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IncompletePolicy {
    /// Nothing says who may sign: anyone can get a certificate.
    #[error("nothing says who may sign: give an identity with its issuer, or a repository")]
    NobodyNamed,
    /// An identity says nothing without the one who vouches for it.
    #[error("an identity counts only together with its issuer")]
    NoIssuer,
}

impl IdentityPolicy {
    /// Whether the policy names a signer that only that signer can be; for callers that must not accept just anyone.
    pub fn complete(&self) -> Result<(), IncompletePolicy> {
        let named =
            self.identity.is_some() || self.identity_pattern.is_some() || self.repository.is_some();
        if !named
            && self
                .workflow
                .as_ref()
                .is_none_or(|w| is_relative(w.as_str()))
        {
            return Err(IncompletePolicy::NobodyNamed);
        }
        if self.wanted_issuer().is_none() && !self.is_github_releases() {
            Err(IncompletePolicy::NoIssuer)
        } else {
            Ok(())
        }
    }

    /// The issuer that is wanted: the one given, else the one that the named host implies.
    #[must_use]
    pub fn wanted_issuer(&self) -> Option<&str> {
        if let Some(issuer) = &self.issuer {
            return Some(issuer);
        }
        let places = [
            self.repository.as_ref().map(Pattern::as_str),
            self.workflow
                .as_ref()
                .map(Pattern::as_str)
                .filter(|w| !is_relative(w)),
            self.identity
                .as_deref()
                .filter(|i| i.starts_with("https://")),
            self.identity_pattern
                .as_ref()
                .map(Pattern::as_str)
                .filter(|i| i.starts_with("https://")),
        ];
        let mut hosts = places.into_iter().flatten().map(with_host);
        let ci_claims = self.workflow.is_some()
            || self.git_ref.is_some()
            || self.runner.is_some()
            || self.digest.is_some();
        match hosts
            .next()
            .as_ref()
            .map(|place| place.split('/').next().unwrap_or_default())
        {
            Some("github.com") => Some(GITHUB_ACTIONS),
            Some("gitlab.com") => Some(GITLAB),
            // Such claims mean nothing unless a trusted issuer makes them, and npm and OpenClaw use GitHub.
            None if ci_claims => Some(GITHUB_ACTIONS),
            // A pattern or a host of which the issuer is not known.
            _ => None,
        }
    }

    /// What a rule of the policy file wants; fails when a text of it cannot be compared with anything.
    pub fn of_rule(identity: &policy::BuildIdentity) -> Result<Self, BadPattern> {
        Ok(Self {
            repository: Some(Pattern::new(&identity.repository)?),
            workflow: identity.workflow.as_deref().map(Pattern::new).transpose()?,
            git_ref: identity.reference.clone(),
            ..Self::default()
        })
    }

    fn is_github_releases(&self) -> bool {
        self.issuer.is_none() && self.identity.as_deref() == Some(GITHUB_RELEASES)
    }

    /// Compares the claims of a verified certificate with this policy.
    pub(super) fn check(&self, found: &Identity) -> Result<(), RefusedBundle> {
        if let Some(wanted) = &self.identity {
            same(
                Fault::Identity,
                "identity",
                wanted,
                Some(&found.subject),
                |w, f| w == f,
            )?;
        }
        if let Some(wanted) = &self.identity_pattern {
            same(
                Fault::Identity,
                "identity",
                wanted.as_str(),
                Some(&found.subject),
                |_, f| wanted.matches(f),
            )?;
        }
        self.check_issuer(found)?;
        if let Some(wanted) = &self.repository {
            let name = with_host(wanted.as_str());
            same(
                Fault::Repository,
                "source repository",
                wanted.as_str(),
                found.source_repository.as_deref(),
                |_, f| matches(&name, without_scheme(f)),
            )?;
        }
        if let Some(wanted) = &self.workflow {
            check_workflow(wanted, found)?;
        }
        if let Some(wanted) = &self.git_ref {
            same(
                Fault::Ref,
                "source ref",
                wanted.as_str(),
                found.source_ref.as_deref(),
                |_, f| wanted.matches(f),
            )?;
        }
        if let Some(wanted) = &self.digest {
            same(
                Fault::Ref,
                "source commit",
                wanted,
                found.source_digest.as_deref(),
                |w, f| w == f,
            )?;
        }
        if let Some(wanted) = &self.runner {
            same(
                Fault::Runner,
                "runner",
                wanted,
                found.runner.as_deref(),
                |w, f| w == f,
            )?;
        }
        Ok(())
    }

    /// An identity counts only with the issuer that vouches for it.
    fn check_issuer(&self, found: &Identity) -> Result<(), RefusedBundle> {
        if self.issuer.is_none() && found.is_github_releases() {
            // GitHub itself says whose release it is, and has no issuer above it.
            return Ok(());
        }
        if let Some(wanted) = self.wanted_issuer() {
            return same(
                Fault::Issuer,
                "issuer",
                wanted,
                found.issuer.as_deref(),
                |w, f| w == f,
            );
        }
        if self.is_github_releases() {
            return match &found.issuer {
                None => Ok(()),
                Some(issuer) => Err(RefusedBundle::wrong(
                    Fault::Issuer,
                    format!("issuer: wanted none, found {}", text::excerpt(issuer, 300)),
                )),
            };
        }
        if *self == Self::default() {
            return Ok(());
        }
        Err(RefusedBundle::wrong(
            Fault::Issuer,
            "an identity or repository counts only together with the issuer that vouches for it, and none is named: add the issuer",
        ))
    }
}

/// The signer is what ran with the identity, so it is the signer that a policy names. For a path without repository it must live in
/// the source repository: a file of the same name elsewhere is another workflow.
fn check_workflow(wanted: &Pattern, found: &Identity) -> Result<(), RefusedBundle> {
    let text = with_host(wanted.as_str());
    let (path, at_ref) = split_workflow(&text);
    let relative = is_relative(&text);
    let fits = |signer: &str| {
        let (signer_path, signer_ref) = split_workflow(without_scheme(signer));
        let candidate = if relative {
            found.inside_source(signer_path)
        } else {
            Some(signer_path)
        };
        candidate.is_some_and(|c| matches(path.trim_start_matches("./"), c))
            && at_ref.is_none_or(|r| signer_ref.is_some_and(|s| matches(r, s)))
    };
    let result = same(
        Fault::Workflow,
        "signing workflow",
        wanted.as_str(),
        found.signer.as_deref(),
        |_, f| fits(f),
    );
    match (result, found.config.as_deref()) {
        (Err(RefusedBundle::Wrong(fault, why)), Some(config)) if fits(config) => {
            Err(RefusedBundle::wrong(
                fault,
                format!(
                    "{why}; the wanted workflow started the run, but what signed is the reusable workflow that it called"
                ),
            ))
        }
        (result, _) => result,
    }
}

fn same(
    fault: Fault,
    claim: &str,
    wanted: &str,
    found: Option<&str>,
    ok: impl Fn(&str, &str) -> bool,
) -> Result<(), RefusedBundle> {
    match found {
        Some(found) if ok(wanted, found) => Ok(()),
        Some(found) => Err(RefusedBundle::wrong(
            fault,
            format!(
                "{claim}: wanted {}, found {}",
                text::excerpt(wanted, 300),
                text::excerpt(found, 300)
            ),
        )),
        None => Err(RefusedBundle::wrong(
            fault,
            format!(
                "{claim}: wanted {}, but the certificate does not say",
                text::excerpt(wanted, 300)
            ),
        )),
    }
}

/// Whether all of `text` matches what an operator wrote; what is no pattern matches nothing.
fn matches(pattern: &str, text: &str) -> bool {
    Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(text))
}

fn without_scheme(url: &str) -> &str {
    url.strip_prefix("https://").unwrap_or(url)
}

/// `github.com/owner/name…` for every way in which an operator may write a repository, or a workflow in one.
fn with_host(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix("git+").unwrap_or(text);
    let text = without_scheme(text).trim_end_matches('/');
    let text = text.strip_suffix(".git").unwrap_or(text);
    // `owner/name` is how GitHub's own tools write it; a host has a dot, and the owner of a repository none.
    let mut parts = text.split('/');
    let (owner, name, rest) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let bare = !owner.is_empty()
        && !owner.contains('.')
        && owner != "**"
        && name.is_some()
        && matches!(rest, None | Some(".github"));
    if bare {
        Cow::Owned(format!("github.com/{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether a workflow is written as a path in the source repository.
fn is_relative(workflow: &str) -> bool {
    let workflow = with_host(workflow);
    let first = workflow
        .trim_start_matches("./")
        .split('/')
        .next()
        .unwrap_or_default();
    first.starts_with(".git") || !first.contains('.')
}

/// A workflow's path and ref. A ref starts with `refs/`, or is a commit; file names hold no `/`, so `@refs/` cannot be part of one.
fn split_workflow(workflow: &str) -> (&str, Option<&str>) {
    if let Some(at) = workflow.find("@refs/") {
        let (path, rest) = workflow.split_at(at);
        return (path, rest.get(1..));
    }
    match workflow.rsplit_once('@') {
        Some((path, at_ref)) => (path, Some(at_ref)),
        None => (workflow, None),
    }
}

#[cfg(test)]
mod tests;
