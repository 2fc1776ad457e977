//! Skills: folders with a `SKILL.md` whose text reaches the agent.

mod locks;
mod order;
mod twice;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::context::{Context, Found, PluginRoot};
use super::frontmatter::{self, FrontMatter};
use super::ids::{self, Ids};
use super::paths::{Located, Paths};
use super::skill_hashes::{self, HashError};
use super::skill_record;
use super::skill_roots::{self, Candidate, Root};
use super::{
    NotCovered, NotCoveredGroup, Observation, Record, Subject, git_checkout, git_spec, tool_records,
};
use crate::read;
use crate::subject::{Kind, Source, SubjectId};
use crate::text;
use crate::tree::skill_record::{BadRecord, ClawhubOrigin, SourceOrigin};
use crate::tree::{LeaveOut, RecordKind, records};

/// Every skill that OpenClaw would load from the disk, of every agent.
///
/// The skills that come with the host package belong to the host package. Of two skills with one name in one agent's view the one
/// that hides the other carries [`Observation::Shadows`].
pub(super) fn read(ctx: &Context<'_>, plugins: &[PluginRoot]) -> Found {
    let mut found = Found::default();
    let paths = ctx.paths;
    let roots = skill_roots::roots(ctx, paths, plugins, &mut found);
    let plugin_folders: Vec<PathBuf> = plugins
        .iter()
        .filter_map(|plugin| paths.real(&plugin.folder).ok())
        .collect();
    let host = ctx
        .options
        .host
        .as_ref()
        .and_then(|host| std::fs::canonicalize(host).ok());
    let allowed = allowed_targets(ctx, paths);
    let mut skills = Vec::new();
    for (number, root) in roots.iter().enumerate() {
        let mut candidates = skill_roots::walk(number, root, &allowed, paths, &mut found);
        if root.generated {
            candidates.retain(|candidate| {
                !is_covered(
                    candidate,
                    &plugin_folders,
                    host.as_deref(),
                    paths,
                    &mut found,
                )
            });
        }
        skills.extend(
            candidates
                .into_iter()
                .map(|candidate| Skill::read(candidate, root, paths)),
        );
    }
    locks::compare_locks(&roots, &mut skills, paths, &mut found);
    locks::compare_tools(&roots, &mut skills, paths, &mut found);
    order::name_and_add(ctx, &roots, skills, plugins, &mut found);
    add_library(paths, plugins, &mut found);
    found.not_covered.extend([
        NotCovered::new(
            NotCoveredGroup::Elsewhere,
            "skills of another working folder",
            "a session that runs in another folder also loads its skills and .agents/skills",
        ),
        NotCovered::new(
            NotCoveredGroup::Elsewhere,
            "skills of connected nodes",
            "they are sent over the network while a node is connected",
        ),
    ]);
    found
}

/// OpenClaw makes links to the skills of active plugins, and loads no other link there. Those skills are part of their plugin or of the
/// host package; what else a link names is not loaded.
fn is_covered(
    candidate: &Candidate,
    plugins: &[PathBuf],
    host: Option<&Path>,
    paths: &Paths,
    found: &mut Found,
) -> bool {
    if plugins
        .iter()
        .any(|plugin| candidate.real.starts_with(plugin))
    {
        return true;
    }
    let Some(host) = host else {
        // The host package never lies in the state directory, so this is no link of OpenClaw's.
        if candidate.real.starts_with(&paths.state) {
            return false;
        }
        let what = paths.shown(&candidate.folder);
        let why =
            "it leads out of the plugins, and no host package was named to which it may belong";
        found
            .not_covered
            .push(NotCovered::new(NotCoveredGroup::NotSeen, what, why));
        return true;
    };
    candidate.real.starts_with(host)
}

struct Skill {
    candidate: Candidate,
    subject: Subject,
    key: String,
    clawhub: Option<ClawhubOrigin>,
    source: Option<SourceOrigin>,
}

