//! An async service that answers install requests, one JSON object a line: `cargo run --example service -- POLICY-FOLDER < requests`.
//!
//! The library is synchronous and reads files, so a service gives each decision to a thread that may block. A request that takes too
//! long is cancelled, and whatever goes wrong is a block.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openclaw_verify_core::gate::{Gate, Reply};
use openclaw_verify_core::{Result, Verifier, jiff};
use tokio::io::{AsyncBufReadExt as _, BufReader};

const BUDGET: Duration = Duration::from_secs(5);

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let policy = std::env::args_os()
        .nth(1)
        .map(PathBuf::from)
        .ok_or("which folder holds policy, lock and reviews?")?;
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?
        .block_on(serve(policy))?;
    Ok(())
}

async fn serve(policy: PathBuf) -> std::io::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        println!("{}", answer(policy.clone(), line).await.to_json());
    }
    Ok(())
}

async fn answer(policy: PathBuf, request: String) -> Reply {
    let cancel = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancel);
    // The operator's files are read anew each time: a lock that was written a moment ago counts.
    let work = tokio::task::spawn_blocking(move || match gate(&policy, flag) {
        Ok(gate) => gate.answer(request.as_bytes()),
        Err(error) => Gate::refuse(&error),
    });
    match tokio::time::timeout(BUDGET, work).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(_)) => Reply::block("the decision failed; ask the operator"),
        Err(_) => {
            cancel.store(true, Ordering::Relaxed);
            Reply::block("the decision took too long; try again later")
        }
    }
}

fn gate(policy: &std::path::Path, cancel: Arc<AtomicBool>) -> Result<Gate> {
    let verifier = Verifier::builder(jiff::Timestamp::now())
        .folder(policy)
        .cancel(cancel)
        .build()?;
    Ok(Gate::new(verifier))
}
