//! `--attest`: a statement about what was judged, which others can check, and its signature.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use openclaw_verify_core::digest::Sha256Digest;
use openclaw_verify_core::finding::Level;
use openclaw_verify_core::gate::{Answered, Gate, Verdict};
use openclaw_verify_core::provenance::{KeyError, StatementKey};
use openclaw_verify_core::release::{FILE_NAMESPACE, SshSigningKey};
use openclaw_verify_core::report::event::{Event, SIGNATURE_NAMESPACE, Stamp};
use openclaw_verify_core::report::{
    Report, StatementOptions, StatementSubject, statement as write_statement,
};
use openclaw_verify_core::{Error, OperatorError, Result, Verifier, text};

use crate::anchors::own_text;
use crate::cli::{Common, Format, Verb};
use crate::outputs::Form;
use crate::{operator, output, outputs, render};

/// Most bytes of an older statement that are looked at.
const MAX_OLD: u64 = 16 << 20;
/// Most bytes of a private key.
const MAX_KEY: u64 = 64 << 10;

/// What signs.
enum Key {
    None,
    Pem(StatementKey),
    Ssh(SshSigningKey),
}

/// Refuses what would not be done: a verb that makes no statement must not look as if it had made one.
pub(crate) fn refuse(common: &Common, verb: &Verb) -> Result<()> {
    let makes = match verb {
        // What was judged is a copy, and a statement would speak of the installation.
        Verb::Check(args) => args.backup.is_none(),
        Verb::Archive(_) | Verb::Skill(_) | Verb::Release(_) => true,
        // What it writes into OpenClaw's config makes the gate write statements.
        Verb::Gate(args) => args.replies() || args.setup,
        _ => false,
    };
    if common.attest.is_some() && !makes {
        return Err(Error::environment(
            "this makes no statement",
            "check (not --backup), archive, skill, release and gate do",
        ));
    }
    let writes = matches!(
        verb,
        Verb::Lock(_) | Verb::Review(_) | Verb::Update(_) | Verb::Policy(_)
    ) || matches!(verb, Verb::Release(args) if args.pin);
    if common.sign_ssh.is_some() && common.attest.is_none() && !writes && !has_rows(common, verb) {
        return Err(Error::environment(
            "--sign-ssh signs a statement, rows or what is written, and none of them is asked for",
            "name the file of a statement with --attest FILE, or ask for rows with --format jsonl",
        ));
    }
    if common.sign_ssh.is_some() && common.attest.as_deref().is_some_and(is_output) {
        return Err(Error::environment(
            "a signature has to lie beside its statement",
            "name a file with --attest FILE, or let ssh-keygen -Y sign read standard output",
        ));
    }
    // What signs standard output signs one document.
    if common.attest.as_deref().is_some_and(is_output) {
        output::keep_reports_aside();
    }
    // A key that cannot be used is found before anything is judged.
    key(common).map(drop)
}

/// Whether a call writes rows that can be signed: verbs that judge the whole installation do, in jsonl.
fn has_rows(common: &Common, verb: &Verb) -> bool {
    let judges = matches!(verb, Verb::Check(_) | Verb::Watch(_));
    let usual = matches!(verb, Verb::Watch(_)) && !operator::in_call("--format");
    let printed = usual || common.format == Format::Jsonl;
    let mut files = common.report.iter().map(|(format, _)| *format);
    judges && (printed || files.any(|format| format == Format::Jsonl))
}

/// The rows of one verdict as they are written, with a last one that signs them where the call gives a key.
pub(crate) fn signed_rows(common: &Common, rows: &str, stamp: &Stamp) -> Result<String> {
    let rows = output::escaped(rows, Format::Jsonl);
    let Some(path) = common.sign_ssh.as_ref().filter(|_| !rows.is_empty()) else {
        return Ok(rows);
    };
    let key = ssh_key(path)?;
    let armor = key
        .sign(rows.as_bytes(), SIGNATURE_NAMESPACE)
        .map_err(|why| {
            Error::environment(why.to_string(), "give another key with --sign-ssh KEY")
        })?;
    let fingerprint = key.public().fingerprint();
    let last = Event::signature(stamp, rows.lines().count(), fingerprint, armor);
    Ok(rows + &render::event::lines(&[last]))
}

