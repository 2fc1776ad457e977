//! Git installs: `git/git-<16 hex>/repo`, and the commit that its `HEAD` names.

use std::path::Path;

use super::config::string;
use super::paths::{Kind, Paths};
use super::plugin::is_real_folder;
use super::{Observation, Record};
use crate::digest::GitOid;
use crate::text;

/// Most bytes of `HEAD` or of one loose ref.
const MAX_REF: u64 = 4096;
/// Most bytes of `packed-refs`.
const MAX_PACKED: u64 = 32 << 20;
/// Most symbolic refs in a row, as git itself follows.
const MAX_SYMBOLIC: usize = 5;

/// `<host>/<path>` of the repository, or `file/<basename>` of a local one; what follows `git:` in the subject's id.
pub(crate) fn repository(record: &Record) -> Option<String> {
    let spec = record.spec.as_deref().map(|spec| spec.strip_prefix("git:").unwrap_or(spec));
    let url = record.git_url.as_deref().or_else(|| spec.map(without_ref))?.trim();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let local = || {
        let base = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        format!("file/{}", base.strip_suffix(".git").unwrap_or(base))
    };
    if scheme == "file" || scheme.is_empty() && (url.starts_with(['/', '.', '~'])) {
        return Some(local());
    }
    let (authority, path) = match rest.split_once('/') {
        // user@host:path, the short form of ssh
        _ if scheme.is_empty() && rest.split('/').next().is_some_and(|first| first.contains(':')) => rest.split_once(':')?,
        Some(parts) => parts,
        None => return Some(local()),
    };
    let host = authority.rsplit('@').next().unwrap_or(authority).to_lowercase();
    let path = path.trim_matches('/');
    Some(format!("{host}/{}", path.strip_suffix(".git").unwrap_or(path)))
}

/// A spec without its `@ref` or `#ref`.
pub(super) fn without_ref(spec: &str) -> &str {
    if let Some((base, _)) = spec.rsplit_once('#') {
        return base;
    }
    match spec.rsplit_once('@') {
        Some((base, reference)) if !reference.contains(['/', ':']) && base.contains('/') => base,
        _ => spec,
    }
}

/// What the place should look like, when the folder is not `git/git-<16 hex>/repo` of the state dir.
pub(super) fn misplaced(paths: &Paths, folder: &Path) -> Option<String> {
    let canonical = folder.strip_prefix(paths.state.join("git")).ok().and_then(|rest| {
        let mut parts = rest.iter();
        let name = parts.next()?.to_str()?.strip_prefix("git-")?;
        let hex = name.len() == 16 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (hex && parts.next()? == "repo" && parts.next().is_none()).then_some(())
    });
    canonical.is_none().then(|| "git/git-<16 hex digits>/repo".to_owned())
}

/// Compares `HEAD` with the recorded commit.
pub(super) fn check(paths: &Paths, record: &Record, folder: &Path, observations: &mut Vec<Observation>) {
    let git = folder.join(".git");
    let place = paths.shown(&git);
    let recorded = record.git_commit.as_deref();
    if !is_real_folder(paths, &git) {
        let why = match paths.kind(&git) {
            Kind::Nothing => "is missing, so the commit cannot be told",
            _ => "is no folder of its own, so the commit cannot be told",
        };
        observations.push(Observation::Unreadable { place, why: why.to_owned() });
        return;
    }
    let found = match head(paths, &git) {
        Ok(found) => found,
        Err(why) => {
            observations.push(Observation::Unreadable { place: format!("{place}/HEAD"), why });
            return;
        }
    };
    let accepted = string(record.raw.get("acceptedSurfaceIntegrity"));
    for wanted in [recorded, accepted].into_iter().flatten() {
        if !wanted.eq_ignore_ascii_case(found.as_str()) {
            let recorded = text::excerpt(wanted, 80);
            observations.push(Observation::RecordConflict {
                what: "commit",
                recorded,
                found: found.to_string(),
                advisory: false,
            });
            return;
        }
    }
    if recorded.is_none() {
        let recorded = "no commit".to_owned();
        observations.push(Observation::RecordConflict { what: "commit", recorded, found: found.to_string(), advisory: false });
    }
}

/// The commit that `HEAD` names, through symbolic, loose and packed refs.
pub(super) fn head(paths: &Paths, git: &Path) -> Result<GitOid, String> {
    let mut name = "HEAD".to_owned();
    for _ in 0..=MAX_SYMBOLIC {
        let content = match paths.text(&git.join(&name), MAX_REF) {
            Ok(content) => content,
            Err(crate::read::ReadError::NotFound) if name != "HEAD" => return packed(paths, git, &name),
            Err(error) => return Err(error.to_string()),
        };
        let content = content.trim();
        let Some(target) = content.strip_prefix("ref:") else {
            return content.parse().map_err(|_| format!("{} is no commit id", text::excerpt(content, 80)));
        };
        let target = target.trim();
        let safe = target.starts_with("refs/") && !target.split('/').any(|part| part.is_empty() || part == "." || part == "..");
        if !safe {
            return Err(format!("names the ref {}", text::excerpt(target, 80)));
        }
        name = target.to_owned();
    }
    Err("is a chain of symbolic refs".to_owned())
}

fn packed(paths: &Paths, git: &Path, name: &str) -> Result<GitOid, String> {
    let content = paths.text(&git.join("packed-refs"), MAX_PACKED).map_err(|_| format!("names {name}, which is not there"))?;
    let lines = content.lines().filter(|line| !line.starts_with(['#', '^']));
    let mut found = lines.filter_map(|line| line.split_once(' ')).filter(|(_, reference)| *reference == name);
    match (found.next(), found.next()) {
        (Some((oid, _)), None) => oid.parse().map_err(|_| "packed-refs holds no commit id".to_owned()),
        (None, _) => Err(format!("names {}, which is not there", text::excerpt(name, 80))),
        _ => Err(format!("packed-refs names {} twice", text::excerpt(name, 80))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_have_one_name() {
        let name = |url: &str| repository(&Record { git_url: Some(url.to_owned()), ..Record::default() });
        for url in [
            "https://github.com/acme/notes.git",
            "https://user:secret@GitHub.com/acme/notes/",
            "ssh://git@github.com/acme/notes.git",
            "git@github.com:acme/notes.git",
        ] {
            assert_eq!(name(url).as_deref(), Some("github.com/acme/notes"), "{url}");
        }
        assert_eq!(name("file:///home/u/src/git-plugin").as_deref(), Some("file/git-plugin"));
        assert_eq!(name("/home/u/git-plugin.git/").as_deref(), Some("file/git-plugin"));
        let spec = |spec: &str| repository(&Record { spec: Some(spec.to_owned()), ..Record::default() });
        assert_eq!(spec("git:github.com/acme/notes@v1.3.0").as_deref(), Some("github.com/acme/notes"));
        assert_eq!(spec("git:git@github.com:acme/notes@v1").as_deref(), Some("github.com/acme/notes"));
    }
}
