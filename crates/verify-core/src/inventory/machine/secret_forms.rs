//! By what a text shows that it is a secret, or holds one: its form, the option or header before it, the name before `=`.

use super::super::mcp_spec::KEYS;
use super::reference;
use super::secrets::{holds, is_secret, is_secret_variable};

/// Shortest key of such a service.
const SHORTEST_KEY: usize = 20;
/// Shortest value that is a secret where a query calls it `key`.
const SHORTEST_OF_QUERY: usize = 16;
/// What a header's name holds that carries a credential. [S `isLikelySensitiveModelProviderHeaderName`]
const IN_HEADERS: [&str; 6] = [
    "api-key",
    "apikey",
    "token",
    "secret",
    "password",
    "credential",
];
/// The same as a part of the name by itself.
const PARTS_OF_HEADERS: [&str; 5] = ["auth", "authorization", "authentication", "cookie", "key"];

/// Whether the name of a header says that it carries a credential.
pub(super) fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    IN_HEADERS.iter().any(|part| name.contains(part))
        || name.split('-').any(|part| PARTS_OF_HEADERS.contains(&part))
}

/// Whether an element of a list of arguments is a secret, or holds one: behind an option, behind `=`, or behind the name of a header.
pub(super) fn is_argument(before: Option<&str>, text: &str) -> bool {
    let named = |name: &str, value: &str| {
        let name = name.trim_start_matches('-').replace('-', "_");
        let header = name.eq_ignore_ascii_case("authorization");
        let place = value.starts_with(['/', '.', '~', '-']);
        (header || is_secret_variable(&name)) && !place && is_secret(value)
    };
    let option = |text: &str| text.starts_with('-');
    before.is_some_and(|before| option(before) && !before.contains('=') && named(before, text))
        || text
            .split_once('=')
            .is_some_and(|(name, value)| option(name) && named(name, value))
        || text
            .split_once(": ")
            .is_some_and(|(name, value)| !name.contains(' ') && named(name, value))
        // Variables for a container, or of a script.
        || text.split_whitespace().any(|word| {
            word.split_once('=')
                .is_some_and(|(name, value)| is_variable(name) && named(name, unquoted(value)))
        })
}

/// Whether a name is written as variables are.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn unquoted(value: &str) -> &str {
    value.trim_matches(['"', '\'', ';'])
}

/// Whether a text is or holds a key of a well-known service, or is an address with a password or another secret.
pub(crate) fn has_known_form(text: &str) -> bool {
    let text = text.trim();
    let bare = text.strip_prefix("Bearer ").unwrap_or(text);
    let begins = |word: &str| {
        word.len() >= SHORTEST_KEY
            && KEYS.iter().any(|prefix| word.starts_with(prefix))
            && is_secret(word)
    };
    let whole = !bare.contains(char::is_whitespace) && begins(bare);
    // Among other words only its digits tell it from a name.
    let apart = |c: char| c.is_whitespace() || "\"'`=&?,;:()<>|".contains(c);
    let inside = text
        .split(apart)
        .any(|word| begins(word) && word.bytes().any(|byte| byte.is_ascii_digit()));
    whole || inside || is_address_with_secret(text)
}

fn is_address_with_secret(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    if scheme.contains(char::is_whitespace) {
        return false;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let password = authority
        .rsplit_once('@')
        .and_then(|(user, _)| user.split_once(':'));
    let with_password = password.is_some_and(|(_, password)| {
        let left = password.to_ascii_lowercase();
        !password.is_empty()
            && !password.contains("${")
            && reference(password).is_none()
            && !left.contains("redacted")
            && !left.bytes().all(|byte| byte == b'*')
    });
    let query = rest.split_once('?').map(|(_, query)| query);
    let query = query.unwrap_or_default().split('#').next();
    let with_query = query.unwrap_or_default().split('&').any(|pair| {
        let Some((name, value)) = pair.split_once('=') else {
            return false;
        };
        let key = name.eq_ignore_ascii_case("key") && value.len() >= SHORTEST_OF_QUERY;
        (key || holds(&[name.to_owned()])) && is_secret(value)
    });
    with_password || with_query
}
