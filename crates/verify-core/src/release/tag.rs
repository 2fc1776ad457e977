//! The strict form of a tag object.
//!
//! git itself reads tag objects leniently: it skips headers that it does not expect, takes the last of several signatures, and
//! ignores what follows one. Programs that take the first signature then see another text as signed. So anything but the one form
//! that git writes is refused: the headers `object`, `type`, `tag`, `tagger` once and in this order, a message, one signature, and
//! nothing after it. Of 2,998 signed tags of some sixty projects, six of git's own oldest are refused by these rules.

use std::ops::Range;

use super::verdict::Code;
use crate::digest::GitOid;
use crate::git::{ObjectKind, is_valid_tag_name};

/// A tag object of strict form, signed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tag {
    /// What the tag points at.
    pub target: GitOid,
    /// What the tag says its target is: `commit`, or an object that no release can be.
    pub target_kind: ObjectKind,
    /// The tag's name as written inside it. A name that git accepts, so free of control characters.
    pub name: String,
    /// Who says to have made the tag. Not an identity.
    pub tagger: Tagger,
    /// The signature block, when there is one.
    pub signature: Option<Signature>,
    body: Vec<u8>,
    payload: usize,
}

/// The `tagger` header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tagger {
    /// Name and e-mail as written; bytes that are not UTF-8 are replaced. Untrusted text.
    pub who: String,
    /// Seconds since 1970, by the tagger's own clock or choice.
    pub seconds: i64,
}

/// A signature block.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signature {
    /// The scheme that its first line names.
    pub scheme: Scheme,
    armor: Range<usize>,
}

/// The kinds of signatures that git knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `ssh-keygen -Y sign`.
    Ssh,
    /// OpenPGP.
    OpenPgp,
    /// X.509 in CMS: gitsign, or S/MIME.
    X509,
}

impl Scheme {
    /// The name in report and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::OpenPgp => "openpgp",
            Self::X509 => "gitsign",
        }
    }
}

/// Why bytes are no strict tag object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
#[non_exhaustive]
pub struct TagError {
    /// Which of the codes of `tag-malformed`.
    pub code: Code,
    /// What is wrong, safe to show.
    pub why: String,
}

/// Begin and end of the blocks that git takes for signatures (`gpg-interface.c`). A line counts when it *starts* so.
const MARKERS: [(&[u8], &[u8], Scheme); 4] = [
    (
        b"-----BEGIN SSH SIGNATURE-----",
        b"-----END SSH SIGNATURE-----",
        Scheme::Ssh,
    ),
    (
        b"-----BEGIN PGP SIGNATURE-----",
        b"-----END PGP SIGNATURE-----",
        Scheme::OpenPgp,
    ),
    (
        b"-----BEGIN PGP MESSAGE-----",
        b"-----END PGP MESSAGE-----",
        Scheme::OpenPgp,
    ),
    (
        b"-----BEGIN SIGNED MESSAGE-----",
        b"-----END SIGNED MESSAGE-----",
        Scheme::X509,
    ),
];

