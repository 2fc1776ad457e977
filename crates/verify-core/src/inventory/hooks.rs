//! Hooks.
use super::context::{Context, Found, PluginRoot};
/// Placeholder.
pub(super) fn read(_ctx: &Context<'_>, _plugins: &[PluginRoot], _hook_records: &serde_json::Value) -> Found {
    Found::default()
}
