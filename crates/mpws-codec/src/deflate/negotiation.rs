//! Offers, answers and what they agree on (RFC 7692 sections 5 and 7.1).

use std::fmt;

use super::coder::{Compressor, Decompressor};
use super::extension::{Extension, ExtensionList, ListError, Parameter};
use super::window::WindowBits;
use crate::websocket::Sender;

/// Name of the extension.
pub const NAME: &str = "permessage-deflate";

/// One configuration that a client offers.
///
/// ```
/// use mpws_codec::deflate::{Agreement, ExtensionList, Offer, Preferences};
///
/// let offer = Offer::default();
/// let request = offer.to_string();
/// let offered = ExtensionList::parse([request.as_bytes()]).unwrap();
/// let agreed = Preferences::default().answer(&offered).expect("nothing speaks against it");
///
/// let response = agreed.to_string();
/// let answered = ExtensionList::parse([response.as_bytes()]).unwrap();
/// assert_eq!(Agreement::accept(&answered, &[offer]), Ok(Some(agreed)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offer {
    /// The server must not use context takeover (section 7.1.1.1).
    pub server_no_context_takeover: bool,
    /// Hint: the client will not use context takeover (section 7.1.1.2).
    pub client_no_context_takeover: bool,
    /// Largest window that the server may use (section 7.1.2.1).
    pub server_max_window_bits: Option<WindowBits>,
    /// Whether the server may limit the window of the client (section 7.1.2.2).
    pub client_max_window_bits: ClientWindow,
}

/// The parameter `client_max_window_bits` of an offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClientWindow {
    /// Not there: the server must not limit the window.
    Absent,
    /// There without a value: the server may limit the window.
    #[default]
    Limitable,
    /// The server may limit the window, which will not be larger than this anyway.
    AtMost(WindowBits),
}

/// What a server wants. The default takes every offer as it is and asks for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Preferences {
    /// Do not use context takeover, even where the client can follow.
    pub server_no_context_takeover: bool,
    /// Keep the client from context takeover.
    pub client_no_context_takeover: bool,
    /// Largest window that the server uses.
    pub server_max_window_bits: Option<WindowBits>,
    /// Largest window that the client shall use. It cannot be asked for where the offer lacks the
    /// parameter.
    pub client_max_window_bits: Option<WindowBits>,
    /// Decline offers where `client_max_window_bits` cannot be asked for.
    pub require_client_max_window_bits: bool,
}

/// The parameters in a server's answer: what both ends then do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Agreement {
    /// The server starts every message with an empty window.
    pub server_no_context_takeover: bool,
    /// The client starts every message with an empty window.
    pub client_no_context_takeover: bool,
    /// Largest window of the server; 15 where absent.
    pub server_max_window_bits: Option<WindowBits>,
    /// Largest window of the client; 15 where absent.
    pub client_max_window_bits: Option<WindowBits>,
}

/// Why a server must decline an offer, or a client fail the connection (RFC 7692 section 7).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// A parameter that is not defined.
    #[error("unknown parameter {0}")]
    Unknown(String),
    /// A parameter that is there twice.
    #[error("parameter {0} is there more than once")]
    Repeated(&'static str),
    /// A value that is missing, out of range or not wanted.
    #[error("parameter {0} has an invalid value")]
    Value(&'static str),
}

/// A server's answer that fails the connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The header does not follow the grammar.
    #[error(transparent)]
    Syntax(#[from] ListError),
    /// An extension that was not offered.
    #[error("extension {0} was not offered")]
    NotOffered(String),
    /// The extension is there twice.
    #[error("{NAME} is answered more than once")]
    Repeated,
    /// A parameter is wrong.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The parameters are valid and satisfy no offer.
    #[error("the answer does not match an offer: {0}")]
    Mismatch(&'static str),
}

impl Default for Offer {
    /// Like most clients: no limits, and the server may limit the window of the client.
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: None,
            client_max_window_bits: ClientWindow::Limitable,
        }
    }
}

impl Offer {
    /// Reads the parameters of an offer.
    ///
    /// # Errors
    ///
    /// Where a server must decline it.
    pub fn parse(extension: &Extension) -> Result<Self, ParameterError> {
        let raw = Raw::parse(extension)?;
        Ok(Self {
            server_no_context_takeover: raw.server_no_context_takeover,
            client_no_context_takeover: raw.client_no_context_takeover,
            server_max_window_bits: window(SERVER_BITS, raw.server_max_window_bits)?,
            client_max_window_bits: match raw.client_max_window_bits {
                None => ClientWindow::Absent,
                Some(None) => ClientWindow::Limitable,
                value => match window(CLIENT_BITS, value)? {
                    Some(bits) => ClientWindow::AtMost(bits),
                    None => ClientWindow::Limitable,
                },
            },
        })
    }

