//! Whole installations and whole machines in which one file is the input: what the file is the first byte says.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use openclaw_verify_core::inventory::MachineFiles;
use openclaw_verify_core::{Scope, Verifier};

use super::readers::{folder, put};

/// The state directory of the tests, and the paths of its files below it.
static STATE: LazyLock<(PathBuf, Vec<PathBuf>)> = LazyLock::new(|| {
    let home = folder("installation");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let from = ["../../testdata", "../testdata"]
        .into_iter()
        .map(|place| manifest.join(place).join("states/home/.openclaw"))
        .find(|place| place.is_dir())
        .expect("the state of the tests");
    let state = home.join(".openclaw");
    let mut files = Vec::new();
    copy(&from, &state, Path::new(""), &mut files);
    files.sort();
    (state, files)
});

fn copy(from: &Path, to: &Path, below: &Path, files: &mut Vec<PathBuf>) {
    std::fs::create_dir_all(to.join(below)).expect("folder");
    for entry in std::fs::read_dir(from.join(below)).expect("folder") {
        let entry = entry.expect("entry");
        let path = below.join(entry.file_name());
        let kind = entry.file_type().expect("kind");
        if kind.is_dir() {
            copy(from, to, &path, files);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), to.join(&path)).expect("file");
            files.push(path);
        } else {
            let _ = std::os::unix::fs::symlink(
                std::fs::read_link(entry.path()).expect("link"),
                to.join(&path),
            );
        }
    }
}

/// Inputs of [`installation`] from which others are made: its files as they are.
pub fn installation_seeds() -> Vec<Vec<u8>> {
    let (state, files) = &*STATE;
    let files = (0_u8..=255).zip(files);
    files
        .map(|(at, file)| {
            let bytes = std::fs::read(state.join(file)).expect("file");
            [&[at], bytes.as_slice()].concat()
        })
        .collect()
}

/// A check of an installation of which one file is the input: a report or an error, and never a pass of other code than before.
pub fn installation(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    let (state, files) = &*STATE;
    let Some(file) = files.get(usize::from(*which) % files.len().max(1)) else {
        return;
    };
    let file = state.join(file);
    let kept = std::fs::read(&file).expect("file");
    put(&file, bytes);
    let now = "2026-11-22T12:00:00Z".parse().expect("time");
    let verifier = Verifier::builder(now)
        .state_dir(state)
        .threads(1)
        .build()
        .expect("verifier");
    let _ = verifier.check(&Scope::Everything);
    put(&file, &kept);
}

