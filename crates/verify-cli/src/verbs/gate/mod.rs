//! `gate`: OpenClaw's install policy. One request on standard input, one reply on standard output, exit code 0 whenever there is one.
//!
//! OpenClaw starts this with an empty environment, and takes anything but a well-formed reply within its `timeoutMs` for a failure. So
//! the work is done by a thread of its own: when that is late or panics, this one still has a reply.

mod selftest;
pub(super) mod setup;
mod stable;
mod statement;

use std::ffi::OsString;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use openclaw_verify_core::gate::{Answered, Gate, MAX_REQUEST, NoWarn, Reply, Spool, Undecided};
use openclaw_verify_core::provenance::{Anchors, Instance};
use openclaw_verify_core::{Error, Result, Verifier, text};

use crate::anchors::anchors;
use crate::cli::{Common, Format, GateArgs, Instead};
use crate::operator::{self, LOCK, POLICY, REVIEWS};
use crate::outputs::Prepared;
use crate::{Exit, output, process, signed, wording};

/// The spool, in the operator's folder.
pub(super) const SPOOL: &str = ".openclaw-verify";

/// Milliseconds that a reply may take: OpenClaw waits ten seconds by default.
const DEADLINE_MS: u64 = 9000;
/// Milliseconds between a reply at the deadline and the end of OpenClaw's patience.
const SPARE_MS: u64 = 1000;

/// What the threads say to the one that replies.
enum Said {
    /// What is asked, and who answers it.
    Asked(Arc<Gate>, Arc<Vec<u8>>),
    /// The verdict, and whether a statement about it follows.
    Reply(Reply, More),
    /// The statement about it.
    Statement(Result<Vec<Prepared>>),
    /// What was kept in case that there is none in time.
    Kept(Undecided),
}

/// What follows a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum More {
    Nothing,
    Statement,
}

pub(super) fn run(common: &Common, args: &GateArgs) -> Result<Exit> {
    if args.setup {
        return setup::run(common, args);
    }
    if args.remove {
        return setup::remove(common, args);
    }
    if args.apply {
        return Err(Error::environment(
            "--apply runs the command that --setup or --remove prints, and neither was given",
            "openclaw-verify gate --setup --apply",
        ));
    }
    if args.selftest {
        return selftest::run(common, args);
    }
    let started = Instant::now();
    let deadline = Duration::from_millis(args.deadline_ms.unwrap_or(DEADLINE_MS));
    let cancel = process::cancelled();
    let (sender, receiver) = mpsc::channel();
    let keeper = sender.clone();
    let (common, args, flag) = (common.clone(), args.clone(), Arc::clone(&cancel));
    let work = std::thread::Builder::new()
        .stack_size(8 << 20)
        .spawn(move || {
            let failed = SaysSoWhenDropped(sender);
            work(&common, &args, flag, &failed.0);
        });
    if let Err(error) = work {
        return say(&Reply::block(&format!(
            "openclaw-verify could not start its work: {error}"
        )));
    }
    let (mut asked, mut kept) = (None, None);
    // What is staged is gone after the reply, so it is kept while there is still time.
    let mut keep_at = Some(started + deadline * 3 / 4);
    loop {
        let until = keep_at.unwrap_or(started + deadline);
        match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Said::Asked(gate, bytes)) => asked = Some((gate, bytes)),
            Ok(Said::Kept(undecided)) => kept = Some(undecided),
            Ok(Said::Reply(reply, more)) => {
                if let Some(Undecided { kept, .. }) = kept {
                    let _ = std::fs::remove_dir_all(kept);
                }
                if more == More::Statement {
                    statement::put(&receiver, started + deadline);
                }
                return say(&reply);
            }
            Err(_) if keep_at.take().is_some() => {
                if let Some((gate, bytes)) = asked.take() {
                    keep(keeper.clone(), gate, bytes);
                }
            }
            // One that was begun is of no use without a reply.
            Ok(Said::Statement(_)) => {}
            Err(_) => {
                cancel.store(true, Ordering::Relaxed);
                return say(&Gate::late(&wording::late(deadline, kept.as_ref())));
            }
        }
    }
}

/// Keeps what is staged. Without a thread nothing is kept, and the reply is the same.
fn keep(sender: mpsc::Sender<Said>, gate: Arc<Gate>, bytes: Arc<Vec<u8>>) {
    let _ = std::thread::Builder::new().spawn(move || {
        if let Some(undecided) = gate.keep_undecided(&bytes) {
            let _ = sender.send(Said::Kept(undecided));
        }
    });
}

