//! What we accept, git accepts too: tags of every scheme, changed byte by byte and spliced, and signers files, with `git verify-tag`
//! and `ssh-keygen` themselves as the judges.

use std::path::Path;
use std::process::Command;

use openclaw_verify_core::git::Repository;
use openclaw_verify_core::release::{
    AllowedSigners, GitsignSignature, SshKey, parse_tag, verify, verify_object,
};

use crate::mint::{Mint, run};
use crate::release::{code, now, rule, ssh_trust};

const EARLY: i64 = 1_700_000_000;

/// A text with each byte changed in three ways, dropped and doubled, and each of its prefixes.
fn changed(good: &[u8]) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for at in 0..good.len() {
        for change in [1_u8, 0x20, 0x80] {
            let mut body = good.to_vec();
            body[at] ^= change;
            bodies.push(body);
        }
        bodies.push([&good[..at], &good[at + 1..]].concat());
        bodies.push([&good[..at], &[good[at]], &good[at..]].concat());
        bodies.push(good[..at].to_vec());
    }
    bodies
}

/// Parts of two signed tags with one payload, in many orders.
fn spliced(payload: &[u8], good: &[u8], other: &[u8]) -> Vec<Vec<u8>> {
    let (a, b) = (&good[payload.len()..], &other[payload.len()..]);
    let inserted = |text: &[u8]| [payload, &a[..a.len() / 2], text, &a[a.len() / 2..]].concat();
    let mut bodies: Vec<Vec<u8>> = [
        [payload, a, b],
        [payload, b, a],
        [payload, a, a],
        [b, payload, a],
        [a, payload, b],
        [payload, payload, a],
    ]
    .iter()
    .map(|parts| parts.concat())
    .collect();
    for text in [
        &b"\n"[..],
        b"\r\n",
        b" ",
        b"\t",
        b"=\n",
        b"-----\n",
        b"Comment: x\n",
        b"\0",
    ] {
        bodies.extend([
            inserted(text),
            [payload, text, a].concat(),
            [payload, a, text].concat(),
            [text, payload, a].concat(),
        ]);
    }
    // The armor with other line ends, and its lines as one.
    let text = String::from_utf8_lossy(a);
    let (first, rest) = text.split_once('\n').expect("lines");
    let (inner, last) = rest.trim_end().rsplit_once('\n').expect("lines");
    bodies.push([payload, text.replace('\n', "\r\n").as_bytes()].concat());
    bodies.push(
        [
            payload,
            format!("{first}\n{}\n{last}\n", inner.replace('\n', "")).as_bytes(),
        ]
        .concat(),
    );
    bodies
}

/// Asks git about every body that we accept; a body that we refuse cannot be accepted wrongly, and asking about all takes minutes.
fn judge(
    mint: &Mint,
    good: &[u8],
    bodies: &[Vec<u8>],
    ours: impl Fn(&[u8]) -> bool,
    git: impl Fn() -> bool,
) {
    mint.put_tag("v1", good);
    assert!(ours(good) && git(), "the tag as it was signed is good");
    let mut accepted = 0;
    for body in bodies.iter().filter(|body| ours(body)) {
        mint.put_tag("v1", body);
        assert!(git(), "git refuses {}", String::from_utf8_lossy(body));
        accepted += 1;
    }
    println!(
        "{} tag objects, {accepted} accepted by us, and by git",
        bodies.len()
    );
}

#[test]
fn no_changed_ssh_tag_is_accepted_that_git_refuses() {
    for kind in ["ed25519", "ecdsa"] {
        let mint = Mint::new();
        let key = mint.ssh_key("key", &[kind]);
        let other = mint.ssh_key("other", &["ecdsa"]);
        let file = mint.path("signers");
        std::fs::write(&file, format!("good@example.test {}\n", mint.public(&key)))
            .expect("signers");
        let rule = rule(ssh_trust(&file));
        let repository = Repository::open(&mint.repo()).expect("a repository");
        let good = mint.ssh_tag(&key, &["-n", "git"], "v1", EARLY);
        let by_other = mint.ssh_tag(&other, &["-n", "git"], "v1", EARLY);
        let mut bodies = changed(&good);
        bodies.extend(spliced(&mint.payload("v1", EARLY), &good, &by_other));
        let ours = |body: &[u8]| {
            let accepted = verify_object(body, Some("v1"), &rule, &[], now())
                .failures
                .is_empty();
            assert!(
                !accepted || *body == good || *body == good[..good.len() - 1],
                "only the tag that was signed"
            );
            accepted
        };
        let git = || {
            assert_eq!(
                code(&verify(&repository, "v1", &rule, &[], now()).expect("a verdict")),
                "ok"
            );
            mint.git_accepts("v1", &file)
        };
        judge(&mint, &good, &bodies, ours, git);
    }
}

