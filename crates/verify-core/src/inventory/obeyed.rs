//! Files that the config names and OpenClaw obeys without starting them: whom it believes on the network, and the page that it serves
//! to the operator in place of its own. They are settings, as the keys that name them.

use std::path::Path;

use serde_json::Value;

use super::Observation;
use super::listing::{Class, ListingBuilder};
use super::paths::{Kind, Located, Paths};
use crate::read::{self, ReadError};
use crate::text;

/// Keys whose text names a file of certificates or of known hosts. [S `loadManagedProxyTlsOptions`, `UserKnownHostsFile`]
const TRUST: [&str; 3] = ["caFile", "caPath", "knownHostsFile"];
/// Where the config names the folder of the Control UI, whose scripts run with the operator's token. [S
/// `resolveControlUiRootOverrideSync`]
const PAGES: &str = "/gateway/controlUi/root";
/// Most bytes of a file, most files of the folder, and its most levels.
const MAX_FILE: u64 = 16 << 20;
const MAX_FILES: usize = 5_000;
const MAX_DEPTH: usize = 24;

/// Adds what they hold.
pub(super) fn add(
    paths: &Paths,
    config: &Value,
    settings: &mut ListingBuilder,
    found: &mut Vec<Observation>,
) {
    let mut named = Vec::new();
    trust(&mut Vec::new(), config, &mut named);
    let mut reader = Reader {
        paths,
        settings,
        found,
        left: MAX_FILES,
    };
    for (key, written) in named {
        if let Located::At(place) = paths.locate(written)
            && paths.kind(&place) == Kind::File
        {
            reader.file(&place, &format!("file of {key}"));
        }
    }
    if let Some(root) = config.pointer(PAGES).and_then(Value::as_str)
        && let Located::At(folder) = paths.locate(root)
    {
        reader.folder(&folder, "files of gateway.controlUi.root", 0);
    }
}

/// Every key of [`TRUST`], with its text.
fn trust<'a>(path: &mut Vec<String>, value: &'a Value, found: &mut Vec<(String, &'a str)>) {
    if path.len() > MAX_DEPTH {
        return;
    }
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, inner)| (key.clone(), inner))
            .collect(),
        Value::Array(items) => (0..)
            .zip(items)
            .map(|(at, inner): (usize, _)| (format!("[{at}]"), inner))
            .collect(),
        _ => return,
    };
    for (key, inner) in inner {
        let names = TRUST.contains(&key.as_str());
        path.push(key);
        match inner.as_str().filter(|_| names) {
            Some(written) => found.push((path.join("."), written)),
            None => trust(path, inner, found),
        }
        path.pop();
    }
}

struct Reader<'a> {
    paths: &'a Paths,
    settings: &'a mut ListingBuilder,
    found: &'a mut Vec<Observation>,
    /// Files that may still be read.
    left: usize,
}

impl Reader<'_> {
    fn file(&mut self, place: &Path, shown: &str) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        if self.left == 0 {
            let why = format!("more than {MAX_FILES} files are named; the rest was not looked at");
            self.refuse(place, why);
        }
        self.paths.looked_at(place);
        let real = self.paths.real(place).map_err(ReadError::from);
        match real.and_then(|real| read::bytes(&real, MAX_FILE)) {
            Ok(bytes) => self.settings.add_bytes(shown, Class::Guard, &bytes),
            Err(error) => self.refuse(place, error.to_string()),
        }
    }

    fn folder(&mut self, folder: &Path, shown: &str, depth: usize) {
        if self.paths.kind(folder) != Kind::Folder {
            return;
        }
        if depth > MAX_DEPTH {
            self.refuse(folder, "has too many levels".to_owned());
            return;
        }
        self.paths.listed(folder);
        let mut entries = match self.paths.list(folder) {
            Ok(entries) => entries,
            Err(error) => return self.refuse(folder, error.to_string()),
        };
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        for entry in entries {
            let name = entry.path.file_name().unwrap_or_default();
            let shown = format!("{shown}/{}", text::visible(&name.to_string_lossy()));
            match self.paths.kind(&entry.path) {
                Kind::Folder => self.folder(&entry.path, &shown, depth + 1),
                _ => self.file(&entry.path, &shown),
            }
        }
    }

    fn refuse(&mut self, place: &Path, why: String) {
        self.found.push(Observation::Unreadable {
            place: self.paths.shown(place),
            why,
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_they_hold_is_a_setting() {
        let dir = tempfile::tempdir().expect("temp dir");
        let paths = Paths::plain(dir.path());
        let at = |name: &str| paths.state.join(name);
        std::fs::create_dir_all(at("ui/assets")).expect("folder");
        let write = |name: &str, text: &str| std::fs::write(at(name), text).expect("file");
        write("ca.pem", "one");
        write("ui/index.html", "<script src=assets/a.js>");
        write("ui/assets/a.js", "a()");
        let config = json!({
            "proxy": { "tls": { "caFile": at("ca.pem") } },
            "agents": { "list": [{ "sandbox": { "ssh": { "knownHostsFile": "/not/there" } } }] },
            "gateway": { "controlUi": { "root": at("ui") } },
        });
        let digest = || {
            let (mut settings, mut found) = (ListingBuilder::default(), Vec::new());
            add(&paths, &config, &mut settings, &mut found);
            assert!(found.is_empty(), "{found:?}");
            settings.finish_unless_empty().expect("settings").digest()
        };
        let before = digest();
        for (name, text) in [
            ("ca.pem", "two"),
            ("ui/assets/a.js", "b()"),
            ("ui/b.js", ""),
        ] {
            let old = std::fs::read(at(name)).ok();
            write(name, text);
            assert_ne!(digest(), before, "{name}");
            match old {
                Some(old) => std::fs::write(at(name), old).expect("file"),
                None => std::fs::remove_file(at(name)).expect("file"),
            }
            assert_eq!(digest(), before, "{name}");
        }
    }
}
