//! What is different where peers run in containers: what their C library can.

use std::collections::BTreeMap;

use mptcp::probe::Feature;
use mpws_peers::launch::describe_engine;
use mpws_peers::{Launcher, PeerSpec};

use crate::plan::Plan;
use crate::result::Capability;
use crate::run::feature;

/// Name of the capability to have peers in containers.
pub const CONTAINERS: &str = "containers";

/// Whether there is an engine that can be used, for people.
pub fn engine() -> Capability {
    match describe_engine() {
        Ok(engine) => Capability {
            available: true,
            detail: format!("{engine}, for `mpws run --launcher container`"),
            remedy: None,
        },
        // It says what to do about it.
        Err(error) => Capability {
            available: false,
            detail: "peers cannot run in containers; as processes they can".to_owned(),
            remedy: Some(error.to_string()),
        },
    }
}

/// Puts what holds in containers in the place of what holds on the host. All containers of a run
/// have the same C library.
pub fn capabilities(
    plan: &Plan,
    launcher: &Launcher,
    unfit: &BTreeMap<String, String>,
    capabilities: &mut BTreeMap<String, Capability>,
) {
    let peers = plan
        .cells
        .iter()
        .flat_map(|cell| [&cell.client, &cell.server]);
    let inside = |peer: &&PeerSpec| launcher.in_container(peer) && !unfit.contains_key(&peer.name);
    let Some(peer) = peers.map(AsRef::as_ref).find(inside) else {
        return;
    };
    let resolver = match launcher.resolver(peer) {
        Ok(None) => return,
        Ok(Some(Ok(()))) => Capability {
            available: true,
            detail: "in containers: getaddrinfo() accepts protocol 262".to_owned(),
            remedy: None,
        },
        Ok(Some(Err(words))) => Capability {
            available: false,
            detail: format!("in containers: getaddrinfo() refuses protocol 262: {words}"),
            remedy: feature::remedy(Feature::Resolver).map(str::to_owned),
        },
        Err(error) => {
            // Unknown: then no deviation can count on it, either way.
            tracing::warn!(%error, "the resolver of containers was not found out");
            capabilities.remove(&feature::name(Feature::Resolver));
            return;
        }
    };
    capabilities.insert(feature::name(Feature::Resolver), resolver);
}
