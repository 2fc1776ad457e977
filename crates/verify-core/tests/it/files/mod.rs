//! The operator's files: lock, policy, reviews.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod killed;
mod lock;
mod policy;
mod review;

use openclaw_verify_core::OperatorError;

/// One error as text: where, what is marked there, what is wrong, what is at the place, the way out.
pub(crate) fn shown(error: &OperatorError) -> String {
    let text = error.file.inner();
    let place = match error.span {
        None => "whole file".to_owned(),
        Some(span) => {
            let (start, end) = (span.offset(), span.offset() + span.len());
            let line = text[..start].matches('\n').count() + 1;
            let marked = text[start..end].lines().next().unwrap_or_default();
            format!("line {line} `{marked}`")
        }
    };
    format!("{place} ({}): {} -> {}", error.label, error.message, error.help.as_deref().unwrap_or("-"))
}
