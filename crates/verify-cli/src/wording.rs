//! How this command words what the library gives as data: what clears a finding, what a call lacks, why the gate refuses.

use std::time::Duration;

use openclaw_verify_core::finding::{About, Finding, Input, Level, Remedy, Unload};
use openclaw_verify_core::gate::{Decision, Undecided, WayOut};
use openclaw_verify_core::report::Report;
use openclaw_verify_core::rules::Stage;
use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::text::shell_word;
use openclaw_verify_core::{Backlog, Error, Unmerged, rules};
use serde_json::Value;

use crate::{commands, operator};

/// The report with this command's words for what to do next. For people, commands carry the places of this call; for machines they do
/// not, so that equal installations give equal bytes.
pub(crate) fn report(report: &Report, for_people: bool) -> Report {
    let mut report = report.clone();
    let installed = report.stage == Stage::Installed;
    let carried = |command: String| match for_people {
        true => commands::carried(&command),
        false => command,
    };
    for finding in &mut report.findings {
        let here = installed || report.stage == Stage::Host;
        let excepted = excepted(finding).filter(|_| here && finding.suppressed.is_none());
        let (command, instead) = match (command(&finding.remedy), excepted) {
            (Some(command), _) => (Some(command), false),
            (None, except) => (except, true),
        };
        if report.stage == Stage::LockOnly && needs_installation(&finding.remedy) {
            finding.help = format!(
                "where OpenClaw is installed: {}",
                lower(finding.help.trim_end_matches('.'))
            );
        }
        if instead && command.is_some() && !finding.help.is_empty() {
            finding.help = format!(
                "{}; or except it until a day",
                finding.help.trim_end_matches('.')
            );
        }
        if let Some(except) = own_choice(finding).filter(|_| installed) {
            finding.help = format!(
                "if you set it, except it for a time: {}; {}",
                carried(except),
                finding.help
            );
        }
        if let Some(declare) = declared_by(finding).filter(|_| installed) {
            finding.help = format!(
                "if the skill itself writes them, declare them: {}; {}",
                carried(declare),
                finding.help
            );
        }
        if let Some(restore) = restored_by(finding).filter(|_| installed) {
            finding.help = format!(
                "if it was not you, keep a copy and install what was locked again: {}; {}",
                carried(restore),
                finding.help
            );
        }
        if let Some(see) = seen_by(finding).filter(|_| installed) {
            finding.help = format!("see what changed: {}; {}", carried(see), finding.help);
        }
        finding.help = worded(finding, command.map(carried));
    }
    report
}

/// Whether what clears a finding has to be done where the files are.
fn needs_installation(remedy: &Remedy) -> bool {
    matches!(
        remedy,
        Remedy::Lock { .. } | Remedy::Review { .. } | Remedy::Reinstall { .. }
    )
}

