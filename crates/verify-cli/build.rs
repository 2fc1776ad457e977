//! Compiles the pages of docs/findings in, so that a new page needs no list.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("findings");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages: Vec<_> = fs::read_dir(&folder)?
        .collect::<io::Result<Vec<_>>>()?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "README"))
        .collect();
    pages.sort_by_key(|path| path.file_stem().map(std::ffi::OsStr::to_owned));
    let mut text = String::from("const PAGES: &[(&str, &str)] = &[\n");
    for path in pages {
        let id = path.file_stem().unwrap_or_default().to_string_lossy();
        let _ = writeln!(
            text,
            "    ({id:?}, include_str!({:?})),",
            path.display().to_string()
        );
    }
    text.push_str("];\n");
    fs::write(
        Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("pages.rs"),
        text,
    )
}
