//! Imported reviews that are fetched: pinned, bounded, kept, and never taken for others.

use std::time::Duration;

use openclaw_verify_core::digest::Sha256Digest;
use openclaw_verify_core::registry::{Cache, Client, FetchLimits, NpmConfig};
use openclaw_verify_core::review::ImportStore;
use openclaw_verify_core::{Builder, Error, ImportState, Verifier};

use crate::support::server::{Answer, Server};

const REVIEWS: &str = "version = 1\n\n[[review]]\npackage = \"npm:a\"\nversion = \"1.0.0\"\ntree = \"git-sha256:1111111111111111111111111111111111111111111111111111111111111111\"\ncriteria = \"safe-to-run\"\nby = \"Friend\"\ndate = 2026-11-01\n";
const VIOLATION: &str = "\n[[violation]]\npackage = \"npm:b\"\nversions = \"*\"\nreason = \"posts the tokens\"\nby = \"Friend\"\ndate = 2026-11-02\n";

/// No server of these tests that answers at all needs this long, however busy the machine.
const PATIENT: Duration = Duration::from_secs(120);

struct Place {
    folder: tempfile::TempDir,
    server: Server,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("folder"),
            server: Server::start(),
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// A policy that imports `/r.toml` as the file that holds `text`.
    fn policy(&self, text: &str) -> &Self {
        self.policy_for(
            &self.server.url("/r.toml"),
            &Sha256Digest::of(text.as_bytes()).to_string(),
        )
    }

    fn policy_for(&self, url: &str, digest: &str) -> &Self {
        let text = format!(
            "version = 1\n\n[imports.friend]\n# what they read\nurl = \"{url}\"\ndigest = \"{digest}\"\n"
        );
        std::fs::write(self.path("policy.toml"), text).expect("policy");
        self
    }

    fn offline(&self) -> Builder {
        let now = "2026-11-22T12:00:00Z".parse().expect("time");
        Verifier::builder(now)
            .policy(self.path("policy.toml"), "policy.toml")
            .imports(self.path("imports"))
    }

    fn online(&self, patience: Duration) -> Builder {
        let mut limits = FetchLimits::default();
        (limits.metadata, limits.idle, limits.connect) = (patience, patience, PATIENT);
        (limits.attempts, limits.backoff) = (2, Duration::from_millis(10));
        let client = Client::new(
            NpmConfig::default(),
            limits,
            Cache::new(self.path("registry")),
        )
        .expect("client");
        self.offline().registry(client)
    }

    fn refresh(&self) -> Result<ImportState, String> {
        self.refresh_within(PATIENT)
    }

    /// Answers that never come whole are waited for this long.
    fn refresh_within(&self, patience: Duration) -> Result<ImportState, String> {
        self.online(patience)
            .refresh_imports()
            .map(|mut all| all.pop().expect("one import").state)
            .map_err(|error| texts(&error))
    }

    fn kept(&self) -> usize {
        std::fs::read_dir(self.path("imports")).map_or(0, Iterator::count)
    }
}

/// An error with its way out; one that points into a file with the line and what is marked there.
fn texts(error: &Error) -> String {
    use miette::Diagnostic as _;
    let help = error
        .help()
        .map(|help| format!(" -> {help}"))
        .unwrap_or_default();
    match error {
        Error::Operator(operator) => super::files::shown(operator),
        other => format!("{other}{help}"),
    }
}

