//! What a reviewer has to read: a whole tree, or what differs between two, most telling first. Plain data, safe to show.

use serde::Serialize;
use similar::{Algorithm, ChangeTag, TextDiff};

use super::contents::{Contents, ContentsError};
use super::highlights::{self, Highlight, Highlights};
use crate::text;
use crate::tree::{self, ChangeKind, Manifest, Mode, TreeEntry};

/// Lines of unchanged text around a change.
const CONTEXT: usize = 3;
/// Bytes of one text that is compared line by line; a larger one is named, not shown.
const MAX_TEXT: usize = 1 << 20;
/// Bytes of a text that is shown however long its lines are.
const SMALL: usize = 8 << 10;
/// Bytes of all texts of one call together; what comes after is named, not shown.
const MAX_TOTAL: usize = 128 << 20;
const TOO_LARGE: &str = "too large";
/// Characters of a line that is too long for people to read. A file most of whose bytes are in such lines is a bundle.
const LONG_LINE: usize = 500;
/// Pairs of lines that all comparisons of one call may look at together; then files are shown as replaced whole. An attacker chooses
/// both texts, and the worst case is a product.
const MAX_PAIRS: u64 = 400_000_000;

/// Everything that has to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Difference {
    /// What there is to read.
    pub cost: Cost,
    /// What tells most about what the code will do: read this first.
    pub first: Vec<Highlight>,
    /// Files that are not shown as text, and have to be looked at by other means.
    pub named: Vec<Named>,
    /// Files shown as text, the most telling first.
    pub files: Vec<FileDifference>,
}

/// How much there is to read. Ordered by lines, then files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Cost {
    /// Lines that were added or removed; in a full reading all lines. None where it would take too long to count them.
    pub lines: Option<u64>,
    /// Files that differ; in a full reading all files.
    pub files: u64,
}

/// A file that is not shown as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Named {
    /// Path, safe to show.
    pub path: String,
    /// What happened to it.
    pub change: &'static str,
    /// Why it is not shown: `binary`, `minified`, `too large`.
    pub why: &'static str,
    /// Its bytes, where known.
    pub size: Option<u64>,
    /// git's SHA-256 blob id of what is installed; none for a removed file.
    pub blob: Option<String>,
}

/// A file shown as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FileDifference {
    /// Path, safe to show.
    pub path: String,
    /// What happened to it.
    pub change: &'static str,
    /// Six octal digits before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_mode: Option<&'static str>,
    /// Six octal digits now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_mode: Option<&'static str>,
    /// What it was before cannot be had any more, so all of it is shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub old_lost: bool,
    /// What differs; empty where only the mode does, or for an empty file.
    pub hunks: Vec<Hunk>,
}

/// Lines that differ, with those around them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Hunk {
    /// The first line before, from 1; 0 where there was none.
    pub old_start: usize,
    /// Lines before.
    pub old_lines: usize,
    /// The first line now, from 1; 0 where there is none.
    pub new_start: usize,
    /// Lines now.
    pub new_lines: usize,
    /// The lines, each after ` `, `-` or `+`, and `\` for a missing end of line. Control and bidi characters are escaped.
    pub lines: Vec<String>,
}

/// Where to stop counting lines, so that `check` stays quick.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CostLimits {
    pub files: usize,
    pub bytes: u64,
}

impl CostLimits {
    /// For findings: what everybody waits for.
    pub(crate) const CHECK: Self = Self {
        files: 1_000,
        bytes: 8 << 20,
    };
    /// For who asks what to read.
    pub(crate) const BACKLOG: Self = Self {
        files: 50_000,
        bytes: 1 << 30,
    };
}

impl Cost {
    /// What to compare by: a count that is not known is the larger one.
    #[must_use]
    pub fn key(&self) -> (u64, u64) {
        (self.lines.unwrap_or(u64::MAX), self.files)
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = |n| if n == 1 { "" } else { "s" };
        write!(f, "{} file{}", self.files, plural(self.files))?;
        match self.lines {
            Some(lines) => write!(f, ", {lines} line{}", plural(lines)),
            None => Ok(()),
        }
    }
}

