//! A measured connection of the fixture's client, which runs inside this program.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mpws_fixture::payload::MessageKind;
use mpws_fixture::{Client, ClientConfig, ClientConnection, Policy};
use mpws_peers::protocol::SocketProtocol;
use mpws_suite::deadline;
use socket2::{SockAddr, Socket};

use crate::end::RowEnd;

/// An open connection.
pub(crate) struct Link {
    pub(crate) connection: ClientConnection,
    /// The same socket, to ask the kernel of it; it must be closed before the connection is.
    pub(crate) eye: OwnedFd,
    /// The client's address.
    pub(crate) local: SocketAddr,
    /// From the call of `connect` to its return.
    pub(crate) connecting: Duration,
    /// From before the request is written to after its answer is read and checked.
    pub(crate) upgrading: Duration,
}

impl Link {
    /// Connects a socket that was made in the client's host.
    pub(crate) async fn open(
        socket: OwnedFd,
        protocol: SocketProtocol,
        server: SocketAddr,
    ) -> Result<Self, RowEnd> {
        let failed = |what: &str, error: std::io::Error| RowEnd::bench(what, &error);
        let socket = Socket::from(socket);
        socket
            .set_tcp_nodelay(true)
            .map_err(|error| failed("TCP_NODELAY was not set", error))?;
        let began = Instant::now();
        socket
            .connect_timeout(&SockAddr::from(server), LIMIT)
            .map_err(|error| RowEnd::peer_failed("the server was not reached", &error))?;
        let connecting = began.elapsed();
        let local = socket
            .local_addr()
            .map_err(|error| failed("the socket has no address", error))?
            .as_socket()
            .ok_or_else(|| RowEnd::peer("the socket has no IP address"))?;
        let eye = socket
            .try_clone()
            .map_err(|error| failed("the socket was not duplicated", error))?;
        let mut config = ClientConfig::new(format!("ws://{server}/"));
        config.policy = match protocol {
            SocketProtocol::Mptcp => Policy::Require,
            SocketProtocol::Tcp => Policy::Never,
        };
        config.socket = Some(socket);
        config.open_deadline = LIMIT;
        config.close_deadline = LIMIT;
        let began = Instant::now();
        let connection = Client::connect(config).await.map_err(|error| match error {
            mpws_fixture::client::ConnectError::FellBack(_) => {
                RowEnd::transport(format!("the connection from {local} fell back to TCP"))
            }
            error => RowEnd::peer_failed("the connection was not opened", &error),
        })?;
        Ok(Self {
            connection,
            eye: eye.into(),
            local,
            connecting,
            upgrading: began.elapsed(),
        })
    }

    /// Sends a binary message.
    pub(crate) async fn send(&self, content: Bytes) -> Result<(), RowEnd> {
        let kind = MessageKind::Binary;
        let sent = self.connection.send_bytes(kind, content, 1, LIMIT).await;
        sent.map_err(|error| RowEnd::peer_failed("a message was not sent", &error))
    }

    /// The next message, which must be binary.
    pub(crate) async fn receive(&self) -> Result<Bytes, RowEnd> {
        let message = self
            .connection
            .receive(LIMIT)
            .await
            .map_err(|error| RowEnd::peer_failed("an answer did not come", &error))?;
        match message.kind {
            MessageKind::Binary => Ok(message.content),
            MessageKind::Text => Err(RowEnd::peer("a binary message was answered with text")),
        }
    }

    /// Sends a message and checks that exactly this message comes back.
    pub(crate) async fn echo(&self, content: &Bytes) -> Result<(), RowEnd> {
        self.send(content.clone()).await?;
        let answer = self.receive().await?;
        same(content, &answer)
    }

    /// Closes the connection, which must end cleanly.
    pub(crate) async fn close(self) -> Result<(), RowEnd> {
        drop(self.eye);
        let end = self
            .connection
            .close(1000, "", LIMIT)
            .await
            .map_err(|error| RowEnd::peer_failed("the connection was not closed", &error))?;
        if end.code == 1000 {
            Ok(())
        } else {
            Err(RowEnd::peer(format!(
                "the connection ended with close code {} instead of 1000",
                end.code
            )))
        }
    }
}

/// Checks that an answer is the message that was sent.
pub(crate) fn same(expected: &Bytes, answer: &Bytes) -> Result<(), RowEnd> {
    if expected == answer {
        return Ok(());
    }
    Err(RowEnd::peer(if expected.len() == answer.len() {
        format!(
            "an answer of {} bytes has other content than expected",
            answer.len()
        )
    } else {
        format!(
            "an answer has {} bytes where {} were expected",
            answer.len(),
            expected.len()
        )
    }))
}

/// Limit of one step, as in cells.
pub(crate) const LIMIT: Duration = Duration::from_millis(deadline::TRANSFER_MS);
