//! What peers need to run, made on first use and used again, in one folder of state.
//!
//! ```text
//! STATE/python/KEY/        packages of one requirements file for one interpreter
//! STATE/python/KEY.lock    held while it is made
//! STATE/adapter/KEY/       files of one adapter, compiled for one interpreter
//! STATE/wheels/KEY/        wheels of one requirements file for the Python of an image
//! STATE/blind/KEY/         files of one blind peer, and what was compiled of them
//! ```
//!
//! A key is a hash of all that goes in, and a folder gets its name when it is complete, so a folder
//! that is there can be used. Nothing is written outside the folder of state.

mod adapter;
mod blind_program;
mod error;
mod interpreter;
mod made;
mod packages;
mod python;
mod state;
mod tool;
#[cfg(feature = "containers")]
mod wheels;

pub use error::EnvironmentError;
pub use interpreter::PYTHON;
#[cfg(feature = "containers")]
pub(crate) use made::{Held, key};
pub use python::Prepared;
pub(crate) use state::BlindMade;
pub use state::{STATE, StateFolder};
#[cfg(feature = "containers")]
pub(crate) use wheels::{Libc, Target};
