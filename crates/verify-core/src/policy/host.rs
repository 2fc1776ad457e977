//! `[host]`: what of the machine a check of the installation also judges, and what is usual on it.

/// What the operator says of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostPolicy {
    /// Whether a check of everything also judges how the machine is set up.
    pub check: bool,
    /// Whether members of a file's group are trusted as its owner is: images of containers share the state by its group, mode 2770.
    pub group_shared: bool,
}
