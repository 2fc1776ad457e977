//! Tests through the public interface; one file a part, one binary for all of them, because linking is what takes the time.

mod inventory;
mod inventory_b;
mod support;
