//! How a printed command carries the flags of this call.
//!
//! One rule: a command that is printed to be run next names every place that this call named, in the order of the help, so that it
//! finds the same installation and the same files from whatever folder it is run. What chooses form (`--format`, `--color`, `-v`) and
//! what decides about one run only (`-A`, `--fail-on`, `--now`) is not repeated. Values are one word of a POSIX shell each.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use jiff::ToSpan as _;
use jiff::civil::Date;
use openclaw_verify_core::archive::STATE_OF_CELL;
use openclaw_verify_core::text;

use crate::cli::Common;
use crate::operator::Files;
use crate::{ask, operator};

/// Where OpenClaw runs that a copy or a backup is of.
struct Original {
    /// Makes the folder that the commands of a backup name.
    unpack: Option<String>,
    /// Where it has its state directory.
    state: PathBuf,
    /// The copy that was judged.
    copy: Option<PathBuf>,
}

/// The places that this call named.
pub(crate) struct Places {
    /// For this program.
    own: String,
    /// What a command of OpenClaw's has to know of them.
    openclaw: Chosen,
    /// The state directory.
    state: Option<PathBuf>,
    /// Where a copy or a backup is judged: what changes OpenClaw or its files is done there, since the copy is run by nothing.
    original: Option<Original>,
    /// The last day of an exception that is suggested.
    until: Date,
    /// Only the operator's files are judged, on a runner of CI for one: where OpenClaw is installed they lie elsewhere.
    elsewhere: bool,
}

/// What has OpenClaw's own command act on the installation that this call is about.
struct Chosen {
    /// Variables of its environment.
    variables: Vec<(&'static str, OsString)>,
    /// Options behind its name.
    options: Vec<OsString>,
}

/// How far ahead an exception is suggested, as the first run writes them. A policy may say up to 180 days.
const PUT_OFF_DAYS: i64 = 90;

/// Those of this process, which serves one call.
static OF_CALL: OnceLock<Places> = OnceLock::new();

/// From now on every command that is printed for people carries the places of `common`, or those of `backup`.
pub(crate) fn remember(common: &Common, backup: Option<&Path>) {
    let places = match backup {
        Some(file) => Places::of_backup(common, file),
        None => Places::of(common, None),
    };
    // A second time says nothing new.
    let _ = OF_CALL.set(places);
}

/// OpenClaw asks at a terminal whether what a plugin declares is accepted. Where there is none, it has to be said beforehand, or nothing
/// is installed. [S `resolvePluginCapabilityConsentCliOptions`]
fn unasked(command: &str, is_asked: bool) -> Cow<'_, str> {
    match command.contains("openclaw plugins install ") && !is_asked {
        true => Cow::Owned(format!("{command} --accept-capabilities")),
        false => Cow::Borrowed(command),
    }
}

/// What makes the folder that this call's commands name; none where they name what is there.
pub(crate) fn unpacked() -> Option<&'static str> {
    OF_CALL.get()?.original.as_ref()?.unpack.as_deref()
}

/// A command of this program, or of OpenClaw, with the places of this call; anything else as it is.
pub(crate) fn carried(command: &str) -> String {
    let command = unasked(command, ask::possible());
    let command = command.as_ref();
    let looks = ["openclaw-verify explain", "openclaw-verify help"]
        .iter()
        .any(|page| command.starts_with(page));
    let own = command.starts_with("openclaw-verify ") && !looks;
    let option = command.starts_with("--");
    // These two act on OpenClaw itself.
    let lives = ["openclaw-verify gate ", "openclaw-verify update "]
        .iter()
        .any(|verb| command.starts_with(verb));
    match OF_CALL.get() {
        // A copy asks no gate, and the original is another call's.
        Some(Places {
            original: Some(Original { unpack: None, .. }),
            ..
        }) if command.starts_with("openclaw-verify gate ") => {
            "openclaw-verify explain install-not-gated".to_owned()
        }
        Some(Places {
            original: Some(original),
            ..
        }) if !looks && !option && (lives || !own) => original.inside(command),
        // The one that was judged is the one that is meant.
        Some(Places {
            state: Some(state), ..
        }) if command == "--state-dir DIR" => {
            format!("--state-dir {}", text::shell_word(&state.to_string_lossy()))
        }
        Some(places) if places.elsewhere && needs_installation(command) => command.to_owned(),
        Some(places) if own => places.after(command),
        Some(places) if command.starts_with("openclaw ") => places.for_openclaw(command),
        Some(places) if command.contains(STEP) => {
            let steps = command.split(STEP).map(|step| places.step(step));
            steps.collect::<Vec<_>>().join(STEP)
        }
        Some(Places {
            state: Some(state), ..
        }) => in_place(command, state),
        _ => command.to_owned(),
    }
}

