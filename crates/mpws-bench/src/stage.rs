//! One lab with its peers and listeners: where a row is measured.

use mpws_peers::protocol::Feature;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;

use mpws_fixture::script::Behaviour;
use mpws_harness::{End, Harness, Kernels, Setup};
use mpws_lab::{Host, Ip, Lab, MAX_BACKLOG};
use mpws_peers::protocol::{
    Operation, ServerStart, ServerStarted, SocketBind, SocketCreate, SocketFamily, SocketKind,
    SocketListen, SocketOption, SocketProtocol, SocketSet,
};
use mpws_peers::{LaunchOptions, Launcher, Peer, PeerSpec};
use mpws_suite::deadline;
use tokio::runtime::Runtime;

use crate::end::RowEnd;
use crate::link::Link;
use crate::proof::{self, Ends, Witnessed};
use crate::result::{BenchPeer, PathShare};

/// A lab with a server, a way to be its client, and a view into both kernels.
pub(crate) struct Stage<'a> {
    pub(crate) lab: Lab,
    pub(crate) runtime: Runtime,
    server: Peer,
    server_spec: &'a PeerSpec,
    client: Option<Peer>,
    client_spec: &'a PeerSpec,
    kernels: Kernels,
    next_port: u16,
    /// What a server does that shall echo; tests make it wrong.
    pub(crate) echo: Behaviour,
    _scratch: tempfile::TempDir,
}