impl Skill {
    fn read(candidate: Candidate, root: &Root, paths: &Paths) -> Self {
        let mut observations = Vec::new();
        let front = front_matter(&candidate, paths, &mut observations);
        let folder_name = candidate
            .folder
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let name = front
            .text("name")
            .unwrap_or_else(|| folder_name.trim().to_owned());
        let (clawhub, source) = if root.records {
            records(&candidate, paths, &mut observations)
        } else {
            (None, None)
        };
        let key = front
            .manifest_text("skillKey")
            .map(str::to_owned)
            .or_else(|| source.as_ref().map(|s| s.slug.clone()))
            .unwrap_or_else(|| name.clone());
        let mut subject = ids::blank(
            SubjectId::new("skill", &name),
            Kind::Skill,
            Source::Unrecorded,
            name,
            paths.place(&candidate.folder),
        );
        subject.version = front.text("version");
        subject.install_steps = front.install_steps();
        let leave_out = if root.records {
            leave_out()
        } else {
            Vec::new()
        };
        let boundary = root
            .plugin
            .as_deref()
            .and_then(|p| paths.real(p).ok())
            .filter(|p| candidate.real.starts_with(p));
        subject.trees = ids::whole(
            &candidate.real,
            boundary.as_deref().unwrap_or(&candidate.real),
            leave_out,
        );
        subject.observations = observations;
        let shown = paths.shown(&candidate.folder.join("SKILL.md"));
        subject
            .tool_records
            .extend(tool_records::gh_skill(&front, &shown));
        let mut skill = Self {
            candidate,
            subject,
            key,
            clawhub,
            source,
        };
        skill.apply_records(&folder_name, paths);
        if let Some(why) = front.skipped() {
            skill.candidate.loaded = false;
            let observation = Observation::NotLoaded { why };
            skill.subject.observations.push(observation);
        }
        skill
    }

    /// Compares what the records beside the skill say with what is there.
    fn apply_records(&mut self, folder_name: &str, paths: &Paths) {
        let shown = |relative: &str| paths.shown(&self.candidate.folder.join(relative));
        let mut conflicts = Vec::new();
        let mut record: Option<(Source, Record)> = None;
        if let Some(origin) = &self.clawhub {
            record = Some((
                Source::Clawhub,
                origin.record(shown(skill_record::CLAWHUB_ORIGINS[0])),
            ));
            conflicts.extend(conflict("slug", &origin.slug, folder_name, false));
            if let Some((file, sha256)) = &origin.skill_file {
                let now = read::bytes(&self.candidate.real.join(file), frontmatter::MAX_BYTES);
                let now = now.map_or_else(
                    |e| format!("{file} {e}"),
                    |bytes| crate::digest::Sha256Digest::of(&bytes).hex(),
                );
                conflicts.extend(conflict("hash", sha256, &now, false));
            }
            if let Some(recorded) = &origin.file_tree {
                conflicts.extend(hash_conflict(
                    recorded,
                    skill_hashes::file_tree(&self.candidate.real),
                    false,
                ));
            }
            if let Some(recorded) = &origin.fingerprint {
                conflicts.extend(hash_conflict(
                    recorded,
                    skill_hashes::clawhub_fingerprint(&self.candidate.real),
                    true,
                ));
            }
        }
        if let Some(origin) = &self.source {
            if self.clawhub.is_some() {
                conflicts.extend(conflict(
                    "source",
                    "clawhub",
                    "source-origin.json names another source",
                    false,
                ));
            }
            let source = if origin.git.is_some() {
                Source::Git
            } else {
                Source::Path
            };
            let common = origin.record(shown(skill_record::SOURCE_ORIGIN));
            if source == Source::Git {
                conflicts.extend(git_checkout::asked_otherwise(&common));
            }
            record = Some((source, common));
            conflicts.extend(conflict("slug", &origin.slug, folder_name, false));
        }
        self.subject.observations.extend(conflicts);
        if let Some((source, record)) = record {
            self.subject.source = source;
            self.subject.version = self
                .subject
                .version
                .take()
                .or_else(|| record.version.clone());
            self.subject.record = Some(record);
        }
    }