/// The verbs that judge the operator's files alone where they are asked to.
const ALONE: [&str; 6] = ["check", "plugins", "skills", "core", "policy", "sbom"];

/// Whether a command is run where OpenClaw is installed.
fn needs_installation(command: &str) -> bool {
    ["lock", "review", "update"].iter().any(|verb| {
        let rest = command.strip_prefix("openclaw-verify ");
        let rest = rest.and_then(|rest| rest.strip_prefix(verb));
        rest.is_some_and(|rest| {
            (rest.is_empty() || rest.starts_with(' ')) && !rest.contains(" --resolve")
        })
    })
}

/// The state directory in a command for machines, where equal installations give equal bytes: as a shell finds it that has OpenClaw's
/// own variable, or the usual place.
const STATE: &str = "\"${OPENCLAW_STATE_DIR:-$HOME/.openclaw}\"";

/// A command with the state directory as it is written.
fn in_place(command: &str, state: &Path) -> String {
    command.replace(STATE, &text::shell_word(&state.to_string_lossy()))
}

/// The command that writes the first lock: with a policy, beside one that is there.
pub(crate) fn first_lock(files: &Files) -> String {
    carried(match files.policy.symlink_metadata() {
        Ok(_) => "openclaw-verify lock",
        Err(_) => "openclaw-verify lock --init",
    })
}

/// A path that a report shows, as one word of a command: what is relative is in the state directory.
pub(crate) fn in_state(path: &str) -> String {
    let word = text::shell_word(path);
    match Path::new(path).is_absolute() {
        true => word.into_owned(),
        false => format!("{STATE}/{word}"),
    }
}

/// Between the steps of a command, each of which needs the one before.
const STEP: &str = " && ";

impl Places {
    /// One step of several.
    fn step(&self, step: &str) -> String {
        match (step.starts_with("openclaw "), &self.state) {
            (true, _) => self.for_openclaw(step),
            (_, Some(state)) => in_place(step, state),
            _ => step.to_owned(),
        }
    }

    /// Those of `common`, and `--from` where the call named what is not installed yet.
    pub(crate) fn of(common: &Common, from: Option<&Path>) -> Self {
        let places = [
            ("--from", from),
            ("--state-dir", common.state_dir.as_deref()),
            ("--openclaw", common.openclaw.as_deref()),
            ("--relocated-from", common.relocated_from.as_deref()),
            ("--home", common.home.as_deref()),
            ("--profile", common.profile.as_deref().map(Path::new)),
            ("--tmp", common.tmp.as_deref()),
            ("--nix-db", common.nix_db.as_deref()),
            ("--config", common.config.as_deref()),
            ("--policy", common.policy.as_deref()),
            ("--lockfile", common.lockfile.as_deref()),
            ("--reviews", common.reviews.as_deref()),
        ];
        let given = places
            .into_iter()
            .filter_map(|(flag, place)| Some((flag, place?)))
            .filter(|(_, place)| !place.as_os_str().is_empty())
            .map(|(flag, place)| {
                // The command may be run from another folder. A profile is a name.
                let place = match flag {
                    "--profile" => place.to_owned(),
                    _ => from_anywhere(place),
                };
                let place = place.to_string_lossy();
                format!(" {flag} {}", text::shell_word(&place))
            });
        let variables = common
            .variables
            .iter()
            .map(|given| format!(" --env {}", text::shell_word(given)));
        let dev = common.dev.then(|| " --dev".to_owned());
        let own = given.chain(variables).chain(dev).collect();
        let state = operator::state_dir(common);
        Self {
            own,
            openclaw: Chosen::of(common, from),
            original: common.relocated_from.as_ref().map(|old| Original {
                unpack: None,
                state: old.clone(),
                copy: state.clone(),
            }),
            state,
            until: operator::today(common).saturating_add(PUT_OFF_DAYS.days()),
            elsewhere: common.lock_only,
        }
    }

    /// Those of a backup: nothing but a check reads one as it is, so the other commands are about the folder that it holds, which is
    /// to lie beside it.
    fn of_backup(common: &Common, file: &Path) -> Self {
        let file = from_anywhere(file);
        let beside = file.with_extension("unpacked");
        let state = common.relocated_from.clone();
        let state = state.unwrap_or_else(|| PathBuf::from(STATE_OF_CELL));
        let unpacked = Common {
            state_dir: Some(beside.join("data")),
            relocated_from: Some(state.clone()),
            ..common.clone()
        };
        let word = |path: &Path| text::shell_word(&path.to_string_lossy()).into_owned();
        let (file, beside) = (word(&file), word(&beside));
        let unpack = format!("mkdir -p {beside} && tar -xzf {file} -C {beside} data");
        Self {
            original: Some(Original {
                unpack: Some(unpack),
                state,
                copy: None,
            }),
            ..Self::of(&unpacked, None)
        }
    }

