//! Error chains as data.

use std::error::Error;
use std::io;

use crate::end::Cause;

/// Most links of an error chain.
pub const MAX_CHAIN: usize = 16;

/// Longest error text that is kept, in characters.
const MAX_TEXT: usize = 500;

/// An error and its sources, outermost first, at most [`MAX_CHAIN`].
pub fn chain(error: &(dyn Error + 'static)) -> Vec<Cause> {
    let cause = |error: &(dyn Error + 'static)| {
        let io = error.downcast_ref::<io::Error>();
        Cause {
            class: class(error).to_owned(),
            message: error.to_string().chars().take(MAX_TEXT).collect(),
            errno: io.and_then(io::Error::raw_os_error),
        }
    };
    let links = mpws_protocol::chain::chain(error);
    links.take(MAX_CHAIN).map(cause).collect()
}

/// The name of an error's type, such as `std::io::Error`; `dyn Error` where it is not one that this
/// crate knows.
pub fn class(error: &(dyn Error + 'static)) -> &'static str {
    macro_rules! known {
        ($($type:ty => $name:literal),* $(,)?) => {
            $(if error.is::<$type>() { return $name; })*
        };
    }
    known! {
        io::Error => "std::io::Error",
        mptcp::Unavailable => "mptcp::Unavailable",
        crate::policy::SocketError => "mpws_fixture::SocketError",
        crate::policy::FellBack => "mpws_fixture::FellBack",
        crate::errors::ConnectError => "mpws_fixture::ConnectError",
        crate::errors::HandedOverError => "mpws_fixture::HandedOverError",
        crate::errors::SendError => "mpws_fixture::SendError",
        crate::errors::ReceiveError => "mpws_fixture::ReceiveError",
        crate::errors::BindError => "mpws_fixture::BindError",
        crate::errors::SessionError => "mpws_fixture::SessionError",
        crate::errors::HandshakeError => "mpws_fixture::HandshakeError",
        crate::errors::ScriptError => "mpws_fixture::ScriptError",
        crate::errors::StepError => "mpws_fixture::StepError",
        crate::tls::TlsError => "mpws_fixture::TlsError",
        crate::deflate::AnswerError => "mpws_codec::AnswerError",
        crate::deflate::ListError => "mpws_codec::ListError",
        crate::deflate::CompressError => "mpws_codec::CompressError",
        crate::deflate::DecompressError => "mpws_codec::DecompressError",
        tokio_tungstenite::tungstenite::Error => "tungstenite::Error",
        tokio_tungstenite::tungstenite::error::ProtocolError => "tungstenite::ProtocolError",
        tokio_tungstenite::tungstenite::error::CapacityError => "tungstenite::CapacityError",
        rustls::Error => "rustls::Error",
        httparse::Error => "httparse::Error",
    }
    "dyn Error"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_keeps_the_errno_of_a_wrapped_error() {
        let inner = io::Error::from_raw_os_error(111);
        let outer = io::Error::other(inner);
        let chain = chain(&outer);
        assert_eq!(chain.len(), 2);
        assert_eq!(chain[1].errno, Some(111));
        assert_eq!(chain[1].class, "std::io::Error");
    }
}
