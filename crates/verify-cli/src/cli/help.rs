//! The help: verbs in groups, and each verb with the options that act on it.
//!
//! Options of [`super::Common`] are accepted by every verb, so that a wrapper may put them in front of any. In the help a verb shows
//! those that act on it. `-h` is one screen, with what is used most; `--help` has everything.

use std::ffi::OsString;

use clap::{Command, CommandFactory as _, FromArgMatches as _};

use openclaw_verify_core::{Error, Result, text};

use super::Cli;
use crate::{names, wrap};

/// The top-level help. Verbs are grouped by when they are needed, which clap cannot do by itself; a test holds the list complete.
pub(super) const TEMPLATE: &str = "\
{about-with-newline}
{usage-heading} {usage}

Every day:
  check        Everything that policy requires (also without a verb)
  plugins      Only plugins, bundles, hook packs and MCP servers
  skills       Only skills
  core         Only the OpenClaw host package
  watch        Check again whenever something changes
  host         How the machine is set up around OpenClaw
  checklist    The points of OpenClaw's security guide
  lock         Write the lock from what is installed
  update       Take over what OpenClaw updated
  review       Who has read this code, and what to read next
  policy       Change the policy: exceptions, keys, entries; sign it

Before an install:
  gate         Answer OpenClaw's install-policy requests
  npm          Judge a package of an npm registry
  archive      Judge a .tgz
  skill        Judge a skill before it is installed

Evidence and tools:
  release      Verify signed release tags of a local clone
  attestation  Verify any file against a Sigstore bundle
  sbom         Describe the installation in CycloneDX
  advisories   What is known to be bad, offline
  tree         Digest of any folder
  explain      What a finding means and what to do about it
  completions  Completions for a shell
  help         Help of a verb, as VERB --help gives it

Exit codes: 0 below threshold, 1 findings, 2 not completed, 3 nothing to verify

{all-args}{after-help}";

const PLACES: &[&str] = &["state_dir", "openclaw"];
const WHOLE: &[&str] = &[
    "relocated_from",
    "home",
    "profile",
    "dev",
    "tmp",
    "nix_db",
    "variables",
    "lock_only",
    "threads",
    "no_progress",
];
const FILES: &[&str] = &["config", "policy", "lockfile", "reviews"];
const ONLINE: &[&str] = &["online"];
const ANCHORS: &[&str] = &["trusted_root", "npm_keys", "tuf", "tuf_mirror", "tuf_root"];
const LEVELS: &[&str] = &[
    "allow", "warn", "deny", "fail_on", "report", "quiet", "verbose",
];
const ATTEST: &[&str] = &["attest", "sign_key", "sign_ssh"];
const SIGN: &[&str] = &["sign_ssh"];
const SIGNERS: &[&str] = &["signers"];
const FORMAT: &[&str] = &["format"];
const LABEL: &[&str] = &["host_label"];
const WATCHED: &[&str] = &[
    "home",
    "profile",
    "dev",
    "tmp",
    "nix_db",
    "variables",
    "threads",
];
const MACHINE: &[&str] = &[
    "relocated_from",
    "home",
    "profile",
    "dev",
    "tmp",
    "variables",
];

/// Options of all verbs that act on `verb`. `--color` acts on every one.
fn acting(verb: &str) -> Vec<&'static str> {
    let groups: &[&[&str]] = match verb {
        "check" => &[
            PLACES, WHOLE, FILES, ONLINE, ANCHORS, SIGNERS, LEVELS, ATTEST, LABEL, FORMAT,
        ],
        "plugins" | "skills" | "core" => &[
            PLACES, WHOLE, FILES, ONLINE, ANCHORS, SIGNERS, LEVELS, LABEL, FORMAT,
        ],
        "lock" => &[
            PLACES, WHOLE, FILES, ONLINE, ANCHORS, SIGNERS, SIGN, LEVELS, LABEL, FORMAT,
        ],
        "watch" => &[
            PLACES, WATCHED, FILES, ANCHORS, SIGNERS, LEVELS, SIGN, LABEL, FORMAT,
        ],
        "host" => &[PLACES, MACHINE, FILES, SIGNERS, LEVELS, LABEL, FORMAT],
        "checklist" => &[
            PLACES, WHOLE, FILES, ONLINE, ANCHORS, SIGNERS, LEVELS, FORMAT,
        ],
        "review" | "update" | "policy" => {
            &[PLACES, WHOLE, FILES, ONLINE, ANCHORS, SIGNERS, SIGN, FORMAT]
        }
        "sbom" => &[PLACES, WHOLE, FILES, ONLINE, ANCHORS, SIGNERS, FORMAT],
        "gate" => &[
            PLACES,
            &["config", "trusted_root", "npm_keys", "threads"],
            SIGNERS,
            ATTEST,
            FORMAT,
        ],
        "npm" => &[
            PLACES,
            FILES,
            ANCHORS,
            SIGNERS,
            LEVELS,
            LABEL,
            FORMAT,
            &["no_progress"],
        ],
        "archive" | "skill" => &[
            PLACES, FILES, ONLINE, ANCHORS, SIGNERS, LEVELS, ATTEST, LABEL, FORMAT,
        ],
        "release" => &[
            FILES, ONLINE, ANCHORS, SIGNERS, LEVELS, ATTEST, LABEL, FORMAT,
        ],
        "attestation" => &[ONLINE, ANCHORS, SIGNERS, FORMAT],
        "tree" => &[FORMAT, &["threads", "no_progress"]],
        "advisories" => &[&["config", "policy", "threads"], FORMAT],
        "explain" => &[FORMAT],
        _ => &[],
    };
    groups.concat()
}