    /// The id by its record; none when it has none, or two that disagree.
    fn recorded_id(&self) -> Option<SubjectId> {
        match (&self.clawhub, &self.source) {
            (Some(origin), None) => {
                let owner = origin.owner.as_ref()?;
                Some(SubjectId::new(
                    "clawhub",
                    &format!("{owner}/{}", origin.slug),
                ))
            }
            (None, Some(origin)) => Some(SubjectId::new(
                "git",
                &git_spec::place(&origin.git.as_ref()?.url)?,
            )),
            _ => None,
        }
    }
}

fn front_matter(
    candidate: &Candidate,
    paths: &Paths,
    observations: &mut Vec<Observation>,
) -> FrontMatter {
    let place = paths.shown(&candidate.folder.join("SKILL.md"));
    let real = match paths.real(&candidate.real.join("SKILL.md")) {
        Ok(real) => real,
        Err(error) => {
            observations.push(Observation::Unreadable {
                place,
                why: error.to_string(),
            });
            return FrontMatter::default();
        }
    };
    let left_out = |path: &Path| {
        path == Path::new(skill_record::SOURCE_ORIGIN)
            || skill_record::CLAWHUB_ORIGINS
                .iter()
                .any(|o| path == Path::new(o))
    };
    match real.strip_prefix(&candidate.real) {
        Ok(inside) if !left_out(inside) => {}
        _ => {
            observations.push(Observation::EntryEscapes {
                entry: place,
                target: paths.shown(&real),
            });
            return FrontMatter::default();
        }
    }
    match read::bytes(&real, frontmatter::MAX_BYTES) {
        Ok(bytes) => {
            // Node replaces what is not UTF-8, so the same is read here.
            let front = FrontMatter::parse(&String::from_utf8_lossy(&bytes));
            observations.extend(front.observations(&place));
            front
        }
        Err(error) => {
            observations.push(Observation::Unreadable {
                place,
                why: error.to_string(),
            });
            FrontMatter::default()
        }
    }
}

fn records(
    candidate: &Candidate,
    paths: &Paths,
    observations: &mut Vec<Observation>,
) -> (Option<ClawhubOrigin>, Option<SourceOrigin>) {
    let mut get = |relative: &str| {
        let file = candidate.real.join(relative);
        // A record reached through a symlinked folder is not the one that the digest leaves out.
        let text = match paths.real(&file) {
            Ok(real) if real == file => {
                read::text(&file, records::MAX_BYTES).map_err(|e| e.to_string())
            }
            Ok(_) => Err("is reached through a symbolic link".to_owned()),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return None;
            }
            Err(error) => Err(error.to_string()),
        };
        match text {
            Ok(text) => Some(text),
            Err(why) => {
                observations.push(Observation::Unreadable {
                    place: paths.shown(&candidate.folder.join(relative)),
                    why,
                });
                None
            }
        }
    };
    let clawhub: Vec<_> = skill_record::CLAWHUB_ORIGINS
        .iter()
        .filter_map(|r| Some((*r, ClawhubOrigin::parse(&get(r)?))))
        .collect();
    let source = get(skill_record::SOURCE_ORIGIN).map(|text| SourceOrigin::parse(&text));
    let mut refuse = |relative: &str, why: BadRecord| {
        let place = paths.shown(&candidate.folder.join(relative));
        observations.push(Observation::Unreadable {
            place,
            why: format!("is not the record that OpenClaw writes: it {why}"),
        });
    };
    let mut first = None;
    for (relative, origin) in clawhub {
        match origin {
            // OpenClaw takes the first of the two that it can read.
            Ok(origin) if first.is_none() => first = Some(origin),
            Ok(_) => {}
            Err(why) => refuse(relative, why),
        }
    }
    let source = match source {
        Some(Ok(origin)) => Some(origin),
        Some(Err(why)) => {
            refuse(skill_record::SOURCE_ORIGIN, why);
            None
        }
        None => None,
    };
    (first, source)
}

