//! The first policy of a new operator, and exceptions as text.

use std::fmt::Write as _;

use super::{Exception, Preset};
use crate::toml_file::quote;

/// A policy with this preset and these exceptions, for an operator who has none.
#[must_use]
pub fn starter(preset: Preset, exceptions: &[Exception]) -> String {
    let mut out = String::from(
        "# What may run here. Every key is in docs/file-formats.md; the preset is the base, keys here override it.\n",
    );
    let _ = write!(out, "version = 1\npreset = {}\n", quote(preset.as_str()));
    exceptions.iter().for_each(|exception| render(&mut out, exception));
    out
}

fn render(out: &mut String, exception: &Exception) {
    let mut text = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(out, "{key} = {}", quote(&value));
        }
    };
    let allow: Vec<String> = exception.allow.iter().map(|id| quote(id)).collect();
    text("\n[[exception]]\npackage", Some(exception.package.to_string()));
    text("tree", exception.tree.map(|d| d.to_string()));
    text("definition", exception.definition.map(|d| d.to_string()));
    text("version", exception.version.clone());
    text("dependencies", exception.dependencies.map(|d| d.to_string()));
    let _ = writeln!(out, "allow = [{}]", allow.join(", "));
    let _ = writeln!(out, "reason = {}\nuntil = {}", quote(&exception.reason), exception.until);
}
