//! From what the caller gave to a verifier: the operator's files are read and checked.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::super::Verifier;
#[cfg(feature = "online")]
use super::super::imports;
use super::super::reviews::{RefreshedImport, ReviewFiles};
use super::{Builder, OperatorFile, shown};
use crate::advisories::{AdvisoriesUsed, Index, Vex};
use crate::digest::Sha256Digest;
use crate::error::{Error, Input, Result};
use crate::finding::Level;
use crate::inventory;
use crate::lock::Lock;
use crate::operator_file::{self, Purpose};
use crate::policy::Policy;
use crate::report::{InputFile, Inputs};
use crate::rules::{self, Names};
use crate::text;

impl Builder {
    fn demand_signatures(&mut self) -> Result<()> {
        let (demand, now) = (self.demand.as_ref(), self.now);
        let files = [
            (&mut self.policy, Purpose::Policy),
            (&mut self.lock, Purpose::Lock),
            (&mut self.reviews, Purpose::Reviews),
        ];
        for (file, purpose) in files {
            if let Some(file) = file {
                file.demand(demand, purpose, now)?;
            }
        }
        Ok(())
    }

    /// That the home folder was forgotten is nothing that a report should have to say.
    fn asks_for_home(&self) -> Result<()> {
        let (Some(state), None, false) = (&self.state_dir, &self.home, self.home_is_unknown) else {
            return Ok(());
        };
        let derived = inventory::home_of(self.relocated_from.as_deref().unwrap_or(state)).is_some();
        match derived || self.relocated_from.is_some() {
            true => Ok(()),
            false => Err(Error::needs(
                "the home folder of the user who runs OpenClaw is not known",
                "name it, or say that it is not known",
                Input::Home,
            )),
        }
    }

    /// Reads the operator's files.
    ///
    /// # Errors
    /// When one of them is not as it should be, when a level is not known or may not be lowered, and when nothing says where the home
    /// folder of the user who runs OpenClaw is (see [`Builder::home`]).
    pub fn build(mut self) -> Result<Verifier> {
        self.asks_for_home()?;
        for file in [&mut self.policy, &mut self.lock, &mut self.reviews]
            .into_iter()
            .flatten()
        {
            file.text = operator_file::read(&file.path)?;
        }
        self.demand_signatures()?;
        self.levels
            .iter()
            .try_for_each(|(id, level)| allowed(id, *level))?;
        let policy = self.parse_policy()?;
        self.refuse_own(&policy)?;
        if let Some(demand) = &self.demand {
            let named = Self::named_files(&policy).into_iter();
            let nix = self.nix_database.clone();
            demand.trusts(&policy, named.map(|(_, path)| path).chain(nix))?;
        }
        let lock = match self.lock.as_ref().and_then(OperatorFile::content) {
            Some((path, text)) => Some(Lock::parse(path, text)?),
            None => None,
        };
        let own = self.reviews.as_ref().and_then(OperatorFile::content);
        let reviews = ReviewFiles::read(
            own,
            &policy,
            self.policy.as_ref().and_then(OperatorFile::content),
            self.imports.as_deref(),
        )?;
        let advisories = self.read_advisories(&policy)?;
        if let (Some(demand), Some(index)) = (&self.demand, &advisories) {
            let path = self.index_of(&policy).map(Path::to_owned);
            // A pinned source binds no index: which source it was made of is what the index itself says.
            let own = index.digest().hex();
            let path = path.filter(|_| policy.advisories.sha256.as_ref() != Some(&own));
            demand.trusts(&policy, path)?;
        }
        let vex = Vex::read(&policy.vex)?;
        let names = self.names();
        let inputs = self.inputs(advisories.as_ref(), &vex);
        Ok(Verifier {
            advisories,
            vex,
            policy,
            lock,
            reviews,
            names,
            inputs,
            options: self,
        })
    }

