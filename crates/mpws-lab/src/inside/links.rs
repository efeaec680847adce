//! Interfaces of a lab: veth pairs between hosts and wire, their addresses, neighbours and routes.
//!
//! Neighbours are static and duplicate address detection is off, so a path carries nothing but what
//! the hosts' programs send, and the first packet needs no other before it.

use crate::inside::route::RouteSocket;
use crate::sys;
use crate::topology::{self, End};
use mpws_packet::Ip;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Routing tables and rules of paths are numbered from here.
const FIRST_TABLE: u8 = 100;

/// Name of the wire's end of a path's side.
pub(crate) fn wire_interface(path: u8, end: End) -> String {
    format!("wire{path}-{}", end.number())
}

/// Makes the veth pair of one side of a path: the wire's end in the caller's network namespace, the
/// host's end in the host's. Both are down.
pub(crate) fn add_side(
    wire: &RouteSocket,
    path: u8,
    end: End,
    host: BorrowedFd<'_>,
) -> io::Result<()> {
    let mut theirs = interface(topology::interface(path));
    theirs.attributes.extend([
        LinkAttribute::Address(topology::hardware_address(path, end).to_vec()),
        LinkAttribute::NetNsFd(host.as_raw_fd()),
    ]);
    let mut ours = interface(wire_interface(path, end));
    ours.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(theirs))),
    ]));
    wire.set(RouteNetlinkMessage::NewLink(ours))
}

/// One queue, so that packets cannot overtake each other and hosts with many processors spend no
/// memory on it.
fn interface(name: String) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(name),
        LinkAttribute::Mtu(topology::MTU.into()),
        LinkAttribute::NumTxQueues(1),
        LinkAttribute::NumRxQueues(1),
    ];
    message
}

/// Switches all offloads off and makes sure that they are.
pub(crate) fn no_offloads(name: &str) -> io::Result<()> {
    let socket = sys::socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    for which in sys::OFFLOADS {
        sys::offload_off(socket.as_fd(), name, which)?;
    }
    for which in sys::OFFLOADS {
        if sys::offload(socket.as_fd(), name, which)? {
            return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        }
    }
    Ok(())
}

/// Takes an interface of the current network namespace up or down.
pub(crate) fn set_up(route: &RouteSocket, name: &str, up: bool) -> io::Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = index(name)?;
    message.header.change_mask = LinkFlags::Up;
    if up {
        message.header.flags = LinkFlags::Up;
    }
    route.set(RouteNetlinkMessage::SetLink(message))
}

/// Gives the host's end of a path its addresses, static neighbours and routes. May be repeated.
///
/// Beside the subnet's own route there is a rule: what has this end's source address leaves by this
/// path, whatever its destination. Without it a subflow from the second path's address to the first
/// path's server would leave by the first path.
pub(crate) fn address(route: &RouteSocket, path: u8, end: End) -> io::Result<()> {
    let index = index(&topology::interface(path))?;
    let table = FIRST_TABLE + path;
    for ip in [Ip::V4, Ip::V6] {
        let own = topology::address(path, end, ip);
        let other = topology::address(path, end.other(), ip);
        let message = own_address(index, own, topology::prefix(ip));
        route.set(RouteNetlinkMessage::NewAddress(message))?;
        route.set(neighbour(index, other, path, end.other()))?;
        route.set(default_route(index, other, table))?;
        route.ensure(source_rule(own, table))?;
    }
    Ok(())
}

/// Takes the address of the host's end of a path away; routes, rules and neighbours stay.
pub(crate) fn remove_address(route: &RouteSocket, path: u8, end: End, ip: Ip) -> io::Result<()> {
    let index = index(&topology::interface(path))?;
    let own = topology::address(path, end, ip);
    let message = own_address(index, own, topology::prefix(ip));
    route.set(RouteNetlinkMessage::DelAddress(message))
}

fn own_address(index: u32, own: IpAddr, prefix: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = family(own);
    message.header.prefix_len = prefix;
    message.header.index = index;
    message.attributes = vec![AddressAttribute::Local(own), AddressAttribute::Address(own)];
    if own.is_ipv6() {
        let flags = AddressFlags::Nodad;
        message.attributes.push(AddressAttribute::Flags(flags));
    }
    message
}

fn neighbour(index: u32, other: IpAddr, path: u8, end: End) -> RouteNetlinkMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family(other);
    message.header.ifindex = index;
    message.header.state = NeighbourState::Permanent;
    message.header.kind = RouteType::Unicast;
    let destination = match other {
        IpAddr::V4(address) => NeighbourAddress::Inet(address),
        IpAddr::V6(address) => NeighbourAddress::Inet6(address),
    };
    message.attributes = vec![
        NeighbourAttribute::Destination(destination),
        NeighbourAttribute::LinkLayerAddress(topology::hardware_address(path, end).to_vec()),
    ];
    RouteNetlinkMessage::NewNeighbour(message)
}

fn default_route(index: u32, gateway: IpAddr, table: u8) -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(gateway);
    message.header.table = table;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![
        RouteAttribute::Gateway(RouteAddress::from(gateway)),
        RouteAttribute::Oif(index),
    ];
    RouteNetlinkMessage::NewRoute(message)
}

fn source_rule(source: IpAddr, table: u8) -> RouteNetlinkMessage {
    let mut message = RuleMessage::default();
    message.header.family = family(source);
    message.header.src_len = if source.is_ipv4() { 32 } else { 128 };
    message.header.table = table;
    message.header.action = RuleAction::ToTable;
    message.attributes = vec![
        RuleAttribute::Source(source),
        RuleAttribute::Priority(table.into()),
    ];
    RouteNetlinkMessage::NewRule(message)
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

pub(crate) fn index(name: &str) -> io::Result<u32> {
    Ok(nix::net::if_::if_nametoindex(name)?)
}

/// Names of all interfaces in the current thread's network namespace.
pub(crate) fn names() -> io::Result<Vec<String>> {
    let found = nix::net::if_::if_nameindex()?;
    let name = |one: &nix::net::if_::Interface| one.name().to_string_lossy().into_owned();
    Ok(found.iter().map(name).collect())
}
