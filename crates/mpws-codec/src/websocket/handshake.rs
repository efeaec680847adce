//! The opening handshake (RFC 6455 section 4): HTTP/1.1 heads and the accept key.

use sha1::{Digest, Sha1};

/// Head of an HTTP/1.1 request or response, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// First line, without its end.
    pub start_line: Vec<u8>,
    /// Fields in order: name, and value without the white space around it.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Bytes of the head, its empty line included.
    pub length: usize,
}

/// Bytes are not the head of an HTTP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// It does not end within the limit.
    #[error("head longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// The first line is neither a request nor a response of HTTP/1.
    #[error("first line is not HTTP/1")]
    StartLine,
    /// A line is no field (RFC 9112 section 5), at this place.
    #[error("malformed field at offset {offset}")]
    Field {
        /// Place of the line.
        offset: usize,
    },
}

/// The answer to a `Sec-WebSocket-Key` (RFC 6455 section 4.2.2): the value of
/// `Sec-WebSocket-Accept`.
///
/// The key is taken as it stands in the request, valid or not.
pub fn accept_key(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64(&hash.finalize())
}

impl Head {
    /// Reads a head from the front; `None` while its end has not come.
    ///
    /// Lines may end with LF alone (RFC 9112 section 2.2).
    ///
    /// # Errors
    ///
    /// Where the bytes are no HTTP/1 head, or where none ends within `limit` bytes.
    pub fn parse(bytes: &[u8], limit: usize) -> Result<Option<Self>, HeadError> {
        let mut head = Self {
            start_line: Vec::new(),
            fields: Vec::new(),
            length: 0,
        };
        let within = bytes.get(..limit).unwrap_or(bytes);
        for (number, line) in within.split_inclusive(|&byte| byte == b'\n').enumerate() {
            let offset = head.length;
            let Some(text) = line.strip_suffix(b"\n") else {
                break;
            };
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            head.length += line.len();
            match (number, text) {
                (0, text) if is_start_line(text) => head.start_line = text.to_vec(),
                (0, _) => return Err(HeadError::StartLine),
                (_, []) => return Ok(Some(head)),
                (_, text) => head
                    .fields
                    .push(field(text).ok_or(HeadError::Field { offset })?),
            }
        }
        if bytes.len() >= limit {
            Err(HeadError::TooLong { limit })
        } else {
            Ok(None)
        }
    }

    /// First value of a field; case does not matter in its name.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let found = self
            .fields
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice())
    }

    /// All values of a field, in order.
    pub fn fields<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.fields
            .iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// Whether a list field such as `Connection` has this element; case does not matter.
    pub fn lists(&self, name: &str, element: &str) -> bool {
        self.fields(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .any(|found| found.trim_ascii().eq_ignore_ascii_case(element.as_bytes()))
    }

    /// Status code, if it is a response.
    pub fn status(&self) -> Option<u16> {
        let rest = self.start_line.strip_prefix(b"HTTP/1.")?;
        let mut words = rest.split(|&byte| byte == b' ');
        let code = words.nth(1).filter(|code| code.len() == 3)?;
        std::str::from_utf8(code).ok()?.parse().ok()
    }

    /// Method and target, if it is a request.
    pub fn request(&self) -> Option<(&str, &str)> {
        if self.status().is_some() {
            return None;
        }
        let mut words = std::str::from_utf8(&self.start_line).ok()?.split(' ');
        Some((words.next()?, words.next()?))
    }
}

fn is_start_line(line: &[u8]) -> bool {
    let words: Vec<_> = line.splitn(3, |&byte| byte == b' ').collect();
    match words.as_slice() {
        [version, code, ..] if version.starts_with(b"HTTP/1.") => {
            code.len() == 3 && code.iter().all(u8::is_ascii_digit)
        }
        [method, target, version] => {
            !method.is_empty()
                && method.iter().all(|&byte| is_token(byte))
                && !target.is_empty()
                && version.starts_with(b"HTTP/1.")
        }
        _ => false,
    }
}

fn field(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let valid = !name.is_empty() && name.iter().all(|&byte| is_token(byte));
    let name = valid.then(|| String::from_utf8_lossy(name).into_owned())?;
    Some((name, value.get(1..)?.trim_ascii().to_vec()))
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 4648 section 4, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_accept_key_is_that_of_the_rfc() {
        // RFC 6455 section 1.3.
        assert_eq!(
            accept_key("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn base64_pads_what_is_no_multiple_of_three() {
        let texts = ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes()));
        assert_eq!(texts, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }

    #[test]
    fn a_request_is_read_with_what_follows_left_alone() {
        let bytes = b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\r\n\x81";
        let head = Head::parse(bytes, 8192)
            .expect("a head")
            .expect("a whole one");
        assert_eq!(head.request(), Some(("GET", "/chat")));
        assert_eq!(head.status(), None);
        assert!(head.lists("connection", "upgrade"));
        assert!(!head.lists("connection", "keep"));
        assert_eq!(head.field("HOST"), Some(b"a".as_slice()));
        assert_eq!(head.length, bytes.len() - 1);
    }

    #[test]
    fn a_response_has_a_status() {
        let head = Head::parse(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 100);
        let head = head.expect("a head").expect("a whole one");
        assert_eq!((head.status(), head.request()), (Some(101), None));
    }

    #[test]
    fn what_is_no_head_is_an_error_and_what_is_cut_is_awaited() {
        assert_eq!(Head::parse(b"GET / HTTP/1.1\r\nHost", 100), Ok(None));
        assert_eq!(
            Head::parse(b"GET / HTTP/1.1\r\nHost", 18),
            Err(HeadError::TooLong { limit: 18 })
        );
        assert_eq!(
            Head::parse(b"\x16\x03\x01\n", 100),
            Err(HeadError::StartLine)
        );
        let folded = Head::parse(b"GET / HTTP/1.1\r\n folded\r\n\r\n", 100);
        assert_eq!(folded, Err(HeadError::Field { offset: 16 }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Head::parse(&bytes, 150);
            let request = [b"GET / HTTP/1.1\r\n", bytes.as_slice()].concat();
            if let Ok(Some(head)) = Head::parse(&request, 1000) {
                prop_assert!(head.length <= request.len());
            }
        }
    }
}
