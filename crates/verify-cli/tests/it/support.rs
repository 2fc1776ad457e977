//! An installation to run the binary on.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Everything in the tests happens on this day.
pub(crate) const NOW: &str = "2026-11-22T12:00:00Z";

/// One installation: a state directory, perhaps a host package, and a folder for the operator's files.
pub(crate) struct Installation {
    pub(crate) state: PathBuf,
    pub(crate) host: Option<PathBuf>,
    pub(crate) relocated_from: Option<PathBuf>,
    pub(crate) config: PathBuf,
    pub(crate) home: PathBuf,
    _temporary: tempfile::TempDir,
}

/// What a run printed, and how it ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A copy of the binary in `folder`. Another process writes it: a file that this one had open for writing could not be started while a
/// child that was made in between still holds it.
pub(crate) fn program_in(folder: &Path) -> PathBuf {
    let program = folder.join("openclaw-verify");
    let copied = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_openclaw-verify"))
        .arg(&program)
        .status();
    assert!(copied.expect("cp").success());
    program
}

/// The binary with nothing taken from the environment, with a home, run in `folder`.
pub(crate) fn bare(home: &Path, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw-verify"));
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .current_dir(folder);
    command
}

/// Has `outer` start what `inner` would: its program and arguments as the last ones, in its environment and folder.
pub(crate) fn around(mut outer: Command, inner: &Command) -> Command {
    outer.arg(inner.get_program()).args(inner.get_args());
    only_environment_of(&mut outer, inner);
    if let Some(folder) = inner.get_current_dir() {
        outer.current_dir(folder);
    }
    outer
}

/// Gives `command` the variables that `other` names, and no others.
pub(crate) fn only_environment_of(command: &mut Command, other: &Command) {
    let named = other.get_envs();
    command
        .env_clear()
        .envs(named.filter_map(|(name, value)| Some((name, value?))));
}

impl Installation {
    /// A copy of the state in testdata/states/home, whose records say /home/user.
    pub(crate) fn shipped() -> Self {
        Self::shipped_in(tempfile::tempdir().expect("temporary folder"))
    }

    /// The same in a folder of the caller's.
    pub(crate) fn shipped_in(temporary: tempfile::TempDir) -> Self {
        let root = temporary.path().canonicalize().expect("real path");
        copy(
            &repository().join("testdata/states/home/.openclaw"),
            &root.join("state"),
        );
        Self::at(
            root.join("state"),
            None,
            Some(PathBuf::from("/home/user/.openclaw")),
            temporary,
        )
    }

    /// An empty state directory.
    pub(crate) fn empty() -> Self {
        let temporary = tempfile::tempdir().expect("temporary folder");
        let root = temporary.path().canonicalize().expect("real path");
        std::fs::create_dir(root.join("state")).expect("state directory");
        Self::at(root.join("state"), None, None, temporary)
    }

    /// The installation that testdata's own maker or CI keeps at `root`, used in place.
    pub(crate) fn real(root: &Path) -> Self {
        Self::of_host(root, &root.join("home/.openclaw"))
    }

    /// The host package of the installation at `root`, with another state directory.
    pub(crate) fn of_host(root: &Path, state: &Path) -> Self {
        let temporary = tempfile::tempdir().expect("temporary folder");
        let host = root
            .join("app/node_modules/openclaw")
            .canonicalize()
            .expect("host package");
        Self::at(
            state.canonicalize().expect("state directory"),
            Some(host),
            None,
            temporary,
        )
    }

    fn at(
        state: PathBuf,
        host: Option<PathBuf>,
        relocated_from: Option<PathBuf>,
        temporary: tempfile::TempDir,
    ) -> Self {
        let root = temporary.path().canonicalize().expect("real path");
        let (config, home) = (root.join("config"), root.join("home"));
        std::fs::create_dir_all(&config).expect("config folder");
        std::fs::create_dir_all(&home).expect("home folder");
        Self {
            state,
            host,
            relocated_from,
            config,
            home,
            _temporary: temporary,
        }
    }

    /// The command with everything named and nothing taken from the environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_at(NOW, arguments)
    }

    /// The same at another time.
    pub(crate) fn command_at(&self, now: &str, arguments: &[&str]) -> Command {
        let mut command = bare(&self.home, &self.config);
        command
            .args(arguments)
            .arg("--config")
            .arg(&self.config)
            .args(["--now", now]);
        // The lock alone is judged where no installation is named.
        if arguments.contains(&"--lock-only") {
            return command;
        }
        command.arg("--state-dir").arg(&self.state);
        if let Some(host) = &self.host {
            command.arg("--openclaw").arg(host);
        }
        if let Some(old) = &self.relocated_from {
            command.arg("--relocated-from").arg(old);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&self.command(arguments).output().expect("the binary runs"))
    }

    /// The JSON report of `check`.
    pub(crate) fn check(&self) -> (i32, Value) {
        let run = self.run(&["check", "--format", "json"]);
        let report = serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", run.stdout, run.stderr));
        (run.code, report)
    }

    /// `lock --init`, which must end with `code`.
    pub(crate) fn init(&self, code: i32) -> Run {
        let run = self.run(&["lock", "--init"]);
        assert_eq!(run.code, code, "{}{}", run.stdout, run.stderr);
        run
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.config.join("openclaw-verify.lock")
    }

    pub(crate) fn lock_text(&self) -> String {
        std::fs::read_to_string(self.lock()).expect("lock")
    }

    pub(crate) fn reviews_text(&self) -> String {
        std::fs::read_to_string(self.config.join("openclaw-reviews.toml")).expect("reviews")
    }

    pub(crate) fn policy(&self) -> PathBuf {
        self.config.join("openclaw-verify.toml")
    }
}

