//! The JSON Schema of a request, from the words by which one is read.

use schemars::{Schema, json_schema};
use serde_json::{Value, json};

use super::{CONTENTS, FORMS, KINDS, MODES, ORIGINS, PROTOCOL_VERSION, Request, SOURCES, TARGETS};

impl Request {
    /// The JSON Schema of a request, for those who write one by hand. Keys that it does not name are passed over.
    ///
    /// What the parts say about one another is not in it: [`Request::parse`] refuses what contradicts itself.
    #[must_use]
    pub fn schema() -> Schema {
        json_schema!({
            "title": "GateRequest",
            "description": "A request of OpenClaw's install policy, as `openclaw-verify gate` reads it from standard input.",
            "type": "object",
            "required": ["protocolVersion", "targetType", "targetName", "sourcePath", "sourcePathKind", "origin", "request"],
            "properties": {
                "protocolVersion": { "const": PROTOCOL_VERSION, "description": "The version of the protocol." },
                "targetType": of("What it is.", &TARGETS),
                "targetName": name("Its name."),
                "sourcePath": { "type": "string", "pattern": "^/", "description": "What is staged: an absolute path. With the origin plugin-npm it is a JSON file of what npm resolved (`packageName`, `resolution` with `name`, `version`, `integrity`), or the archive of an npm-pack install; else the folder with the files." },
                "sourcePathKind": of("What is at that path.", &FORMS),
                "source": object("Where it comes from. Only the probe of OpenClaw's doctor has none.", &["kind"], json!({
                    "kind": of("The kind of source.", &SOURCES),
                })),
                "origin": object("Which step of which install asks.", &["type"], json!({
                    "type": of("The step; of a skill where it comes from. plugin-npm and plugin-git are announcements: their files are judged later, so an allow permits nothing to run. Ask again with plugin-package or plugin-dependency-tree once everything is staged.", &ORIGINS),
                    "packageName": text("For npm."),
                    "spec": text("For a skill."),
                    "commit": text("For a skill from git."),
                    "slug": text("For ClawHub."),
                    "ownerHandle": text("For ClawHub."),
                    "registry": text("For ClawHub."),
                    "version": text("The version."),
                })),
                "request": object("Which command asks.", &["kind", "mode"], json!({
                    "kind": of("The kind of install; skill-install is of skills, the others of plugins.", &KINDS),
                    "mode": of("Whether something of that name is replaced.", &MODES),
                    "requestedSpecifier": text("What the operator typed."),
                })),
                "plugin": object("About a plugin, a bundle or a hook pack; required with the targetType plugin.", &["contentType", "pluginId"], json!({
                    "contentType": of("What is staged.", &CONTENTS),
                    "pluginId": name("Its id."),
                    "packageName": text("The package's name; required for npm, unless `origin.packageName` or what is asked for in a dependency tree names it."),
                    "version": text("The package's version."),
                })),
                "skill": object("About a skill; required with the targetType skill.", &["installId"], json!({
                    "installId": name("Which of its ways to be installed."),
                    "installSpec": { "description": "An install step that is about to be run." },
                })),
            },
        })
    }
}

/// One of the words that are read.
fn of<T>(description: &str, known: &[(&str, T)]) -> Value {
    let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
    json!({ "enum": words, "description": description })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

/// A text that may not be blank.
fn name(description: &str) -> Value {
    json!({ "type": "string", "pattern": "\\S", "description": description })
}

fn object(description: &str, required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "description": description, "required": required, "properties": properties })
}
