//! What a connection carried: the opening handshake of WebSocket, or something else.

use mpws_codec::{
    deflate::{Agreement, AnswerError, Extension, ExtensionList, NAME, Offer},
    websocket::{Head, accept_key},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{escape::escaped, frames::Deflate};
use crate::{
    packets::{Direction, Proof},
    plain::Plain,
    stream::DataStream,
};

/// What the bytes of a connection are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Application {
    /// WebSocket: a request for it was answered with 101, or has no answer yet.
    Websocket,
    /// HTTP/1.1 without a successful upgrade.
    Http,
    /// TLS that could not be decrypted: only the transport is judged.
    Tls,
    /// Bytes of another protocol, or without their beginning.
    Other,
    /// No byte of the client arrived.
    #[default]
    Nothing,
}

/// Opening handshake of WebSocket (RFC 6455 section 4), as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Handshake {
    /// Method and target, up to 200 characters, control characters escaped.
    pub request: String,
    /// Status code of the final response.
    pub status: Option<u16>,
    /// Whether `Sec-WebSocket-Accept` answers `Sec-WebSocket-Key`.
    pub accept: Proof,
    /// `Sec-WebSocket-Protocol` of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subprotocol: Option<String>,
    /// `Sec-WebSocket-Extensions` of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<String>,
    /// When the first byte of the request was at the wire, in nanoseconds since the epoch.
    pub request_ns: u64,
    /// When the response was complete, in nanoseconds since the epoch.
    pub response_ns: Option<u64>,
}

impl Handshake {
    /// Whether the response switched to WebSocket.
    pub fn succeeded(&self) -> bool {
        self.status == Some(101)
    }
}

/// The heads of a handshake, and where the frames begin behind them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heads {
    pub(crate) request: Option<Head>,
    pub(crate) response: Option<Head>,
    pub(crate) response_end: usize,
}

impl Application {
    /// The word that serde writes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Websocket => "WebSocket",
            Self::Http => "HTTP",
            Self::Tls => "TLS: transport only",
            Self::Other => "another protocol",
            Self::Nothing => "no data",
        }
    }
}

impl Heads {
    /// Reads the handshake from the beginnings of both directions.
    pub(crate) fn read(requests: &Plain<'_>, responses: &Plain<'_>) -> Self {
        let request = Head::parse(&requests.beginning(MAX_HEAD), MAX_HEAD)
            .ok()
            .flatten()
            .filter(|head| head.request().is_some());
        let (response, response_end) = if request.is_some() {
            final_response(&responses.beginning(MAX_HEAD))
        } else {
            (None, 0)
        };
        Self {
            request,
            response,
            response_end,
        }
    }

    /// Whether the response switched to WebSocket.
    pub(crate) fn switched(&self) -> bool {
        self.response.as_ref().and_then(Head::status) == Some(101)
    }

    /// What the connection is by its heads.
    pub(crate) fn application(&self) -> Option<Application> {
        let request = self.request.as_ref()?;
        let asked = request.lists("Upgrade", "websocket");
        let pending = self.response.is_none() && asked;
        Some(if self.switched() || pending {
            Application::Websocket
        } else {
            Application::Http
        })
    }

    pub(crate) fn handshake(
        &self,
        plain: [&Plain<'_>; 2],
        data: [&DataStream; 2],
    ) -> Option<Handshake> {
        let request = self.request.as_ref()?;
        let text = |head: &Head, name: &str| {
            let value = head.field(name)?;
            Some(escaped(value, 200))
        };
        let [(requests, to_responder), (responses, to_initiator)] =
            [(plain[0], data[0]), (plain[1], data[1])];
        let request_end = request.length as u64;
        let response = self.response.as_ref();
        Some(Handshake {
            request: request
                .request()
                .map(|(method, target)| escaped(format!("{method} {target}").as_bytes(), 200))
                .unwrap_or_default(),
            status: response.and_then(Head::status),
            accept: self.accept(),
            subprotocol: response.and_then(|head| text(head, "Sec-WebSocket-Protocol")),
            extensions: response.and_then(|head| text(head, "Sec-WebSocket-Extensions")),
            request_ns: to_responder
                .carriage(requests.origin(0..request_end))
                .first_ns,
            response_ns: response.map(|_| {
                let end = self.response_end as u64;
                to_initiator.carriage(responses.origin(0..end)).last_ns
            }),
        })
    }

    /// RFC 6455 section 4.2.2.
    fn accept(&self) -> Proof {
        let key = self
            .request
            .as_ref()
            .and_then(|head| std::str::from_utf8(head.field("Sec-WebSocket-Key")?).ok());
        let Some((key, response)) = key.zip(self.response.as_ref()).filter(|_| self.switched())
        else {
            return Proof::Unknown;
        };
        let answer = response.field("Sec-WebSocket-Accept");
        Proof::of(answer == Some(accept_key(key).as_bytes()))
    }

    /// What was agreed on of permessage-deflate.
    pub(crate) fn deflate(&self) -> Deflate {
        match self.deflate_agreement() {
            Ok(Some(agreement)) => Deflate::Agreed(agreement),
            Ok(None) => Deflate::Absent,
            // What was answered counts for the reading, even if it was not offered so.
            Err(_) => match self.answered().map(|answer| Agreement::parse(&answer)) {
                Some(Ok(agreement)) => Deflate::Agreed(agreement),
                _ => Deflate::Unclear,
            },
        }
    }

    /// What the response says of permessage-deflate, held against what the request offered.
    pub(crate) fn deflate_agreement(&self) -> Result<Option<Agreement>, AnswerError> {
        if self.answered().is_none() {
            return Ok(None);
        }
        let offers: Vec<Offer> = extensions(self.request.as_ref())
            .0
            .iter()
            .filter(|extension| extension.name == NAME)
            .filter_map(|extension| Offer::parse(extension).ok())
            .collect();
        if offers.is_empty() {
            // An extension that was not offered is an offence of its own, whatever its parameters.
            let parsed = self
                .answered()
                .and_then(|answer| Agreement::parse(&answer).ok());
            return Ok(parsed);
        }
        Agreement::accept(&extensions(self.response.as_ref()), &offers)
    }

    /// permessage-deflate in the response.
    fn answered(&self) -> Option<Extension> {
        let list = extensions(self.response.as_ref());
        list.0.into_iter().find(|extension| extension.name == NAME)
    }

    /// Place of the first frame of a direction in the plain stream.
    pub(crate) fn frames_from(&self, direction: Direction) -> usize {
        match direction {
            Direction::ToResponder => self.request.as_ref().map_or(0, |head| head.length),
            Direction::ToInitiator => self.response_end,
        }
    }
}

/// The extensions of a head; none where the header cannot be read.
fn extensions(head: Option<&Head>) -> ExtensionList {
    let values = head
        .into_iter()
        .flat_map(|head| head.fields("Sec-WebSocket-Extensions"));
    ExtensionList::parse(values).unwrap_or(ExtensionList(Vec::new()))
}

/// The first response that is not provisional, and where it ends.
fn final_response(bytes: &[u8]) -> (Option<Head>, usize) {
    let mut start = 0;
    while let Some(Ok(Some(head))) = bytes.get(start..).map(|rest| Head::parse(rest, MAX_HEAD)) {
        start += head.length;
        match head.status() {
            Some(100..=199) if head.status() != Some(101) => {}
            Some(_) => return (Some(head), start),
            None => break,
        }
    }
    (None, start)
}

/// Longest head that is looked at, in bytes.
pub(crate) const MAX_HEAD: usize = 64 << 10;
