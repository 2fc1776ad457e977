//! Keys of the config: their paths, their members, and how both are written.

use serde_json::Value;

/// A key of the config that is written, with its value.
#[derive(Clone)]
pub(crate) struct At<'a> {
    /// Its path; an element of a list is `[n]`.
    pub(crate) path: Vec<String>,
    /// Its value.
    pub(crate) value: &'a Value,
}

impl<'a> At<'a> {
    /// The key below it; none where it is not written or null.
    pub(crate) fn child(&self, name: &str) -> Option<At<'a>> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(self.with(name.to_owned(), value))
    }

    /// The keys of an object.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&'a str, At<'a>)> + '_ {
        let map = self.value.as_object();
        map.into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), self.with(name.clone(), value)))
    }

    /// The elements of a list.
    pub(crate) fn items(&self) -> impl Iterator<Item = At<'a>> + '_ {
        let items = self.value.as_array();
        items
            .into_iter()
            .flatten()
            .enumerate()
            .map(|(n, value)| self.with(format!("[{n}]"), value))
    }

    /// The texts of a list.
    pub(crate) fn texts(&self) -> Vec<&'a str> {
        let items = self.value.as_array();
        items
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// Its path as OpenClaw's own command takes it.
    pub(crate) fn written(&self) -> String {
        written_path(&self.path)
    }

    /// Every key below it of this name, at most some thousand levels deep as JSON is read.
    pub(crate) fn all(&self, name: &str) -> Vec<At<'a>> {
        let mut found = Vec::new();
        let mut open = vec![self.clone()];
        while let Some(at) = open.pop() {
            for (key, child) in at.members() {
                if key == name {
                    found.push(child.clone());
                }
                open.push(child);
            }
            open.extend(at.items());
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    fn with(&self, part: String, value: &'a Value) -> At<'a> {
        let mut path = self.path.clone();
        path.push(part);
        At { path, value }
    }
}

/// The variable that a text names in place of a value: `${NAME}` or `$NAME`.
pub(super) fn reference(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix('$')?;
    let name = match name.strip_prefix('{') {
        Some(name) => name.strip_suffix('}')?,
        None => name,
    };
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
    let rest = name
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    (first && rest).then_some(name)
}

/// A path in OpenClaw's own form: `channels.telegram.groups["-100.1"].allowFrom[0]`.
pub(super) fn written_path(path: &[String]) -> String {
    let mut out = String::new();
    for part in path {
        let plain = part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if part.starts_with('[') {
            out.push_str(part);
        } else if plain && !part.is_empty() {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(part);
        } else {
            out.push_str(&format!("[{}]", Value::String(part.clone())));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_openclaw_takes_them() {
        let path = |parts: &[&str]| {
            written_path(&parts.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(path(&["gateway", "bind"]), "gateway.bind");
        assert_eq!(path(&["a", "-1.2", "[0]"]), "a[\"-1.2\"][0]");
    }

    #[test]
    fn references_are_told_from_values() {
        assert_eq!(reference("${TOKEN}"), Some("TOKEN"));
        assert_eq!(reference("$TOKEN_1"), Some("TOKEN_1"));
        for plain in ["token", "$token", "${A}b", "$", "${}"] {
            assert_eq!(reference(plain), None, "{plain}");
        }
    }
}