    /// Why an answer does not satisfy it.
    fn mismatch(&self, answer: &Agreement) -> Option<&'static str> {
        if self.server_no_context_takeover && !answer.server_no_context_takeover {
            return Some("server_no_context_takeover is missing");
        }
        let too_large = match (self.server_max_window_bits, answer.server_max_window_bits) {
            (Some(limit), Some(bits)) => bits > limit,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if too_large {
            return Some("server_max_window_bits is missing or too large");
        }
        let limited = answer.client_max_window_bits.is_some();
        (limited && self.client_max_window_bits == ClientWindow::Absent)
            .then_some("client_max_window_bits was not offered")
    }
}

impl Preferences {
    /// The server's side: takes the first offer that it can; `None` where all are declined or there
    /// are none.
    ///
    /// Offers with invalid parameters are declined one by one, other extensions ignored (RFC 7692
    /// section 7).
    pub fn answer(&self, offered: &ExtensionList) -> Option<Agreement> {
        let ours = offered.0.iter().filter(|extension| extension.name == NAME);
        ours.filter_map(|extension| Offer::parse(extension).ok())
            .find_map(|offer| self.answer_to(&offer))
    }

    /// The answer to one offer; `None` where it is declined.
    pub fn answer_to(&self, offer: &Offer) -> Option<Agreement> {
        let client_max_window_bits =
            match (offer.client_max_window_bits, self.client_max_window_bits) {
                (ClientWindow::Absent, Some(_)) if self.require_client_max_window_bits => {
                    return None;
                }
                (ClientWindow::Absent, _) => None,
                (ClientWindow::Limitable, wanted) => wanted,
                (ClientWindow::AtMost(hint), wanted) => smaller(Some(hint), wanted),
            };
        Some(Agreement {
            server_no_context_takeover: offer.server_no_context_takeover
                || self.server_no_context_takeover,
            client_no_context_takeover: offer.client_no_context_takeover
                || self.client_no_context_takeover,
            server_max_window_bits: smaller(
                offer.server_max_window_bits,
                self.server_max_window_bits,
            ),
            client_max_window_bits,
        })
    }
}

impl Agreement {
    /// The client's side: checks an answer against the offers; `None` where the server took no
    /// extension.
    ///
    /// An answer may say anything that at least one of the offers allows (RFC 7692 section 5).
    ///
    /// # Errors
    ///
    /// Where the client must fail the connection.
    pub fn accept(answered: &ExtensionList, offers: &[Offer]) -> Result<Option<Self>, AnswerError> {
        let not_offered = |extension: &&Extension| extension.name != NAME || offers.is_empty();
        if let Some(extension) = answered.0.iter().find(not_offered) {
            return Err(AnswerError::NotOffered(extension.name.clone()));
        }
        let answer = match answered.0.as_slice() {
            [] => return Ok(None),
            [answer] => Self::parse(answer)?,
            _ => return Err(AnswerError::Repeated),
        };
        let mut mismatch = None;
        for offer in offers {
            match offer.mismatch(&answer) {
                None => return Ok(Some(answer)),
                Some(why) => mismatch = mismatch.or(Some(why)),
            }
        }
        Err(AnswerError::Mismatch(
            mismatch.unwrap_or("nothing was offered"),
        ))
    }

    /// Reads the parameters of an answer, whatever was offered.
    ///
    /// # Errors
    ///
    /// Where a client must fail the connection.
    pub fn parse(extension: &Extension) -> Result<Self, ParameterError> {
        let raw = Raw::parse(extension)?;
        Ok(Self {
            server_no_context_takeover: raw.server_no_context_takeover,
            client_no_context_takeover: raw.client_no_context_takeover,
            server_max_window_bits: window(SERVER_BITS, raw.server_max_window_bits)?,
            client_max_window_bits: window(CLIENT_BITS, raw.client_max_window_bits)?,
        })
    }

    /// Largest window of what `sender` sends.
    pub fn window(&self, sender: Sender) -> WindowBits {
        let bits = match sender {
            Sender::Client => self.client_max_window_bits,
            Sender::Server => self.server_max_window_bits,
        };
        bits.unwrap_or_default()
    }

    /// Whether `sender` may refer to its earlier messages.
    pub fn takeover(&self, sender: Sender) -> bool {
        match sender {
            Sender::Client => !self.client_no_context_takeover,
            Sender::Server => !self.server_no_context_takeover,
        }
    }