/// Reads a tag object's bytes (`git cat-file tag`).
///
/// # Errors
/// `malformed`, `control-char`, `multiple-signatures`, `trailing-data`, `too-large` or `bad-armor`.
pub fn parse_tag(body: &[u8]) -> Result<Tag, TagError> {
    if body.len() > Tag::MAX {
        return Err(error(
            Code::TooLarge,
            format!(
                "the tag object has {} bytes, more than {}",
                body.len(),
                Tag::MAX
            ),
        ));
    }
    let mut rest = body;
    let object = header(&mut rest, "object")?;
    let kind = header(&mut rest, "type")?;
    let name = header(&mut rest, "tag")?;
    let tagger = header(&mut rest, "tagger")?;
    let message = rest.strip_prefix(b"\n").ok_or_else(|| {
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = crate::text::excerpt(&String::from_utf8_lossy(line), 60);
        malformed(format!(
            "after the header `tagger` stands `{line}`, not an empty line"
        ))
    })?;

    let object = std::str::from_utf8(object)
        .ok()
        .and_then(|text| text.parse().ok());
    let target = object.ok_or_else(|| malformed("the header `object` is no object id"))?;
    let target_kind = match kind {
        b"commit" => ObjectKind::Commit,
        b"tree" => ObjectKind::Tree,
        b"blob" => ObjectKind::Blob,
        b"tag" => ObjectKind::Tag,
        _ => return Err(malformed("the header `type` names no kind of object")),
    };
    let name = std::str::from_utf8(name)
        .ok()
        .filter(|name| is_valid_tag_name(name));
    // A name that git would not accept for a ref can never be the name of the ref that led here.
    let name = name.map(str::to_owned).ok_or_else(|| {
        error(
            Code::NameMismatch,
            "the header `tag` is no name that git accepts",
        )
    })?;
    let tagger = parse_tagger(tagger)
        .ok_or_else(|| malformed("the header `tagger` is not `Name <e-mail> seconds zone`"))?;
    if message.contains(&0) {
        return Err(error(
            Code::ControlChar,
            "the message holds a NUL byte, after which git shows nothing",
        ));
    }
    let signature = find_signature(body, body.len() - message.len())?;
    let payload = signature
        .as_ref()
        .map_or(body.len(), |signature| signature.armor.start);
    Ok(Tag {
        target,
        target_kind,
        name,
        tagger,
        signature,
        body: body.to_vec(),
        payload,
    })
}

impl Tag {
    /// Most bytes of a tag object; 1 MiB.
    pub const MAX: usize = 1 << 20;

    /// The bytes that the signature covers: all before it.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.body.get(..self.payload).unwrap_or_default()
    }

    /// The signature block, from its first to its last line.
    #[must_use]
    pub fn armor(&self) -> &[u8] {
        self.signature
            .as_ref()
            .and_then(|signature| self.body.get(signature.armor.clone()))
            .unwrap_or_default()
    }

    /// The tag's own id.
    #[must_use]
    pub fn id(&self) -> Option<GitOid> {
        crate::git::object_id(ObjectKind::Tag, &self.body)
    }
}

/// The value of the next header line, which must have this name.
fn header<'a>(rest: &mut &'a [u8], name: &str) -> Result<&'a [u8], TagError> {
    let missing = || malformed(format!("the header `{name}` does not stand where it must"));
    let end = rest
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or_else(missing)?;
    let (line, after) = rest.split_at(end);
    *rest = &after[1..];
    let value = line
        .strip_prefix(name.as_bytes())
        .and_then(|line| line.strip_prefix(b" "))
        .ok_or_else(missing)?;
    if value.iter().any(u8::is_ascii_control) {
        return Err(error(
            Code::ControlChar,
            format!("the header `{name}` holds a control character"),
        ));
    }
    Ok(value)
}

fn parse_tagger(value: &[u8]) -> Option<Tagger> {
    let mut parts = value.rsplitn(3, |byte| *byte == b' ');
    let (zone, seconds, who) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    let zone_ok = matches!(zone, [b'+' | b'-', rest @ ..] if rest.len() == 4 && digits(rest));
    // Twelve digits reach beyond the year 30,000.
    if !zone_ok
        || !digits(seconds)
        || seconds.len() > 12
        || !who.ends_with(b">")
        || !who.contains(&b'<')
    {
        return None;
    }
    let seconds = std::str::from_utf8(seconds).ok()?.parse().ok()?;
    Some(Tagger {
        who: String::from_utf8_lossy(who).into_owned(),
        seconds,
    })
}

