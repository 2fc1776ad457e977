//! Which rule decides about a subject, and what it asks.

use super::Criteria;
use super::rule_set::RuleSet;
use super::{BaseRule, BuildIdentity, Dependencies, Need, PinRequirement, RequirementOrigin};
use crate::subject::{Kind, Source, SubjectId};

/// What is asked of one subject.
///
/// Anything can call itself `@openclaw/zalo`. So where a rule with a name pattern asks for less than the preset, pin and review depend
/// on whether the subject's origin is proven, and the caller has to say so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requirements<'p> {
    /// The rule that decided.
    pub from: RequirementOrigin,
    /// Whether the origin has to be proven.
    pub provenance: Need,
    /// Whose build an attestation must be; none for anyone's.
    pub identity: Option<&'p BuildIdentity>,
    /// What the dependencies have to be.
    pub dependencies: Dependencies,
    asked: Asked,
    /// What counts without proof of origin.
    fallback: Asked,
    fallback_from: RequirementOrigin,
}

/// What may be relaxed by name only with proof of origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    pin: PinRequirement,
    review: Option<Criteria>,
}

/// Whether the subject is proven to come from whom its name says: verified provenance, registry signature or tag signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginProof {
    /// One of the three was verified in this run.
    Verified,
    /// None was.
    Missing,
}

impl Requirements<'_> {
    /// How it has to be pinned.
    #[must_use]
    pub fn pin(&self, proof: OriginProof) -> PinRequirement {
        self.asked(proof).pin
    }

    /// What a review has to say; none when none is asked for.
    #[must_use]
    pub fn review(&self, proof: OriginProof) -> Option<Criteria> {
        self.asked(proof).review
    }

    /// Whether proof of origin makes a difference: the rule asks for less than the preset.
    #[must_use]
    pub fn needs_proof(&self) -> bool {
        self.asked != self.fallback
    }

    /// The rule that decided about pin and review.
    #[must_use]
    pub fn asked_by(&self, proof: OriginProof) -> RequirementOrigin {
        if proof == OriginProof::Missing && self.needs_proof() {
            self.fallback_from
        } else {
            self.from
        }
    }

    fn asked(&self, proof: OriginProof) -> Asked {
        match proof {
            OriginProof::Verified => self.asked,
            OriginProof::Missing => self.fallback,
        }
    }
}

/// The most specific rule of the operator, whole, over the preset's rule for the kind. Keys that the rule leaves out are the preset's,
/// not those of a less specific rule.
pub(super) fn resolve<'p>(
    rules: &'p RuleSet,
    base: &'p [BaseRule],
    id: &SubjectId,
    kind: Kind,
    source: Source,
) -> Requirements<'p> {
    let preset = base
        .iter()
        .filter(|r| r.kind == kind && (r.sources.is_empty() || r.sources.contains(&source)));
    // Presets name every kind; a kind that some day is forgotten gets the hardest treatment instead of none.
    let preset = preset.max_by_key(|r| !r.sources.is_empty());
    let from = preset.map_or(RequirementOrigin::Policy { line: 0 }, |r| r.origin);
    let least = Asked {
        pin: preset.map_or(PinRequirement::Digest, |r| r.pin),
        review: preset.map_or(Some(Criteria::SafeToRun), |r| r.review),
    };
    let provenance = preset.map_or(Need::Required, |r| r.provenance);
    let dependencies = preset.map_or(Dependencies::Reviewed, |r| r.dependencies);

    let Some(rule) = rules.most_specific(id) else {
        return Requirements {
            from,
            provenance,
            identity: None,
            dependencies,
            asked: least,
            fallback: least,
            fallback_from: from,
        };
    };
    // Who says whose build it must be wants one to be there.
    let provenance = if rule.identity.is_some() {
        Need::Required
    } else {
        provenance
    };
    let asked = Asked {
        pin: rule.pin.unwrap_or(least.pin),
        review: rule.review.unwrap_or(least.review),
    };
    Requirements {
        from: RequirementOrigin::Policy { line: rule.line },
        provenance: rule.provenance.unwrap_or(provenance),
        identity: rule.identity.as_ref(),
        dependencies: rule.dependencies.unwrap_or(dependencies),
        asked,
        fallback: Asked {
            pin: asked.pin.max(least.pin),
            review: asked.review.max(least.review),
        },
        fallback_from: from,
    }
}
