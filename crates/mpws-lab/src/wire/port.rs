//! The interfaces between which the wire forwards.

use crate::topology::End;

/// One of the wire's interfaces.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) path: u8,
    /// Of the path, on whose side the interface is.
    pub(crate) end: End,
    /// Name of the host on that side.
    pub(crate) host: String,
    pub(crate) index: u32,
}
