//! Hosts in a Nix store: as registered, changed, forged, signed, and linked from path to path. The store is made by hand, from the format
//! alone; another test has Nix itself make one.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::{Installation, judged};

const ID: &str = "core:openclaw";

/// The Nix archive of a file or folder.
fn nar(path: &Path) -> Vec<u8> {
    fn text(out: &mut Vec<u8>, text: &[u8]) {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text);
        out.resize(out.len().next_multiple_of(8), 0);
    }
    fn node(out: &mut Vec<u8>, path: &Path) {
        let found = path.symlink_metadata().expect("entry");
        text(out, b"(");
        text(out, b"type");
        if found.is_symlink() {
            let target = fs::read_link(path).expect("link");
            for part in ["symlink", "target", target.to_str().expect("text")] {
                text(out, part.as_bytes());
            }
        } else if found.is_dir() {
            text(out, b"directory");
            let mut names: Vec<_> = fs::read_dir(path)
                .expect("folder")
                .map(|entry| entry.expect("entry").file_name())
                .collect();
            names.sort();
            for name in names {
                let shown = name.to_str().expect("text").to_owned();
                for part in ["entry", "(", "name", &shown, "node"] {
                    text(out, part.as_bytes());
                }
                node(out, &path.join(name));
                text(out, b")");
            }
        } else {
            text(out, b"regular");
            if found.permissions().mode() & 0o100 != 0 {
                text(out, b"executable");
                text(out, b"");
            }
            text(out, b"contents");
            text(out, &fs::read(path).expect("file"));
        }
        text(out, b")");
    }
    let mut out = Vec::new();
    text(&mut out, b"nix-archive-1");
    node(&mut out, path);
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Nix's base 32, as its manual says it: five bits at a time, counted from the end.
fn base32(bytes: &[u8]) -> String {
    let bit = |n: usize| {
        bytes
            .get(n / 8)
            .is_some_and(|byte| byte >> (n % 8) & 1 == 1)
    };
    let digits = (bytes.len() * 8).div_ceil(5);
    let digit = |n: usize| {
        (0..5)
            .filter(|at| bit(n * 5 + at))
            .map(|at| 1 << at)
            .sum::<usize>()
    };
    let alphabet = b"0123456789abcdfghijklmnpqrsvwxyz";
    (0..digits)
        .rev()
        .map(|n| char::from(alphabet[digit(n)]))
        .collect()
}

/// The name of a content-addressed path.
fn named(archive: &[u8], name: &str) -> String {
    let whole = format!(
        "source:sha256:{}:/nix/store:{name}",
        hex(&Sha256::digest(archive))
    );
    let mut folded = [0_u8; 20];
    for (at, byte) in Sha256::digest(whole).iter().enumerate() {
        folded[at % 20] ^= byte;
    }
    format!("{}-{name}", base32(&folded))
}

struct Store {
    installation: Installation,
    root: PathBuf,
    /// Name of the path with the host package.
    host: String,
    /// Name of the path to which a link of the host package leads.
    dependency: String,
}

