//! `gate --setup`: the command that makes OpenClaw ask this gate, after the checks that OpenClaw makes before it runs it. `gate --remove`:
//! the one that undoes it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use openclaw_verify_core::{Error, Result, text};
use serde_json::json;

use crate::cli::{Common, Format, GateArgs, Instead};
use crate::operator::{self, LOCK};
use crate::{Exit, commands, output, render, signed};

use super::stable;

/// Takes over the changed config.
const LOCK_ANEW: &str = "openclaw-verify lock --accept config:openclaw";

pub(super) fn run(common: &Common, args: &GateArgs) -> Result<Exit> {
    refuse_copy(common, args)?;
    let config = folder(common)?;
    let program = std::env::current_exe()
        .map_err(|error| Error::io("find", "this program's own path", error))?;
    let program = program
        .canonicalize()
        .map_err(|error| Error::io("resolve", &program, error))?;
    refuse_unsafe(common, &program, &config)?;
    refuse_unsigned(common, args, &config)?;
    let arguments = arguments(common, args, &config)?;
    let deadline = args.deadline_ms.unwrap_or(super::DEADLINE_MS);
    let exec = json!({ "source": "exec", "command": plain(&program)?, "args": arguments,
        "timeoutMs": deadline + super::SPARE_MS });
    let value = json!({ "enabled": true, "exec": exec }).to_string();
    let command = [
        "config",
        "set",
        "security.installPolicy",
        &value,
        "--strict-json",
    ];
    if !args.apply {
        match common.format {
            Format::Human => {
                let command = format!(
                    "openclaw config set security.installPolicy {} --strict-json",
                    quoted(&value)
                );
                output::lines(&format!("{}\n", commands::carried(&command)))?;
            }
            _ => said(common, &command, false)?,
        }
        lock_anew(common);
        return Ok(Exit::Clean);
    }
    apply(common, &command)?;
    if common.format != Format::Human {
        said(common, &command, true)?;
        return Ok(Exit::Clean);
    }
    output::human(
        "OpenClaw now asks this gate before it installs or updates a plugin or skill. To see it: openclaw doctor --deep\n",
    )?;
    lock_anew(common);
    Ok(Exit::Clean)
}

/// Refuses a program or a folder that OpenClaw would refuse, or that another user could change.
fn refuse_unsafe(common: &Common, program: &Path, config: &Path) -> Result<()> {
    let mut to_fix = Vec::new();
    // OpenClaw refuses the program; what can change the operator's folder can change every decision.
    check(program, "the program", &mut to_fix)?;
    check(config, "the policy folder", &mut to_fix)?;
    let under_test = crate::verbs::real_under_test(common);
    let is_judged = |path: &Path| under_test.iter().any(|folder| path.starts_with(folder));
    if is_judged(config) {
        let shown = operator::absolute(config);
        to_fix.push(format!(
            "{shown} lies inside of what is under test (the state directory, a workspace, OpenClaw itself): move it elsewhere"
        ));
    } else {
        crate::verbs::refuse_inside_of_subjects(common, &[&config.join(LOCK)])?;
    }
    if is_judged(program) || is_passing(program) {
        let shown = operator::absolute(program);
        let where_to = "OpenClaw would look for it where it is now: install the program where it stays, such as by \
                        npm install --global openclaw-verify, and run its gate --setup";
        to_fix.push(match is_judged(program) {
            true => format!("{shown} lies inside of what the gate guards; {where_to}"),
            false => format!("{shown} lies in a cache, which is emptied at any time; {where_to}"),
        });
    }
    for note in notes(config) {
        output::stderr(&format!("note: {note}"));
    }
    if !to_fix.is_empty() {
        for line in &to_fix {
            output::stderr(&format!("to fix: {line}"));
        }
        return Err(Error::environment(
            "the gate was not set up: OpenClaw would refuse it, or another user could change what it decides",
            "fix the above, then run this again",
        ));
    }
    Ok(())
}

/// Whether a program is one that `npx`, `uvx` and their like fetch for one run.
fn is_passing(program: &Path) -> bool {
    const CACHES: [&str; 4] = ["_npx", ".cache", "Caches", "plugin-captures"];
    const FETCHED: [&str; 2] = ["bunx-", "dlx-"];
    program.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        CACHES.contains(&&*part) || FETCHED.iter().any(|start| part.starts_with(start))
    })
}

/// Refuses files that the gate would refuse at every install, where they have to be signed.
fn refuse_unsigned(common: &Common, args: &GateArgs, config: &Path) -> Result<()> {
    if signed::demand().is_none() {
        return Ok(());
    }
    let whole = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let common = Common {
        config: Some(config.to_owned()),
        signers: common.signers.clone().map(whole),
        ..common.clone()
    };
    super::gate(&common, args, Arc::default()).map(drop)
}