    /// How the operator's files are named in locations.
    fn names(&self) -> Names {
        let name = |file: &Option<OperatorFile>| {
            file.as_ref()
                .map(|file| file.shown.clone())
                .unwrap_or_default()
        };
        Names {
            policy: name(&self.policy),
            lock: name(&self.lock),
            reviews: name(&self.reviews),
        }
    }

    /// What a report says of the files and places that it stands on.
    fn inputs(&self, advisories: Option<&Index>, vex: &Vex) -> Inputs {
        let input = |file: &Option<OperatorFile>| {
            file.as_ref()
                .and_then(OperatorFile::input)
                .unwrap_or_default()
        };
        let folder = |path: &Option<PathBuf>| {
            path.as_ref()
                .map_or_else(InputFile::default, |path| InputFile::new(shown(path), None))
        };
        let from = |input: InputFile, origin: &Option<String>| InputFile {
            origin: origin.clone().filter(|_| input.path.is_some()),
            ..input
        };
        let place = |path: &Option<PathBuf>, origin: &Option<String>| {
            path.as_ref()
                .map(|path| from(InputFile::new(shown(path), None), origin))
        };
        let (origins, installed) = (&self.origins, self.state_dir.is_some());
        let variables = self
            .variables
            .iter()
            .map(|(name, _)| text::excerpt(name, 80));
        Inputs {
            policy: input(&self.policy),
            lock: input(&self.lock),
            reviews: input(&self.reviews),
            openclaw: from(folder(&self.host), &origins.openclaw),
            state_dir: from(folder(&self.state_dir), &origins.state_dir),
            home: place(&self.home, &origins.home).filter(|_| installed),
            openclaw_config: place(&self.config, &origins.config).filter(|_| installed),
            workspace: place(&self.workspace, &origins.workspace).filter(|_| installed),
            temporary: place(&self.tmp, &origins.temporary).filter(|_| installed),
            variables: variables.filter(|_| installed).collect(),
            replay: self
                .demand
                .as_ref()
                .filter(|demand| !demand.detects_replay())
                .map(|_| "not-detectable"),
            advisories: advisories.map(|index| advisories_used(index, self.now)),
            vex: vex
                .files()
                .map(|(shown, digest)| InputFile::new(shown, Some(digest)))
                .collect(),
            ..Inputs::default()
        }
    }

    /// Opens the index that policy names, else the caller's own; none where nothing is there.
    fn read_advisories(&self, policy: &Policy) -> Result<Option<Index>> {
        let wanted = &policy.advisories;
        let Some(path) = self.index_of(policy) else {
            return Ok(None);
        };
        let Some(index) = Index::open(path)? else {
            return Ok(None);
        };
        if let Some(sha256) = &wanted.sha256 {
            let source = match index.meta().sources.as_slice() {
                [one] => Some(one.digest.hex()),
                _ => None,
            };
            if index.digest().hex() != *sha256 && source.as_ref() != Some(sha256) {
                return Err(Error::environment(
                    format!(
                        "the advisory index {} is not the one that policy pins: it has the digest {}",
                        shown(path),
                        index.digest()
                    ),
                    "import the pinned records, or name the new digest in policy",
                ));
            }
        }
        Ok(Some(index))
    }

    /// Where the index of advisories is: where policy says, else where the caller does.
    fn index_of<'a>(&'a self, policy: &'a Policy) -> Option<&'a Path> {
        let named = policy.advisories.index.as_deref();
        named.or(self.advisories.as_deref())
    }

    /// Nothing that lies in the state directory or in the host package says whom to trust.
    fn refuse_own(&self, policy: &Policy) -> Result<()> {
        let own = [&self.policy, &self.lock, &self.reviews]
            .into_iter()
            .flatten()
            .map(|file| file.path.as_path());
        let named = Self::named_files(policy);
        let named = named.iter().map(|(_, path)| path.as_path());
        let folders = [&self.state_dir, &self.host]
            .into_iter()
            .flatten()
            .filter_map(|folder| folder.canonicalize().ok());
        let advisories = self.index_of(policy);
        operator_file::refuse_inside(
            own.chain(named).chain(advisories).chain(self.machine.all()),
            &folders.collect::<Vec<_>>(),
        )
    }

