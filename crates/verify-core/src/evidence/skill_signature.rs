//! Facts about signed skills: whether the signature beside a skill's files is one of exactly these files, and whose.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::Part;
use crate::error::{Error, OperatorError, Result};
use crate::fact::{Fact, Fault};
use crate::inventory::Subject;
use crate::policy::{Policy, SkillSigner, SkillSignerKind};
use crate::provenance::model::{
    self, Fetch, MAX_SIGNATURE_BYTES, ModelSigner, RootCertificates, SignedFolder, SignerTrust,
    SigningKey,
};
use crate::provenance::{Anchors, KeyError};
use crate::subject::Kind;
use crate::tree::{BlobId, TreeEntry};
use crate::{operator_file, read, text};

/// Most bytes of one file of a signed skill.
const MAX_FILE: u64 = 256 << 20;
/// How names of signatures end: `skill.oms.sig`, `model.sig`.
const SIGNATURE_END: &str = ".sig";

/// What was found out about the signature of a skill.
#[derive(Clone, Debug)]
pub(crate) struct SkillSignature {
    /// Path of the signature in the skill's folder; none where there is none.
    pub file: Option<String>,
    /// Who signed; does not apply without a signature.
    pub fact: Fact<ModelSigner>,
    /// Whether a rule requires a signature.
    pub required: bool,
    /// Line of the first rule for the skill in the policy.
    pub line: usize,
}

impl SkillSignature {
    /// Who signed, where that was verified.
    pub(crate) fn signer(&self) -> Option<&ModelSigner> {
        self.fact.verified()
    }
}

/// The `[[skill-signer]]` of the policy, each with its file read when first needed.
pub(crate) struct SkillTrust<'p> {
    policy: &'p Policy,
    anchors: &'p Arc<Anchors>,
    loaded: RefCell<BTreeMap<usize, SignerTrust>>,
}

impl<'p> SkillTrust<'p> {
    pub(crate) fn new(policy: &'p Policy, anchors: &'p Arc<Anchors>) -> Self {
        Self {
            policy,
            anchors,
            loaded: RefCell::default(),
        }
    }

    /// What the signature of `subject` proves; none where no rule is for it, or nothing of it could be read.
    ///
    /// # Errors
    /// When a file that says whom to trust cannot be read.
    pub(super) fn judge(
        &self,
        subject: &Subject,
        part: &Part,
        now: Timestamp,
    ) -> Result<Option<SkillSignature>> {
        if subject.kind != Kind::Skill {
            return Ok(None);
        }
        let rules = self.policy.skill_signers().iter();
        let rules: Vec<&SkillSigner> = rules
            .filter(|rule| rule.pattern.matches(subject.id.as_str()))
            .collect();
        let (Some(first), Some(tree), Some(spec)) =
            (rules.first(), part.tree(), &subject.trees.tree)
        else {
            return Ok(None);
        };
        let trust: Vec<SignerTrust> = rules
            .iter()
            .map(|rule| self.load(rule))
            .collect::<Result<_>>()?;
        let mut found = SkillSignature {
            file: None,
            fact: Fact::NotApplicable,
            required: rules.iter().any(|rule| rule.require),
            line: first.line,
        };
        let entries = tree.manifest.entries().iter();
        let mut signatures = entries.filter(|entry| is_signature(&entry.path));
        let Some(signature) = signatures.next() else {
            return Ok(Some(found));
        };
        found.file = Some(signature.path.clone());
        if let Some(second) = signatures.next() {
            found.fact = Fact::violated(
                Fault::Bundle,
                format!(
                    "several signatures lie here, and only one can count: {}, {}",
                    text::excerpt(&signature.path, 100),
                    text::excerpt(&second.path, 100)
                ),
            );
            return Ok(Some(found));
        }
        let root = spec.root.as_path();
        let bytes = match fetch(root, signature, MAX_SIGNATURE_BYTES) {
            Fetch::Bytes(bytes) => bytes,
            Fetch::Unread(why) => {
                found.fact = Fact::violated(
                    Fault::Bundle,
                    format!("{} {why}", text::excerpt(&signature.path, 100)),
                );
                return Ok(Some(found));
            }
        };
        let folder = subject.place.absolute.file_name();
        let folder = folder.map(|name| name.to_string_lossy().into_owned());
        let future = subject.id.as_str().rsplit(['/', ':']).next();
        let names: Vec<&str> = folder.as_deref().into_iter().chain(future).collect();
        let folder = SignedFolder {
            names: &names,
            files: &tree.manifest,
            signature: &signature.path,
            read: &|entry| fetch(root, entry, MAX_FILE),
        };
        let anchor = || self.anchors.root().map(|root| &**root);
        found.fact = model::verify(&folder, &bytes, &trust, anchor, now);
        Ok(Some(found))
    }

    fn load(&self, rule: &SkillSigner) -> Result<SignerTrust> {
        if let Some(loaded) = self.loaded.borrow().get(&rule.line) {
            return Ok(loaded.clone());
        }
        let loaded = match &rule.who {
            SkillSignerKind::Key(path) => SignerTrust::Key(parsed(path, SigningKey::from_pem)?),
            SkillSignerKind::Certificate(path) => {
                SignerTrust::Certificates(parsed(path, RootCertificates::from_pem)?)
            }
            SkillSignerKind::Identity { identity, issuer } => SignerTrust::Identity {
                identity: identity.clone(),
                issuer: issuer.clone(),
            },
        };
        self.loaded.borrow_mut().insert(rule.line, loaded.clone());
        Ok(loaded)
    }
}

/// Whether a path in a skill's folder is one at which its signature lies.
pub(crate) fn is_signature(path: &str) -> bool {
    !path.contains('/') && path.ends_with(SIGNATURE_END)
}

/// A file of the operator that says who may sign.
fn parsed<T>(path: &Path, parse: impl Fn(&str) -> std::result::Result<T, KeyError>) -> Result<T> {
    let wrong = |why: String| {
        let shown = text::visible(&path.to_string_lossy()).into_owned();
        let error = OperatorError::whole(path, format!("{shown} {why}"));
        Error::from(error.with_help("[[skill-signer]] of your policy names this file"))
    };
    let text = operator_file::read(path)?.ok_or_else(|| wrong("is not there".to_owned()))?;
    parse(&text).map_err(|why| wrong(why.to_string()))
}

/// The bytes of a file as it was hashed, never others.
fn fetch(root: &Path, entry: &TreeEntry, limit: u64) -> Fetch {
    match read::bytes(&root.join(&entry.path), limit) {
        Ok(bytes) if BlobId::of(&bytes) == entry.id => Fetch::Bytes(bytes),
        Ok(_) => Fetch::Unread("changed while it was read".to_owned()),
        Err(error) => Fetch::Unread(error.to_string()),
    }
}
