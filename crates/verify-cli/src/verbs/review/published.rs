//! `review ID --diff published`: the archive that a registry serves for the very version that is installed.

use std::path::PathBuf;

use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::{Error, Result, Verifier};

use crate::cli::Common;

/// The archive, in the cache; its bytes have the digest that the registry states.
#[cfg(feature = "online")]
pub(super) fn archive(common: &Common, verifier: &Verifier, id: &SubjectId) -> Result<PathBuf> {
    use openclaw_verify_core::registry::{FetchPlan, Want, fetch_blocking};
    use openclaw_verify_core::subject::Kind;

    let inventory = verifier.inventory()?;
    let subject = inventory.subjects.iter().find(|subject| subject.id == *id);
    let record = subject.and_then(|subject| subject.record.as_ref());
    let version = subject.and_then(|subject| subject.recorded_version());
    let name = match subject.map(|subject| subject.kind) {
        Some(Kind::Core) => Some("openclaw"),
        _ => record.and_then(|record| record.resolved_name.as_deref()),
    };
    let (Some(name), Some(version)) = (name, version) else {
        return Err(Error::environment(
            format!("{id} is not a package of a registry by OpenClaw's record"),
            "compare with what was locked: --diff lock",
        ));
    };
    if !common.online {
        return Err(Error::environment(
            format!("only its registry has the archive of {id}"),
            "allow the network for this run: --online",
        ));
    }
    let client = crate::network::client(common, verifier.policy())?;
    let plan = FetchPlan {
        wants: vec![Want {
            name: name.to_owned(),
            version: version.clone(),
            integrity: None,
            archive: true,
            attestations: false,
        }],
    };
    let mut fetched = fetch_blocking(&plan, &client)?;
    let shown = openclaw_verify_core::text::excerpt(&format!("{name}@{version}"), 200);
    let failed = |why: String| {
        Error::environment(
            format!("the published archive of {shown} cannot be had: {why}"),
            "check which registry is asked: [sources] of the policy, npm_config_registry, .npmrc",
        )
    };
    let package = fetched
        .packages
        .pop()
        .ok_or_else(|| failed("nothing was fetched".to_owned()))?
        .map_err(|error| failed(error.to_string()))?;
    match package.archive {
        Some(Ok(archive)) => Ok(archive.path),
        Some(Err(error)) => Err(failed(error.to_string())),
        None => Err(failed("no archive was asked for".to_owned())),
    }
}

#[cfg(not(feature = "online"))]
pub(super) fn archive(_: &Common, _: &Verifier, id: &SubjectId) -> Result<PathBuf> {
    Err(Error::environment(
        format!("only its registry has the archive of {id}, and this build opens no socket"),
        "compare with what was locked: --diff lock",
    ))
}
