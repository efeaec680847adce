//! One control connection: requests out, responses in, matched by number.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::line::{LineError, Lines, excerpt};
use super::transcript::{From, Transcript};
use crate::lock::lock;
use crate::protocol::failure::{LONGEST_CHAIN, LONGEST_TEXT};
use crate::protocol::{Answer, MAX_LINE, Request, Response};

/// A peer that does not take a request off its socket for so long is stuck.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// The suite's end of a control connection.
pub(crate) struct Conversation {
    shared: Arc<Shared>,
    writer: Mutex<UnixStream>,
    /// The same socket, to end it while somebody is stuck in a write.
    closer: UnixStream,
    reader: Option<JoinHandle<()>>,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) enum Silence {
    /// The deadline passed.
    Late,
    /// The peer did not read a request for so long.
    Stuck(Duration),
    /// The connection ended.
    Ended,
    /// The peer broke the protocol; nothing it says from here on counts.
    Broken(String),
    /// The request cannot be put into a line.
    Request(String),
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    transcript: Arc<Mutex<Transcript>>,
}

#[derive(Default)]
struct State {
    last_id: u64,
    waiting: HashMap<u64, Option<Response>>,
    /// Requests that nobody waits for any more; their late answers are no fault.
    abandoned: BTreeSet<u64>,
    over: Option<Silence>,
}

