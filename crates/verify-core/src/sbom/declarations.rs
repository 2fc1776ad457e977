//! Verdicts as CycloneDX attestations: the groups of findings are the requirements of a standard, each verdict is a claim for it or
//! a counter-claim. A fact that could not be established is neither, and lowers the conformance.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::values;
use super::verdicts::{SubjectVerdict, Verdicts};
use crate::fact::Outcome;
use crate::npm::Person;
use crate::subject::SubjectId;

/// The requirements: the groups of findings that are about a subject. docs/findings/ has the rules in each.
const REQUIREMENTS: [(&str, &str); 5] = [
    (
        "integrity",
        "The installed files are those that were locked.",
    ),
    (
        "pinning",
        "The version or digest is pinned as policy requires.",
    ),
    (
        "provenance",
        "The origin is proven by a signature that policy accepts.",
    ),
    (
        "review",
        "A reviewer whom policy trusts has reviewed these files.",
    ),
    ("advisory", "No advisory is known for this version."),
];

const ASSESSOR: &str = "assessor:operator";

/// What an SBOM declares.
pub(super) struct Declared {
    pub definitions: Value,
    pub declarations: Value,
    /// Who says what, for 1.7; the time is added later.
    pub citations: Vec<Value>,
}

/// `definitions` and `declarations`; none when no verdict was given.
pub(super) fn declare(
    verdicts: &Verdicts,
    references: &BTreeMap<SubjectId, String>,
) -> Option<Declared> {
    let judged: Vec<_> = references
        .iter()
        .filter_map(|(id, reference)| Some((reference, verdicts.subjects.get(id)?)))
        .collect();
    if judged.is_empty() {
        return None;
    }
    let mut writer = Claims::default();
    for (at, (group, _)) in REQUIREMENTS.into_iter().enumerate() {
        writer.requirement(at, group, &judged);
    }
    let mut assessors = vec![json!({ "bom-ref": ASSESSOR, "thirdParty": false })];
    assessors.extend(writer.reviewers.assessor());
    let mut declarations = json!({
        "assessors": assessors,
        "attestations": [{
            "summary": "What openclaw-verify established on the machine that runs OpenClaw.",
            "assessor": ASSESSOR,
            "map": writer.maps,
        }],
        "claims": writer.claims,
    });
    if !writer.evidence.is_empty() {
        declarations["evidence"] = json!(writer.evidence);
    }
    Some(Declared {
        definitions: definitions(verdicts),
        declarations,
        citations: writer.reviewers.citations(),
    })
}

/// The policy as a standard, with what it requires.
fn definitions(verdicts: &Verdicts) -> Value {
    let requirements: Vec<Value> = REQUIREMENTS
        .iter()
        .map(|(group, text)| json!({ "bom-ref": format!("requirement:{group}"), "identifier": group, "text": text }))
        .collect();
    let version = match &verdicts.policy {
        Some(policy) => match &policy.digest {
            Some(digest) => format!("{} {digest}", policy.preset),
            None => policy.preset.clone(),
        },
        None => values::NO_ASSERTION.to_owned(),
    };
    json!({ "standards": [{
        "bom-ref": "standard:policy",
        "name": "openclaw-verify policy",
        "version": version,
        "requirements": requirements,
    }] })
}

/// What is claimed of subjects, with the evidence, requirement by requirement.
#[derive(Default)]
struct Claims<'a> {
    claims: Vec<Value>,
    evidence: Vec<Value>,
    /// How far each requirement is met.
    maps: Vec<Value>,
    reviewers: Reviewers<'a>,
}

