//! `[[mutable]]`.

use super::Reader;
use crate::policy::wire::WireMutable;
use crate::policy::{Mutable, Pattern, state_files};
use crate::toml_file::{Checked, Spanned, fail};

impl Reader<'_> {
    pub(super) fn mutable(&self, wire: Vec<Spanned<WireMutable>>) -> Checked<Vec<Mutable>> {
        let mut found: Vec<(Mutable, std::ops::Range<usize>)> = Vec::with_capacity(wire.len());
        for entry in wire {
            let line = self.file.line(entry.span().start);
            let WireMutable { package, paths } = entry.into_inner();
            let span = package.span();
            let package = package.into_inner();
            if package.as_str().contains('*') {
                return fail(
                    self.file
                        .error(span, "state is declared of one skill, by its whole id")
                        .with_help("write one [[mutable]] for each skill"),
                );
            }
            if !matches!(package.scheme(), "skill" | "clawhub" | "git") {
                return fail(
                    self.file
                        .error(span, "only a skill can have state of its own")
                        .with_help("its id begins with `skill:`, `clawhub:` or `git:`"),
                );
            }
            if let Some((_, first)) = found.iter().find(|(other, _)| other.package == package) {
                let what = format!("state of {package}");
                return fail(self.file.duplicate(&what, first.clone(), span));
            }
            let written = paths.get_ref();
            if written.is_empty() {
                return fail(self.file.error(paths.span(), "no path is declared"));
            }
            let paths = written
                .iter()
                .map(|path| self.path_in_skill(path))
                .collect::<Checked<_>>()?;
            let mutable = Mutable {
                package,
                paths,
                line,
            };
            found.push((mutable, span));
        }
        Ok(found.into_iter().map(|(mutable, _)| mutable).collect())
    }

    fn path_in_skill(&self, path: &Spanned<String>) -> Checked<Pattern> {
        let inside = !path.get_ref().starts_with('/')
            && path
                .get_ref()
                .split('/')
                .all(|name| !matches!(name, "" | "." | ".."));
        if !inside {
            return fail(
                self.file
                    .error(path.span(), "this is no path inside the skill")
                    .with_help("write it from the skill's folder, such as `data/*.json`"),
            );
        }
        let pattern = self.pattern(path)?;
        match state_files::never(path.get_ref()) {
            Some(why) => fail(
                self.file
                    .error(path.span(), "this path can never be state of a skill")
                    .with_help(format!(
                        "{why}; take it out, and accept a change of it by name"
                    )),
            ),
            None => Ok(pattern),
        }
    }
}
