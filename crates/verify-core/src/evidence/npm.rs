//! What the npm packages of a subject bring along: scripts that run at install, and where they come from.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::inventory::Subject;
use crate::npm::{self, NoteKind, NpmLimits, PackageInstance, PackageJson};
use crate::subject::{Kind, Source};
use crate::text;

/// Facts for the rules of group *pinning*.
#[derive(Debug)]
pub(crate) struct NpmFacts {
    /// Whether every package could be read; otherwise a script may have gone unseen.
    pub complete: bool,
    /// Lifecycle scripts of the subject and its dependencies, one line each, safe to show.
    pub install_scripts: Vec<String>,
    /// Where npm's hidden lockfile says that packages were fetched from.
    pub fetched_from: Vec<PackageUrl>,
    /// Dependencies by git, http or file, and `.npmrc` files of the project, one line each, safe to show.
    pub exotic: Vec<String>,
    /// Every package under every name and version that something there gives it.
    pub packages: Vec<NamedPackage>,
}

/// One package under one name and version. Untrusted text.
#[derive(Clone, Debug)]
pub(crate) struct NamedPackage {
    pub name: String,
    pub version: Option<String>,
    /// Where it is, or what would fetch it.
    pub place: String,
    /// Where npm says that it was fetched from.
    pub resolved: Option<String>,
    /// Whether it is the subject itself, and not one of its dependencies.
    pub own: bool,
    /// Whether it may be any version.
    pub floating: bool,
}

impl Default for NpmFacts {
    /// What has no packages.
    fn default() -> Self {
        Self {
            complete: true,
            install_scripts: Vec::new(),
            fetched_from: Vec::new(),
            exotic: Vec::new(),
            packages: Vec::new(),
        }
    }
}

impl NpmFacts {
    /// Of a package that is not installed.
    pub(crate) fn of_package(manifest: &PackageJson, implicit_gyp: bool) -> Self {
        let mut facts = Self::default();
        facts.add(manifest, implicit_gyp);
        facts
    }

    /// Where a lockfile inside it makes npm fetch its dependencies from: names and addresses.
    pub(crate) fn fetched(&mut self, from: Vec<(String, String)>) {
        let fetched = |(package, url): (String, String)| PackageUrl {
            package: text::excerpt(&package, 120),
            url,
        };
        self.fetched_from.extend(from.into_iter().map(fetched));
    }

    /// And of one that it brings along.
    pub(crate) fn add(&mut self, manifest: &PackageJson, implicit_gyp: bool) {
        self.packages.extend(named(manifest, None, "the archive"));
        of_manifest(
            self,
            &label(manifest, manifest.name.as_deref().unwrap_or("?")),
            manifest,
            implicit_gyp,
        );
    }
}

/// Where one package was fetched from.
#[derive(Debug)]
pub(crate) struct PackageUrl {
    /// Name and place, safe to show.
    pub package: String,
    /// Address as written. Untrusted text.
    pub url: String,
}

/// Facts about a subject's packages; nothing for what has none.
pub(super) fn facts(subject: &Subject) -> NpmFacts {
    if !is_package(subject.kind) || subject.trees.tree.is_none() {
        return NpmFacts::default();
    }
    let project = project(subject);
    let tree = npm::read(&project, &project, &NpmLimits::default());
    let mut facts = NpmFacts {
        packages: packages(subject, &tree),
        ..NpmFacts::default()
    };
    // In npm's own project folder the root's package.json is OpenClaw's, whose dependencies are the records judged elsewhere.
    if project == subject.place.absolute
        && let Some(root) = &tree.root
    {
        of_manifest(
            &mut facts,
            &label(root, &subject.name),
            root,
            tree.root_implicit_gyp,
        );
    }
    for instance in &tree.instances {
        of_instance(&mut facts, instance);
    }
    facts.complete = tree.complete
        && tree
            .notes
            .iter()
            .all(|note| !matches!(note.kind, NoteKind::Unreadable { .. }));
    // npm's hidden lockfile can be missing or say something else than the one beside it: what either says counts.
    let known: HashSet<String> = facts
        .fetched_from
        .iter()
        .map(|fetched| fetched.url.clone())
        .collect();
    for package in subject.npm.iter().flat_map(|npm| &npm.packages) {
        let url = package
            .resolved
            .as_deref()
            .filter(|url| url.starts_with("http://") || url.starts_with("https://"));
        let Some(url) = url.filter(|url| !known.contains(*url)) else {
            continue;
        };
        let version = text::excerpt(package.version.as_deref().unwrap_or("?"), 40);
        let name = text::excerpt(&package.name, 80);
        facts.fetched_from.push(PackageUrl {
            package: format!("{name}@{version}"),
            url: url.to_owned(),
        });
    }
    facts
        .fetched_from
        .retain(|fetched| !is_kept_archive(subject, &fetched.url));
    if std::fs::symlink_metadata(project.join(".npmrc")).is_ok() {
        facts
            .exotic
            .push("the project has an .npmrc, which can send npm elsewhere".to_owned());
    }
    facts
}

