//! Repositories, keys and signatures made with the real programs, for tests.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder with a bare repository `repo.git` that has one commit, and place for keys.
pub struct Mint {
    dir: tempfile::TempDir,
    /// The commit.
    pub commit: String,
}

impl Mint {
    pub fn new() -> Self {
        let mut mint = Self {
            dir: tempfile::tempdir().expect("temp dir"),
            commit: String::new(),
        };
        mint.git(
            &[
                "init",
                "-q",
                "--bare",
                "-b",
                "main",
                mint.repo().to_str().expect("path"),
            ],
            b"",
        );
        let blob = mint.git(&["hash-object", "-w", "--stdin"], b"hello\n");
        let tree = mint.git(
            &["mktree"],
            format!("100644 blob {blob}\tfile\n").as_bytes(),
        );
        mint.commit = mint.git(&["commit-tree", &tree, "-m", "one"], b"");
        mint
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn repo(&self) -> PathBuf {
        self.path("repo.git")
    }

    /// Runs git on the repository, without any user's configuration, and gives its output.
    pub fn git(&self, arguments: &[&str], input: &[u8]) -> String {
        let output = run(self.git_command().args(arguments), input);
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .expect("text")
            .trim_end()
            .to_owned()
    }

    pub fn git_command(&self) -> Command {
        let mut command = Command::new("git");
        if self.repo().exists() {
            command.arg("--git-dir").arg(self.repo());
        }
        for (name, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_AUTHOR_NAME", "A"),
            ("GIT_AUTHOR_EMAIL", "a@example.test"),
            ("GIT_COMMITTER_NAME", "A"),
            ("GIT_COMMITTER_EMAIL", "a@example.test"),
            ("GIT_AUTHOR_DATE", "1700000000 +0000"),
            ("GIT_COMMITTER_DATE", "1700000000 +0000"),
            ("TZ", "UTC"),
        ] {
            command.env(name, value);
        }
        command
    }

    /// A new key pair; the path of the private half.
    pub fn ssh_key(&self, name: &str, kind: &[&str]) -> PathBuf {
        let path = self.path(name);
        let output = run(
            Command::new("ssh-keygen")
                .args(["-q", "-N", "", "-C", "", "-f"])
                .arg(&path)
                .arg("-t")
                .args(kind),
            b"",
        );
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        path
    }

    /// The public half, as `<type> <base64>`.
    pub fn public(&self, key: &Path) -> String {
        std::fs::read_to_string(key.with_extension("pub"))
            .expect("public key")
            .trim()
            .to_owned()
    }

    /// An armored signature.
    pub fn ssh_sign(&self, key: &Path, options: &[&str], message: &[u8]) -> Vec<u8> {
        let output = run(
            Command::new("ssh-keygen")
                .args(["-Y", "sign"])
                .args(options)
                .arg("-f")
                .arg(key),
            message,
        );
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// What a tag signs.
    pub fn payload(&self, name: &str, seconds: i64) -> Vec<u8> {
        format!("object {}\ntype commit\ntag {name}\ntagger A <a@example.test> {seconds} +0000\n\nrelease\n", self.commit)
            .into_bytes()
    }

    /// A signed tag object's bytes.
    pub fn ssh_tag(&self, key: &Path, options: &[&str], name: &str, seconds: i64) -> Vec<u8> {
        let mut body = self.payload(name, seconds);
        let signature = self.ssh_sign(key, options, &body);
        body.extend_from_slice(&signature);
        body
    }

    /// Writes a tag object, whatever it holds, and its ref.
    pub fn put_tag(&self, name: &str, body: &[u8]) -> String {
        let id = self.git(
            &["hash-object", "-t", "tag", "-w", "--literally", "--stdin"],
            body,
        );
        let path = self.repo().join("refs/tags").join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        std::fs::write(path, format!("{id}\n")).expect("ref");
        id
    }

    /// Whether `git verify-tag` accepts a tag with this signers file.
    pub fn git_accepts(&self, name: &str, signers: &Path) -> bool {
        let signers = format!("gpg.ssh.allowedSignersFile={}", signers.display());
        run(
            self.git_command()
                .args(["-c", &signers, "verify-tag", name]),
            b"",
        )
        .status
        .success()
    }
}

pub fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("stdin");
    // A program that does not want its input may close it.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("the program ends")
}
