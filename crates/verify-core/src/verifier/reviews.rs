//! The operator's reviews file, and those of other people that policy imports.

use std::path::Path;

use jiff::civil::Date;

use crate::error::{Error, OperatorError, Result};
use crate::evidence::Bases;
use crate::evidence::review::Given;
use crate::operator_file;
use crate::policy::{Import, ImportLocation, Policy};
use crate::review::diff::CostLimits;
use crate::review::{ReviewIndex, Reviews};
use crate::text;

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
    /// policy names by address are kept by digest.
    pub(super) fn read(own: Option<(&Path, &str)>, policy: &Policy, fetched: Option<&Path>) -> Result<Self> {
        let own = match own {
            Some((path, text)) => Reviews::parse(path, text)?,
            None => Reviews::default(),
        };
        let imports = policy.imports.iter().map(|import| read(import, fetched)).collect::<Result<_>>()?;
        Ok(Self { own, imports })
    }

    /// The index over all of them.
    pub(super) fn index(&self, today: Date) -> ReviewIndex<'_> {
        let imports: Vec<(&str, &Reviews)> = self.imports.iter().map(|import| (import.name.as_str(), &import.reviews)).collect();
        ReviewIndex::build(&self.own, &imports, today)
    }

    /// The index with what findings about it need. `own` is how the operator's file is shown.
    pub(super) fn given<'r>(&'r self, own: &'r str, today: Date, bases: Bases<'r>, limits: CostLimits) -> Given<'r> {
        Given {
            index: self.index(today),
            own,
            imports: self.imports.iter().map(|import| (import.name.as_str(), import.shown.as_str())).collect(),
            today,
            bases,
            limits,
        }
    }
}

fn read(import: &Import, fetched: Option<&Path>) -> Result<Imported> {
    let name = text::excerpt(&import.name, 80);
    let (path, shown) = match &import.location {
        ImportLocation::Path(path) => (path.clone(), path.to_string_lossy().into_owned()),
        ImportLocation::Url(url) => {
            let kept = fetched.map(|folder| folder.join(format!("{}.toml", import.digest.hex())));
            match kept.filter(|path| path.is_file()) {
                Some(path) => (path, url.clone()),
                None => {
                    return Err(Error::environment(
                        format!("the imported reviews `{name}` at {} are not in the cache", text::excerpt(url, 300)),
                        "fetch the file yourself and import it by `path`, with its digest",
                    ));
                }
            }
        }
    };
    let Some(text) = operator_file::read(&path)? else {
        let message = format!("the imported reviews `{name}` are not there");
        let help = format!("correct `path` in line {} of the policy, or remove the import", import.line);
        return Err(OperatorError::whole(&path, message).with_help(help).into());
    };
    let reviews = Reviews::parse_import(import, &path, &text)?;
    Ok(Imported { name: import.name.clone(), shown: text::excerpt(&shown, 300), reviews })
}
