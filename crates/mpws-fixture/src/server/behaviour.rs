//! What a server answers to messages.

use bytes::Bytes;
use tokio_tungstenite::tungstenite::Message;

use mpws_protocol::payload::Payload;
use mpws_protocol::script::{Behaviour, EchoFault};

/// Answers of one connection.
pub(super) struct Answers {
    behaviour: Behaviour,
    count: u64,
    kept: Option<Message>,
    /// What [`Behaviour::AnswerWith`] answers, made once.
    made: Option<Bytes>,
}

impl Answers {
    pub(super) fn new(behaviour: Behaviour) -> Self {
        Self {
            behaviour,
            count: 0,
            kept: None,
            made: None,
        }
    }

    /// The messages to send for this one, in order.
    pub(super) fn to(&mut self, message: Message) -> Vec<Message> {
        self.count += 1;
        let third = self.count.is_multiple_of(3);
        match self.behaviour {
            Behaviour::Echo => vec![message],
            Behaviour::AnswerTwice => vec![message.clone(), message],
            Behaviour::AnswerPairs if self.count.is_multiple_of(2) => vec![message],
            Behaviour::AnswerWith { size } => {
                let make = || Payload::Binary { size, seed: 0 }.bytes().into();
                vec![Message::Binary(self.made.get_or_insert_with(make).clone())]
            }
            Behaviour::FaultyEcho { fault } => match fault {
                EchoFault::Alter => vec![altered(message)],
                EchoFault::Drop if third => Vec::new(),
                EchoFault::Double if third => vec![message.clone(), message],
                EchoFault::Drop | EchoFault::Double => vec![message],
                EchoFault::Reorder => match self.kept.take() {
                    Some(first) => vec![message, first],
                    None => {
                        self.kept = Some(message);
                        Vec::new()
                    }
                },
            },
            // Close is answered by the session, scripts have no messages here.
            Behaviour::AnswerPairs | Behaviour::Close { .. } | Behaviour::Script { .. } => {
                Vec::new()
            }
        }
    }
}

/// One byte changed; text stays text.
fn altered(message: Message) -> Message {
    let text = message.is_text();
    let mut content = message.into_data().to_vec();
    match content.iter_mut().find(|byte| byte.is_ascii()) {
        Some(byte) if text => *byte = if *byte == b'0' { b'1' } else { b'0' },
        Some(byte) => *byte ^= 1,
        None => content.push(b'0'),
    }
    if text {
        Message::text(String::from_utf8_lossy(&content).into_owned())
    } else {
        Message::Binary(Bytes::from(content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(behaviour: Behaviour, count: u8) -> Vec<Vec<u8>> {
        let mut answers = Answers::new(behaviour);
        (0..count)
            .flat_map(|n| answers.to(Message::binary(vec![n])))
            .map(|m| m.into_data().to_vec())
            .collect()
    }

    fn faulty(fault: EchoFault) -> Vec<Vec<u8>> {
        answers(Behaviour::FaultyEcho { fault }, 4)
    }

    #[test]
    fn pairs_are_answered_with_their_second_message() {
        assert_eq!(answers(Behaviour::AnswerPairs, 4), [[1], [3]]);
    }

    #[test]
    fn every_message_is_answered_with_the_wanted_number_of_bytes() {
        let answers = answers(Behaviour::AnswerWith { size: 40 }, 2);
        let expected = Payload::Binary { size: 40, seed: 0 }.bytes();
        assert_eq!(answers, [expected.clone(), expected]);
    }

    #[test]
    fn each_fault_shows_within_four_messages() {
        assert_eq!(faulty(EchoFault::Alter), [[1], [0], [3], [2]]);
        assert_eq!(faulty(EchoFault::Drop), [[0], [1], [3]]);
        assert_eq!(faulty(EchoFault::Double), [[0], [1], [2], [2], [3]]);
        assert_eq!(faulty(EchoFault::Reorder), [[1], [0], [3], [2]]);
    }

    #[test]
    fn altered_text_is_other_text_of_the_same_length() {
        for text in ["0abc", "xyz", "é0"] {
            let changed = altered(Message::text(text));
            assert!(changed.is_text());
            assert_eq!(changed.len(), text.len());
            assert_ne!(changed, Message::text(text));
        }
    }
}
