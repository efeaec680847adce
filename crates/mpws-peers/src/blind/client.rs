//! `client.*` and `connection.*` for a blind program that is talked to in lines.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mpws_fixture::payload::{Digested, MessageKind};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::child::{LastWords, Program};
use super::orders::{Orders, refuse};
use crate::catalogue::{BlindLines, Leave};
use crate::kernel;
use crate::lock::lock;
use crate::protocol::{
    ClientOpen, ClientOpened, ConnectionClose, ConnectionEnd, ConnectionEnded, ConnectionFacts,
    ConnectionId, ConnectionLook, ConnectionReceive, ConnectionSend, Failure, MAX_LINE, Nothing,
    SocketFacts, SocketProtocol,
};

/// The clients that were started; a number is the place, from 1.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<Vec<Arc<Client>>>);

#[derive(Debug)]
struct Client {
    program: tokio::sync::Mutex<Program>,
    input: tokio::sync::Mutex<Option<ChildStdin>>,
    lines: tokio::sync::Mutex<mpsc::Receiver<Vec<u8>>>,
    /// Its end of the connection, as the kernel lists it.
    local: SocketAddr,
    remote: SocketAddr,
    leave: Leave,
}

impl Clients {
    pub(super) async fn open(
        &self,
        orders: &Orders,
        args: ClientOpen,
    ) -> Result<ClientOpened, Failure> {
        refuse(&[
            (args.socket.is_some(), "a client on a given socket"),
            (args.as_descriptor || args.null_host, "a given socket"),
            (args.host.is_some() || args.port.is_some(), "host and port"),
            (
                args.protocol == Some(SocketProtocol::Mptcp),
                "MPTCP or nothing",
            ),
            (args.deflate, "compression"),
            (!args.subprotocols.is_empty(), "subprotocols"),
            (args.max_size.is_some(), "a largest message"),
            (args.tls.is_some(), "TLS"),
            (args.top_level, "top_level"),
            (!args.extra.is_empty(), "further arguments"),
        ])?;
        let (Some(argv), Some(lines)) = (&orders.client, &orders.lines) else {
            return Err(Failure::unsupported("there is no client"));
        };
        let remote = target(&args.uri)?;
        let (host, port) = (remote.ip().to_string(), remote.port().to_string());
        let values = [("uri", args.uri.as_str()), ("host", &host), ("port", &port)];
        let argv = orders.command(argv, args.protocol, &values);
        let mut program = Program::start(&argv, &orders.env, Stdio::piped())?;
        let input = program.child.stdin.take();
        let Some(output) = program.child.stdout.take() else {
            return Err(Failure::unsupported("it has no standard output"));
        };
        let mut output = BufReader::new(output);
        let words = program.last_words();
        // Before the limit of its opening handshake counts.
        let limit = orders.start() + Duration::from_millis(args.open_timeout_ms);
        match timeout(limit, until_ready(&mut output, &lines.ready, &words)).await {
            Err(_) => {
                return Err(Failure::deadline(&format!(
                    "`{}` did not write {:?} within {} ms, the sign that it is open; its last words: {:?}",
                    program.words,
                    lines.ready,
                    limit.as_millis(),
                    words.text()
                )));
            }
            Ok(false) => return Err(died(&mut program).await),
            Ok(true) => {}
        }
        let known: Vec<SocketAddr> = lock(&self.0).iter().map(|one| one.local).collect();
        let sockets = kernel::own_sockets()?;
        let new = |one: &&kernel::KernelSocket| {
            one.connected && one.remote == remote && !known.contains(&one.local)
        };
        let Some(socket) = sockets.iter().find(new) else {
            return Err(Failure::plain(
                "mpws.NoConnection",
                &format!(
                    "`{}` says that it is open, and the kernel lists no connection to {remote}",
                    program.words
                ),
            ));
        };
        let (sender, receiver) = mpsc::channel(64);
        let leave = lines.leave;
        tokio::spawn(read(output, lines.clone(), sender, words));
        let mut all = lock(&self.0);
        all.push(Arc::new(Client {
            program: program.into(),
            input: input.into(),
            lines: receiver.into(),
            local: socket.local,
            remote,
            leave,
        }));
        Ok(ClientOpened {
            connection: u32::try_from(all.len()).unwrap_or(u32::MAX),
            facts: socket.facts.clone(),
            subprotocol: None,
            extensions: Vec::new(),
        })
    }

