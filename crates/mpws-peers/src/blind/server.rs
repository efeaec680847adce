//! `server.*` for a blind program: it is started, and the kernel says when it listens.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use mpws_fixture::script::Behaviour;
use nix::libc;

use super::child::Program;
use super::orders::{Orders, refuse};
use crate::kernel::{self, KernelSocket};
use crate::lock::lock;
use crate::protocol::{Failure, ServerStart, ServerStarted, ServerStop, ServerStopped};

/// Pauses before the kernel is asked again: the first, and the longest, towards which they double.
/// Nothing rests on them, but an answer costs milliseconds, and on a busy machine the program needs
/// those.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(200)];

/// The servers that were started; a number is the place, from 1.
#[derive(Debug, Default)]
pub(super) struct Servers(Mutex<Vec<Option<Program>>>);

impl Servers {
    pub(super) async fn start(
        &self,
        orders: &Orders,
        args: ServerStart,
    ) -> Result<ServerStarted, Failure> {
        refuse(&[
            (args.socket.is_some(), "a server on a given socket"),
            (args.behaviour != Behaviour::Echo, "more than an echo"),
            (args.deflate, "compression"),
            (!args.subprotocols.is_empty(), "subprotocols"),
            (args.max_size.is_some(), "a largest message"),
            (args.tls.is_some(), "TLS"),
            (args.reuse_port, "SO_REUSEPORT"),
            (args.top_level, "top_level"),
            (args.form.is_some(), "a form of handler"),
            (!args.extra.is_empty(), "further arguments"),
        ])?;
        let (Some(argv), Some(host), Some(port)) = (&orders.server, &args.host, args.port) else {
            return Err(Failure::unsupported(
                "a server needs a command, host and port",
            ));
        };
        let ip = host
            .parse()
            .map_err(|_| Failure::unsupported("host is no address"))?;
        let wanted = SocketAddr::new(ip, port);
        let values = [("host", host.as_str()), ("port", &port.to_string())];
        let argv = orders.command(argv, args.protocol, &values);
        let mut program = Program::start(&argv, &orders.env, Stdio::null())?;
        program.log_output();
        let listener = until_it_listens(&mut program, wanted, orders.start()).await?;
        eprintln!(
            "mpws: it listens on {} with {}",
            listener.local,
            protocol(&listener)
        );
        let mut all = lock(&self.0);
        all.push(Some(program));
        Ok(ServerStarted {
            server: u32::try_from(all.len()).unwrap_or(u32::MAX),
            addresses: vec![listener.local.to_string()],
        })
    }

    pub(super) async fn stop(&self, args: ServerStop) -> Result<ServerStopped, Failure> {
        let slot = (args.server as usize).checked_sub(1);
        let program = slot.and_then(|slot| lock(&self.0).get_mut(slot)?.take());
        let Some(mut program) = program else {
            return Err(Failure::unsupported("there is no such server"));
        };
        // A blind program has no other way of being told.
        program.child.kill().await?;
        Ok(ServerStopped {
            connections: Vec::new(),
        })
    }
}

async fn until_it_listens(
    program: &mut Program,
    wanted: SocketAddr,
    limit: Duration,
) -> Result<KernelSocket, Failure> {
    let until = Instant::now() + limit;
    let [mut pause, longest] = LOOK_AGAIN;
    loop {
        let mut listeners = kernel::own_sockets()?;
        listeners.retain(|one| one.listening);
        let fits = |one: &KernelSocket| {
            one.local == wanted
                || (one.local.port() == wanted.port() && one.local.ip().is_unspecified())
        };
        if let Some(listener) = listeners.iter().find(|one| fits(one)) {
            return Ok(listener.clone());
        }
        if let Some(status) = program.ended() {
            return Err(program.gone(status).await);
        }
        if Instant::now() >= until {
            let others: Vec<String> = listeners
                .iter()
                .map(|one| format!("{} ({})", one.local, protocol(one)))
                .collect();
            let others = match others.as_slice() {
                [] => "nothing listens in its host".to_owned(),
                _ => format!("in its host there listens {}", others.join(", ")),
            };
            return Err(Failure::deadline(&format!(
                "`{}` does not listen on {wanted} after {} ms; {others}",
                program.words,
                limit.as_millis()
            )));
        }
        tokio::time::sleep(pause).await;
        pause = longest.min(pause * 2);
    }
}

fn protocol(listener: &KernelSocket) -> &'static str {
    match listener.facts.so_protocol {
        Some(libc::IPPROTO_MPTCP) => "MPTCP",
        _ => "TCP",
    }
}
