//! The command as a user runs it.

mod by_hand;
mod check;
mod claims;
mod conditions;
mod help;
mod interrupt;
mod judge;
mod outcome;
mod peers;
mod support;
