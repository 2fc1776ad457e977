//! The SBOM of an OpenClaw installation: `cargo run --example sbom -- FOLDER [VERSION [HOST]]`.
//!
//! FOLDER is a state directory, or a folder into which OpenClaw was installed with npm; VERSION is that of CycloneDX; HOST is the folder
//! of the `openclaw` package that belongs to a state directory.

use std::path::PathBuf;

use openclaw_verify_core::inventory::{self, Inventory, Place, Subject};
use openclaw_verify_core::sbom::{self, SbomOptions, Verdicts};
use openclaw_verify_core::tree::TreeSpec;
use openclaw_verify_core::{Kind, Source, SubjectId};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("which folder?")?);
    let spec_version = arguments
        .next()
        .map_or(Ok(sbom::SpecVersion::default()), |text| text.parse())?;
    let host = arguments.next().map(PathBuf::from);

    let inventory = if folder.join("node_modules/openclaw").is_dir() {
        project(folder)
    } else {
        let mut options = inventory::InventoryOptions::new(folder);
        options.host = host;
        inventory::read(&options)?
    };
    // A program that has verified the installation hands over its verdicts here.
    let verdicts = Verdicts::default();
    let options = SbomOptions {
        spec_version,
        reproducible: true,
        ..SbomOptions::default()
    };
    let bom = sbom::generate(&inventory, &verdicts, &options)?;
    std::io::Write::write_all(&mut std::io::stdout().lock(), bom.to_json().as_bytes())?;
    Ok(())
}

/// An installation without a state directory: the host package and what npm put beside it.
fn project(folder: PathBuf) -> Inventory {
    let modules = folder.join("node_modules");
    let place = Place {
        absolute: modules.join("openclaw"),
        shown: "node_modules/openclaw".to_owned(),
    };
    let mut host = Subject::new(SubjectId::core(), Kind::Core, Source::Npm, place);
    host.trees.siblings = Some(TreeSpec {
        root: modules,
        boundary: folder,
        leave_out: Vec::new(),
    });
    let mut inventory = Inventory::default();
    inventory.subjects.push(host);
    inventory
}