/// The packages that a skill or a server brings along, which [`facts`] leaves out: no rule of its kind asks for them, only advisories.
/// Reads them anew, so it is for runs that have an index.
pub(super) fn brought_along(subject: &Subject) -> Vec<NamedPackage> {
    if is_package(subject.kind) || subject.trees.tree.is_none() {
        return Vec::new();
    }
    let project = project(subject);
    packages(
        subject,
        &npm::read(&project, &project, &NpmLimits::default()),
    )
}

/// Every package of a tree under every name that its files, its folder, npm's lockfiles and its address give it: of names that
/// disagree any may be the true one.
fn packages(subject: &Subject, tree: &npm::NpmTree) -> Vec<NamedPackage> {
    let recorded: HashMap<&str, _> = subject
        .npm
        .iter()
        .flat_map(|npm| &npm.packages)
        .map(|package| (package.path.as_str(), package))
        .collect();
    let mut found = Vec::new();
    // The manifest of a skill or of a local server names something that no registry knows.
    if is_package(subject.kind)
        && tree.project == subject.place.absolute
        && let Some(root) = &tree.root
    {
        found.extend(
            named(root, None, &subject.place.shown).map(|own| NamedPackage { own: true, ..own }),
        );
    }
    for instance in &tree.instances {
        let own = tree.project.join(&instance.path) == subject.place.absolute;
        let resolved = instance
            .locked
            .as_ref()
            .and_then(|locked| locked.resolved.clone());
        let resolved = resolved.or_else(|| recorded.get(instance.path.as_str())?.resolved.clone());
        let mut names = vec![(
            instance.name().to_owned(),
            instance.version().map(str::to_owned),
        )];
        if instance.locked.is_none() && !recorded.contains_key(instance.path.as_str()) {
            names.push((
                instance.folder_name.clone(),
                instance.version().map(str::to_owned),
            ));
        }
        if let Some(entry) = recorded.get(instance.path.as_str()) {
            names.push((entry.name.clone(), entry.version.clone()));
        }
        if let Some(name) = resolved.as_deref().and_then(name_in_address) {
            names.push((name.to_owned(), instance.version().map(str::to_owned)));
        }
        names.sort();
        names.dedup();
        found.extend(names.into_iter().map(|(name, version)| NamedPackage {
            name,
            version,
            place: instance.path.clone(),
            resolved: resolved.clone(),
            own,
            floating: false,
        }));
    }
    found
}

/// The package of a manifest, where it says its name.
fn named(manifest: &PackageJson, resolved: Option<String>, place: &str) -> Option<NamedPackage> {
    Some(NamedPackage {
        name: manifest.name.clone()?,
        version: manifest.version.clone(),
        place: place.to_owned(),
        resolved,
        own: false,
        floating: false,
    })
}

/// The name in the address of an archive, `https://<registry>/<name>/-/<file>.tgz`.
fn name_in_address(url: &str) -> Option<&str> {
    let (before, _) = url.split_once("/-/")?;
    let mut parts = before.rsplit('/');
    let last = parts.next()?;
    let scope = parts.next().filter(|scope| scope.starts_with('@'));
    let length = scope.map_or(0, |scope| scope.len() + 1) + last.len();
    before.get(before.len() - length..)
}

/// Whether subjects of a kind are packages themselves.
pub(super) fn is_package(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Core | Kind::Plugin | Kind::Bundle | Kind::HookPack
    )
}

