//! Calls with deadlines, and what can come of one.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mpws_lab::Exit;
use serde_json::Value;

use super::conversation::{Conversation, Silence};
use super::log::LogReader;
use super::process::PeerProcess;
use super::transcript::Transcript;
use crate::lock::lock;
use crate::protocol::{Answer, ErrorRecord, Hello, Operation};

/// What an operation may take beyond the deadlines in its own arguments.
pub const CALL_SLACK: Duration = Duration::from_secs(10);

/// How long a peer may take from the end of its control connection to its exit.
pub const EXIT_DEADLINE: Duration = Duration::from_secs(5);

/// How long a peer whose control connection has ended may take until it counts as still running.
const EXIT_GRACE: Duration = Duration::from_secs(1);

const SIGKILL: i32 = nix::sys::signal::Signal::SIGKILL as i32;

/// Bytes of a log that stand in an error.
const TAIL: usize = 2000;

/// A peer that runs, said who it is, and passed the probes.
///
/// Calls take `&self`, so several can be under way at once. Dropping a peer kills it, as soon as
/// none of its [`Pending`] operations is left.
pub struct Peer {
    core: Arc<Core>,
    name: String,
    hello: Hello,
}

/// What an operation gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<T> {
    /// The result.
    pub value: T,
    /// Microseconds that it took, by the peer's monotonic clock.
    pub elapsed_us: u64,
}

/// An operation under way. Dropping it gives it up; the peer may still carry it out.
#[must_use = "an operation that nobody waits for proves nothing"]
pub struct Pending<O: Operation> {
    core: Arc<Core>,
    asked: Option<Result<u64, CallError>>,
    deadline: Instant,
    limit: Duration,
    operation: PhantomData<fn() -> O>,
}

/// Why an operation has no result.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The peer carried it out and it failed. Data about the peer, not a fault of the suite.
    #[error("{op} failed: {}", summary(.record))]
    Failed {
        /// The operation.
        op: &'static str,
        /// The error, as the peer's user sees it.
        record: Box<ErrorRecord>,
        /// Microseconds until it failed, by the peer's monotonic clock.
        elapsed_us: u64,
    },
    /// The peer says that it cannot do this.
    #[error("{op} is unsupported: {why}")]
    Unsupported {
        /// The operation.
        op: &'static str,
        /// The peer's reason.
        why: String,
    },
    /// The peer was too slow.
    #[error("{op}: waited {} ms for {what}", .after.as_millis())]
    Deadline {
        /// The operation.
        op: &'static str,
        /// What was waited for.
        what: &'static str,
        /// The limit.
        after: Duration,
    },
    /// The peer ended.
    #[error("{op}: the peer {}; its last words: {log:?}", ended(.exit))]
    Died {
        /// The operation.
        op: &'static str,
        /// How; absent when it closed its control connection and still runs.
        exit: Option<Exit>,
        /// The end of its log.
        log: String,
    },
    /// The peer broke the protocol: bad JSON, a line too long, a wrong number, unknown fields.
    #[error("{op}: the peer broke the adapter protocol: {detail}")]
    Protocol {
        /// The operation.
        op: &'static str,
        /// How.
        detail: String,
    },
    /// The arguments cannot be sent: a fault of the caller.
    #[error("{op} cannot be asked: {detail}")]
    Request {
        /// The operation.
        op: &'static str,
        /// Why.
        detail: String,
    },
}

/// Why a peer did not end by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// It did not exit after the end of its control connection, and was killed.
    #[error("the peer did not exit within {} ms and was killed", .after.as_millis())]
    Killed {
        /// The limit.
        after: Duration,
    },
    /// The lab is gone.
    #[error("the lab did not answer")]
    Lab(#[from] std::io::Error),
}

impl Peer {
    pub(crate) fn new(name: String, hello: Hello, core: Core) -> Self {
        Self {
            core: Arc::new(core),
            name,
            hello,
        }
    }

