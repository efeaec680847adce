//! A program that knows nothing of the adapter protocol, as a blind peer: an echo server, or a
//! client that talks in lines. It is honest, or lies, or misbehaves as a process.

use std::io::{BufRead as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mpws_fixture::payload::MessageKind;
use mpws_fixture::script::{Behaviour, EchoFault};
use mpws_fixture::{Client, ClientConfig, Policy, Server, ServerConfig};
use tokio::sync::mpsc;

use crate::mutant::Fault;

/// Name of the entry point.
pub const ENTRY: &str = "blind-program";

/// The variable that names what is wrong with it: a [`Fault`] or a [`Misdeed`]; `none` for the
/// honest program.
const WRONG: &str = "MPWS_BLIND_WRONG";

/// The variable that puts it on MPTCP.
const ON_MPTCP: &str = "MPWS_BLIND_ON_MPTCP";

mpws_lab::reexec!(ENTRY, run);

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misdeed {
    /// Exits with status 3 at once.
    ExitsAtOnce,
    /// Does nothing, for ever.
    Hangs,
    /// Listens on the next port.
    ListensElsewhere,
    /// Listens and connects, and says what is no WebSocket.
    SpeaksNoWebSocket,
    /// Writes without end, and works.
    Floods,
    /// Exits with status 7 when the first message comes.
    DiesInTheMiddle,
}

impl Misdeed {
    const ALL: [Self; 6] = [
        Self::ExitsAtOnce,
        Self::Hangs,
        Self::ListensElsewhere,
        Self::SpeaksNoWebSocket,
        Self::Floods,
        Self::DiesInTheMiddle,
    ];

    /// The word for it in the environment.
    pub fn word(self) -> String {
        format!("{self:?}")
    }
}

/// The faults that a program without an adapter can have.
pub const FAULTS: [Fault; 7] = [
    Fault::ClientNeverAsks,
    Fault::ClientSpeaksMptcp,
    Fault::ServerClaimsMptcp,
    Fault::ServerSpeaksMptcp,
    Fault::EchoAlters,
    Fault::EchoDrops,
    Fault::EchoDoubles,
];

/// A `peer.toml` of this program.
pub fn peer_file(name: &str, wrong: &str) -> String {
    // Not `/proc/self/exe`, which is `env` by the time it is looked at.
    let own = std::env::current_exe().expect("the path of this executable");
    let own = own.display();
    format!(
        r#"schema = 1
name = "{name}"
kind = "blind"
roles = ["client", "server"]

[blind]
version = ["echo", "1"]
mptcp = ["env", "{ON_MPTCP}=1"]
server = ["{own}", "{{host}}", "{{port}}"]
client = ["{own}", "{{uri}}"]
lines = {{ ready = "open\n" }}
env = {{ {} = "{ENTRY}", {WRONG} = "{wrong}" }}
"#,
        mpws_lab::reexec::VARIABLE
    )
}

fn run() -> i32 {
    let wrong = std::env::var(WRONG).unwrap_or_default();
    let misdeed = Misdeed::ALL.into_iter().find(|one| one.word() == wrong);
    let fault = Fault::named(&wrong);
    if misdeed.is_none() && fault.is_none() && wrong != "none" {
        eprintln!("{WRONG} names nothing: {wrong:?}");
        return 2;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let Ok(runtime) = runtime else { return 2 };
    match misdeed {
        Some(Misdeed::ExitsAtOnce) => {
            eprintln!("I give up");
            return 3;
        }
        Some(Misdeed::Hangs) => loop {
            std::thread::park();
        },
        Some(Misdeed::Floods) => drop(std::thread::spawn(flood)),
        _ => {}
    }
    let done = runtime.block_on(async {
        match args.as_slice() {
            [uri] => client(uri, fault, misdeed).await,
            [host, port] => server(host, port, fault, misdeed).await,
            _ => Err(format!("strange arguments: {args:?}").into()),
        }
    });
    match done {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("blind-program: {error}");
            1
        }
    }
}

type Done = Result<(), Box<dyn std::error::Error>>;

fn policy(never: Option<Fault>, always: Option<Fault>, fault: Option<Fault>) -> Policy {
    let asked = std::env::var_os(ON_MPTCP).is_some();
    if fault.is_some() && fault == never {
        return Policy::Never;
    }
    if asked || (fault.is_some() && fault == always) {
        Policy::Prefer
    } else {
        Policy::Never
    }
}

async fn server(host: &str, port: &str, fault: Option<Fault>, misdeed: Option<Misdeed>) -> Done {
    let mut address = SocketAddr::new(host.parse::<IpAddr>()?, port.parse()?);
    if misdeed == Some(Misdeed::ListensElsewhere) {
        address.set_port(address.port() + 1);
    }
    if let Some(Misdeed::SpeaksNoWebSocket | Misdeed::DiesInTheMiddle) = misdeed {
        let listener = std::net::TcpListener::bind(address)?;
        for stream in listener.incoming() {
            stream?.write_all(b"220 welcome\r\n")?;
            if misdeed == Some(Misdeed::DiesInTheMiddle) {
                eprintln!("these are my last words");
                std::process::exit(7);
            }
        }
    }
    let mut config = ServerConfig::new(address);
    config.policy = policy(
        Some(Fault::ServerClaimsMptcp),
        Some(Fault::ServerSpeaksMptcp),
        fault,
    );
    let echo = |fault| Behaviour::FaultyEcho { fault };
    config.behaviour = match fault {
        Some(Fault::EchoAlters) => echo(EchoFault::Alter),
        Some(Fault::EchoDrops) => echo(EchoFault::Drop),
        Some(Fault::EchoDoubles) => echo(EchoFault::Double),
        _ => Behaviour::Echo,
    };
    let server = Server::bind(config)?;
    server.wait_over(FOR_EVER).await;
    Ok(())
}

async fn client(uri: &str, fault: Option<Fault>, misdeed: Option<Misdeed>) -> Done {
    if misdeed == Some(Misdeed::SpeaksNoWebSocket) {
        let rest = uri.trim_start_matches("ws://").trim_end_matches('/');
        let mut stream = std::net::TcpStream::connect(rest)?;
        println!("open");
        for line in std::io::stdin().lock().lines() {
            stream.write_all(line?.as_bytes())?;
        }
        return Ok(());
    }
    let mut config = ClientConfig::new(uri);
    config.policy = policy(
        Some(Fault::ClientNeverAsks),
        Some(Fault::ClientSpeaksMptcp),
        fault,
    );
    let connection = Client::connect(config).await?;
    println!("open");
    let (to, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                return;
            }
        }
    });
    loop {
        tokio::select! {
            line = lines.recv() => {
                let Some(line) = line else { break };
                if misdeed == Some(Misdeed::DiesInTheMiddle) {
                    eprintln!("these are my last words");
                    std::process::exit(7);
                }
                connection
                    .send_bytes(MessageKind::Text, line.into(), 1, FOR_EVER)
                    .await?;
            }
            message = connection.receive(FOR_EVER) => {
                println!("{}", String::from_utf8_lossy(&message?.content));
            }
        }
    }
    connection.close(1000, "", FOR_EVER).await?;
    Ok(())
}

fn flood() {
    let line = "noise ".repeat(100);
    loop {
        eprintln!("{line}");
    }
}

/// The suite ends it long before.
const FOR_EVER: Duration = Duration::from_secs(3600);
