//! Files that jobs and keys of the config start: each is in a tree, and what cannot be followed is said.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use crate::support::{Installation, findings};

fn write(state: &Path, path: &str, text: &str) {
    let path = state.join(path);
    fs::create_dir_all(path.parent().expect("parent")).expect("folder");
    fs::write(path, text).expect("write");
}

/// A state with a job and a secret provider that start local scripts.
fn starting() -> Installation {
    let installation = Installation::shipped();
    let state = &installation.state;
    write(state, "scripts/nightly.sh", "#!/bin/sh\n. ./lib.sh\n");
    write(state, "scripts/lib.sh", "true\n");
    write(state, "vault/read.py", "import helper\n");
    write(state, "vault/helper.py", "x = 1\n");
    write(state, "vault/notes.py", "x = 1\n");
    // A module beside each script, so that there is more than one `node_modules`.
    write(state, "tools/t.mjs", "import 'left-pad';\n");
    write(state, "tools/node_modules/left-pad/index.js", "");
    write(state, "model/serve.mjs", "import 'left-pad';\n");
    write(state, "model/node_modules/left-pad/index.js", "");
    let config = fs::read_to_string(state.join("openclaw.json")).expect("config");
    let more = "{ \"secrets\": { \"providers\": { \"files\": { \"source\": \"exec\", \"command\": \"python3\", \
        \"args\": [\"/home/user/.openclaw/vault/read.py\"] } } }, \"models\": { \"providers\": { \"p\": { \"localService\": \
        { \"command\": \"node\", \"args\": [\"/home/user/.openclaw/model/serve.mjs\"] } } } }, \
        \"agents\": { \"defaults\": { \"cliBackends\": { \"c\": { \"command\": \"node\", \
        \"args\": [\"/home/user/.openclaw/tools/t.mjs\"] } } } },";
    write(state, "openclaw.json", &config.replacen('{', more, 1));
    let db = Connection::open(state.join("state/openclaw.sqlite")).expect("open");
    db.execute_batch(
        "CREATE TABLE cron_jobs (store_key TEXT NOT NULL, job_id TEXT NOT NULL, enabled INTEGER NOT NULL, job_json TEXT NOT NULL,
             PRIMARY KEY (store_key, job_id)) STRICT;
         INSERT INTO cron_jobs VALUES ('s', 'nightly', 1,
             '{\"payload\":{\"kind\":\"command\",\"argv\":[\"/bin/sh\",\"/home/user/.openclaw/scripts/nightly.sh\"]}}');",
    )
    .expect("jobs");
    installation
}

#[test]
fn one_write_to_a_script_that_is_started_is_found() {
    for (path, text, expected, code) in [
        (
            "scripts/nightly.sh",
            "evil\n",
            "tree-mismatch cron:nightly",
            1,
        ),
        ("scripts/lib.sh", "evil\n", "tree-mismatch cron:nightly", 1),
        (
            "vault/read.py",
            "evil()\n",
            "tree-mismatch config:openclaw",
            1,
        ),
        (
            "vault/helper.py",
            "evil()\n",
            "tree-mismatch config:openclaw",
            1,
        ),
        (
            "vault/json.py",
            "evil()\n",
            "tree-mismatch config:openclaw",
            1,
        ),
        ("vault/notes.py", "x = 2\n", "", 0),
        (
            "vault/__pycache__/helper.cpython-313.pyc",
            "evil",
            "unrecorded[compiled-code] config:openclaw",
            0,
        ),
        (
            "model/node_modules/left-pad/index.js",
            "evil()\n",
            "dependency-mismatch config:openclaw",
            1,
        ),
    ] {
        let installation = starting();
        installation.init(0);
        assert_eq!(installation.run(&["lock", "--check"]).code, 0);
        write(&installation.state, path, text);
        let (got, report) = installation.check();
        let found = findings(&report);
        let new: Vec<&String> = found
            .iter()
            .filter(|finding| finding.contains("mismatch") || finding.contains("compiled-code"))
            .collect();
        assert_eq!(got, code, "{path}: {new:#?}");
        assert_eq!(new.is_empty(), expected.is_empty(), "{path}: {new:#?}");
        assert!(
            new.iter().all(|finding| finding.starts_with(expected)),
            "{path}: {new:#?}"
        );
    }
}

#[test]
fn what_a_job_starts_and_no_digest_holds_is_a_note() {
    let installation = starting();
    let db = Connection::open(installation.state.join("state/openclaw.sqlite")).expect("open");
    db.execute(
        "INSERT INTO cron_jobs VALUES ('s', 'odd', 1, ?1)",
        ["{\"payload\":{\"kind\":\"command\",\"argv\":[\"/home/user/elsewhere/x\", \"--token\", \"hunter2\"]}}"],
    )
    .expect("job");
    drop(db);
    installation.init(0);
    let (code, report) = installation.check();
    let found = findings(&report);
    assert_eq!(code, 0, "{found:#?}");
    let said = found
        .iter()
        .find(|finding| finding.starts_with("not-established[local-command] cron:odd"))
        .expect("it is said");
    assert!(
        said.contains("/home/user/elsewhere/x") && !said.contains("hunter2"),
        "{said}"
    );
    // What is accepted by name is locked with its new files.
    write(&installation.state, "scripts/lib.sh", "other\n");
    assert_eq!(installation.run(&["lock", "cron:nightly"]).code, 1);
    assert_eq!(
        installation.run(&["lock", "--accept", "cron:nightly"]).code,
        0
    );
    assert_eq!(installation.check().0, 0);
}
