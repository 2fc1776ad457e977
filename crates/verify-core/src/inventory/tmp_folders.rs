//! The temporary folder of what runs OpenClaw: Node's cache of compiled code is in it, and copies of plugins where the state directory
//! cannot be written.

use std::path::{Path, PathBuf};

use super::paths::Paths;
use super::services::{Unit, assignments, of_home};
use super::{NotCovered, NotCoveredGroup, environment};

/// Variables that say where it is, the first that is set. [Node `os.tmpdir()`]
const VARIABLES: [&str; 3] = ["TMPDIR", "TMP", "TEMP"];

/// What something says of the temporary folder of the processes that it starts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stated {
    /// Nothing: it is the usual one.
    Nothing,
    /// This folder.
    At(PathBuf),
    /// One whose place is not known, and why. Safe to show.
    Unknown(String),
}

/// What a unit says, itself or by the files that it names.
pub(super) fn of_unit(unit: &Unit, paths: &Paths) -> Stated {
    let own = unit.values("Environment");
    let mut pairs: Vec<(String, String)> = own
        .iter()
        .flat_map(|line| assignments(&of_home(paths, line)))
        .collect();
    // Of a variable in both, that of the file counts. [systemd.exec(5)]
    for file in unit.values("EnvironmentFile") {
        let file = of_home(paths, file.trim_start_matches('-'));
        if Path::new(&file).is_absolute() {
            pairs.extend(environment::values_of(paths, Path::new(&file)));
        }
    }
    let stated = stated(
        pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    if stated != Stated::Nothing {
        return stated;
    }
    let private = unit.values("PrivateTmp").pop();
    let is_private = |word: &String| {
        matches!(
            word.to_ascii_lowercase().as_str(),
            "yes" | "true" | "on" | "1" | "disconnected"
        )
    };
    if private.as_ref().is_some_and(is_private) {
        return Stated::Unknown("it has a /tmp of its own (`PrivateTmp=`)".to_owned());
    }
    Stated::Nothing
}

/// What the environment of a process says.
pub(super) fn of_process(environment: &[String]) -> Stated {
    stated(environment.iter().filter_map(|pair| pair.split_once('=')))
}

/// What these variables say; of one that is there twice the last.
fn stated<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Stated {
    let mut values = [None; VARIABLES.len()];
    for (name, value) in pairs {
        let at = VARIABLES.iter().position(|known| *known == name);
        if let Some(place) = at.and_then(|at| values.get_mut(at)) {
            *place = Some(value.trim()).filter(|value| !value.is_empty());
        }
    }
    match values.into_iter().flatten().next() {
        None => Stated::Nothing,
        Some(folder) if folder.starts_with('/') && !folder.contains(['%', '$']) => {
            Stated::At(PathBuf::from(folder))
        }
        Some(folder) => Stated::Unknown(format!("it says {}", crate::text::excerpt(folder, 80))),
    }
}

/// That what `unit` starts has a temporary folder which is not looked into.
pub(super) fn not_covered(unit: &str, why: &str) -> NotCovered {
    NotCovered::new(
        NotCoveredGroup::NotSeen,
        format!(
            "the temporary folder of {}",
            crate::text::excerpt(unit, 120)
        ),
        format!(
            "{why}, so a compile cache in it was not looked for; name that folder, or switch the cache off with NODE_DISABLE_COMPILE_CACHE=1"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(lines: &str, file: &str) -> Stated {
        let dir = tempfile::tempdir().expect("temp dir");
        let (unit, environment) = (dir.path().join("x.service"), dir.path().join("env"));
        std::fs::write(&environment, file).expect("write");
        let lines = lines.replace("{env}", &environment.to_string_lossy());
        std::fs::write(&unit, format!("[Service]\n{lines}\n")).expect("write");
        let paths = Paths::plain(dir.path());
        let unit = Unit::read(&paths, &unit, "x.service", &[], &mut Vec::new()).expect("unit");
        of_unit(&unit, &paths)
    }

    #[test]
    fn what_a_unit_says_of_its_temporary_folder() {
        let at = |folder: &str| Stated::At(PathBuf::from(folder));
        for (lines, file, expected) in [
            ("ExecStart=/x", "", Stated::Nothing),
            ("Environment=A=1 \"TMPDIR=/t/a b\"", "", at("/t/a b")),
            ("Environment=TEMP=/c TMP=/b", "", at("/b")),
            ("Environment=TMPDIR=/a\nEnvironment=TMPDIR=/b", "", at("/b")),
            ("Environment=TMPDIR=", "", Stated::Nothing),
            (
                "Environment=TMPDIR=/a\nEnvironmentFile=-{env}",
                "TMPDIR=/file\n",
                at("/file"),
            ),
            ("PrivateTmp=no", "", Stated::Nothing),
        ] {
            assert_eq!(unit(lines, file), expected, "{lines}");
        }
        for lines in [
            "PrivateTmp=yes",
            "Environment=TMPDIR=%t/oc",
            "Environment=TMPDIR=tmp",
        ] {
            assert!(matches!(unit(lines, ""), Stated::Unknown(_)), "{lines}");
        }
        let process = ["A=1".to_owned(), "TMPDIR=/t".to_owned()];
        assert_eq!(of_process(&process), at("/t"));
        assert_eq!(of_process(&[]), Stated::Nothing);
    }
}
