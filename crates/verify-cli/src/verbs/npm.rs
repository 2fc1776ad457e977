//! `npm`: judge a package of a registry before it is installed. The only verb that opens a socket without `--online`.

use openclaw_verify_core::{Error, Result, spec, text};

use crate::Exit;
use crate::cli::{Common, NpmArgs};

pub(super) fn run(common: &Common, args: &NpmArgs) -> Result<Exit> {
    let (name, version) = named(&args.package)?;
    online::run(common, args, name, version)
}

/// `name@version`; a scope's `@` is no separator. A tag or a range names no bytes.
fn named(package: &str) -> Result<(&str, &str)> {
    let package = package.strip_prefix("npm:").unwrap_or(package);
    let split = package
        .char_indices()
        .skip(1)
        .find(|(_, c)| *c == '@')
        .map(|(at, _)| package.split_at(at));
    let (name, version) = split.map_or((package, ""), |(name, version)| {
        (name, version.trim_start_matches('@'))
    });
    if !openclaw_verify_core::npm::is_package_name(name)
        || spec::npm_version(version) != spec::Pin::Exact
    {
        return Err(Error::environment(
            format!(
                "{} names no package and exact version",
                text::excerpt(package, 200)
            ),
            "write it as @openclaw/zalo@2026.9.5; `npm view NAME versions` lists them",
        ));
    }
    Ok((name, version.trim_start_matches(['v', '='])))
}

#[cfg(not(feature = "online"))]
mod online {
    use super::*;

    pub(super) fn run(_: &Common, _: &NpmArgs, _: &str, _: &str) -> Result<Exit> {
        Err(Error::environment(
            "this build cannot ask a registry: the feature `online` is not compiled in (feature-disabled)",
            "fetch the archive otherwise, and judge it with: openclaw-verify archive FILE",
        ))
    }
}

#[cfg(feature = "online")]
mod online {
    use openclaw_verify_core::fact::NotEstablished;
    use openclaw_verify_core::finding::Input;
    use openclaw_verify_core::registry::{FetchError, FetchPlan, Want, fetch_blocking, judge};
    use openclaw_verify_core::{Candidate, CandidateOrigin};

    use super::*;
    use crate::render::candidate;
    use crate::verbs::archive;
    use crate::verbs::start_without_installation;
    use crate::{commands, network, operator, output, wording};

    pub(super) fn run(common: &Common, args: &NpmArgs, name: &str, version: &str) -> Result<Exit> {
        let integrity = archive::integrity(args.candidate.integrity.as_deref())?;
        let start = start_without_installation(common, true)?;
        let verifier = start.builder.build()?;
        start.bar.finish();
        let client = network::client(common, verifier.policy())?;

        let want = Want {
            name: name.to_owned(),
            version: version.to_owned(),
            integrity,
            archive: true,
            attestations: true,
        };
        let plan = FetchPlan {
            wants: vec![want.clone()],
        };
        let mut fetched = fetch_blocking(&plan, &client)?;
        let package = fetched
            .packages
            .pop()
            .ok_or_else(|| Error::environment("nothing was fetched", "try again"))?;
        let shown = format!("{name}@{version}");
        let path = match &package {
            Err(error) => return not_established(common, &shown, error),
            Ok(found) => match &found.archive {
                Some(Ok(archive)) => archive.path.clone(),
                Some(Err(error)) => return not_established(common, &shown, error),
                None => {
                    return Err(Error::environment(
                        "no archive was asked for",
                        "please report this",
                    ));
                }
            },
        };
        let policy = verifier.identity_policy(name)?;
        let facts = judge(
            &want,
            &package,
            &policy,
            verifier.anchors(),
            operator::now(common),
        );
        if let (Ok(found), Some(cache)) = (&package, network::cache()) {
            // A cache that cannot be written only makes the next run slower.
            let _ = cache.keep_verified(&want, found, &facts);
        }
        let read = match archive::open(&path)? {
            Ok(read) => read,
            Err(why) => return archive::refused(common, &shown, &format!("its archive {why}")),
        };
        let candidate = Candidate {
            archive: &read,
            shown: &shown,
            integrity,
            wanted: Some((name, version)),
        };
        let report = match verifier.candidate(&candidate, &CandidateOrigin::from(facts)) {
            Err(Error::Subject { why, .. }) => return archive::refused(common, &shown, &why),
            report => report?,
        };
        archive::finish(
            common,
            &report,
            &verifier,
            &path,
            &read,
            args.candidate.unpack_to.as_deref(),
        )
    }

    /// Nothing could be fetched, so nothing is known: neither good nor bad, and never exit 0.
    fn not_established(common: &Common, shown: &str, error: &FetchError) -> Result<Exit> {
        if let FetchError::Cache(_) = error {
            return Err(error.clone().into_own_fault());
        }
        // A question that could not be asked is this run's own fault, not an answer about the package.
        if let FetchError::NoRegistry = error {
            let command = wording::flag(Input::Registry).map(commands::carried);
            return Err(Error::environment(
                format!("{shown}: {error}"),
                format!(
                    "list the one that npm asks: {}",
                    command.unwrap_or_default()
                ),
            ));
        }
        let help = match error.code() {
            NotEstablished::NotInRegistry => {
                "check name and version, and which registry is asked: npm view NAME versions"
            }
            NotEstablished::BadAnswer => {
                "check the registry's address and your credentials for it in .npmrc"
            }
            _ => "try again, or judge an archive that you have: openclaw-verify archive FILE",
        };
        let code = error.code().as_str();
        let why = error.to_string();
        let text = candidate::not_established(shown, code, &why, help, common.format)?;
        output::report(&text, common.format)?;
        Ok(Exit::Findings)
    }
}
