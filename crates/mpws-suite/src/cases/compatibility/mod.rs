//! Do two versions understand each other, and does a program written for one run on the other?

pub mod api;
pub mod deflate;
pub mod wire;