    /// Reads the policy alone: what tells from where the rest comes.
    ///
    /// # Errors
    /// When it is not as it should be.
    pub fn read_policy(&self) -> Result<Policy> {
        self.clone().loaded_policy()
    }

    /// Fetches the imported reviews that policy names by address, through the client of `Builder::registry`, and keeps them in the
    /// folder of [`Builder::imports`]. Says what came of each, by name. Without a client nothing is asked and the list is empty.
    ///
    /// A file counts only as long as it is the one that policy pins; another one is kept beside it, so that it can be read.
    ///
    /// # Errors
    /// When what is served is not what policy pins, when an import is neither served nor kept, and when it cannot be kept.
    pub fn refresh_imports(&self) -> Result<Vec<RefreshedImport>> {
        #[cfg(feature = "online")]
        if let Some(client) = &self.client {
            return imports::refresh(self, client);
        }
        Ok(Vec::new())
    }

    pub(in crate::verifier) fn loaded_policy(&mut self) -> Result<Policy> {
        if let Some(file) = &mut self.policy {
            file.text = operator_file::read(&file.path)?;
            file.demand(self.demand.as_ref(), Purpose::Policy, self.now)?;
        }
        self.parse_policy()
    }

    pub(in crate::verifier) fn parse_policy(&self) -> Result<Policy> {
        let infos = rules::infos();
        Ok(match self.policy.as_ref().and_then(OperatorFile::content) {
            Some((path, text)) => Policy::parse(path, text, &infos, self.today())?,
            None => Policy::preset(self.preset, &infos)?,
        })
    }

    pub(in crate::verifier) fn online(&self) -> bool {
        #[cfg(feature = "online")]
        return self.client.is_some();
        #[cfg(not(feature = "online"))]
        false
    }

    pub(in crate::verifier) fn today(&self) -> Date {
        self.now.to_zoned(TimeZone::UTC).date()
    }
}

impl OperatorFile {
    pub(super) fn new(path: impl Into<PathBuf>, shown: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            shown: shown.into(),
            text: None,
            signed: None,
        }
    }

    pub(in crate::verifier) fn content(&self) -> Option<(&Path, &str)> {
        Some((&self.path, self.text.as_deref()?))
    }

    fn input(&self) -> Option<InputFile> {
        let digest = Sha256Digest::of(self.text.as_ref()?.as_bytes());
        Some(InputFile {
            signed_by: self.signed.as_ref().map(|signed| signed.by.clone()),
            serial: self.signed.as_ref().map(|signed| signed.serial),
            ..InputFile::new(self.shown.clone(), Some(digest))
        })
    }
}

/// What a report says of the index that it stands on.
fn advisories_used(index: &Index, now: jiff::Timestamp) -> AdvisoriesUsed {
    let meta = index.meta();
    AdvisoriesUsed {
        path: shown(index.path()),
        digest: index.digest(),
        sources: meta.sources.iter().map(|source| source.digest).collect(),
        records: meta.records,
        newest: meta.newest.map(|newest| newest.to_string()),
        age_days: meta.age_days(now),
    }
}

/// Whether the command line may give a finding this level.
fn allowed(id: &str, level: Level) -> Result<()> {
    let rule = rules::rule(id).ok_or_else(|| {
        Error::environment(
            format!("no finding is called {}", text::excerpt(id, 60)),
            "the documentation lists all of them",
        )
    })?;
    if rule.fixed && level < rule.level {
        return Err(Error::environment(
            format!("{id} can never be lowered"),
            "tampering is not a matter of taste: clear the finding, or remove the subject",
        ));
    }
    Ok(())
}
