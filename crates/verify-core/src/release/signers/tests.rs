use super::*;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFA0EIgP1ncQMtpS1XoUszI+UJ+hg4KVKG+fscvUEsuz";

fn parse(text: &str) -> crate::error::Result<AllowedSigners> {
    AllowedSigners::parse(Path::new("signers"), text)
}

fn key() -> SshKey {
    parse_key(KEY).expect("a key")
}

fn refusal(text: &str, at: i64) -> Code {
    parse(text)
        .expect("a good file")
        .authorise(&key(), "git", at)
        .expect_err("refused")
        .code
}

#[test]
fn lines_of_every_form_are_read() {
    let text = format!(
        "# comment\n\n \t\na@x,b@x {KEY} comment with words\r\n\"c d@x\" NameSpaces=\"git,file\",VALID-AFTER=\"20200101\" {KEY}\n\
         e@x\tcert-authority,valid-before=\"20300101000000Z\" {KEY}\n*@y namespaces=\"a b\",cert-authority  {KEY}"
    );
    let signers = parse(&text).expect("a good file");
    let shown: Vec<_> = signers
        .entries()
        .iter()
        .map(|entry| (entry.principals.as_str(), entry.cert_authority, entry.line))
        .collect();
    assert_eq!(
        shown,
        [
            ("a@x,b@x", false, 4),
            ("c d@x", false, 5),
            ("e@x", true, 6),
            ("*@y", true, 7)
        ]
    );
    assert_eq!(signers.entries()[1].valid_after, Some(1_577_836_800));
    assert_eq!(signers.entries()[2].valid_before, Some(1_893_456_000));
    let never = parse(&format!("a@x valid-before=\"99991231235959Z\" {KEY}")).expect("a good file");
    assert_eq!(never.entries()[0].valid_before, Some(253_402_300_799));
}

#[test]
fn lines_that_cannot_be_read_are_errors_with_a_place() {
    for (line, place) in [
        ("a@x", "a@x"),
        ("a@x ssh-ed25519", "ssh-ed25519"),
        ("a@x ssh-ed25519 AAAA", "ssh-ed25519 AAAA"),
        ("a@x ssh-foo AAAA", "AAAA"),
        ("\"a@x", "\"a@x"),
    ] {
        let Err(crate::Error::Operator(error)) = parse(&format!("# first\n{line}\n")) else {
            panic!("{line}")
        };
        let span = error.span.expect("a place");
        assert_eq!(
            &format!("# first\n{line}\n")[span.offset()..span.offset() + span.len()],
            place,
            "{line}"
        );
    }
    for options in [
        "no-such-option",
        "namespaces=git",
        "namespaces=\"git",
        "namespaces=\"git\",namespaces=\"git\"",
        "cert-authority,",
        "cert-authorityx",
        "valid-after=\"20200101\",valid-before=\"20190101\"",
        "valid-after=\"2020\"",
        "valid-after=\"20200230\"",
        "valid-after=\"20200101T\"",
        "valid-before=\"19700101\"",
        "valid-before=\"+2020101\"",
    ] {
        assert!(
            parse(&format!("a@x {options} {KEY}\n")).is_err(),
            "{options}"
        );
    }
    assert!(parse(&format!("a@x\u{1b} {KEY}")).is_err());
}

#[test]
fn refusals_have_their_own_codes() {
    assert_eq!(refusal("", 0), Code::UnknownKey);
    assert_eq!(
        refusal(&format!("a@x cert-authority {KEY}"), 0),
        Code::UnsupportedCertificate
    );
    assert_eq!(
        refusal(&format!("a@x namespaces=\"file\" {KEY}"), 0),
        Code::NamespaceNotAllowed
    );
    for principals in ["!a@x", "\"\"", ",a@x", "!*,a@x"] {
        assert_eq!(
            refusal(&format!("{principals} {KEY}"), 0),
            Code::UnknownKey,
            "{principals}"
        );
    }
    assert_eq!(
        refusal(
            &format!("a@x valid-after=\"20300101\" {KEY}"),
            1_700_000_000
        ),
        Code::KeyNotYetValid
    );
    assert_eq!(
        refusal(
            &format!("a@x valid-before=\"20200101\" {KEY}"),
            1_700_000_000
        ),
        Code::KeyExpired
    );
    let both =
        parse(&format!("a@x valid-before=\"20200101\" {KEY}\nb@x {KEY}")).expect("a good file");
    assert_eq!(
        both.authorise(&key(), "git", 1_700_000_000)
            .map(|(entry, who)| (entry.line, who)),
        Ok((2, "b@x"))
    );
}

#[test]
fn revoked_keys_are_all_read_or_none() {
    let path = Path::new("revoked");
    assert_eq!(
        RevokedKeys::parse(path, format!("# x\n{KEY} me\n").as_bytes()).ok(),
        Some(RevokedKeys::Keys(vec![key()]))
    );
    assert!(RevokedKeys::parse(path, b"junk\n").is_err());
    assert_eq!(
        RevokedKeys::parse(path, b"SSHKRL\n\0rest").ok(),
        Some(RevokedKeys::Krl)
    );
}

/// `[length][name][length][some bytes]` in base64, as every SSH key is built.
fn key_of_kind(name: &str) -> String {
    use base64::Engine as _;
    let mut blob = Vec::new();
    for part in [name.as_bytes(), &[7; 32]] {
        blob.extend(u32::try_from(part.len()).expect("short").to_be_bytes());
        blob.extend(part);
    }
    base64::engine::general_purpose::STANDARD.encode(blob)
}

#[test]
fn a_key_of_a_kind_of_tomorrow_allows_nothing_and_breaks_nothing() {
    let tomorrow = "ssh-mldsa65-ed25519@openssh.com";
    let base64 = key_of_kind(tomorrow);
    let text = format!(
        "a@x {tomorrow} {base64} comment\nb@x namespaces=\"git\" {tomorrow} {base64}\nc@x {KEY}"
    );
    let signers = parse(&text).expect("a good file");
    let unknown: Vec<_> = signers
        .unknown()
        .iter()
        .map(|key| (key.key_type.as_str(), key.line))
        .collect();
    assert_eq!(unknown, [(tomorrow, 1), (tomorrow, 2)]);
    assert_eq!(signers.entries().len(), 1);
    assert_eq!(
        signers.authorise(&key(), "git", 0).map(|(_, who)| who),
        Ok("c@x")
    );
    // Damaged: not base64, another name inside, nothing after the name, options that are not known.
    let other = key_of_kind("ssh-other");
    for damaged in [
        format!("a@x {tomorrow} {base64}="),
        format!("a@x {tomorrow} {other}"),
        format!("a@x ssh-ed25519 {}", key_of_kind("ssh-ed25519x")),
        format!("a@x no-option {tomorrow} {base64}"),
        format!("a@x {tomorrow} AAAAA"),
    ] {
        assert!(parse(&damaged).is_err(), "{damaged}");
    }
    let revoked = RevokedKeys::parse(
        Path::new("revoked"),
        format!("{tomorrow} {base64}\n{KEY}\n").as_bytes(),
    );
    assert_eq!(revoked.ok(), Some(RevokedKeys::Keys(vec![key()])));
}
