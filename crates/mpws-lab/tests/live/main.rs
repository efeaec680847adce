//! Labs on the running kernel. One program, so that it links once, and shares its entry points.

// Registering an entry point must need no unsafe code of the user.
#![forbid(unsafe_code)]

mod boxes;
mod capture;
mod common;
mod death;
mod entered;
mod lab;
mod peers;
mod presets;
mod recorded;
mod shape;
mod wire;
