//! Which protocol a fixture uses, and how it finds out which one it got.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use mptcp::facts::SocketFacts;
use mptcp::sockopt::IsMptcp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// Which protocol to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// MPTCP, and an error where the socket cannot be made or the connection is not or no longer
    /// MPTCP.
    Require,
    /// MPTCP; TCP where the socket cannot be made. The reason, and a fallback by the kernel, are in
    /// the report.
    #[default]
    Prefer,
    /// TCP.
    Never,
}

/// What a connection is carried by, by the kernel's word at one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Transport {
    /// MPTCP, when last looked at.
    Mptcp,
    /// MPTCP was asked for, and it is TCP.
    Fallback {
        /// When that was seen first.
        seen: Moment,
    },
    /// TCP was asked for, or MPTCP could not be had (the report's `unavailable` says why).
    Tcp,
}

/// When a connection was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Server: when it was accepted.
    Accepted,
    /// Client: when it was established or handed over.
    Connected,
    /// After the first bytes of the other side.
    FirstData,
}

/// MPTCP was required, and the connection has fallen back to TCP.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the connection fell back to TCP ({moment}; SO_PROTOCOL {so_protocol})")]
pub struct FellBack {
    /// When that was seen.
    pub moment: Moment,
    /// `SO_PROTOCOL`: 262 where this end had sent MP_CAPABLE, 6 where the listener got a plain TCP
    /// connection.
    pub so_protocol: i32,
}

/// No socket could be made under the policy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SocketError {
    /// MPTCP is required and cannot be had.
    #[error("MPTCP is required and unavailable")]
    Unavailable(#[source] mptcp::Unavailable),
    /// The TCP socket could not be made.
    #[error("cannot make a TCP socket")]
    Tcp(#[source] io::Error),
}

/// A socket and how it came to be.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) socket: Socket,
    /// Whether it was made as MPTCP.
    pub(crate) asked: bool,
    /// Why not, where the policy preferred it.
    pub(crate) unavailable: Option<String>,
}

impl Policy {
    /// Makes a stream socket for `address`.
    pub(crate) fn socket(self, address: SocketAddr) -> Result<Made, SocketError> {
        let domain = Domain::for_address(address);
        if self != Self::Never {
            match mptcp::stream(domain) {
                Ok(socket) => {
                    return Ok(Made {
                        socket,
                        asked: true,
                        unavailable: None,
                    });
                }
                Err(why) if self == Self::Require => return Err(SocketError::Unavailable(why)),
                Err(why) => {
                    let reason = mpws_protocol::chain::in_one_line(&why);
                    tracing::warn!(%reason, "MPTCP is unavailable, using TCP");
                    return Ok(Made {
                        socket: tcp(domain)?,
                        asked: false,
                        unavailable: Some(reason),
                    });
                }
            }
        }
        Ok(Made {
            socket: tcp(domain)?,
            asked: false,
            unavailable: None,
        })
    }

    /// Judges a connection by its facts.
    ///
    /// `asked` is whether its socket, or the listener that it came from, was made as MPTCP.
    pub(crate) fn judge(
        self,
        asked: bool,
        facts: &SocketFacts,
        moment: Moment,
    ) -> Result<Transport, FellBack> {
        if carries(facts) {
            return Ok(Transport::Mptcp);
        }
        match self {
            Self::Require => Err(FellBack {
                moment,
                so_protocol: facts.so_protocol,
            }),
            Self::Prefer | Self::Never if asked => {
                tracing::warn!(%moment, "the connection fell back to TCP");
                Ok(Transport::Fallback { seen: moment })
            }
            Self::Prefer | Self::Never => Ok(Transport::Tcp),
        }
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Accepted => "seen when it was accepted",
            Self::Connected => "seen when it was connected",
            Self::FirstData => "seen after the first data",
        })
    }
}

/// Whether a socket was made as MPTCP, fallen back or not.
pub(crate) fn asked(socket: impl AsFd) -> bool {
    SocketFacts::of(socket).is_ok_and(|facts| facts.so_protocol == MPTCP)
}

/// Before Linux 6.10 there is no `TCP_IS_MPTCP`; `MPTCP_INFO` then works on MPTCP sockets only.
fn carries(facts: &SocketFacts) -> bool {
    match facts.is_mptcp {
        IsMptcp::Yes => true,
        IsMptcp::No => false,
        IsMptcp::Unknown => facts.info.is_some(),
    }
}

fn tcp(domain: Domain) -> Result<Socket, SocketError> {
    Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).map_err(SocketError::Tcp)
}

const MPTCP: i32 = libc::IPPROTO_MPTCP;
