//! Does a second path join the connection, and does a path that cannot join do no harm?
//!
//! The user of a library sees one connection whatever becomes of its subflows: one accept, one peer
//! address, nothing lost.

pub mod boxes;
pub mod flags;
pub mod obstructed;
pub mod opened;

use crate::case::Case;

/// The ground of this family: two paths; TCP has no joins to compare with.
const BASE: Case = Case {
    paths: 2,
    network: "two paths, nothing in the way",
    control: false,
    ..Case::BASE
};
