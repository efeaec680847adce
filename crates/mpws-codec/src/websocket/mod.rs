//! WebSocket (RFC 6455): frames, and the HTTP heads of the opening handshake.
//!
//! - [`FrameSpec`] writes any frame, legal or not; [`FrameHeader`] is the part before the payload.
//! - [`Decoder`] reads frames and says which rules each breaks, instead of refusing it.
//! - [`Head`] and [`accept_key`]: the opening handshake.

mod decoder;
mod frame;
mod handshake;

pub use decoder::{DecodeError, DecodedFrame, Decoder, Sender, Violation};
pub use frame::{FrameHeader, FrameSpec, LengthForm, apply_mask, opcode};
pub use handshake::{Head, HeadError, accept_key};