    /// A command of OpenClaw's that acts on the same state.
    fn for_openclaw(&self, command: &str) -> String {
        let word = |text: &OsString| text::shell_word(&text.to_string_lossy()).into_owned();
        let Chosen { variables, options } = &self.openclaw;
        let before: String = variables
            .iter()
            .map(|(name, value)| format!("{name}={} ", word(value)))
            .collect();
        let behind: String = options
            .iter()
            .map(|option| format!(" {}", word(option)))
            .collect();
        let rest = command.strip_prefix("openclaw").unwrap_or(command);
        format!("{before}openclaw{behind}{rest}")
    }

    /// `command` with these places, and with a day where it wants one.
    pub(crate) fn after(&self, command: &str) -> String {
        let day = command
            .replace("--until DAY", &format!("--until {}", self.until))
            .replace("until=DAY", &format!("until={}", self.until));
        let verb = command.split(' ').nth(1).unwrap_or_default();
        let alone = match self.elsewhere && ALONE.contains(&verb) {
            true => " --lock-only",
            false => "",
        };
        format!("{day}{alone}{}", self.own)
    }
}

impl Original {
    /// A command that is to be run where the original is.
    fn inside(&self, command: &str) -> String {
        let state = self.state.to_string_lossy();
        let mut command = command.replace(STATE, &text::shell_word(&state));
        // What stands in the copy by its whole path stands in the original too.
        if let Some(copy) = &self.copy {
            let copy = format!("{}/", copy.display());
            command = command.replace(&copy, &format!("{state}/"));
        }
        // Where it is not the usual place, OpenClaw has to be given it.
        let usual = self.state.ends_with(".openclaw") || self.unpack.is_some();
        if command.starts_with("openclaw ") && !usual {
            command = format!("OPENCLAW_STATE_DIR={} {command}", text::shell_word(&state));
        }
        let place = match &self.unpack {
            Some(_) => "in the cell",
            None => "where OpenClaw runs",
        };
        format!("{command}  # {place}")
    }
}

/// The path as it is named from any folder.
fn from_anywhere(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // `..` behind a link means another folder than it reads like, so the file system says which.
    match whole.components().any(|part| part == Component::ParentDir) {
        true => std::fs::canonicalize(&whole).unwrap_or(whole),
        false => whole,
    }
}

