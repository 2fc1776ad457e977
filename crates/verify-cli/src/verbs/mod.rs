//! One file a verb. A verb reads what the operator gave, asks the library and prints; it decides nothing itself.

mod advisories;
mod archive;
mod attestation;
mod backup;
mod check;
mod checklist;
mod completions;
mod conflict;
mod explain;
mod gate;
mod host;
mod init;
mod lock;
mod npm;
mod policy;
mod release;
mod review;
#[cfg(feature = "sbom")]
mod sbom;
mod skill;
mod staged;
mod tree;
mod update;
pub(crate) mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use openclaw_verify_core::finding::Level;
use openclaw_verify_core::inventory;
use openclaw_verify_core::provenance::Instance;
use openclaw_verify_core::subject::Kind;
use openclaw_verify_core::{Builder, Error, Result, Verifier, operator_file};

use crate::anchors::anchors;
use crate::cli::{CheckArgs, Cli, Common, Format, Verb, page};
use crate::commands;
use crate::operator::{self, Files};
use crate::outputs::Form;
use crate::progress::Bar;
use crate::render::Detail;
use crate::render::failure::Failure;
use crate::{Exit, attest, errors, names, output, outputs, process, render, signed, wording};

/// Does what was asked.
pub(crate) fn run(mut cli: Cli) -> Result<Exit> {
    cli.common = operator::resolved(cli.common);
    let common = cli.common.clone();
    // What is written in place of a report says what to do, as standard error does.
    let ended = done(cli).map_err(wording::error);
    match &ended {
        // It was ended from outside, which says nothing of the installation.
        Err(Error::Cancelled) | Ok(Exit::Clean | Exit::Findings) => {}
        Err(error) => no_verdict(&common, &errors::failure(error)),
        Ok(exit) => {
            let mut failure = Failure::new(*exit);
            failure.what = "nothing was judged".to_owned();
            no_verdict(&common, &failure);
        }
    }
    ended
}

/// Says in the reports that were asked for that there is no verdict.
fn no_verdict(common: &Common, failure: &Failure) {
    outputs::no_verdict(&common.report, failure, || {
        under_test(operator::installation(common).ok().as_ref(), common)
    });
}

fn done(cli: Cli) -> Result<Exit> {
    let backup = cli.verb.as_ref().and_then(|verb| match verb {
        Verb::Check(args) => args.backup.as_deref(),
        _ => None,
    });
    commands::remember(&cli.common, backup);
    render::event::remember(&cli.common);
    if let Some(verb) = &cli.verb {
        speaks(verb, cli.common.format)?;
        needs_an_installation(&cli.common, verb)?;
    }
    let verb = cli.verb.unwrap_or(Verb::Check(CheckArgs::default()));
    let common = &match signed::enforce(cli.common.clone(), &verb) {
        // OpenClaw takes nothing but a reply.
        Err(error) if replies(&verb) => return gate::refuse(&error),
        common => common?,
    };
    let mut outputs = outputs_of(common, &verb);
    if !replies(&verb) {
        attest::refuse(common, &verb)?;
        outputs.extend(attest::files(common).map(|path| (path, Form::Statement)));
    }
    outputs::refuse(&outputs, &own_files(common, &verb), || {
        let mut folders = under_test(operator::installation(common).ok().as_ref(), common);
        folders.extend(judged(&verb).cloned());
        folders
    })?;
    if !matches!(verb, Verb::Gate(_)) {
        attest::make_room(common)?;
    }
    match verb {
        Verb::Check(args) => match &args.backup {
            Some(file) => backup::run(common, file),
            None => check::run(common, None),
        },
        Verb::Plugins(ids) => check::run(
            common,
            Some((
                vec![Kind::Plugin, Kind::Bundle, Kind::HookPack, Kind::McpServer],
                ids.ids,
            )),
        ),
        Verb::Skills(ids) => check::run(common, Some((vec![Kind::Skill], ids.ids))),
        Verb::Watch(args) => watch::run(common, &args),
        Verb::Core => check::run(common, Some((vec![Kind::Core], Vec::new()))),
        Verb::Lock(args) if args.init => init::run(common, &args),
        Verb::Lock(args) => lock::run(common, &args),
        Verb::Npm(args) => npm::run(common, &args),
        Verb::Archive(args) => archive::run(common, &args),
        Verb::Skill(args) => skill::run(common, &args),
        Verb::Attestation(args) => attestation::run(common, &args),
        Verb::Release(args) => release::run(common, &args),
        #[cfg(feature = "sbom")]
        Verb::Sbom(args) => sbom::run(common, &args),
        Verb::Review(args) => review::run(common, &args),
        Verb::Update(args) => update::run(common, &args),
        Verb::Policy(args) => policy::run(common, &args),
        Verb::Advisories(args) => advisories::run(common, &args),
        Verb::Gate(args) => gate::run(common, &args),
        Verb::Host(args) => host::run(common, &args),
        Verb::Checklist(args) => checklist::run(common, &args),
        Verb::Tree(args) => tree::run(common, &args),
        Verb::Explain { id } => explain::run(id.as_deref(), common.format),
        Verb::Help { verb } => {
            output::lines(&page(verb.as_deref())?)?;
            Ok(Exit::Clean)
        }
        Verb::Completions { shell } => completions::run(shell),
    }
}