/// What OpenClaw gives the gate when it starts it.
fn arguments(common: &Common, args: &GateArgs, config: &Path) -> Result<Vec<String>> {
    let host = operator::host(common);
    let mut arguments = vec!["gate".to_owned(), "--config".to_owned(), plain(config)?];
    match &host {
        Some(host) => arguments.extend(["--openclaw".to_owned(), plain(&stable::path(host))?]),
        None => output::stderr(
            "note: no host package was found; name it with --openclaw DIR, so that links to it can be checked",
        ),
    }
    super::own_anchors(common)?;
    for (flag, file) in [
        ("--trusted-root", &common.anchors.trusted_root),
        ("--npm-keys", &common.anchors.npm_keys),
        ("--signers", &signed::named_signers(common)),
    ] {
        if let Some(file) = file {
            let real = file
                .canonicalize()
                .map_err(|error| Error::io("find", file, error))?;
            arguments.extend([flag.to_owned(), plain(&real)?]);
        }
    }
    if args.spool.is_some() {
        arguments.extend(["--spool".to_owned(), plain(&super::spool(common, args)?)?]);
    }
    arguments.extend(statement(common)?);
    if let Some(threads) = common.threads {
        arguments.extend(["--threads".to_owned(), threads.to_string()]);
    }
    let deadline = args.deadline_ms.unwrap_or(super::DEADLINE_MS);
    arguments.extend(["--deadline-ms".to_owned(), deadline.to_string()]);
    if let Some(instead) = args.no_warn {
        let word = if instead == Instead::Block {
            "block"
        } else {
            "allow"
        };
        arguments.extend(["--no-warn".to_owned(), word.to_owned()]);
    }
    Ok(arguments)
}

/// Where the gate writes its statements, and what signs them. OpenClaw starts it in a folder of its own.
fn statement(common: &Common) -> Result<Vec<String>> {
    let mut arguments = Vec::new();
    for (flag, file) in [
        ("--attest", &common.attest),
        ("--sign-key", &common.sign_key),
        ("--sign-ssh", &common.sign_ssh),
    ] {
        if let Some(file) = file {
            let file = std::path::absolute(file).map_err(|error| Error::io("find", file, error))?;
            arguments.extend([flag.to_owned(), plain(&file)?]);
        }
    }
    Ok(arguments)
}

/// Takes the gate out of OpenClaw's config again.
pub(super) fn remove(common: &Common, args: &GateArgs) -> Result<Exit> {
    refuse_copy(common, args)?;
    let command = ["config", "unset", "security.installPolicy"];
    if args.apply && !unset(common, &command)? {
        output::stderr("OpenClaw's config names no gate, so there is nothing to take out");
        if common.format != Format::Human {
            said(common, &command, false)?;
        }
        return Ok(Exit::Clean);
    }
    if common.format != Format::Human {
        said(common, &command, args.apply)?;
        return Ok(Exit::Clean);
    }
    if !args.apply {
        output::lines(&format!(
            "{}\n",
            commands::carried(&format!("openclaw {}", command.join(" ")))
        ))?;
        lock_anew(common);
        return Ok(Exit::Clean);
    }
    output::human("OpenClaw no longer asks before it installs or updates a plugin or skill.\n")?;
    lock_anew(common);
    // What was refused may still have to be read, so it is not removed with the gate.
    if let Some(kept) = folder(common)
        .ok()
        .and_then(|config| {
            super::spool(
                &Common {
                    config: Some(config),
                    ..common.clone()
                },
                args,
            )
            .ok()
        })
        .filter(|kept| kept.is_dir())
    {
        output::human(&format!(
            "What the gate kept is still in {}\n",
            operator::absolute(&kept)
        ))?;
    }
    Ok(Exit::Clean)
}

/// A copy is not what asks the gate: OpenClaw's command would change the copy, and the words would speak of the original.
fn refuse_copy(common: &Common, args: &GateArgs) -> Result<()> {
    match &common.relocated_from {
        Some(old) if args.apply => Err(Error::environment(
            format!(
                "the state directory is a copy of {}, and a gate in a copy is asked by no one",
                old.display()
            ),
            "run it where OpenClaw is, without --relocated-from",
        )),
        _ => Ok(()),
    }
}

/// What OpenClaw starts for the gate is in the definition of its config, so the lock has to take the change over.
fn lock_anew(common: &Common) {
    if common.format == Format::Human {
        output::stderr(&format!(
            "note: this changes a command of OpenClaw's config, which the lock pins; after it: {}",
            commands::carried(LOCK_ANEW)
        ));
    }
}

