//! A Nix store: which paths lie in it, whether their bytes are those that its database registered, and what their names and signatures
//! prove.

mod base32;
mod database;
mod keys;
mod links;
mod nar;
mod store;
mod store_path;

pub use keys::StoreKey;
pub(crate) use links::resolve;
pub(crate) use nar::NarError;
pub(crate) use store::{Proof, Store, StoreOptions};
pub use store_path::StorePath;
