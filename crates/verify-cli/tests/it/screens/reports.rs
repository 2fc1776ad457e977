//! The report in every form, before and after the first lock.

use crate::support::Installation;

use super::{Theme, root, shipped};

const FORMS: [&str; 8] = [
    "",
    " -v",
    " -q",
    " --format json",
    " --format sarif",
    " --format github",
    " --format junit",
    " --fail-on warn",
];

fn reports(theme: &mut Theme, installation: &Installation) {
    for verb in ["check", "plugins", "skills", "core"] {
        for form in FORMS {
            theme.all(installation, &[&format!("{verb}{form}")]);
        }
    }
    theme.all(
        installation,
        &[
            "",
            "plugins npm-pack:@acme/packed",
            "skills skill:workspace/weather -v",
            "skills skill:workspace/nothing",
            "check -A not-established",
            "check -W not-established -D unpinned-install-step",
            "check --lock-only",
        ],
    );
}

#[test]
fn of_a_state_without_a_lock() {
    let installation = shipped();
    let mut theme = Theme::new("new", root(&installation));
    reports(&mut theme, &installation);
    theme.all(
        &installation,
        &["lock --check", "lock --init", "lock --init --no-progress"],
    );
    theme.end();
}

#[test]
fn of_a_locked_state() {
    let installation = shipped();
    installation.init(0);
    let mut theme = Theme::new("locked", root(&installation));
    reports(&mut theme, &installation);
    theme.end();
}
