//! The byte stream below WebSocket: a counted TCP or MPTCP socket, with or without TLS.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::end::TransportEnd;

/// A socket whose traffic is counted and whose end is remembered.
#[derive(Debug)]
pub(crate) struct Socket {
    inner: Arc<Shared>,
}

/// Looks at a socket without keeping it open.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    inner: Weak<Shared>,
    seen: Arc<Seen>,
}

/// A socket, or TLS over it.
#[derive(Debug)]
pub(crate) enum Channel {
    Plain(Socket),
    Tls(Box<tokio_rustls::TlsStream<Socket>>),
}

#[derive(Debug)]
struct Shared {
    tcp: TcpStream,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    read: AtomicU64,
    end: Mutex<Option<TransportEnd>>,
}

impl Socket {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        let seen = Arc::default();
        Self {
            inner: Arc::new(Shared { tcp, seen }),
        }
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch {
            inner: Arc::downgrade(&self.inner),
            seen: Arc::clone(&self.inner.seen),
        }
    }
}

impl Watch {
    /// Calls `look` with the descriptor, where it is still open.
    pub(crate) fn with<T>(&self, look: impl FnOnce(BorrowedFd<'_>) -> T) -> Option<T> {
        self.inner.upgrade().map(|shared| look(shared.tcp.as_fd()))
    }

    /// Bytes read from the socket so far.
    pub(crate) fn read(&self) -> u64 {
        self.seen.read.load(Ordering::Relaxed)
    }

    /// How the other side ended the connection, where it was seen to.
    pub(crate) fn end(&self) -> Option<TransportEnd> {
        *self.seen.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `shutdown(SHUT_WR)`, below TLS.
    pub(crate) fn half_close(&self) -> io::Result<()> {
        self.with(|fd| SockRef::from(&fd).shutdown(std::net::Shutdown::Write))
            .unwrap_or_else(|| Err(io::ErrorKind::NotConnected.into()))
    }

    /// Makes the coming close an abort.
    pub(crate) fn linger_zero(&self) -> io::Result<()> {
        self.with(|fd| SockRef::from(&fd).set_linger(Some(std::time::Duration::ZERO)))
            .unwrap_or_else(|| Err(io::ErrorKind::NotConnected.into()))
    }
}

impl Seen {
    fn ended(&self, how: TransportEnd) {
        self.end
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(how);
    }

    fn failed(&self, error: &io::Error) {
        if let Some(errno) = error.raw_os_error() {
            self.ended(TransportEnd::Error { errno });
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Shared { tcp, seen } = &*self.inner;
        loop {
            ready!(tcp.poll_read_ready(cx))?;
            match tcp.try_read(buf.initialize_unfilled()) {
                Ok(0) => {
                    if buf.remaining() > 0 {
                        seen.ended(TransportEnd::Eof);
                    }
                    return Poll::Ready(Ok(()));
                }
                Ok(count) => {
                    buf.advance(count);
                    seen.read.fetch_add(count as u64, Ordering::Relaxed);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    seen.failed(&error);
                    return Poll::Ready(Err(error));
                }
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Shared { tcp, seen } = &*self.inner;
        loop {
            ready!(tcp.poll_write_ready(cx))?;
            match tcp.try_write(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    seen.failed(&error);
                    return Poll::Ready(Err(error));
                }
                Ok(count) => return Poll::Ready(Ok(count)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = SockRef::from(&self.inner.tcp);
        match socket.shutdown(std::net::Shutdown::Write) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncRead for Channel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Channel {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
