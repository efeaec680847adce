//! No bytes, whoever sent them, may bring a codec down.

use netlink_packet_core::NLMSG_ERROR;
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use crate::counters::Counters;
use crate::diag::{MptcpSocket, TcpSubflow};
use crate::netlink::attr::{self, Attributes};
use crate::netlink::{self, generic};
use crate::pm::{Endpoint, EndpointFlags, Event, Limits};
use crate::sockopt::{MptcpInfo, SubflowAddrs, TcpInfo};
use crate::types::AddressId;

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = netlink::decode(&bytes);
        let _ = generic::header(&bytes);
        let _ = Event::parse(&bytes);
        let _ = Endpoint::parse(&bytes, 1);
        let _ = Limits::parse(&bytes);
        let _ = MptcpSocket::parse(&bytes);
        let _ = TcpSubflow::parse(&bytes);
        let _ = SubflowAddrs::parse(&bytes);
        let _ = TcpInfo::parse(&bytes);
        let _ = MptcpInfo::parse(&bytes);
        if let Ok(attributes) = Attributes::parse(&bytes) {
            for (kind, _) in attributes.iter() {
                let _ = (attributes.u64(kind), attributes.ip(kind, kind), attributes.string(kind));
                let _ = attributes.nested(kind);
            }
        }
    }

    #[test]
    fn any_refusal_is_read_without_a_panic(
        flags in any::<u16>(),
        bytes in vec(any::<u8>(), 0..100),
    ) {
        let datagram = netlink::encode(NLMSG_ERROR, flags, 1, &bytes);
        for message in netlink::decode(&datagram).expect("one whole message") {
            let _ = netlink::refusal(&message);
        }
    }

    #[test]
    fn any_text_is_read_as_counters_or_refused_without_a_panic(text in "[A-Za-z0-9: \n-]{0,200}") {
        let _ = Counters::parse(&text);
    }

    #[test]
    fn messages_survive_the_way_there_and_back(
        kind in any::<u16>(),
        payloads in vec(vec(any::<u8>(), 0..50), 1..5),
    ) {
        let mut datagram = Vec::new();
        for payload in &payloads {
            datagram.extend(netlink::encode(kind, 0, 9, payload));
            datagram.resize(datagram.len().next_multiple_of(4), 0);
        }
        let messages = netlink::decode(&datagram).expect("whole messages");
        prop_assert!(messages.iter().all(|message| message.kind == kind));
        let read: Vec<_> = messages.into_iter().map(|message| message.payload).collect();
        prop_assert_eq!(read, payloads);
    }

    #[test]
    fn endpoints_survive_the_way_there_and_back(
        address in any::<std::net::IpAddr>(),
        id in any::<Option<u8>>(),
        port in proptest::option::of(1..u16::MAX),
        flags in any::<u32>(),
        ifindex in proptest::option::of(1..u32::MAX),
    ) {
        let endpoint =
            Endpoint { id: id.map(AddressId), address, port, flags: EndpointFlags(flags), ifindex };
        let bytes = attr::emit(&[endpoint.attribute(1)]);
        prop_assert_eq!(Endpoint::parse(&bytes, 1).expect("an endpoint"), endpoint);
    }
}
