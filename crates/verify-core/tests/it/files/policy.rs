//! `openclaw-verify.toml` and the presets.

use std::path::Path;

use jiff::civil::{Date, date};
use openclaw_verify_core::OperatorError;
use openclaw_verify_core::policy::{Policy, Preset, RuleInfo};

/// The findings of docs/findings.md that the tests need.
pub const CATALOGUE: [RuleInfo<'static>; 8] = [
    RuleInfo { id: "tree-mismatch", group: "integrity", fixed: true },
    RuleInfo { id: "violation", group: "review", fixed: true },
    RuleInfo { id: "unreviewed", group: "review", fixed: false },
    RuleInfo { id: "review-expired", group: "review", fixed: false },
    RuleInfo { id: "agent-reviewed-only", group: "review", fixed: false },
    RuleInfo { id: "unpinned", group: "pinning", fixed: false },
    RuleInfo { id: "unpinned-mcp-server", group: "pinning", fixed: false },
    RuleInfo { id: "provenance-missing", group: "provenance", fixed: false },
];

pub const TODAY: Date = date(2026, 11, 22);

fn parse(text: &str) -> Result<Policy, OperatorError> {
    Policy::parse(Path::new("conf/openclaw-verify.toml"), &format!("version = 1\n{text}"), &CATALOGUE, TODAY)
}

#[test]
fn the_presets_are_right_by_the_same_reader() {
    for preset in Preset::ALL {
        let policy = Policy::preset(preset, &CATALOGUE).unwrap_or_else(|e| panic!("{}", super::shown(&e)));
        assert_eq!(policy.base(), preset);
        let text = format!("preset = \"{}\"", preset.as_str());
        assert_eq!(parse(&text).map(|p| p.base()).ok(), Some(preset));
    }
}