/// What a reader who knows `old` has to read of `new`; all of it when nothing is known.
///
/// # Errors
/// When a file that can be read otherwise is not what the listing says: then another process is changing the folder.
pub fn difference(
    old: Option<&Contents<'_>>,
    new: &Contents<'_>,
) -> Result<Difference, (String, ContentsError)> {
    let nothing = Manifest::default();
    let before = old.map_or(&nothing, |old| old.manifest.as_ref());
    let mut sides = Vec::new();
    let mut result = Difference::default();
    let mut highlights = Highlights::default();
    let (mut counter, mut total) = (Counter::default(), 0);
    for change in tree::compare(before, &new.manifest) {
        let (was, is) = (before.get(&change.path), new.manifest.get(&change.path));
        let was_text = before_of(old, was).map_err(|error| (shown(&change.path), error))?;
        let is_text = content(Some(new), is).map_err(|error| (shown(&change.path), error))?;
        let side = |contents: Option<&Contents<'_>>, entry: Option<&TreeEntry>| {
            let entry = entry?;
            let wanted = highlights::wants_bytes(&change.path, entry);
            Some((
                entry.mode,
                if wanted {
                    contents?.read(entry).ok()?
                } else {
                    Vec::new()
                },
            ))
        };
        highlights.look(&change.path, side(old, was), side(Some(new), is));
        total += was_text.text().len() + is_text.text().len();
        let (was_text, is_text) = if total > MAX_TOTAL {
            (was_text.dropped(), is_text.dropped())
        } else {
            (was_text, is_text)
        };
        sides.push((change, was, is, was_text, is_text));
    }
    result.cost.files = sides.len() as u64;
    highlights.finish();
    sides.sort_by_key(|(change, ..)| (highlights.rank(&change.path), change.path.clone()));
    for (change, was, is, was_text, is_text) in &sides {
        if let Some(why) = was_text.why_not().or(is_text.why_not()) {
            let size = is.and_then(|is| is_text.size().or_else(|| new.size(is)));
            let blob = is.map(|is| is.id.hex());
            result.named.push(Named {
                path: shown(&change.path),
                change: change.kind.as_str(),
                why,
                size,
                blob,
            });
            continue;
        }
        let (old_text, new_text) = (was_text.text(), is_text.text());
        let hunks = if change.kind == ChangeKind::ModeChanged {
            Vec::new()
        } else {
            counter.hunks(old_text, new_text)
        };
        result.files.push(FileDifference {
            path: shown(&change.path),
            change: change.kind.as_str(),
            old_mode: was.map(|was| was.mode.as_str()),
            new_mode: is.map(|is| is.mode.as_str()),
            old_lost: matches!(was_text, Side::Lost),
            hunks,
        });
    }
    result.cost.lines = Some(counter.lines);
    result.first = highlights.into_list();
    Ok(result)
}

/// Only how much there is to read; none when a file changed since it was listed.
pub(crate) fn cost(
    old: Option<&Contents<'_>>,
    new: &Contents<'_>,
    limits: CostLimits,
) -> Option<Cost> {
    let nothing = Manifest::default();
    let before = old.map_or(&nothing, |old| old.manifest.as_ref());
    let changes = tree::compare(before, &new.manifest);
    let mut cost = Cost {
        files: changes.len() as u64,
        lines: None,
    };
    if changes.len() > limits.files {
        return Some(cost);
    }
    let (mut counter, mut bytes) = (Counter::default(), 0);
    for change in &changes {
        let (was, is) = (before.get(&change.path), new.manifest.get(&change.path));
        bytes += is.and_then(|is| new.size(is)).unwrap_or(0);
        if bytes > limits.bytes {
            return Some(cost);
        }
        let (Ok(was), Ok(is)) = (before_of(old, was), content(Some(new), is)) else {
            return None;
        };
        if change.kind == ChangeKind::ModeChanged || was.why_not().or(is.why_not()).is_some() {
            continue;
        }
        match (was.text(), is.text()) {
            ("", text) | (text, "") => counter.lines += lines(text).count() as u64,
            (old, new) => {
                counter.hunks(old, new);
            }
        }
    }
    cost.lines = Some(counter.lines);
    Some(cost)
}

/// One side of a change.
enum Side {
    Nothing,
    /// Something, which cannot be had any more.
    Lost,
    Text(String),
    /// Bytes, and why they are not shown.
    Other(Option<u64>, &'static str),
}

impl Side {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    fn size(&self) -> Option<u64> {
        match self {
            Self::Text(text) => Some(text.len() as u64),
            Self::Other(size, _) => *size,
            Self::Nothing | Self::Lost => None,
        }
    }

    fn why_not(&self) -> Option<&'static str> {
        match self {
            Self::Other(_, why) => Some(why),
            Self::Nothing | Self::Lost | Self::Text(_) => None,
        }
    }

    /// The same without its text, which is too much for the memory.
    fn dropped(self) -> Self {
        match self {
            Self::Text(text) => Self::Other(Some(text.len() as u64), TOO_LARGE),
            other => other,
        }
    }
}

/// The old side. That a file differs is known from the listing alone; then all of the new one has to be read.
fn before_of(
    contents: Option<&Contents<'_>>,
    entry: Option<&TreeEntry>,
) -> Result<Side, ContentsError> {
    match content(contents, entry) {
        Err(ContentsError::Missing) => Ok(Side::Lost),
        other => other,
    }
}

