//! What changed between two SBOMs.

use std::collections::BTreeMap;

use openclaw_verify_core::sbom::{ComponentEntry, Diff};

use super::{esc, page, push, table};
use crate::render::count;

/// The page.
pub(in crate::render) fn render(diff: &Diff) -> String {
    let rows = rows(diff);
    let (known, gone) = (&diff.vulnerabilities_added, &diff.vulnerabilities_removed);
    let mut out = String::new();
    push(
        &mut out,
        format_args!(
            "<p class=\"counts\">{} added · {} removed · {} moved · {} changed · vulnerabilities: {} known now, {} no more</p>",
            diff.added.len(),
            diff.removed.len(),
            diff.moved.len(),
            diff.changed.len(),
            known.len(),
            gone.len()
        ),
    );
    if diff.vulnerabilities_not_looked_up {
        out.push_str(
            "<p>The old SBOM has vulnerabilities, and for the new one nothing was looked up.</p>\n",
        );
    }
    out.push_str("<section aria-labelledby=\"changes\">\n<h2 id=\"changes\">What changed</h2>\n");
    let rows: String = rows.into_values().collect();
    table(
        &mut out,
        "changes",
        &["of", "what", "version", "change", "details", "where"],
        &rows,
    );
    out.push_str("</section>\n");
    let changes = diff.added.len() + diff.removed.len() + diff.moved.len() + diff.changed.len();
    let changes = changes + known.len() + gone.len();
    let (title, class) = match changes {
        0 if diff.vulnerabilities_not_looked_up => {
            ("Vulnerabilities were not looked up".to_owned(), "warn")
        }
        0 => ("Nothing changed between the two SBOMs".to_owned(), "good"),
        changes => (
            format!("{} between two SBOMs", count(changes, "change")),
            "warn",
        ),
    };
    page(&title, class, &out)
}

/// The rows of the table, by subject.
fn rows(diff: &Diff) -> BTreeMap<&str, String> {
    let mut rows: BTreeMap<&str, String> = BTreeMap::new();
    for entry in &diff.added {
        row(&mut rows, entry, "added", "");
    }
    for entry in &diff.removed {
        row(&mut rows, entry, "removed", "");
    }
    for moved in &diff.moved {
        row(
            &mut rows,
            &moved.entry,
            "moved",
            &format!("from {}", esc(&moved.from)),
        );
    }
    for change in &diff.changed {
        let fields: Vec<String> = change
            .fields
            .iter()
            .map(|field| {
                format!(
                    "{}: {} → {}",
                    esc(&field.name),
                    list(&field.old),
                    list(&field.new)
                )
            })
            .collect();
        row(&mut rows, &change.entry, "changed", &fields.join("<br>"));
    }
    let (known, gone) = (&diff.vulnerabilities_added, &diff.vulnerabilities_removed);
    let said = known.iter().map(|one| (one, "known vulnerable"));
    for (one, what) in said.chain(gone.iter().map(|one| (one, "known no more"))) {
        let judged = if one.state.is_empty() {
            esc(&one.id)
        } else {
            format!("{} ({})", esc(&one.id), esc(&one.state))
        };
        row(&mut rows, &one.entry, what, &judged);
    }
    rows
}

/// `details` is markup.
fn row<'d>(
    rows: &mut BTreeMap<&'d str, String>,
    entry: &'d ComponentEntry,
    change: &str,
    details: &str,
) {
    push(
        rows.entry(&entry.subject).or_default(),
        format_args!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{change}</td><td>{details}</td><td>{}</td></tr>",
            esc(&entry.subject),
            esc(&entry.name),
            esc(&entry.version),
            esc(&entry.place)
        ),
    );
}

fn list(values: &[String]) -> String {
    if values.is_empty() {
        "nothing".to_owned()
    } else {
        esc(&values.join(", "))
    }
}
