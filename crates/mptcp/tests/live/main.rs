//! The whole crate against the running kernel, each test in a network namespace of its own.

mod harness;

mod connections;
mod namespaces;
mod path_manager;
mod user_space_paths;
