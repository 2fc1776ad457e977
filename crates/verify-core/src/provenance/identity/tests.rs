use super::*;

fn acme() -> Identity {
    Identity {
        subject: "https://github.com/acme/notes/.github/workflows/release.yml@refs/heads/main"
            .to_owned(),
        issuer: Some(GITHUB_ACTIONS.to_owned()),
        signer: Some(
            "https://github.com/acme/notes/.github/workflows/release.yml@refs/heads/main"
                .to_owned(),
        ),
        config: Some(
            "https://github.com/acme/notes/.github/workflows/release.yml@refs/heads/main"
                .to_owned(),
        ),
        source_repository: Some("https://github.com/acme/notes".to_owned()),
        source_ref: Some("refs/heads/main".to_owned()),
        source_digest: Some("0".repeat(40)),
        runner: Some("github-hosted".to_owned()),
        run: None,
    }
}

fn fault(policy: &IdentityPolicy, identity: &Identity) -> Option<Fault> {
    match policy.check(identity) {
        Ok(()) => None,
        Err(RefusedBundle::Wrong(fault, _)) => Some(fault),
        Err(RefusedBundle::Unsupported(why) | RefusedBundle::Open(_, why)) => panic!("{why}"),
    }
}

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).expect("a pattern")
}

fn repository(text: &str) -> IdentityPolicy {
    IdentityPolicy {
        repository: Some(pattern(text)),
        ..IdentityPolicy::default()
    }
}

fn workflow(text: &str) -> IdentityPolicy {
    IdentityPolicy {
        workflow: Some(pattern(text)),
        ..IdentityPolicy::default()
    }
}

#[test]
fn a_repository_is_compared_as_a_whole() {
    for good in [
        "github.com/acme/notes",
        "https://github.com/acme/notes",
        "https://github.com/acme/notes.git",
        "github.com/acme/*",
        "acme/notes",
        "acme/*",
        "*/notes",
    ] {
        assert_eq!(fault(&repository(good), &acme()), None, "{good}");
    }
    for bad in [
        "github.com/acme/note",
        "github.com/acme",
        "github.com/acme/notes2",
        "github.com/*",
        "acme/note",
        "other/notes",
        "notes",
        "github.com/other/notes",
    ] {
        assert!(fault(&repository(bad), &acme()).is_some(), "{bad}");
    }
    let mut none = acme();
    none.source_repository = None;
    assert_eq!(
        fault(&repository("github.com/acme/notes"), &none),
        Some(Fault::Repository)
    );
}

#[test]
fn another_issuer_may_not_claim_a_repository() {
    let mut other = acme();
    other.issuer = Some("https://oidc.codefresh.io".to_owned());
    assert_eq!(
        fault(&repository("github.com/acme/notes"), &other),
        Some(Fault::Issuer)
    );
    assert_eq!(
        fault(&workflow(".github/workflows/release.yml"), &other),
        Some(Fault::Issuer)
    );
    let mut named = repository("github.com/acme/notes");
    named.issuer = other.issuer.clone();
    assert_eq!(fault(&named, &other), None);
    // A host of which no issuer is known, and a pattern in place of the host, need it written out.
    assert_eq!(
        fault(&repository("git.example.org/acme/notes"), &acme()),
        Some(Fault::Issuer)
    );
    assert_eq!(fault(&repository("**"), &acme()), Some(Fault::Issuer));
}