/// Whether OpenClaw waits for a reply of this verb: what goes wrong with a statement is then said beside it.
fn replies(verb: &Verb) -> bool {
    matches!(verb, Verb::Gate(args) if args.replies())
}

/// Refuses a format that a verb has no form in: text for people in its place would break whatever reads it.
fn speaks(verb: &Verb, format: Format) -> Result<()> {
    if verb.formats().contains(&format) {
        return Ok(());
    }
    let known: Vec<String> = verb.formats().iter().map(ToString::to_string).collect();
    Err(Error::environment(
        format!("this verb has no output in the format {format}"),
        format!("use --format {}", known.join(" or ")),
    ))
}

/// Refuses `--lock-only` where a verb is about what is installed: with nothing there it would take everything for gone.
fn needs_an_installation(common: &Common, verb: &Verb) -> Result<()> {
    let about_it = match verb {
        Verb::Lock(args) => !args.resolve,
        Verb::Update(_) | Verb::Host(_) | Verb::Checklist(_) | Verb::Watch(_) => true,
        Verb::Gate(args) => args.setup || args.remove,
        _ => false,
    };
    let named = ["--state-dir", "--relocated-from", "--openclaw"]
        .into_iter()
        .find(|option| common.lock_only && operator::in_call(option));
    if let Some(option) = named.filter(|_| !about_it) {
        return Err(Error::environment(
            format!("with --lock-only no installation is looked at, and {option} names one"),
            format!(
                "leave out --lock-only to judge it, or {option} to judge lock, policy and reviews alone"
            ),
        ));
    }
    if !(common.lock_only && about_it) {
        return Ok(());
    }
    Err(Error::environment(
        "this verb is about what is installed, and with --lock-only nothing is looked at",
        "run it where OpenClaw is installed, without --lock-only; to judge the files alone: openclaw-verify check --lock-only",
    ))
}

/// The command line was not understood, or asked for help.
pub(crate) fn misunderstood(error: &clap::Error, format: Format) -> ExitCode {
    if error.use_stderr() && gate::must_reply(std::env::args_os()) {
        return gate::misunderstood(error);
    }
    errors::usage(error, format)
}

/// What every verb that looks at an installation starts from.
struct Start {
    builder: Builder,
    files: Files,
    /// Finished before anything is printed.
    bar: Arc<Bar>,
}

/// The same for the verbs that can judge lock, policy and reviews alone, which is a way out where there is no installation.
fn start_check(common: &Common) -> Result<Start> {
    start(common).map_err(|error| match error {
        Error::NothingToVerify { what, .. } => Error::NothingToVerify {
            what,
            help: Some(
                "name it with --state-dir DIR, or judge only lock, policy and reviews with --lock-only"
                    .to_owned(),
            ),
            needs: None,
        },
        error => error,
    })
}

/// Finds the installation and the operator's files, and says which were chosen.
fn start(common: &Common) -> Result<Start> {
    let installation = if common.lock_only {
        None
    } else {
        Some(operator::installation(common)?)
    };
    prepare(common, installation, common.online, false)
}

