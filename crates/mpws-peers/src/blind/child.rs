//! A program that runs: its output in our log, its last words kept.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::orders::ORDERS;
use crate::lock::lock;
use crate::protocol::{CONTROL, Failure};

/// A program that runs, or ran. It is killed on drop.
#[derive(Debug)]
pub(super) struct Program {
    /// Its command, for messages.
    pub(super) words: String,
    pub(super) child: Child,
    last_words: LastWords,
    /// What copies its output to our log; ends with the output.
    followers: Vec<JoinHandle<()>>,
}

/// The end of what a program wrote.
#[derive(Clone, Debug, Default)]
pub(super) struct LastWords(Arc<Mutex<Vec<u8>>>);

/// How long the output of a program that has ended may still be on its way. A child of its own may
/// hold the pipe open for good.
const OUTPUT_DEADLINE: Duration = Duration::from_secs(1);

/// Bytes of output that stand in an error.
const LAST_WORDS: usize = 300;

impl Program {
    /// Starts a command. Its standard error goes to ours.
    pub(super) fn start(
        argv: &[String],
        env: &BTreeMap<String, String>,
        input: Stdio,
    ) -> Result<Self, Failure> {
        let (first, args) = argv
            .split_first()
            .ok_or_else(|| Failure::unsupported("there is no such command"))?;
        let words = argv.join(" ");
        eprintln!("mpws: starting {words}");
        let mut child = Command::new(first)
            .args(args)
            .envs(env)
            .env_remove(CONTROL)
            .env_remove(ORDERS)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::plain("mpws.NotStarted", &format!("{words}: {error}")))?;
        let last_words = LastWords::default();
        let error = child.stderr.take();
        let followers = error.map(|error| tokio::spawn(last_words.clone().follow(error)));
        Ok(Self {
            words,
            child,
            last_words,
            followers: followers.into_iter().collect(),
        })
    }

    /// Lets its standard output go to our log as well, for who does not read it.
    pub(super) fn log_output(&mut self) {
        if let Some(output) = self.child.stdout.take() {
            let follower = tokio::spawn(self.last_words.clone().follow(output));
            self.followers.push(follower);
        }
    }

    /// What it wrote so far; for who reads its output.
    pub(super) fn last_words(&self) -> LastWords {
        self.last_words.clone()
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends it what Ctrl-C would; one that has ended is no trouble.
    pub(super) fn interrupt(&self) -> std::io::Result<()> {
        // Its number is its own until somebody has waited for it, and then there is none.
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        match pid.map(|pid| kill(Pid::from_raw(pid), Signal::SIGINT)) {
            None | Some(Ok(()) | Err(Errno::ESRCH)) => Ok(()),
            Some(Err(error)) => Err(error.into()),
        }
    }

    /// The error of a program that has ended too early.
    pub(super) async fn gone(&mut self, status: ExitStatus) -> Failure {
        let all = join_all(self.followers.drain(..));
        // What came until then stands in the error.
        let _ = timeout(OUTPUT_DEADLINE, all).await;
        Failure::plain(
            "mpws.Ended",
            &format!(
                "`{}` ended with {status}; its last words: {:?}",
                self.words,
                self.last_words.text()
            ),
        )
    }
}

impl LastWords {
    /// Copies all of it to our log.
    async fn follow(self, mut from: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 1 << 14];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            self.add(&buffer[..length]);
        }
    }

    pub(super) fn add(&self, bytes: &[u8]) {
        // Without a log nobody would read it.
        let _ = std::io::stderr().write_all(bytes);
        let mut kept = lock(&self.0);
        kept.extend_from_slice(bytes);
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }

    pub(super) fn text(&self) -> String {
        let kept = lock(&self.0);
        String::from_utf8_lossy(kept.trim_ascii()).into_owned()
    }
}
