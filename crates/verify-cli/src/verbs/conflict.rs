//! A file of the operator with git's marks of a conflict, for the verbs that finish the merge.

use std::fs::File;
use std::path::{Path, PathBuf};

use openclaw_verify_core::{Error, Result, operator_file, text};

use crate::cli::Common;
use crate::operator::Files;
use crate::{ask, attest, operator, output, signed};

/// The file, which no other writer changes while this lives.
pub(super) struct Conflict {
    pub(super) path: PathBuf,
    /// How the path is shown.
    pub(super) shown: String,
    pub(super) text: String,
    _only_writer: Option<File>,
}

impl Conflict {
    /// The file that `which` picks, and that `option` names. Needs no installation.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub(super) fn of(
        common: &Common,
        which: impl FnOnce(Files) -> PathBuf,
        option: &str,
    ) -> Result<Self> {
        let under_test = super::under_test(operator::installation(common).ok().as_ref(), common);
        let path = which(operator::files(common, &under_test)?);
        let shown = operator::shown(&path);
        let only_writer = operator::only_writer(&path)?;
        let text = operator_file::read(&path)?.ok_or_else(|| {
            Error::environment(
                format!("{shown}: there is no such file"),
                format!("name the folder with --config, or the file with {option}"),
            )
        })?;
        Ok(Self {
            path,
            shown,
            text,
            _only_writer: only_writer,
        })
    }

    /// Asks whether to write it, unless `yes` says so. Says where nothing is written.
    pub(super) fn confirmed(&self, yes: bool, question: &str) -> Result<bool> {
        let confirmed = yes || ask::confirmed(question)?;
        if !confirmed {
            output::stderr("nothing was written");
        }
        Ok(confirmed)
    }

    /// The question, by whether the other side adds anything.
    pub(super) fn question(&self, adds: bool) -> String {
        match adds {
            false => format!(
                "the other side adds nothing; finish the merge of {}?",
                self.shown
            ),
            true => format!("finish the merge of {} like this?", self.shown),
        }
    }

    /// Says that it was written, `what` is in it, and what git is told then.
    pub(super) fn say_written(&self, what: &str) -> Result<()> {
        let name = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            text::shell_word(&name).into_owned()
        };
        let signature = match signed::is_signed(&self.path)? {
            true => format!(" {}", name(&attest::beside(&self.path))),
            false => String::new(),
        };
        output::stderr(&format!(
            "wrote {}{what}; for git it is resolved after: git add {}{signature}",
            self.shown,
            name(&self.path)
        ));
        Ok(())
    }
}