#[test]
fn an_import_is_fetched_once_and_then_read_without_a_network() {
    let place = Place::new();
    place.policy(REVIEWS);
    let url = place.server.url("/r.toml");
    let error = texts(&place.offline().build().err().expect("not kept"));
    assert_eq!(
        error,
        format!(
            "the imported reviews `friend` at {url} are not in the cache -> import the file by `path`, or fetch them"
        )
    );
    assert_eq!(
        place.offline().refresh_imports().expect("nothing is asked"),
        []
    );
    assert!(
        place.online(PATIENT).build().is_err(),
        "only a refresh fetches"
    );
    assert_eq!(
        place.server.authorizations(),
        [],
        "no socket was opened so far"
    );

    place.server.set("/r.toml", Answer::Good(REVIEWS.into()));
    assert_eq!(place.refresh(), Ok(ImportState::Fetched));
    assert_eq!(place.refresh(), Ok(ImportState::Unchanged));
    place.server.forget();
    assert!(place.offline().build().is_ok() && place.online(PATIENT).build().is_ok());
    assert_eq!(place.server.authorizations(), []);

    // What is pinned stays in force when it is no longer served.
    place.server.set("/r.toml", Answer::Status(404));
    assert_eq!(
        place.refresh(),
        Ok(ImportState::Unreachable(
            "the server does not have it".to_owned()
        ))
    );
    // A kept file that was swapped is not there.
    let store = ImportStore::new(place.path("imports"));
    std::fs::write(
        store.path(&Sha256Digest::of(REVIEWS.as_bytes())),
        format!("{REVIEWS}# evil\n"),
    )
    .expect("swap");
    assert!(
        texts(&place.offline().build().err().expect("swapped")).contains("are not in the cache")
    );
    place.server.set("/r.toml", Answer::Good(REVIEWS.into()));
    assert_eq!(place.refresh(), Ok(ImportState::Fetched));
    assert!(place.offline().build().is_ok());
}

#[test]
fn an_import_that_changed_names_both_digests_what_is_new_and_the_line_to_edit() {
    let place = Place::new();
    place.policy(REVIEWS);
    place.server.set("/r.toml", Answer::Good(REVIEWS.into()));
    assert_eq!(place.refresh(), Ok(ImportState::Fetched));
    let new = format!("{}{VIOLATION}", REVIEWS.replace("1.0.0", "1.0.1"));
    place
        .server
        .set("/r.toml", Answer::Good(new.clone().into()));
    let [old_digest, new_digest] = [REVIEWS, &new].map(|text| Sha256Digest::of(text.as_bytes()));
    let kept =
        ImportStore::new(place.path("imports").canonicalize().expect("folder")).path(&new_digest);
    let error = place.refresh().expect_err("changed");
    assert_eq!(
        error,
        format!(
            "line 6 `\"{old_digest}\"` (pinned): the import `friend` is not the file that policy pins: {} is {new_digest} instead of \
             {old_digest} -> read what changed, then write `digest = \"{new_digest}\"` in line 6 of the policy\n\
             the new file is kept at {}\n\
             + violation of npm:b (versions) by Friend: posts the tokens\n\
             + review of npm:a 1.0.1 (safe-to-run) by Friend\n\
             - review of npm:a 1.0.0 (safe-to-run) by Friend",
            place.server.url("/r.toml"),
            kept.display(),
        )
    );
    // The pinned one is still there. Once the new one is accepted, it needs no other fetch.
    assert!(place.offline().build().is_ok());
    place.policy(&new);
    assert!(place.offline().build().is_ok());
}

