use thiserror::Error;

/// Why a text is no key, or no certificates, that can be used. Each completes a sentence that starts with what was read; nothing of a
/// private key is in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is not of the form that is expected, which is named.
    #[error("is no {0}")]
    Form(&'static str),
    /// It is of another form than the expected one; which, and what to do where there is a way.
    #[error("{0}")]
    OtherForm(String),
    /// It is encrypted, and what asks for a passphrase is not part of this library.
    #[error("is protected by a passphrase")]
    Passphrase,
    /// Its parts do not fit together.
    #[error("is damaged")]
    Damaged,
    /// It is whole, and its algorithm is not one that is used here.
    #[error("is of {0}")]
    Algorithm(String),
    /// What is in it, where something else has to be.
    #[error("holds {0}")]
    Holds(String),
    /// The arithmetic of a signature failed.
    #[error("does not sign")]
    Signing,
}