/// A sentence in the middle of another.
fn lower(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

/// What shows the change that a finding asks to accept: that is wanted before accepting it. Of what has no files of its own the finding
/// itself says all.
fn seen_by(finding: &Finding) -> Option<String> {
    let Remedy::Lock {
        subject: Some(id),
        accept: true,
        ..
    } = &finding.remedy
    else {
        return None;
    };
    let part = match rules::differing_files(finding.id)? {
        About::Dependencies => " --dependencies",
        _ => "",
    };
    let from_files = !matches!(id.scheme(), "config" | "service" | "cron" | "agent" | "mcp");
    from_files.then(|| {
        format!(
            "openclaw-verify review {} --diff lock{part}",
            shell_word(id.as_str())
        )
    })
}

/// What keeps what is there for a later look, and installs what was locked in its place.
fn restored_by(finding: &Finding) -> Option<String> {
    let restore = finding.restore.as_ref()?;
    let again = Remedy::Reinstall {
        subject: None,
        spec: Some(restore.spec.clone()),
    };
    Some(format!(
        "mkdir -p ~/set-aside && cp -a -- {} \"$(mktemp -d ~/set-aside/XXXXXX)\" && {}",
        commands::in_state(&restore.folder),
        command(&again)?
    ))
}

/// What declares changed files as state that the skill itself writes.
fn declared_by(finding: &Finding) -> Option<String> {
    let subject = finding.subject.as_ref()?;
    let paths = finding.mutable.iter();
    let paths: Vec<String> = paths
        .map(|path| shell_word(&format!("paths={path}")).into_owned())
        .collect();
    let package = format!("package={subject}");
    (!paths.is_empty()).then(|| {
        format!(
            "openclaw-verify policy add mutable {} {}",
            shell_word(&package),
            paths.join(" ")
        )
    })
}

/// Where nothing else can be run and the finding can be excepted: the command that puts up with it for a time, bound to what is there.
fn excepted(finding: &Finding) -> Option<String> {
    (finding.level == Level::Deny).then(|| except(finding))?
}

/// The same of a variable that only warns: it may well be the user's own.
fn own_choice(finding: &Finding) -> Option<String> {
    let variable = matches!(
        finding.remedy,
        Remedy::UnsetVariable { .. } | Remedy::Unset { .. }
    );
    (variable && finding.level == Level::Warn).then(|| except(finding))?
}

pub(crate) fn except(finding: &Finding) -> Option<String> {
    let fixed = rules::rule(finding.id).is_none_or(|rule| rule.fixed);
    let subject = finding.subject.as_ref().filter(|_| !fixed)?;
    // Of the machine an exception is bound to the values that were found.
    if *subject == SubjectId::machine() {
        return finding.definition.map(|definition| {
            format!(
                "openclaw-verify policy add exception package={subject} definition={definition} allow={} until=DAY reason=TEXT",
                finding.id
            )
        });
    }
    Some(format!(
        "openclaw-verify policy except {} {} --until DAY --reason TEXT",
        shell_word(subject.as_str()),
        finding.id
    ))
}

/// The backlog as JSON, each item with the command that shows it.
pub(crate) fn backlog(backlog: &Backlog) -> Value {
    let mut value = serde_json::to_value(backlog).unwrap_or_default();
    let items = value.get_mut("items").and_then(Value::as_array_mut);
    for (value, item) in items.into_iter().flatten().zip(&backlog.items) {
        value["command"] = command(&item.remedy).into();
    }
    value
}

/// The one command that clears all of these, where there is one.
pub(crate) fn of_all(findings: &[&Finding], report: &Report) -> Option<String> {
    let plain = |finding: &&Finding| {
        matches!(
            finding.remedy,
            Remedy::Lock {
                accept: false,
                update: false,
                online: false,
                ..
            }
        )
    };
    // Changed settings and instructions are taken over only where the subject is named.
    let named = |finding: &&Finding| rules::is_locked_by_name(finding.id);
    if findings.iter().all(plain) && !findings.iter().any(named) {
        return Some(lock_of(findings, report));
    }
    let mut all = findings.iter().map(|finding| command(&finding.remedy));
    let first = all
        .next()
        .flatten()
        .filter(|first| !first.starts_with("--"))?;
    all.all(|other| other.as_ref() == Some(&first))
        .then_some(first)
}

/// The plain command takes nothing over while a change has to be accepted by name, so then these are named.
fn lock_of(findings: &[&Finding], report: &Report) -> String {
    let to_accept = |finding: &Finding| matches!(finding.remedy, Remedy::Lock { accept: true, .. });
    let ids = findings
        .iter()
        .filter_map(|finding| finding.subject.as_ref());
    let ids: Vec<_> = ids.map(|id| shell_word(id.as_str())).collect();
    match report.counting().any(to_accept) && ids.len() == findings.len() {
        true => format!("openclaw-verify lock {}", ids.join(" ")),
        false => "openclaw-verify lock".to_owned(),
    }
}

/// The commands in what [`report`] says to do next about a finding, for people.
pub(crate) fn commands_in(finding: &Finding) -> Vec<String> {
    let explain = format!("openclaw-verify explain {}", finding.id);
    let any = [
        own_choice(finding),
        declared_by(finding),
        restored_by(finding),
        seen_by(finding),
        command(&finding.remedy),
        excepted(finding),
        Some(explain),
    ];
    any.into_iter()
        .flatten()
        .map(|command| commands::carried(&command))
        .filter(|command| finding.help.contains(command.as_str()))
        .collect()
}

/// What to do next about a finding: in words, with the command where there is one. Empty when there is nothing to say.
pub(crate) fn next(finding: &Finding) -> String {
    worded(
        finding,
        command(&finding.remedy).map(|command| commands::carried(&command)),
    )
}

fn worded(finding: &Finding, command: Option<String>) -> String {
    let by_code = finding.code.is_some()
        && rules::rule(finding.id).is_some_and(|rule| rule.help == finding.help);
    let command = match command {
        None if by_code => Some(format!("openclaw-verify explain {}", finding.id)),
        command => command,
    };
    match command {
        Some(command) if finding.help.is_empty() => command,
        // An option by itself is no command that could be run.
        Some(option) if option.starts_with("--") => {
            let help = finding.help.trim_end_matches('.');
            // A first run is not run again.
            match operator::in_call("--init") {
                true => {
                    let check = commands::carried(&format!("openclaw-verify check {option}"));
                    format!("{help}: {check}")
                }
                false => format!("{help}: the same command with {option}"),
            }
        }
        Some(command) => format!("{}: {command}", finding.help.trim_end_matches('.')),
        None => finding.help.clone(),
    }
}

/// The error with the option that gives what the call lacked.
pub(crate) fn error(mut error: Error) -> Error {
    if let Error::Operator(error) = &mut error {
        error.help = match error.unmerged {
            Some(Unmerged::Reviews) => Some(format!(
                "entries are only added, so both sides count: {}",
                commands::carried("openclaw-verify review --resolve")
            )),
            Some(Unmerged::Policy) => Some(format!(
                "what only one side says counts, and of the rest you choose: {}",
                commands::carried("openclaw-verify policy resolve")
            )),
            Some(Unmerged::Lock) => Some(format!(
                "what only one side locked counts, and of the rest you choose: {}",
                commands::carried("openclaw-verify lock --resolve")
            )),
            _ if error.unsealed => Some(format!(
                "sign all three files with a key that the signers file names: {}",
                commands::carried("openclaw-verify policy sign --sign-ssh KEY")
            )),
            _ => error.help.take(),
        };
    }
    if let Error::Copied {
        from,
        help: Some(help),
        ..
    } = &mut error
    {
        let from = shell_word(&from.to_string_lossy()).into_owned();
        *help = format!("{help}: the same command with --relocated-from {from}");
    }
    if let Error::Environment {
        help: Some(help),
        needs: Some(input),
        ..
    }
    | Error::NothingToVerify {
        help: Some(help),
        needs: Some(input),
        ..
    } = &mut error
        && let Some(flag) = flag(*input)
    {
        *help = format!("{help}: {flag}");
    }
    error
}

/// The command, or what to add to the one that was given, that clears a finding.
pub(crate) fn command(remedy: &Remedy) -> Option<String> {
    own(remedy)
        .or_else(|| of_openclaw(remedy))
        .or_else(|| of_system(remedy))
}

/// What this program does itself.
fn own(remedy: &Remedy) -> Option<String> {
    match remedy {
        Remedy::Lock {
            subject: Some(id),
            update: true,
            ..
        } => Some(format!(
            "openclaw-verify update {}",
            shell_word(id.as_str())
        )),
        Remedy::Lock {
            subject,
            accept,
            online,
            ..
        } => {
            let online = if *online { " --online" } else { "" };
            let accept = if *accept { " --accept" } else { "" };
            let about = subject
                .as_ref()
                .map(|id| format!(" {}", shell_word(id.as_str())));
            let about = about.unwrap_or_default();
            Some(format!("openclaw-verify lock{online}{accept}{about}"))
        }
        Remedy::Pin { repository, accept } => {
            let about = repository
                .as_deref()
                .map(|repository| format!(" --repository {}", shell_word(repository)));
            let accept = if *accept { " --accept ID" } else { "" };
            Some(format!(
                "openclaw-verify release CLONE TAG{} --pin{accept}",
                about.unwrap_or_default()
            ))
        }
        Remedy::Review {
            subject: Some(subject),
            dependencies,
            since,
        } => {
            let since = since
                .as_deref()
                .map(|since| format!(" {}", shell_word(since)));
            let dependencies = if *dependencies { " --dependencies" } else { "" };
            Some(format!(
                "openclaw-verify review {} --diff{}{dependencies}",
                shell_word(subject.as_str()),
                since.unwrap_or_default()
            ))
        }
        Remedy::Review { subject: None, .. } => Some("openclaw-verify review".to_owned()),
        Remedy::Online => Some("--online".to_owned()),
        Remedy::Gate => Some("openclaw-verify gate --setup --apply".to_owned()),
        Remedy::Source { address } => Some(format!(
            "openclaw-verify policy source {}",
            shell_word(address)
        )),
        Remedy::Prune => Some("openclaw-verify policy prune".to_owned()),
        Remedy::Renew => Some("openclaw-verify policy renew --until DAY".to_owned()),
        Remedy::Operator { input: Some(input) } => flag(*input).map(str::to_owned),
        _ => None,
    }
}

/// What OpenClaw does.
fn of_openclaw(remedy: &Remedy) -> Option<String> {
    match remedy {
        Remedy::Configure {
            path,
            value: Some(value),
        } => Some(format!(
            "openclaw config set {} {}",
            shell_word(path),
            shell_word(&config_value(value))
        )),
        Remedy::OpenClaw { arguments } => {
            let words: Vec<_> = arguments.iter().map(|word| shell_word(word)).collect();
            Some(format!("openclaw {}", words.join(" ")))
        }
        Remedy::Reinstall {
            spec: Some(spec), ..
        } => Some(format!(
            "openclaw plugins install {} --force",
            shell_word(spec)
        )),
        Remedy::Pack { folder, unload } => {
            let folder = commands::in_state(folder);
            let unload = match unload {
                Unload::Link(name) => format!("plugins uninstall {} --force", shell_word(name)),
                Unload::Key(key) => format!("config unset {}", shell_word(key)),
                _ => return None,
            };
            Some(format!(
                "cd {folder} && pack=\"$(npm pack --silent)\" && openclaw {unload} && openclaw plugins install \"npm-pack:$pack\" --force"
            ))
        }
        Remedy::Uninstall { name, .. } => Some(format!(
            "openclaw plugins uninstall {} --force",
            shell_word(name)
        )),
        Remedy::Unset { path } => Some(format!("openclaw config unset {}", shell_word(path))),
        Remedy::UnsetStored { name } => Some(format!(
            "openclaw secrets store rm {} --yes",
            shell_word(name)
        )),
        _ => None,
    }
}

/// What a shell does.
fn of_system(remedy: &Remedy) -> Option<String> {
    match remedy {
        Remedy::Permissions {
            path,
            mode,
            recursive,
        } => {
            let recursive = if *recursive { "-R " } else { "" };
            let path = commands::in_state(path);
            Some(format!("chmod {recursive}{mode} -- {path}"))
        }
        Remedy::Owner { path, user } => {
            Some(format!("sudo chown -hR {user} -- {}", shell_word(path)))
        }
        Remedy::SetStateDir { folder } => {
            Some(format!("export OPENCLAW_STATE_DIR={}", shell_word(folder)))
        }
        Remedy::SetAside { path } => Some(format!(
            "mkdir -p ~/set-aside && mv -- {} \"$(mktemp -d ~/set-aside/XXXXXX)\"",
            commands::in_state(path)
        )),
        Remedy::UnsetVariable {
            variable,
            file,
            unit,
        } => Some(without_variable(variable, file, *unit)),
        Remedy::Drop { file, object, name } => Some(format!(
            "sqlite3 {} {}",
            commands::in_state(file),
            shell_word(&format!(
                "DROP {} \"{}\"",
                object.to_uppercase(),
                name.replace('"', "\"\"")
            ))
        )),
        _ => None,
    }
}

/// Takes a variable out of a file. Of a unit only the one word goes; a directive without any word would take back those before it.
fn without_variable(variable: &str, file: &str, unit: bool) -> String {
    // What the system's manager reads belongs to root.
    let sudo = if file.starts_with("/etc/") {
        "sudo "
    } else {
        ""
    };
    let script = match unit {
        true => format!(
            "/^ *(Default|Manager)?Environment *=/{{s/\\x22{variable}=[^\\x22]*\\x22|\\x27{variable}=[^\\x27]*\\x27|\\b{variable}=(\\x22[^\\x22]*\\x22|[^ ]*)//g;/= *$/d}}"
        ),
        false => format!("/^ *(export +)?{variable} *=/d"),
    };
    format!(
        "{sudo}sed -i.bak -E '{script}' {}",
        commands::in_state(file)
    )
}

/// A value as OpenClaw's own command takes it: a text as it is, where that reads as nothing else, and JSON.
fn config_value(json: &str) -> String {
    match serde_json::from_str(json) {
        Ok(Value::String(text))
            if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
                && !matches!(
                    text.as_str(),
                    "true" | "false" | "null" | "Infinity" | "NaN"
                ) =>
        {
            text
        }
        _ => json.to_owned(),
    }
}

/// The flag by which this command takes an input.
pub(crate) fn flag(input: Input) -> Option<&'static str> {
    Some(match input {
        Input::Host => "--openclaw DIR",
        Input::StateDir => "--state-dir DIR",
        Input::Home => "--home DIR",
        Input::RelocatedFrom => "--relocated-from OLD",
        Input::NixDatabase => "--nix-db FILE",
        Input::Config => "--config DIR",
        Input::Attestations => "--attestations FILE",
        Input::NpmKeys => "--npm-keys FILE",
        Input::TrustRoot => "--trusted-root FILE",
        Input::Instance => "--instance github",
        Input::PublicKey => "--public-key FILE",
        Input::Identity => "--identity with --issuer, or --repository",
        Input::Issuer => "--issuer",
        Input::Repository => "--repository REPOSITORY",
        Input::Signers => "--signers FILE, --openpgp FILE, or --identity and --issuer",
        Input::Network => "--online",
        Input::Copy => "--from PATH",
        Input::Unpacked => "--unpack-to DIR",
        // npm's own default is what it uses without one, and is none that anyone chose for this.
        Input::Registry => "openclaw-verify policy source \"$(npm config get registry)\"",
        Input::Advisories => "openclaw-verify advisories import npm.zip",
        Input::Imports => "openclaw-verify lock --online",
        _ => return None,
    })
}

