//! Settings of interpreters that decide which code an import means: `deno.json`, `bunfig.toml`, `tsconfig.json`, `package.json`.

use std::path::{Path, PathBuf};

use super::super::paths::{Kind as Entry, normalize};
use super::imports::Scan;
use crate::json;

/// Most names in one file.
const MAX_NAMES: usize = 2000;

/// The local files that settings name; folders are taken whole, and what is fetched is said.
pub(super) fn named(scan: &mut Scan<'_>, file: &Path, content: &str) -> Vec<PathBuf> {
    let folder = file.parent().unwrap_or(file);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // A list of what was fetched, with digests, and what describes a package say nothing of other files.
    let content = match &*name {
        name if name.ends_with("lock") => return Vec::new(),
        "package.json" => match imports_of(content) {
            Some(imports) => imports,
            None => return Vec::new(),
        },
        _ => content.to_owned(),
    };
    let mut found = scan.mentioned(&content, folder);
    let mut key = "";
    for text in quoted(&content).take(MAX_NAMES) {
        // The address of a schema is read by editors only.
        if std::mem::replace(&mut key, text) == "$schema" {
            continue;
        }
        let fetched = ["https:", "http:", "npm:", "jsr:"]
            .iter()
            .any(|scheme| text.starts_with(scheme));
        if fetched && name.starts_with("deno") {
            scan.say(file, "maps imports to what is fetched");
        }
        if !text.starts_with(['.', '/']) {
            continue;
        }
        let text = text.split('*').next().unwrap_or_default();
        let place = normalize(&folder.join(text));
        match scan.paths.kind(&place) {
            Entry::File => found.extend(scan.paths.real(&place)),
            // The folder of the script itself is read by what the script imports.
            Entry::Folder if place != folder && !folder.starts_with(&place) => {
                scan.folders.extend(scan.paths.real(&place));
            }
            _ => {}
        }
    }
    if name == "bunfig.toml" && content.contains("preload") && found.is_empty() {
        scan.say(file, "names code that is loaded first, which is not read");
    }
    found
}

/// The value of `imports` of a `package.json`, as text.
fn imports_of(content: &str) -> Option<String> {
    let parsed = json::last_wins(content).ok()?;
    parsed.value.get("imports").map(ToString::to_string)
}

/// Texts between double or single quotes.
fn quoted(content: &str) -> impl Iterator<Item = &str> {
    let parts = content.split(['"', '\'']);
    parts.filter(|part| !matches!(part.trim(), "" | ":" | ",") && part.len() < 1024)
}
