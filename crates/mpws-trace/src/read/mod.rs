//! Reads capture files: pcap and pcapng, one packet at a time.

mod error;
pub(crate) mod link;
mod pcap;
mod pcapng;
mod reader;
mod source;

pub use error::{ReadError, ReadProblem};
pub use link::LinkType;
pub(crate) use link::NoIp;
use reader::MAX_BLOCK;
pub use reader::{CaptureReader, PacketRecord, read_pcapng};
