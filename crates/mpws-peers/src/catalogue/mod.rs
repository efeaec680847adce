//! Which peers there are: `peer.toml` files, our own and the user's, and the peers that come of
//! them.
//!
//! One file may give several peers: `interop/websockets/peer.toml` gives one for each version and
//! implementation. Our own files are part of the program, so an installed command has them too.

mod blind;
mod builtin;
mod error;
mod expand;
mod file;
mod list;
mod pythons;
mod source;
mod spec;
mod template;

pub(crate) use blind::MPTCP_PLACE;
pub use error::CatalogueError;
pub use file::{Kind, Leave, Role, SCHEMA, schema};
pub use list::Catalogue;
pub use pythons::Pythons;
pub use spec::{
    BlindLines, BlindProgram, Document, Need, Needed, PeerSpec, Program, PythonProgram,
};
pub use template::filled;