/// Answers, and then makes the statement where one is asked for: whatever goes wrong with it, the reply is the same.
fn work(common: &Common, args: &GateArgs, cancel: Arc<AtomicBool>, sender: &mpsc::Sender<Said>) {
    // The reader may be gone.
    let tell = |said| drop(sender.send(said));
    if common.attest.is_none() && common.sign_key.is_none() && common.sign_ssh.is_none() {
        let (answered, _) = answer(common, args, cancel, sender);
        return tell(Said::Reply(answered.reply, More::Nothing));
    }
    let ready = statement::ready(common, args);
    let (answered, gate) = answer(common, args, cancel, sender);
    tell(Said::Reply(answered.reply.clone(), More::Statement));
    let prepared = ready.and_then(|()| statement::prepared(common, gate.as_deref(), &answered));
    tell(Said::Statement(prepared));
}

/// A thread that panics still says something; after a reply the caller does not read.
struct SaysSoWhenDropped(mpsc::Sender<Said>);

impl Drop for SaysSoWhenDropped {
    fn drop(&mut self) {
        let reply = Reply::block("openclaw-verify failed in itself; please report this");
        let _ = self.0.send(Said::Reply(reply, More::Nothing));
    }
}

/// Whether OpenClaw waits for a reply, whatever else is in the command line.
pub(super) fn must_reply(arguments: impl Iterator<Item = OsString>) -> bool {
    let words: Vec<OsString> = arguments.skip(1).collect();
    let holds = |word: &str| words.iter().any(|given| given == word);
    let asks = ["--setup", "--remove", "--apply", "--selftest"];
    holds("gate") && !asks.iter().any(|word| holds(word))
}

/// OpenClaw shows the reason of a reply, and of a usage error only its exit code.
pub(super) fn misunderstood(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let reply = Reply::block(&format!(
        "the arguments of openclaw-verify are wrong, run its gate --setup again: {}",
        text::excerpt(first, 300)
    ));
    match say(&reply) {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(Exit::Failed as u8),
    }
}

/// The reply where not even the call is one that could be answered.
pub(super) fn refuse(error: &Error) -> Result<Exit> {
    say(&Gate::refuse(error))
}

fn say(reply: &Reply) -> Result<Exit> {
    output::document(&format!("{}\n", reply.to_json()), Format::Json)?;
    Ok(Exit::Clean)
}

fn answer(
    common: &Common,
    args: &GateArgs,
    cancel: Arc<AtomicBool>,
    sender: &mpsc::Sender<Said>,
) -> (Answered, Option<Arc<Gate>>) {
    let mut bytes = Vec::new();
    // One byte more than is accepted, so that what is too long is noticed. Nothing is under way that a signal would have to wait for.
    let read = process::while_asking(|| {
        std::io::stdin()
            .lock()
            .take(MAX_REQUEST as u64 + 1)
            .read_to_end(&mut bytes)
    });
    if let Err(error) = read {
        let reply = Reply::block(&format!("the request could not be read: {error}"));
        return (Answered::without_report(reply), None);
    }
    let gate = whole_paths(common, args)
        .and_then(|()| gate(common, args, cancel))
        .and_then(|gate| Ok(gate.spool(Spool::new(spool(common, args)?))));
    match gate {
        Ok(gate) => {
            let (gate, bytes) = (Arc::new(gate), Arc::new(bytes));
            let _ = sender.send(Said::Asked(Arc::clone(&gate), Arc::clone(&bytes)));
            (gate.answer_with_report(&bytes), Some(gate))
        }
        Err(error) => (Answered::without_report(Gate::refuse(&error)), None),
    }
}