    pub(super) async fn send(&self, args: ConnectionSend) -> Result<Nothing, Failure> {
        let client = self.of(args.connection)?;
        let mut line = args.message.bytes();
        refuse(&[
            (args.message.kind() != MessageKind::Text, "binary messages"),
            (args.fragments != 1, "fragments"),
            (
                line.iter().any(|byte| matches!(byte, b'\n' | b'\r')),
                "a text of several lines",
            ),
        ])?;
        line.push(b'\n');
        let mut input = client.input.lock().await;
        let Some(input) = input.as_mut() else {
            return Err(Failure::plain("mpws.Closed", "its input was closed"));
        };
        let written = async {
            input.write_all(&line).await?;
            input.flush().await
        };
        match timeout(Duration::from_millis(args.deadline_ms), written).await {
            Ok(Ok(())) => Ok(Nothing {}),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Failure::deadline("connection.send: it does not read")),
        }
    }

    pub(super) async fn receive(&self, args: ConnectionReceive) -> Result<Digested, Failure> {
        let client = self.of(args.connection)?;
        let mut lines = client.lines.lock().await;
        match timeout(Duration::from_millis(args.deadline_ms), lines.recv()).await {
            Ok(Some(line)) => Ok(Digested::of(MessageKind::Text, &line)),
            Ok(None) => Err(died(&mut *client.program.lock().await).await),
            Err(_) => Err(Failure::deadline("connection.receive: it writes no line")),
        }
    }

    pub(super) async fn close(&self, args: ConnectionClose) -> Result<ConnectionEnd, Failure> {
        refuse(&[(
            args.code != 1000 || !args.reason.is_empty(),
            "a close code or reason",
        )])?;
        let client = self.of(args.connection)?;
        client.input.lock().await.take();
        if client.leave == Leave::Interrupt {
            client.program.lock().await.interrupt()?;
        }
        client
            .until_gone("connection.close", args.deadline_ms)
            .await
    }

    pub(super) async fn ended(&self, args: ConnectionEnded) -> Result<ConnectionEnd, Failure> {
        let client = self.of(args.connection)?;
        client
            .until_gone("connection.ended", args.deadline_ms)
            .await
    }

    pub(super) fn look(&self, args: ConnectionLook) -> Result<ConnectionFacts, Failure> {
        let client = self.of(args.connection)?;
        let sockets = kernel::own_sockets()?;
        let mine =
            |one: &&kernel::KernelSocket| one.local == client.local && one.remote == client.remote;
        Ok(match sockets.iter().find(mine) {
            Some(socket) => ConnectionFacts {
                facts: socket.facts.clone(),
                state: "connected, by its kernel".to_owned(),
            },
            None => ConnectionFacts {
                facts: SocketFacts::default(),
                state: "gone, by its kernel".to_owned(),
            },
        })
    }

    fn of(&self, number: ConnectionId) -> Result<Arc<Client>, Failure> {
        let slot = (number as usize).checked_sub(1);
        slot.and_then(|slot| lock(&self.0).get(slot).cloned())
            .ok_or_else(|| Failure::unsupported(format!("there is no connection {number}")))
    }
}

impl Client {
    /// Waits until the program has ended. It cannot say with which code the connection was closed.
    async fn until_gone(&self, what: &str, deadline_ms: u64) -> Result<ConnectionEnd, Failure> {
        let mut program = self.program.lock().await;
        let mut lines = self.lines.lock().await;
        let gone = async {
            // What it still has to write must not hold it.
            while lines.recv().await.is_some() {}
            program.child.wait().await
        };
        match timeout(Duration::from_millis(deadline_ms), gone).await {
            Ok(Ok(status)) => Ok(ConnectionEnd {
                transport: Some(format!("the program ended: {status}")),
                ..ConnectionEnd::default()
            }),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Failure::deadline(&format!("{what}: it does not end"))),
        }
    }
}

/// Where a `ws://` URI with a numeric address leads.
fn target(uri: &str) -> Result<SocketAddr, Failure> {
    let rest = uri.strip_prefix("ws://");
    rest.and_then(|rest| rest.split(['/', '?']).next()?.parse().ok())
        .ok_or_else(|| Failure::unsupported(format!("the URI {uri}")))
}

/// Waits for the sign; whatever comes before it is thrown away. `false` when the output has ended.
async fn until_ready(output: &mut BufReader<ChildStdout>, ready: &str, words: &LastWords) -> bool {
    let mut seen = Vec::new();
    while !seen.ends_with(ready.as_bytes()) {
        match output.read_u8().await {
            Ok(byte) => seen.push(byte),
            Err(_) => return false,
        }
        words.add(&seen[seen.len() - 1..]);
        if seen.len() > MAX_LINE {
            seen.drain(..MAX_LINE / 2);
        }
    }
    true
}

/// Hands lines on until the output ends. Where nobody takes them the program has to wait.
async fn read(
    mut output: BufReader<ChildStdout>,
    lines: BlindLines,
    to: mpsc::Sender<Vec<u8>>,
    words: LastWords,
) {
    loop {
        let mut line = Vec::new();
        let limit = MAX_LINE as u64;
        match (&mut output).take(limit).read_until(b'\n', &mut line).await {
            Ok(1..) => {}
            _ => return,
        }
        words.add(&line);
        if line.last() != Some(&b'\n') {
            // Cut off, or too long: no message.
            return;
        }
        line.pop();
        let message = line.strip_prefix(lines.prompt.as_bytes()).unwrap_or(&line);
        if to.send(message.to_vec()).await.is_err() {
            return;
        }
    }
}

/// The error of a program whose output has ended.
async fn died(program: &mut Program) -> Failure {
    match timeout(Duration::from_secs(1), program.child.wait()).await {
        Ok(Ok(status)) => program.gone(status).await,
        _ => Failure::plain(
            "mpws.Ended",
            &format!("`{}` has closed its output and runs on", program.words),
        ),
    }
}
