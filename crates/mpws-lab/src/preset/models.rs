//! The middlebox models that are known to matter to MPTCP, by name.

/// A condition with a name of its own. The name stands for its condition wherever a key can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name, as users type it.
    pub name: &'static str,
    /// Number of the model, 1 to 24; several presets may show one model.
    pub model: u8,
    /// What stands on the path.
    pub title: &'static str,
    /// The condition that it stands for, as [`PathSpec`](super::PathSpec) reads it.
    pub spec: &'static str,
    /// What comes of an MPTCP connection, on Linux 6.12 and later.
    pub effect: &'static str,
}

/// All presets, by model.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "strip",
        model: 1,
        title: "removes MPTCP options from every packet",
        spec: "strip",
        effect: "the client falls back to TCP while it connects; the server never sees MPTCP",
    },
    Preset {
        name: "strip-syn",
        model: 2,
        title: "removes MPTCP options from SYNs",
        spec: "strip=syn",
        effect: "the client falls back to TCP while it connects; the server never sees MPTCP",
    },
    Preset {
        name: "strip-syn-ack",
        model: 3,
        title: "removes MPTCP options from SYN/ACKs",
        spec: "strip=syn-ack",
        effect: "both ends fall back to TCP while they connect; the server has seen MP_CAPABLE",
    },
    Preset {
        name: "strip-data-up",
        model: 4,
        title: "removes MPTCP options from what the client sends after its SYN",
        spec: "strip=data-up",
        effect: "the server takes the connection for TCP; the client falls back with the first answer",
    },
    Preset {
        name: "strip-data-down",
        model: 4,
        title: "removes MPTCP options from what the server sends after its SYN/ACK",
        spec: "strip=data-down",
        effect: "both ends begin as MPTCP and fall back with the first data",
    },
    Preset {
        name: "strip-midway",
        model: 5,
        title: "begins to remove MPTCP options in mid-flow, as after a change of route",
        spec: "strip-after=12",
        effect: "a connection of one subflow goes on as TCP without loss; of several, the subflow is reset",
    },
    Preset {
        name: "drop-syn",
        model: 6,
        title: "loses SYNs with MPTCP options",
        spec: "drop=syn",
        effect: "the client sends its SYN again without, and remembers for the host that MPTCP is blackholed",
    },
    Preset {
        name: "reset-syn",
        model: 7,
        title: "answers SYNs with MPTCP options by a reset",
        spec: "reset=syn",
        effect: "connect fails with ECONNREFUSED; only the program can try TCP",
    },
    Preset {
        name: "drop-syn-ack",
        model: 8,
        title: "loses SYN/ACKs with MPTCP options",
        spec: "drop=syn-ack",
        effect: "connect hangs until the program gives up; no fallback while the SYN still asks for MPTCP",
    },
    Preset {
        name: "drop-data",
        model: 9,
        title: "loses packets with payload and MPTCP options",
        spec: "drop=data",
        effect: "the connection stands and carries nothing until a timer of the program ends it",
    },
    Preset {
        name: "gateway",
        model: 10,
        title: "rewrites payload and its length, as application gateways do, with good TCP checksums",
        spec: "replace=cat/tiger",
        effect: "without checksum the change is delivered; a change of length leaves bytes without mapping, and the receiver falls back",
    },
    Preset {
        name: "syn-proxy",
        model: 11,
        title: "answers SYNs in the server's name, as protection against floods",
        spec: "syn-proxy",
        effect: "the client falls back to TCP while it connects; the server never sees MPTCP",
    },
    Preset {
        name: "split-tcp",
        model: 12,
        title: "ends each TCP connection and begins another, as performance-enhancing proxies do",
        spec: "split-tcp",
        effect: "both ends talk TCP; on a further path the join does not come about",
    },
    Preset {
        name: "blackhole",
        model: 13,
        title: "loses every TCP packet and says nothing",
        spec: "blackhole",
        effect: "the path stalls, and another one carries on after a retransmission time-out",
    },
    Preset {
        name: "nat",
        model: 14,
        title: "translates addresses and ports",
        spec: "nat",
        effect: "MPTCP and joins work; the server sees the translator's address",
    },
    Preset {
        name: "nat-forgets",
        model: 14,
        title: "translates addresses and ports, and loses its table once",
        spec: "nat-flush-after=30",
        effect: "the subflow's packets come from a port that the server does not know, which resets it; another path carries on",
    },
    Preset {
        name: "reset-midway",
        model: 15,
        title: "injects resets into connections in mid-flow",
        spec: "reset-after=6",
        effect: "the subflow is gone; on another path the connection goes on, without one it ends by time-out",
    },
    Preset {
        name: "drop-add-addr",
        model: 16,
        title: "loses packets that announce an address",
        spec: "drop=add_addr",
        effect: "the announcement is repeated by timer; no join to that address, data go on",
    },
    Preset {
        name: "drop-remove-addr",
        model: 16,
        title: "loses packets that withdraw an address",
        spec: "drop=remove_addr",
        effect: "the other end keeps the subflow until it learns otherwise; data go on",
    },
    Preset {
        name: "isn",
        model: 17,
        title: "rewrites sequence numbers, as firewalls do that randomise initial ones",
        spec: "isn",
        effect: "MPTCP works: its mappings count from the initial sequence number",
    },
    Preset {
        name: "resegment",
        model: 18,
        title: "cuts packets into smaller ones, with all options on each",
        spec: "resegment=300",
        effect: "MPTCP works: a mapping may cover several packets",
    },
    Preset {
        name: "coalesce",
        model: 18,
        title: "merges packets into one, with the options of the first",
        spec: "coalesce=20ms",
        effect: "mappings of the later packets are lost, and the receiver falls back; the bytes arrive",
    },
    Preset {
        name: "unreliable",
        model: 19,
        title: "delays, loses, reorders and duplicates packets, and limits the rate",
        spec: "rate=20mbit,delay=10ms,jitter=2ms,loss=1%,reorder=1%,duplicate=1%,seed=1",
        effect: "MPTCP works; when the first data come out of order it may fall back, which RFC 8684 allows",
    },
    Preset {
        name: "balance",
        model: 20,
        title: "sends joins to another server, as load balancers do that know no tokens",
        spec: "balance",
        effect: "the join is reset for want of its token; data go on over the first path",
    },
    Preset {
        name: "unreachable",
        model: 21,
        title: "says by ICMP that there is no way",
        spec: "unreachable",
        effect: "connect fails, and a join does not come about; another path goes on",
    },
    Preset {
        name: "pmtu-blackhole",
        model: 21,
        title: "loses packets above an MTU that nobody is told of",
        spec: "mtu=1200,icmp=off",
        effect: "small messages pass, large ones stall on this path; another one carries them",
    },
    Preset {
        name: "normaliser",
        model: 22,
        title: "removes timestamps, SACK and window scale, and lowers the segment size",
        spec: "strip=tcp-options,mss=1000",
        effect: "MPTCP works",
    },
    Preset {
        name: "conntrack",
        model: 23,
        title: "drops packets that fit no connection which it saw begin, or not its window",
        spec: "conntrack",
        effect: "MPTCP and joins work; a connection older than the box is cut off",
    },
    Preset {
        name: "echo-options",
        model: 24,
        title: "a server that sends unknown options back in its SYN/ACK",
        spec: "echo-options",
        effect: "the client must take the MP_CAPABLE without key for TCP, and must not hang",
    },
];

impl Preset {
    /// The preset of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// How it is asked for on path 1, for example `--path 1:strip=syn`.
    pub fn example(&self) -> String {
        format!("--path 1:{}", self.spec)
    }
}

#[cfg(test)]
mod tests {
    use super::super::PathSpec;
    use super::*;

    #[test]
    fn there_is_a_preset_for_each_of_the_24_models_and_each_can_be_read_by_name_and_by_condition() {
        let mut models: Vec<u8> = PRESETS.iter().map(|preset| preset.model).collect();
        models.dedup();
        assert_eq!(models, (1..=24).collect::<Vec<_>>());
        for preset in PRESETS {
            let spec: PathSpec = preset.spec.parse().expect(preset.name);
            assert_eq!(spec.to_string(), preset.spec);
            assert_eq!(preset.name.parse(), Ok(spec), "{}", preset.name);
        }
    }

    #[test]
    fn no_two_presets_have_the_same_name() {
        for (at, preset) in PRESETS.iter().enumerate() {
            let first = PRESETS.iter().position(|other| other.name == preset.name);
            assert_eq!(first, Some(at), "{}", preset.name);
        }
    }
}