/// The same for the first run, which creates the folder of the operator's files.
fn start_first(common: &Common) -> Result<Start> {
    prepare(
        common,
        Some(operator::installation(common)?),
        common.online,
        true,
    )
}

/// The same for verbs that judge something else than an installation: they need none, and none may bring their policy. `online` says
/// whether sockets may be opened for a trust root.
fn start_without_installation(common: &Common, online: bool) -> Result<Start> {
    let mut without = prepare(common, operator::installation(common).ok(), online, false)?;
    without.builder = without.builder.without_state_dir();
    Ok(without)
}

/// Makes the folder of a file of the operator that is to be written, where it is not there yet; nothing is written into what is under test.
pub(crate) fn make_room_for(common: &Common, file: &Path) -> Result<()> {
    operator_file::refuse_to_write_inside(file, &real_under_test(common))?;
    refuse_inside_of_subjects(common, &[file])?;
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))
        }
        _ => Ok(()),
    }
}

/// Refuses files that lie in a plugin, skill or package that is judged, such as the clone of a linked one in which this is run.
pub(in crate::verbs) fn refuse_inside_of_subjects(common: &Common, files: &[&Path]) -> Result<()> {
    let Ok(installation) = operator::installation(common) else {
        return Ok(());
    };
    // Most lie where no subject could be, and what is installed takes time to read.
    if !files.iter().any(|file| may_be_of_a_subject(file)) {
        return Ok(());
    }
    // What cannot be read is said by what judges it.
    let Ok(inventory) = inventory::read(&options(common, &installation)) else {
        return Ok(());
    };
    let folders = inventory.folders();
    files
        .iter()
        .try_for_each(|file| operator_file::refuse_to_write_inside(file, &folders))
}

/// Whether a folder above a file has what plugins, skills, packages and the folders of agents have.
fn may_be_of_a_subject(file: &Path) -> bool {
    const SIGNS: [&str; 14] = [
        "openclaw.plugin.json",
        "package.json",
        "pyproject.toml",
        "setup.py",
        "SKILL.md",
        "skill.md",
        "HOOK.md",
        ".claude-plugin",
        ".codex-plugin",
        ".cursor-plugin",
        "auth-profiles.json",
        "models.json",
        "codex-home",
        "bin",
    ];
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let real = whole.parent().and_then(|folder| folder.canonicalize().ok());
    let folders = real.iter().flat_map(|folder| folder.ancestors());
    folders
        .filter(|folder| folder.parent().is_some())
        .any(|folder| SIGNS.iter().any(|sign| folder.join(sign).exists()))
}

/// The real paths of what is under test in this call.
pub(in crate::verbs) fn real_under_test(common: &Common) -> Vec<PathBuf> {
    under_test(operator::installation(common).ok().as_ref(), common)
        .iter()
        .filter_map(|folder| folder.canonicalize().ok())
        .collect()
}

/// The folders that nothing of the operator's may lie in.
pub(in crate::verbs) fn under_test(
    installation: Option<&operator::Installation>,
    common: &Common,
) -> Vec<PathBuf> {
    let Some(installation) = installation else {
        return Vec::new();
    };
    let mut under_test = vec![installation.state_dir.clone()];
    under_test.extend(installation.host.folder.clone());
    let workspaces = inventory::workspaces(&options(common, installation));
    // The working folder is a real path, and a workspace may be named through a symlink; none is followed out of a copy.
    if common.relocated_from.is_none() {
        under_test.extend(
            workspaces
                .iter()
                .filter_map(|folder| folder.canonicalize().ok()),
        );
    }
    under_test.extend(workspaces);
    under_test
}

/// The files that this call is to write.
fn outputs_of(common: &Common, verb: &Verb) -> Vec<(PathBuf, Form)> {
    let output = match verb {
        #[cfg(feature = "sbom")]
        Verb::Sbom(args) => args.output.clone().map(|path| (path, Form::Sbom)),
        // Stands for each file that is written into the folder.
        Verb::Review(args) => args
            .export_violations
            .as_ref()
            .map(|folder| (folder.join("x_openclaw-….json"), Form::Violation)),
        _ => None,
    };
    let reports = common.report.iter();
    let reports = reports.map(|(format, path)| (path.clone(), Form::Report(*format)));
    reports.chain(output).collect()
}

