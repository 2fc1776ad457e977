//! `nix-pin-mismatch`: the lock and the pins of nix-openclaw name other bytes for one release.

use crate::fact::Outcome;
use crate::finding::{Declared, Draft, Level, RemedyKind};
use crate::inventory::machine::Machine;
use crate::inventory::machine::given::NixPin;
use crate::lock::LockedPackage;
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};
use crate::subject::Source;
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "nix-pin-mismatch",
    group: Group::Platform,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "The lock and the pins of nix-openclaw name other bytes for the same release",
    help: "One of the two has another archive than its registry published: compare both with the registry before you trust either.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let pins = &machine.given().pins;
    if pins.is_empty() {
        return Vec::new();
    }
    let npm: Vec<&LockedPackage> = whole
        .lock
        .packages()
        .iter()
        .filter(|entry| entry.source == Source::Npm)
        .collect();
    if whole.lock.packages().is_empty() {
        return vec![
            draft("there is no lock that the pins of nix-openclaw could be compared with")
                .code("no-lock")
                .outcome(Outcome::NotEstablished)
                .level(Level::Note)
                .declared(machine.beside("pins", pins.len().to_string(), named(machine)))
                .help("Write the lock, then compare again."),
        ];
    }
    let pairs = pins
        .iter()
        .filter(|pin| pin.source == "npm")
        .flat_map(|pin| {
            npm.iter()
                .filter(|entry| is_of(entry, &pin.package))
                .map(move |entry| (pin, *entry))
        });
    pairs
        .filter_map(|(pin, entry)| compared(whole, pin, entry))
        .collect()
}

fn named(machine: &Machine) -> String {
    machine
        .given()
        .named("nix-pins")
        .unwrap_or_default()
        .to_owned()
}

/// Whether an entry of the lock is of this package: by the name that it was installed by, else by its id.
fn is_of(entry: &LockedPackage, package: &str) -> bool {
    let by_spec = entry.spec.as_deref().map(|spec| {
        let spec = spec.strip_prefix("npm:").unwrap_or(spec);
        match spec.rfind('@') {
            Some(at) if at > 0 => spec.get(..at).unwrap_or(spec) == package,
            _ => spec == package,
        }
    });
    by_spec.unwrap_or(false) || entry.id.name() == package
}

fn compared(whole: &Whole<'_>, pin: &NixPin, entry: &LockedPackage) -> Option<Draft> {
    let in_pin = |key: &str, value: String, line: usize| Declared {
        path: key.to_owned(),
        value,
        file: pin.file.clone(),
        line: Some(line),
    };
    let in_lock = |key: &str, value: String| Declared {
        path: format!("{} {key}", entry.id),
        value,
        file: whole.names.lock.clone(),
        line: Some(entry.line),
    };
    let name = text::excerpt(&pin.package, 120);
    let [version_line, integrity_line] = pin.lines;
    let (pinned, version) = (
        text::excerpt(&pin.version, 60),
        entry.version.clone().unwrap_or_default(),
    );
    let version = text::excerpt(&version, 60);
    if pinned != version {
        return Some(
            draft(format!("{name} is pinned at {pinned} by nix-openclaw and locked at {version}, so the pin says nothing of it"))
                .code("other-version")
                .outcome(Outcome::NotEstablished)
                .level(Level::Note)
                .declared(in_pin("version", pinned, version_line))
                .declared(in_lock("version", version))
                .help("Take the pins of the release of nix-openclaw that has this version."),
        );
    }
    let archive = entry.archive.as_ref();
    if archive == Some(&pin.integrity) {
        return None;
    }
    let in_both = |draft: Draft, locked: String| {
        draft
            .declared(in_pin(
                "npmIntegrity",
                pin.integrity.to_string(),
                integrity_line,
            ))
            .declared(in_lock("archive", locked))
    };
    Some(match archive {
        Some(archive) => in_both(
            draft(format!(
                "{name} {version} has another archive in the lock than in the pins of nix-openclaw"
            )),
            archive.to_string(),
        ),
        None => in_both(
            draft(format!(
                "the lock has no archive of {name} {version} that the pin could be compared with"
            ))
            .code("no-archive")
            .outcome(Outcome::NotEstablished)
            .level(Level::Note)
            .help(
                "Write the lock with the network allowed: then it has the digest of the archive.",
            ),
            "not set".to_owned(),
        ),
    })
}
