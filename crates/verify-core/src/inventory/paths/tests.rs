use super::*;

fn paths(state: &Path, from: Option<&str>) -> Paths {
    let home = Some(PathBuf::from("/home/u"));
    Paths {
        state: state.to_owned(),
        relocated_from: from.map(PathBuf::from),
        home,
        variables: RefCell::default(),
        of_state: RefCell::default(),
        roots: RefCell::default(),
        budget: Budget::default(),
        memory: None,
        refused: Rc::default(),
    }
}

#[test]
fn written_paths_mean_what_openclaw_makes_of_them() {
    let here = paths(Path::new("/s"), None);
    assert_eq!(
        here.locate(" /a/./b/../c "),
        Located::At(PathBuf::from("/a/c"))
    );
    assert_eq!(here.locate("~/x"), Located::At(PathBuf::from("/home/u/x")));
    for unknown in ["x/y", "~other/x", "${HOME}/x", "", "/a\0b"] {
        assert!(
            matches!(here.locate(unknown), Located::Unknown(_)),
            "{unknown}"
        );
    }
}

#[test]
fn a_copy_never_reads_its_original() {
    let dir = tempfile::tempdir().expect("temp dir");
    let state = std::fs::canonicalize(dir.path())
        .expect("real")
        .join("copy");
    std::fs::create_dir_all(state.join("extensions/a")).expect("mkdir");
    let copy = paths(&state, Some("/home/u/.openclaw"));
    assert_eq!(
        copy.locate("/home/u/.openclaw/extensions/a"),
        Located::At(state.join("extensions/a"))
    );
    assert!(matches!(
        copy.locate("/home/u/.openclaw/../x"),
        Located::Elsewhere(_)
    ));
    assert!(matches!(copy.locate("/etc"), Located::Elsewhere(_)));
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, state.join(name)).expect("symlink")
    };
    link("/etc/hostname", "out");
    link("../../etc/hostname", "up");
    link("/home/u/.openclaw/extensions", "mapped");
    link("loop", "loop");
    assert!(copy.real(&state.join("out")).is_err());
    assert!(copy.real(&state.join("up")).is_err());
    assert!(copy.real(&state.join("loop")).is_err());
    assert!(copy.real(Path::new("/etc")).is_err());
    assert_eq!(
        copy.real(&state.join("mapped/a")).expect("inside"),
        state.join("extensions/a")
    );
}
