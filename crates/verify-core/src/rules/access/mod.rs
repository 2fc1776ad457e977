//! Who may talk to the agent, and as whom?

pub(super) mod elevated_open;
pub(super) mod mutable_sender_id;
pub(super) mod open_channel;
pub(super) mod shared_dm_session;