impl Run {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Level, id and code of a finding.
pub(crate) fn graded(finding: &Value) -> String {
    let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let code = match text("code").as_str() {
        "" => String::new(),
        code => format!("[{code}]"),
    };
    format!("{} {}{code}", text("level"), text("id"))
}

/// The findings of a report that count, as `id[code] subject: message | evidence`.
pub(crate) fn findings(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = report["findings"].as_array().expect("findings");
    list.iter()
        .filter(|finding| finding["suppressed"].is_null())
        .map(|finding| {
            let code = finding["code"]
                .as_str()
                .map_or(String::new(), |code| format!("[{code}]"));
            let evidence: Vec<String> = finding["evidence"]
                .as_array()
                .expect("evidence")
                .iter()
                .map(text)
                .collect();
            format!(
                "{}{code} {}: {} | {}",
                text(&finding["id"]),
                text(&finding["subject"]),
                text(&finding["message"]),
                evidence.join("; ")
            )
        })
        .collect()
}

/// A real OpenClaw with real plugins, where CI has installed one: `OPENCLAW_VERIFY_REAL` names the folder.
///
/// Tests use it in place and put back what they change, so the holder of this has it alone.
pub struct Real {
    root: PathBuf,
    _alone: std::sync::MutexGuard<'static, ()>,
}

impl std::ops::Deref for Real {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.root
    }
}

/// The real installation, for tests that are ignored because they need one. One test at a time has it.
pub fn real() -> Real {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let root = std::env::var_os("OPENCLAW_VERIFY_REAL").expect("OPENCLAW_VERIFY_REAL");
    let alone = ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    Real {
        root: Path::new(&root)
            .canonicalize()
            .expect("OPENCLAW_VERIFY_REAL"),
        _alone: alone,
    }
}

/// The root of the checkout.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("repository")
}

/// Copies with modes, times and links.
pub(crate) fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status()
        .expect("cp");
    assert!(
        status.success(),
        "cp -a {} {}",
        from.display(),
        to.display()
    );
}

/// Everything in a folder: path, type, mode, size, times.
pub(crate) fn listing(folder: &Path) -> String {
    let output = Command::new("find")
        .arg(folder)
        .args(["-printf", "%P %y %m %s %T@ %C@ %l\n"])
        .output()
        .expect("find");
    let mut lines: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines.join("\n")
}

/// The folder of additional material beside the checkout, for tests that are ignored because they need it.
pub fn shared(what: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(what);
    assert!(folder.exists(), "../shared/{what} is not here");
    folder
}

/// The counting findings about a subject, as `level id[code]` and without those in `quiet`, and its entry in the report.
pub(crate) fn judged(report: &Value, id: &str, quiet: &[&str]) -> (Vec<String>, Value) {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let about = |finding: &&Value| {
        finding["subject"] == id
            && finding["suppressed"].is_null()
            && !quiet.contains(&text(finding, "id").as_str())
    };
    let name = |finding: &Value| {
        let code = finding["code"]
            .as_str()
            .map_or(String::new(), |code| format!("[{code}]"));
        format!("{} {}{code}", text(finding, "level"), text(finding, "id"))
    };
    let found = report["findings"]
        .as_array()
        .expect("array")
        .iter()
        .filter(about)
        .map(name)
        .collect();
    let subject = report["subjects"]
        .as_array()
        .expect("array")
        .iter()
        .find(|subject| subject["id"] == id);
    (
        found,
        subject
            .unwrap_or_else(|| panic!("{:#?}", findings(report)))
            .clone(),
    )
}

/// Every format of `--format`.
pub(crate) const FORMATS: [&str; 9] = [
    "human",
    "json",
    "jsonl",
    "sarif",
    "github",
    "junit",
    "html",
    "markdown",
    "prometheus",
];

/// What these calls print, and every file below these folders, does not hold `secret`.
pub(crate) fn shows_nowhere(
    secret: &str,
    installation: &Installation,
    calls: &[&[&str]],
    folders: &[&Path],
) {
    for arguments in calls {
        let run = installation.run(arguments);
        assert!(run.code < 2, "{arguments:?}: {}", run.text());
        assert!(
            !run.text().contains(secret),
            "{arguments:?}: {}",
            run.text()
        );
    }
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    let mut files = 0;
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else {
                files += 1;
                let bytes = std::fs::read(&path).expect("file");
                let holds = String::from_utf8_lossy(&bytes).contains(secret);
                assert!(!holds, "{}", path.display());
            }
        }
    }
    assert!(files > 5, "lock, policy, manifests and listings are there");
}
