//! The middleboxes that stand on the paths: a file each, named as users name the box.
//!
//! `machine` says what a box is to the wire, `build` makes one of its description, `passage` is the
//! way of a frame through those of its path. `outlet`, `segment` and `flows` are what most of
//! them are made of.

mod balance;
mod bridge;
mod build;
mod coalesce;
mod conntrack;
mod echo_options;
mod flows;
mod isn;
mod machine;
mod nat;
mod neighbour;
mod outlet;
mod passage;
mod replace;
mod resegment;
mod reset_after;
#[cfg(test)]
mod rig;
mod rule;
mod segment;
mod split_tcp;
mod syn_proxy;
mod unreachable;

pub(crate) use build::build;
pub(crate) use passage::{Boxes, Made, WentOn};
