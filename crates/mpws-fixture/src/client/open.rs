//! Opening connections.

use std::sync::Arc;

use bytes::BytesMut;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::config::{ClientConfig, Limit, Target};
use super::connection::ClientConnection;
use super::dial;
use crate::conversation::Conversation;
use crate::deflate::Agreement;
use crate::end::TransportEnd;
use crate::errors::{ConnectError, HandshakeError, ScriptError};
use crate::handshake::{Asked, Response, read_head};
use crate::policy::Moment;
use crate::report::{ConnectionReport, Recorder};
use crate::stream::{Channel, Socket};
use crate::websocket;
use mpws_protocol::script::Step;

/// Opens connections.
#[derive(Debug)]
pub struct Client;

/// A script was run.
#[derive(Debug)]
pub struct ScriptRun {
    /// The connection, with the transcript.
    pub report: ConnectionReport,
    /// What the script failed of, where it did.
    pub error: Option<ScriptError>,
}

/// A byte stream to the server.
struct Opened {
    channel: Channel,
    recorder: Recorder,
    asked: bool,
}

impl Client {
    /// Opens a connection on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// Which phase failed says the variant of [`ConnectError`]; it is [`ConnectError::FellBack`]
    /// where MPTCP is required and the connection is TCP. No other protocol is tried then.
    pub async fn connect(mut config: ClientConfig) -> Result<ClientConnection, ConnectError> {
        let target = Target::parse(&config)?;
        let limit = Limit::new(config.open_deadline);
        let Opened {
            mut channel,
            recorder,
            asked,
        } = open(&mut config, &target, limit).await?;
        let request = request(&config, &target)?;
        let mut buffer = BytesMut::new();
        let upgrading = upgrade(
            &request,
            config.upgrade_parts,
            &mut channel,
            &mut buffer,
            &recorder,
            asked,
        );
        let agreed = limit.within("the opening handshake", upgrading).await??;
        let max = config.max_message;
        let (ws, deflating) =
            websocket::start(channel, buffer, Role::Client, max, agreed.as_ref()).await;
        let after = config.close_deadline;
        Ok(ClientConnection::new(ws, deflating, recorder, after))
    }

    /// Connects, with TLS where the URI says so, and runs the steps; no opening handshake is made
    /// but theirs.
    ///
    /// A step that fails is not an error of this function, it is in the answer.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], for all phases before the first step.
    pub async fn run_script(
        mut config: ClientConfig,
        steps: &[Step],
    ) -> Result<ScriptRun, ConnectError> {
        let target = Target::parse(&config)?;
        let limit = Limit::new(config.open_deadline);
        let opened = open(&mut config, &target, limit).await?;
        let request = request(&config, &target)?;
        let recorder = opened.recorder.clone();
        let mut conversation = Conversation::client(
            opened.channel,
            opened.recorder,
            request,
            config.step_deadline,
            config.max_message,
        );
        conversation.asked = opened.asked;
        let error = conversation.run(steps).await.err();
        let shown = error
            .as_ref()
            .map(|e| e as &(dyn std::error::Error + 'static));
        recorder.end(conversation.close_seen(), TransportEnd::Local, shown);
        drop(conversation);
        Ok(ScriptRun {
            report: recorder.snapshot(),
            error,
        })
    }
}

/// Connects and, for `wss://`, makes the TLS handshake.
async fn open(
    config: &mut ClientConfig,
    target: &Target,
    limit: Limit,
) -> Result<Opened, ConnectError> {
    let dialled = match config.socket.take() {
        Some(socket) => {
            let adopting = dial::adopt(socket, config.policy);
            limit.within("the handed-over socket", adopting).await??
        }
        None => dial::dial(config, target, limit).await?,
    };
    if let Err(error) = dialled.tcp.set_nodelay(config.nodelay) {
        tracing::warn!(%error, "cannot set TCP_NODELAY");
    }
    let socket = Socket::new(dialled.tcp);
    let mut report = ConnectionReport::new(1, config.policy);
    report.unavailable = dialled.unavailable;
    report.tls = target.secure;
    let recorder = Recorder::new(report, socket.watch());
    recorder.look(dialled.asked, Moment::Connected)?;
    let channel = match &config.tls {
        Some(tls) if target.secure => {
            let name = tls
                .server_name
                .clone()
                .unwrap_or_else(|| target.host.clone());
            let name = ServerName::try_from(name)
                .map_err(|_| ConnectError::Uri("the host is not a name for TLS"))?;
            let connector = tokio_rustls::TlsConnector::from(Arc::clone(&tls.config));
            let connecting = connector.connect(name, socket);
            let tls = limit.within("the TLS handshake", connecting).await?;
            Channel::Tls(Box::new(tls.map_err(ConnectError::Tls)?.into()))
        }
        _ => Channel::Plain(socket),
    };
    Ok(Opened {
        channel,
        recorder,
        asked: dialled.asked,
    })
}

fn request(config: &ClientConfig, target: &Target) -> Result<Asked, HandshakeError> {
    Asked::new(
        &target.authority,
        &target.path,
        &config.subprotocols,
        config.deflate,
        &config.headers,
    )
}

async fn upgrade(
    request: &Asked,
    parts: u8,
    channel: &mut Channel,
    buffer: &mut BytesMut,
    recorder: &Recorder,
    asked: bool,
) -> Result<Option<Agreement>, ConnectError> {
    let sent = async {
        let size = request
            .bytes
            .len()
            .div_ceil(usize::from(parts.clamp(1, 64)))
            .max(1);
        for part in request.bytes.chunks(size) {
            channel.write_all(part).await?;
            channel.flush().await?;
        }
        Ok(())
    };
    sent.await.map_err(HandshakeError::Io)?;
    let head = read_head(channel, buffer).await;
    recorder.look(asked, Moment::FirstData)?;
    let answer = Response::parse(&head?)?;
    recorder.edit().headers.clone_from(&answer.fields);
    let agreed = request.check(&answer)?;
    recorder.upgraded(&agreed);
    Ok(agreed.deflate)
}
