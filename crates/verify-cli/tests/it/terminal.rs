//! What people see who sit at a terminal: the pager, and the question before something is written.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::{Installation, Run, only_environment_of};

const PACKED: &str = "npm-pack:@acme/packed";
const RECORD: [&str; 7] = [
    "review",
    PACKED,
    "--record",
    "--criteria",
    "safe-to-run",
    "--by",
    "Ada",
];

/// Runs the command on a terminal of its own, with `input` typed into it.
fn at_a_terminal(
    installation: &Installation,
    arguments: &[&str],
    variables: &[(&str, &str)],
    input: &str,
) -> Run {
    let inner = installation.command(arguments);
    let quoted = |word: &std::ffi::OsStr| {
        format!("'{}'", word.to_str().expect("UTF-8").replace('\'', r"'\''"))
    };
    let line: Vec<String> = std::iter::once(inner.get_program())
        .chain(inner.get_args())
        .map(quoted)
        .collect();
    let mut command = Command::new("/usr/bin/script");
    only_environment_of(&mut command, &inner);
    command
        .args(["-qefc", &line.join(" "), "/dev/null"])
        .env("TERM", "xterm")
        .envs(variables.iter().copied())
        .current_dir(&installation.config);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("script");
    child
        .stdin
        .take()
        .expect("stdin")
        .write_all(input.as_bytes())
        .expect("typed");
    Run::of(&child.wait_with_output().expect("script ends"))
}

fn locked() -> Installation {
    let installation = Installation::shipped();
    installation.init(0);
    installation
}

#[test]
#[ignore = "needs script"]
fn a_difference_goes_through_the_pager_of_the_operator() {
    let installation = locked();
    let paged = installation.config.join("paged");
    let pager = format!("cat > '{}'", paged.display());
    let diff = ["review", PACKED, "--diff"];
    let run = at_a_terminal(&installation, &diff, &[("PAGER", &pager)], "");
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        !run.stdout.contains("+++ b/index.js") && run.stdout.contains("when you have read it:"),
        "{}",
        run.stdout
    );
    let text = std::fs::read_to_string(&paged).expect("paged");
    assert!(
        text.contains("+++ b/index.js") && text.contains("\u{1b}[1m"),
        "a terminal gets colours: {text:?}"
    );
    let plain = at_a_terminal(
        &installation,
        &diff,
        &[("PAGER", &pager), ("NO_COLOR", "1")],
        "",
    );
    assert_eq!(plain.code, 0);
    let text = std::fs::read_to_string(&paged).expect("paged");
    assert!(
        text.contains("+++ b/index.js") && !text.contains('\u{1b}'),
        "{text:?}"
    );

    // A pager that is not there, and one that is left early.
    let run = at_a_terminal(
        &installation,
        &diff,
        &[("PAGER", "no-such-pager-anywhere")],
        "",
    );
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains("+++ b/index.js"), "{}", run.stdout);
    let run = at_a_terminal(&installation, &diff, &[("PAGER", "true")], "");
    assert_eq!(run.code, 0, "{}", run.text());
    // Redirected output needs no pager.
    std::fs::remove_file(&paged).expect("remove");
    let run = Run::of(
        &installation
            .command(&diff)
            .env("PAGER", &pager)
            .output()
            .expect("run"),
    );
    assert!(run.stdout.contains("+++ b/index.js") && !paged.exists());
}

#[test]
#[ignore = "needs script"]
fn what_the_keyboard_interrupts_is_the_pagers() {
    let installation = locked();
    let after = installation.config.join("after");
    // As the terminal does at ^C: everything in the foreground.
    let pager = format!(
        "trap '' INT; cat >/dev/null; kill -INT 0; sleep 1; echo x >'{}'",
        after.display()
    );
    let diff = ["review", PACKED, "--diff"];
    let run = at_a_terminal(&installation, &diff, &[("PAGER", &pager)], "");
    assert!(after.exists(), "the program did not wait: {}", run.text());
    // The shell around both ended by the signal; the program went on.
    assert!(
        run.stdout.contains("when you have read it"),
        "{}",
        run.text()
    );
}

#[test]
#[ignore = "needs script"]
fn nothing_is_recorded_before_the_very_entry_is_confirmed() {
    let installation = locked();
    let reviews = installation.config.join("openclaw-reviews.toml");
    for input in ["n\n", "\n", "yess\n", "\u{4}"] {
        let run = at_a_terminal(&installation, &RECORD, &[], input);
        assert_eq!(run.code, 1, "{input:?}: {}", run.text());
        assert!(
            run.stdout
                .contains("append this to openclaw-reviews.toml? [y/N]"),
            "{}",
            run.stdout
        );
        assert!(
            run.stdout.contains("nothing was written")
                && !installation.reviews_text().contains("[[review]]"),
            "{}",
            run.stdout
        );
    }
    let run = at_a_terminal(&installation, &RECORD, &[], "y\n");
    assert_eq!(run.code, 0, "{}", run.text());
    let written = std::fs::read_to_string(&reviews).expect("reviews");
    let shown = run.stdout.replace("\r\n", "\n");
    let entry = &written[written.find("[[review]]").expect("entry")..];
    let (before, question) = (
        shown.find(entry).expect("the entry is shown"),
        shown.find("[y/N]").expect("question"),
    );
    assert!(before < question, "{shown}");
}
