//! Makes captures: a conversation packet by packet, as the wire of a lab would have recorded it.

use std::net::SocketAddr;

use etherparse::PacketBuilder;
use mpws_codec::mptcp::{
    CapableFlags, CapableForm, DataSeq, Dss, JoinForm, Key, Mapping, MpCapable, MpJoin,
    MptcpOption, Nonce, SubflowSeq, WireSeq, crypto::join_hmac, edit,
};
use mpws_packet::MARK;
use mpws_trace::{Connection, LinkType, PacketRecord, analyse};

pub const CLIENT_KEY: Key = Key(0x0123_4567_89ab_cdef);
pub const SERVER_KEY: Key = Key(0xfedc_ba98_7654_3210);
pub const MSS: u16 = 1460;

const TCP_HEADER_AT: usize = 14 + 20;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

pub use Side::{Client, Server};

/// A TCP connection in the making.
pub struct Talk {
    pub records: Vec<PacketRecord>,
    pub now_ns: u64,
    pub client: SocketAddr,
    pub server: SocketAddr,
    pub path: &'static str,
    /// Next sequence numbers, client and server.
    pub next: [u32; 2],
    /// First sequence numbers after the SYN.
    first: [u32; 2],
    /// Next data sequence numbers.
    pub data: [u64; 2],
}

impl Talk {
    pub fn new() -> Self {
        Self::between("10.0.1.1:40000", "10.0.1.2:8080")
    }

    pub fn between(client: &str, server: &str) -> Self {
        Self {
            records: Vec::new(),
            now_ns: 1_000_000_000,
            client: client.parse().expect("an address"),
            server: server.parse().expect("an address"),
            path: "path1",
            // The client's numbers wrap early.
            next: [0xffff_fffa, 5000],
            first: [0xffff_fffb, 5001],
            data: [
                CLIENT_KEY.idsn().0.wrapping_add(1),
                SERVER_KEY.idsn().0.wrapping_add(1),
            ],
        }
    }

    /// A further subflow of the same connection, at the same time and place of the data.
    pub fn joined(&self, client: &str, server: &str) -> Self {
        Self {
            now_ns: self.now_ns,
            data: self.data,
            ..Self::between(client, server)
        }
    }

    /// Back to the sequence numbers of the SYN.
    pub fn restart(&mut self) -> &mut Self {
        self.next = [0xffff_fffa, 5000];
        self
    }

    /// Lets time go by.
    pub fn wait_ms(&mut self, ms: u64) -> &mut Self {
        self.now_ns += ms * 1_000_000;
        self
    }

    /// One packet. Flags: S, A, F, R. Time goes on by 0.1 ms.
    pub fn packet(
        &mut self,
        from: Side,
        flags: &str,
        mptcp: &[MptcpOption],
        payload: &[u8],
    ) -> &mut Self {
        self.now_ns += 100_000;
        let (source, destination) = match from {
            Client => (self.client, self.server),
            Server => (self.server, self.client),
        };
        let own = from as usize;
        let ack = self.next[1 - own];
        let seq = self.next[own];
        let mut options = Vec::new();
        if flags.contains('S') {
            options.extend([2, 4]);
            options.extend(MSS.to_be_bytes());
        }
        options.extend(mptcp.iter().flat_map(MptcpOption::build));
        options.resize(options.len().next_multiple_of(4), 1);
        let (SocketAddr::V4(from4), SocketAddr::V4(to4)) = (source, destination) else {
            panic!("the tests use IPv4")
        };
        let mut tcp = PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4(from4.ip().octets(), to4.ip().octets(), 64)
            .tcp(source.port(), destination.port(), seq, 65535)
            .options_raw(&options)
            .expect("options that fit");
        for flag in flags.chars() {
            tcp = match flag {
                'S' => tcp.syn(),
                'A' => tcp.ack(ack),
                'F' => tcp.fin(),
                'R' => tcp.rst(),
                other => panic!("no flag {other}"),
            };
        }
        let mut data = Vec::new();
        tcp.write(&mut data, payload).expect("a vector takes it");
        let taken = payload.len() + flags.matches(['S', 'F']).count();
        self.next[own] = seq.wrapping_add(taken as u32);
        self.records.push(PacketRecord {
            offset: 0,
            time_ns: self.now_ns,
            interface: self.path.into(),
            comments: Vec::new(),
            link_type: LinkType::ETHERNET,
            length: data.len() as u32,
            data: data.into(),
        });
        self
    }

    /// The wire says something of the last packet.
    pub fn comment(&mut self, comment: &str) -> &mut Self {
        self.last().comments.push(format!("{MARK}{comment}"));
        self
    }

    pub fn dropped(&mut self) -> &mut Self {
        self.comment("drop by rule")
    }

    /// The wire takes all MPTCP options out of the last packet.
    pub fn stripped(&mut self) -> &mut Self {
        self.rewritten(|options, _| {
            edit::strip_mptcp(options);
        })
    }

    /// The wire changes TCP options or payload of the last packet.
    pub fn rewritten(&mut self, change: impl FnOnce(&mut [u8], &mut [u8])) -> &mut Self {
        let mut delivered = self.last().clone();
        self.comment("rewrite by rule");
        delivered.comments.push(format!("{MARK}rewritten by rule"));
        let mut data = delivered.data.to_vec();
        let header = usize::from(data[TCP_HEADER_AT + 12] >> 4) * 4;
        let (head, payload) = data.split_at_mut(TCP_HEADER_AT + header);
        change(&mut head[TCP_HEADER_AT + 20..], payload);
        delivered.data = data.into();
        self.records.push(delivered);
        self
    }

