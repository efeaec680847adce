//! A cell while it runs: two peers, a lab between them, and what was judged so far.
//!
//! | file | what a case's steps can do |
//! |---|---|
//! | `running.rs` | ask what the cell is about; judge and record |
//! | `end.rs` | end early, and tell why |
//! | `network.rs` | sysctls, witnesses |
//! | `on_the_wire.rs` | rules and middleboxes |
//! | `asking.rs` | single operations of the peers |
//! | `sockets.rs` | sockets of the suite's own, for what is asked of the kernel alone |
//! | `effects.rs` | what a cell does to its surroundings, in one place |
//! | `paths.rs` | endpoints, limits, links, and what must be seen of them |
//! | `waiting.rs` | wait for joins, counters and packets |
//! | `ordinary.rs` | what careful users do: serve, connect, echo, close |

mod asking;
pub(crate) mod effects;
mod end;
mod network;
mod on_the_wire;
mod ordinary;
mod paths;
mod running;
mod sockets;
mod waiting;

pub use mpws_judge::Count;

pub use self::end::{CellEnd, Outcome, classes, describe};
pub use self::ordinary::{Connect, Serve};
pub use self::running::{Cell, PORT};
pub(crate) use self::running::{Counted, Paths};
pub(crate) use self::sockets::stray;
pub use self::sockets::{Wired, accept, carry, refused};
