//! A capture as somebody else's reader sees it.

use etherparse::{SlicedPacket, TransportSlice};
use mpws_lab::Lab;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::{Block, PcapNgReader};
use std::fs::File;
use std::io::BufReader;
use std::time::Duration;

/// What every comment begins with.
const MARK: &str = "mpws 1: ";

/// A packet as it stands in the capture.
pub struct Recorded {
    pub interface: u32,
    pub time: Duration,
    pub outbound: bool,
    /// Without their mark, which all have.
    pub comments: Vec<String>,
    /// Length on the wire, in bytes.
    pub length: usize,
    pub frame: Vec<u8>,
}

impl Recorded {
    /// What the wire did to it, if anything.
    pub fn comment(&self) -> &str {
        self.comments.first().map_or("", String::as_str)
    }

    /// When it arrives, counted from its time stamp; `None` for what is lost or arrives at once.
    pub fn due(&self) -> Option<Duration> {
        self.comments.iter().find_map(|comment| {
            let seconds = comment.strip_prefix("due +")?.strip_suffix(" s")?;
            let (whole, rest) = seconds.split_once('.')?;
            let nanoseconds = rest.parse().expect("nanoseconds");
            Some(Duration::new(whole.parse().expect("seconds"), nanoseconds))
        })
    }

    /// TCP header and payload in a form that is easily compared: flags that are set, then payload.
    pub fn tcp(&self) -> (String, Vec<u8>) {
        let sliced = SlicedPacket::from_ethernet(&self.frame).expect("a frame");
        let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
            return (String::new(), Vec::new());
        };
        let set = [
            (tcp.syn(), 'S'),
            (tcp.ack(), 'A'),
            (tcp.fin(), 'F'),
            (tcp.rst(), 'R'),
        ];
        let flags = set.iter().filter(|(set, _)| *set).map(|(_, flag)| *flag);
        (flags.collect(), tcp.payload().to_vec())
    }
}

pub fn read(file: File) -> (Vec<String>, Vec<Recorded>) {
    let mut reader = PcapNgReader::new(BufReader::new(file)).expect("section header");
    let (mut names, mut packets) = (Vec::new(), Vec::new());
    while let Some(block) = reader.next_block() {
        match block.expect("block") {
            Block::InterfaceDescription(interface) => {
                let name = interface.options.iter().find_map(|option| match option {
                    InterfaceDescriptionOption::IfName(name) => Some(name.to_string()),
                    _ => None,
                });
                names.push(name.expect("interface name"));
            }
            Block::EnhancedPacket(packet) => {
                let mut recorded = Recorded {
                    interface: packet.interface_id,
                    time: packet.timestamp,
                    outbound: false,
                    comments: Vec::new(),
                    length: packet.original_len as usize,
                    frame: packet.data.to_vec(),
                };
                for option in &packet.options {
                    match option {
                        EnhancedPacketOption::Comment(text) => {
                            let text = text.strip_prefix(MARK).expect("the mark of the wire");
                            recorded.comments.push(text.to_owned());
                        }
                        EnhancedPacketOption::Flags(flags) => recorded.outbound = flags & 3 == 2,
                        _ => {}
                    }
                }
                packets.push(recorded);
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    (names, packets)
}

/// All TCP packets that crossed a lab.
pub fn tcp_packets(lab: &Lab) -> Vec<Recorded> {
    let (_, mut packets) = read(lab.capture().expect("capture"));
    packets.retain(|packet| !packet.tcp().0.is_empty());
    packets
}
