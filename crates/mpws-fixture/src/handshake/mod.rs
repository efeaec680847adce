//! The opening handshake of RFC 6455 section 4, over bytes that the caller controls.

mod fields;

use bytes::BytesMut;
use mpws_codec::deflate::ExtensionList;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::deflate::{Agreement, AnswerError, Deflate, ListError, Offer, Preferences};
pub use crate::errors::{HandshakeError, MAX_HEAD};

pub(crate) use fields::field;
use fields::{has_token, lines, owned, sendable, tokens};

/// Most header fields of a head.
pub const MAX_FIELDS: usize = 64;

/// What a request asks for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) minor: u8,
    pub(crate) fields: Vec<(String, String)>,
}

/// What a response says.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
}

/// A request that this end sends, and what it expects of the answer.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) bytes: Vec<u8>,
    pub(crate) key: String,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) deflate: Deflate<Offer>,
}

/// An accepted upgrade.
#[derive(Clone, Debug)]
pub(crate) struct Upgraded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) agreed: Agreed,
}

/// What both ends agree on in the opening handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) subprotocol: Option<String>,
    pub(crate) deflate: Option<Agreement>,
}

/// Reads up to and with the empty line; returns the head. What comes after it stays in `buffer`.
pub(crate) async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> Result<BytesMut, HandshakeError> {
    let mut searched = 0;
    loop {
        let from = searched.min(buffer.len());
        if let Some(at) = buffer[from..].windows(4).position(|w| w == b"\r\n\r\n") {
            let end = from + at + 4;
            if end > MAX_HEAD {
                return Err(HandshakeError::TooLong);
            }
            return Ok(buffer.split_to(end));
        }
        if buffer.len() > MAX_HEAD {
            return Err(HandshakeError::TooLong);
        }
        searched = buffer.len().saturating_sub(3);
        // Read by small pieces, so that the limit bounds what is kept, too.
        let mut piece = [0; 2048];
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            return Err(HandshakeError::Eof {
                bytes: buffer.len(),
            });
        }
        buffer.extend_from_slice(&piece[..count]);
    }
}

impl Request {
    pub(crate) fn parse(head: &[u8]) -> Result<Self, HandshakeError> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        if request.parse(head)?.is_partial() {
            return Err(HandshakeError::Eof { bytes: head.len() });
        }
        Ok(Self {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            minor: request.version.unwrap_or_default(),
            fields: owned(request.headers),
        })
    }

    /// Checks that it is an opening handshake and makes the answer (RFC 6455 section 4.2).
    ///
    /// The first of our `subprotocols` that is offered is chosen; of extensions, the first
    /// configuration of permessage-deflate that can be.
    pub(crate) fn accept(
        &self,
        subprotocols: &[String],
        deflate: &Deflate<Preferences>,
    ) -> Result<Upgraded, HandshakeError> {
        let accept = self.key_answer()?;
        let offered = tokens(&self.fields, "Sec-WebSocket-Protocol");
        let subprotocol = subprotocols
            .iter()
            .find(|&ours| offered.iter().any(|theirs| theirs == ours))
            .cloned();
        let offered = extensions(&self.fields)?;
        let agreement = deflate.wanted().and_then(|wanted| wanted.answer(&offered));
        if deflate.is_required() && agreement.is_none() {
            return Err(HandshakeError::Request(
                "no permessage-deflate that can be taken",
            ));
        }
        let mut fields = Vec::new();
        if let Some(chosen) = &subprotocol {
            fields.push(("Sec-WebSocket-Protocol".to_owned(), chosen.clone()));
        }
        if let Some(agreement) = &agreement {
            fields.push((EXTENSIONS.to_owned(), agreement.to_string()));
        }
        Ok(Upgraded {
            bytes: switching(&accept, &fields)?,
            agreed: Agreed {
                subprotocol,
                deflate: agreement,
            },
        })
    }

    /// As [`Self::accept`], with these fields beside those that every answer has, whatever they
    /// say.
    ///
    /// Where they name permessage-deflate once and as it must be, messages are compressed
    /// afterwards.
    pub(crate) fn accept_with(
        &self,
        fields: &[(String, String)],
    ) -> Result<Upgraded, HandshakeError> {
        let bytes = switching(&self.key_answer()?, fields)?;
        let deflate = match extensions(fields).unwrap_or_default().0.as_slice() {
            [one] if one.name == mpws_codec::deflate::NAME => Agreement::parse(one).ok(),
            _ => None,
        };
        let subprotocol = field(fields, "Sec-WebSocket-Protocol").map(str::to_owned);
        Ok(Upgraded {
            bytes,
            agreed: Agreed {
                subprotocol,
                deflate,
            },
        })
    }

    /// Checks all but the offers; returns the value of `Sec-WebSocket-Accept`.
    fn key_answer(&self) -> Result<String, HandshakeError> {
        let refuse = |why| Err(HandshakeError::Request(why));
        if self.method != "GET" {
            return refuse("the method is not GET");
        }
        if self.minor < 1 {
            return refuse("the version is below HTTP/1.1");
        }
        if field(&self.fields, "Host").is_none() {
            return refuse("no Host");
        }
        if !has_token(&self.fields, "Upgrade", "websocket") {
            return refuse("no Upgrade: websocket");
        }
        if !has_token(&self.fields, "Connection", "upgrade") {
            return refuse("no Connection: Upgrade");
        }
        if field(&self.fields, "Sec-WebSocket-Version") != Some("13") {
            return refuse("the WebSocket version is not 13");
        }
        let Some(key) = field(&self.fields, "Sec-WebSocket-Key").filter(|key| is_key(key)) else {
            return refuse("no valid Sec-WebSocket-Key");
        };
        Ok(derive_accept_key(key.as_bytes()))
    }
}

