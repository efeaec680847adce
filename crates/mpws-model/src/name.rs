//! The name of a cell, and what it is made of.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use mpws_packet::Ip;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Protocol;

/// Full name of a cell: `case@client:server/protocol/ip`, such as
/// `fallback/syn-option-stripped@websockets-14.2-sync:fixture/mptcp/v4`.
///
/// It is text in JSON. What is read is taken apart once, here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellName {
    text: String,
    case: String,
    client: String,
    server: String,
    protocol: Protocol,
    ip: Ip,
}

/// A text that is not the name of a cell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no name of a cell, `case@client:server/protocol/ip`: {detail}")]
pub struct InvalidCellName {
    text: String,
    detail: &'static str,
}

impl CellName {
    /// The name of a cell of this case, with these peers.
    ///
    /// The parts are names: lower-case letters, digits, `-` and `.`, in a case also `/`. A name of
    /// anything else is not read back.
    pub fn new(case: &str, client: &str, server: &str, protocol: Protocol, ip: Ip) -> Self {
        Self {
            text: format!("{case}@{client}:{server}/{protocol}/{ip}"),
            case: case.to_owned(),
            client: client.to_owned(),
            server: server.to_owned(),
            protocol,
            ip,
        }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The case: `family/stimulus`.
    pub fn case(&self) -> &str {
        &self.case
    }

    /// The family: what stands before the first slash of the case.
    pub fn family(&self) -> &str {
        self.case.split('/').next().unwrap_or(&self.case)
    }

    /// Name of the client peer.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// Name of the server peer.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Protocol asked for.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// IP version.
    pub fn ip(&self) -> Ip {
        self.ip
    }

    /// The same cell over the other protocol.
    pub fn twin(&self) -> Self {
        let other = self.protocol.other();
        Self::new(&self.case, &self.client, &self.server, other, self.ip)
    }
}

impl fmt::Display for CellName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for CellName {
    type Err = InvalidCellName;

    fn from_str(text: &str) -> Result<Self, InvalidCellName> {
        let fault = |detail| InvalidCellName {
            text: text.to_owned(),
            detail,
        };
        let (case, rest) = text.split_once('@').ok_or(fault("there is no `@`"))?;
        let mut parts = rest.split('/');
        let (Some(pair), Some(protocol), Some(ip), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(fault("after the `@` there are not three parts with `/`"));
        };
        let (client, server) = pair.split_once(':').ok_or(fault("there is no `:`"))?;
        if !case.split('/').all(is_name) {
            return Err(fault("the case is no name"));
        }
        if !is_name(client) || !is_name(server) {
            return Err(fault("a peer is no name"));
        }
        let protocol = protocol
            .parse()
            .map_err(|_| fault("the protocol is not `mptcp` or `tcp`"))?;
        let ip = ip
            .parse()
            .map_err(|_| fault("the IP version is not `v4` or `v6`"))?;
        Ok(Self::new(case, client, server, protocol, ip))
    }
}

impl PartialEq<str> for CellName {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl PartialEq<&str> for CellName {
    fn eq(&self, other: &&str) -> bool {
        self.text == *other
    }
}

impl Serialize for CellName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for CellName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for CellName {
    fn schema_name() -> Cow<'static, str> {
        "CellName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Full name of a cell: `case@client:server/protocol/ip`.",
            "pattern": r"^[a-z0-9.-]+(/[a-z0-9.-]+)*@[a-z0-9.-]+:[a-z0-9.-]+/(mptcp|tcp)/(v4|v6)$",
        })
    }
}

/// Whether it is of the characters that names of cases and peers have.
fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    !text.is_empty() && text.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "fallback/syn-option-stripped@websockets-13.0.1-sync:fixture/mptcp/v6";

    #[test]
    fn a_name_is_read_into_its_parts_and_written_as_it_was() {
        let name: CellName = NAME.parse().expect("a name");
        assert_eq!(name.case(), "fallback/syn-option-stripped");
        assert_eq!(name.family(), "fallback");
        assert_eq!(name.client(), "websockets-13.0.1-sync");
        assert_eq!(name.server(), "fixture");
        assert_eq!((name.protocol(), name.ip()), (Protocol::Mptcp, Ip::V6));
        assert_eq!(name.to_string(), NAME);
        let json = serde_json::to_string(&name).expect("text");
        assert_eq!(json, format!("\"{NAME}\""));
        let read: CellName = serde_json::from_str(&json).expect("a name");
        assert_eq!(read, name);
    }

    #[test]
    fn the_twin_differs_in_the_protocol_alone() {
        let name: CellName = NAME.parse().expect("a name");
        assert_eq!(name.twin(), NAME.replace("/mptcp/", "/tcp/").as_str());
        assert_eq!(name.twin().twin(), name);
    }

    #[test]
    fn what_is_no_name_is_refused_with_what_is_wrong() {
        for (text, detail) in [
            ("", "no `@`"),
            ("a/b", "no `@`"),
            ("a/b@c:d/mptcp", "three parts"),
            ("a/b@c:d/mptcp/v4/x", "three parts"),
            ("a/b@cd/mptcp/v4", "no `:`"),
            ("@c:d/mptcp/v4", "the case"),
            ("a//b@c:d/mptcp/v4", "the case"),
            ("A/b@c:d/mptcp/v4", "the case"),
            ("a/b@:d/mptcp/v4", "a peer"),
            ("a/b@c:d:e/mptcp/v4", "a peer"),
            ("a/b@c:\u{1b}[31m/mptcp/v4", "a peer"),
            ("a/b@c:d/udp/v4", "the protocol"),
            ("a/b@c:d/mptcp/v5", "the IP version"),
        ] {
            let error = text.parse::<CellName>().expect_err(text).to_string();
            assert!(error.contains(detail), "{error}");
        }
    }
}