pub(super) fn leave_out() -> Vec<LeaveOut> {
    let record = |path: &str, kind| LeaveOut::Record(path.to_owned(), kind);
    vec![
        record(skill_record::SOURCE_ORIGIN, RecordKind::SkillSourceOrigin),
        record(skill_record::CLAWHUB_ORIGINS[0], RecordKind::ClawhubOrigin),
        record(skill_record::CLAWHUB_ORIGINS[1], RecordKind::ClawhubOrigin),
    ]
}

fn conflict(
    what: &'static str,
    recorded: &str,
    found: &str,
    advisory: bool,
) -> Option<Observation> {
    (recorded != found).then(|| Observation::RecordConflict {
        what,
        recorded: text::excerpt(recorded, 200),
        found: text::excerpt(found, 200),
        advisory,
    })
}

fn hash_conflict(
    recorded: &str,
    now: Result<String, HashError>,
    advisory: bool,
) -> Option<Observation> {
    match now {
        Ok(now) => conflict("hash", recorded, &now, advisory),
        Err(HashError::Impossible(why)) => conflict("hash", recorded, &why, advisory),
        // A match would be no evidence, so what cannot be computed is no loss where the order of names is in doubt.
        Err(HashError::Unknown(_)) if advisory => None,
        Err(HashError::Unknown(why)) => Some(Observation::Unreadable {
            place: "fileTreeSha256".to_owned(),
            why: format!("was not recomputed: {why}"),
        }),
    }
}

/// Published revisions of the personal skill library: a session may select any of them.
fn add_library(paths: &Paths, plugins: &[PluginRoot], found: &mut Found) {
    let base = paths.state.join("skill-library");
    let taken = found
        .subjects
        .iter()
        .map(|s| s.id.clone())
        .chain(plugins.iter().map(|p| p.subject.clone()));
    let mut ids = Ids::with(taken.collect::<Vec<_>>());
    let list = |folder: &Path, found: &mut Found| match paths.list(folder) {
        Ok(entries) => entries
            .into_iter()
            .filter(|e| e.kind == super::paths::Kind::Folder)
            .collect(),
        Err(error) => {
            found.observations.push(Observation::Unreadable {
                place: paths.shown(folder),
                why: error.to_string(),
            });
            Vec::new()
        }
    };
    for skill in list(&base, found) {
        for revision in list(&skill.path.join("revisions"), found) {
            let Ok(real) = paths.real(&revision.path) else {
                continue;
            };
            let relative = format!(
                "{}/{}",
                skill.name.to_string_lossy(),
                revision.name.to_string_lossy()
            );
            let candidate = Candidate {
                root: 0,
                relative,
                folder: revision.path,
                real,
                loaded: true,
            };
            let mut observations = Vec::new();
            let front = front_matter(&candidate, paths, &mut observations);
            observations.extend(front.skipped().map(|why| Observation::NotLoaded { why }));
            let name = front
                .text("name")
                .unwrap_or_else(|| skill.name.to_string_lossy().into_owned());
            let id = ids.take("skill", &[format!("library/{}", candidate.relative)]);
            let mut subject = ids::blank(
                id,
                Kind::Skill,
                Source::Unrecorded,
                name,
                paths.place(&candidate.folder),
            );
            subject.version = front.text("version");
            subject.install_steps = front.install_steps();
            subject.trees = ids::whole(&candidate.real, &candidate.real, Vec::new());
            subject.observations = observations;
            found.subjects.push(subject);
        }
    }
}

/// Where `skills.load.allowSymlinkTargets` lets symlinked skill folders lead.
fn allowed_targets(ctx: &Context<'_>, paths: &Paths) -> Vec<PathBuf> {
    skill_roots::strings(Some(ctx.config_at(&[
        "skills",
        "load",
        "allowSymlinkTargets",
    ])))
    .iter()
    .filter_map(|written| match paths.locate(written) {
        Located::At(folder) => paths.real(&folder).ok(),
        _ => None,
    })
    .collect()
}
