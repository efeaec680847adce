//! `AF_UNIX` sockets, which programs hand over beside those of the network.

use std::io::{self, ErrorKind, Read, Write};

use mpws_codec::websocket::{Decoder, FrameSpec, Head, Sender, accept_key, opcode};
use mpws_peers::protocol::{
    ConnectWay, SocketBind, SocketConnect, SocketCreate, SocketFamily, SocketId, SocketKind,
    SocketListen, SocketProtocol,
};

use socket2::{SockAddr, Socket};

use crate::case::Side;
use crate::cell::{Cell, CellEnd};
use crate::deadline;

/// Abstract name of the listener; a side's host has it for itself.
const NAME: &str = "mpws";

/// A WebSocket client of the suite's own on an `AF_UNIX` socket: no library's own client need speak
/// to such a server.
pub(crate) struct Visitor {
    socket: Socket,
    decoder: Decoder,
}

impl Visitor {
    /// Connects to the listener in a side's host and opens a WebSocket, within
    /// [`deadline::STEP_MS`] for each read.
    ///
    /// The inner error is the server's: it refused, hung up or said nothing.
    pub(crate) fn open(cell: &Cell, side: Side) -> Result<io::Result<Self>, CellEnd> {
        Ok(Self::greet(cell.own_unix_socket(side)?))
    }

    fn greet(mut socket: Socket) -> io::Result<Self> {
        socket.connect(&SockAddr::unix(format!("\0{NAME}"))?)?;
        let request = format!(
            "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        socket.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        let head = loop {
            match Head::parse(&answer, LONGEST_HEAD).map_err(io::Error::other)? {
                Some(head) => break head,
                None => answer.extend(some_bytes(&mut socket)?),
            }
        };
        let accepted = head.field("Sec-WebSocket-Accept") == Some(accept_key(KEY).as_bytes());
        if head.status() != Some(101) || !accepted {
            let line = String::from_utf8_lossy(&head.start_line).into_owned();
            return Err(io::Error::other(format!("no WebSocket: {line}")));
        }
        let mut decoder = Decoder::new(Sender::Server, LARGEST_FRAME);
        decoder.push(answer.get(head.length..).unwrap_or_default());
        Ok(Self { socket, decoder })
    }

    /// Sends a text message and compares what comes back; then closes with 1000 and awaits the
    /// same.
    pub(crate) fn converse(mut self, text: &str) -> io::Result<()> {
        self.trade(FrameSpec::new(opcode::TEXT, text))?;
        self.trade(FrameSpec::close(1000, ""))
    }

    /// Sends a frame and awaits its like.
    fn trade(&mut self, frame: FrameSpec) -> io::Result<()> {
        self.socket
            .write_all(&frame.clone().masked(MASK).encode())?;
        loop {
            let next = self.decoder.next().transpose();
            if let Some(came) = next.map_err(io::Error::other)? {
                if (came.header.opcode, &came.payload) == (frame.opcode, &frame.payload) {
                    return Ok(());
                }
                let unlike = format!(
                    "sent opcode {} with {} bytes, got opcode {} with {} bytes that are not the same",
                    frame.opcode,
                    frame.payload.len(),
                    came.header.opcode,
                    came.payload.len()
                );
                return Err(io::Error::other(unlike));
            }
            self.decoder.push(&some_bytes(&mut self.socket)?);
        }
    }
}

/// What has come; an error at the end of the stream.
fn some_bytes(socket: &mut Socket) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4096];
    match socket.read(&mut bytes)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        read => {
            bytes.truncate(read);
            Ok(bytes)
        }
    }
}

/// Any 16 bytes in base64 (RFC 6455 section 4.1); nothing here depends on chance.
const KEY: &str = "bXB3cyBiZW5jaCB1bml4IQ==";
const MASK: [u8; 4] = [0x6d, 0x70, 0x77, 0x73];
const LONGEST_HEAD: usize = 16 * 1024;
const LARGEST_FRAME: u64 = 1024 * 1024;

/// A listening socket in a side's process.
pub(crate) fn listener(cell: &mut Cell, side: Side) -> Result<SocketId, CellEnd> {
    let socket = socket(cell, side)?;
    let (host, port) = (NAME.to_owned(), 0);
    cell.ask(side, &SocketBind { socket, host, port })?;
    let backlog = 8;
    cell.ask(side, &SocketListen { socket, backlog })?;
    Ok(socket)
}

/// A socket that is connected to the listener of the same side.
pub(crate) fn connected(cell: &mut Cell, side: Side) -> Result<SocketId, CellEnd> {
    let socket = socket(cell, side)?;
    let connect = SocketConnect {
        socket,
        host: NAME.to_owned(),
        port: 0,
        how: ConnectWay::Blocking,
        deadline_ms: deadline::STEP_MS,
    };
    cell.ask(side, &connect)?;
    Ok(socket)
}

fn socket(cell: &mut Cell, side: Side) -> Result<SocketId, CellEnd> {
    let create = SocketCreate {
        family: SocketFamily::Unix,
        kind: SocketKind::Stream,
        protocol: SocketProtocol::Tcp,
        by_constant: false,
    };
    Ok(cell.ask(side, &create)?.socket)
}