/// Has OpenClaw take the key out; whether it was there. One start of OpenClaw says both.
fn unset(common: &Common, arguments: &[&str]) -> Result<bool> {
    let said = commands::openclaw(common, arguments)
        .output()
        .map_err(no_openclaw)?;
    let errors = String::from_utf8_lossy(&said.stderr);
    if !said.status.success() && errors.contains("Config path not found") {
        return Ok(false);
    }
    for line in String::from_utf8_lossy(&said.stdout)
        .lines()
        .chain(errors.lines())
    {
        output::stderr(&text::visible(line));
    }
    // OpenClaw takes out nothing that is more than half of its config; switched off, it asks as little. [S `io.snapshot`]
    if !said.status.success() && errors.contains("size-drop") {
        output::stderr("it is most of this config, so it is switched off in place of taken out");
        let off = ["config", "set", "security.installPolicy.enabled", "false"];
        return apply(common, &off).map(|()| true);
    }
    ended(arguments, said.status).map(|()| true)
}

/// Runs OpenClaw's own command. `config` loads no plugin, so nothing under test runs.
fn apply(common: &Common, arguments: &[&str]) -> Result<()> {
    let status = commands::openclaw(common, arguments)
        .status()
        .map_err(no_openclaw)?;
    ended(arguments, status)
}

fn no_openclaw(error: std::io::Error) -> Error {
    Error::Environment {
        what: "openclaw could not be run".to_owned(),
        source: Some(error),
        help: Some("put it on PATH, or run the command that is printed without --apply".to_owned()),
        needs: None,
    }
}

fn ended(arguments: &[&str], status: ExitStatus) -> Result<()> {
    match status.success() {
        true => Ok(()),
        false => Err(Error::environment(
            format!(
                "openclaw {} ended with {status}",
                arguments.first().unwrap_or(&"")
            ),
            "what OpenClaw said stands above; mend that, then run this again",
        )),
    }
}

/// The document `openclaw-verify.setup/1`.
fn said(common: &Common, arguments: &[&str], applied: bool) -> Result<()> {
    let command = commands::openclaw_words(common, arguments);
    let value = json!({ "schema": "openclaw-verify.setup/1", "command": command, "applied": applied,
        "then": commands::carried(LOCK_ANEW) });
    output::document(&render::json(&value)?, common.format)
}

/// The operator's folder: as named, or where every other verb looks for it. The gate itself is always given it.
pub(super) fn folder(common: &Common) -> Result<PathBuf> {
    if common.config.is_some() {
        return super::config(common);
    }
    let under_test = crate::verbs::under_test(operator::installation(common).ok().as_ref(), common);
    let lock = operator::files(common, &under_test)?.lock;
    let folder = lock
        .parent()
        .filter(|folder| folder.is_dir())
        .ok_or_else(|| {
            let what = format!(
                "there is no folder for policy, lock and reviews at {}",
                operator::absolute(lock.parent().unwrap_or(&lock))
            );
            Error::environment(
                what,
                "start with openclaw-verify lock --init, or name a folder with --config DIR",
            )
        })?;
    super::config(&Common {
        config: Some(folder.to_owned()),
        ..common.clone()
    })
}

/// What OpenClaw checks of the program: only its owner and root can write to it or to any folder above it.
pub(in crate::verbs) fn check(path: &Path, what: &str, to_mend: &mut Vec<String>) -> Result<()> {
    let own = rustix::process::geteuid().as_raw();
    for (at, place) in path.ancestors().enumerate() {
        let found =
            std::fs::symlink_metadata(place).map_err(|error| Error::io("look at", place, error))?;
        let shown = operator::absolute(place);
        let word = place.to_string_lossy();
        let word = text::shell_word(&word);
        let sticky = found.is_dir() && at > 0 && found.mode() & 0o1000 != 0;
        let role = match at {
            0 => what.to_owned(),
            _ => format!("above {what}"),
        };
        if found.mode() & 0o022 != 0 && !sticky {
            to_mend.push(format!(
                "{shown} ({role}) can be written by others: chmod go-w {word}"
            ));
        }
        if found.uid() != 0 && found.uid() != own {
            to_mend.push(format!(
                "{shown} ({role}) belongs to neither you nor root: chown it, or use another place"
            ));
        }
    }
    Ok(())
}

/// What is no obstacle and should be known.
fn notes(config: &Path) -> Vec<String> {
    let mut notes = Vec::new();
    if !config.join(LOCK).exists() {
        notes.push(format!(
            "there is no {LOCK} in {}, so every install that policy requires pinned is blocked; start with: openclaw-verify lock --init --config {}",
            operator::absolute(config),
            text::shell_word(&config.to_string_lossy())
        ));
    }
    notes
}

/// A path for a JSON text.
fn plain(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| {
        Error::environment(
            format!("{} is not UTF-8, and OpenClaw's config is", path.display()),
            "use another place",
        )
    })?;
    Ok(text.to_owned())
}

/// One word for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
