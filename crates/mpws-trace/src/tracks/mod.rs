//! One direction of one subflow, by places in its TCP stream.

mod ranges;
mod segments;
mod track;

pub(crate) use ranges::{Ranges, Unwrap, range};
pub use segments::{Held, HoldLimits, Segment};
pub(crate) use track::{
    DataPlaces, Declared, Mapped, Piece, Table, Track, View, mapping_place, places,
};
