//! The result of measurements: what `bench.json` holds, and what is told while they go on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tool::Tool;

/// Value of [`BenchResult::schema`].
pub const BENCH_SCHEMA: &str = "mpws-bench/1";

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BenchResult {
    /// [`BENCH_SCHEMA`].
    pub schema: String,
    /// What made it.
    pub tool: Tool,
    /// When it began, RFC 3339, UTC.
    pub started_at: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Where it ran.
    pub machine: Machine,
    /// From which the contents of messages were made.
    pub seed: u64,
    /// Rounds that were asked for; each row tells how many it has.
    pub rounds: u32,
    /// Whether it was made short, for a first look.
    pub quick: bool,
    /// Whether it was stopped before its end; rows that were not begun are `not-measured`.
    pub interrupted: bool,
    /// What may have spoilt the figures.
    pub warnings: Vec<String>,
    /// What was measured, pair by pair.
    pub pairs: Vec<PairResult>,
}

/// The machine, as far as it matters for figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Kernel release.
    pub kernel: String,
    /// Machine architecture.
    pub architecture: String,
    /// Logical processors.
    pub processors: usize,
    /// Part of all processors' time that others used just before the run, 0 to 1; absent where it
    /// cannot be told.
    pub busy: Option<f64>,
}

/// One client with one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairResult {
    /// Client peer.
    pub client: String,
    /// Server peer.
    pub server: String,
    /// What the two said of themselves, as far as they were started.
    pub peers: Vec<BenchPeer>,
    /// One for each measure.
    pub rows: Vec<Row>,
}

/// What a peer said of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BenchPeer {
    /// Its name.
    pub peer: String,
    /// Version that it said it really loaded.
    pub version: String,
    /// Its language runtime.
    pub runtime: String,
    /// Its C library.
    pub libc: String,
}

/// One measure of one pair, over MPTCP and over TCP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What is measured.
    pub measure: Measure,
    /// The network, in words.
    pub network: String,
    /// Whose clock was read, and what lies between its two readings.
    pub method: Method,
    /// What came of it.
    pub outcome: Outcome,
    /// What is demanded of the figures, and whether it holds.
    pub judgements: Vec<Judgement>,
}

/// What is measured.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// How long a connection takes to stand.
    Connect,
    /// How long the opening handshake of WebSocket takes on it.
    Upgrade,
    /// How long a message of 64 bytes takes there and back.
    #[serde(rename = "latency-64")]
    Latency64,
    /// How long a message of 1000 bytes takes there and back.
    #[serde(rename = "latency-1000")]
    Latency1000,
    /// Goodput from client to server on one path.
    BulkUp,
    /// Goodput from server to client on one path.
    BulkDown,
    /// Goodput from client to server over two shaped paths.
    AggregationUp,
    /// Goodput from server to client over two shaped paths.
    AggregationDown,
    /// What a stream of messages suffers when the first of two paths is cut.
    Failover,
}

/// How a figure was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// The clock that the times are of.
    pub clock: Clock,
    /// Smallest difference that the clock and its histogram tell apart, in nanoseconds.
    pub resolution_ns: u64,
    /// What lies between the two readings.
    pub includes: String,
}

/// Whose clock was read. It is never the clock of a peer that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// The monotonic clock in the fixture's client, which runs inside this program.
    Client,
    /// The kernel's time stamps of the packets on the wire.
    Wire,
}

/// What came of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Outcome {
    /// There are figures, and the transport behind each of them is proven.
    Measured {
        /// Over MPTCP.
        mptcp: Box<SideResult>,
        /// Over plain TCP.
        tcp: Box<SideResult>,
        /// Median, over the rounds, of the figure over MPTCP divided by that over TCP in the same
        /// round; absent where one of the latter is 0.
        ratio: Option<f64>,
    },
    /// There are none, because something was not as it must be.
    Error {
        /// Whose fault it is.
        fault: Fault,
        /// What was wrong.
        reason: String,
    },
    /// It was not tried.
    NotMeasured {
        /// Why it was not tried.
        reason: String,
    },
}

/// Whose fault it is that a row has no figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The transport was not what the row is about.
    Transport,
    /// A peer did not do what it was asked to.
    Peer,
    /// This host cannot do it.
    Host,
    /// The bench itself.
    Bench,
}

/// One transport of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SideResult {
    /// Rounds behind the figure.
    pub rounds: u32,
    /// What was measured over this transport.
    pub figure: Figure,
    /// Why it is known what carried the bytes.
    pub proof: Proof,
}

/// What a measure gives, by its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Figure {
    /// Times.
    Times(Times),
    /// Goodput.
    Goodput(Goodput),
    /// A stream that was cut.
    Stream(Stream),
}

/// A distribution of times, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// How many were measured.
    pub count: u64,
    /// Shortest.
    pub min_ns: u64,
    /// Median.
    pub p50_ns: u64,
    /// 90 of 100 were at most this long.
    pub p90_ns: u64,
    /// 99 of 100 were at most this long.
    pub p99_ns: u64,
    /// Longest.
    pub max_ns: u64,
    /// Mean.
    pub mean_ns: f64,
    /// Median of each round, in order.
    pub round_p50_ns: Vec<u64>,
    /// The whole distribution: largest time of a step of the histogram (3 significant digits), and
    /// how many fell into it; steps without any are left out.
    pub steps: Vec<(u64, u64)>,
}

