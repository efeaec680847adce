//! What a user may choose, and how long each measure takes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mpws_lab::preset::PathSpec;

use crate::result::Measure;

/// What a user may choose.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// `CLIENT:SERVER` by name or glob; the fixture with itself where there is none.
    pub pairs: Vec<String>,
    /// The fixture's client with every server of the catalogue as well.
    pub all_servers: bool,
    /// Further `peer.toml` files.
    pub peer_files: Vec<PathBuf>,
    /// Names of measures, or what they begin with (`latency`); all where there is none.
    pub only: Vec<String>,
    /// Rounds of each row, at least 1.
    pub rounds: u32,
    /// A tenth of the volume, for a first look.
    pub quick: bool,
    /// Conditions of paths by number; by default the paths of measures that need two are
    /// [`TWO_PATHS`], and that of the others has none.
    pub paths: BTreeMap<u8, PathSpec>,
    /// From which the contents of messages are made.
    pub seed: u64,
    /// Where pinned environments live; by default where [`mpws_peers`] puts them.
    pub state: Option<PathBuf>,
    /// Set it to stop: the row that runs keeps the rounds that it has.
    pub stop: Arc<AtomicBool>,
}

/// How much a row measures in one round of one transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Connections of `connect` and `upgrade`.
    pub connections: u32,
    /// Messages of `latency-*` that count.
    pub messages: u32,
    /// Bytes of `bulk-*`.
    pub bulk_bytes: u64,
    /// How long `aggregation-*` transfers once it has begun to count.
    pub steady: Duration,
    /// How long the path of `failover` is cut.
    pub cut: Duration,
}

impl Default for BenchOptions {
    fn default() -> Self {
        Self {
            pairs: Vec::new(),
            all_servers: false,
            peer_files: Vec::new(),
            only: Vec::new(),
            rounds: 5,
            quick: false,
            paths: BTreeMap::new(),
            seed: 1,
            state: None,
            stop: Arc::default(),
        }
    }
}

impl BenchOptions {
    /// How much each round measures.
    pub fn volume(&self) -> Volume {
        let full = Volume {
            connections: 50,
            messages: 1000,
            bulk_bytes: 8 << 20,
            steady: Duration::from_secs(3),
            cut: Duration::from_secs(2),
        };
        if self.quick {
            Volume {
                connections: 5,
                messages: 100,
                bulk_bytes: 2 << 20,
                steady: Duration::from_millis(1500),
                cut: Duration::from_millis(1500),
            }
        } else {
            full
        }
    }

    /// The condition of a path in a measure.
    pub fn condition(&self, measure: Measure, path: u8) -> Option<PathSpec> {
        let default = || {
            let two = measure.paths() > 1;
            two.then(|| TWO_PATHS.parse().unwrap_or_default())
        };
        self.paths.get(&path).cloned().or_else(default)
    }

    /// Rounds of a row: those over shaped paths take seconds each, so they have fewer.
    pub fn rounds_of(&self, measure: Measure) -> u32 {
        if measure.paths() > 1 {
            self.rounds.min(LONG_ROUNDS)
        } else {
            self.rounds
        }
    }
}

/// The condition of each path of measures that need two: twice what is under way on it fits into
/// its queue.
pub const TWO_PATHS: &str = "rate=50mbit,delay=10ms,queue=250kb";

/// Rounds of rows that take seconds each, where more were not asked for by `--rounds` being
/// smaller.
const LONG_ROUNDS: u32 = 2;

/// Messages before those that count: peers keep a digest of the first 64, which costs them time,
/// and congestion windows and caches are cold.
pub const WARM_UP: u32 = 100;
/// Bytes of a message of `bulk-*`.
pub const BULK_MESSAGE: u64 = 256 << 10;
/// Bytes of a message of `aggregation-*`: small beside what the paths carry in a second.
pub const STEADY_MESSAGE: u64 = 64 << 10;
/// What `aggregation-*` transfers before it counts: slow start and the join are over.
pub const STEADY_WARM_UP: Duration = Duration::from_secs(1);
/// Time between two messages of `failover`.
pub const PACE: Duration = Duration::from_millis(5);
/// Bytes of a message of `failover`.
pub const STREAM_MESSAGE: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_condition_is_used_wherever_its_path_is() {
        let given: PathSpec = "rate=10mbit".parse().expect("a condition");
        let default: PathSpec = TWO_PATHS.parse().expect("a condition");
        let options = BenchOptions {
            paths: [(1, given.clone())].into(),
            ..BenchOptions::default()
        };
        assert_eq!(options.condition(Measure::BulkUp, 1), Some(given.clone()));
        assert_eq!(options.condition(Measure::Failover, 1), Some(given));
        assert_eq!(options.condition(Measure::Failover, 2), Some(default));
        assert_eq!(BenchOptions::default().condition(Measure::BulkUp, 1), None);
    }
}