    /// Sends again what the side sent last, without taking sequence numbers twice.
    pub fn again(
        &mut self,
        from: Side,
        flags: &str,
        mptcp: &[MptcpOption],
        payload: &[u8],
    ) -> &mut Self {
        let taken = payload.len() + flags.matches(['S', 'F']).count();
        let own = from as usize;
        self.next[own] = self.next[own].wrapping_sub(taken as u32);
        self.packet(from, flags, mptcp, payload)
    }

    pub fn tcp_handshake(&mut self) -> &mut Self {
        self.packet(Client, "S", &[], b"")
            .packet(Server, "SA", &[], b"")
            .packet(Client, "A", &[], b"")
    }

    pub fn mptcp_handshake(&mut self) -> &mut Self {
        self.packet(Client, "S", &[capable_syn()], b"")
            .packet(Server, "SA", &[capable_syn_ack()], b"")
            .packet(Client, "A", &[capable_ack()], b"")
    }

    /// Opens a further subflow, with the right HMACs.
    pub fn join_handshake(&mut self) -> &mut Self {
        let [syn, syn_ack, ack] = right_joins();
        self.packet(Client, "S", &[syn], b"")
            .packet(Server, "SA", &[syn_ack], b"")
            .packet(Client, "A", &[ack], b"")
            .ack(Server)
    }

    /// Data with its mapping.
    pub fn data(&mut self, from: Side, payload: &[u8]) -> &mut Self {
        let mapping = self.mapping(from, payload.len() as u16);
        self.data[from as usize] += payload.len() as u64;
        self.packet(from, "A", &[mapping], payload)
    }

    /// A mapping of the next so many bytes.
    pub fn mapping(&self, from: Side, length: u16) -> MptcpOption {
        let own = from as usize;
        MptcpOption::Dss(Dss {
            data_ack: Some(WireSeq::Short(self.data[1 - own] as u32)),
            mapping: Some(Mapping {
                data_seq: WireSeq::Long(DataSeq(self.data[own])),
                subflow_seq: SubflowSeq(
                    self.next[own].wrapping_sub(self.first[own]).wrapping_add(1),
                ),
                length,
                checksum: None,
            }),
            data_fin: false,
            reserved: 0,
        })
    }

    /// A bare acknowledgement with a data acknowledgement.
    pub fn ack(&mut self, from: Side) -> &mut Self {
        let ack = WireSeq::Short(self.data[1 - from as usize] as u32);
        let dss = Dss {
            data_ack: Some(ack),
            mapping: None,
            data_fin: false,
            reserved: 0,
        };
        self.packet(from, "A", &[MptcpOption::Dss(dss)], b"")
    }

    /// The only connection of the capture.
    pub fn connection(&self) -> Connection {
        let mut trace = analyse(&self.records);
        assert_eq!(trace.connections.len(), 1, "{:?}", trace.connections);
        assert_eq!(trace.counts.unread(), 0);
        trace.connections.remove(0)
    }

    fn last(&mut self) -> &mut PacketRecord {
        self.records.last_mut().expect("a packet was sent")
    }
}

pub fn capable(form: CapableForm) -> MptcpOption {
    MptcpOption::MpCapable(MpCapable {
        version: 1,
        flags: CapableFlags::DEFAULT,
        form,
    })
}

pub fn capable_syn() -> MptcpOption {
    capable(CapableForm::Bare)
}

pub fn capable_syn_ack() -> MptcpOption {
    capable(CapableForm::OneKey(SERVER_KEY))
}

pub fn capable_ack() -> MptcpOption {
    capable(CapableForm::BothKeys {
        sender: CLIENT_KEY,
        receiver: SERVER_KEY,
    })
}

pub fn capable_data(length: u16) -> MptcpOption {
    capable(CapableForm::Data {
        sender: CLIENT_KEY,
        receiver: SERVER_KEY,
        length,
        checksum: None,
    })
}

/// MP_JOIN of SYN, SYN/ACK and third ACK, with the right HMACs.
pub fn right_joins() -> [MptcpOption; 3] {
    let [syn, mut syn_ack, mut ack] = joins();
    let nonce = Nonce(7);
    if let MptcpOption::MpJoin(MpJoin::SynAck { hmac, .. }) = &mut syn_ack {
        let full = join_hmac(SERVER_KEY, CLIENT_KEY, nonce, nonce);
        hmac.copy_from_slice(&full[..8]);
    }
    if let MptcpOption::MpJoin(MpJoin::Ack { hmac, .. }) = &mut ack {
        let full = join_hmac(CLIENT_KEY, SERVER_KEY, nonce, nonce);
        hmac.copy_from_slice(&full[..20]);
    }
    [syn, syn_ack, ack]
}

/// MP_JOIN of SYN, SYN/ACK and third ACK; the HMACs are wrong.
pub fn joins() -> [MptcpOption; 3] {
    let common = JoinForm {
        address: mpws_codec::mptcp::AddressId(1),
        backup: false,
        reserved: 0,
    };
    let nonce = Nonce(7);
    [
        MptcpOption::MpJoin(MpJoin::Syn {
            token: SERVER_KEY.token(),
            nonce,
            common,
        }),
        MptcpOption::MpJoin(MpJoin::SynAck {
            hmac: [1; 8],
            nonce,
            common,
        }),
        MptcpOption::MpJoin(MpJoin::Ack {
            hmac: [1; 20],
            reserved: 0,
        }),
    ]
}
