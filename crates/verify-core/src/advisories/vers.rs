//! Affected ranges in the notation that SBOMs have for them. Format: "VERS", the version range specifier of package-url, scheme `npm`:
//! constraints in the order of their versions, each version once.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::order::{Ordered, Orders};
use super::ranges::{compare, ordered};
use super::record::Event;

/// A range as `vers:npm/>=1.0.0|<1.2.3`; none where an end of it has no place in npm's order, or where it holds nothing.
#[must_use]
pub fn vers(range: &[Event]) -> Option<String> {
    let events = ordered(range, Orders::Npm)?;
    let mut constraints: Vec<(&str, Option<(Ordered, &str)>)> = Vec::new();
    let mut affected = false;
    for (at, event) in events {
        let (Event::Introduced(text) | Event::Fixed(text) | Event::LastAffected(text)) = event;
        let at = at.map(|at| (at, text.as_str()));
        match event {
            Event::Introduced(_) if !affected => {
                affected = true;
                // Where the range before ends, this one goes on.
                let goes_on = constraints.last().is_some_and(|(sign, end)| {
                    *sign == "<" && order(end.as_ref(), at.as_ref()).is_eq()
                });
                if goes_on {
                    constraints.pop();
                } else {
                    constraints.push((">=", at));
                }
            }
            Event::Fixed(_) | Event::LastAffected(_) if affected => {
                affected = false;
                let one = constraints.last().is_some_and(|(_, from)| {
                    from.is_some() && order(from.as_ref(), at.as_ref()).is_eq()
                });
                match (one, event) {
                    // From a version to itself is it. Fixed where it begins it cannot be: that end belongs to what came before.
                    (true, _) => {
                        constraints.pop();
                        constraints.push(("", at));
                    }
                    (false, Event::Fixed(_)) => constraints.push(("<", at)),
                    (false, _) => constraints.push(("<=", at)),
                }
            }
            _ => {}
        }
    }
    let all = constraints.len() == 1;
    let mut written = Vec::with_capacity(constraints.len());
    for (sign, at) in constraints {
        match at {
            Some((_, text)) => written.push(format!("{sign}{}", encoded(text))),
            // Before every version: the constraint that follows says where it ends.
            None if all => written.push("*".to_owned()),
            None => {}
        }
    }
    (!written.is_empty()).then(|| format!("vers:npm/{}", written.join("|")))
}

/// None stands before every version.
fn order(a: Option<&(Ordered, &str)>, b: Option<&(Ordered, &str)>) -> Ordering {
    compare(a.map(|(at, _)| at), b.map(|(at, _)| at), Orders::Npm)
}

/// A version without the characters that mean something here.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::record::Event::{Fixed, Introduced, LastAffected};
    use super::*;

    #[test]
    fn ranges_are_constraints_in_order() {
        let text = str::to_owned;
        for (events, written) in [
            (vec![Introduced(text("0"))], Some("vers:npm/*")),
            (vec![Introduced(text("1.0.16"))], Some("vers:npm/>=1.0.16")),
            (
                vec![Fixed(text("1.2.0")), Introduced(text("0"))],
                Some("vers:npm/<1.2.0"),
            ),
            (
                vec![
                    Introduced(text("3.0.0")),
                    LastAffected(text("3.1.0")),
                    Introduced(text("0")),
                    Fixed(text("1.2.0-rc.1+b")),
                ],
                Some("vers:npm/<1.2.0-rc.1%2Bb|>=3.0.0|<=3.1.0"),
            ),
            (
                vec![Introduced(text("1.0.0")), LastAffected(text("1.0.0"))],
                Some("vers:npm/1.0.0"),
            ),
            // Where one ends the next begins: one range, and every version once.
            (
                vec![
                    Introduced(text("1.0.0")),
                    Fixed(text("2.0.0")),
                    Introduced(text("2.0.0")),
                    Fixed(text("3.0.0")),
                ],
                Some("vers:npm/>=1.0.0|<3.0.0"),
            ),
            (
                vec![
                    Introduced(text("0")),
                    Fixed(text("2.0.0")),
                    Introduced(text("2.0.0")),
                ],
                Some("vers:npm/*"),
            ),
            // As versions are judged: an end at a version belongs to what came before it.
            (
                vec![Introduced(text("1.0.0")), Fixed(text("1.0.0"))],
                Some("vers:npm/>=1.0.0"),
            ),
            (vec![Introduced(text("0")), Fixed(text("next"))], None),
            (vec![Introduced(text("0")), Fixed(text("a|b/c"))], None),
        ] {
            assert_eq!(vers(&events).as_deref(), written, "{events:?}");
        }
    }
}
