//! Tests through the public interface; one file a part, one binary for all of them, because linking is what takes the time.

mod archive;
mod support;
mod tree;