impl Asked {
    /// Makes a request for `target` at `host`, with further fields (RFC 6455 section 4.1).
    pub(crate) fn new(
        host: &str,
        target: &str,
        subprotocols: &[String],
        deflate: Deflate<Offer>,
        extra: &[(String, String)],
    ) -> Result<Self, HandshakeError> {
        let key = generate_key();
        let mut text = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nUser-Agent: mpws-fixture/{}\r\n",
            env!("CARGO_PKG_VERSION")
        );
        if !subprotocols.is_empty() {
            let list = sendable("a subprotocol", &subprotocols.join(", "))?.to_owned();
            text.push_str(&format!("Sec-WebSocket-Protocol: {list}\r\n"));
        }
        if let Some(offer) = deflate.wanted() {
            text.push_str(&format!("{EXTENSIONS}: {offer}\r\n"));
        }
        text.push_str(&lines(extra)?);
        text.push_str("\r\n");
        Ok(Self {
            bytes: text.into_bytes(),
            key,
            subprotocols: subprotocols.to_vec(),
            deflate,
        })
    }

    /// Checks the answer; returns what the server chose.
    pub(crate) fn check(&self, answer: &Response) -> Result<Agreed, HandshakeError> {
        let refuse = |why| Err(HandshakeError::Response(why));
        if answer.status != 101 {
            return Err(HandshakeError::Status(answer.status));
        }
        if !has_token(&answer.fields, "Upgrade", "websocket") {
            return refuse("no Upgrade: websocket");
        }
        if !has_token(&answer.fields, "Connection", "upgrade") {
            return refuse("no Connection: Upgrade");
        }
        let accept = derive_accept_key(self.key.as_bytes());
        if field(&answer.fields, "Sec-WebSocket-Accept") != Some(accept.as_str()) {
            return refuse("wrong Sec-WebSocket-Accept");
        }
        let answered = extensions(&answer.fields).map_err(AnswerError::from)?;
        let offers: Vec<Offer> = self.deflate.wanted().copied().into_iter().collect();
        let deflate = Agreement::accept(&answered, &offers)?;
        if self.deflate.is_required() && deflate.is_none() {
            return refuse("permessage-deflate was not taken");
        }
        let subprotocol = match field(&answer.fields, "Sec-WebSocket-Protocol") {
            None => None,
            Some(chosen) if self.subprotocols.iter().any(|ours| ours == chosen) => {
                Some(chosen.to_owned())
            }
            Some(_) => return refuse("a subprotocol that was not offered"),
        };
        Ok(Agreed {
            subprotocol,
            deflate,
        })
    }
}

impl Response {
    pub(crate) fn parse(head: &[u8]) -> Result<Self, HandshakeError> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        if response.parse(head)?.is_partial() {
            return Err(HandshakeError::Eof { bytes: head.len() });
        }
        Ok(Self {
            status: response.code.unwrap_or_default(),
            fields: owned(response.headers),
        })
    }
}

/// A complete response with a body; the connection ends after it.
pub(crate) fn respond(
    status: u16,
    fields: &[(String, String)],
    body: &str,
) -> Result<Vec<u8>, HandshakeError> {
    let mut text = format!("HTTP/1.1 {status} {}\r\n{}", phrase(status), lines(fields)?);
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    Ok(text.into_bytes())
}

/// The answer to a request that failed.
pub(crate) fn refusal(error: &HandshakeError) -> Option<Vec<u8>> {
    let mut fields = vec![("Connection".to_owned(), "close".to_owned())];
    let status = match error {
        HandshakeError::TooLong => 431,
        HandshakeError::Syntax(_) => 400,
        HandshakeError::Request(why) if why.contains("version is not 13") => {
            // RFC 6455 section 4.4.
            fields.push(("Sec-WebSocket-Version".to_owned(), "13".to_owned()));
            426
        }
        HandshakeError::Request(_) | HandshakeError::Offer(_) => 400,
        _ => return None,
    };
    respond(status, &fields, &format!("{error}\n")).ok()
}

/// The answer that completes the handshake.
fn switching(accept: &str, fields: &[(String, String)]) -> Result<Vec<u8>, HandshakeError> {
    let text = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{}\r\n",
        lines(fields)?
    );
    Ok(text.into_bytes())
}

fn extensions(fields: &[(String, String)]) -> Result<ExtensionList, ListError> {
    let named = fields
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(EXTENSIONS));
    ExtensionList::parse(named.map(|(_, value)| value.as_bytes()))
}

/// 16 bytes in base64 (RFC 6455 section 4.1).
fn is_key(key: &str) -> bool {
    key.len() == 24
        && key.ends_with("==")
        && key[..22]
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Scripted",
    }
}

const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

#[cfg(test)]
mod tests;
