//! `[installation]` and `[[file]]`.

use std::path::PathBuf;

use super::Reader;
use crate::policy::wire::{WireFile, WireInstallation};
use crate::policy::{InstallationPlaces, PinnedFile};
use crate::toml_file::{Checked, Spanned, fail};

impl Reader<'_> {
    pub(super) fn installation(&self, wire: WireInstallation) -> Checked<InstallationPlaces> {
        let place = |path: Option<Spanned<String>>| {
            let Some(path) = path else { return Ok(None) };
            if !path.get_ref().starts_with('/') {
                let error = self.file.error(path.span(), "not an absolute path");
                return fail(error.with_help("write the whole path, from `/`"));
            }
            Ok(Some(PathBuf::from(path.into_inner())))
        };
        Ok(InstallationPlaces {
            state_dir: place(wire.state_dir)?,
            openclaw: place(wire.openclaw)?,
            home: place(wire.home)?,
        })
    }

    pub(super) fn files(&self, wire: Vec<Spanned<WireFile>>) -> Checked<Vec<PinnedFile>> {
        let mut found: Vec<(PinnedFile, std::ops::Range<usize>)> = Vec::with_capacity(wire.len());
        for entry in wire {
            let span = entry.span();
            let wire = entry.into_inner();
            let file = PinnedFile {
                path: self.resolve(&wire.path)?,
                sha256: wire.sha256.into_inner(),
            };
            if let Some((_, first)) = found.iter().find(|(other, _)| other.path == file.path) {
                return fail(self.file.duplicate("this file", first.clone(), span));
            }
            found.push((file, span));
        }
        Ok(found.into_iter().map(|(file, _)| file).collect())
    }
}
