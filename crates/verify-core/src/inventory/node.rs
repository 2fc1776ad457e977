//! Which Node.js starts OpenClaw: its path, its version and whose it is. The version is read out of the program and never asked of it,
//! because nothing under test is run.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::paths::Paths;
use super::{Inventory, npm_config, services};
use crate::{read, text};

/// Most bytes of a program that are looked through. Node 24 has some 120 MB.
const MAX_PROGRAM: u64 = 512 << 20;
/// What the inspector of Node answers stands in every build as `node.js/v24.1.0`, and ends there.
const MARK: &[u8] = b"node.js/v";
/// Most bytes of a version.
const MAX_VERSION: usize = 64;
/// Bytes that are read at a time.
const PIECE: usize = 1 << 20;

/// The program that runs OpenClaw.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct NodeRuntime {
    /// Where it is, safe to show.
    pub path: String,
    /// Its version as stands in it, without `v`; none where that cannot be read.
    pub version: Option<String>,
    /// The number of the user to whom it belongs.
    pub owner: u32,
}

/// The first of `words` that is a program called `node` by its whole path.
pub(super) fn of_words<'w>(words: impl Iterator<Item = &'w str>) -> Option<NodeRuntime> {
    words
        .map(Path::new)
        .filter(|path| path.is_absolute())
        .find_map(|path| of_program(path, path))
}

/// What `file` is, shown as `path`; none where it is no program called `node`.
pub(super) fn of_program(path: &Path, file: &Path) -> Option<NodeRuntime> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let named = |path: &Path| {
        path.file_name()
            .is_some_and(|name| name == "node" || name == "nodejs")
    };
    if !named(&real) && !named(path) {
        return None;
    }
    // A link of /proc leads to the very program that runs, also where its file is gone.
    let opened = match file == path {
        true => read::open(&real).ok().map(|(file, _)| file),
        false => std::fs::File::open(file).ok(),
    };
    let opened = opened?;
    let metadata = opened.metadata().ok().filter(|found| found.is_file())?;
    Some(NodeRuntime {
        path: text::visible(&real.to_string_lossy()).into_owned(),
        version: version(opened.take(MAX_PROGRAM)),
        owner: metadata.uid(),
    })
}

/// Folders of the programs `node` that may run OpenClaw: those of units, of the running gateway and of OpenClaw's own runtimes, that of
/// the prefix into which the host was installed globally, and `on_path`. Sorted; none for a copy, where nothing beside it is looked at.
pub(super) fn folders(
    paths: &Paths,
    inventory: &Inventory,
    on_path: Option<&Path>,
) -> Vec<PathBuf> {
    if paths.not_here().is_some() {
        return Vec::new();
    }
    let known = inventory.subjects.iter().filter_map(|subject| {
        let program = Path::new(&subject.node.as_ref()?.path);
        program.parent().map(Path::to_owned)
    });
    // `<prefix>/lib/node_modules/openclaw`
    let prefix = inventory.host.as_ref().and_then(|host| {
        let library = host.absolute.ancestors().nth(2)?;
        let prefix = library.parent().filter(|_| library.ends_with("lib"))?;
        Some(prefix.join("bin"))
    });
    let on_path = on_path.and_then(|program| program.canonicalize().ok());
    let on_path = on_path.and_then(|program| program.parent().map(Path::to_owned));
    let all: BTreeSet<PathBuf> = known.chain(prefix).chain(on_path).collect();
    all.into_iter().collect()
}

/// The prefixes in which npm keeps what was installed globally, and from which `npx` takes a package before it fetches one: those of the
/// host, of the programs `node` that units name and that is on `PATH`, and those of the user's settings. Sorted; none for a copy.
/// [npm `libnpmexec`, `globalArb`]
pub(super) fn prefixes(paths: &Paths, host: Option<&Path>, on_path: Option<&Path>) -> Vec<PathBuf> {
    if paths.not_here().is_some() {
        return Vec::new();
    }
    let of_host = host.and_then(|host| {
        let library = host.ancestors().nth(2)?;
        Some(
            library
                .parent()
                .filter(|_| library.ends_with("lib"))?
                .to_owned(),
        )
    });
    let nodes = services::nodes(paths, host).into_iter();
    let nodes = nodes.chain(on_path.map(Path::to_owned));
    // A Node that is a link has the prefix of what it leads to.
    let of_nodes = nodes.filter_map(|node| {
        let real = node.canonicalize().ok()?;
        Some(real.parent()?.parent()?.to_owned())
    });
    let all: BTreeSet<PathBuf> = of_host
        .into_iter()
        .chain(of_nodes)
        .chain(npm_config::prefixes(paths))
        .collect();
    all.into_iter().collect()
}