impl Chosen {
    fn of(common: &Common, from: Option<&Path>) -> Self {
        let given = |place: &Option<PathBuf>| {
            let place = place.as_ref().filter(|place| !place.as_os_str().is_empty());
            place.map(|place| from_anywhere(place).into_os_string())
        };
        let mut variables: Vec<(&'static str, OsString)> = Vec::new();
        match given(&common.state_dir).filter(|_| from.is_none()) {
            Some(state) => variables.push(("OPENCLAW_STATE_DIR", state)),
            None => variables.extend(given(&common.home).map(|home| ("OPENCLAW_HOME", home))),
        }
        for name in [
            "OPENCLAW_STATE_DIR",
            "OPENCLAW_HOME",
            "OPENCLAW_CONFIG_PATH",
        ] {
            let values = common.variables.iter().filter_map(|it| it.split_once('='));
            let mut value = values.filter(|(it, _)| *it == name).map(|(_, value)| value);
            // An option of the call counts more than `--env`, as it does for this program.
            if let Some(value) = value.next_back()
                && variables.iter().all(|(there, _)| *there != name)
            {
                variables.push((name, value.into()));
            }
        }
        let options = match (common.dev, common.profile.as_deref()) {
            (true, _) => vec!["--dev".into()],
            (false, Some(profile)) => vec!["--profile".into(), profile.into()],
            (false, None) => Vec::new(),
        };
        Self { variables, options }
    }
}

/// OpenClaw's own command about the installation that `common` names.
pub(crate) fn openclaw(common: &Common, arguments: &[&str]) -> Command {
    let Chosen { variables, options } = Chosen::of(common, None);
    let mut command = Command::new("openclaw");
    command.envs(variables).args(options).args(arguments);
    command
}

/// The same as words that can be run one by one, without a shell.
pub(crate) fn openclaw_words(common: &Common, arguments: &[&str]) -> Vec<String> {
    let Chosen { variables, options } = Chosen::of(common, None);
    let before = variables
        .iter()
        .map(|(name, value)| format!("{name}={}", value.to_string_lossy()));
    let mut words: Vec<String> = before.collect();
    if !words.is_empty() {
        words.insert(0, "env".to_owned());
    }
    words.push("openclaw".to_owned());
    words.extend(
        options
            .iter()
            .map(|option| option.to_string_lossy().into_owned()),
    );
    words.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    words
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn pages_and_options_carry_nothing() {
        let cli = Cli::parse_from(["openclaw-verify", "--state-dir", "/s", "check"]);
        remember(&cli.common, None);
        assert_eq!(
            carried("openclaw-verify lock x"),
            "openclaw-verify lock x --state-dir /s"
        );
        for other in ["openclaw-verify explain unpinned", "--online"] {
            assert_eq!(carried(other), other);
        }
    }

    #[test]
    fn openclaw_gets_as_an_option_what_it_could_not_ask() {
        let install = "openclaw plugins install git:a@b --force";
        assert_eq!(unasked(install, true), install);
        assert_eq!(
            unasked(install, false),
            format!("{install} --accept-capabilities")
        );
        let other = "openclaw plugins uninstall a --force";
        assert_eq!(unasked(other, false), other);
    }

    #[test]
    fn commands_about_a_backup_are_for_the_unpacked_one_or_the_cell() {
        let cli = Cli::parse_from(["openclaw-verify", "--config", "/c", "check"]);
        let places = Places::of_backup(&cli.common, Path::new("/b/it's.tgz"));
        assert_eq!(
            places.after("openclaw-verify lock x"),
            "openclaw-verify lock x --state-dir '/b/it'\\''s.unpacked/data' --relocated-from /home/node/.openclaw \
             --config /c"
        );
        let cell = places.original.expect("cell");
        assert_eq!(
            cell.unpack.as_deref(),
            Some(
                "mkdir -p '/b/it'\\''s.unpacked' && tar -xzf '/b/it'\\''s.tgz' -C '/b/it'\\''s.unpacked' data"
            )
        );
        assert_eq!(
            cell.inside(&format!("rm -- {}", in_state("a b"))),
            "rm -- /home/node/.openclaw/'a b'  # in the cell"
        );
        assert_eq!(
            cell.inside("openclaw config unset x"),
            "openclaw config unset x  # in the cell"
        );
    }

    #[test]
    fn what_changes_a_copy_is_done_in_the_original() {
        let line = "openclaw-verify --state-dir /c/state --relocated-from /home/u/.openclaw check";
        let cli = Cli::parse_from(line.split(' '));
        let places = Places::of(&cli.common, None);
        let original = places.original.as_ref().expect("original");
        for (command, meant) in [
            (
                format!("mv -- {}", in_state("extensions/a")),
                "mv -- /home/u/.openclaw/extensions/a",
            ),
            (
                "chmod go-w -- /c/state/openclaw.json".to_owned(),
                "chmod go-w -- /home/u/.openclaw/openclaw.json",
            ),
            (
                "openclaw config unset x".to_owned(),
                "openclaw config unset x",
            ),
            (
                "chmod go-w -- /c/state2".to_owned(),
                "chmod go-w -- /c/state2",
            ),
        ] {
            let said = original.inside(&command);
            assert_eq!(said, format!("{meant}  # where OpenClaw runs"));
        }
        let elsewhere = Original {
            unpack: None,
            state: "/srv/claw".into(),
            copy: None,
        };
        assert_eq!(
            elsewhere.inside("openclaw config unset x"),
            "OPENCLAW_STATE_DIR=/srv/claw openclaw config unset x  # where OpenClaw runs"
        );
        // The lock is the operator's, and what is read for it is the copy.
        assert_eq!(
            places.after("openclaw-verify lock x"),
            "openclaw-verify lock x --state-dir /c/state --relocated-from /home/u/.openclaw"
        );
    }

    #[test]
    fn what_judged_the_files_alone_is_repeated_so() {
        let cli = Cli::parse_from(["openclaw-verify", "check", "--lock-only", "--config", "/c"]);
        let places = Places::of(&cli.common, None);
        for (command, carried) in [
            ("openclaw-verify policy prune", " --lock-only --config /c"),
            (
                "openclaw-verify check --format json",
                " --lock-only --config /c",
            ),
            ("openclaw-verify gate --setup", " --config /c"),
        ] {
            assert_eq!(places.after(command), format!("{command}{carried}"));
        }
    }

    #[test]
    fn names_every_place_and_nothing_of_one_run() {
        let line = "openclaw-verify --config /a/b --state-dir /s --format json -v -A unpinned lock";
        let cli = Cli::parse_from(line.split(' '));
        let places = Places::of(&cli.common, Some(Path::new("/it's here")));
        assert_eq!(
            places.after("openclaw-verify lock x"),
            "openclaw-verify lock x --from '/it'\\''s here' --state-dir /s --config /a/b"
        );
        let here = Places::of(&cli.common, Some(Path::new("here")));
        let folder = std::env::current_dir().expect("folder");
        let from = format!(" --from {}/here ", folder.display());
        assert!(here.after("openclaw-verify lock x").contains(&from));
    }
}
