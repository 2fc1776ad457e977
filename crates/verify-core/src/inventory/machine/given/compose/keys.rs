//! Which keys of a service say something about the machine around it. From the schema of the compose specification; a test holds the
//! list against the names that the schema has.

use super::super::container::{Fact, excerpt};
use super::super::yaml::{Node, Yaml};
use super::service::Service;
use crate::text;

/// Keys that are judged: they open something, name what the container is, or lead to other keys.
const JUDGED: [&str; 32] = [
    "build",
    "cap_add",
    "cgroup",
    "command",
    "configs",
    "container_name",
    "device_cgroup_rules",
    "devices",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "hostname",
    "image",
    "ipc",
    "network_mode",
    "networks",
    "pid",
    "ports",
    "post_start",
    "pre_stop",
    "privileged",
    "runtime",
    "secrets",
    "security_opt",
    "use_api_socket",
    "user",
    "userns_mode",
    "uts",
    "volumes",
    "volumes_from",
];
/// Keys that give nothing of the machine but some of its time, memory, words, or hardware that is made to be shared.
const HARMLESS: [&str; 56] = [
    "attach",
    "blkio_config",
    "cap_drop",
    "cgroup_parent",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "depends_on",
    "deploy",
    "develop",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "external_links",
    "extra_hosts",
    "gpus",
    "group_add",
    "healthcheck",
    "init",
    "label_file",
    "labels",
    "links",
    "logging",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "models",
    "oom_kill_disable",
    "oom_score_adj",
    "pids_limit",
    "platform",
    "profiles",
    "pull_policy",
    "pull_refresh_after",
    "read_only",
    "restart",
    "scale",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "working_dir",
];

impl Service<'_> {
    /// Keys of which it is not known here what they give: those that another program reads, and those that the schema did not have when
    /// this was written.
    pub(super) fn not_judged(&self) -> Vec<Fact> {
        let mut found: Vec<Fact> = Vec::new();
        for layer in &self.layers {
            let Yaml::Map(members) = &layer.value else {
                continue;
            };
            let unknown = members.iter().filter(|(key, node)| {
                node.value != Yaml::Null
                    && !key.starts_with("x-")
                    && !JUDGED.contains(&key.as_str())
                    && !HARMLESS.contains(&key.as_str())
            });
            found.extend(unknown.map(|(key, node)| self.unknown(key, node, "given")));
        }
        found
    }

    /// A key as one that is not judged. `value`: what is shown of it.
    pub(super) fn unknown(&self, key: &str, node: &Node, value: &str) -> Fact {
        let path = format!("services.{}.{}", self.name, text::excerpt(key, 60));
        self.reader.fact(path, node, excerpt(value))
    }
}
