//! `mpws serve`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use mpws_fixture::deflate::Deflate;
use mpws_fixture::policy::{Policy, SocketError};
use mpws_fixture::report::ConnectionReport;
use mpws_fixture::script::{Behaviour, EchoFault};
use mpws_fixture::server::{BindError, MAX_REPORTS};
use mpws_fixture::{Server, ServerConfig, tls};
use tokio::signal::unix::{SignalKind, signal};

use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::{live, runtime};

/// Serves until Ctrl-C and tells what becomes of each connection.
pub(crate) fn run(args: &args::Serve) -> Result<Exit, Failure> {
    runtime::block_on(serve(args))
}

async fn serve(args: &args::Serve) -> Result<Exit, Failure> {
    let mut config = ServerConfig::new(args.listen);
    config.policy = policy(args.policy);
    config.behaviour = behaviour(args.behaviour);
    config.deflate = args.deflate.map_or(Deflate::Off, Deflate::Offered);
    config.tls = server_tls(args)?;
    let secure = config.tls.is_some();
    let server = Server::bind(config).map_err(|error| cannot_serve(&error))?;

    let mut output = Output::default();
    let scheme = if secure { "wss" } else { "ws" };
    output.line(format_args!("ready {scheme}://{}", server.local_addr()));
    if let Some(reason) = server.unavailable() {
        output.line(format_args!("listening with TCP only: {reason}"));
    }
    let mut shown = Shown::default();
    follow(&server, &mut shown, &mut output).await?;
    server.stop(STOP_DEADLINE).await;
    shown.update(&server.connections(), &mut output);
    output.finish()
}

/// Prints what changes, until a signal or the end of the server.
async fn follow(server: &Server, shown: &mut Shown, output: &mut Output) -> Result<(), Failure> {
    let cannot = |error| Failure::of(Exit::Internal, "cannot listen for signals", &error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    loop {
        shown.update(&server.connections(), output);
        if !output.is_open() {
            return Ok(());
        }
        let (seen, ended) = (shown.seen(), shown.ended());
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            over = server.wait_over(FOREVER) => if over {
                let error = server.state().error;
                let why = error.last().map_or("it ended", |cause| cause.message.as_str());
                return Err(Failure::new(Exit::Internal, format!("cannot accept any more: {why}")));
            },
            _ = server.wait(seen + 1, 0, LOOK) => {}
            _ = server.wait(0, ended + 1, LOOK) => {}
        }
    }
}

/// What was told of each connection, by its number.
#[derive(Default)]
struct Shown {
    lines: BTreeMap<u32, Told>,
    full: bool,
    /// It was said what loopback cannot show.
    cautioned: bool,
}

#[derive(Default)]
struct Told {
    transport: String,
    upgraded: bool,
    ended: bool,
}

impl Shown {
    fn update(&mut self, reports: &[ConnectionReport], output: &mut Output) {
        for report in reports {
            self.tell(report, output);
        }
        if reports.len() >= MAX_REPORTS && !self.full {
            self.full = true;
            output.line(format_args!(
                "connections after the {MAX_REPORTS}th are served, not shown"
            ));
        }
    }

    fn tell(&mut self, report: &ConnectionReport, output: &mut Output) {
        let number = report.number;
        let told = self.lines.entry(number).or_default();
        if told.ended {
            return;
        }
        let transport = live::transport(report, None);
        if told.transport != transport {
            let remote = shown_address(report.remote);
            output.line(format_args!("#{number} from {remote}: {transport}"));
            if let Some(caution) = live::caution(report.remote).filter(|_| !self.cautioned) {
                self.cautioned = true;
                output.line(caution);
            }
            told.transport = transport;
        }
        if report.upgraded && !told.upgraded {
            told.upgraded = true;
            let extensions = live::extensions(report);
            output.line(format_args!("#{number} WebSocket is open{extensions}"));
        }
        if let Some(end) = &report.end {
            told.ended = true;
            output.line(format_args!(
                "#{number} ended: {} received, {} sent, {}",
                report.received_count,
                report.sent_count,
                live::end(end)
            ));
        }
    }

    fn seen(&self) -> u64 {
        self.lines.len() as u64
    }

    fn ended(&self) -> u64 {
        self.lines.values().filter(|told| told.ended).count() as u64
    }
}

fn shown_address(address: Option<SocketAddr>) -> String {
    address.map_or_else(
        || "an unknown address".to_owned(),
        |address| address.to_string(),
    )
}

fn server_tls(args: &args::Serve) -> Result<Option<std::sync::Arc<rustls::ServerConfig>>, Failure> {
    let (certificate, key) = match (&args.tls_cert, &args.tls_key, &args.tls_self_signed) {
        (Some(certificate), Some(key), _) => (read(certificate)?, read(key)?),
        (_, _, Some(ca)) => {
            let address = args.listen.ip().to_string();
            let names = ["localhost", "127.0.0.1", "::1", address.as_str()];
            let made = tls::authority(&names).map_err(|error| {
                Failure::of(Exit::Internal, "cannot make a certificate", &error)
            })?;
            std::fs::write(ca, &made.ca).map_err(|error| {
                let message = format!("cannot write the authority to {}", ca.display());
                Failure::of(Exit::Usage, message, &error)
            })?;
            (made.certificate.into_bytes(), made.key.into_bytes())
        }
        _ => return Ok(None),
    };
    let config = tls::server(&certificate, &key)
        .map_err(|error| Failure::of(Exit::Usage, "cannot serve with this certificate", &error))?;
    Ok(Some(config))
}

/// Reads a file named on the command line.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        Failure::of(
            Exit::Usage,
            format!("cannot read {}", path.display()),
            &error,
        )
    })
}

/// The fixture's policy.
pub(crate) fn policy(policy: args::Policy) -> Policy {
    match policy {
        args::Policy::Require => Policy::Require,
        args::Policy::Prefer => Policy::Prefer,
        args::Policy::Never => Policy::Never,
    }
}

fn behaviour(behaviour: args::Behaviour) -> Behaviour {
    let faulty = |fault| Behaviour::FaultyEcho { fault };
    match behaviour {
        args::Behaviour::Echo => Behaviour::Echo,
        args::Behaviour::AnswerTwice => Behaviour::AnswerTwice,
        args::Behaviour::AnswerPairs => Behaviour::AnswerPairs,
        args::Behaviour::Close => Behaviour::Close {
            code: 1000,
            reason: String::new(),
        },
        args::Behaviour::FaultyAlter => faulty(EchoFault::Alter),
        args::Behaviour::FaultyDrop => faulty(EchoFault::Drop),
        args::Behaviour::FaultyDouble => faulty(EchoFault::Double),
        args::Behaviour::FaultyReorder => faulty(EchoFault::Reorder),
    }
}

fn cannot_serve(error: &BindError) -> Failure {
    match error {
        BindError::Socket {
            source: SocketError::Unavailable(_),
            ..
        } => Failure::of(Exit::Host, "cannot serve over MPTCP", error)
            .next("`mpws doctor` tells how to get it; --policy prefer serves over TCP as well"),
        _ => Failure::of(Exit::Usage, "cannot serve", error).next(
            "is the address one of this host, the port free, and above 1023 for ordinary users?",
        ),
    }
}

/// How often open connections are looked at when nothing else happens.
const LOOK: Duration = Duration::from_millis(500);
const STOP_DEADLINE: Duration = Duration::from_secs(2);
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);
