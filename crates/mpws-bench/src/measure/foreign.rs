//! Clients that are peers: they are only asked to do it, and the time stamps of the wire tell how
//! long it took.

use mpws_fixture::payload::Payload;
use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{
    ClientOpen, ConnectWay, ConnectionBurst, ConnectionClose, SocketConnect, SocketCreate,
    SocketFamily, SocketKind, SocketOption, SocketProtocol, SocketSet,
};
use mpws_suite::deadline;
use mpws_trace::{
    Connection, Conversation, Direction, Handshake, Keep, Message, MessageKind, Options, Trace,
};

use super::{Done, Pending, Round};
use crate::end::RowEnd;
use crate::figure::Reading;
use crate::options::WARM_UP;
use crate::proof::{self, Ends, Witnessed};
use crate::result::{Clock, Measure, Method};
use crate::stage::Stage;

/// What to look for on the wire, once the row is over.
pub(crate) struct Wanted {
    /// One connection each.
    ends: Vec<Ends>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// The opening handshake.
    Upgrade,
    /// Messages of this size, so many after the warm-up.
    Echoes { size: u64, messages: u32 },
}

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

impl Wanted {
    /// The times that the wire shows.
    pub(crate) fn read(self, trace: &Trace) -> Result<Reading, RowEnd> {
        let mut times = Vec::new();
        for ends in self.ends {
            let connection = proof::find(trace, ends)?;
            match self.kind {
                Kind::Upgrade => times.push(upgrade(connection)?),
                Kind::Echoes { size, messages } => {
                    times.extend(cycles(connection, size, messages)?);
                }
            }
        }
        Ok(Reading::Times(times))
    }
}

fn upgrade(connection: &Connection) -> Result<u64, RowEnd> {
    let handshake = connection
        .conversation(&Options::default())
        .handshake
        .filter(Handshake::succeeded)
        .ok_or_else(|| RowEnd::peer("the wire shows no opening handshake that succeeded"))?;
    handshake
        .response_ns
        .and_then(|response| response.checked_sub(handshake.request_ns))
        .ok_or_else(|| RowEnd::peer("the response of an opening handshake came before its request"))
}

/// Times from message to message, each of which must have been sent whole, answered with itself,
/// and answered before the next was sent.
fn cycles(connection: &Connection, size: u64, messages: u32) -> Result<Vec<u64>, RowEnd> {
    let expected = Payload::Binary { size, seed: 0 }.bytes();
    let conversation = connection.conversation(&Options {
        keep: Keep::Bytes,
        ..Options::default()
    });
    let [asked, answered] = Direction::BOTH.map(|direction| data(&conversation, direction));
    let count = WARM_UP as usize + messages as usize + 1;
    for (who, messages) in [("client", &asked), ("server", &answered)] {
        if messages.len() != count {
            return Err(RowEnd::peer(format!(
                "the {who} sent {} messages where {count} were expected",
                messages.len()
            )));
        }
        let is_expected = |message: &&Message| {
            let content = message.content.as_ref();
            content.and_then(|content| content.bytes.as_ref()) == Some(&expected)
        };
        if let Some(wrong) = messages.iter().find(|message| !is_expected(message)) {
            return Err(RowEnd::peer(format!(
                "the {who} sent a message of {} bytes that is not the one expected, of {size}",
                wrong.length
            )));
        }
    }
    asked
        .windows(2)
        .zip(&answered)
        .skip(WARM_UP as usize)
        .map(|(pair, answer)| {
            if answer.last_ns < pair[0].first_ns || answer.last_ns > pair[1].first_ns {
                return Err(RowEnd::peer(
                    "a message was sent before the one before it was answered",
                ));
            }
            Ok(pair[1].first_ns - pair[0].first_ns)
        })
        .collect()
}

/// The text and binary messages of one direction that ended.
fn data(conversation: &Conversation, direction: Direction) -> Vec<&Message> {
    let messages = conversation.messages(direction);
    messages
        .filter(|message| matches!(message.kind, MessageKind::Text | MessageKind::Binary))
        .filter(|message| message.frames.last().is_some_and(|last| last.fin))
        .collect()
}