    /// Its name in the catalogue, such as `websockets-13.1-legacy`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it said of itself.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Carries out an operation and waits for it, within the deadlines in its arguments and
    /// [`CALL_SLACK`].
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub fn call<O: Operation>(&self, operation: &O) -> Result<O::Reply, CallError> {
        self.start(operation).wait()
    }

    /// [`Peer::call`] with a limit of the caller's own.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub fn call_within<O: Operation>(
        &self,
        operation: &O,
        limit: Duration,
    ) -> Result<O::Reply, CallError> {
        self.start_within(operation, limit).wait()
    }

    /// Starts an operation; the limit counts from now. An error in starting it comes out of the
    /// wait.
    pub fn start<O: Operation>(&self, operation: &O) -> Pending<O> {
        let args = serde_json::to_value(operation).map_err(|error| error.to_string());
        let limit = args.as_ref().map_or(CALL_SLACK, limit_of);
        self.begin(args, limit)
    }

    /// [`Peer::start`] with a limit of the caller's own.
    pub fn start_within<O: Operation>(&self, operation: &O, limit: Duration) -> Pending<O> {
        let args = serde_json::to_value(operation).map_err(|error| error.to_string());
        self.begin(args, limit)
    }

    /// What it wrote to its standard output and error: the first and the last 256 KiB.
    pub fn log(&self) -> String {
        lock(&self.core.log).text()
    }

    /// The protocol lines, the suite's with `>`, the peer's with `<`: the first and the last 500,
    /// each shortened to 4 KiB.
    pub fn transcript(&self) -> Vec<String> {
        lock(&self.core.transcript).lines()
    }

    /// Its process.
    pub fn process(&self) -> &PeerProcess {
        &self.core.process
    }

    /// Ends the control connection, waits for the peer to exit, and kills it when it has not after
    /// `deadline`.
    ///
    /// Operations under way end with [`CallError::Died`].
    ///
    /// # Errors
    ///
    /// [`ShutdownError`]: when it had to be killed, or the lab is gone.
    pub fn shutdown(&self, deadline: Duration) -> Result<Exit, ShutdownError> {
        self.core.conversation.end();
        let exit = self.core.process.wait(deadline)?;
        let Some(exit) = exit else {
            self.core.process.kill(SIGKILL)?;
            self.core.process.wait(EXIT_DEADLINE)?;
            return Err(ShutdownError::Killed { after: deadline });
        };
        lock(&self.core.log).finish();
        Ok(exit)
    }

    fn begin<O: Operation>(&self, args: Result<Value, String>, limit: Duration) -> Pending<O> {
        let asked = args
            .map_err(Silence::Request)
            .and_then(|args| self.core.conversation.ask(O::NAME, args))
            .map_err(|silence| self.core.explain(O::NAME, silence, limit));
        Pending {
            core: Arc::clone(&self.core),
            asked: Some(asked),
            deadline: Instant::now() + limit,
            limit,
            operation: PhantomData,
        }
    }
}

impl<O: Operation> Pending<O> {
    /// Waits for the result.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub fn wait(self) -> Result<O::Reply, CallError> {
        self.wait_timed().map(|reply| reply.value)
    }

    /// Waits for the result, and tells how long it took.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub fn wait_timed(mut self) -> Result<Reply<O::Reply>, CallError> {
        let Some(asked) = self.asked.take() else {
            unreachable!("taken only here and on drop");
        };
        let response = self.core.conversation.answer(asked?, self.deadline);
        let response =
            response.map_err(|silence| self.core.explain(O::NAME, silence, self.limit))?;
        let elapsed_us = response.elapsed_us;
        match response.answer {
            Answer::Ok(value) => match serde_json::from_value(value) {
                Ok(value) => Ok(Reply { value, elapsed_us }),
                Err(error) => Err(CallError::Protocol {
                    op: O::NAME,
                    detail: format!("its reply does not fit the schema: {error}"),
                }),
            },
            Answer::Failed(record) => Err(CallError::Failed {
                op: O::NAME,
                record: Box::new(record),
                elapsed_us,
            }),
            Answer::Unsupported(why) => Err(CallError::Unsupported { op: O::NAME, why }),
        }
    }
}

