//! The times that the wire shows.

use mpws_fixture::payload::Payload;
use mpws_trace::{
    Connection, Conversation, Direction, Handshake, Keep, Message, MessageKind, Options, Trace,
};

use crate::end::RowEnd;
use crate::figure::Reading;
use crate::options::WARM_UP;
use crate::proof::{self, Ends};

/// What to look for on the wire, once the row is over.
pub(crate) struct Wanted {
    /// One connection each.
    pub(super) ends: Vec<Ends>,
    pub(super) kind: Kind,
}

/// What is timed.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// The opening handshake.
    Upgrade,
    /// Messages of this size, so many after the warm-up.
    Echoes { size: u64, messages: u32 },
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
