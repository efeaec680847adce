//! The command as a user runs it.

mod by_hand;
mod check;
mod conditions;
mod help;
mod interrupt;
mod outcome;
mod support;
