//! `mpws connect`.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use mpws_fixture::client::{ClientTls, ConnectError, Received};
use mpws_fixture::deflate::Deflate;
use mpws_fixture::payload::{MessageKind, Payload};
use mpws_fixture::policy::SocketError;
use mpws_fixture::{Client, ClientConfig, ClientConnection, tls};
use mpws_report::text;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::serve::{policy, read};
use crate::{live, runtime};

/// Connects, sends messages, waits for an answer to each, and tells what the kernel says.
pub(crate) fn run(args: &args::Connect) -> Result<Exit, Failure> {
    runtime::block_on(connect(args))
}

async fn connect(args: &args::Connect) -> Result<Exit, Failure> {
    let timeout = Duration::from_millis(args.timeout);
    let mut config = ClientConfig::new(&args.url);
    config.policy = policy(args.policy);
    config.deflate = args.deflate.map_or(Deflate::Off, Deflate::Offered);
    config.open_deadline = timeout;
    config.close_deadline = timeout;
    if let Some(ca) = &args.ca {
        let trusted = tls::client(&read(ca)?).map_err(|error| {
            let message = format!("cannot use the certificates in {}", ca.display());
            Failure::of(Exit::Usage, message, &error)
        })?;
        config.tls = Some(ClientTls {
            config: trusted,
            server_name: None,
        });
    }

    let connection = Client::connect(config)
        .await
        .map_err(|error| not_connected(&error))?;
    let mut output = Output::default();
    tell("connected", &connection, &mut output);
    let report = connection.report();
    if let Some(caution) = live::caution(report.remote) {
        output.line(caution);
    }
    if !report.extensions.is_empty() {
        output.line(format_args!(
            "WebSocket is open{}",
            live::extensions(&report)
        ));
    } else if args.deflate.is_some() {
        output.line("the server does not take permessage-deflate");
    }
    let talked = talk(args, &connection, timeout, &mut output).await;
    tell("at the end", &connection, &mut output);
    let ended = connection.close(NORMAL_CLOSURE, "", timeout).await;
    if let Ok(end) = &ended {
        output.line(format_args!("ended: {}", live::end(end)));
    }
    talked?;
    ended.map_err(|error| Failure::of(Exit::Red, "the connection did not close", &error))?;
    output.finish()
}

/// Sends all messages.
async fn talk(
    args: &args::Connect,
    connection: &ClientConnection,
    timeout: Duration,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut messages = Messages::of(args, output);
    while let Some(message) = messages.next().await? {
        let began = Instant::now();
        let payload = Payload::Literal { text: message };
        connection
            .send(&payload, 1, timeout)
            .await
            .map_err(|error| Failure::of(Exit::Red, "a message was not sent", &error))?;
        let answer = connection
            .receive(timeout)
            .await
            .map_err(|error| Failure::of(Exit::Red, "there is no answer", &error))?;
        let took = began.elapsed();
        output.line(format_args!(
            "answer after {:.1} ms: {}",
            milliseconds(took),
            shown(&answer)
        ));
        if !output.is_open() {
            break;
        }
    }
    Ok(())
}

/// Where messages come from.
enum Messages<'a> {
    /// The command line.
    Given {
        texts: &'a [String],
        sent: usize,
        total: usize,
        interval: Duration,
    },
    /// Lines of standard input.
    Lines(Lines<BufReader<Stdin>>),
}

impl<'a> Messages<'a> {
    fn of(args: &'a args::Connect, output: &mut Output) -> Self {
        if args.messages.is_empty() {
            if std::io::stdin().is_terminal() {
                output.line("each line that you type is sent; Ctrl-D ends");
            }
            return Self::Lines(BufReader::new(tokio::io::stdin()).lines());
        }
        let count = usize::try_from(args.count).unwrap_or(usize::MAX);
        Self::Given {
            texts: &args.messages,
            sent: 0,
            total: args.messages.len().saturating_mul(count),
            interval: Duration::from_millis(args.interval),
        }
    }

    async fn next(&mut self) -> Result<Option<String>, Failure> {
        match self {
            Self::Given {
                texts,
                sent,
                total,
                interval,
            } => {
                if sent >= total {
                    return Ok(None);
                }
                if *sent > 0 {
                    tokio::time::sleep(*interval).await;
                }
                let text = texts[*sent % texts.len()].clone();
                *sent += 1;
                Ok(Some(text))
            }
            Self::Lines(lines) => lines.next_line().await.map_err(|error| {
                Failure::of(
                    Exit::Usage,
                    "cannot read lines of text from standard input",
                    &error,
                )
            }),
        }
    }
}

fn tell(when: &str, connection: &ClientConnection, output: &mut Output) {
    let facts = connection.facts();
    let report = connection.report();
    output.line(format_args!(
        "{when}: {}",
        live::transport(&report, facts.as_ref())
    ));
    if let Some(info) = facts.as_ref().and_then(|facts| facts.info.as_ref())
        && let (Some(sent), Some(received)) = (info.bytes_sent, info.bytes_received)
    {
        output.line(format_args!(
            "  {sent} bytes sent, {received} received, as MPTCP counts them"
        ));
    }
}

fn shown(answer: &Received) -> String {
    match (answer.kind, std::str::from_utf8(&answer.content)) {
        (MessageKind::Text, Ok(content)) => text::line(content, text::LINE_LIMIT),
        _ => format!("{} bytes, binary", answer.content.len()),
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn not_connected(error: &ConnectError) -> Failure {
    let failure = |exit| Failure::of(exit, "there is no connection", error);
    match error {
        ConnectError::Uri(_) => failure(Exit::Usage)
            .next("write ws://HOST:PORT/PATH, or wss:// with --ca and the certificates to trust"),
        ConnectError::Socket {
            source: SocketError::Unavailable(_),
            ..
        } => failure(Exit::Host).next("`mpws doctor` tells how to get MPTCP"),
        ConnectError::FellBack(_) => failure(Exit::Red).next(
            "the server, or something on the way, does not speak MPTCP; --policy prefer connects \
             all the same",
        ),
        _ => failure(Exit::Red),
    }
}

/// Close code of a purpose fulfilled (RFC 6455 section 7.4.1).
const NORMAL_CLOSURE: u16 = 1000;