/// The files of the operator's that this call reads, as far as it names them or they lie where they usually do.
fn own_files(common: &Common, verb: &Verb) -> Vec<PathBuf> {
    let under_test = under_test(operator::installation(common).ok().as_ref(), common);
    let files = operator::files(common, &under_test).ok();
    let three = files.map(|files| [files.policy, files.lock, files.reviews]);
    let mut read: Vec<PathBuf> = three.into_iter().flatten().collect();
    let signatures: Vec<PathBuf> = read.iter().map(|file| attest::beside(file)).collect();
    read.extend(signatures);
    read.extend(common.anchors.files().cloned());
    let keys = [&common.sign_key, &common.sign_ssh, &common.signers];
    read.extend(keys.into_iter().flatten().cloned());
    match verb {
        #[cfg(feature = "sbom")]
        Verb::Sbom(args) => read.extend(args.diff.clone()),
        Verb::Attestation(args) => read.push(args.bundle.clone()),
        _ => {}
    }
    read
}

/// What a verb judges beside an installation.
fn judged(verb: &Verb) -> impl Iterator<Item = &PathBuf> {
    match verb {
        Verb::Archive(args) => Some(&args.file),
        Verb::Skill(args) => Some(&args.path),
        Verb::Check(args) => args.backup.as_ref(),
        Verb::Attestation(args) => Some(&args.artifact),
        Verb::Release(args) => args.path.as_ref(),
        Verb::Tree(args) => Some(&args.path),
        _ => None,
    }
    .into_iter()
}

fn prepare(
    common: &Common,
    installation: Option<operator::Installation>,
    online: bool,
    first: bool,
) -> Result<Start> {
    let under_test = under_test(installation.as_ref(), common);
    let files = if first {
        operator::first_files(common, &under_test)?
    } else {
        operator::files(common, &under_test)?
    };
    if let Some(installation) = &installation {
        let folders: Vec<PathBuf> = [
            Some(&installation.state_dir),
            installation.host.folder.as_ref(),
        ]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
        operator_file::refuse_inside(common.anchors.files().map(PathBuf::as_path), &folders)?;
    }
    refuse_inside_of_subjects(common, &[&files.policy, &files.lock, &files.reviews])?;
    let bar = Arc::new(Bar::new(!common.no_progress && !common.quiet));
    let mut builder = builder(common, &files, Instance::PublicGood, online)?.progress({
        let bar = Arc::clone(&bar);
        Arc::new(move |progress| bar.update(progress))
    });
    let state_dir = installation.as_ref().map(|found| found.state_dir.clone());
    let named = installation.as_ref().map(|found| found.named.clone());
    builder = builder.origins(operator::origins(common));
    if let Some(other) = state_dir
        .as_deref()
        .and_then(|chosen| operator::other_state(common, chosen))
    {
        builder = builder.other_state(other);
    }
    if let Some(installation) = installation {
        builder = builder.state_dir(installation.named);
        if let Some(host) = installation.host.folder {
            builder = builder.host(host);
        }
        if let Some(command) = installation.host.command {
            builder = builder.host_command(command);
        }
        if let Some(node) = crate::host::node_on_path() {
            builder = builder.node(node);
        }
        builder = host::with_program(builder);
    }
    builder = surroundings(builder, common, named.as_deref())?;
    #[cfg(feature = "online")]
    {
        if let Some(cache) = crate::network::cache() {
            builder = builder.downloads(cache);
        }
        if common.online {
            let client = crate::network::client(common, &builder.read_policy()?)?;
            builder = builder.registry(client);
        }
    }
    Ok(Start {
        builder,
        files,
        bar,
    })
}

