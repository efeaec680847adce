//! Runs scripts: one connection, step by step, byte by byte where the script says so.

mod hex;
mod reading;
mod run;
mod writing;

pub use crate::errors::{ScriptError, StepError};
pub(crate) use run::Conversation;
