//! The real binary, on a state that a real OpenClaw made. One binary for all tests, because linking is what takes the time.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod advisories;
mod attack;
mod audit;
mod backup;
mod both_cases;
mod cases;
mod catalogue;
mod checklist;
mod compose;
mod config_folder;
mod core_release;
mod coverage;
#[cfg(all(feature = "online", feature = "openpgp", feature = "sbom"))]
mod examples;
mod first_run;
mod formats;
mod gate;
#[path = "../../../verify-core/tests/it/support/git.rs"]
mod git;
mod git_plugin;
mod git_skill;
mod given;
mod honest;
mod host_commands;
mod hostile;
mod house;
#[cfg(feature = "online")]
mod imports;
mod interpreters;
mod kill;
mod machine;
#[path = "../../../verify-core/tests/it/mint.rs"]
#[allow(dead_code, reason = "shared with the tests of the library")]
mod mint;
#[path = "../../../verify-core/tests/it/support/mint.rs"]
#[allow(dead_code, reason = "shared with the tests of the library")]
mod minting;
mod newcomer;
mod nix;
mod odd_installs;
mod openings;
mod policy;
mod posture;
mod provenance;
#[cfg(feature = "online")]
mod publisher;
mod real;
mod real_gate;
mod real_plants;
mod release;
mod relock;
mod remedies;
mod review;
mod review_real;
mod rules;
#[cfg(feature = "sbom")]
mod sbom;
mod scale;
#[cfg(all(feature = "online", feature = "openpgp", feature = "sbom"))]
mod screens;
#[cfg(feature = "online")]
#[path = "../../../verify-core/tests/it/support/server.rs"]
#[allow(dead_code, reason = "shared with the tests of the library")]
mod server;
mod signed;
mod skill;
mod skill_signature;
mod sockets;
#[path = "../../../verify-core/tests/it/special.rs"]
mod special;
mod started;
mod statements;
mod support;
mod surface;
mod surroundings;
mod tamper;
mod terminal;
mod units;
mod unreadable;
mod update;
mod watch;
mod way_out;
