use std::path::Path;

use super::form;
use super::*;
use crate::rules;

const TODAY: Date = jiff::civil::date(2026, 11, 22);

fn pairs(words: &[&str]) -> Vec<Assignment> {
    let pair = |word: &&str| {
        let (key, value) = word.split_once('=').expect("KEY=VALUE");
        (key.to_owned(), value.to_owned())
    };
    words.iter().map(pair).collect()
}

/// What `policy WORD…` makes of `text`, or why it refuses.
fn changed(text: &str, words: &[&str]) -> Result<String, String> {
    let catalogue = rules::infos();
    let change = Change {
        path: Path::new("p.toml"),
        text,
        catalogue: &catalogue,
        today: TODAY,
    };
    let edited = match words {
        ["set", keys @ ..] => change.set(&pairs(keys)),
        ["unset", keys @ ..] => {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            change.unset(&keys)
        }
        ["add", kind, keys @ ..] => change.add(kind, &pairs(keys)),
        ["remove", kind, keys @ ..] => change.remove(kind, &pairs(keys)),
        _ => panic!("{words:?}"),
    };
    edited
        .map(|edited| edited.text)
        .map_err(|error| format!("{}: {}", error.message, error.help.unwrap_or_default()))
}

#[test]
fn keys_are_set_where_they_belong_and_the_rest_stays() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let import = format!("imports.a.b.digest={digest}");
    for (before, words, after) in [
        ("version = 1\n", vec!["set", "host.check=true"], "version = 1\n\n[host]\ncheck = true\n".to_owned()),
        (
            "version = 1 # one\n# two\n\n[host] # h\ncheck = false # c\n# d\n",
            vec!["set", "host.check=true", "host.group-shared=true"],
            "version = 1 # one\n# two\n\n[host] # h\ncheck = true # c\ngroup-shared = true\n# d\n".to_owned(),
        ),
        ("version = 1 # a", vec!["set", "preset=strict"], "version = 1 # a\npreset = \"strict\"\n".to_owned()),
        (
            "version = 1\r\n\r\n[levels]\r\n\r\n[host]\r\ncheck = true\r\n",
            vec!["set", "levels.unreviewed=warn"],
            "version = 1\r\n\r\n[levels]\r\nunreviewed = \"warn\"\r\n\r\n[host]\r\ncheck = true\r\n".to_owned(),
        ),
        (
            "version = 1\n",
            vec!["set", "imports.a.b.path=../r.toml", &import],
            format!("version = 1\n\n[imports.\"a.b\"]\npath = \"../r.toml\"\ndigest = \"{digest}\"\n"),
        ),
        (
            "version = 1\nadvisories = { max-age-days = 7 }\n",
            vec!["set", "advisories.max-age-days=9"],
            "version = 1\nadvisories = { max-age-days = 9 }\n".to_owned(),
        ),
        (
            "version = 1\n[sources]\ngit = [\"a/*\", # b\n]\n",
            vec!["set", "sources.git=c/*", "sources.git=d/*"],
            "version = 1\n[sources]\ngit = [\"c/*\", \"d/*\"]\n".to_owned(),
        ),
        // What the reader refuses can be put right.
        ("version = 1\npreset = \"strickt\"\n", vec!["set", "preset=strict"], "version = 1\npreset = \"strict\"\n".to_owned()),
        // Said already.
        ("version = 1\nhost = { check=true }\n", vec!["set", "host.check=true"], "version = 1\nhost = { check=true }\n".to_owned()),
    ] {
        assert_eq!(changed(before, &words), Ok(after), "{words:?}");
    }
}

#[test]
fn keys_are_taken_out_with_the_table_that_is_empty_then() {
    let import = format!(
        "[imports.a]\npath = \"r\"\ndigest = \"sha256:{}\"\n",
        "0".repeat(64)
    );
    for (before, words, after) in [
        (
            "version = 1\n\n[levels]\nunpinned = \"warn\" # u\nunreviewed = \"warn\"\n\n# end\n"
                .to_owned(),
            vec!["unset", "levels.unpinned"],
            "version = 1\n\n[levels]\nunreviewed = \"warn\"\n\n# end\n",
        ),
        (
            "version = 1\n\n[host]\ncheck = true\n\n# end\n".to_owned(),
            vec!["unset", "host.check"],
            "version = 1\n\n# end\n",
        ),
        (
            format!("version = 1\npreset = \"strict\"\n\n{import}"),
            vec!["unset", "imports.a", "preset"],
            "version = 1\n",
        ),
    ] {
        assert_eq!(changed(&before, &words).as_deref(), Ok(after), "{words:?}");
    }
}

