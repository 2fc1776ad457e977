//! `container-hole`: the container of the gateway has rights on the machine around it.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::Machine;
use crate::inventory::machine::given::{Container, Fact};
use crate::rules::machine::{STAGES, draft, is_root_user, no_gateway, of_other_files};
use crate::rules::{Check, Group, Rule, Whole, host_places};
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "container-hole",
    group: Group::Platform,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "The container of the gateway reaches the machine around it",
    help: "Take it out of the file that starts the container, and start it again. A sandbox inside a container needs the engine's socket: then give OpenClaw a machine of its own.",
    check: Check::Whole(check),
};

/// The way out of an image that is named by its tag.
const BY_DIGEST: &str = "Name the image by its digest, as name@sha256:…, which the engine shows for the image that it has, and start the container again.";

/// Capabilities that lead out of a container.
const CAPABILITIES: [&str; 10] = [
    "ALL",
    "SYS_ADMIN",
    "SYS_PTRACE",
    "SYS_MODULE",
    "SYS_RAWIO",
    "NET_ADMIN",
    "DAC_READ_SEARCH",
    "BPF",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
];
/// Options that switch a confinement off.
const UNCONFINED: [&str; 6] = [
    "seccomp=unconfined",
    "apparmor=unconfined",
    "systempaths=unconfined",
    "label=disable",
    "label=type:unconfined_t",
    "label=type:spc_t",
];
/// Namespaces whose sharing makes the way out short, and those by which less is seen.
const NAMESPACES: [&str; 3] = ["network", "pid", "ipc"];

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let mut found: Vec<Draft> = machine
        .given()
        .openclaws()
        .flat_map(|container| of_container(machine, container))
        .collect();
    found.extend(of_daemon(machine));
    let judged: Vec<&Container> = machine.given().openclaws().collect();
    found.extend(no_gateway(machine, |container| {
        judged.iter().any(|one| std::ptr::eq(*one, container))
    }));
    if let Some(elsewhere) = of_other_files(machine, "what rights they give is not known") {
        found.push(elsewhere);
    }
    found
}

