//! Installed plugins against the pins of nix-openclaw that the operator gave: what its maintainers got from the registry under the same
//! name and version.

use super::{Agreement, Observation, Subject, ToolRecord};
use crate::digest::Sri;
use crate::nix::NixPin;
use crate::subject::Source;
use crate::text;

/// Compares each plugin from npm or ClawHub with the pin of its package in this version, where there is one from the same registry.
pub(super) fn compare(subjects: &mut [Subject], pins: &[NixPin]) {
    for subject in subjects {
        let source = match subject.source {
            Source::Npm => "npm",
            Source::Clawhub => "clawhub",
            _ => continue,
        };
        let Some(record) = &subject.record else {
            continue;
        };
        let name = record.resolved_name.as_deref();
        let version = record.resolved_version.as_ref().or(record.version.as_ref());
        let same = |pin: &&NixPin| {
            let named = name.unwrap_or_else(|| subject.id.name());
            pin.source == source && pin.package == named && Some(&pin.version) == version
        };
        let recorded = record.integrity.as_ref();
        let recorded = recorded.and_then(|integrity| integrity.parse::<Sri>().ok());
        let (Some(pin), Some(recorded)) = (pins.iter().find(same), recorded) else {
            continue;
        };
        if pin.integrity == recorded {
            subject.tool_records.push(ToolRecord {
                tool: "nix-openclaw",
                place: pin.file.clone(),
                says: text::excerpt(&format!("{}@{}", pin.package, pin.version), 200),
                agreement: Agreement::Agrees,
            });
        } else {
            subject.observations.push(Observation::RecordConflict {
                what: "integrity that nix-openclaw pins",
                recorded: recorded.to_string(),
                found: pin.integrity.to_string(),
                advisory: false,
            });
        }
    }
}