/// The gate as the arguments say. Nothing is taken from the environment or the working folder, which are OpenClaw's.
pub(super) fn gate(common: &Common, args: &GateArgs, cancel: Arc<AtomicBool>) -> Result<Gate> {
    let folder = config(common)?;
    let file = |name: &str| (folder.join(name), name.to_owned());
    let ((policy, policy_name), (lock, lock_name), (reviews, reviews_name)) =
        (file(POLICY), file(LOCK), file(REVIEWS));
    let mut builder = Verifier::builder(operator::now(common))
        .anchors(own_anchors(common)?)
        .policy(policy, policy_name)
        .lock(lock, lock_name)
        .reviews(reviews, reviews_name)
        .threads(common.threads.map_or(0, usize::from))
        .manifests(spool(common, args)?.join("manifests"))
        .imports(config(common)?.join(SPOOL).join("imports"))
        .cancel(cancel);
    if let Some(demand) = signed::demand() {
        builder = builder.demand(demand.clone());
    }
    #[cfg(feature = "online")]
    {
        builder = builder.downloads(downloads(&spool(common, args)?));
    }
    if let Some(host) = common
        .openclaw
        .as_ref()
        .filter(|host| !host.as_os_str().is_empty())
    {
        if !host.exists() {
            return Err(Error::environment(
                format!(
                    "the host package {} is gone: OpenClaw was installed anew, in another folder",
                    operator::absolute(host)
                ),
                format!(
                    "openclaw-verify gate --setup --apply --config {}",
                    text::shell_word(&operator::absolute(&folder))
                ),
            ));
        }
        builder = builder.host(host);
    }
    let mut gate = Gate::new(builder.build()?).wording(wording::refusal);
    if let Some(instead) = args.no_warn {
        gate = gate.no_warn(match instead {
            Instead::Block => NoWarn::Block,
            Instead::Allow => NoWarn::Allow,
        });
    }
    Ok(gate)
}

/// What signatures are judged by. A cache would be found by the environment, which is OpenClaw's.
pub(super) fn own_anchors(common: &Common) -> Result<Anchors> {
    #[cfg(feature = "online")]
    if common.anchors.tuf {
        return Err(Error::environment(
            "the gate has no cache of its own, and opens no socket, so --tuf means nothing to it",
            "give it the trust root as a file: --trusted-root FILE",
        ));
    }
    anchors(common, Instance::PublicGood, false)
}

/// A relative path would be one of OpenClaw's working folder, which is that of whatever OpenClaw works on.
fn whole_paths(common: &Common, args: &GateArgs) -> Result<()> {
    let given = [
        ("--config", &common.config),
        ("--spool", &args.spool),
        ("--signers", &common.signers),
        ("--openclaw", &common.openclaw),
        ("--trusted-root", &common.anchors.trusted_root),
        ("--npm-keys", &common.anchors.npm_keys),
    ];
    let relative = given.into_iter().find_map(|(option, path)| {
        let path = path.as_deref().filter(|path| path.is_relative())?;
        Some((option, path)).filter(|(_, path)| !path.as_os_str().is_empty())
    });
    let Some((option, path)) = relative else {
        return Ok(());
    };
    Err(Error::environment(
        format!(
            "{option} must be an absolute path, and {} is none",
            text::excerpt(&path.to_string_lossy(), 200)
        ),
        "openclaw-verify gate --setup --config DIR writes the whole paths into OpenClaw's config",
    ))
}

/// What was fetched about what the gate kept. All of it is verified again when it is read, by digest or by signature.
#[cfg(feature = "online")]
pub(super) fn downloads(spool: &std::path::Path) -> openclaw_verify_core::registry::Cache {
    openclaw_verify_core::registry::Cache::new(spool.join("registry"))
}

/// The operator's folder, which has to be named: the working folder and the home are not the operator's here.
pub(super) fn config(common: &Common) -> Result<PathBuf> {
    let folder = common
        .config
        .as_ref()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.ok_or_else(|| {
        Error::environment(
            "the gate needs --config DIR",
            "openclaw-verify gate --setup --config DIR",
        )
    })?;
    match folder.canonicalize() {
        Ok(real) if real.is_dir() => Ok(real),
        Ok(_) => Err(Error::environment(
            format!("--config {} is no folder", folder.display()),
            "name the folder that holds openclaw-verify.lock",
        )),
        Err(error) => Err(Error::io("find the folder", folder, error)),
    }
}

/// Where the gate remembers what it needs between calls, and keeps what it refused. Nothing in it is ever evidence.
pub(super) fn spool(common: &Common, args: &GateArgs) -> Result<PathBuf> {
    match args
        .spool
        .as_ref()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        Some(folder) => {
            std::path::absolute(folder).map_err(|error| Error::io("find the folder", folder, error))
        }
        None => Ok(config(common)?.join(SPOOL)),
    }
}