impl Store {
    /// A store with a host package, and another path into which one of its links leads.
    fn new() -> Self {
        let mut installation = Installation::empty();
        let root = installation.home.parent().expect("parent").join("nix");
        fs::create_dir_all(root.join("store")).expect("folder");
        fs::create_dir_all(root.join("var/nix/db")).expect("folder");
        let schema = "CREATE TABLE ValidPaths (id integer primary key autoincrement not null, path text unique not null, hash text not null,
                          registrationTime integer not null, deriver text, narSize integer, ultimate integer, sigs text, ca text);
                      CREATE TABLE Refs (referrer integer not null, reference integer not null, primary key (referrer, reference));";
        let db = Connection::open(root.join("var/nix/db/db.sqlite")).expect("database");
        db.execute_batch(schema).expect("schema");
        drop(db);
        let mut store = Self {
            root,
            host: String::new(),
            dependency: String::new(),
            installation: Installation::empty(),
        };
        let folder = store.root.join("made");
        fs::create_dir_all(&folder).expect("folder");
        fs::write(folder.join("x.js"), "module.exports = 1;\n").expect("file");
        store.dependency = store.add("dep", &[]);
        fs::create_dir_all(folder.join("openclaw/dist")).expect("folder");
        let package =
            r#"{"name":"openclaw","version":"2026.9.6","bin":{"openclaw":"openclaw.mjs"}}"#;
        fs::write(folder.join("openclaw/package.json"), package).expect("file");
        fs::write(
            folder.join("openclaw/openclaw.mjs"),
            "import './dist/x.js';\n",
        )
        .expect("file");
        let target = format!("/nix/store/{}/x.js", store.dependency);
        symlink(target, folder.join("openclaw/dist/x.js")).expect("link");
        store.host = store.add("openclaw", &[]);
        installation.host = Some(store.path(&store.host).join("openclaw"));
        store.installation = installation;
        store
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join("store").join(name)
    }

    fn database(&self) -> Connection {
        Connection::open(self.root.join("var/nix/db/db.sqlite")).expect("database")
    }

    fn sql(&self, sql: &str) {
        self.database().execute_batch(sql).expect("statement");
    }

    /// Registers what was made under the name that its content gives, as `nix-store --add` does.
    fn add(&self, name: &str, _references: &[&str]) -> String {
        let made = self.root.join("made");
        let archive = nar(&made);
        let base = named(&archive, name);
        let hash = Sha256::digest(&archive);
        self.database()
            .execute(
                "INSERT INTO ValidPaths (path, hash, registrationTime, narSize, ca) VALUES (?1, ?2, 1, ?3, ?4)",
                (
                    format!("/nix/store/{base}"),
                    format!("sha256:{}", hex(&hash)),
                    archive.len() as i64,
                    format!("fixed:r:sha256:{}", base32(&hash)),
                ),
            )
            .expect("row");
        fs::rename(&made, self.path(&base)).expect("moved");
        fs::create_dir_all(&made).expect("folder");
        base
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.installation.command(arguments);
        command
            .arg("--nix-db")
            .arg(self.root.join("var/nix/db/db.sqlite"));
        command
    }

    fn lock(&self) {
        let output = self.command(&["lock", "--init"]).output().expect("run");
        assert!(output.status.success(), "{output:?}");
    }

    /// The findings about the host package, and its entry in the report.
    fn judged(&self) -> (Vec<String>, Value) {
        let output = self
            .command(&["check", "--format", "json"])
            .output()
            .expect("run");
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        judged(&report, ID, &[])
    }

    fn found(&self) -> Vec<String> {
        self.judged().0
    }

    /// What Nix would register of the path as it is now.
    fn register_again(&self, name: &str) {
        let archive = nar(&self.path(name));
        let hash = hex(&Sha256::digest(&archive));
        let size = archive.len();
        self.sql(&format!(
            "UPDATE ValidPaths SET hash = 'sha256:{hash}', narSize = {size} WHERE path = '/nix/store/{name}'"
        ));
    }
}

#[test]
fn what_is_registered_is_verified_with_what_links_lead_to() {
    let store = Store::new();
    store.lock();
    let (found, subject) = store.judged();
    assert_eq!(found, [""; 0]);
    assert_eq!(subject["nixStore"]["outcome"], "verified");
    let paths = subject["nixStore"]["paths"].as_array().expect("paths");
    let mut names = [&store.host, &store.dependency];
    names.sort();
    assert_eq!(paths.len(), 2);
    for (path, name) in paths.iter().zip(names) {
        assert_eq!(path["path"], name.as_str());
        assert_eq!(path["own"], *name == store.host);
        assert_eq!(path["contentAddressed"], true);
    }
    // It is not signed, so it stands on the lock alone.
    assert_eq!(subject["basis"], "locked");
}

#[test]
fn one_changed_byte_is_seen_also_behind_a_link() {
    let store = Store::new();
    store.lock();
    fs::write(
        store.path(&store.dependency).join("x.js"),
        "module.exports = 2;\n",
    )
    .expect("file");
    assert_eq!(store.found(), ["deny record-mismatch[nix-store]"]);
    // Registered anew it is another content than the one from which its name is made.
    store.register_again(&store.dependency);
    assert_eq!(store.found(), ["deny record-mismatch[nix-store]"]);
    let hash = base32(&Sha256::digest(nar(&store.path(&store.dependency))));
    store.sql(&format!(
        "UPDATE ValidPaths SET ca = 'fixed:r:sha256:{hash}' WHERE path = '/nix/store/{}'",
        store.dependency
    ));
    assert_eq!(store.found(), ["deny record-mismatch[nix-store]"]);
}

