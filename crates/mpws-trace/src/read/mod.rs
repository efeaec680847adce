//! Reads capture files: pcap and pcapng, one packet at a time.

mod error;
pub(crate) mod link;
mod pcap;
mod pcapng;
mod reader;
mod record;
mod source;

pub use error::{ReadError, ReadProblem};
pub use link::LinkType;
pub(crate) use link::NoIp;
pub use reader::{CaptureReader, read_pcapng};
pub use record::PacketRecord;
