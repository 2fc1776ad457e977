//! The operator's reviews file, and those of other people that policy imports.

use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::digest::Sha256Digest;
use crate::error::{Error, Input, OperatorError, Result};
use crate::evidence::BaseSources;
use crate::evidence::review::ReviewContext;
use crate::operator_file;
use crate::policy::{Import, ImportLocation, Policy};
use crate::review::diff::CostLimits;
use crate::review::{ImportStore, ReviewIndex, Reviews};
use crate::text;
use crate::toml_file::harmless;

/// All reviews of a run.
pub(super) struct ReviewFiles {
    /// The operator's own.
    pub(super) own: Reviews,
    imports: Vec<Imported>,
}

struct Imported {
    name: String,
    /// How its file is named in reports: as policy names it.
    shown: String,
    reviews: Reviews,
}

impl ReviewFiles {
    /// Reads the operator's file, whose text is given, and every import of the policy. `fetched` is the folder in which imports that
    /// policy names by address are kept by digest; `policy_text` is what errors about a pinned digest point into.
    pub(super) fn read(
        own: Option<(&Path, &str)>,
        policy: &Policy,
        policy_text: PolicyText<'_>,
        fetched: Option<&Path>,
    ) -> Result<Self> {
        let own = match own {
            Some((path, text)) => Reviews::parse(path, text)?,
            None => Reviews::default(),
        };
        let imports = policy
            .imports
            .iter()
            .map(|import| read(import, policy_text, fetched))
            .collect::<Result<_>>()?;
        Ok(Self { own, imports })
    }

    /// The index over all of them.
    pub(super) fn index(&self, today: Date) -> ReviewIndex<'_> {
        let imports: Vec<(&str, &Reviews)> = self
            .imports
            .iter()
            .map(|import| (import.name.as_str(), &import.reviews))
            .collect();
        ReviewIndex::build(&self.own, &imports, today)
    }

    /// The index with what findings about it need. `own` is how the operator's file is shown.
    pub(super) fn given<'r>(
        &'r self,
        own: &'r str,
        today: Date,
        bases: BaseSources<'r>,
        limits: CostLimits,
    ) -> ReviewContext<'r> {
        ReviewContext {
            index: self.index(today),
            own,
            imports: self
                .imports
                .iter()
                .map(|import| (import.name.as_str(), import.shown.as_str()))
                .collect(),
            today,
            bases,
            limits,
        }
    }
}

/// What came of an imported file that policy names by address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshedImport {
    /// The operator's name for it.
    pub name: String,
    /// Its address, safe to show.
    pub address: String,
    /// What came of it.
    pub state: State,
}

/// What came of fetching an imported file. A changed one is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It was not kept before.
    Fetched,
    /// It is served as it was kept.
    Unchanged,
    /// It was not served, for this reason; what is kept is what policy pins.
    Unreachable(String),
}

/// The error that an import is another file than the one that policy pins. `more` says what is known of the other.
pub(super) fn changed(
    import: &Import,
    policy: Option<(&Path, &str)>,
    place: &str,
    found: Sha256Digest,
    more: &str,
) -> OperatorError {
    let message = format!(
        "the import `{}` is not the file that policy pins: {place} is {found} instead of {}",
        import.name, import.digest
    );
    let error = match policy {
        Some((path, text)) => {
            OperatorError::at(path, &harmless(text), import.digest_at.clone(), message)
        }
        None => OperatorError::whole(Path::new(place), message),
    };
    let line = policy.map_or(import.line, |(_, text)| {
        text.get(..import.digest_at.start)
            .map_or(import.line, |before| before.matches('\n').count() + 1)
    });
    let gap = if more.is_empty() { "" } else { "\n" };
    error
        .with_label("pinned")
        .with_help(format!("read what changed, then write `digest = \"{found}\"` in line {line} of the policy{gap}{more}"))
}

type PolicyText<'p> = Option<(&'p Path, &'p str)>;

fn read(import: &Import, policy: PolicyText<'_>, fetched: Option<&Path>) -> Result<Imported> {
    let (path, shown, text) = match &import.location {
        ImportLocation::Path(path) => from_path(import, path, policy)?,
        ImportLocation::Url(url) => {
            let store = fetched.map(ImportStore::new);
            let Some((store, text)) =
                store.and_then(|store| Some((store.clone(), store.get(&import.digest)?)))
            else {
                return Err(Error::needs(
                    format!(
                        "the imported reviews `{}` at {} are not in the cache",
                        import.name,
                        text::excerpt(url, 300)
                    ),
                    "import the file by `path`, or fetch them",
                    Input::Imports,
                ));
            };
            (store.path(&import.digest), url.clone(), text)
        }
    };
    let reviews = Reviews::parse(&path, &text).map_err(|mut error| {
        error.pinned = true;
        error
    })?;
    Ok(Imported {
        name: import.name.clone(),
        shown: text::excerpt(&shown, 300),
        reviews,
    })
}

fn from_path(
    import: &Import,
    path: &Path,
    policy: PolicyText<'_>,
) -> Result<(PathBuf, String, String)> {
    let Some(text) = operator_file::read(path)? else {
        let message = format!("the imported reviews `{}` are not there", import.name);
        let help = format!(
            "correct `path` in line {} of the policy, or remove the import",
            import.line
        );
        return Err(OperatorError::whole(path, message).with_help(help).into());
    };
    let shown = path.to_string_lossy().into_owned();
    let found = Sha256Digest::of(text.as_bytes());
    if found != import.digest {
        return Err(changed(import, policy, &text::excerpt(&shown, 300), found, "").into());
    }
    Ok((path.to_owned(), shown, text))
}
