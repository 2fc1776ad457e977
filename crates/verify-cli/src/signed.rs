//! Signed files of the operator: who demands signatures, what a call may not do then, and how files are written.
//!
//! An agent that runs as the operator's user can run this program, edit policy, lock and reviews, and set the environment. Where
//! signatures are demanded by a file of root's, none of that makes a good report: see docs/threat-model.md.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use openclaw_verify_core::operator_file::{self, Purpose, Seal, roots_alone};
use openclaw_verify_core::policy::{InstallationPlaces, Policy};
use openclaw_verify_core::release::{AllowedSigners, FILE_NAMESPACE, SshSigningKey};
use openclaw_verify_core::{Demand, Error, OperatorError, Result, signature_of, text};

use crate::cli::{AdvisoriesAction, Common, PolicyAction, PolicyArgs, Verb};
use crate::{anchors, attest, commands, operator, output, verbs};

/// Where root says who may sign. No option moves it.
const SIGNERS: &str = "/etc/openclaw-verify/allowed_signers";
/// Where root keeps the highest serials that were seen.
const SERIALS: &str = "/etc/openclaw-verify/serials";
/// The variable that demands signatures too.
const VARIABLE: &str = "OPENCLAW_VERIFY_SIGNERS";
/// Most bytes of a signers file.
const MAX_SIGNERS: u64 = 4 << 20;

/// What is demanded in this run.
static OF_CALL: OnceLock<Option<Demand>> = OnceLock::new();

/// Places that the signed policy chose in this run.
static OF_POLICY: OnceLock<OfPolicy> = OnceLock::new();

/// Which places of an installation the signed policy chose.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OfPolicy {
    pub(crate) state_dir: bool,
    pub(crate) openclaw: bool,
    pub(crate) home: bool,
}

/// Which places the signed policy chose in this run.
pub(crate) fn of_policy() -> OfPolicy {
    OF_POLICY.get().copied().unwrap_or_default()
}

/// What is demanded in this run; none where nothing is.
pub(crate) fn demand() -> Option<&'static Demand> {
    OF_CALL.get().and_then(Option::as_ref)
}

/// Finds out who demands signatures, and refuses what a call may not do then. Gives back the call without what its environment chose.
pub(crate) fn enforce(mut common: Common, verb: &Verb) -> Result<Common> {
    let signers = demanded(&common, verb)?;
    if signers.is_empty() {
        let _ = OF_CALL.set(None);
        return Ok(common);
    }
    let demand = Demand::new(signers, serials()?);
    let _ = OF_CALL.set(Some(demand));
    if !judges(verb) {
        return Ok(common);
    }
    refuse(&common, verb)?;
    // A call that demands by its own option may also choose the time; what root demands holds today.
    if common.now.is_some() && Path::new(SIGNERS).symlink_metadata().is_ok() {
        return Err(less("--now"));
    }
    for (given, option) in [
        (&mut common.state_dir, "--state-dir"),
        (&mut common.openclaw, "--openclaw"),
        (&mut common.policy, "--policy"),
        (&mut common.lockfile, "--lockfile"),
        (&mut common.reviews, "--reviews"),
    ] {
        if !operator::in_call(option) {
            *given = None;
        }
    }
    if let Verb::Gate(_) = verb {
        // It names its files by --config and has no installation.
        return Ok(common);
    }
    let named = policy(&common)?.installation;
    of_this(&common, &named)?;
    let _ = OF_POLICY.set(OfPolicy {
        state_dir: common.state_dir.is_none() && named.state_dir.is_some(),
        openclaw: common.openclaw.is_none() && named.openclaw.is_some(),
        home: common.home.is_none() && named.home.is_some(),
    });
    common.state_dir = common.state_dir.or(named.state_dir);
    common.openclaw = common.openclaw.or(named.openclaw);
    common.home = common.home.or(named.home);
    if common.state_dir.is_none() && looks(verb) {
        return Err(Error::environment(
            "signatures of policy, lock and reviews are required, and then no variable of the environment chooses what is judged",
            "name OpenClaw's state directory: --state-dir DIR, or in the signed policy: [installation] state-dir",
        ));
    }
    Ok(common)
}