/// Where the rest of OpenClaw lies, and what this program keeps between runs. `named` is the state directory as the caller named it.
fn surroundings(mut builder: Builder, common: &Common, named: Option<&Path>) -> Result<Builder> {
    if let Some(old) = &common.relocated_from {
        builder = builder.relocated_from(old);
    }
    if let Some(config) = operator::openclaw_config(common) {
        builder = builder.openclaw_config(config);
    }
    if operator::state_is_set(common) {
        builder = builder.state_is_set();
    }
    builder = match named.and_then(|folder| operator::openclaw_home(common, folder)) {
        Some(home) => builder.home(home),
        None => builder.without_home(),
    };
    if let Some(workspace) = operator::openclaw_workspace(common) {
        builder = builder.workspace(workspace);
    }
    for (name, value) in operator::variables(common)? {
        builder = builder.variable(name, value);
    }
    if let Some(database) = &common.nix_db {
        // What the call names has to be there; what is wrong in it is a finding.
        if !std::fs::metadata(database).is_ok_and(|found| found.is_file()) {
            return Err(Error::environment(
                format!(
                    "{} is not a file that can be read",
                    operator::shown(database)
                ),
                "name the database of the store, or a copy of it: --nix-db FILE",
            ));
        }
        builder = builder.nix_database(database);
    }
    builder = builder.tmp(common.tmp.clone().unwrap_or_else(|| PathBuf::from("/tmp")));
    if let Some(cache) = operator::cache_folder() {
        builder = builder
            .manifests(cache.join("manifests"))
            .contents(cache.join("contents"))
            .imports(cache.join("imports"))
            .advisories(cache.join(advisories::INDEX));
    }
    Ok(builder)
}

/// The operator's files and wishes.
fn builder(common: &Common, files: &Files, instance: Instance, online: bool) -> Result<Builder> {
    let mut builder = Verifier::builder(operator::now(common))
        .anchors(anchors(common, instance, online)?)
        .cancel(process::cancelled())
        .policy(&files.policy, operator::shown(&files.policy))
        .lock(&files.lock, operator::shown(&files.lock))
        .reviews(&files.reviews, operator::shown(&files.reviews))
        .threads(common.threads.map_or(0, usize::from));
    if let Some(demand) = signed::demand() {
        builder = builder.demand(demand.clone());
    }
    for (ids, level) in [
        (&common.allow, Level::Allow),
        (&common.warn, Level::Warn),
        (&common.deny, Level::Deny),
    ] {
        for id in ids {
            // Whether it may be lowered is the library's to say.
            let id = names::finding(id)?.id;
            builder = builder.level(id, level);
        }
    }
    Ok(builder)
}

fn options(common: &Common, installation: &operator::Installation) -> inventory::InventoryOptions {
    inventory::InventoryOptions {
        state_dir: installation.named.clone(),
        host: installation.host.folder.clone(),
        host_command: installation.host.command.clone(),
        relocated_from: common.relocated_from.clone(),
        home: operator::openclaw_home(common, &installation.named),
        config: operator::openclaw_config(common),
        state_is_set: operator::state_is_set(common),
        tmp: None,
        node: None,
        program: None,
        now: 0,
        workspace: operator::openclaw_workspace(common),
        variables: operator::variables(common).unwrap_or_default(),
        ..inventory::InventoryOptions::new(PathBuf::new())
    }
}

fn detail(common: &Common) -> Detail {
    match (common.quiet, common.verbose) {
        (true, _) => Detail::Quiet,
        (_, true) => Detail::Verbose,
        _ => Detail::Normal,
    }
}

/// `lock_only`: what is asked for the lock alone is asked where there is no OpenClaw, so it is somewhere else.
fn no_lock(files: &Files, lock_only: bool) -> Error {
    let (what, help) = without_lock(files);
    if lock_only {
        return Error::environment(what, "name the folder with policy and lock: --config DIR");
    }
    Error::environment(what, help)
}

/// That there is no lock, and what to do: where the folder was not named, there may be one in another.
fn without_lock(files: &Files) -> (String, String) {
    let what = format!("no lock found at {}", operator::shown(&files.lock));
    let unpack = commands::unpacked().map(|unpack| format!("{unpack} && "));
    let first = format!(
        "{}{}",
        unpack.unwrap_or_default(),
        commands::first_lock(files)
    );
    if operator::folder_is_named() {
        return (what, format!("run: {first}"));
    }
    let folder = operator::passed_over_folder().unwrap_or("DIR");
    let help = format!(
        "if it is in another folder: the same command with --config {folder}; the first time: {first}"
    );
    (what, help)
}