/// Takes older statements and signatures away, so that none is left where this run writes none. Anything else stays, and is refused.
pub(crate) fn make_room(common: &Common) -> Result<()> {
    let Some(path) = common.attest.as_ref().filter(|path| !is_output(path)) else {
        return Ok(());
    };
    take_away(path)?;
    // Also where this run does not sign: beside new bytes an old signature would look like theirs.
    let signature = beside(path);
    if common.sign_ssh.is_none() && signature.is_symlink() {
        return Err(Error::environment(
            format!(
                "{} is a symbolic link, and would look like a signature of what is written",
                operator::shown(&signature)
            ),
            "remove it, or name another file with --attest FILE",
        ));
    }
    take_away(&signature)
}

fn take_away(path: &Path) -> Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.is_file() {
        // Where it leads, and whether it may be written to, is judged with every other output.
        return Ok(());
    }
    let cannot = |error| Error::io("look into", path, error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(MAX_OLD).read_to_end(&mut bytes).map_err(cannot)?;
    let text = String::from_utf8_lossy(&bytes);
    let statement = text.starts_with("{\"_type\":\"https://in-toto.io/Statement/v1\"")
        || (text.starts_with('{') && text.contains("\"application/vnd.dev.sigstore.bundle"))
        || text.starts_with("-----BEGIN SSH SIGNATURE-----");
    if !statement {
        return Err(Error::environment(
            format!("{} is there, and is no statement", operator::shown(path)),
            "name another file with --attest FILE",
        ));
    }
    fs::remove_file(path).map_err(|error| Error::io("remove", path, error))
}

/// The files that are written.
pub(crate) fn files(common: &Common) -> impl Iterator<Item = PathBuf> {
    let signature = common.sign_ssh.as_ref().and(common.attest.as_deref());
    let signature = signature.filter(|path| !is_output(path)).map(beside);
    common.attest.iter().cloned().chain(signature)
}

/// `<file>.sig`.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

/// Writes the statement about `report` where one was asked for.
pub(crate) fn write(
    common: &Common,
    verifier: &Verifier,
    report: &Report,
    about: &'static str,
    more: Vec<StatementSubject>,
) -> Result<()> {
    if common.attest.is_none() {
        return Ok(());
    }
    let levels = [
        (Level::Allow, common.allow.as_slice()),
        (Level::Warn, common.warn.as_slice()),
        (Level::Deny, common.deny.as_slice()),
    ];
    let now = operator::timestamp(common)?;
    let mut options = StatementOptions::new(about, now, common.fail_on.into());
    options.levels = &levels;
    options.more = more;
    for (path, text) in made(common, verifier, report, options)? {
        outputs::write(&path, &text, Form::Statement)?;
    }
    Ok(())
}

/// Looks, for a gate that replies, at what [`refuse`] and the outputs of every verb look at before anything is judged.
pub(crate) fn ready_beside_reply(
    common: &Common,
    verb: &Verb,
    read: &[PathBuf],
    under_test: impl FnOnce() -> Vec<PathBuf>,
) -> Result<()> {
    if common.attest.as_deref().is_some_and(is_output) {
        return Err(Error::environment(
            "standard output is for the reply alone",
            "name a file with --attest FILE",
        ));
    }
    refuse(common, verb)?;
    let files: Vec<(PathBuf, Form)> = files(common).map(|path| (path, Form::Statement)).collect();
    outputs::refuse(&files, read, under_test)?;
    make_room(common)
}

/// The statement about what a gate answered, ready to get its name. PASSED where the reply allows and nowhere else.
pub(crate) fn prepared(
    common: &Common,
    gate: &Gate,
    answered: &Answered,
) -> Result<Vec<outputs::Prepared>> {
    let Some(report) = &answered.report else {
        return Err(Error::environment(
            "nothing that is staged was judged, so a statement would be about nothing",
            "announcements and probes stage nothing; otherwise the reply says why",
        ));
    };
    let allowed = answered.reply.verdict() == Verdict::Allow;
    if allowed == report.fails(gate.fails_on()) {
        return Err(Error::environment(
            "the statement would not say what the reply says",
            "please report this",
        ));
    }
    // The levels of a call mean nothing to a gate.
    let now = operator::timestamp(common)?;
    let options = StatementOptions::new("staged", now, gate.fails_on());
    made(common, gate.verifier(), report, options)?
        .iter()
        .map(|(path, text)| outputs::prepare(path, text, Form::Statement))
        .collect()
}

