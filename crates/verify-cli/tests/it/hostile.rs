//! States made by an attacker.
