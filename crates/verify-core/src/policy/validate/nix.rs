//! `[nix]`.

use super::Reader;
use crate::nix::StoreKey;
use crate::policy::wire::WireNix;
use crate::toml_file::{Checked, fail};

impl Reader<'_> {
    /// Who may sign the paths of a Nix store: lines as in Nix's own `trusted-public-keys`.
    pub(super) fn nix(&self, wire: WireNix) -> Checked<Vec<StoreKey>> {
        let mut keys: Vec<(StoreKey, std::ops::Range<usize>)> = Vec::new();
        for line in wire.trusted_keys {
            let key = match StoreKey::parse(line.get_ref()) {
                Ok(key) => key,
                Err(why) => {
                    let error = self.file.error(line.span(), format!("this key {why}"));
                    return fail(error.with_help(
                        "write it as in Nix's trusted-public-keys: `cache.example.org-1:<base64>`",
                    ));
                }
            };
            let same = |(other, _): &&(StoreKey, _)| other.name() == key.name();
            if let Some((_, first)) = keys.iter().find(same) {
                return fail(self.file.duplicate("this key", first.clone(), line.span()));
            }
            keys.push((key, line.span()));
        }
        Ok(keys.into_iter().map(|(key, _)| key).collect())
    }
}
