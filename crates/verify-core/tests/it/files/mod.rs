//! The operator's files: lock, policy, reviews.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod killed;
mod lock;
mod policy;
mod review;

use std::path::Path;

use openclaw_verify_core::OperatorError;
use openclaw_verify_core::lock::Lock;
use openclaw_verify_core::policy::{Policy, Preset};
use openclaw_verify_core::review::Reviews;
use proptest::prelude::*;

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
    format!(
        "{place} ({}): {} -> {}",
        error.label,
        error.message,
        error.help.as_deref().unwrap_or("-")
    )
}

/// Reads `text` as all three; what is refused is refused at a place that exists.
fn read_as_all(text: &str) {
    let path = Path::new("file.toml");
    let results = [
        Lock::parse(path, text)
            .map(|lock| drop(Lock::parse(path, &lock.write()).expect("a written lock is read"))),
        Policy::parse(path, text, &policy::CATALOGUE, policy::TODAY).map(drop),
        Reviews::parse(path, text).map(drop),
    ];
    for error in results.into_iter().filter_map(Result::err) {
        let text = shown(&error);
        assert!(error.help.is_some() && !text.contains('\u{1b}'), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_files_are_read_or_refused_but_never_break_the_reader(
        which in 0_usize..3,
        cut in any::<prop::sample::Index>(),
        length in 0_usize..40,
        insert in prop_oneof![
            Just(String::new()),
            Just("\u{1b}[2J".to_owned()),
            Just("\u{202e}".to_owned()),
            Just("[[".to_owned()),
            Just("\"\"\"".to_owned()),
            Just("\n=======\n".to_owned()),
            Just("99999999999999999999".to_owned()),
            "[\\PC]{0,8}",
        ],
    ) {
        let text = [lock::example(), review::example(), Preset::Strict.text().to_owned()][which].clone();
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let start = *cut.get(&places);
        let end = places.iter().copied().find(|at| *at >= start + length).unwrap_or(text.len());
        read_as_all(&format!("{}{insert}{}", &text[..start], &text[end..]));
    }
}
