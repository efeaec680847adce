//! One direction of one subflow, by places in its TCP stream.

mod ranges;
mod segments;
mod table;
mod track;

pub(crate) use ranges::{Ranges, Unwrap, range};
pub use segments::{NagleDelay, NagleLimits, Segment};
pub(crate) use table::{DataPlaces, Mapped, Table};
pub(crate) use track::{Declared, Piece, Track, mapping_place, places};