/// The version that stands behind the first mark which one follows.
fn version(mut program: impl std::io::Read) -> Option<String> {
    let keep = MARK.len() + MAX_VERSION;
    let mut window: Vec<u8> = Vec::with_capacity(PIECE + keep);
    let mut piece = vec![0; PIECE];
    loop {
        let length = match program.read(&mut piece) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return None,
        };
        window.extend_from_slice(piece.get(..length)?);
        let whole = length == 0;
        // What stands too near to the end is looked at with what follows.
        let until = window.len().saturating_sub(if whole { 0 } else { keep });
        let starts = memchr::memmem::find_iter(&window, MARK).filter(|at| *at < until || whole);
        let found = starts
            .filter_map(|at| at_mark(window.get(at + MARK.len()..)?))
            .next();
        if found.is_some() || whole {
            return found;
        }
        window.drain(..until);
    }
}

/// A version at the beginning of `bytes`, up to the zero that ends it.
fn at_mark(bytes: &[u8]) -> Option<String> {
    let length = bytes.iter().take(MAX_VERSION).position(|byte| *byte == 0)?;
    let text = std::str::from_utf8(bytes.get(..length)?).ok()?;
    semver::Version::parse(text).ok()?;
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_out_of_the_program() {
        let bytes = |text: &[u8], before: usize| [&vec![b'x'; before], text].concat();
        let read = |bytes: &[u8]| version(bytes);
        assert_eq!(read(b"node.js/v22.1.0\0").as_deref(), Some("22.1.0"));
        // Over the border of two pieces, and behind a mark that is only a part of one.
        for before in [PIECE - 20, PIECE - 9, PIECE - 1, PIECE, 2 * PIECE - 12] {
            let program = bytes(b"node.js/v22.1.0\0 and more", before);
            assert_eq!(read(&program).as_deref(), Some("22.1.0"), "{before}");
        }
        let odd = b"node.js/vx\0 node.js/v\0 node.js/v22.2.0-nightly.1\0";
        assert_eq!(read(odd).as_deref(), Some("22.2.0-nightly.1"));
        for none in [
            &b""[..],
            b"node.js/v22.1.0",
            b"node.js/v22.1.0\x1b[31m\0",
            b"node.js/v22.1\0",
            &bytes(b"\0", 100),
            &[MARK, &[b'1'; 200], b".0.0\0"].concat(),
        ] {
            assert_eq!(read(none), None, "{}", String::from_utf8_lossy(none));
        }
    }

    #[test]
    fn only_a_program_called_node_is_one() {
        let folder = tempfile::tempdir().expect("folder");
        let write = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, b"node.js/v22.1.0\0").expect("program");
            path
        };
        let (node, other) = (write("node"), write("other"));
        let link = folder.path().join("nodejs");
        std::os::unix::fs::symlink(&node, &link).expect("link");
        let pipe = folder.path().join("pipe");
        std::fs::create_dir(&pipe).expect("folder");
        let found = of_program(&node, &node).expect("node");
        assert_eq!(found.version.as_deref(), Some("22.1.0"));
        assert_eq!(of_program(&link, &link), Some(found));
        assert_eq!(of_program(&other, &other), None);
        assert_eq!(of_program(&pipe.join("node"), &pipe.join("node")), None);
        std::fs::create_dir(pipe.join("node")).expect("folder");
        assert_eq!(of_program(&pipe.join("node"), &pipe.join("node")), None);
        let words = ["env", "node", "/none/node", node.to_str().expect("path")];
        assert!(of_words(words.into_iter()).is_some());
        assert_eq!(of_words(["node", "relative/node"].into_iter()), None);
    }
}
