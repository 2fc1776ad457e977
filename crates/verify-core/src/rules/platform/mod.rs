//! What does OpenClaw run as, and on what?

pub(super) mod root_equivalent_group;
