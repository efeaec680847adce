//! permessage-deflate (RFC 7692): its negotiation, and the transformation of messages.
//!
//! - [`ExtensionList`] reads any `Sec-WebSocket-Extensions` header (RFC 6455 section 9.1).
//! - [`Offer`], [`Preferences`], [`Agreement`]: what a client offers, what a server wants, and what
//!   both then do. Both sides of the negotiation are pure functions: [`Preferences::answer`] and
//!   [`Agreement::accept`].
//! - [`Compressor`] and [`Decompressor`] transform the messages of one direction.
//!
//! Framing is the caller's: RSV1 is set on the first frame of a compressed message and on no other
//! (section 6).

mod coder;
mod extension;
mod negotiation;
mod window;

pub use coder::{CompressError, Compressor, DecompressError, Decompressor};
pub use extension::{Extension, ExtensionList, ListError, Parameter};
pub use negotiation::{
    Agreement, AnswerError, ClientWindow, NAME, Offer, ParameterError, Preferences,
};
pub use window::WindowBits;
