//! Who makes the SBOM and who answers for what it describes, as the operator says: no file of the installation is asked for that.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::{SbomOptions, SpecVersion, values};
use crate::npm::Person;

/// A person or an organisation, written as npm writes authors: `NAME <E-MAIL> (ADDRESS)`, the last two as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    name: String,
    email: Option<String>,
    url: Option<String>,
}

/// Why a text names no [`Party`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartyError {
    /// It has no name.
    #[error("expected NAME <E-MAIL> (ADDRESS), with a name")]
    NoName,
    /// Its name cannot be written as it is.
    #[error("the name is longer than 256 characters, or holds some that cannot be shown")]
    Name,
    /// Its e-mail address, safe to show.
    #[error("`{0}` is no e-mail address")]
    Email(String),
    /// Its web address, safe to show.
    #[error("`{0}` is no web address")]
    Address(String),
    /// It would be written otherwise than it was given: how.
    #[error("read as `{0}`: expected NAME <E-MAIL> (ADDRESS)")]
    ReadAs(String),
}

impl FromStr for Party {
    type Err = PartyError;

    fn from_str(text: &str) -> Result<Self, PartyError> {
        let person = Person::parse(text).unwrap_or_default();
        let name = person
            .name
            .filter(|name| !name.is_empty())
            .ok_or(PartyError::NoName)?;
        if values::shown(&name) != name {
            return Err(PartyError::Name);
        }
        // A part that was written must be used, or refused: an SBOM without the contact that its maker gave would go unnoticed.
        let email = match person.email {
            Some(email) => Some(
                values::email(&email).ok_or_else(|| PartyError::Email(values::shown(&email)))?,
            ),
            None => None,
        };
        let url = match person.url {
            Some(url) => Some(
                values::web_address(&url)
                    .ok_or_else(|| PartyError::Address(values::shown(&url)))?,
            ),
            None => None,
        };
        let party = Self { name, email, url };
        let plain = |text: &str| text.split_whitespace().collect::<String>();
        if plain(&party.to_string()) != plain(text) {
            return Err(PartyError::ReadAs(party.to_string()));
        }
        Ok(party)
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.email
            .iter()
            .try_for_each(|email| write!(f, " <{email}>"))?;
        self.url.iter().try_for_each(|url| write!(f, " ({url})"))
    }
}

impl Party {
    /// As CycloneDX writes a person.
    fn contact(&self) -> Value {
        match &self.email {
            Some(email) => json!({ "name": self.name, "email": email }),
            None => json!({ "name": self.name }),
        }
    }

    /// As CycloneDX writes an organisation.
    fn organisation(&self) -> Value {
        let mut written = json!({ "name": self.name });
        if let Some(url) = &self.url {
            written["url"] = json!([url]);
        }
        if let Some(email) = &self.email {
            written["contact"] = json!([{ "email": email }]);
        }
        written
    }
}

/// Adds those whom the operator named. In 1.5 a manufacturer is the maker of what is described, so there the maker of the SBOM counts
/// among its authors.
pub(super) fn declare(metadata: &mut Map<String, Value>, options: &SbomOptions) {
    let mut authors: Vec<Value> = options.authors.iter().map(Party::contact).collect();
    match &options.manufacturer {
        Some(manufacturer) if options.spec_version == SpecVersion::V1_5 => {
            authors.push(manufacturer.contact())
        }
        Some(manufacturer) => {
            metadata.insert("manufacturer".to_owned(), manufacturer.organisation());
        }
        None => {}
    }
    if !authors.is_empty() {
        metadata.insert("authors".to_owned(), authors.into());
    }
    if let Some(supplier) = &options.supplier {
        metadata.insert("supplier".to_owned(), supplier.organisation());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_are_read_whole_or_refused() {
        let party: Party = "Acme Ltd. <sbom@acme.example.org> (https://acme.example.org/)"
            .parse()
            .expect("party");
        assert_eq!(
            party.organisation(),
            json!({ "name": "Acme Ltd.", "url": ["https://acme.example.org/"], "contact": [{ "email": "sbom@acme.example.org" }] })
        );
        assert_eq!(
            party.contact(),
            json!({ "name": "Acme Ltd.", "email": "sbom@acme.example.org" })
        );
        assert_eq!(
            "Ada".parse::<Party>().expect("party").organisation(),
            json!({ "name": "Ada" })
        );
        for bad in [
            "",
            " ",
            "<a@example.org>",
            "Ada <no-address>",
            "Ada (javascript:x)",
            "A\u{1b}[31m",
            "Ada <a@example.org",
            "Ada <a@example.org> x",
        ] {
            assert!(bad.parse::<Party>().is_err(), "{bad}");
        }
    }
}