/// Files that say how a machine is set up, with a value of each that is read.
const MACHINE: [(&str, &str); 14] = [
    (
        "home/.openclaw/openclaw.json",
        "{gateway:{bind:'lan',auth:{mode:'token',token:'${T}'},trustedProxies:['0.0.0.0/0']},channels:{telegram:{dmPolicy:'open',allowFrom:['*']}},agents:{defaults:{sandbox:{mode:'all',docker:{binds:['~/.ssh:/s:ro'],env:{A_TOKEN:'x'}}}},entries:{a:{tools:{exec:{safeBins:['python3']}}}}},mcp:{servers:{x:{command:'x',args:['--token','y'],env:{GITHUB_TOKEN:'z'}}}}}",
    ),
    (
        "home/.openclaw/.env",
        "T=0123456789abcdef\nOPENCLAW_GATEWAY_PORT=19000\n",
    ),
    (
        "etc/systemd/system/openclaw-gateway.service",
        "[Service]\nUser=openclaw\nExecStart=+/usr/bin/node /opt/openclaw/index.js gateway --bind lan \\\n --port=18789\nEnvironment=\"A_KEY=0123456789\" B=c\nEnvironmentFile=-/etc/x.env\nUMask=0077\nProtectSystem=strict\n",
    ),
    (
        "home/Library/LaunchAgents/ai.openclaw.gateway.plist",
        "<plist><dict><key>ProgramArguments</key><array><string>openclaw</string><string>gateway</string><string>--bind</string><string>lan</string></array><key>EnvironmentVariables</key><dict><key>A_TOKEN</key><string>0123456789</string></dict></dict></plist>",
    ),
    (
        "etc/passwd",
        "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n",
    ),
    ("etc/group", "root:x:0:\ndocker:x:999:ada,root\n"),
    ("proc/77/comm", "openclaw-gatewa\n"),
    (
        "proc/77/status",
        "Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
    ),
    (
        "proc/77/net/tcp",
        "  sl  local_address rem_address st\n   0: 00000000:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 42 1 0 100 0 0 10 0\n",
    ),
    (
        "proc/self/mountinfo",
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / /tmp rw shared:1 - fuse.sshfs x rw\n",
    ),
    (
        "compose.yml",
        "x-a: &a {cap_add: [SYS_ADMIN]}\nservices:\n  openclaw:\n    <<: *a\n    image: ${IMAGE:-openclaw:latest}\n    ports: ['${P:-18789}:18789', {target: 18789, host_ip: 127.0.0.1}]\n    volumes: ['~/.ssh:/s:ro', {type: bind, source: ./x, target: /x}, 'data:/d']\n    environment: {A_TOKEN: 0123456789}\n    extends: base\n  base: {privileged: yes, networks: [lan]}\nnetworks: {lan: {driver: macvlan}}\nvolumes: {data: {driver_opts: {o: bind, device: /}}}\n",
    ),
    (
        "inspect.json",
        "[{\"Name\":\"/openclaw\",\"Config\":{\"User\":\"\",\"Image\":\"a:b\",\"Env\":[\"A_TOKEN=0123456789\"],\"ExposedPorts\":{\"18789/tcp\":{}}},\"HostConfig\":{\"Privileged\":true,\"Binds\":[\"/:/h:ro\"],\"CapAdd\":[\"CAP_SYS_ADMIN\"],\"PortBindings\":{\"18789/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"18789\"}]},\"Devices\":[{\"PathOnHost\":\"/dev/sda\"}],\"NetworkMode\":\"host\"},\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/etc\",\"Destination\":\"/e\",\"RW\":true}]}]",
    ),
    (
        "serve.json",
        "{\"TCP\":{\"443\":{\"HTTPS\":true}},\"Web\":{\"a.ts.net:443\":{\"Handlers\":{\"/\":{\"Proxy\":\"http://127.0.0.1:18789\"}}}},\"AllowFunnel\":{\"a.ts.net:443\":true}}",
    ),
    (
        "daemon.json",
        "{\"default-runtime\":\"runsc\",\"ip\":\"127.0.0.1\",\"runtimes\":{\"runsc\":{\"path\":\"/usr/bin/runsc\"}}}",
    ),
];

/// Inputs of [`machine`] from which others are made.
pub fn machine_seeds() -> Vec<Vec<u8>> {
    (0_u8..)
        .zip(MACHINE)
        .map(|(at, (_, text))| [&[at], text.as_bytes()].concat())
        .collect()
}

/// A look at a machine of which one file is the input: a report or an error.
pub fn machine(bytes: &[u8]) {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let root = folder("machine");
        for (name, kept) in MACHINE {
            let file = root.join(name);
            std::fs::create_dir_all(file.parent().expect("folder")).expect("folder");
            put(&file, kept.as_bytes());
        }
        root
    });
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    let root = &*ROOT;
    let (name, kept) = MACHINE[usize::from(*which) % MACHINE.len()];
    let file = root.join(name);
    put(&file, bytes);
    let mut given = MachineFiles::default();
    given.compose = Some(root.join("compose.yml"));
    given.docker_inspect = Some(root.join("inspect.json"));
    given.tailscale_status = Some(root.join("serve.json"));
    given.docker_daemon = Some(root.join("daemon.json"));
    let now = "2026-11-22T12:00:00Z".parse().expect("time");
    let verifier = Verifier::builder(now)
        .state_dir(root.join("home/.openclaw"))
        .home(root.join("home"))
        .etc(root.join("etc"))
        .proc(root.join("proc"))
        .machine_files(given)
        .threads(1)
        .build()
        .expect("verifier");
    let _ = verifier.posture();
    put(&file, kept.as_bytes());
}