impl<O: Operation> Drop for Pending<O> {
    fn drop(&mut self) {
        if let Some(Ok(id)) = self.asked.take() {
            self.core.conversation.abandon(id);
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("name", &self.name)
            .field("hello", &self.hello)
            .finish_non_exhaustive()
    }
}

/// What a peer and its pending operations share.
pub(crate) struct Core {
    pub(crate) conversation: Conversation,
    pub(crate) process: PeerProcess,
    pub(crate) log: Mutex<LogReader>,
    pub(crate) transcript: Arc<Mutex<Transcript>>,
}

impl Core {
    fn explain(&self, op: &'static str, silence: Silence, limit: Duration) -> CallError {
        match silence {
            // A peer that died leaves its connection open when a child of its own holds it.
            Silence::Late if !matches!(self.process.try_wait(), Ok(None)) => self.died(op),
            Silence::Late => CallError::Deadline {
                op,
                what: "the answer",
                after: limit,
            },
            Silence::Stuck(after) => CallError::Deadline {
                op,
                what: "the peer to read a request",
                after,
            },
            Silence::Broken(detail) => CallError::Protocol { op, detail },
            Silence::Request(detail) => CallError::Request { op, detail },
            Silence::Ended => self.died(op),
        }
    }

    fn died(&self, op: &'static str) -> CallError {
        let exit = self.process.wait(EXIT_GRACE).ok().flatten();
        let mut log = lock(&self.log);
        if exit.is_some() {
            log.finish();
        }
        CallError::Died {
            op,
            exit,
            log: log.tail(TAIL),
        }
    }
}

/// The deadlines in an operation's arguments, and slack.
///
/// Closing may happen twice in a failed opening (`websockets` waits for it on the way out), hence
/// twice its limit.
fn limit_of(args: &Value) -> Duration {
    let ms = |key: &str| args.get(key).and_then(Value::as_u64).unwrap_or(0);
    let own = ms("deadline_ms")
        .saturating_add(ms("open_timeout_ms"))
        .saturating_add(ms("close_timeout_ms").saturating_mul(2));
    // An absurd limit must not overflow the clock.
    Duration::from_millis(own.min(24 * 60 * 60 * 1000)) + CALL_SLACK
}

fn summary(record: &ErrorRecord) -> String {
    match record.chain.first() {
        Some(link) if link.message.is_empty() => link.class.clone(),
        Some(link) => format!("{}: {}", link.class, link.message),
        None => "no error given".to_owned(),
    }
}

fn ended(exit: &Option<Exit>) -> String {
    match exit {
        Some(Exit::Code(code)) => format!("exited with status {code}"),
        Some(Exit::Signal(signal)) => format!("was killed by signal {signal}"),
        None => "closed its control connection".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_operation_gets_the_time_of_its_own_deadlines_and_slack() {
        assert_eq!(limit_of(&json!({})), CALL_SLACK);
        let own = limit_of(&json!({"deadline_ms": 1500}));
        assert_eq!(own, CALL_SLACK + Duration::from_millis(1500));
        let opening = limit_of(&json!({"open_timeout_ms": 1000, "close_timeout_ms": 200}));
        assert_eq!(opening, CALL_SLACK + Duration::from_millis(1400));
    }

    #[test]
    fn an_absurd_deadline_is_cut_to_a_day() {
        let limit = limit_of(&json!({"deadline_ms": u64::MAX, "close_timeout_ms": u64::MAX}));
        assert_eq!(limit, CALL_SLACK + Duration::from_secs(24 * 60 * 60));
    }
}
