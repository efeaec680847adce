//! What an operation is.

use serde::Serialize;

/// An operation: the type is its arguments.
pub trait Operation: Serialize {
    /// Its name in the protocol, such as `socket.create`.
    const NAME: &'static str;
    /// What the peer answers when it worked.
    type Reply: serde::de::DeserializeOwned + std::fmt::Debug;
}
