//! Keys, tokens and other numbers that options carry.

/// Key of one end of a connection, 64 bits (RFC 8684 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

/// Token by which one end knows a connection, 32 bits (RFC 8684 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u32);

/// Random number of a join, 32 bits (RFC 8684 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub u32);

/// Number that one end gives to one of its addresses (RFC 8684 section 3.2); 0 is that of the first
/// subflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressId(pub u8);

/// Sequence number in the data stream of a connection, 64 bits, wraps (RFC 8684 section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataSeq(pub u64);

/// Sequence number in a subflow, relative to its initial one, 32 bits, wraps (RFC 8684 section
/// 3.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubflowSeq(pub u32);
