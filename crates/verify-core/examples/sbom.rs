//! The SBOM of a folder into which OpenClaw was installed with npm: `cargo run --example sbom -- FOLDER [1.5|1.6|1.7]`.
//!
//! A program that has a whole state dir takes its inventory from the library instead of naming the host package by hand.

use std::path::PathBuf;

use openclaw_verify_core::inventory::{Inventory, Place, Subject};
use openclaw_verify_core::sbom::{self, Options, Verdicts};
use openclaw_verify_core::subject::{Kind, Source, SubjectId};
use openclaw_verify_core::tree::TreeSpec;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let project = PathBuf::from(arguments.next().ok_or("which folder?")?);
    let spec_version = arguments.next().map_or(Ok(sbom::SpecVersion::default()), |text| text.parse())?;

    let modules = project.join("node_modules");
    let place = Place { absolute: modules.join("openclaw"), shown: "node_modules/openclaw".to_owned() };
    let mut host = Subject::new(SubjectId::core(), Kind::Core, Source::Npm, place);
    host.trees.siblings = Some(TreeSpec { root: modules, boundary: project, leave_out: Vec::new() });
    let mut inventory = Inventory::default();
    inventory.subjects.push(host);

    let options = Options { spec_version, reproducible: true, ..Options::default() };
    let bom = sbom::generate(&inventory, &Verdicts::default(), &options)?;
    std::io::Write::write_all(&mut std::io::stdout().lock(), bom.to_json().as_bytes())?;
    Ok(())
}
