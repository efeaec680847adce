//! The rules that are installed, and what they decide.

use crate::rule::{Action, Bytes, Match, MptcpMatch, Rule, Which};
use crate::wire::packet::{self, Packet};
use etherparse::TcpSlice;
use mpws_codec::mptcp::{Subtype, options};
use mpws_packet::Name;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

/// All rules, in the order in which they are asked.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    installed: Vec<Installed>,
    next: u64,
    streams: Streams,
}

/// Where the streams that cross the wire begin.
#[derive(Debug, Default)]
struct Streams {
    /// First sequence number after the SYN, by source and destination.
    first: HashMap<(SocketAddr, SocketAddr), u32>,
}

/// So many streams are known at a time; the next one makes the wire forget them all.
const MOST_STREAMS: usize = 1 << 16;

#[derive(Debug)]
struct Installed {
    id: u64,
    name: Name,
    rule: Rule,
    /// Packets that all but `which` selects.
    seen: u64,
    hits: u64,
}

/// What a rule wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) rule: Name,
    pub(crate) action: Action,
}

impl Rules {
    pub(crate) fn is_empty(&self) -> bool {
        self.installed.is_empty()
    }

    pub(crate) fn install(&mut self, rule: Rule) -> io::Result<u64> {
        let invalid = |why| io::Error::new(io::ErrorKind::InvalidInput, why);
        let name = Name::new(&rule.name).map_err(invalid)?;
        self.next += 1;
        self.installed.push(Installed {
            id: self.next,
            name,
            rule,
            seen: 0,
            hits: 0,
        });
        Ok(self.next)
    }

    /// Takes note of a frame, which rules may or may not be asked about.
    pub(crate) fn see(&mut self, frame: &[u8]) {
        if packet::is_syn(frame)
            && let Some(packet) = Packet::parse(frame)
            && let Some((stream, tcp)) = stream(&packet, frame)
        {
            let first = &mut self.streams.first;
            if first.len() >= MOST_STREAMS {
                first.clear();
            }
            first.insert(stream, tcp.sequence_number().wrapping_add(1));
        }
    }

    /// Says whether there was such a rule.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.installed.len();
        self.installed.retain(|installed| installed.id != id);
        self.installed.len() < before
    }

    pub(crate) fn hits(&self, id: u64) -> Option<u64> {
        self.installed
            .iter()
            .find(|installed| installed.id == id)
            .map(|installed| installed.hits)
    }

    /// Asks the rules about a packet that came by this path from this host.
    pub(crate) fn decide(
        &mut self,
        path: u8,
        host: &str,
        packet: &Packet,
        frame: &[u8],
    ) -> Option<Decision> {
        let streams = &self.streams;
        self.installed.iter_mut().find_map(|installed| {
            if !streams.select(installed.rule.when.bytes, packet, frame)
                || !selects(&installed.rule.when, path, host, packet, frame)
            {
                return None;
            }
            installed.seen += 1;
            let counted = match installed.rule.when.which {
                Which::All => true,
                Which::First(count) => installed.seen <= count,
                Which::Nth(number) => installed.seen == number,
                Which::After(number) => installed.seen > number,
                Which::Every(number) => installed.seen.is_multiple_of(number),
            };
            counted.then(|| {
                installed.hits += 1;
                Decision {
                    rule: installed.name.clone(),
                    action: installed.rule.then.clone(),
                }
            })
        })
    }
}

impl Streams {
    /// Whether the packet carries some of this part of its stream.
    fn select(&self, wanted: Option<Bytes>, packet: &Packet, frame: &[u8]) -> bool {
        let Some(wanted) = wanted else {
            return true;
        };
        let place = stream(packet, frame).and_then(|(stream, tcp)| {
            let first = *self.first.get(&stream)?;
            let from = u64::from(tcp.sequence_number().wrapping_sub(first));
            Some((from, from + tcp.payload().len() as u64))
        });
        place.is_some_and(|(from, to)| {
            from < to && from < u64::from(wanted.to) && u64::from(wanted.from) < to
        })
    }
}

/// Source, destination and segment.
fn stream<'a>(
    packet: &Packet,
    frame: &'a [u8],
) -> Option<((SocketAddr, SocketAddr), TcpSlice<'a>)> {
    let tcp = packet.tcp(frame)?;
    let (source, destination) = packet.addresses();
    let ends = (
        SocketAddr::new(source, tcp.source_port()),
        SocketAddr::new(destination, tcp.destination_port()),
    );
    Some((ends, tcp))
}

/// Whether all that the match asks of the packet alone holds, `which` aside.
fn selects(when: &Match, path: u8, host: &str, packet: &Packet, frame: &[u8]) -> bool {
    let Some(tcp) = packet.tcp(frame) else {
        return false;
    };
    let options = packet.options(frame);
    let same = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
    let ports = [tcp.source_port(), tcp.destination_port()];
    when.path.is_none_or(|wanted| wanted == path)
        && when.from.as_deref().is_none_or(|wanted| wanted == host)
        && same(when.syn, tcp.syn())
        && same(when.ack, tcp.ack())
        && same(when.fin, tcp.fin())
        && same(when.rst, tcp.rst())
        && same(when.payload, !tcp.payload().is_empty())
        && when.port.is_none_or(|wanted| ports.contains(&wanted))
        && when.mptcp.is_none_or(|wanted| mptcp(wanted, options))
}

fn mptcp(wanted: MptcpMatch, bytes: &[u8]) -> bool {
    let mut subtypes = options::subtypes(bytes);
    match wanted {
        MptcpMatch::Any => subtypes.next().is_some(),
        MptcpMatch::None => subtypes.next().is_none(),
        MptcpMatch::Subtype(number) => {
            let wanted = Subtype::from_number(number);
            subtypes.any(|subtype| subtype == wanted)
        }
    }
}
