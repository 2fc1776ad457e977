//! `OPENCLAW_CONFIG_PATH` alone moves more than the config: OpenClaw takes code from that folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::remedies::at_home;
use crate::support::{Installation, Run, findings};

/// `check` where the environment names the config, after the line of a shell.
fn check(installation: &Installation, config: &Path, before: &str) -> (i32, Value) {
    let command = installation.command(&["check", "--format", "json"]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{before}\nexec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args());
    crate::support::only_environment_of(&mut shell, &command);
    shell
        .current_dir(&installation.config)
        .env("OPENCLAW_CONFIG_PATH", config);
    let run = Run::of(&shell.output().expect("the binary runs"));
    let report = serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", run.stdout, run.stderr));
    (run.code, report)
}

fn of_folder(report: &Value) -> Option<&Value> {
    let findings = report["findings"].as_array().expect("findings");
    findings
        .iter()
        .find(|finding| finding["code"] == "config-folder")
}

#[test]
fn the_folder_of_the_config_is_no_second_place_of_code() {
    let mut installation = Installation::shipped();
    at_home(&mut installation);
    let folder = installation.home.join("conf it's");
    fs::create_dir(&folder).expect("folder");
    let config = folder.join("openclaw.json");
    fs::rename(installation.state.join("openclaw.json"), &config).expect("moved");

    let (code, report) = check(&installation, &config, "");
    assert_eq!(of_folder(&report), None, "{:?}", findings(&report));
    assert_eq!(code, 0, "{:?}", findings(&report));

    let hook = folder.join("hooks/evil");
    fs::create_dir_all(&hook).expect("folder");
    fs::write(hook.join("HOOK.md"), "---\nname: evil\n---\n").expect("file");
    let (code, report) = check(&installation, &config, "");
    let found = of_folder(&report).unwrap_or_else(|| panic!("{:?}", findings(&report)));
    assert_eq!((code, found["level"].as_str()), (1, Some("deny")));
    assert!(found["message"].as_str().expect("text").contains("hooks"));

    // The printed line, as a shell takes it: OpenClaw that is told so loads nothing from there.
    let help = found["help"].as_str().expect("help");
    let at = help
        .find("export OPENCLAW_STATE_DIR=")
        .unwrap_or_else(|| panic!("{help}"));
    let (code, report) = check(&installation, &config, &help[at..]);
    assert_eq!(of_folder(&report), None, "{:?}", findings(&report));
    assert_eq!(code, 0, "{:?}", findings(&report));

    fs::remove_dir_all(folder.join("hooks")).expect("removed");
    fs::write(folder.join(".env"), "BASH_ENV=/tmp/evil\n").expect("file");
    let (code, report) = check(&installation, &config, "");
    let said = findings(&report);
    assert_eq!(code, 1, "{said:?}");
    assert!(
        said.iter()
            .any(|line| line.starts_with("unrecorded[load-override] : BASH_ENV")),
        "{said:?}"
    );
}
