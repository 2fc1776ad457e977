//! Who may talk to the agent, and as whom?

pub(super) mod elevated_open;
pub(super) mod mutable_sender_id;
