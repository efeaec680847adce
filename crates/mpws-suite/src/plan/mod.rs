//! From cases and peers to cells.
//!
//! | file | what it is |
//! |---|---|
//! | `cells.rs` | cells, and which of them cases have with peers |
//! | `pattern.rs` | patterns over names |
//! | `selector.rs` | which cells are meant |
//! | `choose.rs` | from what was asked for to a plan |
//! | `left_out.rs` | what does not exist here |
//! | `error.rs` | why there is no plan |

mod cells;
mod choose;
mod error;
pub(crate) mod left_out;
pub mod pattern;
mod selector;

pub use self::cells::{FIXTURE, Plan, PlannedCell, asked};
pub use self::choose::{Planned, Selection, choose};
pub use self::error::PlanError;
pub use self::pattern::{Pattern, PatternError};
pub use self::selector::{Group, Selector, Selectors};
