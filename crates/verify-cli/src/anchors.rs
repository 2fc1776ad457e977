//! What signatures are judged by: trust root and npm's keys, from where the operator said.

use std::path::Path;

use openclaw_verify_core::provenance::{Anchors, Instance, NpmKeys, TrustRoot};
#[cfg(feature = "online")]
use openclaw_verify_core::text;
use openclaw_verify_core::{Error, OperatorError, Result, read};

use crate::cli::Common;
use crate::operator;

/// The anchors for `instance`. Files are read now, so that a broken one ends the run; everything else when it is needed. `online`
/// says whether sockets may be opened for them.
pub(crate) fn anchors(common: &Common, instance: Instance, online: bool) -> Result<Anchors> {
    let args = &common.anchors;
    let mut anchors = Anchors::embedded(instance);
    if let Some(path) = &args.trusted_root {
        anchors = anchors.with_root(TrustRoot::from_file(
            path,
            &own_text(path, TrustRoot::MAX_BYTES)?,
            instance,
        )?);
    }
    if let Some(path) = &args.npm_keys {
        anchors = anchors.with_keys(NpmKeys::from_file(
            path,
            &own_text(path, NpmKeys::MAX_BYTES)?,
        )?);
    }
    by_tuf(common, anchors, online)
}

#[cfg(feature = "online")]
fn by_tuf(common: &Common, anchors: Anchors, online: bool) -> Result<Anchors> {
    use openclaw_verify_core::digest::Sha256Digest;

    let args = &common.anchors;
    if !args.tuf {
        return Ok(anchors);
    }
    let cache = operator::cache_folder().ok_or_else(|| {
        Error::environment(
            "there is no folder for what TUF gives: HOME is not set",
            "set HOME or XDG_CACHE_HOME",
        )
    })?;
    let (cache, mirror) = match args.tuf_mirror.as_ref().zip(args.tuf_root.as_ref()) {
        None => (cache.join("tuf"), None),
        Some((url, path)) => {
            let root = own_text(path, TrustRoot::MAX_BYTES)?;
            TrustRoot::check_tuf_root(&root).map_err(|why| {
                let shown = operator::shown(path);
                let why = format!("{shown} cannot be used as the root of a TUF repository: {why}");
                OperatorError::whole(path, why)
            })?;
            if !["https://", "http://"].iter().any(|scheme| {
                url.strip_prefix(scheme)
                    .is_some_and(|rest| !rest.is_empty())
            }) {
                let what = format!("--tuf-mirror {}: no address", text::excerpt(url, 200));
                return Err(Error::environment(
                    what,
                    "write the address of a TUF repository, with https://",
                ));
            }
            let root = root.into_bytes();
            // What one repository says is no floor for what another one says.
            let name = Sha256Digest::of(&[url.as_bytes(), b"\0", &root].concat()).hex();
            (cache.join("tuf").join(name), Some((url.clone(), root)))
        }
    };
    let client = online.then(|| crate::network::plain(common)).transpose()?;
    Ok(anchors.with_tuf(cache, mirror, client, operator::now(common)))
}

#[cfg(not(feature = "online"))]
fn by_tuf(_: &Common, anchors: Anchors, _: bool) -> Result<Anchors> {
    Ok(anchors)
}

/// A text file of the operator, which may be a link.
pub(crate) fn own_text(path: &Path, limit: u64) -> Result<String> {
    let error = |why: &dyn std::fmt::Display| {
        Error::from(OperatorError::whole(
            path,
            format!("{} {why}", operator::shown(path)),
        ))
    };
    let real = path.canonicalize().map_err(|_| error(&"is not there"))?;
    read::text(&real, limit).map_err(|why| error(&why))
}
