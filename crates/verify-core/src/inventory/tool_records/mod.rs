//! What other tools wrote down about an installed skill: their lock files beside the skills, and the front matter of `gh skill`.
//!
//! The user who runs OpenClaw, and so its agent, can write every one of them. So none is believed: agreement is shown and changes no verdict,
//! a contradiction is a finding. What such a file says is read strictly and bounded, and a file that cannot be read is named in
//! `notCovered`.

mod apm;
mod gh_skill;
mod skill_lock;
#[cfg(test)]
mod tests;
mod toolhive;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::paths::Paths;
use super::skill_record::MAX_LOCK;
use super::{NotCovered, NotCoveredGroup};
use crate::error::Malformed;
use crate::read::ReadError;
use crate::text;
use crate::tree::TreeSpec;

pub(super) use gh_skill::read as gh_skill;

/// Most bytes of a text of such a record that are shown.
const SHOWN: usize = 200;

/// What another tool wrote down about a subject, and whether it is what is there. Never evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ToolRecord {
    /// The tool: `skills`, `gh skill`, `toolhive` or `apm`.
    pub tool: &'static str,
    /// The file, safe to show.
    pub place: String,
    /// From where the tool took the subject, as it says; safe to show.
    pub says: String,
    /// Whether that is what is there.
    #[serde(flatten)]
    pub agreement: Agreement,
}

/// Whether a record is about what is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "agreement")]
#[non_exhaustive]
pub enum Agreement {
    /// What could be recomputed is the same.
    Agrees,
    /// It is not.
    Differs {
        /// What was compared: `hash`, `git tree`, or a file.
        what: String,
        /// What the record says, safe to show.
        recorded: String,
        /// What is there, safe to show.
        found: String,
        /// The tool itself installs something else than what it recorded, so an honest skill may differ.
        rough: bool,
    },
    /// Nothing of it can be recomputed from what is installed.
    NotCompared {
        /// Why not, safe to show.
        why: String,
    },
}

impl ToolRecord {
    /// A record of `skills-lock.json` whose hash is that of the files.
    pub(super) fn skills_lock(place: String) -> Self {
        Self {
            tool: "skills",
            place,
            says: "the hash of the installed files".to_owned(),
            agreement: Agreement::Agrees,
        }
    }
}

impl Agreement {
    /// The outcome of comparing two texts.
    fn of(what: &str, recorded: &str, found: &str, rough: bool) -> Self {
        if recorded == found {
            return Self::Agrees;
        }
        Self::Differs {
            what: what.to_owned(),
            recorded: text::excerpt(recorded, SHOWN),
            found: text::excerpt(found, SHOWN),
            rough,
        }
    }

    fn not_compared(why: impl Into<String>) -> Self {
        Self::NotCompared { why: why.into() }
    }
}

/// One skill, as the records of other tools may name it.
pub(super) struct Installed<'a> {
    /// Its folder as it was reached.
    pub(super) folder: &'a Path,
    /// Its folder after all symlinks.
    pub(super) real: &'a Path,
    /// The folder whose locks are about it: its workspace.
    pub(super) base: Option<&'a Path>,
    /// What its digest covers.
    pub(super) tree: Option<&'a TreeSpec>,
}

impl Installed<'_> {
    fn folder_name(&self) -> Option<&str> {
        self.folder.file_name()?.to_str()
    }

    /// Its folder below `base`, `/` between names.
    fn below(&self, base: &Path) -> Option<&str> {
        self.folder.strip_prefix(base).ok()?.to_str()
    }
}

/// What the locks beside `skills` say of each of them, in their order. `home` is the home folder whose `~/.openclaw` is judged.
pub(super) fn of(
    skills: &[Installed<'_>],
    bases: &[&PathBuf],
    home: Option<&Path>,
    paths: &Paths,
    not_covered: &mut Vec<NotCovered>,
) -> Vec<Vec<ToolRecord>> {
    let mut found = vec![Vec::new(); skills.len()];
    let mut read = |file: &Path, parse: &mut dyn FnMut(&str, &str) -> Result<(), Malformed>| {
        let place = paths.shown(file);
        let why = match paths.text(file, MAX_LOCK) {
            Ok(text) => match parse(&text, &place) {
                Ok(()) => return,
                Err(why) => why,
            },
            Err(ReadError::NotFound) => return,
            Err(error) => error.into(),
        };
        not_covered.push(NotCovered::new(
            NotCoveredGroup::NotSeen,
            place,
            format!(
                "the lock of another tool, of which nothing is believed; it is not compared: {why}"
            ),
        ));
    };
    let mut add = |numbered: Vec<(usize, ToolRecord)>| {
        for (number, record) in numbered {
            if let Some(records) = found.get_mut(number) {
                records.push(record);
            }
        }
    };
    for base in bases {
        read(&base.join(toolhive::LOCK), &mut |text, place| {
            add(toolhive::compare(text, place, base, skills)?);
            Ok(())
        });
        read(&base.join(apm::LOCK), &mut |text, place| {
            add(apm::compare(text, place, base, skills)?);
            Ok(())
        });
    }
    if let Some(home) = home {
        read(&home.join(skill_lock::LOCK), &mut |text, place| {
            add(skill_lock::compare(text, place, skills)?);
            Ok(())
        });
        read(&home.join(apm::GLOBAL_LOCK), &mut |text, place| {
            add(apm::compare(text, place, home, skills)?);
            Ok(())
        });
    }
    found
}
