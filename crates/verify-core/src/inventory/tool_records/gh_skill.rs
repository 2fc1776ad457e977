//! What `gh skill` writes into the front matter of a `SKILL.md` that it installs: `metadata.github-repo`, `-ref`, `-path`, `-tree-sha` and,
//! for a pinned one, `-pinned`. [R published SKILL.md files of GitHub CLI 2.9x]
//!
//! The id is that of the source's folder, before the front matter was written anew. So the installed folder has another one, always, and
//! from it the first cannot be made again: nothing is compared.

use super::skill_lock::is_sha1;
use super::{Agreement, SHOWN, ToolRecord};
use crate::inventory::frontmatter::FrontMatter;
use crate::text;

/// What the front matter of the file at `place` says; none where `gh skill` did not write it.
pub(in crate::inventory) fn read(front: &FrontMatter, place: &str) -> Option<ToolRecord> {
    let field = |key: &str| front.metadata_text(key);
    let repository = field("github-repo")?;
    let mut says = text::excerpt(repository, SHOWN);
    for (before, key) in [
        ("@", "github-ref"),
        (" ", "github-path"),
        (" tree ", "github-tree-sha"),
    ] {
        if let Some(value) = field(key) {
            says.push_str(before);
            says.push_str(&text::excerpt(value, SHOWN));
        }
    }
    let why = match field("github-tree-sha") {
        Some(id) if is_sha1(id) => {
            "the git tree is that of the source, before gh skill wrote this front matter into it"
        }
        Some(_) => "its github-tree-sha is not the id of a git tree",
        None => "it has no github-tree-sha",
    };
    Some(ToolRecord {
        tool: "gh skill",
        place: place.to_owned(),
        says,
        agreement: Agreement::not_compared(why),
    })
}