#[test]
fn hostile_servers_give_nothing() {
    let place = Place::new();
    let refused = |answer: Answer, expected: &str| {
        let patience = if expected == "took too long" {
            Duration::from_millis(900)
        } else {
            PATIENT
        };
        place.policy(REVIEWS).server.set("/r.toml", answer);
        let error = place.refresh_within(patience).expect_err(expected);
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(place.offline().build().is_err(), "{expected}");
    };
    refused(
        Answer::Claims(65 << 20),
        "larger than the 67108864 bytes accepted",
    );
    refused(Answer::Endless, "larger than the 67108864 bytes accepted");
    refused(Answer::Slow(REVIEWS.into()), "took too long");
    refused(Answer::Silent, "took too long");
    refused(Answer::Truncated(REVIEWS.into()), "the connection failed");
    refused(
        Answer::Drip(format!("HTTP/1.1 200 OK\r\n\r\n{REVIEWS}").into()),
        "took too long",
    );
    refused(Answer::Raw(b"\0\0\0".to_vec()), "the connection failed");
    refused(
        Answer::Status(404),
        "cannot be fetched from http://127.0.0.1",
    );
    refused(Answer::Status(500), "the server answered with status 500");
    refused(
        Answer::Status(401),
        "the server refused access (status 401)",
    );
    refused(
        Answer::Redirect("https://other.example/r.toml".to_owned()),
        "refused a redirect to another host, other.example",
    );
    refused(
        Answer::Redirect("file:///etc/passwd".to_owned()),
        "refused a redirect",
    );
    refused(
        Answer::Redirect(place.server.url("/r.toml")),
        "refused a redirect after 5 others",
    );
    let other = Server::start();
    other.set("/r.toml", Answer::Good(REVIEWS.into()));
    refused(
        Answer::Redirect(other.url("/r.toml")),
        "refused a redirect to another host",
    );
    assert_eq!(
        other.authorizations(),
        [],
        "the other host was not even asked"
    );
    assert_eq!(place.kept(), 0, "nothing was kept so far");

    refused(Answer::Good(b"\xff\xfe".to_vec()), "it is no text");
    refused(
        Answer::Good(b"version = 1\n".to_vec()),
        "it holds 0 reviews and 0 violations",
    );
    refused(
        Answer::Good(b"version = 2\n".to_vec()),
        "it could not be used either: the file is of format version 2",
    );
    refused(
        Answer::Good(b"<html>\x1b[2J</html>".to_vec()),
        "it could not be used either",
    );
    refused(
        Answer::Good(Vec::new()),
        "the import `friend` is not the file that policy pins",
    );

    // A redirect on the same host is followed, and the digest still decides.
    place
        .server
        .set("/moved.toml", Answer::Good(REVIEWS.into()));
    place
        .policy(REVIEWS)
        .server
        .set("/r.toml", Answer::Redirect("/moved.toml".to_owned()));
    assert_eq!(place.refresh(), Ok(ImportState::Fetched));

    // Pinned and broken: the place in it is shown, with nothing that acts on a terminal.
    let broken = "version = 1\nignore = \"\u{202e}\"\n";
    place
        .policy(broken)
        .server
        .set("/r.toml", Answer::Good(broken.into()));
    assert_eq!(place.refresh(), Ok(ImportState::Fetched));
    let error = texts(&place.offline().build().err().expect("broken"));
    assert!(
        error.starts_with("line 2 `ignore` (here): unknown key `ignore`"),
        "{error}"
    );
}

#[test]
fn a_file_beside_the_policy_is_held_to_its_digest_too() {
    let place = Place::new();
    let file = place.path("friend.toml");
    std::fs::write(&file, REVIEWS).expect("file");
    let digest = Sha256Digest::of(REVIEWS.as_bytes());
    let policy =
        format!("version = 1\n[imports.friend]\npath = \"friend.toml\"\ndigest = \"{digest}\"\n");
    std::fs::write(place.path("policy.toml"), policy).expect("policy");
    assert!(place.offline().build().is_ok());
    assert_eq!(
        place
            .online(PATIENT)
            .refresh_imports()
            .expect("nothing to fetch"),
        []
    );
    std::fs::write(&file, format!("{REVIEWS}\n")).expect("file");
    let found = Sha256Digest::of(format!("{REVIEWS}\n").as_bytes());
    let error = texts(&place.offline().build().err().expect("changed"));
    assert_eq!(
        error.replace(&place.folder.path().display().to_string(), "DIR"),
        format!(
            "line 4 `\"{digest}\"` (pinned): the import `friend` is not the file that policy pins: DIR/friend.toml is {found} instead of \
             {digest} -> read what changed, then write `digest = \"{found}\"` in line 4 of the policy"
        )
    );
    std::fs::remove_file(&file).expect("remove");
    let error = texts(&place.offline().build().err().expect("gone"));
    assert!(
        error.contains("are not there") && error.contains("line 2 of the policy"),
        "{error}"
    );
}
