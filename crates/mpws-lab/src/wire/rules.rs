//! The rules that are installed, and what they decide.

use crate::rule::{Action, Match, MptcpMatch, Rule, Which};
use crate::wire::packet::Packet;
use mpws_codec::mptcp::{Subtype, options};

/// All rules, in the order in which they are asked.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    installed: Vec<Installed>,
    next: u64,
}

#[derive(Debug)]
struct Installed {
    id: u64,
    rule: Rule,
    /// Packets that all but `which` selects.
    seen: u64,
    hits: u64,
}

/// What a rule wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) rule: String,
    pub(crate) action: Action,
}

impl Rules {
    pub(crate) fn is_empty(&self) -> bool {
        self.installed.is_empty()
    }

    pub(crate) fn install(&mut self, rule: Rule) -> u64 {
        self.next += 1;
        self.installed.push(Installed {
            id: self.next,
            rule,
            seen: 0,
            hits: 0,
        });
        self.next
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
        self.installed.iter_mut().find_map(|installed| {
            if !selects(&installed.rule.when, path, host, packet, frame) {
                return None;
            }
            installed.seen += 1;
            let counted = match installed.rule.when.which {
                Which::All => true,
                Which::First(count) => installed.seen <= count,
                Which::Nth(number) => installed.seen == number,
                Which::After(number) => installed.seen > number,
            };
            counted.then(|| {
                installed.hits += 1;
                Decision {
                    rule: installed.rule.name.clone(),
                    action: installed.rule.then.clone(),
                }
            })
        })
    }
}

/// Whether all that the match asks holds, `which` aside.
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
