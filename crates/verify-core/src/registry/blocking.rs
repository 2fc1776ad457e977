//! For programs without an async runtime, and for blocking code inside those that have one.

use std::future::Future;

use super::client::Client;
use super::fetch::Fetched;
use super::plan::FetchPlan;
use crate::{Error, Result};

/// Carries out `plan` and waits for it. Starts a runtime in a thread of its own, so that it works on any thread, also on one that
/// belongs to an async runtime (which it blocks: async programs should await [`Client::fetch`]).
pub fn fetch_blocking(plan: &FetchPlan, client: &Client) -> Result<Fetched> {
    block_on(client.fetch(plan))
}

/// Waits for any future of this module, such as the refresh of a trust root.
pub fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> Result<T> {
    let failed = |what: String| {
        Error::environment(
            what,
            "try again; if it stays, this is a defect of this program",
        )
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("openclaw-verify-online".to_owned())
            .spawn_scoped(scope, || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                Ok(runtime.block_on(future))
            })
            .map_err(|e| failed(format!("cannot start a thread: {e}")))?;
        match thread.join() {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(e)) => Err(failed(format!(
                "cannot start the network runtime: {}",
                std::io::Error::to_string(&e)
            ))),
            Err(_) => Err(failed("the network thread stopped unexpectedly".to_owned())),
        }
    })
}