#[cfg(feature = "openpgp")]
#[test]
#[ignore = "needs gpg"]
fn no_changed_openpgp_tag_is_accepted_that_git_refuses() {
    let gpg = crate::openpgp::Gpg::new();
    for (kind, options) in [
        ("ed25519", &[][..]),
        ("rsa2048", &["--comment", "a comment", "--emit-version"]),
    ] {
        let name = format!("{kind}@example.test");
        let key = gpg.key("20200101T000000", &name, kind, "sign", "0");
        let other = gpg.key(
            "20200101T000000",
            &format!("other-{name}"),
            "ed25519",
            "sign",
            "0",
        );
        let good = gpg.sign("20210101T000000", &key, options);
        let by_other = gpg.sign("20210101T000000", &other, &[]);
        let mut bodies = changed(&good);
        bodies.extend(spliced(&gpg.mint.payload("v1", EARLY), &good, &by_other));
        let certificates = gpg.certificates();
        judge(
            &gpg.mint,
            &good,
            &bodies,
            |body| gpg.judged(body, &certificates).failures.is_empty(),
            || gpg.git_accepts("v1"),
        );
    }
}

/// The signature of a gitsign tag, apart from its certificate, against git with GnuPG's program for X.509.
#[test]
#[ignore = "needs gpgsm, openssl"]
fn no_changed_x509_signature_is_accepted_that_git_refuses() {
    use std::os::unix::fs::PermissionsExt as _;
    let mint = Mint::new();
    let home = mint.path("g");
    std::fs::create_dir(&home).expect("folder");
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).expect("mode");
    std::fs::write(home.join("gpgsm.conf"), "disable-crl-checks\n").expect("configuration");
    let openssl = |arguments: &[&str], input: &[u8]| {
        let output = run(
            Command::new("openssl").current_dir(&home).args(arguments),
            input,
        );
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    };
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 36500 -subj /CN=a";
    openssl(
        &request
            .split(' ')
            .chain(["-addext", "subjectAltName=email:a@example.test"])
            .collect::<Vec<_>>(),
        b"",
    );
    let fingerprint = String::from_utf8(openssl(
        &["x509", "-in", "cert.pem", "-noout", "-fingerprint", "-sha1"],
        b"",
    ))
    .expect("text");
    let fingerprint = fingerprint
        .trim()
        .rsplit('=')
        .next()
        .expect("a fingerprint")
        .to_owned();
    std::fs::write(
        home.join("trustlist.txt"),
        format!("{fingerprint} S relax\n"),
    )
    .expect("trust");
    let import = run(
        Command::new("gpgsm")
            .env("GNUPGHOME", &home)
            .args(["--batch", "--import"])
            .arg(home.join("cert.pem")),
        b"",
    );
    assert!(
        import.status.success(),
        "{}",
        String::from_utf8_lossy(&import.stderr)
    );

    let payload = mint.payload("v1", EARLY);
    let sign = |hash: &str| {
        let options = format!(
            "cms -sign -binary -outform PEM -signer cert.pem -inkey key.pem -nosmimecap -md {hash}"
        );
        let armor = openssl(&options.split(' ').collect::<Vec<_>>(), &payload);
        let armor = String::from_utf8(armor)
            .expect("text")
            .replace(" CMS-----", " SIGNED MESSAGE-----");
        [&payload, armor.as_bytes()].concat()
    };
    let (good, by_other) = (sign("sha256"), sign("sha512"));
    let certificate = openssl(&["x509", "-in", "cert.pem", "-outform", "DER"], b"");
    // Whether a certificate is genuine is not what is compared here.
    let by_it = |signature: GitsignSignature| signature.certificate == certificate;
    let ours = |body: &[u8]| {
        parse_tag(body)
            .is_ok_and(|tag| tag.name == "v1" && GitsignSignature::from_tag(&tag).is_ok_and(by_it))
    };
    let git = || {
        run(
            mint.git_command()
                .env("GNUPGHOME", &home)
                .args(["verify-tag", "v1"]),
            b"",
        )
        .status
        .success()
    };
    assert!(!ours(&by_other), "SHA-256 only");
    let mut bodies = changed(&good);
    bodies.extend(spliced(&payload, &good, &by_other));
    judge(&mint, &good, &bodies, ours, git);
    let _ = run(
        Command::new("gpgconf")
            .env("GNUPGHOME", &home)
            .args(["--kill", "all"]),
        b"",
    );
}

