//! Header fields: found, and written so that no value can end its line.

use crate::errors::HandshakeError;

/// The first field of this name.
pub(crate) fn field<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

pub(super) fn tokens(fields: &[(String, String)], name: &str) -> Vec<String> {
    fields
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .flat_map(|(_, value)| value.split(','))
        .map(|token| token.trim().to_owned())
        .filter(|token| !token.is_empty())
        .collect()
}

pub(super) fn has_token(fields: &[(String, String)], name: &str, token: &str) -> bool {
    tokens(fields, name)
        .iter()
        .any(|t| t.eq_ignore_ascii_case(token))
}

pub(super) fn lines(fields: &[(String, String)]) -> Result<String, HandshakeError> {
    let mut text = String::new();
    for (name, value) in fields {
        let name = sendable("a header name", name)?;
        let value = sendable("a header value", value)?;
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    Ok(text)
}

pub(super) fn sendable<'v>(what: &'static str, value: &'v str) -> Result<&'v str, HandshakeError> {
    if value.chars().any(char::is_control) {
        return Err(HandshakeError::Unsendable(what));
    }
    Ok(value)
}

pub(super) fn owned(fields: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|f| {
            let value = String::from_utf8_lossy(f.value).into_owned();
            (f.name.to_owned(), value)
        })
        .collect()
}