/// What the settings of the daemon give every container, or everyone.
fn of_daemon(machine: &Machine) -> Vec<Draft> {
    let given = machine.given();
    let (Some(daemon), Some(file)) = (&given.daemon, given.named("docker-daemon")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if !daemon.steered.is_empty() {
        let hosts = daemon.steered.join(", ");
        found.push(
            draft(format!(
                "with access to {hosts}, anyone steers the container engine, which gives root on this machine"
            ))
            .code("engine")
            .declared(machine.beside("hosts", hosts, file))
            .help("Let the daemon listen on its socket only, or ask for certificates (`tlsverify`)."),
        );
    }
    if daemon.unconfined {
        found.push(
            draft("containers that name no profile are not confined by seccomp")
                .code("unconfined")
                .declared(machine.beside("seccomp-profile", "unconfined", file))
                .help("Take the key out of the daemon's settings."),
        );
    }
    found
}

fn of_container(machine: &Machine, container: &Container) -> Vec<Draft> {
    let mut found = rights(container);
    found.extend(mounts(machine, container));
    found.extend(warnings(container));
    found.extend(unknown(container));
    found.extend(not_judged(container));
    found
}

/// What it sees of the machine.
fn mounts(machine: &Machine, container: &Container) -> Vec<Draft> {
    let home = machine.places().home.as_deref();
    let seen: Vec<(Level, String, &Fact)> = container
        .mounts
        .iter()
        .filter_map(|mount| {
            let (level, what) = host_places::opened(mount, home)?;
            Some((level, what, &mount.fact))
        })
        .collect();
    let of = |wanted: Level| {
        seen.iter()
            .filter(move |(level, ..)| *level == wanted)
            .map(|(_, what, fact)| (what.clone(), *fact))
    };
    let devices = container
        .devices
        .iter()
        .filter(|(device, _)| host_places::is_device(device))
        .map(|(device, fact)| (text::excerpt(device, 60), fact));
    let keys = "sees keys:";
    let device = "is given devices of this machine:";
    [
        hole(container, "mount", Level::Deny, "sees", of(Level::Deny)),
        hole(container, "keys", Level::Warn, keys, of(Level::Warn)),
        hole(container, "device", Level::Deny, device, devices),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// One finding for all that a container is given of one kind: what each is called, and where it is said.
fn hole<'a>(
    container: &Container,
    code: &'static str,
    level: Level,
    what: &str,
    given: impl Iterator<Item = (String, &'a Fact)>,
) -> Option<Draft> {
    let given: Vec<(String, &Fact)> = given.collect();
    let mut names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    let named = names.join(", ");
    let found = draft(format!("the container {} {what} {named}", container.name).trim_end())
        .code(code)
        .level(level);
    let found = given.iter().fold(found, |found, (_, fact)| fact.on(found));
    (!given.is_empty()).then_some(found)
}

/// Rights that lead out of the container.
fn rights(container: &Container) -> Vec<Draft> {
    let unnamed = |fact| (String::new(), fact);
    let privileged = container.privileged.iter().map(unnamed);
    let shared = |near: bool| {
        let of = container.shared.iter();
        of.filter(move |(what, _)| NAMESPACES.contains(what) == near)
            .map(|(what, fact)| ((*what).to_owned(), fact))
    };
    let added = container
        .capabilities
        .iter()
        .filter(|(name, _)| CAPABILITIES.contains(&name.as_str()))
        .map(|(name, fact)| (name.clone(), fact));
    let off = container
        .confinement
        .iter()
        .filter(|(option, _)| UNCONFINED.contains(&option.as_str()))
        .map(|(option, fact)| {
            let name = option.split('=').next().unwrap_or_default();
            (name.to_owned(), fact)
        });
    let deny = Level::Deny;
    let all_rights = "has all rights on this machine";
    let namespace = "shares a namespace with this machine:";
    [
        hole(container, "privileged", deny, all_rights, privileged),
        hole(container, "namespace", deny, namespace, shared(true)),
        hole(
            container,
            "namespace",
            Level::Warn,
            namespace,
            shared(false),
        ),
        hole(container, "capability", deny, "has the capability", added),
        hole(container, "unconfined", deny, "is not confined by", off),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What makes a way out easier. A sandbox of OpenClaw has its own rules for its user and image.
fn warnings(container: &Container) -> Vec<Draft> {
    let own = !container.is_sandbox;
    let root = container
        .user
        .iter()
        .filter(|(user, _)| own && is_root(container, user))
        .map(|(_, fact)| (String::new(), fact));
    let by_tag = container
        .image
        .iter()
        .filter(|(image, _)| own && is_tag(image))
        .map(|(_, fact)| (String::new(), fact));
    let secrets = container.secrets.iter().map(|fact| (String::new(), fact));
    let tag = "is of an image by a name that can mean another one tomorrow";
    let secret = "is given secrets that everyone who may ask the engine can read";
    let warn = Level::Warn;
    [
        hole(container, "root", warn, "runs as root", root),
        hole(container, "image", warn, tag, by_tag).map(|found| found.help(BY_DIGEST)),
        hole(container, "secret", warn, secret, secrets),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// That variables decide which nothing gives.
fn unknown(container: &Container) -> Option<Draft> {
    let name = &container.name;
    let found = draft(format!(
        "not all rights of the container {name} are known: variables decide"
    ))
    .code("variable")
    .outcome(Outcome::NotEstablished)
    .level(Level::Note)
    .help("Give the value of each variable that is named, or give what `docker compose config` prints, which has them filled in.");
    let all = container.unknown.iter();
    (!container.unknown.is_empty()).then(|| all.fold(found, |found, fact| fact.on(found)))
}

/// That it is not known here what some of its keys give.
fn not_judged(container: &Container) -> Option<Draft> {
    let all = container.not_judged.iter();
    let keys: Vec<&str> = all.clone().map(|fact| fact.path.as_str()).take(5).collect();
    let found = draft(format!(
        "what {} give the container {} is not known",
        keys.join(", "),
        container.name
    ))
    .code("not-judged")
    .outcome(Outcome::NotEstablished)
    .level(Level::Note)
    .help("Look at them yourself: no rule knows what they give.");
    (!container.not_judged.is_empty()).then(|| all.fold(found, |found, fact| fact.on(found)))
}

/// Of a file that names no user the image decides; an engine says nothing only where it is root.
fn is_root(container: &Container, user: &str) -> bool {
    let unnamed = user.split(':').next().unwrap_or_default().trim().is_empty();
    is_root_user(user) || unnamed && container.seen
}

/// Whether an image is named by something else than its digest.
fn is_tag(image: &str) -> bool {
    !image.contains("@sha256:") && !image.starts_with("sha256:")
}