/// Why the gate refuses, with the commands that lead to an install that it lets through.
pub(crate) fn refusal(decision: &Decision) -> String {
    decision
        .way_out
        .as_ref()
        .map_or_else(|| decision.reason.clone(), way_out)
}

/// Why the gate has no verdict after `deadline`, and what to do about it.
pub(crate) fn late(deadline: Duration, kept: Option<&Undecided>) -> String {
    let seconds = deadline.as_secs_f64();
    let more = (deadline.as_millis() * 3 / 1000).min(600) * 1000;
    let kept = kept.map_or_else(
        || "nothing was kept".to_owned(),
        |undecided| {
            format!(
                "{} was kept in {}",
                undecided.subject,
                shell_word(&undecided.kept.to_string_lossy())
            )
        },
    );
    format!(
        "No verdict after {seconds} s, so nothing is known of it: the machine is busy, or what is staged is large. Give the gate more \
         time (openclaw-verify gate --setup --apply --deadline-ms {more}, with the --config that it has), then install again; {kept}"
    )
}

fn way_out(way: &WayOut) -> String {
    let config = way
        .config
        .as_deref()
        .map(|folder| format!(" --config {}", shell_word(folder)))
        .unwrap_or_default();
    let why = &way.why;
    let Some(kept) = way.kept.as_deref() else {
        return format!(
            "Let the gate keep what it refuses, so that you can read and lock it: give it a spool folder with room that the user who \
             runs OpenClaw can write (openclaw-verify gate --setup --spool DIR{config}), then install again. Blocked because {why}"
        );
    };
    let (about, from) = (shell_word(way.subject.as_str()), shell_word(kept));
    let steps: Vec<String> = way
        .steps
        .iter()
        .map(|step| match step {
            Remedy::Review { dependencies, .. } => {
                let dependencies = if *dependencies { " --dependencies" } else { "" };
                format!(
                    "openclaw-verify review {about} --from {from} --record --criteria safe-to-run{dependencies}{config}"
                )
            }
            Remedy::Lock { accept, online, .. } => {
                let accept = if *accept {
                    format!(" --accept {about}")
                } else {
                    String::new()
                };
                let online = if *online { " --online" } else { "" };
                format!("openclaw-verify lock {about} --from {from}{accept}{online}{config}")
            }
            other => command(other).unwrap_or_default(),
        })
        .collect();
    let content = format!("{kept}/content");
    let read = format!("Read {}", shell_word(&content));
    // Bytes that changed under the same version are what an attack looks like, so nothing invites to lock them.
    let read = if way.suspicious {
        format!("Find out why it changed. If you changed it yourself: {read}")
    } else {
        read
    };
    format!(
        "{read}, then run: {}; then install again. Blocked because {why}",
        steps.join("; ")
    )
}
