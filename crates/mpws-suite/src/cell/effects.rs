//! What a cell does to its network, its hosts and the programs in them.
//!
//! All of it goes through [`Effects`], so that a fault on purpose ([`crate::sabotage`]) can take
//! the place of any of it, and neither cells nor cases know of faults.

use std::io;

use mptcp::AddressId;
use mptcp::diag::MptcpSocket;
use mptcp::pm::{Endpoint, EndpointFlags, Limits, NetlinkError, PathManager};
use mpws_lab::middlebox::Middlebox;
use mpws_lab::rule::Rule;
use mpws_lab::{BoxId, Host, InstallError, Lab, PathError, RuleId};
use mpws_model::Ip;
use mpws_peers::LaunchOptions;
use mpws_peers::protocol::SocketProtocol;

use super::end::CellEnd;

/// What a cell may do. Each method does what it says; a fault overrides those that it breaks.
pub(crate) trait Effects: Send + Sync {
    /// Before the steps of the case, when the network stands and both peers run.
    fn begin(&self, _lab: &Lab) -> Result<(), InstallError> {
        Ok(())
    }

    /// Before a client closes its connection for good; `last` is the MPTCP socket that its kernel
    /// listed last.
    fn before_close(&self, _client: &Host, _last: Option<&MptcpSocket>) -> Result<(), CellEnd> {
        Ok(())
    }

    /// Installs a rule on the wire.
    fn install(&self, lab: &Lab, rule: &Rule) -> Result<RuleId, InstallError> {
        lab.install(rule)
    }

    /// Takes a rule from the wire, and tells whether it is gone.
    fn lift(&self, lab: &Lab, rule: RuleId) -> io::Result<bool> {
        lab.remove(rule).map(|()| true)
    }

    /// Places a middlebox on a path.
    fn place(&self, lab: &Lab, path: u8, middlebox: &Middlebox) -> Result<BoxId, PathError> {
        lab.place(path, middlebox)
    }

    /// Sets a sysctl of a host.
    fn set_sysctl(&self, host: &Host, key: &str, value: &str) -> io::Result<()> {
        host.set_sysctl(key, value)
    }

    /// Takes a host's end of a path down or up.
    fn set_link(&self, host: &Host, path: u8, up: bool) -> io::Result<()> {
        host.set_link(path, up)
    }

    /// Takes a host's own address on a path away.
    fn remove_address(&self, host: &Host, path: u8, ip: Ip) -> io::Result<()> {
        host.remove_address(path, ip)
    }

    /// Sets the limits of a path manager.
    fn set_limits(&self, manager: &mut PathManager, limits: Limits) -> Result<(), NetlinkError> {
        manager.set_limits(limits)
    }

    /// Gives a path manager an endpoint.
    fn add_endpoint(
        &self,
        manager: &mut PathManager,
        endpoint: &Endpoint,
    ) -> Result<(), NetlinkError> {
        manager.add_endpoint(endpoint)
    }

    /// Takes an endpoint from a path manager.
    fn delete_endpoint(
        &self,
        manager: &mut PathManager,
        id: AddressId,
    ) -> Result<(), NetlinkError> {
        manager.delete_endpoint(id)
    }

    /// Takes the address of the first subflow away from the connections that began on it.
    fn delete_initial_address(
        &self,
        manager: &mut PathManager,
        address: std::net::IpAddr,
    ) -> Result<(), NetlinkError> {
        manager.delete_initial_address(address)
    }

    /// Changes the flags of an endpoint.
    fn set_flags(
        &self,
        manager: &mut PathManager,
        id: AddressId,
        flags: EndpointFlags,
    ) -> Result<(), NetlinkError> {
        manager.set_flags(id, flags)
    }

    /// How a program under test is launched.
    fn launch(&self, options: LaunchOptions) -> LaunchOptions {
        options
    }

    /// Puts the calling thread into a sandbox.
    fn sandbox(&self, enter: fn() -> Result<(), CellEnd>) -> Result<(), CellEnd> {
        enter()
    }

    /// The protocol of a socket of the suite's own.
    fn own_socket(&self, asked: SocketProtocol) -> SocketProtocol {
        asked
    }
}

/// What users have: no fault anywhere.
pub(crate) struct Faultless;

impl Effects for Faultless {}
