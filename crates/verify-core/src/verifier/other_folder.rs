//! A folder that holds nothing of what is locked and nothing of OpenClaw: the wrong one, or a volume that is not mounted.

use std::collections::BTreeSet;

use super::Verifier;
use crate::error::{Error, Result};
use crate::inventory::Inventory;
use crate::subject::{Kind, SubjectId};
use crate::text;

/// What every state directory has that OpenClaw ran with.
const OF_OPENCLAW: [&str; 2] = ["openclaw.json", "state/openclaw.sqlite"];

impl Verifier {
    /// Refuses a state directory that cannot be the one that was locked. Each entry of the lock would be a warning of its own there, and
    /// the verdict a good one.
    ///
    /// # Errors
    /// [`Error::NothingToVerify`].
    pub(super) fn refuse_other_folder(&self, inventory: &Inventory) -> Result<()> {
        let (Some(lock), Some(state)) = (&self.lock, &self.options.state_dir) else {
            return Ok(());
        };
        let installed: BTreeSet<&SubjectId> = inventory.subjects.iter().map(|s| &s.id).collect();
        // What lies outside the state directory says nothing about it.
        let inside = |kind| !matches!(kind, Kind::Core | Kind::Runtime | Kind::Service);
        let mut locked = lock
            .packages()
            .iter()
            .filter(|entry| inside(entry.kind))
            .peekable();
        if locked.peek().is_none() || locked.any(|entry| installed.contains(&entry.id)) {
            return Ok(());
        }
        let is_there = |file: &&str| state.join(file).symlink_metadata().is_ok();
        let config = self.options.config.as_ref();
        if OF_OPENCLAW.iter().any(is_there)
            || config.is_some_and(|config| config.symlink_metadata().is_ok())
        {
            return Ok(());
        }
        Err(Error::NothingToVerify {
            what: format!(
                "nothing that is locked is in {}, and neither is {}",
                text::visible(&state.display().to_string()),
                OF_OPENCLAW.join(" nor ")
            ),
            help: Some(
                "is this OpenClaw's state directory, and is its volume mounted? Where OpenClaw was removed for good, remove the lock too"
                    .to_owned(),
            ),
            needs: None,
        })
    }
}
