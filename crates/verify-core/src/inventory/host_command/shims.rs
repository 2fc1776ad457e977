//! Scripts of npm's `cmd-shim` and of pnpm.
//!
//! Every version of them writes the same text but for two values, the path of what is started and the folders that Node searches also.
//! The table holds the SHA-256 of that text, measured by installing a package with each version; comments and empty lines, which change
//! often and do nothing, are left out.

use std::path::PathBuf;
use std::sync::LazyLock;

use crate::digest::Sha256Digest;

/// Digest, generator, and whether it follows the links that lead to it before it looks for what it starts.
const TABLE: &str = include_str!("../tables/shims.tsv");

static KNOWN: LazyLock<Vec<(&str, &str, bool)>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let (digest, generator, links) = (fields.next()?, fields.next()?, fields.next()?);
            Some((digest, generator, links == "resolved"))
        })
        .collect()
});

/// What stands in the digested text in place of the two values.
const TARGET: &str = "{target}";
const NODE_PATH: &str = "{node-path}";

/// A script of a known generator.
#[derive(Debug)]
pub(super) struct Shim {
    pub(super) generator: &'static str,
    /// What it starts, relative to its own folder.
    pub(super) target: PathBuf,
    /// Folders that it adds to those that Node searches.
    pub(super) node_path: Vec<PathBuf>,
    /// Whether its own folder is the one behind all links to it.
    pub(super) resolves_links: bool,
}

/// Reads a script; none where it is not exactly one of the known.
pub(super) fn parse(script: &str) -> Option<Shim> {
    let (masked, target, node_path) = masked(script)?;
    let digest = Sha256Digest::of(masked.as_bytes()).hex();
    let (_, generator, resolves_links) = KNOWN.iter().find(|(known, _, _)| *known == digest)?;
    Some(Shim {
        generator,
        target: PathBuf::from(target),
        node_path: node_path
            .iter()
            .flat_map(|list| list.split(':'))
            .map(PathBuf::from)
            .collect(),
        resolves_links: *resolves_links,
    })
}

/// The text that the table has digests of, and the two values.
fn masked(script: &str) -> Option<(String, &str, Option<&str>)> {
    // The author of these words would choose which of the places holds the value.
    if script.contains(TARGET) || script.contains(NODE_PATH) {
        return None;
    }
    let target = between(
        script,
        &[
            ("\n  exec node  \"$basedir/", "\" \"$@\""),
            ("\n  exec node  \"$basedir_abs/", "\" \"$@\""),
            ("\n  exec node  \"$basedir_abs\"/'", "' \"$@\""),
        ],
    )?;
    let node_path = between(
        script,
        &[
            ("\n  export NODE_PATH=\"", "\"\n"),
            ("\n  export NODE_PATH='", "'\n"),
        ],
    );
    // Inside quotes these would be read by the shell, or end them; and an absolute path is none that they write.
    let plain =
        |value: &str| !value.is_empty() && !value.contains(['"', '\'', '$', '`', '\\', '\n']);
    if !plain(target) || target.starts_with('/') || node_path.is_some_and(|list| !plain(list)) {
        return None;
    }
    let mut lines = script.split('\n');
    let mut text = format!("{}\n", lines.next()?);
    for line in lines.filter(|line| !line.is_empty() && !line.trim_start().starts_with('#')) {
        text.push_str(line);
        text.push('\n');
    }
    // The longer first, in case that one holds the other.
    let mut values = vec![(target, TARGET)];
    values.extend(node_path.map(|list| (list, NODE_PATH)));
    values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    for (value, mask) in values {
        text = text.replace(value, mask);
    }
    Some((text, target, node_path))
}

/// What is between the first pair that fits.
fn between<'a>(text: &'a str, pairs: &[(&str, &str)]) -> Option<&'a str> {
    pairs.iter().find_map(|(before, after)| {
        let (_, rest) = text.split_once(before)?;
        Some(rest.split_once(after)?.0)
    })
}

/// The digest that the table needs for a script.
#[cfg(test)]
pub(super) fn digest_of(script: &str) -> Option<String> {
    masked(script).map(|(text, _, _)| Sha256Digest::of(text.as_bytes()).hex())
}