/// Refuses the signed policy of another installation: one key often signs for several.
fn of_this(common: &Common, named: &InstallationPlaces) -> Result<()> {
    let (Some(given), Some(signed)) = (&common.state_dir, &named.state_dir) else {
        return Ok(());
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // A copy is judged as what it is a copy of.
    let is_copy = common.relocated_from.as_ref() == Some(signed);
    if is_copy || real(given) == real(signed) {
        return Ok(());
    }
    Err(Error::environment(
        format!(
            "the signed policy is for the state directory {}, and the call names {}",
            operator::shown(signed),
            operator::shown(given)
        ),
        "leave --state-dir out, or sign the policy of this installation",
    ))
}

/// Every signers file that demands signatures, and what it holds.
fn demanded(common: &Common, verb: &Verb) -> Result<Vec<(String, AllowedSigners)>> {
    let mut found = Vec::new();
    let roots = Path::new(SIGNERS);
    let folder = roots.parent().unwrap_or(roots);
    if fs::symlink_metadata(folder).is_ok_and(|found| !found.is_dir()) {
        return Err(Error::environment(
            format!(
                "{} is not a folder, so it is not known whose signatures are required",
                folder.display()
            ),
            "as root, make it a folder or remove it",
        ));
    }
    match fs::symlink_metadata(roots) {
        Ok(_) => {
            check_root(roots)?;
            found.push(signers(roots)?);
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) => {}
        // Not knowing whether it is there is no reason to do without.
        Err(error) => return Err(Error::io("look for", roots, error)),
    }
    // There they say who may sign tags and statements.
    let elsewhere = matches!(verb, Verb::Release(_) | Verb::Attestation(_));
    let flag = common.signers.clone().filter(|_| !elsewhere);
    for path in flag.into_iter().chain(by_variable()) {
        theirs(&path)?;
        found.push(signers(&path)?);
    }
    Ok(found)
}

fn by_variable() -> Option<PathBuf> {
    let path = std::env::var_os(VARIABLE)?;
    (!path.is_empty()).then(|| PathBuf::from(path))
}

/// The signers file that a call of the gate needs to demand what this one demands. OpenClaw starts it with an environment of its own.
pub(crate) fn named_signers(common: &Common) -> Option<PathBuf> {
    common.signers.clone().or_else(by_variable)
}

fn signers(path: &Path) -> Result<(String, AllowedSigners)> {
    let text = anchors::own_text(path, MAX_SIGNERS)?;
    let (shown, signers) = (operator::shown(path), AllowedSigners::parse(path, &text)?);
    say_unknown(&shown, &signers);
    Ok((shown, signers))
}

/// Says which lines of a signers file allow nothing, which is no error: another program may know their keys.
pub(crate) fn say_unknown(shown: &str, signers: &AllowedSigners) {
    for unknown in signers.unknown() {
        output::stderr(&format!(
            "note: line {} of {shown} allows nothing: this program does not know keys of the type {}",
            unknown.line,
            text::excerpt(&unknown.key_type, 100)
        ));
    }
}

/// Refuses a signers file that another user could have written: it would demand nothing of that user.
fn theirs(path: &Path) -> Result<()> {
    // One that cannot be looked at cannot be read either, which is said then.
    let Ok(found) = fs::metadata(path) else {
        return Ok(());
    };
    let own = rustix::process::geteuid().as_raw();
    if found.uid() == own || found.uid() == 0 {
        return Ok(());
    }
    Err(Error::environment(
        format!(
            "{} belongs to the user {}, who can write there who may sign",
            operator::shown(path),
            found.uid()
        ),
        "name a signers file of your own or of root's: chown it, or copy it to a place of yours",
    ))
}

fn check_root(path: &Path) -> Result<()> {
    roots_alone(path).map_err(|why| {
        let what = format!("{} {why}", path.display());
        let error = OperatorError::whole(path, what);
        Error::from(error.with_help(
            "it says who may sign, so only root may be able to change it: chown root, chmod go-w, and no links",
        ))
    })
}

/// The highest serials that were seen, where root keeps them.
fn serials() -> Result<Option<BTreeMap<Purpose, u64>>> {
    let path = Path::new(SERIALS);
    match fs::symlink_metadata(path) {
        Ok(_) => check_root(path)?,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(Error::io("look for", path, error)),
    }
    let text = anchors::own_text(path, 4096)?;
    let mut found = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let parsed = line.split_once(' ').and_then(|(purpose, serial)| {
            Some((Purpose::parse(purpose)?, serial.parse::<u64>().ok()?))
        });
        let Some((purpose, serial)) = parsed.filter(|(purpose, _)| !found.contains_key(purpose))
        else {
            let error = OperatorError::whole(
                path,
                format!(
                    "line {number} of {SERIALS} is no serial: {}",
                    text::excerpt(line, 80)
                ),
            );
            let help = "each line is lock, policy or reviews, and a number; policy accept-serial writes them";
            return Err(error.with_help(help).into());
        };
        found.insert(purpose, serial);
    }
    Ok(Some(found))
}

