//! From evidence to a verdict, by a pure function: [`judge()`].
//!
//! For: deciding what carried the bytes of a cell and whether that, and what the wire, the kernels
//! and the peers showed beside it, is what was asked for. [`Demands`] is what a case and its steps
//! demand, [`Testimony`] is what was seen and said; both serialise, so saved evidence can be judged
//! again, by another version or on another machine. Not for: gathering evidence. Nothing here opens
//! a socket, asks a kernel, looks at a clock, or knows of labs.
//!
//! | module | what it is |
//! |---|---|
//! | [`demands`] | what must be seen |
//! | [`testimony`] | what wire, kernels, peers and host said |
//! | [`wire`] | the wire's part of a testimony, from a capture |
//! | [`mod@judge`] | the judgement |
//! | [`saved`] | demands and testimony of one cell as a file, judged again |
//! | `testing` | builders for tests (feature `testing`) |

#![forbid(unsafe_code)]

pub mod demands;
pub mod judge;
pub mod saved;
pub mod testimony;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod wire;

pub use demands::{Count, Demands, Illegal, Placed, PlacedKind};
pub use judge::{Judgement, judge};
pub use testimony::{End, Exit, Sides, Testimony};
pub use wire::{Parties, Wire};