#[test]
fn entries_are_added_replaced_and_removed() {
    let rule =
        "version = 1\n\n# all\n[[rule]]\nmatch = \"skill:**\"\nreview = \"none\" # n\n\n# end\n";
    for (before, words, after) in [
        (
            "version = 1\n",
            vec![
                "add",
                "mutable",
                "package=skill:workspace/notes",
                "paths=data/*.json",
                "paths=a.db",
            ],
            "version = 1\n\n[[mutable]]\npackage = \"skill:workspace/notes\"\npaths = [\"data/*.json\", \"a.db\"]\n",
        ),
        (
            "version = 1\n",
            vec![
                "add",
                "rule",
                "match=npm:@acme/*",
                "identity.repository=github.com/acme/notes",
                "pin=exact",
            ],
            "version = 1\n\n[[rule]]\nmatch = \"npm:@acme/*\"\npin = \"exact\"\nidentity.repository = \"github.com/acme/notes\"\n",
        ),
        (
            "version = 1\n",
            vec![
                "add",
                "release",
                "repository=github.com/acme/notes",
                "tags=v*",
                "signers=keys/acme",
                "minimum=v1",
            ],
            "version = 1\n\n[[release]]\nrepository = \"github.com/acme/notes\"\ntags = \"v*\"\nsigners = \"keys/acme\"\nminimum = \"v1\"\n",
        ),
        (
            rule,
            vec!["add", "rule", "match=skill:**", "review=safe-to-load"],
            "version = 1\n\n# all\n\n# end\n\n[[rule]]\nmatch = \"skill:**\"\nreview = \"safe-to-load\"\n",
        ),
        (
            rule,
            vec!["add", "rule", "match=skill:**", "review=none"],
            rule,
        ),
        (
            rule,
            vec!["remove", "rule", "match=skill:**"],
            "version = 1\n\n# all\n\n# end\n",
        ),
    ] {
        assert_eq!(changed(before, &words).as_deref(), Ok(after), "{words:?}");
    }
}

#[test]
fn what_is_no_change_of_a_policy_is_refused() {
    let two = "version = 1\n[[skill-signer]]\nmatch = \"skill:**\"\nkey = \"a\"\n[[skill-signer]]\nmatch = \"skill:**\"\nkey = \"b\"\n";
    for (before, words, says) in [
        (
            "version = 1\n",
            vec!["set", "host.chek=true"],
            "did you mean host.check?",
        ),
        (
            "version = 1\n",
            vec!["set", "rule.match=x"],
            "added and removed as entries",
        ),
        ("version = 1\n", vec!["set", "version=2"], "no key version"),
        (
            "version = 1\n",
            vec!["set", "host.check=yes"],
            "neither true nor false",
        ),
        (
            "version = 1\n",
            vec!["set", "preset=strict", "preset=default"],
            "has one value",
        ),
        (
            "version = 1\n",
            vec!["set", "levels.tree-mismatch=warn"],
            "can never be lowered",
        ),
        (
            "version = 1\n",
            vec!["set", "levels.unreviewd=warn"],
            "did you mean `unreviewed`?",
        ),
        (
            "version = 1\n",
            vec!["set", "imports.a.path=r"],
            "missing key `digest`",
        ),
        (
            "version = 1\nhost.check = true\n",
            vec!["set", "host.group-shared=true"],
            "by hand",
        ),
        (
            "version = 1\nhost = { check = true }\n",
            vec!["unset", "host.check"],
            "by hand",
        ),
        (
            "version = 1\n",
            vec!["unset", "host.check"],
            "is not in the policy",
        ),
        (
            "version = 1\n",
            vec!["add", "rul", "match=x"],
            "did you mean rule?",
        ),
        (
            "version = 1\n",
            vec!["add", "rule", "mach=x"],
            "did you mean match?",
        ),
        (
            "version = 1\n",
            vec!["add", "mutable", "package=skill:a/b"],
            "missing key `paths`",
        ),
        (
            two,
            vec!["remove", "skill-signer", "match=skill:**"],
            "2 entries",
        ),
        (
            two,
            vec!["remove", "skill-signer", "key=c"],
            "match = skill:**, skill:**",
        ),
        (
            "version = 2\n",
            vec!["set", "preset=strict"],
            "upgrade openclaw-verify",
        ),
        ("version = \n", vec!["set", "preset=strict"], ""),
    ] {
        let said = changed(before, &words).expect_err(words[1]);
        assert!(said.contains(says), "{words:?}: {said}");
    }
    assert!(changed(two, &["remove", "skill-signer", "key=a"]).is_ok());
}

/// The reader names every key that a table may have.
#[test]
fn the_tables_of_keys_are_those_of_the_reader() {
    let known = |text: &str| {
        let catalogue = rules::infos();
        let error = Policy::parse(Path::new("p"), text, &catalogue, TODAY).expect_err(text);
        let names = error.message.split('`').skip(3).step_by(2);
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort();
        names
    };
    for (header, keys) in form::all() {
        let mut keys: Vec<String> = keys
            .iter()
            .map(|(key, _)| key.split('.').next().unwrap_or_default().to_owned())
            .collect();
        keys.sort();
        keys.dedup();
        let found = known(&format!("version = 1\n{header}\nqqqqqqqqqqqq = 1\n"));
        assert_eq!(found, keys, "{header}");
    }
    let mut top = form::tables();
    top.extend(["version", "revision", "preset", "levels", "imports"].map(str::to_owned));
    top.sort();
    assert_eq!(known("version = 1\nqqqqqqqqqqqq = 1\n"), top);
}
