//! Endpoints, limits, announcements and subflows.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use super::endpoint::{self, Endpoint, EndpointFlags, Limits};
use super::family::{FAMILY, GENERIC};
use crate::netlink::generic::{self, Family};
use crate::netlink::{Channel, Message, NetlinkError, attr};
use crate::types::{AddressId, Token};

/// The path manager of one network namespace (generic netlink family `mptcp_pm`).
///
/// Reading the limits needs no right; all else needs `CAP_NET_ADMIN` over the namespace, and is
/// refused with `EPERM` otherwise. All methods fail with [`NetlinkError`];
/// [`NetlinkError::Refused`] holds the kernel's number and words.
#[derive(Debug)]
pub struct PathManager {
    channel: Channel,
    family: Family,
}

impl PathManager {
    /// Opens the path manager of the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// [`NetlinkError::NoFamily`] if the kernel has no MPTCP.
    pub fn new() -> Result<Self, NetlinkError> {
        Self::over(Channel::new(GENERIC)?)
    }

    /// Takes a socket `AF_NETLINK`/`NETLINK_GENERIC` made in the namespace to be managed.
    ///
    /// # Errors
    ///
    /// As [`PathManager::new`]; also if the descriptor is no such socket.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, NetlinkError> {
        Self::over(Channel::from_fd(fd))
    }

    fn over(mut channel: Channel) -> Result<Self, NetlinkError> {
        let family = Family::find(&mut channel, FAMILY)?;
        Ok(Self { channel, family })
    }

    /// Adds an endpoint. Without an id the kernel chooses one; read it from
    /// [`PathManager::endpoints`].
    ///
    /// # Errors
    ///
    /// Refused with `EEXIST` if the address is taken, `EBUSY` if the id is, `EINVAL` for flags that
    /// do not go together, `EADDRINUSE` if an endpoint with a port cannot listen there.
    pub fn add_endpoint(&mut self, endpoint: &Endpoint) -> Result<(), NetlinkError> {
        self.ask(ADD_ADDR, &[endpoint.attribute(ATTR_ADDR)])
            .map(drop)
    }

    /// Deletes an endpoint, and with it the subflows that use its address.
    ///
    /// # Errors
    ///
    /// Refused with `EINVAL` if there is none with this id.
    pub fn delete_endpoint(&mut self, id: AddressId) -> Result<(), NetlinkError> {
        self.ask(DEL_ADDR, &[endpoint::id_attribute(ATTR_ADDR, id)])
            .map(drop)
    }

    /// Removes the address of the first subflow (id 0) from the connections that began on it.
    ///
    /// # Errors
    ///
    /// As the kernel decides; there need not be an endpoint.
    pub fn delete_initial_address(&mut self, address: IpAddr) -> Result<(), NetlinkError> {
        let nest = Endpoint {
            id: Some(AddressId(0)),
            ..Endpoint::new(address)
        };
        self.ask(DEL_ADDR, &[nest.attribute(ATTR_ADDR)]).map(drop)
    }

    /// Looks up one endpoint.
    ///
    /// # Errors
    ///
    /// Refused with `EINVAL` or `ENOENT` if there is none with this id.
    pub fn endpoint(&mut self, id: AddressId) -> Result<Endpoint, NetlinkError> {
        let answers = self.ask(GET_ADDR, &[endpoint::id_attribute(ATTR_ADDR, id)])?;
        let answer = answers.first().ok_or(NetlinkError::Malformed {
            what: "no endpoint",
        })?;
        endpoint_of(answer)
    }

    /// Lists all endpoints.
    ///
    /// # Errors
    ///
    /// As the kernel decides.
    pub fn endpoints(&mut self) -> Result<Vec<Endpoint>, NetlinkError> {
        let request = generic::payload(GET_ADDR, VERSION, &[]);
        self.channel
            .list(self.family.id, &request)?
            .iter()
            .map(endpoint_of)
            .collect()
    }

    /// Deletes all endpoints.
    ///
    /// # Errors
    ///
    /// As the kernel decides.
    pub fn flush_endpoints(&mut self) -> Result<(), NetlinkError> {
        self.ask(FLUSH_ADDRS, &[]).map(drop)
    }

    /// Changes the flags `backup` and `fullmesh` of an endpoint; connections that use it tell their
    /// peers (MP_PRIO).
    ///
    /// # Errors
    ///
    /// Refused with `EINVAL` if there is no such endpoint, or it cannot have the flag.
    pub fn set_flags(&mut self, id: AddressId, flags: EndpointFlags) -> Result<(), NetlinkError> {
        self.ask(
            SET_FLAGS,
            &[endpoint::flags_attribute(ATTR_ADDR, id, flags)],
        )
        .map(drop)
    }

    /// Changes the flag `backup` of one subflow; only where user space manages the paths.
    ///
    /// # Errors
    ///
    /// Refused with `EINVAL` if the kernel manages the paths or there is no such connection.
    pub fn set_subflow_flags(
        &mut self,
        token: Token,
        local: SocketAddr,
        remote: SocketAddr,
        flags: EndpointFlags,
    ) -> Result<(), NetlinkError> {
        let local = Endpoint {
            flags,
            ..Endpoint::of(local)
        };
        self.ask(
            SET_FLAGS,
            &[
                local.attribute(ATTR_ADDR),
                attr::u32(ATTR_TOKEN, token.0),
                Endpoint::of(remote).attribute(ATTR_ADDR_REMOTE),
            ],
        )
        .map(drop)
    }

    /// The limits.
    ///
    /// # Errors
    ///
    /// As the kernel decides; it needs no right.
    pub fn limits(&mut self) -> Result<Limits, NetlinkError> {
        let answers = self.ask(GET_LIMITS, &[])?;
        let answer = answers
            .first()
            .ok_or(NetlinkError::Malformed { what: "no limits" })?;
        Limits::parse(generic::header(&answer.payload)?.1)
    }

    /// Sets the limits.
    ///
    /// # Errors
    ///
    /// Refused with `EINVAL` above what the kernel can (8, or 64 since 7.2).
    pub fn set_limits(&mut self, limits: Limits) -> Result<(), NetlinkError> {
        self.ask(SET_LIMITS, &limits.attributes()).map(drop)
    }

    /// Announces an address to the peer of one connection (ADD_ADDR); only where user space manages
    /// the paths. The endpoint needs an id and the flag `signal`.
    ///
    /// # Errors
    ///
    /// Refused with `EINVAL` if the kernel manages the paths, there is no such connection, or id or
    /// flag are missing.
    pub fn announce(&mut self, token: Token, endpoint: &Endpoint) -> Result<(), NetlinkError> {
        self.ask(
            ANNOUNCE,
            &[
                endpoint.attribute(ATTR_ADDR),
                attr::u32(ATTR_TOKEN, token.0),
            ],
        )
        .map(drop)
    }

    /// Takes an announced address back (REMOVE_ADDR); only where user space manages the paths.
    ///
    /// # Errors
    ///
    /// As [`PathManager::announce`].
    pub fn remove(&mut self, token: Token, id: AddressId) -> Result<(), NetlinkError> {
        self.ask(
            REMOVE,
            &[attr::u32(ATTR_TOKEN, token.0), attr::u8(ATTR_LOC_ID, id.0)],
        )
        .map(drop)
    }

    /// Opens a subflow (MP_JOIN); only where user space manages the paths.
    ///
    /// # Errors
    ///
    /// As [`PathManager::announce`], and with what the connection attempt says.
    pub fn create_subflow(
        &mut self,
        token: Token,
        local: &Endpoint,
        remote: SocketAddr,
    ) -> Result<(), NetlinkError> {
        self.subflow(SUBFLOW_CREATE, token, local, remote)
    }

    /// Closes a subflow; only where user space manages the paths. The local address needs its port.
    ///
    /// # Errors
    ///
    /// As [`PathManager::announce`]; `ESRCH` if there is no such subflow.
    pub fn destroy_subflow(
        &mut self,
        token: Token,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<(), NetlinkError> {
        self.subflow(SUBFLOW_DESTROY, token, &Endpoint::of(local), remote)
    }

    fn subflow(
        &mut self,
        command: u8,
        token: Token,
        local: &Endpoint,
        remote: SocketAddr,
    ) -> Result<(), NetlinkError> {
        self.ask(
            command,
            &[
                local.attribute(ATTR_ADDR),
                attr::u32(ATTR_TOKEN, token.0),
                Endpoint::of(remote).attribute(ATTR_ADDR_REMOTE),
            ],
        )
        .map(drop)
    }

    fn ask(
        &mut self,
        command: u8,
        attributes: &[netlink_packet_core::DefaultNla],
    ) -> Result<Vec<Message>, NetlinkError> {
        let request = generic::payload(command, VERSION, &attr::emit(attributes));
        self.channel.ask(self.family.id, &request)
    }
}

fn endpoint_of(message: &Message) -> Result<Endpoint, NetlinkError> {
    Endpoint::parse(generic::header(&message.payload)?.1, ATTR_ADDR)
}

/// Version of the family, and its numbers (`include/uapi/linux/mptcp_pm.h`).
const VERSION: u8 = 1;

const ADD_ADDR: u8 = 1;
const DEL_ADDR: u8 = 2;
const GET_ADDR: u8 = 3;
const FLUSH_ADDRS: u8 = 4;
const SET_LIMITS: u8 = 5;
const GET_LIMITS: u8 = 6;
const SET_FLAGS: u8 = 7;
const ANNOUNCE: u8 = 8;
const REMOVE: u8 = 9;
const SUBFLOW_CREATE: u8 = 10;
const SUBFLOW_DESTROY: u8 = 11;

const ATTR_ADDR: u16 = 1;
const ATTR_TOKEN: u16 = 4;
const ATTR_LOC_ID: u16 = 5;
const ATTR_ADDR_REMOTE: u16 = 6;
