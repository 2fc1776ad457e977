//! Volta and mise: `openclaw` is a link to a program of theirs, which looks up what to start by the name that it was called with.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::NotFollowed;
use crate::digest::Sha256Digest;
use crate::read;

/// Most bytes of Volta's record of a command.
const MAX_RECORD: u64 = 64 << 10;
/// Most folders of mise that are looked at.
const MAX_VERSIONS: usize = 1_000;

/// What such a program starts.
#[derive(Debug)]
pub(super) struct Behind {
    /// The command that it starts.
    pub(super) command: PathBuf,
    /// What else decides that, as a key of the definition.
    pub(super) listed: Option<(&'static str, Value)>,
}

/// What the program `real`, called as `found`, starts.
pub(super) fn behind(found: &Path, real: &Path) -> Result<Behind, NotFollowed> {
    let name = real.file_name().and_then(OsStr::to_str);
    let own = found.file_name() == Some(OsStr::new("openclaw"));
    let folder = |called: &str| {
        let folder = found.parent().filter(|_| own && is_program(real))?;
        (folder.file_name() == Some(OsStr::new(called)))
            .then(|| folder.parent())
            .flatten()
    };
    match name {
        Some("volta-shim") => {
            let words = "a link to Volta's starter; `volta which openclaw` names what it starts";
            folder("bin").and_then(volta).ok_or(words.into())
        }
        Some("mise") => {
            let words = "a link to mise; `mise which openclaw` names what it starts";
            folder("shims").and_then(mise).ok_or(words.into())
        }
        _ => Err("a program".into()),
    }
}

/// Volta keeps each package in a folder of its own, and says in a record which one a command is from. [S volta-layout v4]
fn volta(home: &Path) -> Option<Behind> {
    let record = read::text(&home.join("tools/user/bins/openclaw.json"), MAX_RECORD).ok()?;
    let parsed = crate::json::last_wins(&record).ok()?.value;
    let says = |key: &str| parsed.get(key).and_then(Value::as_str) == Some("openclaw");
    (says("name") && says("package")).then(|| Behind {
        command: home.join("tools/image/packages/openclaw/bin/openclaw"),
        listed: Some((
            "Volta's record",
            json!({ "sha256": Sha256Digest::of(record.as_bytes()).hex() }),
        )),
    })
}

/// mise keeps each version of each tool in a folder, and chooses by the folder that it is called in. Only where there is no choice is
/// it known what it starts. [S mise `shims.rs`, `backend/npm.rs`]
fn mise(data: &Path) -> Option<Behind> {
    let mut commands: Vec<PathBuf> = Vec::new();
    let tools = ["npm-openclaw", "node"];
    for versions in tools.map(|tool| data.join("installs").join(tool)) {
        for version in std::fs::read_dir(versions)
            .into_iter()
            .flatten()
            .take(MAX_VERSIONS)
        {
            // `latest`, `22` and their like are links to a version.
            let version = version.ok()?.path();
            if version.is_symlink() {
                continue;
            }
            let command = version.join("bin/openclaw");
            if command.canonicalize().is_ok() {
                commands.push(command);
            }
        }
    }
    match commands.as_slice() {
        [command] => Some(Behind {
            command: command.clone(),
            listed: None,
        }),
        _ => None,
    }
}

/// Whether a file starts as a program for Linux or macOS does. A script of that name is not theirs.
fn is_program(file: &Path) -> bool {
    use std::io::Read as _;
    const MAGIC: [[u8; 4]; 4] = [
        *b"\x7fELF",
        [0xcf, 0xfa, 0xed, 0xfe],
        [0xca, 0xfe, 0xba, 0xbe],
        [0xca, 0xfe, 0xba, 0xbf],
    ];
    let mut start = [0; 4];
    read::open(file)
        .is_ok_and(|(mut file, _)| file.read_exact(&mut start).is_ok() && MAGIC.contains(&start))
}
