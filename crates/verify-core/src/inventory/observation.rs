//! What is odd about an installation. An observation says what was seen; a rule decides what it means.

use crate::archive::Archive;
use crate::subject::SubjectId;
use crate::text;

/// Something odd that was seen. Rules give it a meaning and a level.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// Record, package.json, package-lock or HEAD disagree, about `what`.
    RecordConflict {
        /// The field: `name`, `version`, `integrity`, `commit`, `hash` …
        what: &'static str,
        /// What the record says, safe to show.
        recorded: String,
        /// What the disk says, safe to show.
        found: String,
        /// Only a warning: the algorithm cannot be reproduced with certainty.
        advisory: bool,
    },
    /// Two folders of the state directory are links to one place.
    SharedRoot {
        /// Their names.
        roots: [String; 2],
        /// The place, safe to show.
        target: String,
    },
    /// A recorded path is not at its canonical place in the state directory.
    OutsideState {
        /// The recorded path, safe to show.
        recorded: String,
        /// The canonical place, safe to show.
        canonical: String,
    },
    /// A record names a folder that is not there.
    MissingFolder {
        /// The path, safe to show.
        path: String,
        /// What is left of `plugins.load.paths` without the folders that are gone, as JSON, where that key names it.
        left: Option<String>,
    },
    /// OpenClaw would load it, and has no record of it.
    NoRecord {
        /// How it was found: `extensions`, `npm/projects`, `hooks` …
        place: &'static str,
    },
    /// It hides another subject of the same name.
    Shadows {
        /// The hidden subject.
        hidden: SubjectId,
    },
    /// An old generation of the same plugin is still on disk.
    StaleGeneration {
        /// Its folder, safe to show.
        path: String,
        /// It states the version of the installed one: that was installed anew, and why is not known.
        same_version: bool,
    },
    /// Node would search this folder, and it belongs to no subject.
    AncestorNodeModules {
        /// The folder, safe to show.
        path: String,
        /// The host package or a plugin lies in it, so it cannot simply be removed.
        holds: Option<SubjectId>,
        /// A plugin that is loaded from where it is developed, in the project of this folder.
        developed: Option<SubjectId>,
        /// Where links in the folder lead, one line each, safe to show; some of many.
        links: Vec<String>,
    },
    /// A variable that makes OpenClaw or Node load other code is set.
    LoadOverride {
        /// The variable.
        variable: String,
        /// Where it is set, safe to show.
        place: String,
        /// How it is set there, which decides how it is taken away.
        set: Setting,
        /// What it does.
        effect: VariableEffect,
        /// Its value is part of what the lock pins of the subject at which it was seen.
        held: bool,
    },
    /// Code or state in a place of OpenClaw's own that OpenClaw did not put there, or from which it would load more.
    Unexplained {
        /// What kind of place.
        hazard: Hazard,
        /// The place, safe to show.
        place: String,
        /// What is wrong with it, safe to show.
        why: String,
        /// Only worth a look.
        weak: bool,
    },
    /// Copies of code in one folder of OpenClaw's own that equal nothing that was judged.
    StagedCopies {
        /// The folder that holds them, which is moved as one, or the one file; safe to show.
        folder: String,
        /// How many there are.
        count: usize,
        /// Some of them with what is wrong, safe to show.
        some: Vec<String>,
        /// The folder of an install that has not ended, safe to show.
        installing: Option<String>,
    },
    /// A trigger or view of OpenClaw's database that its own schema does not have.
    DatabaseObject {
        /// The database, safe to show.
        place: String,
        /// `trigger` or `view`.
        kind: String,
        /// Its name, safe to show.
        name: String,
        /// Its table, safe to show.
        table: String,
        /// It is about tables that decide nothing.
        weak: bool,
    },
    /// A link where OpenClaw looks for code, which leads nowhere, or out of a copy: to where tomorrow is not known.
    LeadsNowhere {
        /// The link, safe to show.
        place: String,
    },
    /// The caller's environment chose a state directory, and the default place holds one too.
    OtherState {
        /// That one, safe to show.
        place: String,
    },
    /// A container image by a name that can mean another one tomorrow.
    UnpinnedImage {
        /// The key of the config, safe to show.
        key: String,
        /// The image, safe to show.
        image: String,
    },
    /// Something starts another host package than the one that is judged.
    OtherHost {
        /// What starts it, safe to show.
        place: String,
        /// The package that it starts, safe to show.
        found: String,
        /// The package that is judged, safe to show.
        judged: String,
        /// Only the command on PATH does, which the operator passed over by naming the package.
        weak: bool,
    },
    /// The home folder of the user who runs OpenClaw is not known.
    NoHome {
        /// What lies there and was not looked at, safe to show.
        what: String,
    },
    /// Places outside the state directory say nothing of this OpenClaw.
    NotHere {
        /// What was not looked at, safe to show.
        what: String,
        /// Why not, safe to show.
        why: String,
    },
    /// A file tells npm from where code comes or what runs it.
    NpmConfig {
        /// The file, safe to show.
        place: String,
        /// The setting, safe to show.
        setting: String,
        /// The registry that it names, safe to show; none for another setting.
        registry: Option<String>,
    },
    /// A cache of compiled code, which runs in place of the sources and cannot be recomputed.
    CompileCache {
        /// The folder, safe to show; of Python the one in which all compiled files of a server lie.
        place: String,
        /// Python made it.
        python: bool,
        /// Why another user could write it, safe to show; none when only the owner can.
        writable: Option<String>,
    },
    /// An archive gives files a setuid or setgid bit, which whatever unpacks it may keep.
    Privileged {
        /// The files, safe to show.
        paths: Vec<String>,
    },
    /// A state of an OpenClaw whose records are not read.
    StateTooOld {
        /// What was found, safe to show.
        found: String,
    },
    /// An entry point, skill or hook resolves to a place that no digest covers, or outside the subject.
    EntryEscapes {
        /// What was declared, safe to show.
        entry: String,
        /// Where it leads, safe to show.
        target: String,
    },
    /// A record has no digest where its kind carries one, or a weak or malformed one.
    BadIntegrity {
        /// What is wrong, safe to show.
        why: String,
    },
    /// A file of OpenClaw is of a newer or unknown format.
    UnsupportedSchema {
        /// The file or table, safe to show.
        place: String,
        /// What was found, safe to show.
        found: String,
    },
    /// The state directory is a copy, and this path lies outside it: not read, so nothing is established about it.
    NotInCopy {
        /// Where the path is written, safe to show.
        place: String,
        /// The path, safe to show.
        path: String,
    },
    /// The folder of the config, from which OpenClaw takes code while it is not told its state directory.
    ConfigFolder {
        /// The folder, safe to show.
        place: String,
        /// What of what it loads lies there, in words.
        holds: String,
        /// The state directory, safe to show.
        state: String,
    },
    /// A folder layout that is not understood.
    UnknownLayout {
        /// The folder, safe to show.
        place: String,
        /// What was found, safe to show.
        found: String,
    },
    /// Something that OpenClaw reads could not be read, or not as what it should be.
    Unreadable {
        /// The file or folder, safe to show.
        place: String,
        /// Why, safe to show.
        why: String,
    },
    /// Front matter of a skill that is not what OpenClaw expects. It passes over such a skill, or over its metadata.
    FrontMatter {
        /// The file, safe to show.
        place: String,
        /// Why, safe to show.
        why: String,
        /// What was not read names a key of an install step.
        may_install: bool,
    },
    /// OpenClaw finds the skill, and never loads it.
    NotLoaded {
        /// Why.
        why: &'static str,
    },
    /// The same key twice in a file of OpenClaw, of which OpenClaw takes the last.
    DuplicateKey {
        /// The file, safe to show.
        place: String,
        /// The key, safe to show.
        key: String,
    },
}