fn content(
    contents: Option<&Contents<'_>>,
    entry: Option<&TreeEntry>,
) -> Result<Side, ContentsError> {
    let (Some(contents), Some(entry)) = (contents, entry) else {
        return Ok(Side::Nothing);
    };
    let bytes = match contents.read(entry) {
        Ok(bytes) => bytes,
        Err(ContentsError::TooLarge) => return Ok(Side::Other(None, TOO_LARGE)),
        Err(error) => return Err(error),
    };
    if entry.mode == Mode::Symlink {
        return Ok(Side::Text(format!("{}\n", String::from_utf8_lossy(&bytes))));
    }
    let size = Some(bytes.len() as u64);
    Ok(match String::from_utf8(bytes) {
        Ok(text) if text.len() > MAX_TEXT => Side::Other(size, TOO_LARGE),
        Ok(text) if text.contains('\0') => Side::Other(size, "binary"),
        Ok(text) if is_bundle(&text) => Side::Other(size, "minified"),
        Ok(text) => Side::Text(text),
        Err(_) => Side::Other(size, "binary"),
    })
}

/// Whether most of a text is in lines too long for people to read. One long line in a file that can be read otherwise does not hide it.
fn is_bundle(text: &str) -> bool {
    let long: usize = lines(text).filter(|len| *len > LONG_LINE).sum();
    text.len() > SMALL && long * 2 > text.len()
}

/// The length in bytes of each line without its newline.
fn lines(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', text.as_bytes());
    let end = (!text.is_empty() && !text.ends_with('\n')).then_some(text.len());
    ends.chain(end).map(move |end| {
        let line = end - start;
        start = end + 1;
        line
    })
}

/// Compares texts and counts what it finds.
#[derive(Default)]
struct Counter {
    /// Lines added or removed so far.
    lines: u64,
    pairs: u64,
}

impl Counter {
    fn hunks(&mut self, old: &str, new: &str) -> Vec<Hunk> {
        let pairs = pairs(old, new);
        if self.pairs.saturating_add(pairs) > MAX_PAIRS {
            return self.replaced(old, new).into_iter().collect();
        }
        self.pairs += pairs;
        let mut config = TextDiff::configure();
        let diff = config.algorithm(Algorithm::Myers).diff_lines(old, new);
        let groups = diff.grouped_ops(CONTEXT);
        let mut hunks = Vec::new();
        for group in groups {
            let mut hunk = Hunk::default();
            for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                self.lines += u64::from(change.tag() != ChangeTag::Equal);
                hunk.add(
                    change.tag(),
                    change.old_index(),
                    change.new_index(),
                    change.value(),
                );
            }
            hunks.push(hunk);
        }
        hunks
    }

    /// All old lines gone, all new ones added.
    fn replaced(&mut self, old: &str, new: &str) -> Option<Hunk> {
        let mut hunk = Hunk::default();
        for (at, line) in old.split_inclusive('\n').enumerate() {
            hunk.add(ChangeTag::Delete, Some(at), None, line);
        }
        for (at, line) in new.split_inclusive('\n').enumerate() {
            hunk.add(ChangeTag::Insert, None, Some(at), line);
        }
        self.lines += (hunk.old_lines + hunk.new_lines) as u64;
        (!hunk.lines.is_empty()).then_some(hunk)
    }
}

impl Hunk {
    fn add(&mut self, tag: ChangeTag, old: Option<usize>, new: Option<usize>, value: &str) {
        let mark = match tag {
            ChangeTag::Equal => ' ',
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        };
        if let Some(at) = old {
            self.old_lines += 1;
            self.old_start = if self.old_start == 0 {
                at + 1
            } else {
                self.old_start
            };
        }
        if let Some(at) = new {
            self.new_lines += 1;
            self.new_start = if self.new_start == 0 {
                at + 1
            } else {
                self.new_start
            };
        }
        self.lines.push(format!(
            "{mark}{}",
            line(value.strip_suffix('\n').unwrap_or(value))
        ));
        if !value.ends_with('\n') {
            self.lines.push("\\ No newline at end of file".to_owned());
        }
    }
}

/// The most pairs of lines that a comparison looks at: what is the same at both ends is passed over.
fn pairs(old: &str, new: &str) -> u64 {
    let start = old
        .bytes()
        .zip(new.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let (old, new) = (
        old.as_bytes().get(start..).unwrap_or_default(),
        new.as_bytes().get(start..).unwrap_or_default(),
    );
    let end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let middle = |text: &[u8]| {
        let text = text.get(..text.len() - end).unwrap_or_default();
        text.iter().filter(|byte| **byte == b'\n').count() as u64 + 1
    };
    middle(old) * middle(new)
}

/// A line as it may be shown. Tabs stay: they only indent.
fn line(text: &str) -> String {
    text.split('\t')
        .map(text::visible)
        .collect::<Vec<_>>()
        .join("\t")
}

fn shown(path: &str) -> String {
    text::visible(path).into_owned()
}

#[cfg(test)]
mod tests;