/// The files that a statement is: itself or its bundle, and a signature beside it.
fn made(
    common: &Common,
    verifier: &Verifier,
    report: &Report,
    mut options: StatementOptions<'_>,
) -> Result<Vec<(PathBuf, String)>> {
    let Some(path) = &common.attest else {
        return Ok(Vec::new());
    };
    let key = key(common)?;
    options.program = program();
    options.inputs = verifier.trusted_files()?;
    if report.inputs.replay.is_some() {
        options.notes.push("replay not detectable".to_owned());
    }
    if common.now.is_some() {
        options.notes.push("the time was given: --now".to_owned());
    }
    let statement = write_statement(report, &options)?;
    let cannot = |why: KeyError| {
        Error::environment(format!("the key {why}"), "sign it with ssh-keygen -Y sign")
    };
    Ok(match key {
        Key::None => vec![(path.clone(), statement)],
        Key::Pem(key) => {
            let bundle = key.bundle(statement.as_bytes()).map_err(cannot)?;
            vec![(path.clone(), bundle)]
        }
        Key::Ssh(key) => {
            let signature = key
                .sign(statement.as_bytes(), FILE_NAMESPACE)
                .map_err(cannot)?;
            vec![(path.clone(), statement), (beside(path), signature)]
        }
    })
}

fn is_output(path: &Path) -> bool {
    matches!(path.to_str(), Some("-" | "/dev/stdout"))
}

fn key(common: &Common) -> Result<Key> {
    Ok(match (&common.sign_key, &common.sign_ssh) {
        (Some(path), _) => Key::Pem(read(path, StatementKey::from_pem)?),
        (None, Some(path)) => Key::Ssh(ssh_key(path)?),
        (None, None) => Key::None,
    })
}

/// The SSH key in a file.
pub(crate) fn ssh_key(path: &Path) -> Result<SshSigningKey> {
    read(path, SshSigningKey::from_text)
}

/// A private key of this user's own.
fn read<T>(path: &Path, parse: impl Fn(&str) -> std::result::Result<T, KeyError>) -> Result<T> {
    let wrong = |why: String| {
        let shown = operator::shown(path);
        // The text of the file is a secret, and is in no message.
        let error = OperatorError::whole(path, format!("{shown} {why}"));
        let word = text::shell_word(&shown).into_owned();
        Error::from(error.with_help(format!(
            "keys without a passphrase are read; for others: write the statement with --attest FILE, then \
             ssh-keygen -Y sign -n {FILE_NAMESPACE} -f {word} FILE"
        )))
    };
    let open = fs::metadata(path)
        .map(|found| found.permissions().mode() & 0o077)
        .map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if is_public(path) {
        let error = OperatorError::whole(
            path,
            format!(
                "{} is a public key, and signs nothing",
                operator::shown(path)
            ),
        );
        let mut help = "name the private key".to_owned();
        if path.extension().is_some_and(|end| end == "pub") {
            let private = operator::shown(&path.with_extension(""));
            help = format!("{help}: --sign-ssh {}", text::shell_word(&private));
        }
        return Err(Error::from(error.with_help(help)));
    }
    if open != 0 {
        return Err(wrong(
            "is a private key that other users can read: chmod 600 it".to_owned(),
        ));
    }
    parse(&own_text(path, MAX_KEY)?).map_err(|why| wrong(why.to_string()))
}

/// Whether the file is the public half of an SSH key, which lies beside the private one and is easily named in its place.
fn is_public(path: &Path) -> bool {
    let text = own_text(path, MAX_KEY).unwrap_or_default();
    let kind = text.split_whitespace().next().unwrap_or_default();
    ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"]
        .iter()
        .any(|start| kind.starts_with(start))
}

/// The digest of this program; none where the system does not say which file it is.
fn program() -> Option<Sha256Digest> {
    let file = File::open(std::env::current_exe().ok()?).ok()?;
    Sha256Digest::of_reader(file).ok()
}
