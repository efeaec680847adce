//! The second path.

use std::net::SocketAddr;
use std::time::Instant;

use mptcp::pm::{Endpoint, EndpointFlags, EventKind, Limits};
use mpws_lab::Ip;
use mpws_peers::protocol::SocketProtocol;

use crate::capacity;
use crate::end::RowEnd;
use crate::link::{LIMIT, Link};
use crate::options::BenchOptions;
use crate::result::{Capacity, Measure};
use crate::stage::{CLIENT, SERVER, Stage};

/// Makes the network of a measure: paths have their conditions, and the server announces its
/// address on the second.
///
/// A subflow from the client's second address to the server's first would come back over the first
/// path: hosts answer from the address that was asked, and that address belongs to its path.
pub(crate) fn prepare(
    stage: &Stage<'_>,
    measure: Measure,
    options: &BenchOptions,
) -> Result<(), RowEnd> {
    for path in 1..=measure.paths() {
        if let Some(condition) = options.condition(measure, path) {
            stage
                .lab
                .apply(path, &condition)
                .map_err(|error| RowEnd::bench(format!("path {path} has no condition"), &error))?;
        }
    }
    if measure.paths() < 2 {
        return Ok(());
    }
    for (who, add_addr_accepted) in [(CLIENT, 1), (SERVER, 0)] {
        let host = stage.host(who);
        let mut manager = host
            .path_manager()
            .map_err(|error| RowEnd::host("no path manager", &error))?;
        let limits = Limits {
            subflows: 1,
            add_addr_accepted,
        };
        manager
            .set_limits(limits)
            .map_err(|error| RowEnd::host("limits of the path manager were not set", &error))?;
        if who == SERVER {
            let endpoint = Endpoint::new(host.address(2, Ip::V4)).flags(EndpointFlags::SIGNAL);
            manager
                .add_endpoint(&endpoint)
                .map_err(|error| RowEnd::host("no endpoint on the second path", &error))?;
        }
    }
    Ok(())
}

/// Opens a connection and, where it is MPTCP, waits until its second subflow stands.
pub(super) fn link(
    stage: &Stage<'_>,
    protocol: SocketProtocol,
    server: SocketAddr,
) -> Result<Link, RowEnd> {
    let mut events = stage
        .host(CLIENT)
        .events()
        .map_err(|error| RowEnd::host("the events of the path manager cannot be heard", &error))?;
    let link = stage.link(protocol, server)?;
    if protocol == SocketProtocol::Tcp {
        return Ok(link);
    }
    let second = stage.host(CLIENT).address(2, Ip::V4);
    let deadline = Instant::now() + LIMIT;
    loop {
        let event = events
            .next(deadline)
            .map_err(|error| RowEnd::bench("events of the path manager were lost", &error))?
            .ok_or_else(|| RowEnd::transport("the second subflow was not established in time"))?;
        if event.kind == EventKind::SubflowEstablished
            && event.local().is_some_and(|local| local.ip() == second)
        {
            return Ok(link);
        }
    }
}

/// The network of a measure, in words.
pub(crate) fn network(measure: Measure, options: &BenchOptions) -> String {
    let words = |path| match options.condition(measure, path) {
        Some(condition) => condition.to_string(),
        None => "not shaped".to_owned(),
    };
    let conditions: Vec<String> = (1..=measure.paths()).map(words).collect();
    match &conditions[..] {
        [one] => format!("1 path, {one}"),
        [first, second] if first == second => format!("2 paths, each {first}"),
        more => format!("{} paths: {}", more.len(), more.join(" and ")),
    }
}

/// What the paths that a transport may use can carry; nothing where one of them has no rate.
pub(crate) fn capacity(
    measure: Measure,
    protocol: SocketProtocol,
    options: &BenchOptions,
) -> Option<Capacity> {
    let mptcp = protocol == SocketProtocol::Mptcp;
    let paths = if mptcp { measure.paths() } else { 1 };
    let rates: Vec<u64> = (1..=paths)
        .map(|path| options.condition(measure, path)?.shape()?.rate)
        .collect::<Option<_>>()?;
    Some(capacity::capacity(&rates, mptcp))
}
