//! Why a bundle is refused, and how that becomes a fact.

use crate::fact::{Fact, Fault, NotEstablished};

/// Why a bundle was not accepted; becomes the [`Fact`] of the caller.
#[derive(Clone, Debug)]
pub(super) enum RefusedBundle {
    /// It is wrong.
    Wrong(Fault, String),
    /// It is of a kind that this tool does not judge.
    Unsupported(String),
    /// Nothing is wrong with it, and something is missing to accept it.
    Open(NotEstablished, String),
}

impl RefusedBundle {
    pub(super) fn wrong(fault: Fault, why: impl Into<String>) -> Self {
        Self::Wrong(fault, why.into())
    }

    pub(super) fn into_fact<T>(self) -> Fact<T> {
        match self {
            Self::Wrong(fault, why) => Fact::violated(fault, why),
            Self::Unsupported(why) => Fact::not_established(NotEstablished::UnsupportedSchema, why),
            Self::Open(code, why) => Fact::not_established(code, why),
        }
    }
}

/// A result that becomes a fact.
pub(super) fn fact<T>(result: Result<T, RefusedBundle>) -> Fact<T> {
    match result {
        Ok(value) => Fact::Verified(value),
        Err(refused) => refused.into_fact(),
    }
}
