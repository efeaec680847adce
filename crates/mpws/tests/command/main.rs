//! The command as a user runs it.

mod by_hand;
mod help;
mod interrupt;
mod outcome;
mod support;
