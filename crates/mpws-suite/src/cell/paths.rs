//! Several paths: endpoints, limits, links, and what must be seen of them once the cell is over.
//!
//! Over plain TCP, in a control, there is nothing to wait for and nothing to judge: what is about
//! MPTCP alone does nothing there.

use std::net::IpAddr;

use mptcp::AddressId;
use mptcp::pm::{Endpoint, EndpointFlags, KernelRefusal, Limits, NetlinkError, PathManager};
use mpws_judge::Count;
use mpws_judge::demands::Carried;
use mpws_model::Side;

use super::end::CellEnd;
use super::running::Cell;

/// What must be seen once the cell is over.
impl Cell {
    /// So many further subflows must have joined the one connection of the cell: complete on the
    /// wire, and counted by both kernels.
    pub fn expect_joins(&mut self, joins: Count) {
        self.demands.joins = Some(joins);
    }

    /// A path must have carried payload of the connection, or must not.
    pub fn expect_carried(&mut self, path: u8, carried: bool) {
        self.demands.carried.push(Carried {
            path,
            payload: carried,
        });
    }

    /// The wire must show that every message to the server came back once, in order, whatever the
    /// programs say.
    pub fn expect_echoes(&mut self) {
        self.demands.echoed = true;
    }

    /// The wire must have lost packets of the connection on this path.
    pub fn expect_dropped(&mut self, path: u8) {
        self.demands.dropped.push(path);
    }

    /// The wire must show a message whose parts arrived on different paths.
    pub fn expect_split_message(&mut self) {
        self.demands.split = true;
    }
}

/// Endpoints, limits and links.
impl Cell {
    /// Address of a side on a path, of the cell's IP version.
    pub fn path_address(&self, side: Side, path: u8) -> IpAddr {
        self.path_address_in(side, path, self.ip)
    }

    /// Address of a side on a path, of this IP version.
    pub fn path_address_in(&self, side: Side, path: u8, ip: mpws_model::Ip) -> IpAddr {
        self.host(side).address(path, ip)
    }

    /// Asks the path manager of a side for something that must work.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the path manager refuses, or cannot be asked.
    pub fn manage<T>(
        &self,
        side: Side,
        what: &str,
        ask: impl FnOnce(&mut PathManager) -> Result<T, NetlinkError>,
    ) -> Result<T, CellEnd> {
        let what = || format!("{what} at the {} failed", side.word());
        let mut manager = self
            .host(side)
            .path_manager()
            .map_err(|error| CellEnd::broken(what(), &error))?;
        ask(&mut manager).map_err(|error| CellEnd::broken(what(), &error))
    }

    /// Asks the path manager of a side for something that it may refuse.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the path manager cannot be asked.
    pub fn try_manage<T>(
        &self,
        side: Side,
        what: &str,
        ask: impl FnOnce(&mut PathManager) -> Result<T, NetlinkError>,
    ) -> Result<Result<T, KernelRefusal>, CellEnd> {
        self.manage(side, what, |manager| match ask(manager) {
            Ok(done) => Ok(Ok(done)),
            Err(NetlinkError::Refused(refusal)) => Ok(Err(refusal)),
            Err(other) => Err(other),
        })
    }

    /// Sets the limits of a side: subflows besides the first, and announced addresses that it
    /// accepts.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the path manager refuses, or cannot be asked.
    pub fn limits(&self, side: Side, subflows: u32, add_addr_accepted: u32) -> Result<(), CellEnd> {
        let limits = Limits {
            subflows,
            add_addr_accepted,
        };
        self.manage(side, "setting the limits", |manager| {
            self.effects.set_limits(manager, limits)
        })
    }

    /// Adds an endpoint for a side's address on a path. Its id is the number of the path.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the path manager refuses, or cannot be asked.
    pub fn endpoint(&self, side: Side, path: u8, flags: EndpointFlags) -> Result<(), CellEnd> {
        let endpoint = Endpoint::new(self.path_address(side, path));
        self.add_endpoint(side, &endpoint.id(path).flags(flags))
    }

    /// Adds an endpoint.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the path manager refuses, or cannot be asked.
    pub fn add_endpoint(&self, side: Side, endpoint: &Endpoint) -> Result<(), CellEnd> {
        self.manage(side, "adding an endpoint", |manager| {
            self.effects.add_endpoint(manager, endpoint)
        })
    }

    /// Deletes an endpoint.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the path manager refuses, or cannot be asked.
    pub fn delete_endpoint(&self, side: Side, id: u8) -> Result<(), CellEnd> {
        self.manage(side, "deleting an endpoint", |manager| {
            self.effects.delete_endpoint(manager, AddressId(id))
        })
    }

    /// Takes the address of the first subflow away from the connections of a side that began on it.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the path manager refuses, or cannot be asked.
    pub fn delete_initial_address(&self, side: Side) -> Result<(), CellEnd> {
        let address = self.path_address(side, 1);
        self.manage(side, "deleting the initial address", |manager| {
            self.effects.delete_initial_address(manager, address)
        })
    }

    /// Takes a side's own address on a path away, as `ip address del` does.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the lab does not do it.
    pub fn remove_address(&self, side: Side, path: u8) -> Result<(), CellEnd> {
        self.effects
            .remove_address(&self.host(side), path, self.ip)
            .map_err(|error| CellEnd::broken("an address was not removed", &error))
    }

    /// Makes an endpoint a backup, or no backup any more; connections that use its address tell
    /// their peers.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the path manager refuses, or cannot be asked.
    pub fn set_backup(&self, side: Side, id: u8, backup: bool) -> Result<(), CellEnd> {
        let flags = if backup {
            EndpointFlags::BACKUP
        } else {
            EndpointFlags::NONE
        };
        self.manage(side, "changing an endpoint", |manager| {
            self.effects.set_flags(manager, AddressId(id), flags)
        })
    }

    /// Takes a side's end of a path down or up.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the lab does not do it.
    pub fn link(&self, side: Side, path: u8, up: bool) -> Result<(), CellEnd> {
        self.effects
            .set_link(&self.host(side), path, up)
            .map_err(|error| CellEnd::broken(format!("the link of path {path} stayed"), &error))
    }
}
