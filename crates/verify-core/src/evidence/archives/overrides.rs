//! Who asks for a package in another one's place: `overrides` of the project, which OpenClaw copies from the host package.

use std::path::Path;

use serde_json::{Map, Value};

use crate::inventory::frontmatter;
use crate::json;
use crate::read;

/// Most bytes of a file with overrides.
const MAX_BYTES: u64 = 1 << 20;

/// Overrides by the name that they replace.
pub(super) struct Overrides {
    /// Of the host package, which is judged itself.
    host: Map<String, Value>,
    /// Of npm's project in the state directory, which is not published.
    project: Map<String, Value>,
}

impl Overrides {
    /// Reads `pnpm-workspace.yaml` of the host package and `package.json` of the project. What cannot be read overrides nothing.
    pub(super) fn read(host: Option<&Path>, project: &Path) -> Self {
        let object = |value: Option<&Value>| {
            value
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default()
        };
        let host =
            host.and_then(|host| read::text(&host.join("pnpm-workspace.yaml"), MAX_BYTES).ok());
        let host = host
            .and_then(|text| frontmatter::yaml(&text).ok())
            .unwrap_or_default();
        let project = read::text(&project.join("package.json"), MAX_BYTES).ok();
        let project = project
            .and_then(|text| json::strict(&text).ok())
            .unwrap_or_default();
        Self {
            host: object(host.get("overrides")),
            project: object(project.get("overrides")),
        }
    }

    /// Whether the host package puts something with such a spec in the place of `name`.
    pub(super) fn of_host(&self, name: &str, by: impl Fn(&str) -> bool) -> bool {
        self.host.get(name).and_then(Value::as_str).is_some_and(by)
    }

    /// Whether the project does.
    pub(super) fn of_project(&self, name: &str, by: impl Fn(&str) -> bool) -> bool {
        self.project
            .get(name)
            .and_then(Value::as_str)
            .is_some_and(by)
    }
}