/// Whether a verb reads the operator's files.
fn judges(verb: &Verb) -> bool {
    !matches!(
        verb,
        Verb::Explain { .. }
            | Verb::Help { .. }
            | Verb::Completions { .. }
            | Verb::Tree(_)
            | Verb::Attestation(_)
    ) && !is_signing(verb)
}

/// Whether a verb needs an installation.
fn looks(verb: &Verb) -> bool {
    let backup = matches!(verb, Verb::Check(args) if args.backup.is_some());
    !backup
        && !matches!(
            verb,
            Verb::Npm(_)
                | Verb::Archive(_)
                | Verb::Skill(_)
                | Verb::Release(_)
                | Verb::Advisories(_)
                | Verb::Policy(PolicyArgs {
                    action: PolicyAction::Sign | PolicyAction::AcceptSerial,
                })
        )
}

/// What signs files cannot ask that they are signed; nor can what finishes a merge, in which no signature holds.
fn is_signing(verb: &Verb) -> bool {
    match verb {
        Verb::Policy(args) => matches!(args.action, PolicyAction::Sign | PolicyAction::Resolve(_)),
        Verb::Lock(args) => args.resolve,
        Verb::Review(args) => args.resolve,
        _ => false,
    }
}

/// The error about an option that weakens what was signed.
fn less(option: &str) -> Error {
    Error::environment(
        format!("{option} means less than the signed policy requires, and signatures are required"),
        "leave it out; to allow it, change the policy and sign it again",
    )
}

fn refuse(common: &Common, verb: &Verb) -> Result<()> {
    let no = |option: &str| Err(less(option));
    if !common.allow.is_empty() {
        return no("-A");
    }
    if !common.warn.is_empty() {
        return no("-W");
    }
    if common.lock_only {
        return no("--lock-only");
    }
    if matches!(verb, Verb::Lock(args) if args.init) {
        return Err(Error::environment(
            "lock --init writes unsigned files, and signatures are required",
            "write them where no signature is required, then sign them: openclaw-verify policy sign",
        ));
    }
    if let Verb::Advisories(args) = verb
        && let Some(AdvisoriesAction::Import(args)) = &args.action
        && args.allow_broken > 0
    {
        return no("--allow-broken");
    }
    #[cfg(feature = "online")]
    if common.anchors.tuf {
        return Err(Error::environment(
            "--tuf takes trust from the user's cache, and signatures are required",
            "name a trust root that only root can write: --trusted-root FILE",
        ));
    }
    let of_release = common
        .signers
        .as_ref()
        .filter(|_| matches!(verb, Verb::Release(_)));
    for path in common.anchors.files().chain(of_release) {
        let real = std::path::absolute(path).map_err(|error| Error::io("find", path, error))?;
        roots_alone(&real).map_err(|why| {
            Error::environment(
                format!(
                    "{} {why}: where signatures are required, only root may be able to change a file that decides the verdict",
                    operator::shown(path)
                ),
                "as root: chown root and chmod go-w, for the file and every folder above it",
            )
        })?;
    }
    Ok(())
}

/// The signed policy, for what it says of places.
fn policy(common: &Common) -> Result<Policy> {
    let files = operator::files(common, &[])?;
    let builder = openclaw_verify_core::Verifier::builder(operator::now(common))
        .policy(&files.policy, operator::shown(&files.policy));
    let builder = match demand() {
        Some(demand) => builder.demand(demand.clone()),
        None => builder,
    };
    builder.read_policy()
}

/// Writes a file of the operator; whether anything had to change. Where signatures are demanded, or the file was signed, or the call gives
/// a key, it gets the next serial, and a signature or the command that makes one.
pub(crate) fn write(common: &Common, path: &Path, purpose: Purpose, text: &str) -> Result<bool> {
    verbs::make_room_for(common, path)?;
    let old = operator_file::read(path)?;
    let seal = old.as_deref().and_then(Seal::of_either_side);
    if demand().is_none() && seal.is_none() && common.sign_ssh.is_none() {
        return operator_file::write_atomic(path, text);
    }
    let key = key(common)?;
    let same = seal.is_some() && old.as_deref().map(Seal::without) == Some(Seal::without(text));
    if same && key.is_none() {
        return Ok(false);
    }
    seal_and_sign(path, purpose, text, key.as_ref())?;
    Ok(!same)
}