impl Observation {
    /// That `archive` gives files a setuid or setgid bit; none where it does not.
    pub(crate) fn of_privileged(archive: &Archive) -> Option<Self> {
        let paths: Vec<String> = archive
            .privileged
            .iter()
            .map(|path| text::excerpt(path, 200))
            .collect();
        (!paths.is_empty()).then_some(Self::Privileged { paths })
    }
}

/// What a variable of the environment does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VariableEffect {
    /// It loads code, or moves the place that code, config or state is taken from.
    Loads,
    /// It names a server: from where something is fetched, or to whom it is sent.
    Redirects,
    /// It names a file or folder that programs read and that no digest holds, or switches a check of theirs off.
    Steers,
}

/// How a variable of the environment is set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Setting {
    /// By a key of OpenClaw's config: its path.
    Config(String),
    /// By an entry of OpenClaw's store of secrets and variables.
    SecretStore,
    /// By a line `NAME=value` of a file.
    Line,
    /// By an assignment in a file of systemd's: `Environment=`, or `DefaultEnvironment=` of its manager.
    Unit,
}

/// Places of OpenClaw's own from which code or state is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Hazard {
    /// A `node_modules` that Node would search from a staging copy.
    StagingModules,
    /// A copy of code that equals nothing that was judged.
    StagedCode,
    /// A snapshot that a shell would source.
    ShellSnapshot,
    /// A copy of the config that OpenClaw would restore.
    ConfigBackup,
    /// Compiled code that is not what its source says.
    CompiledCode,
}

impl Hazard {
    /// The code of the finding.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StagingModules => "staging-modules",
            Self::StagedCode => "staged-code",
            Self::ShellSnapshot => "shell-snapshot",
            Self::ConfigBackup => "config-backup",
            Self::CompiledCode => "compiled-code",
        }
    }
}