    /// A compressor for what `sender` sends.
    pub fn compressor(&self, sender: Sender) -> Compressor {
        Compressor::new(self.window(sender), self.takeover(sender))
    }

    /// A decompressor for what `sender` sends; messages above `limit` bytes are errors.
    pub fn decompressor(&self, sender: Sender, limit: usize) -> Decompressor {
        Decompressor::new(self.window(sender), self.takeover(sender), limit)
    }
}

impl From<Offer> for Extension {
    fn from(offer: Offer) -> Self {
        let client = match offer.client_max_window_bits {
            ClientWindow::Absent => None,
            ClientWindow::Limitable => Some(None),
            ClientWindow::AtMost(bits) => Some(Some(bits)),
        };
        extension(
            offer.server_no_context_takeover,
            offer.client_no_context_takeover,
            offer.server_max_window_bits,
            client,
        )
    }
}

impl From<Agreement> for Extension {
    fn from(answer: Agreement) -> Self {
        extension(
            answer.server_no_context_takeover,
            answer.client_no_context_takeover,
            answer.server_max_window_bits,
            answer.client_max_window_bits.map(Some),
        )
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Extension::from(*self).fmt(f)
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Extension::from(*self).fmt(f)
    }
}

/// The four parameters, where none is unknown or repeated; values of windows unread.
#[derive(Default)]
struct Raw<'a> {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<Option<&'a str>>,
    client_max_window_bits: Option<Option<&'a str>>,
}

impl<'a> Raw<'a> {
    fn parse(extension: &'a Extension) -> Result<Self, ParameterError> {
        let mut raw = Self::default();
        for Parameter { name, value } in &extension.parameters {
            match name.as_str() {
                SERVER_TAKEOVER => {
                    switch(SERVER_TAKEOVER, &mut raw.server_no_context_takeover, value)?;
                }
                CLIENT_TAKEOVER => {
                    switch(CLIENT_TAKEOVER, &mut raw.client_no_context_takeover, value)?;
                }
                SERVER_BITS => once(SERVER_BITS, &mut raw.server_max_window_bits, value)?,
                CLIENT_BITS => once(CLIENT_BITS, &mut raw.client_max_window_bits, value)?,
                _ => return Err(ParameterError::Unknown(name.clone())),
            }
        }
        Ok(raw)
    }
}

fn switch(
    name: &'static str,
    switch: &mut bool,
    value: &Option<String>,
) -> Result<(), ParameterError> {
    match (*switch, value) {
        (true, _) => Err(ParameterError::Repeated(name)),
        (false, Some(_)) => Err(ParameterError::Value(name)),
        (false, None) => {
            *switch = true;
            Ok(())
        }
    }
}

fn once<'a>(
    name: &'static str,
    place: &mut Option<Option<&'a str>>,
    value: &'a Option<String>,
) -> Result<(), ParameterError> {
    match place.replace(value.as_deref()) {
        Some(_) => Err(ParameterError::Repeated(name)),
        None => Ok(()),
    }
}

/// A window whose parameter must have a value where it is there.
fn window(
    name: &'static str,
    value: Option<Option<&str>>,
) -> Result<Option<WindowBits>, ParameterError> {
    let Some(value) = value else { return Ok(None) };
    let bits = value.and_then(WindowBits::parse);
    bits.map(Some).ok_or(ParameterError::Value(name))
}

fn smaller(one: Option<WindowBits>, other: Option<WindowBits>) -> Option<WindowBits> {
    one.into_iter().chain(other).min()
}

fn extension(
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<WindowBits>,
    client_max_window_bits: Option<Option<WindowBits>>,
) -> Extension {
    let mut parameters = Vec::new();
    let mut add = |name: &str, value: Option<WindowBits>| {
        parameters.push(Parameter {
            name: name.to_owned(),
            value: value.map(|bits| bits.to_string()),
        });
    };
    if server_no_context_takeover {
        add(SERVER_TAKEOVER, None);
    }
    if client_no_context_takeover {
        add(CLIENT_TAKEOVER, None);
    }
    if server_max_window_bits.is_some() {
        add(SERVER_BITS, server_max_window_bits);
    }
    if let Some(value) = client_max_window_bits {
        add(CLIENT_BITS, value);
    }
    Extension {
        name: NAME.to_owned(),
        parameters,
    }
}

const SERVER_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

#[cfg(test)]
#[path = "negotiation_tests.rs"]
mod tests;
