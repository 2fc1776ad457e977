//! What tests about provenance are asked with, and how they name an answer.

use jiff::Timestamp;
use openclaw_verify_core::fact::{Fact, Fault};
use openclaw_verify_core::policy::Pattern;

pub(crate) fn pattern(text: &str) -> Pattern {
    Pattern::new(text).expect("a pattern")
}

pub(crate) fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().expect("time")
}

pub(crate) fn code<T: std::fmt::Debug>(fact: &Fact<T>) -> &'static str {
    match fact {
        Fact::Verified(_) => "verified",
        Fact::Violated { code, .. } => code.map_or("", Fault::as_str),
        Fact::NotEstablished { code, .. } => code.as_str(),
        Fact::NotApplicable => "not-applicable",
    }
}