impl<'a> Claims<'a> {
    /// The requirement at place `at`, of all that was judged.
    fn requirement(&mut self, at: usize, group: &str, judged: &[(&String, &'a SubjectVerdict)]) {
        let (mut yes, mut no, mut open) = (Vec::new(), Vec::new(), 0_usize);
        for (reference, verdict) in judged {
            let Some((_, outcome)) = verdict.outcomes.all().get(at).copied() else {
                continue;
            };
            let (list, predicate) = match outcome {
                Outcome::Verified => (&mut yes, format!("{group} verified")),
                Outcome::Violated => (&mut no, format!("{group} violated")),
                Outcome::NotEstablished => {
                    open += 1;
                    continue;
                }
                Outcome::NotApplicable => continue,
            };
            let claim = format!("claim:{group}:{reference}");
            let mut written =
                json!({ "bom-ref": &claim, "target": reference, "predicate": predicate });
            if let (true, Some(tree)) = (group == "integrity", &verdict.tree) {
                let shown = format!("evidence:tree:{reference}");
                self.evidence
                    .push(json!({ "bom-ref": &shown, "propertyName": "openclaw:tree", "data": [{ "name": tree.to_string() }] }));
                written["evidence"] = json!([shown]);
            }
            if (group, outcome) == ("review", Outcome::Verified) && !verdict.reviewers.is_empty() {
                written["evidence"] = self.reviews(reference, verdict);
            }
            list.push(claim);
            self.claims.push(written);
        }
        self.conformance(group, &yes, &no, open);
    }

    /// The reviews behind the claim that is written next; gives the references to them.
    fn reviews(&mut self, reference: &str, verdict: &'a SubjectVerdict) -> Value {
        let claim = self.claims.len();
        let shown: Vec<Value> = verdict
            .reviewers
            .iter()
            .map(|reviewer| self.reviewers.evidence(reviewer, reference, claim))
            .collect();
        let references = shown.iter().filter_map(|one| one.get("bom-ref").cloned());
        let references = references.collect();
        self.evidence.extend(shown);
        references
    }

    fn conformance(&mut self, group: &str, yes: &[String], no: &[String], open: usize) {
        let asked = yes.len() + no.len() + open;
        if asked == 0 {
            return;
        }
        // Counts of subjects are far below the precision of a double.
        #[allow(clippy::cast_precision_loss)]
        let score = (yes.len() as f64 / asked as f64 * 1000.0).floor() / 1000.0;
        let rationale = format!(
            "{} of {asked} verified, {} violated, {open} not established",
            yes.len(),
            no.len()
        );
        let mut map = json!({ "requirement": format!("requirement:{group}"), "conformance": { "score": score, "rationale": rationale } });
        if !yes.is_empty() {
            map["claims"] = json!(yes);
        }
        if !no.is_empty() {
            map["counterClaims"] = json!(no);
        }
        self.maps.push(map);
    }
}

/// The people whose reviews are claimed, and which claims are theirs.
#[derive(Default)]
struct Reviewers<'a>(BTreeMap<&'a str, Vec<usize>>);

impl<'a> Reviewers<'a> {
    /// Evidence of a claim, which has this place in the list of claims.
    fn evidence(&mut self, reviewer: &'a str, reference: &str, claim: usize) -> Value {
        self.0.entry(reviewer).or_default().push(claim);
        json!({
            "bom-ref": format!("evidence:review:{}:{reference}", values::shown(reviewer)),
            "propertyName": "openclaw:review",
            "author": contact(reviewer),
        })
    }

    /// All of them as one body, so that each has a reference.
    fn assessor(&self) -> Option<Value> {
        let people: Vec<Value> = self
            .0
            .keys()
            .map(|reviewer| {
                let mut person = contact(reviewer);
                person["bom-ref"] = reference(reviewer).into();
                person
            })
            .collect();
        let body = json!({ "name": "reviewers", "contact": people });
        (!people.is_empty()).then(|| json!({ "bom-ref": "assessor:reviewers", "thirdParty": false, "organization": body }))
    }

    fn citations(&self) -> Vec<Value> {
        let tool = json!({
            "pointers": ["/definitions", "/declarations"],
            "attributedTo": "tool:openclaw-verify",
            "note": "established from the files on disk, the lock, the policy and the reviews",
        });
        let reviews = self.0.iter().map(|(reviewer, claims)| {
            json!({
                "pointers": claims.iter().map(|at| format!("/declarations/claims/{at}")).collect::<Vec<_>>(),
                "attributedTo": reference(reviewer),
                "note": "wrote the review behind this claim",
            })
        });
        std::iter::once(tool).chain(reviews).collect()
    }
}

fn reference(reviewer: &str) -> String {
    format!("reviewer:{}", values::shown(reviewer))
}

/// `Ada <ada@example.org>` as CycloneDX writes a person.
fn contact(reviewer: &str) -> Value {
    let person = Person::parse(reviewer).unwrap_or_default();
    match (person.name, person.email.as_deref().and_then(values::email)) {
        (Some(name), Some(email)) => json!({ "name": values::shown(&name), "email": email }),
        (None, Some(email)) => json!({ "email": email }),
        _ => json!({ "name": values::shown(reviewer) }),
    }
}