/// Bytes of message content that arrived in a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Goodput {
    /// Median of the rounds, in bit/s.
    pub median_bps: f64,
    /// Each round, in bit/s, in order.
    pub round_bps: Vec<f64>,
    /// What the network could carry at most; absent where it is not shaped.
    pub capacity: Option<Capacity>,
    /// `median_bps` divided by that.
    pub fraction: Option<f64>,
}

/// What shaped paths can carry of message content, by rate and headers alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Rate of each path that the transport may use, in bit/s of whole frames.
    pub rates_bps: Vec<u64>,
    /// Bytes of a full frame, Ethernet header included.
    pub frame: u32,
    /// Bytes of it that are headers: Ethernet, IP, TCP, and TCP's options with DSS where it is
    /// MPTCP.
    pub headers: u32,
    /// In words, where these bytes come from.
    pub headers_are: String,
    /// The sum over the paths of rate times payload by frame, in bit/s.
    pub payload_bps: f64,
}

/// What came of a stream of numbered messages that were sent at a steady pace and echoed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Time between two messages, in milliseconds.
    pub pace_ms: u64,
    /// How long the path was cut, in milliseconds.
    pub cut_ms: u64,
    /// Messages sent, of all rounds.
    pub sent: u64,
    /// Messages that never came back.
    pub lost: u64,
    /// Messages that came back more than once.
    pub doubled: u64,
    /// Messages that came back after one that was sent later.
    pub reordered: u64,
    /// Longest time without an answer in each round from the cut on, in milliseconds.
    pub round_gap_ms: Vec<f64>,
    /// Median of that, in milliseconds.
    pub median_gap_ms: f64,
    /// Of the first round: when each message was sent and when it came back, in microseconds from
    /// its first message.
    pub timeline_us: Vec<(u64, Option<u64>)>,
}

/// Why it is known what carried the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Connections that were measured, each proven.
    pub connections: u32,
    /// What the wire shows of them.
    pub wire: String,
    /// What the kernels at both ends say of them.
    pub kernel: String,
    /// Where the bytes went.
    pub paths: Vec<PathShare>,
}

/// What one path carried of the measured connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathShare {
    /// Number of the path, from 1.
    pub path: u8,
    /// Different payload bytes that reached the server, by the wire.
    pub wire_up: u64,
    /// Different payload bytes that reached the client, by the wire.
    pub wire_down: u64,
    /// Bytes that the client's kernel counts as sent, retransmissions included; absent where it was
    /// not asked.
    pub kernel_up: Option<u64>,
    /// Bytes that the client's kernel counts as received; absent where it was not asked.
    pub kernel_down: Option<u64>,
}

/// A demand on the figures of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// What is demanded.
    pub demand: String,
    /// What was seen.
    pub seen: String,
    /// Whether it holds.
    pub held: bool,
}

/// What happens while a run goes on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BenchEvent {
    /// Something is made that takes time, such as the environment of a peer.
    Preparing {
        /// What, for people.
        what: String,
    },
    /// The plan stands.
    Planned {
        /// Rounds of all rows together.
        rounds: u32,
    },
    /// Something may spoil the figures.
    Warning {
        /// What.
        text: String,
    },
    /// A row begins.
    RowStarted {
        /// Client peer.
        client: String,
        /// Server peer.
        server: String,
        /// What is measured.
        measure: Measure,
    },
    /// A round of the row, over MPTCP and over TCP, is done.
    RoundDone,
    /// The row is over; so many of its rounds will never be.
    RowFinished {
        /// What came of it.
        row: Box<Row>,
        /// Rounds that were planned and not made.
        left: u32,
    },
}

impl Fault {
    /// Its word, as in the JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Transport => "transport",
            Self::Peer => "peer",
            Self::Host => "host",
            Self::Bench => "bench",
        }
    }
}

impl Measure {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::Connect,
        Self::Upgrade,
        Self::Latency64,
        Self::Latency1000,
        Self::BulkUp,
        Self::BulkDown,
        Self::AggregationUp,
        Self::AggregationDown,
        Self::Failover,
    ];

    /// Its name, as in the JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Upgrade => "upgrade",
            Self::Latency64 => "latency-64",
            Self::Latency1000 => "latency-1000",
            Self::BulkUp => "bulk-up",
            Self::BulkDown => "bulk-down",
            Self::AggregationUp => "aggregation-up",
            Self::AggregationDown => "aggregation-down",
            Self::Failover => "failover",
        }
    }

    /// Whether it needs a second path.
    pub fn paths(self) -> u8 {
        match self {
            Self::AggregationUp | Self::AggregationDown | Self::Failover => 2,
            _ => 1,
        }
    }
}

impl Row {
    /// Whether it is an error or does not hold what is demanded of it.
    pub fn is_red(&self) -> bool {
        matches!(self.outcome, Outcome::Error { .. })
            || self.judgements.iter().any(|judgement| !judgement.held)
    }
}

impl BenchResult {
    /// Whether any row is red.
    pub fn is_red(&self) -> bool {
        self.pairs
            .iter()
            .flat_map(|pair| &pair.rows)
            .any(Row::is_red)
    }
}