/// The one signature of a tag; it must be the last thing in it.
fn find_signature(body: &[u8], message: usize) -> Result<Option<Signature>, TagError> {
    let mut found: Option<(usize, &[u8], Scheme)> = None;
    let mut at = message;
    for line in body
        .get(message..)
        .unwrap_or_default()
        .split_inclusive(|byte| *byte == b'\n')
    {
        if let Some((_, end, scheme)) = MARKERS.iter().find(|(begin, _, _)| line.starts_with(begin))
        {
            if found.is_some() {
                return Err(error(
                    Code::MultipleSignatures,
                    "the tag holds more than one signature block",
                ));
            }
            found = Some((at, end, *scheme));
        }
        at += line.len();
    }
    let Some((start, end, scheme)) = found else {
        return Ok(None);
    };
    let mut at = start;
    for line in body
        .get(start..)
        .unwrap_or_default()
        .split_inclusive(|byte| *byte == b'\n')
    {
        at += line.len();
        if line.strip_suffix(b"\n").unwrap_or(line) == end {
            return if at == body.len() {
                Ok(Some(Signature {
                    scheme,
                    armor: start..at,
                }))
            } else {
                Err(error(
                    Code::TrailingData,
                    "something follows the signature block, and it is not signed",
                ))
            };
        }
    }
    Err(error(Code::BadArmor, "the signature block has no end"))
}

fn error(code: Code, why: impl Into<String>) -> TagError {
    TagError {
        code,
        why: why.into(),
    }
}

fn malformed(why: impl Into<String>) -> TagError {
    error(Code::Malformed, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "object 88ea35b4efa772fb1fc8489c46444d3f1d8c7906\ntype commit\ntag v1\ntagger A <a@b> 1700000000 +0000\n";
    const SSH: &str = "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n";

    fn code(body: &str) -> Code {
        parse_tag(body.as_bytes()).expect_err("refused").code
    }

    #[test]
    fn the_form_that_git_writes_is_read() {
        let tag = parse_tag(format!("{HEAD}\nmessage\n{SSH}").as_bytes()).expect("a tag");
        assert_eq!(
            (tag.name.as_str(), tag.tagger.seconds, tag.target_kind),
            ("v1", 1_700_000_000, ObjectKind::Commit)
        );
        assert_eq!(tag.payload(), format!("{HEAD}\nmessage\n").as_bytes());
        assert_eq!(tag.armor(), SSH.as_bytes());
        let unsigned = parse_tag(
            format!("{HEAD}\nmessage, with -----BEGIN SSH SIGNATURE----- inside\n").as_bytes(),
        )
        .expect("a tag");
        assert_eq!(unsigned.signature, None);
    }

    #[test]
    fn other_forms_are_refused_by_their_own_code() {
        let swap = |from: &str, to: &str| format!("{HEAD}\nm\n{SSH}").replace(from, to);
        assert_eq!(code(&swap("type commit\n", "")), Code::Malformed);
        assert_eq!(code(&swap("tag v1\n", "tag v1\ntag v2\n")), Code::Malformed);
        assert_eq!(code(&swap("88ea", "88EA")), Code::Malformed);
        assert_eq!(
            code(&swap(
                "+0000\n",
                "+0000\nobject 88ea35b4efa772fb1fc8489c46444d3f1d8c7906\n"
            )),
            Code::Malformed
        );
        assert_eq!(
            code(&swap("A <a@b> 1700000000", "A <a@b> -5")),
            Code::Malformed
        );
        assert_eq!(code(&swap("tag v1", "tag v1\r")), Code::ControlChar);
        assert_eq!(code(&swap("tag v1", "tag v\0")), Code::ControlChar);
        assert_eq!(code(&swap("tag v1", "tag ../../evil")), Code::NameMismatch);
        assert_eq!(code(&swap("\nm\n", "\nm\0\n")), Code::ControlChar);
        assert_eq!(
            code(&format!("{HEAD}\nm\n{SSH}{SSH}")),
            Code::MultipleSignatures
        );
        assert_eq!(
            code(&format!("{HEAD}\nm\n{SSH}after\n")),
            Code::TrailingData
        );
        assert_eq!(code(&format!("{HEAD}\nm\n{SSH}\n")), Code::TrailingData);
        assert_eq!(
            code(&format!("{HEAD}\nm\n-----BEGIN SSH SIGNATURE-----\nAAAA\n")),
            Code::BadArmor
        );
        assert_eq!(
            code(&format!("{HEAD}\nm\n{}", SSH.replace('\n', "\r\n"))),
            Code::BadArmor
        );
        assert_eq!(
            code(&format!("{HEAD}\n{}", "x".repeat(Tag::MAX))),
            Code::TooLarge
        );
        assert_eq!(code(""), Code::Malformed);
    }
}
