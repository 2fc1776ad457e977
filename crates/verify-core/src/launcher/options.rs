//! Flags of launchers, read up to the first word that is none. Nothing is guessed: a flag that is not listed is an error.

use super::NotExact;
use super::known::{listed, variable_inside};

/// One flag that is understood.
pub(super) struct Flag {
    /// Separated by blanks.
    names: &'static str,
    takes: Takes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    /// A value that does not decide what is fetched.
    Value,
    /// The version of an interpreter; anything else could name another program.
    Version,
    /// The package to fetch.
    Package,
    /// A package to fetch beside the one that is started.
    Extra,
    /// `NAME=value` or `NAME` of the environment.
    Variable,
}

pub(super) const fn flag(names: &'static str, takes: Takes) -> Flag {
    Flag { names, takes }
}

/// What stands before the first word that is no flag.
#[derive(Default)]
pub(super) struct Options<'a> {
    pub(super) packages: Vec<&'a str>,
    pub(super) extras: Vec<&'a str>,
    /// The first word that is no flag, and what follows.
    pub(super) rest: Vec<&'a str>,
}

/// Reads flags up to the first word that is none, or `--`. An unknown flag is an error.
pub(super) fn options<'a>(args: &[&'a str], flags: &[Flag]) -> Result<Options<'a>, NotExact> {
    let mut found = Options::default();
    let mut at = 0;
    while let Some(&arg) = args.get(at) {
        at += 1;
        if arg == "--" {
            found.rest.extend(args.get(at..).unwrap_or_default());
            break;
        }
        if !arg.starts_with('-') || arg == "-" {
            found.rest.extend(args.get(at - 1..).unwrap_or_default());
            break;
        }
        let (name, inline) = arg
            .split_once('=')
            .map_or((arg, None), |(name, value)| (name, Some(value)));
        let takes = flags
            .iter()
            .find(|f| listed(f.names, name))
            .map(|f| f.takes);
        let takes =
            takes.ok_or_else(|| format!("the flag `{name}` is not known to keep the version"))?;
        let value = match (takes, inline) {
            (Takes::Nothing, None) => continue,
            (Takes::Nothing, Some(_)) => {
                return Err(format!("the flag `{name}` takes no value").into());
            }
            (_, Some(value)) => value,
            (_, None) => {
                at += 1;
                args.get(at - 1)
                    .copied()
                    .ok_or_else(|| format!("the flag `{name}` has no value"))?
            }
        };
        match takes {
            Takes::Package => found.packages.push(value),
            Takes::Extra => found.extras.push(value),
            Takes::Variable => variable_inside(value.split('=').next().unwrap_or_default())?,
            Takes::Version => {
                let number = value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                if value.is_empty() || !number {
                    return Err(format!("`{name} {value}` may name any interpreter").into());
                }
            }
            Takes::Value | Takes::Nothing => {}
        }
    }
    Ok(found)
}