/// Whether a package was installed from the archive that OpenClaw itself keeps in the project of a packed plugin: the operator handed it
/// over, as the folder of a `path` install.
fn is_kept_archive(subject: &Subject, url: &str) -> bool {
    let path = url
        .strip_prefix("file:")
        .map(|path| path.trim_start_matches("./"));
    let name = path.and_then(|path| path.strip_prefix("_openclaw-pack-archives/"));
    subject.source == Source::NpmPack && name.is_some_and(|name| !name.contains('/'))
}

/// The folder that holds the `node_modules` in which Node finds the subject's dependencies.
pub(super) fn project(subject: &Subject) -> PathBuf {
    let outer = subject
        .trees
        .siblings
        .as_ref()
        .or(subject.trees.dependencies.as_ref());
    outer
        .and_then(|spec| spec.root.parent())
        .map_or_else(|| subject.place.absolute.clone(), Path::to_owned)
}

fn of_instance(facts: &mut NpmFacts, instance: &PackageInstance) {
    let label = label(&instance.manifest, &instance.folder_name);
    of_manifest(facts, &label, &instance.manifest, instance.implicit_gyp);
    if let Some(url) = instance
        .locked
        .as_ref()
        .and_then(|locked| locked.resolved.clone())
    {
        facts.fetched_from.push(PackageUrl {
            package: label,
            url,
        });
    }
}

fn of_manifest(facts: &mut NpmFacts, label: &str, manifest: &PackageJson, implicit_gyp: bool) {
    for script in manifest.install_scripts() {
        facts.install_scripts.push(format!(
            "{label}: {} runs `{}`",
            script.name,
            text::excerpt(&script.command, 120)
        ));
    }
    if implicit_gyp {
        facts
            .install_scripts
            .push(format!("{label}: binding.gyp makes npm run node-gyp"));
    }
    for dependency in &manifest.dependencies {
        if is_exotic(&dependency.spec) {
            let (name, spec) = (
                text::excerpt(&dependency.name, 80),
                text::excerpt(&dependency.spec, 120),
            );
            facts
                .exotic
                .push(format!("{label} depends on {name} by {spec}"));
        }
    }
}

fn label(manifest: &PackageJson, folder: &str) -> String {
    let version = manifest.version.as_deref().unwrap_or("?");
    format!(
        "{}@{}",
        text::excerpt(folder, 80),
        text::excerpt(version, 40)
    )
}

/// Whether a dependency spec leads past the registry. After npm-package-arg: anything with a scheme but `npm:`, a path, or
/// `owner/repo`.
pub(super) fn is_exotic(spec: &str) -> bool {
    let spec = spec.trim();
    let scheme = spec.split_once(':').map(|(scheme, _)| scheme);
    match scheme {
        Some("npm") => false,
        Some("workspace" | "catalog") => false,
        Some(_) => true,
        None => spec.starts_with(['.', '/', '~']) && !is_tilde_range(spec) || is_shorthand(spec),
    }
}

/// `~1.2.3` is a range, `~/x` a path.
fn is_tilde_range(spec: &str) -> bool {
    spec.strip_prefix('~')
        .is_some_and(|rest| !rest.starts_with('/'))
}

/// `owner/repo`, which npm reads as GitHub.
fn is_shorthand(spec: &str) -> bool {
    spec.contains('/') && !spec.starts_with('@') && !spec.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::is_exotic;

    #[test]
    fn only_the_registry_is_not_exotic() {
        for plain in [
            "1.2.3",
            "^1.2.3",
            "~1.2.3",
            "*",
            "",
            "latest",
            ">=1 <2",
            "1 || 2",
            "npm:other@1.2.3",
        ] {
            assert!(!is_exotic(plain), "{plain}");
        }
        for exotic in [
            "git+https://example.org/x.git",
            "git://example.org/x",
            "github:acme/x",
            "acme/x",
            "acme/x#main",
            "http://example.org/x.tgz",
            "https://example.org/x.tgz",
            "file:../x",
            "link:../x",
            "../x",
            "./x",
            "/x",
            "~/x",
            "git@example.org:a/b.git",
        ] {
            assert!(is_exotic(exotic), "{exotic}");
        }
    }
}