impl Conversation {
    /// Takes over after the peer's first line.
    pub(crate) fn start(
        stream: UnixStream,
        lines: Lines,
        transcript: Arc<Mutex<Transcript>>,
    ) -> std::io::Result<Self> {
        stream.set_write_timeout(Some(WRITE_DEADLINE))?;
        let closer = stream.try_clone()?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            transcript,
        });
        let theirs = Arc::clone(&shared);
        let reader = std::thread::Builder::new()
            .name("peer-control".to_owned())
            .spawn(move || theirs.read(lines))?;
        Ok(Self {
            shared,
            writer: Mutex::new(stream),
            closer,
            reader: Some(reader),
        })
    }

    /// Sends a request and gives its number.
    pub(crate) fn ask(&self, op: &str, args: Value) -> Result<u64, Silence> {
        let mut writer = lock(&self.writer);
        let id = {
            let mut state = lock(&self.shared.state);
            if let Some(over) = &state.over {
                return Err(over.clone());
            }
            state.last_id += 1;
            let id = state.last_id;
            state.waiting.insert(id, None);
            id
        };
        self.write(&mut writer, id, op, args)
            .inspect_err(|_| self.abandon(id))?;
        Ok(id)
    }

    /// Waits for the answer to a request until `deadline`.
    pub(crate) fn answer(&self, id: u64, deadline: Instant) -> Result<Response, Silence> {
        let mut state = lock(&self.shared.state);
        loop {
            if let Some(Some(_)) = state.waiting.get(&id)
                && let Some(Some(answer)) = state.waiting.remove(&id)
            {
                return Ok(answer);
            }
            if let Some(over) = &state.over {
                return Err(over.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.waiting.remove(&id);
                state.abandoned.insert(id);
                return Err(Silence::Late);
            }
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Gives up a request.
    pub(crate) fn abandon(&self, id: u64) {
        let mut state = lock(&self.shared.state);
        if let Some(None) = state.waiting.remove(&id) {
            state.abandoned.insert(id);
        }
    }

    /// Ends the connection, which asks the peer to exit.
    pub(crate) fn end(&self) {
        self.shared.over(Silence::Ended);
        let _ = self.closer.shutdown(Shutdown::Both);
    }

    fn write(
        &self,
        writer: &mut UnixStream,
        id: u64,
        op: &str,
        args: Value,
    ) -> Result<(), Silence> {
        let request = Request {
            id,
            op: op.to_owned(),
            args,
        };
        let mut line =
            serde_json::to_vec(&request).map_err(|error| Silence::Request(error.to_string()))?;
        if line.len() > MAX_LINE {
            let length = line.len();
            return Err(Silence::Request(format!(
                "a line of {length} bytes, more than {MAX_LINE}"
            )));
        }
        lock(&self.shared.transcript).push(From::Suite, &line);
        line.push(b'\n');
        writer.write_all(&line).map_err(|error| {
            use std::io::ErrorKind::{TimedOut, WouldBlock};
            // Half a line may have gone out, so the connection is of no use any more.
            self.shared.over(match error.kind() {
                TimedOut | WouldBlock => Silence::Stuck(WRITE_DEADLINE),
                _ => Silence::Ended,
            })
        })
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        let _ = self.closer.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Shared {
    fn read(&self, mut lines: Lines) {
        loop {
            let fault = match lines.next(None) {
                Ok(line) => match self.take(&line) {
                    Ok(()) => continue,
                    Err(detail) => Silence::Broken(detail),
                },
                Err(LineError::Ended) => Silence::Ended,
                Err(error) => Silence::Broken(error.to_string()),
            };
            self.over(fault);
            return;
        }
    }

    /// Marks the connection as over, for the first reason given, and returns that.
    fn over(&self, reason: Silence) -> Silence {
        let mut state = lock(&self.state);
        let first = state.over.get_or_insert(reason).clone();
        self.changed.notify_all();
        first
    }

    fn take(&self, line: &[u8]) -> Result<(), String> {
        lock(&self.transcript).push(From::Peer, line);
        let mut response: Response = serde_json::from_slice(line)
            .map_err(|error| format!("not a response ({error}): {}", excerpt(line)))?;
        bound(&mut response.answer);
        let id = response.id;
        let mut state = lock(&self.state);
        if state.abandoned.remove(&id) {
            return Ok(());
        }
        match state.waiting.get_mut(&id) {
            Some(slot @ None) => {
                *slot = Some(response);
                self.changed.notify_all();
                Ok(())
            }
            Some(Some(_)) => Err(format!("a second answer to request {id}")),
            None => Err(format!("an answer to request {id}, which is not open")),
        }
    }
}

/// Holds a peer to the limits of what it answers.
fn bound(answer: &mut Answer<Value>) {
    match answer {
        Answer::Ok(_) => {}
        Answer::Failed(record) => {
            record.chain.truncate(LONGEST_CHAIN);
            for link in &mut record.chain {
                shorten(&mut link.class);
                shorten(&mut link.message);
            }
        }
        Answer::Unsupported(why) => shorten(why),
    }
}

fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_TEXT) {
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};

    /// A conversation, and the peer's end of it.
    fn conversation() -> (Conversation, UnixStream) {
        let (suite, peer) = UnixStream::pair().unwrap();
        let lines = Lines::new(suite.try_clone().unwrap());
        let conversation = Conversation::start(suite, lines, Arc::default()).unwrap();
        (conversation, peer)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    fn broken_by(line: &str) -> String {
        let (conversation, mut peer) = conversation();
        let id = conversation.ask("x", Value::Null).unwrap();
        assert_eq!(id, 1);
        writeln!(peer, "{line}").unwrap();
        match conversation.answer(id, soon()) {
            Err(Silence::Broken(detail)) => detail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers_find_their_requests_in_any_order() {
        let (conversation, mut peer) = conversation();
        let first = conversation.ask("a", Value::Null).unwrap();
        let second = conversation.ask("b", Value::Null).unwrap();
        let mut asked = BufReader::new(peer.try_clone().unwrap()).lines();
        for id in [first, second] {
            let line = asked.next().unwrap().unwrap();
            let request: Request = serde_json::from_str(&line).unwrap();
            assert_eq!(request.id, id);
        }
        writeln!(peer, r#"{{"id":{second},"elapsed_us":2,"ok":"two"}}"#).unwrap();
        writeln!(
            peer,
            r#"{{"id":{first},"elapsed_us":1,"unsupported":"no"}}"#
        )
        .unwrap();
        let answer = conversation.answer(first, soon()).unwrap().answer;
        assert!(matches!(answer, Answer::Unsupported(why) if why == "no"));
        let response = conversation.answer(second, soon()).unwrap();
        assert_eq!(response.answer, Answer::Ok("two".into()));
        assert_eq!(response.elapsed_us, 2);
    }

    #[test]
    fn an_answer_to_a_request_that_was_given_up_is_no_fault() {
        let (conversation, mut peer) = conversation();
        let late = conversation.ask("a", Value::Null).unwrap();
        let silence = conversation.answer(late, Instant::now()).unwrap_err();
        assert!(matches!(silence, Silence::Late));
        writeln!(peer, r#"{{"id":{late},"elapsed_us":1,"ok":1}}"#).unwrap();
        let next = conversation.ask("b", Value::Null).unwrap();
        writeln!(peer, r#"{{"id":{next},"elapsed_us":1,"ok":2}}"#).unwrap();
        let response = conversation.answer(next, soon()).unwrap();
        assert_eq!(response.answer, Answer::Ok(2.into()));
    }

    #[test]
    fn an_answer_to_nothing_breaks_the_conversation() {
        let detail = broken_by(r#"{"id":7,"elapsed_us":1,"ok":1}"#);
        assert!(detail.contains("request 7, which is not open"), "{detail}");
    }

    #[test]
    fn two_results_in_one_answer_break_the_conversation() {
        let detail = broken_by(r#"{"id":1,"elapsed_us":1,"ok":1,"unsupported":"x"}"#);
        assert!(detail.contains("not exactly one"), "{detail}");
    }

    #[test]
    fn an_answer_without_a_result_breaks_the_conversation() {
        let detail = broken_by(r#"{"id":1,"elapsed_us":1}"#);
        assert!(detail.contains("not exactly one"), "{detail}");
    }

    #[test]
    fn an_unknown_field_breaks_the_conversation() {
        let detail = broken_by(r#"{"id":1,"elapsed_us":1,"ok":1,"mood":"good"}"#);
        assert!(detail.contains("unknown field `mood`"), "{detail}");
    }

    #[test]
    fn an_error_is_held_to_its_limits() {
        let (conversation, mut peer) = conversation();
        let id = conversation.ask("x", Value::Null).unwrap();
        let long = "ä".repeat(LONGEST_TEXT + 1);
        let link = serde_json::json!({ "class": "E", "message": long, "link": "context" });
        let chain = vec![link; LONGEST_CHAIN + 1];
        let answer = serde_json::json!({ "id": id, "elapsed_us": 1, "error": { "chain": chain } });
        writeln!(peer, "{answer}").unwrap();
        let response = conversation.answer(id, soon()).unwrap();
        let Answer::Failed(record) = response.answer else {
            panic!("no error");
        };
        assert_eq!(record.chain.len(), LONGEST_CHAIN);
        assert_eq!(record.chain[0].message.chars().count(), LONGEST_TEXT);
    }

    #[test]
    fn a_line_that_is_not_json_breaks_the_conversation() {
        let detail = broken_by("Traceback (most recent call last):");
        assert!(detail.contains("Traceback"), "{detail}");
    }

    #[test]
    fn nothing_can_be_asked_after_a_fault() {
        let (conversation, mut peer) = conversation();
        let id = conversation.ask("a", Value::Null).unwrap();
        writeln!(peer, "nonsense").unwrap();
        conversation.answer(id, soon()).unwrap_err();
        let silence = conversation.ask("b", Value::Null).unwrap_err();
        assert!(matches!(silence, Silence::Broken(_)));
    }

    #[test]
    fn the_end_of_the_connection_ends_all_that_wait() {
        let (conversation, peer) = conversation();
        let first = conversation.ask("a", Value::Null).unwrap();
        let second = conversation.ask("b", Value::Null).unwrap();
        drop(peer);
        for id in [first, second] {
            assert!(matches!(
                conversation.answer(id, soon()),
                Err(Silence::Ended)
            ));
        }
    }

    #[test]
    fn a_request_that_does_not_fit_into_a_line_is_not_sent() {
        let (conversation, mut peer) = conversation();
        let long = Value::String("x".repeat(MAX_LINE));
        let silence = conversation.ask("a", long).unwrap_err();
        assert!(matches!(silence, Silence::Request(_)));
        let id = conversation.ask("b", Value::Null).unwrap();
        writeln!(peer, r#"{{"id":{id},"elapsed_us":1,"ok":1}}"#).unwrap();
        conversation.answer(id, soon()).unwrap();
    }
}