/// Answers of our reader of signers files against those of ssh-keygen.
#[test]
fn signers_files_answer_as_ssh_keygen_does() {
    let mint = Mint::new();
    let keys: Vec<_> = ["one", "two"]
        .iter()
        .map(|name| mint.ssh_key(name, &["ed25519"]))
        .collect();
    let message = b"message";
    let signatures: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(nth, key)| {
            let path = mint.path(&format!("{nth}.sig"));
            let armor = mint.ssh_sign(key, &["-n", "git"], message);
            std::fs::write(&path, &armor).expect("signature");
            path
        })
        .collect();
    let public: Vec<_> = keys.iter().map(|key| mint.public(key)).collect();
    let principals = [
        "a@x",
        "b@x",
        "a@x,b@x",
        "*@x",
        "!a@x,*@x",
        "?@x",
        "\"a b@x\"",
        "A@x",
        "a\"@x\"",
        "*",
        ",a@x",
        "a@x,,b@x",
        "a@x,",
    ];
    let options = [
        "",
        "namespaces=\"git\" ",
        "namespaces=\"file\" ",
        "namespaces=\"file,git\" ",
        "NAMESPACES=\"g*,!git\" ",
        "valid-after=\"20231114\" ",
        "valid-after=\"20231114221320Z\" ",
        "valid-after=\"20231114221321Z\" ",
        "valid-before=\"20231114221320Z\" ",
        "valid-before=\"20231114221319Z\" ",
        "valid-before=\"202311142213UTC\",valid-after=\"20200101\" ",
        "valid-before=\"20200101\" ",
        "cert-authority ",
        "cert-authority,namespaces=\"git\" ",
        "Valid-Before=\"20300101z\"  ",
        "unknown-option ",
        "namespaces=git ",
        "namespaces=\"git\",  ",
        "valid-after=\"2020\" ",
        "valid-before=\"20200101\",valid-after=\"20300101\" ",
        "namespaces=\"git\",namespaces=\"file\" ",
        "namespaces=\"a\\\"b,git\" ",
        "restrict ",
    ];
    let mut files = Vec::new();
    for (nth, principal) in principals.iter().enumerate() {
        // Every option and every principal, and a part of the pairs: each costs ten runs of ssh-keygen.
        for (_, option) in options
            .iter()
            .enumerate()
            .filter(|(at, _)| nth == 0 || *at == 0 || (nth * 7 + at * 3) % 5 == 0)
        {
            files.push(format!("{principal} {option}{}\n", public[0]));
        }
    }
    for (nth, option) in options.iter().enumerate() {
        let other = options[(nth * 7 + 3) % options.len()];
        files.push(format!(
            "# c\r\n\na@x {option}{} c c\r\nb@x\t{other}{}\n*@x {}\n",
            public[0], public[0], public[1]
        ));
        files.push(format!(
            "b@x {other}{}\n  a@x {option}{}",
            public[1], public[0]
        ));
    }
    files.extend([
        "".into(),
        "junk\n".into(),
        "a@x\n".into(),
        "\"a@x\n".into(),
        format!("a@x {}x\n", public[0]),
        format!("a@x ssh-rsa {}\n", &public[0][12..]),
    ]);

    let file = mint.path("signers");
    let (mut found, mut agreed) = (0, 0);
    for text in &files {
        std::fs::write(&file, text).expect("signers");
        let ours = AllowedSigners::parse(&file, text).ok();
        for (nth, signature) in signatures.iter().enumerate() {
            let (kind, base64) = public[nth].split_once(' ').expect("a key");
            let key = SshKey::from_text(kind, base64).expect("a key");
            let keygen = |arguments: &[&str]| {
                let mut command = Command::new("ssh-keygen");
                command
                    .env("TZ", "UTC")
                    .arg("-Y")
                    .args(arguments)
                    .args(["-O", "verify-time=20231114221320"]);
                run(
                    command.arg("-f").arg(&file).arg("-s").arg(signature),
                    message,
                )
            };
            let at = 1_700_000_000;
            let theirs = keygen(&["find-principals"]);
            let theirs = theirs.status.success().then(|| {
                String::from_utf8_lossy(&theirs.stdout)
                    .trim_end()
                    .replace('\n', ",")
            });
            let mine = ours
                .as_ref()
                .and_then(|signers| signers.find_principals(&key, at))
                .map(str::to_owned);
            match &ours {
                Some(_) => assert_eq!(mine, theirs, "find-principals with key {nth} in:\n{text}"),
                // An error in a line that ssh-keygen did not get to.
                None => assert_eq!(mine, None),
            }
            found += usize::from(mine.is_some());
            for who in ["a@x", "b@x", "a b@x", "c@y"] {
                let theirs = keygen(&["verify", "-n", "git", "-I", who]).status.success();
                let mine = ours
                    .as_ref()
                    .is_some_and(|signers| signers.permits(who, "git", &key, at).is_some());
                match &ours {
                    Some(_) => assert_eq!(mine, theirs, "verify {who} with key {nth} in:\n{text}"),
                    None => assert!(!mine),
                }
                agreed += 1;
            }
        }
    }
    println!(
        "{} files, {found} principals found, {agreed} answers compared",
        files.len()
    );
    assert!(found > 50);
}

