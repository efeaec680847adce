//! Clients that are peers: they are only asked to do it, and the time stamps of the wire tell how
//! long it took.

use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{
    ClientOpen, ConnectWay, ConnectionBurst, ConnectionClose, SocketConnect, SocketCreate,
    SocketFamily, SocketKind, SocketOption, SocketProtocol, SocketSet,
};
use mpws_suite::deadline;

use super::rounds::{Done, Pending, Round};
use super::wire::{Kind, Wanted};
use crate::end::RowEnd;
use crate::options::WARM_UP;
use crate::proof::{Ends, Witnessed};
use crate::result::{Clock, Measure, Method};
use crate::stage::Stage;

/// One round, if the wire can show it.
pub(super) fn round(measure: Measure, round: Round<'_, '_>) -> Result<Done, RowEnd> {
    match measure {
        Measure::Upgrade => upgrades(round),
        Measure::Latency64 => echoes(round, 64),
        Measure::Latency1000 => echoes(round, 1000),
        _ => Err(RowEnd::NotMeasured(
            "the wire cannot show it of a client that is not the fixture, and its own clock does not count"
                .to_owned(),
        )),
    }
}

/// How a measure is read.
pub(super) fn method(measure: Measure) -> Method {
    let includes = match measure {
        Measure::Upgrade => {
            "from the first byte of the request to the last of the response, as both cross the wire: server and half \
             of the way, without the client"
        }
        _ => {
            "from the first byte of a message to the first byte of the next, as both cross the wire: server, both \
             ways, and the client's turn; one message at a time"
        }
    };
    Method {
        clock: Clock::Wire,
        resolution_ns: 1,
        includes: includes.to_owned(),
    }
}

fn upgrades(mut round: Round<'_, '_>) -> Result<Done, RowEnd> {
    let (mut ends, mut witnessed) = (Vec::new(), Vec::new());
    for number in 0..=round.volume.connections {
        let (end, proof) = talk(&mut round, 64, 1)?;
        witnessed.push(proof);
        // The first is not counted: both programs are cold.
        if number > 0 {
            ends.push(end);
        }
    }
    Ok(Done {
        reading: Pending::OnWire(Wanted {
            ends,
            kind: Kind::Upgrade,
        }),
        witnessed,
    })
}

fn echoes(mut round: Round<'_, '_>, size: u64) -> Result<Done, RowEnd> {
    let messages = round.volume.messages;
    // One more, whose beginning ends the last one that counts.
    let (end, witnessed) = talk(&mut round, size, WARM_UP + messages + 1)?;
    Ok(Done {
        reading: Pending::OnWire(Wanted {
            ends: vec![end],
            kind: Kind::Echoes { size, messages },
        }),
        witnessed: vec![witnessed],
    })
}

/// A connection to a server of its own, so that no word of the client is needed to find it, with so
/// many messages.
fn talk(round: &mut Round<'_, '_>, size: u64, messages: u32) -> Result<(Ends, Witnessed), RowEnd> {
    let server = round.stage.serve_echo(round.protocol)?;
    let ends = Ends {
        client: None,
        server,
    };
    let connection = open(round.stage, round.protocol, server)?;
    round.stage.ask_client(&ConnectionBurst {
        connection,
        writes: 1,
        answers: 1,
        fragments: 1,
        size,
        rounds: messages,
        deadline_ms: deadline::TRANSFER_MS,
    })?;
    round.stage.attest(ends, round.protocol)?;
    round.stage.ask_client(&ConnectionClose {
        connection,
        code: 1000,
        reason: String::new(),
        deadline_ms: deadline::STEP_MS,
    })?;
    let witnessed = Witnessed {
        ends,
        protocol: round.protocol,
        paths: Vec::new(),
    };
    Ok((ends, witnessed))
}

/// Opens a connection as a careful user does: TCP_NODELAY is set before the socket is handed over.
fn open(
    stage: &Stage<'_>,
    protocol: SocketProtocol,
    server: std::net::SocketAddr,
) -> Result<u32, RowEnd> {
    let mut open = ClientOpen {
        uri: format!("ws://{server}/"),
        socket: None,
        as_descriptor: false,
        host: None,
        port: None,
        null_host: false,
        protocol: None,
        open_timeout_ms: deadline::OPEN_TIMEOUT_MS,
        close_timeout_ms: deadline::CLOSE_TIMEOUT_MS,
        deflate: false,
        subprotocols: Vec::new(),
        max_size: None,
        tls: None,
        top_level: false,
        extra: Default::default(),
    };
    if stage.client_has(Feature::SockHandover) {
        let created = stage.ask_client(&SocketCreate {
            family: SocketFamily::V4,
            kind: SocketKind::Stream,
            protocol,
            by_constant: false,
        })?;
        let socket = created.socket;
        stage.ask_client(&SocketSet {
            socket,
            option: SocketOption::Nodelay,
            value: 1,
        })?;
        let how = if stage.client_has(Feature::AsyncioLoop) {
            ConnectWay::Executor
        } else {
            ConnectWay::Blocking
        };
        stage.ask_client(&SocketConnect {
            socket,
            host: server.ip().to_string(),
            port: server.port(),
            how,
            deadline_ms: deadline::STEP_MS,
        })?;
        open.socket = Some(socket);
    } else {
        open.protocol = Some(protocol);
    }
    Ok(stage.ask_client(&open)?.connection)
}
