//! `gate --attest`: a statement beside the reply. The reply does not wait for it longer than OpenClaw waits, and never depends on it.

use std::sync::mpsc;
use std::time::Instant;

use openclaw_verify_core::gate::{Answered, Gate};
use openclaw_verify_core::{Error, Result};

use super::Said;
use crate::cli::{Common, GateArgs, Verb};
use crate::outputs::Prepared;
use crate::verbs::{own_files, under_test};
use crate::{attest, errors, operator, output};

/// Takes away the statement of an earlier call, and looks at whether one can be written.
pub(super) fn ready(common: &Common, args: &GateArgs) -> Result<()> {
    let verb = Verb::Gate(args.clone());
    let read = own_files(common, &verb);
    attest::ready_beside_reply(common, &verb, &read, || {
        under_test(operator::installation(common).ok().as_ref(), common)
    })
}

/// The statement, ready to get its name. None is about a call that reached no verdict.
pub(super) fn prepared(
    common: &Common,
    gate: Option<&Gate>,
    answered: &Answered,
) -> Result<Vec<Prepared>> {
    let gate =
        gate.ok_or_else(|| Error::environment("no verdict was reached", "the reply says why"))?;
    attest::prepared(common, gate, answered)
}

/// Waits for the statement until `until`, and puts it in its place; otherwise says that there is none. Only the thread that replies gives
/// a statement its name, so there is never one about a reply that came too late.
pub(super) fn put(receiver: &mpsc::Receiver<Said>, until: Instant) {
    let why = loop {
        match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Said::Statement(Ok(files))) => match files.into_iter().try_for_each(Prepared::put) {
                Ok(()) => return,
                Err(error) => break errors::in_words(error),
            },
            Ok(Said::Statement(Err(error))) => break errors::in_words(error),
            Ok(Said::Reply(..)) => break "openclaw-verify failed in itself".to_owned(),
            Ok(Said::Asked(..) | Said::Kept(_)) => {}
            Err(_) => break "it was not ready when the reply was due".to_owned(),
        }
    };
    let why = why.replace("\nNext: ", "; ");
    output::stderr(&format!("note: no statement was written: {why}"));
}
