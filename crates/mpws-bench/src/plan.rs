//! Which pairs, and which measures of them.

use std::sync::Arc;

use mpws_peers::catalogue::Kind;
use mpws_peers::{Catalogue, PeerSpec, Role};
use mpws_suite::plan::{Pattern, PatternError};

use crate::options::BenchOptions;
use crate::result::Measure;

/// What a run measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchPlan {
    /// Client and server of each pair.
    pub pairs: Vec<(Arc<PeerSpec>, Arc<PeerSpec>)>,
    /// Measures of each pair, in order.
    pub measures: Vec<Measure>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchPlanError {
    /// A pair is not two names.
    #[error("`{pair}` is not CLIENT:SERVER")]
    NotAPair {
        /// What was said.
        pair: String,
    },
    /// A name is no pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A name or glob matches no peer that can be this and speaks the adapter protocol.
    #[error("no {role} is named `{name}`; there are: {known}")]
    NoSuchPeer {
        /// `client` or `server`.
        role: &'static str,
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// No measure begins like this.
    #[error("no measure is named `{name}`; there are: {known}")]
    NoSuchMeasure {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// No rounds.
    #[error("at least one round is needed")]
    NoRounds,
    /// A `peer.toml` cannot be used.
    #[error("a peer file cannot be used")]
    Peers(#[from] mpws_peers::CatalogueError),
}

/// The plan of these options.
///
/// # Errors
///
/// [`BenchPlanError`].
pub fn plan(options: &BenchOptions) -> Result<BenchPlan, BenchPlanError> {
    if options.rounds == 0 {
        return Err(BenchPlanError::NoRounds);
    }
    let mut known = Catalogue::builtin()?;
    for path in &options.peer_files {
        known.add_file(path)?;
    }
    let mut wanted = options.pairs.clone();
    if options.all_servers {
        wanted.push(format!("{FIXTURE}:*"));
    }
    if wanted.is_empty() {
        wanted.push(format!("{FIXTURE}:{FIXTURE}"));
    }
    let mut pairs: Vec<(Arc<PeerSpec>, Arc<PeerSpec>)> = Vec::new();
    for pair in wanted {
        let Some((client, server)) = pair.split_once(':') else {
            return Err(BenchPlanError::NotAPair { pair });
        };
        let clients = matching(known.peers(), Role::Client, client)?;
        let servers = matching(known.peers(), Role::Server, server)?;
        for client in &clients {
            for server in &servers {
                let pair = (Arc::clone(client), Arc::clone(server));
                if !pairs.contains(&pair) {
                    pairs.push(pair);
                }
            }
        }
    }
    Ok(BenchPlan {
        pairs,
        measures: measures(&options.only)?,
    })
}

fn matching(
    peers: &[PeerSpec],
    role: Role,
    name: &str,
) -> Result<Vec<Arc<PeerSpec>>, BenchPlanError> {
    let pattern: Pattern = name.parse()?;
    let able = || {
        let adapters = peers.iter().filter(|peer| peer.kind() == Kind::Adapter);
        adapters.filter(|peer| peer.can_be(role))
    };
    let found: Vec<_> = able()
        .filter(|peer| pattern.matches(&peer.name))
        .cloned()
        .map(Arc::new)
        .collect();
    if found.is_empty() {
        return Err(BenchPlanError::NoSuchPeer {
            role: if role == Role::Client {
                "client"
            } else {
                "server"
            },
            name: name.to_owned(),
            known: able()
                .map(|peer| peer.name.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        });
    }
    Ok(found)
}

fn measures(only: &[String]) -> Result<Vec<Measure>, BenchPlanError> {
    let begins = |measure: &Measure, name: &String| {
        let rest = measure.word().strip_prefix(name.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    for name in only {
        if !Measure::ALL.iter().any(|measure| begins(measure, name)) {
            return Err(BenchPlanError::NoSuchMeasure {
                name: name.clone(),
                known: Measure::ALL.map(Measure::word).join(", "),
            });
        }
    }
    let wanted =
        |measure: &Measure| only.is_empty() || only.iter().any(|name| begins(measure, name));
    Ok(Measure::ALL.into_iter().filter(wanted).collect())
}

/// Name of our own peer in the catalogue.
pub const FIXTURE: &str = "fixture";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[&str], only: &[&str]) -> Result<BenchPlan, BenchPlanError> {
        let owned = |list: &[&str]| list.iter().map(|&one| one.to_owned()).collect();
        plan(&BenchOptions {
            pairs: owned(pairs),
            only: owned(only),
            ..BenchOptions::default()
        })
    }

    #[test]
    fn without_a_word_the_fixture_is_measured_with_itself_in_every_way() {
        let plan = of(&[], &[]).expect("a plan");
        assert_eq!(plan.measures, Measure::ALL);
        let [(client, server)] = &plan.pairs[..] else {
            panic!("{:?}", plan.pairs);
        };
        assert_eq!(
            (client.name.as_str(), server.name.as_str()),
            (FIXTURE, FIXTURE)
        );
    }

    #[test]
    fn a_measure_is_chosen_by_its_name_or_by_whole_words_at_its_start() {
        let plan = of(&[], &["latency", "bulk-up"]).expect("a plan");
        let expected = [Measure::Latency64, Measure::Latency1000, Measure::BulkUp];
        assert_eq!(plan.measures, expected);
        assert!(matches!(
            of(&[], &["lat"]),
            Err(BenchPlanError::NoSuchMeasure { .. })
        ));
        assert!(matches!(
            of(&[], &[""]),
            Err(BenchPlanError::NoSuchMeasure { .. })
        ));
    }

    #[test]
    fn a_pair_that_is_named_twice_is_measured_once() {
        let plan = of(&["fixture:fixture", "fix*:fixture"], &[]).expect("a plan");
        assert_eq!(plan.pairs.len(), 1);
    }

    #[test]
    fn what_names_no_pair_is_refused() {
        assert!(matches!(
            of(&["fixture"], &[]),
            Err(BenchPlanError::NotAPair { .. })
        ));
        assert!(matches!(
            of(&["fixture:nobody"], &[]),
            Err(BenchPlanError::NoSuchPeer { role: "server", .. })
        ));
    }

    #[test]
    fn the_words_of_measures_are_those_of_the_json() {
        for measure in Measure::ALL {
            let json = serde_json::to_value(measure).expect("JSON");
            assert_eq!(json, measure.word());
        }
    }
}