/// A signers file changed byte by byte: where we find a principal or let one sign, ssh-keygen does.
#[test]
fn no_changed_signers_file_allows_more_than_ssh_keygen_does() {
    let mint = Mint::new();
    let key = mint.ssh_key("key", &["ed25519"]);
    let (signature, file) = (mint.path("0.sig"), mint.path("signers"));
    std::fs::write(&signature, mint.ssh_sign(&key, &["-n", "git"], b"message")).expect("signature");
    let public = mint.public(&key);
    let (kind, base64) = public.split_once(' ').expect("a key");
    let ours = SshKey::from_text(kind, base64).expect("a key");
    let text = format!(
        "!b@x,?@x namespaces=\"g*,!gif\",valid-after=\"20200101Z\",valid-before=\"20300101Z\" {public} c\n\"b@x\" cert-authority {public}\n"
    );
    let keygen = |arguments: &[&str]| {
        let mut command = Command::new("ssh-keygen");
        command
            .env("TZ", "UTC")
            .arg("-Y")
            .args(arguments)
            .args(["-O", "verify-time=20231114221320"]);
        run(
            command.arg("-f").arg(&file).arg("-s").arg(&signature),
            b"message",
        )
    };
    let (mut read, mut allowed) = (0, 0);
    for body in changed(text.as_bytes()) {
        let Some(signers) = std::str::from_utf8(&body)
            .ok()
            .and_then(|text| AllowedSigners::parse(Path::new("signers"), text).ok())
        else {
            continue;
        };
        read += 1;
        let principals = signers.find_principals(&ours, EARLY);
        let permitted =
            ["a@x", "b@x"].map(|who| (who, signers.permits(who, "git", &ours, EARLY).is_some()));
        if principals.is_none() && permitted.iter().all(|(_, permitted)| !permitted) {
            continue;
        }
        std::fs::write(&file, &body).expect("signers");
        if let Some(principals) = principals {
            let theirs = keygen(&["find-principals"]);
            let shown = String::from_utf8_lossy(&theirs.stdout)
                .trim_end()
                .replace('\n', ",");
            assert_eq!(
                (theirs.status.success(), shown.as_str()),
                (true, principals),
                "{}",
                String::from_utf8_lossy(&body)
            );
        }
        for (who, _) in permitted.iter().filter(|(_, permitted)| *permitted) {
            assert!(
                keygen(&["verify", "-n", "git", "-I", who]).status.success(),
                "{who}: {}",
                String::from_utf8_lossy(&body)
            );
        }
        allowed += 1;
    }
    println!(
        "{read} changed signers files that can be read, {allowed} of them allow a signer, and ssh-keygen agrees"
    );
    assert!(allowed > 50);
}