#[test]
fn the_hosts_own_files_are_seen_by_lock_and_store() {
    let store = Store::new();
    store.lock();
    fs::write(
        store.path(&store.host).join("openclaw/openclaw.mjs"),
        "evil()\n",
    )
    .expect("file");
    let both = ["deny record-mismatch[nix-store]", "deny tree-mismatch"];
    assert_eq!(store.found(), both);
}

#[test]
fn a_path_that_the_database_does_not_know_is_none_of_the_store() {
    let store = Store::new();
    store.lock();
    store.sql(&format!(
        "DELETE FROM ValidPaths WHERE path = '/nix/store/{}'",
        store.host
    ));
    assert_eq!(store.found(), ["deny record-mismatch[nix-store]"]);
}

#[test]
fn without_a_database_what_links_lead_to_is_not_established() {
    let store = Store::new();
    store.lock();
    let database = store.root.join("var/nix/db/db.sqlite");
    fs::write(&database, "no database").expect("file");
    assert_eq!(
        store.found(),
        [
            "deny not-established[nix-store]",
            "note not-established[nix-store]"
        ]
    );
    // A file that the call names has to be there.
    fs::remove_file(&database).expect("remove");
    let output = store.command(&["check"]).output().expect("run");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_database_that_others_can_write_vouches_for_no_link() {
    let store = Store::new();
    store.sql("UPDATE ValidPaths SET ca = NULL");
    store.lock();
    // Whose name does not prove it, root's database has to know.
    assert_eq!(store.found(), [""; 0]);
    let database = store.root.join("var/nix/db/db.sqlite");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o666)).expect("mode");
    assert_eq!(store.found(), ["deny not-established[nix-store]"]);
}

#[test]
fn a_signature_by_a_trusted_key_is_the_basis() {
    use rcgen::{PublicKeyData as _, SigningKey as _};
    let store = Store::new();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("key");
    let key = format!("cache.example.org-1:{}", STANDARD.encode(pair.der_bytes()));
    store.lock();
    let policy = format!("version = 1\n[nix]\ntrusted-keys = [\"{key}\"]\n");
    fs::write(store.installation.policy(), policy).expect("policy");
    let sign = |key_name: &str| {
        let archive = nar(&store.path(&store.host));
        let hash = base32(&Sha256::digest(&archive));
        let text = format!(
            "1;/nix/store/{};sha256:{hash};{};",
            store.host,
            archive.len()
        );
        let signature = STANDARD.encode(pair.sign(text.as_bytes()).expect("signature"));
        store.sql(&format!(
            "UPDATE ValidPaths SET ca = NULL, sigs = 'other-1:AAAA {key_name}:{signature}' WHERE path = '/nix/store/{}'",
            store.host
        ));
    };
    sign("cache.example.org-1");
    let (found, subject) = store.judged();
    assert_eq!(found, [""; 0]);
    assert_eq!(subject["basis"], "signed");
    assert_eq!(subject["nixStore"]["signer"], "cache.example.org-1");
    assert_eq!(subject["outcomes"]["provenance"], "verified");
    // By a key that is not trusted it is unsigned, and no worse.
    sign("cache.example.org-2");
    let (found, subject) = store.judged();
    assert_eq!(
        (found, &subject["basis"]),
        (Vec::new(), &Value::from("locked"))
    );
    // Changed and registered anew, the signature is of something else.
    sign("cache.example.org-1");
    fs::write(
        store.path(&store.host).join("openclaw/dist/y.js"),
        "evil()\n",
    )
    .expect("file");
    store.register_again(&store.host);
    let found = store.found();
    assert_eq!(
        found,
        ["deny tree-mismatch", "deny provenance-invalid[signature]"]
    );
}