/// Whether the file at `path` says that it is a signed one.
pub(crate) fn is_signed(path: &Path) -> Result<bool> {
    Ok(operator_file::read(path)?
        .as_deref()
        .and_then(Seal::of)
        .is_some())
}

/// Gives all three files their next serial, and a signature or the commands that make them.
pub(crate) fn sign(common: &Common) -> Result<()> {
    let files = operator::files(common, &[])?;
    let key = key(common)?;
    for (path, purpose) in of(&files) {
        let text = match operator_file::read(path)? {
            Some(text) => text,
            // Without reviews there is nothing to sign, and a file that is not there could be taken away.
            None if purpose == Purpose::Reviews => "version = 1\n".to_owned(),
            None => {
                return Err(Error::environment(
                    format!("{} is not there", operator::shown(path)),
                    format!("write it first: {}", commands::first_lock(&files)),
                ));
            }
        };
        seal_and_sign(path, purpose, &text, key.as_ref())?;
    }
    Ok(())
}

/// Notes the serials of the signed files as the highest that were seen.
pub(crate) fn accept(common: &Common) -> Result<()> {
    let Some(demand) = demand() else {
        return Err(Error::environment(
            format!(
                "{SIGNERS} is not there, so no signature is required, and serials are not kept"
            ),
            "as root, write there who may sign, one key a line, as in OpenSSH's allowed_signers",
        ));
    };
    if rustix::process::geteuid().as_raw() != 0 {
        return Err(Error::environment(
            format!("only root can write {SERIALS}"),
            "run the same command as root, by the absolute path of this program",
        ));
    }
    let files = operator::files(common, &[])?;
    let mut lines = String::new();
    for (path, purpose) in of(&files) {
        let text = operator_file::read(path)?;
        let signed = demand.signed(path, text.as_deref(), purpose, operator::now(common))?;
        let serial = signed.serial.max(demand.seen(purpose));
        lines.push_str(&format!("{purpose} {serial}\n"));
        output::stderr(&format!(
            "{} has the serial {}, signed by {}",
            operator::shown(path),
            signed.serial,
            signed.by
        ));
    }
    let path = Path::new(SERIALS);
    operator_file::write_atomic(path, &lines)?;
    check_root(path)
}

fn of(files: &operator::Files) -> [(&Path, Purpose); 3] {
    [
        (&files.policy, Purpose::Policy),
        (&files.lock, Purpose::Lock),
        (&files.reviews, Purpose::Reviews),
    ]
}

fn key(common: &Common) -> Result<Option<SshSigningKey>> {
    common.sign_ssh.as_deref().map(attest::ssh_key).transpose()
}

fn seal_and_sign(
    path: &Path,
    purpose: Purpose,
    text: &str,
    key: Option<&SshSigningKey>,
) -> Result<()> {
    let old = operator_file::read(path)?;
    let serial = old
        .as_deref()
        .and_then(Seal::of_either_side)
        .map_or(0, |seal| seal.serial);
    let seen = demand().map_or(0, |demand| demand.seen(purpose));
    let next = serial.max(seen).checked_add(1).ok_or_else(|| {
        Error::environment(
            format!("{} has the highest serial there is", operator::shown(path)),
            "give its first line a lower number, and sign it again",
        )
    })?;
    let seal = Seal {
        purpose,
        serial: next,
    };
    let sealed = seal.put(text);
    let signature = signature_of(path);
    // Of what is written now the old signature is none; ssh-keygen would ask before it wrote another.
    match fs::remove_file(&signature) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("remove", &signature, error));
        }
        _ => {}
    }
    operator_file::write_atomic(path, &sealed)?;
    let shown = operator::shown(path);
    match key {
        Some(key) => {
            let armored = key.sign(sealed.as_bytes(), FILE_NAMESPACE).map_err(|why| {
                Error::environment(format!("the key {why}"), "sign it with ssh-keygen -Y sign")
            })?;
            operator_file::write_atomic(&signature, &armored)?;
            output::stderr(&format!(
                "signed {shown} as {purpose} {next}, with {}",
                key.public().fingerprint()
            ));
        }
        None => output::stderr(&format!(
            "{shown} is now {purpose} {next} and has to be signed: ssh-keygen -Y sign -n {FILE_NAMESPACE} -f KEY {}",
            text::shell_word(&path.to_string_lossy())
        )),
    }
    Ok(())
}

/// Whether the environment chooses places in this run.
pub(crate) fn environment_counts() -> bool {
    demand().is_none()
}
