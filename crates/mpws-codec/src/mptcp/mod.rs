//! MPTCP options: TCP option kind 30 (RFC 8684).
//!
//! - [`options`]: the options of a TCP header as they lie there, of any kind.
//! - [`MptcpOption`]: one option of kind 30 as a value, from and to bytes.
//! - [`edit`]: takes options out in place, as a middlebox does.
//! - [`crypto`]: what the endpoints compute from their keys.

pub mod crypto;
pub mod edit;
mod fields;
mod forms;
mod numbers;
mod option;
pub mod options;
mod subtype;

pub use forms::{
    AddAddr, CapableFlags, CapableForm, Dss, JoinForm, Mapping, MpCapable, MpFastclose, MpJoin,
    MpPrio, MpTcprst, RemoveAddr, ResetReason, WireSeq,
};
pub use numbers::{AddressId, DataSeq, Key, Nonce, SubflowSeq, Token};
pub use option::{MptcpOption, ParseOptionError, Problem};
pub use options::{OptionsError, RawOption, TcpOptions, subtypes};
pub use subtype::{KIND_MPTCP, Subtype};