impl<'a> Stage<'a> {
    /// Starts a lab with so many paths and the server in it, and a client that is a peer where it
    /// is `foreign`.
    pub(crate) fn open(
        launcher: &Launcher,
        client_spec: &'a PeerSpec,
        server_spec: &'a PeerSpec,
        foreign: bool,
        paths: u8,
    ) -> Result<Self, RowEnd> {
        let scratch = tempfile::Builder::new()
            .prefix("mpws-bench-")
            .tempdir()
            .map_err(|error| RowEnd::bench("no scratch folder", &error))?;
        let end = |spec| End {
            spec,
            options: LaunchOptions {
                scratch: Some(scratch.path().to_owned()),
                ..LaunchOptions::default()
            },
        };
        let setup = Setup {
            paths,
            backlog: MAX_BACKLOG,
            conditions: &[],
            client: foreign.then(|| end(client_spec)),
            server: end(server_spec),
        };
        let started = Harness::start(launcher, &setup);
        let Harness {
            lab,
            client,
            server,
            kernels,
        } = started.map_err(|error| RowEnd::of_start(&error))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| RowEnd::bench("no runtime", &error))?;
        Ok(Self {
            lab,
            runtime,
            server,
            server_spec,
            client,
            client_spec,
            kernels,
            next_port: FIRST_PORT,
            echo: Behaviour::Echo,
            _scratch: scratch,
        })
    }

    /// What the peers that were started said of themselves.
    pub(crate) fn peers(&self) -> Vec<BenchPeer> {
        let server = Some((self.server_spec, &self.server));
        let client = self.client.as_ref().map(|peer| (self.client_spec, peer));
        [client, server]
            .into_iter()
            .flatten()
            .map(|(spec, peer)| {
                let hello = peer.hello();
                BenchPeer {
                    peer: spec.name.clone(),
                    version: hello.version.clone(),
                    runtime: hello.runtime.clone(),
                    libc: hello.libc.clone(),
                }
            })
            .collect()
    }

    /// A host of the lab.
    pub(crate) fn host(&self, who: &str) -> Host {
        self.lab.host(who)
    }

    /// Asks the client peer, which is there where the client is not the fixture.
    pub(crate) fn ask_client<O: Operation>(&self, operation: &O) -> Result<O::Reply, RowEnd> {
        match &self.client {
            Some(client) => client
                .call(operation)
                .map_err(|error| RowEnd::of_call(CLIENT, error)),
            None => Err(RowEnd::NotMeasured("the client is no peer".to_owned())),
        }
    }

    /// Whether the client has a feature of the catalogue.
    pub(crate) fn client_has(&self, feature: Feature) -> bool {
        self.client_spec.has(feature)
    }

    fn ask_server<O: Operation>(&self, operation: &O) -> Result<O::Reply, RowEnd> {
        self.server
            .call(operation)
            .map_err(|error| RowEnd::of_call(SERVER, error))
    }

    /// Starts an echo server.
    pub(crate) fn serve_echo(&mut self, protocol: SocketProtocol) -> Result<SocketAddr, RowEnd> {
        self.serve(protocol, self.echo.clone())
    }

    /// Starts a server on a port of its own, on the first path, with TCP_NODELAY on its listener as
    /// a careful user sets it.
    pub(crate) fn serve(
        &mut self,
        protocol: SocketProtocol,
        behaviour: Behaviour,
    ) -> Result<SocketAddr, RowEnd> {
        let address = SocketAddr::new(self.host(SERVER).address(1, Ip::V4), self.next_port);
        self.next_port += 1;
        // A subflow to another address of the server needs a listener there.
        let bound = match self.lab.paths() {
            1 => address,
            _ => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()),
        };
        let mut start = ServerStart {
            socket: None,
            host: None,
            port: None,
            protocol: None,
            behaviour,
            open_timeout_ms: deadline::OPEN_TIMEOUT_MS,
            close_timeout_ms: deadline::CLOSE_TIMEOUT_MS,
            deflate: false,
            subprotocols: Vec::new(),
            max_size: Some(LARGEST_MESSAGE),
            tls: None,
            reuse_port: false,
            top_level: false,
            form: None,
            extra: Default::default(),
        };
        if self.server_spec.has(Feature::SockHandover) {
            start.socket = Some(self.listener(protocol, bound)?);
        } else {
            start.host = Some(bound.ip().to_string());
            start.port = Some(address.port());
            start.protocol = Some(protocol);
        }
        let _: ServerStarted = self.ask_server(&start)?;
        Ok(address)
    }

    fn listener(&self, protocol: SocketProtocol, address: SocketAddr) -> Result<u32, RowEnd> {
        let created = self.ask_server(&SocketCreate {
            family: SocketFamily::V4,
            kind: SocketKind::Stream,
            protocol,
            by_constant: false,
        })?;
        let socket = created.socket;
        for option in [SocketOption::Reuseaddr, SocketOption::Nodelay] {
            self.ask_server(&SocketSet {
                socket,
                option,
                value: 1,
            })?;
        }
        self.ask_server(&SocketBind {
            socket,
            host: address.ip().to_string(),
            port: address.port(),
        })?;
        self.ask_server(&SocketListen {
            socket,
            backlog: 100,
        })?;
        Ok(socket)
    }

    /// Opens a connection of the fixture's client.
    pub(crate) fn link(
        &self,
        protocol: SocketProtocol,
        server: SocketAddr,
    ) -> Result<Link, RowEnd> {
        let socket = self
            .host(CLIENT)
            .socket(libc::AF_INET, libc::SOCK_STREAM, number(protocol))
            .map_err(|error| RowEnd::host("no socket in the client's host", &error))?;
        self.runtime.block_on(Link::open(socket, protocol, server))
    }

    /// Asks both kernels what an open connection is, and where its bytes went.
    pub(crate) fn witness(
        &mut self,
        link: &Link,
        protocol: SocketProtocol,
        server: SocketAddr,
    ) -> Result<Witnessed, RowEnd> {
        let ends = Ends {
            client: Some(link.local),
            server,
        };
        self.attest(ends, protocol)?;
        let paths = match protocol {
            SocketProtocol::Mptcp => self.shares(link)?,
            SocketProtocol::Tcp => Vec::new(),
        };
        Ok(Witnessed {
            ends,
            protocol,
            paths,
        })
    }

    /// Both kernels must list a live MPTCP socket with these ends, or neither must list one.
    pub(crate) fn attest(&mut self, ends: Ends, protocol: SocketProtocol) -> Result<(), RowEnd> {
        let [client, server] = self
            .kernels
            .mptcp_sockets()
            .map_err(|error| RowEnd::host("MPTCP sockets were not listed", &error))?;
        proof::kernels_agree(ends, protocol, &client, &server)
    }

    fn shares(&self, link: &Link) -> Result<Vec<PathShare>, RowEnd> {
        let full = match mptcp::sockopt::full_info(link.eye.as_fd()) {
            Ok(full) => full,
            // Before kernel 6.5 there is no MPTCP_FULL_INFO; the kernel's listing has spoken
            // already.
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(Vec::new()),
            Err(error) => {
                return Err(RowEnd::bench(
                    "the kernel was not asked of subflows",
                    &error,
                ));
            }
        };
        let host = self.host(CLIENT);
        let mut shares = Vec::new();
        for path in host.paths() {
            let address = host.address(path, Ip::V4);
            let here = full
                .subflows
                .iter()
                .filter(|subflow| subflow.addrs.local.ip() == address);
            let (mut up, mut down, mut any) = (Some(0), Some(0), false);
            for subflow in here {
                any = true;
                up = up.zip(subflow.tcp.bytes_sent).map(|(sum, more)| sum + more);
                down = down
                    .zip(subflow.tcp.bytes_received)
                    .map(|(sum, more)| sum + more);
            }
            if any {
                shares.push(PathShare {
                    path,
                    kernel_up: up,
                    kernel_down: down,
                    ..PathShare::default()
                });
            }
        }
        Ok(shares)
    }
}

/// Whether a peer is our own fixture, whose client runs inside this program.
pub(crate) fn is_fixture(spec: &PeerSpec) -> bool {
    spec.program == mpws_peers::Program::Fixture
}

/// Number of a protocol for `socket`.
fn number(protocol: SocketProtocol) -> i32 {
    match protocol {
        SocketProtocol::Mptcp => libc::IPPROTO_MPTCP,
        SocketProtocol::Tcp => libc::IPPROTO_TCP,
    }
}

/// Name of the client's host.
pub(crate) const CLIENT: &str = "client";
/// Name of the server's host.
pub(crate) const SERVER: &str = "server";
/// Each server has a port of its own, from here on.
const FIRST_PORT: u16 = 9001;
/// What servers are told to accept, in bytes.
const LARGEST_MESSAGE: u64 = 16 << 20;
