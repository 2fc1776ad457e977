//! Files that harden an installation, with its paths in place of those of the example.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use openclaw_verify_core::{Error, Result, text};

use crate::cli::{Common, Profile};
use crate::operator;

const APPARMOR: &str = include_str!("../profiles/openclaw.apparmor");
const UNIT: &str = include_str!("../profiles/openclaw-gateway.service");
const DROP_IN: &str = include_str!("../profiles/openclaw-gateway-hardening.conf");
const COMPOSE: &str = include_str!("../profiles/docker-compose.hardened.yml");
const CONFIG: &str = include_str!("../profiles/openclaw-hardened.json5");

/// One of them. The unit and its drop-in are one text, which is a unit too.
pub(crate) fn filled(common: &Common, profile: Profile) -> Result<String> {
    if profile == Profile::Config {
        return Ok(CONFIG.to_owned());
    }
    let installation = operator::installation(common)?;
    let state = plain(&installation.state_dir)?;
    let home = operator::openclaw_home(common, &installation.named)
        .or_else(|| installation.state_dir.parent().map(Path::to_owned));
    let home = home.as_deref().map(plain).transpose()?;
    let host = installation.host.folder.as_deref().map(plain).transpose()?;
    let user = std::fs::metadata(&installation.state_dir)
        .ok()
        .and_then(|found| name_of(found.uid()));
    let mut text = match profile {
        Profile::Apparmor => APPARMOR.replace("=@{OC_HOME}/.openclaw", &format!("={state}")),
        Profile::Systemd => format!("{UNIT}\n{DROP_IN}"),
        _ => COMPOSE.replace("/srv/openclaw/state", &state),
    };
    if profile != Profile::Compose {
        text = text.replace("/home/openclaw/.openclaw", &state);
        if let Some(home) = &home {
            text = text.replace("/home/openclaw", home);
        }
    }
    if let Some(host) = &host {
        let above = Path::new(host)
            .parent()
            .and_then(Path::to_str)
            .unwrap_or(host);
        text = text.replace("/usr/lib/node_modules/openclaw", host);
        text = text.replace(
            "=/usr/lib/node_modules ",
            &format!("={above} /usr/lib/node_modules "),
        );
    }
    if let Some(user) = user {
        text = text.replace("User=openclaw", &format!("User={user}"));
        text = text.replace("Group=openclaw\n", "");
    }
    if let Some(folder) = &common.config {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        text = text.replace("/etc/openclaw-verify", &plain(&real)?);
    }
    if let Ok(program) = std::env::current_exe() {
        text = text.replace("/usr/bin/openclaw-verify", &plain(&program)?);
    }
    Ok(text)
}

/// A path that means itself in every one of these forms.
fn plain(path: &Path) -> Result<String> {
    let shown = path.to_string_lossy();
    let is_plain = shown
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/._-+@".contains(&b));
    if is_plain && path.to_str().is_some() {
        return Ok(shown.into_owned());
    }
    Err(Error::environment(
        format!(
            "the path {} cannot be written into such a file as it is",
            text::excerpt(&shown, 200)
        ),
        "print it for a path of letters, digits and ._-+@, and put your own in by hand",
    ))
}

/// The name of a user other than root, who should not run it.
fn name_of(uid: u32) -> Option<String> {
    if uid == 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let id = uid.to_string();
    let line = users
        .lines()
        .find(|line| line.split(':').nth(2) == Some(id.as_str()))?;
    let name = line.split(':').next()?;
    let is_plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    is_plain.then(|| name.to_owned())
}