/// The definitions of the command line as they are parsed and shown.
pub(crate) fn command() -> Command {
    let mut command = Cli::command()
        .term_width(wrap::stdout().map_or(wrap::USUAL, |width| width.min(wrap::WIDEST)));
    let shared: Vec<clap::Arg> = command
        .get_arguments()
        .filter(|argument| argument.is_global_set())
        .cloned()
        .collect();
    let names: Vec<String> = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    for name in &names {
        let acting = acting(name);
        // What a verb has itself, clap does not hand down: this copy is hidden where the option does not act.
        let own = shared.iter().map(|argument| {
            let id = argument.get_id().as_str();
            let shown = acting.contains(&id) || (id == "color" && !acting.is_empty());
            argument.clone().hide(argument.is_hide_set() || !shown)
        });
        let more = format!("More: openclaw-verify {name} --help");
        command = command.mut_subcommand(name, |verb| {
            let examples = verb.get_after_help().cloned().unwrap_or_default();
            // The template lists the verbs in groups, so clap is kept from listing them again.
            verb.args(own)
                .hide(true)
                .after_long_help(examples.clone())
                .after_help(format!("{examples}\n\n{more}"))
        });
    }
    command
        .override_usage("openclaw-verify [VERB] [OPTIONS]")
        .mut_args(|argument| argument.hide_short_help(true))
        .after_help("More: openclaw-verify --help, openclaw-verify VERB -h")
        .after_long_help(
            "Examples:\n  openclaw-verify lock --init\n  openclaw-verify --format json check",
        )
}

/// The same for completions, which offer the verbs.
pub(crate) fn completed() -> Command {
    let command = command();
    let names: Vec<String> = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |verb| verb.hide(false))
    })
}

/// The long help, of one verb or of the whole.
pub(crate) fn page(verb: Option<&str>) -> Result<String> {
    let mut command = command();
    command.build();
    let Some(name) = verb else {
        return Ok(command.render_long_help().ansi().to_string());
    };
    let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    let unknown = || {
        let what = format!("there is no verb {}", text::excerpt(name, 60));
        let help = names::did_you_mean(name, names.iter().copied())
            .unwrap_or_else(|| "openclaw-verify help lists all of them".to_owned());
        Error::environment(what, help)
    };
    let mut verb = command.find_subcommand(name).ok_or_else(unknown)?.clone();
    Ok(verb.render_long_help().ansi().to_string())
}

/// The command line, understood.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_sound() {
        command().debug_assert();
    }

    #[test]
    fn help_groups_every_verb_and_each_has_two_examples() {
        for verb in Cli::command().get_subcommands() {
            let name = verb.get_name();
            assert!(
                TEMPLATE.contains(&format!("\n  {name} ")),
                "{name} is not in the grouped help"
            );
            let help = verb
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert_eq!(
                help.matches("\n  openclaw-verify ").count(),
                2,
                "{name} needs two examples"
            );
            // A longer line would be broken in two commands.
            assert!(help.lines().all(|line| line.len() <= 78), "{help}");
        }
    }

    #[test]
    fn options_that_act_are_options() {
        let command = Cli::command();
        let known: Vec<&str> = command
            .get_arguments()
            .map(|argument| argument.get_id().as_str())
            .collect();
        for verb in command.get_subcommands() {
            for id in acting(verb.get_name()) {
                let compiled = cfg!(feature = "online") || !id.starts_with("tuf");
                assert!(
                    !compiled || known.contains(&id),
                    "{}: {id}",
                    verb.get_name()
                );
            }
        }
    }

    #[test]
    fn short_help_is_one_screen_and_shows_what_acts() {
        let mut command = command().term_width(80);
        command.build();
        let verbs: Vec<String> = command
            .get_subcommands()
            .map(|verb| verb.get_name().to_owned())
            .collect();
        let top = command.render_help().to_string();
        let pages = verbs.iter().map(|name| {
            let verb = command.find_subcommand(name).expect("verb").clone();
            (name.clone(), verb.term_width(80).render_help().to_string())
        });
        for (name, page) in pages.chain([("(top)".to_owned(), top)]) {
            let lines = page.trim_end().lines().count();
            let widest = page.lines().map(|line| line.chars().count()).max();
            assert!(lines <= 40, "{name}: {lines} lines\n{page}");
            assert!(widest <= Some(80), "{name}: {widest:?} columns\n{page}");
        }
        let page = |name: &str| {
            let verb = command.find_subcommand(name).expect("verb").clone();
            verb.term_width(80).render_long_help().to_string()
        };
        assert!(page("check").contains("--state-dir"));
        assert!(!page("tree").contains("--state-dir") && page("tree").contains("--threads"));
        assert!(!page("attestation").contains("--fail-on"));
    }

    #[test]
    fn an_option_of_all_verbs_counts_before_and_behind_the_verb() {
        for line in ["p --config a tree .", "p tree . --config a"] {
            let cli = parse(line.split(' ').map(OsString::from)).expect(line);
            assert_eq!(
                cli.common.config.as_deref(),
                Some(std::path::Path::new("a"))
            );
        }
    }
}
