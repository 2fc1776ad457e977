//! The in-toto statement inside an attestation, read strictly: <https://github.com/in-toto/attestation/tree/main/spec>.

use serde_json::Value;

use super::fault::RefusedBundle;
use super::shape;
use crate::fact::Fault;
use crate::text;

/// What an attestation says about which artifacts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Statement {
    /// The kind of claim, such as `https://slsa.dev/provenance/v1`.
    pub predicate_type: String,
    /// The artifacts it is about; at least one.
    pub subjects: Vec<StatementSubject>,
    /// The claim itself.
    pub predicate: Value,
}

/// One artifact of a statement.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StatementSubject {
    /// Its name: a file name, a purl; empty when it has none.
    pub name: String,
    /// Its URI, when it has one.
    pub uri: Option<String>,
    /// Its digests by algorithm, lower-case hex, in the order of the document.
    pub digests: Vec<(String, String)>,
}

impl StatementSubject {
    /// The digest of this algorithm, in hex.
    #[must_use]
    pub fn digest(&self, algorithm: &str) -> Option<&str> {
        self.digests
            .iter()
            .find(|(name, _)| name == algorithm)
            .map(|(_, hex)| hex.as_str())
    }
}

/// Most subjects of one statement; the largest releases seen have some hundreds of files.
const MAX_SUBJECTS: usize = 10_000;

impl Statement {
    /// Reads the payload of a DSSE envelope.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, RefusedBundle> {
        let Value::Object(mut map) =
            shape::parse(payload).map_err(|e| malformed(format!("it {e}")))?
        else {
            return Err(malformed("it is no JSON object"));
        };
        match map.get("_type").and_then(Value::as_str) {
            Some("https://in-toto.io/Statement/v1" | "https://in-toto.io/Statement/v0.1") => {}
            Some(other) => {
                return Err(malformed(format!(
                    "`{}` is no in-toto statement type",
                    text::excerpt(other, 80)
                )));
            }
            None => return Err(malformed("it has no `_type`")),
        }
        let Some(Value::String(predicate_type)) = map.remove("predicateType") else {
            return Err(malformed("it has no `predicateType`"));
        };
        let Some(Value::Array(subjects)) = map.remove("subject") else {
            return Err(malformed("it has no `subject`"));
        };
        if subjects.is_empty() || subjects.len() > MAX_SUBJECTS {
            return Err(malformed(format!("it has {} subjects", subjects.len())));
        }
        let subjects = subjects.iter().map(subject).collect::<Result<_, _>>()?;
        Ok(Self {
            predicate_type,
            subjects,
            predicate: map.remove("predicate").unwrap_or(Value::Null),
        })
    }
}

fn subject(value: &Value) -> Result<StatementSubject, RefusedBundle> {
    let map = value
        .as_object()
        .ok_or_else(|| malformed("a subject is no object"))?;
    let text_of = |name: &str| match map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(malformed(format!("the `{name}` of a subject is no text"))),
    };
    let digests = map.get("digest").and_then(Value::as_object);
    let digests = digests
        .filter(|digests| !digests.is_empty())
        .ok_or_else(|| malformed("a subject has no digest"))?;
    let mut read = Vec::with_capacity(digests.len());
    for (algorithm, hex) in digests {
        let hex = hex
            .as_str()
            .ok_or_else(|| malformed("a digest of a subject is no text"))?;
        read.push((algorithm.clone(), hex.to_owned()));
    }
    Ok(StatementSubject {
        name: text_of("name")?.unwrap_or_default(),
        uri: text_of("uri")?,
        digests: read,
    })
}

fn malformed(why: impl std::fmt::Display) -> RefusedBundle {
    RefusedBundle::wrong(
        Fault::Bundle,
        format!("the signed statement is malformed: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_statements() {
        let good = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"00"}}],"predicateType":"p","predicate":{}}"#;
        assert!(Statement::parse(good.as_bytes()).is_ok());
        for (from, to) in [
            ("Statement/v1", "Statement/v9"),
            (r#""_type":"https://in-toto.io/Statement/v1","#, ""),
            (r#""digest":{"sha256":"00"}"#, r#""digest":{}"#),
            (r#","digest":{"sha256":"00"}"#, ""),
            (r#"[{"name":"a","digest":{"sha256":"00"}}]"#, "[]"),
            (r#""predicateType":"p","#, ""),
            (
                r#""predicateType":"p","#,
                r#""predicateType":"p","predicateType":"q","#,
            ),
            (r#""sha256":"00""#, r#""sha256":"00","sha256":"11""#),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good);
            assert!(Statement::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