#[test]
fn a_workflow_of_the_same_name_elsewhere_is_another() {
    for good in [
        ".github/workflows/release.yml",
        "github.com/acme/notes/.github/workflows/release.yml",
        "https://github.com/acme/notes/.github/workflows/release.yml@refs/heads/*",
        ".github/workflows/*.yml",
        "acme/notes/.github/workflows/release.yml",
        "./.github/workflows/release.yml",
    ] {
        assert_eq!(fault(&workflow(good), &acme()), None, "{good}");
    }
    for bad in [
        ".github/workflows/release",
        "release.yml",
        "acme/other/.github/workflows/release.yml",
        "github.com/acme/notes/.github/workflows/release.yml@refs/tags/*",
    ] {
        assert!(fault(&workflow(bad), &acme()).is_some(), "{bad}");
    }
    let mut evil = acme();
    evil.signer = Some(
        "https://github.com/evil/evil/.github/workflows/release.yml@refs/heads/main".to_owned(),
    );
    assert_eq!(
        fault(&workflow(".github/workflows/release.yml"), &evil),
        Some(Fault::Workflow)
    );
    let mut near = acme();
    near.signer = Some(
        "https://github.com/acme/notes2/.github/workflows/release.yml@refs/heads/main".to_owned(),
    );
    assert_eq!(
        fault(&workflow(".github/workflows/release.yml"), &near),
        Some(Fault::Workflow)
    );
    let mut trick = acme();
    trick.signer = Some(
        "https://github.com/acme/notes/.github/workflows/release.yml@x.yml@refs/heads/main"
            .to_owned(),
    );
    assert_eq!(
        fault(&workflow(".github/workflows/release.yml"), &trick),
        Some(Fault::Workflow)
    );
}

#[test]
fn signer_and_source_can_both_be_required() {
    let mut reusable = acme();
    reusable.signer =
        Some("https://github.com/shared/ci/.github/workflows/sign.yml@refs/tags/v1".to_owned());
    let mut policy = repository("github.com/acme/notes");
    policy.workflow = Some(pattern("github.com/shared/ci/.github/workflows/sign.yml"));
    assert_eq!(fault(&policy, &reusable), None);
    assert_eq!(
        reusable.workflow(),
        Some("github.com/shared/ci/.github/workflows/sign.yml")
    );
    assert_eq!(acme().workflow(), Some(".github/workflows/release.yml"));
    policy.workflow = Some(pattern(".github/workflows/release.yml"));
    let Err(RefusedBundle::Wrong(Fault::Workflow, why)) = policy.check(&reusable) else {
        panic!("accepted")
    };
    assert!(why.contains("reusable workflow"), "{why}");
}

#[test]
fn ref_commit_runner_and_identity() {
    let mut policy = IdentityPolicy {
        git_ref: Some(pattern("refs/tags/v*")),
        ..IdentityPolicy::default()
    };
    assert_eq!(fault(&policy, &acme()), Some(Fault::Ref));
    policy = IdentityPolicy {
        digest: Some("1".repeat(40)),
        ..IdentityPolicy::default()
    };
    assert_eq!(fault(&policy, &acme()), Some(Fault::Ref));
    policy = IdentityPolicy {
        runner: Some("github-hosted".to_owned()),
        ..IdentityPolicy::default()
    };
    let mut own = acme();
    own.runner = Some("self-hosted".to_owned());
    assert_eq!(fault(&policy, &own), Some(Fault::Runner));
    own.runner = None;
    assert_eq!(fault(&policy, &own), Some(Fault::Runner));
    assert_eq!(fault(&policy, &acme()), None);
    policy = IdentityPolicy {
        identity: Some("ada@example.org".to_owned()),
        ..IdentityPolicy::default()
    };
    assert_eq!(policy.complete(), Err(IncompletePolicy::NoIssuer));
    assert_eq!(fault(&policy, &acme()), Some(Fault::Identity));
    assert_eq!(
        IdentityPolicy::default().complete(),
        Err(IncompletePolicy::NobodyNamed)
    );
    assert_eq!(
        workflow(".github/workflows/x.yml").complete(),
        Err(IncompletePolicy::NobodyNamed)
    );
    assert_eq!(repository("github.com/acme/notes").complete(), Ok(()));
}

proptest::proptest! {
    #[test]
    fn any_text_as_policy_or_claim_is_survived(wanted in "\\PC{1,40}", claim in "\\PC{0,60}") {
        let mut identity = acme();
        identity.signer = Some(claim.clone());
        identity.source_repository = Some(claim);
        let policy = IdentityPolicy { workflow: Pattern::new(&wanted).ok(), repository: Pattern::new(&wanted).ok(), ..IdentityPolicy::default() };
        let _ = (policy.check(&identity).is_ok(), policy.complete(), identity.workflow().map(str::len));
    }
}