#[test]
fn links_out_of_the_store_stay_unsafe() {
    let store = Store::new();
    store.lock();
    let folder = store.path(&store.host).join("openclaw/dist");
    symlink("/etc/hostname", folder.join("y.js")).expect("link");
    let (found, subject) = store.judged();
    assert!(found.contains(&"deny unsafe-tree".to_owned()), "{found:?}");
    assert_eq!(subject["tree"], Value::Null);
}

#[test]
fn keys_of_the_policy_are_read_strictly() {
    let store = Store::new();
    for (line, why) in [
        ("cache.example.org-1", "has no `:`"),
        (":AAAA", "has no name"),
        ("a:!", "not base64"),
        ("a:AAAA", "not an Ed25519"),
    ] {
        let policy = format!("version = 1\n[nix]\ntrusted-keys = [\"{line}\"]\n");
        fs::write(store.installation.policy(), policy).expect("policy");
        let run = store.installation.run(&["check"]);
        assert_eq!(run.code, 2, "{line}");
        assert!(run.stderr.contains(why), "{line}: {}", run.stderr);
    }
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn fill(&mut self, folder: &Path, depth: u64) {
        fs::create_dir_all(folder).expect("folder");
        for n in 0..self.below(6) {
            let name = ["a", "B", "z-1", "é", "0", "a.b"][usize::try_from(n).expect("small")];
            let path = folder.join(format!("{name}{}", self.below(3)));
            if path.symlink_metadata().is_ok() {
                continue;
            }
            match self.below(4) {
                0 if depth > 0 => self.fill(&path, depth - 1),
                1 => symlink(format!("../x{}", self.below(9)), &path).expect("link"),
                kind => {
                    let len = usize::try_from(self.below(300_000)).expect("small");
                    fs::write(&path, vec![b'x'; len]).expect("file");
                    let mode = if kind == 2 { 0o755 } else { 0o644 };
                    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
                }
            }
        }
    }
}

#[test]
#[ignore = "needs nix-store"]
fn stores_that_nix_makes() {
    let nix = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        let output = command.args(args).output().expect("nix runs");
        assert!(output.status.success(), "{program} {args:?}: {output:?}");
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_owned()
    };
    let dir = tempfile::tempdir().expect("folder");
    let mut numbers = Numbers(7);
    for n in 0..300 {
        let folder = dir.path().join(n.to_string());
        numbers.fill(&folder, 4);
        let want = nix(
            "nix-hash",
            &["--type", "sha256", folder.to_str().expect("text")],
        );
        assert_eq!(hex(&Sha256::digest(nar(&folder))), want, "{n}");
    }
    // The same host package, in a store of Nix's own making: the names and rows are those that the test makes by hand.
    let by_hand = Store::new();
    let root = dir.path().join("root");
    let add = |from: &Path, name: &str| {
        let copy = dir.path().join(name);
        let copied = Command::new("cp").arg("-a").arg(from).arg(&copy).status();
        assert!(copied.expect("cp").success());
        nix(
            "nix-store",
            &[
                "--store",
                root.to_str().expect("text"),
                "--add",
                copy.to_str().expect("text"),
            ],
        )
    };
    let dependency = add(&by_hand.path(&by_hand.dependency), "dep");
    assert_eq!(dependency, format!("/nix/store/{}", by_hand.dependency));
    let host = add(&by_hand.path(&by_hand.host), "openclaw");
    assert_eq!(host, format!("/nix/store/{}", by_hand.host));
    let mut made = Store::new();
    made.root = root.join("nix");
    made.installation.host = Some(made.path(&by_hand.host).join("openclaw"));
    made.lock();
    let (found, subject) = made.judged();
    assert_eq!(
        (found, &subject["nixStore"]["outcome"]),
        (Vec::new(), &Value::from("verified"))
    );
    let file = made.path(&by_hand.dependency).join("x.js");
    let intact = fs::read(&file).expect("file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("mode");
    fs::write(&file, "module.exports = 2;\n").expect("file");
    assert_eq!(made.found(), ["deny record-mismatch[nix-store]"]);
    made.register_again(&by_hand.dependency);
    assert_eq!(made.found(), ["deny record-mismatch[nix-store]"]);
    fs::write(&file, intact).expect("file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).expect("mode");
    made.register_again(&by_hand.dependency);
    assert_eq!(made.found(), [""; 0]);
}
