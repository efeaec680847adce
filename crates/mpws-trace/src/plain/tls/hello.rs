//! What is needed of ClientHello and ServerHello (RFC 8446 section 4.1).

use super::record::{CHANGE_CIPHER_SPEC, HANDSHAKE, RawRecord};

/// The hellos of a handshake.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hellos {
    pub(super) client_random: Option<[u8; 32]>,
    pub(super) server: Option<ServerHello>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ServerHello {
    pub(super) random: [u8; 32],
    pub(super) cipher_suite: u16,
    /// 0x0304 for TLS 1.3, 0x0303 for 1.2.
    pub(super) version: u16,
}

impl Hellos {
    pub(super) fn read(client: &[RawRecord], server: &[RawRecord]) -> Self {
        let client = messages(client);
        let server = messages(server);
        let client_random = of_type(&client, CLIENT_HELLO)
            .find_map(|body| Some(*body.get(2..)?.first_chunk::<32>()?));
        // After a HelloRetryRequest, which looks like one, the second ServerHello is the one that
        // counts.
        let server = of_type(&server, SERVER_HELLO)
            .filter_map(server_hello)
            .last();
        Self {
            client_random,
            server,
        }
    }

    pub(super) fn version_name(&self) -> Option<String> {
        let version = self.server?.version;
        Some(match version {
            0x0304 => "1.3".to_owned(),
            0x0303 => "1.2".to_owned(),
            0x0302 => "1.1".to_owned(),
            0x0301 => "1.0".to_owned(),
            other => format!("{other:#06x}"),
        })
    }
}

/// The handshake messages at the beginning of a direction that are not encrypted, one after the
/// other.
fn messages(records: &[RawRecord]) -> Vec<u8> {
    records
        .iter()
        .take(MAX_RECORDS)
        .take_while(|record| record.kind == HANDSHAKE || record.kind == CHANGE_CIPHER_SPEC)
        .filter(|record| record.kind == HANDSHAKE)
        .map_while(|record| record.body.as_deref())
        .collect::<Vec<_>>()
        .concat()
}

/// Bodies of the messages of one type.
fn of_type(mut messages: &[u8], wanted: u8) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        loop {
            let (&[kind, a, b, c], rest) = messages.split_first_chunk()?;
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            let (body, rest) = rest.split_at_checked(length)?;
            messages = rest;
            if kind == wanted {
                return Some(body);
            }
        }
    })
}

fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let (&legacy, rest) = body.split_first_chunk()?;
    let (&random, rest) = rest.split_first_chunk::<32>()?;
    let (&session_length, rest) = rest.split_first()?;
    let rest = rest.get(usize::from(session_length)..)?;
    let (&suite, rest) = rest.split_first_chunk()?;
    // Compression method and length of extensions, which TLS 1.2 may leave out.
    let mut extensions = rest.get(3..).unwrap_or(&[]);
    let mut version = u16::from_be_bytes(legacy);
    while let Some((&[a, b, c, d], rest)) = extensions.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([c, d]));
        let Some((value, rest)) = rest.split_at_checked(length) else {
            break;
        };
        if u16::from_be_bytes([a, b]) == SUPPORTED_VERSIONS
            && let Some(chosen) = value.first_chunk()
        {
            version = u16::from_be_bytes(*chosen);
        }
        extensions = rest;
    }
    Some(ServerHello {
        random,
        cipher_suite: u16::from_be_bytes(suite),
        version,
    })
}

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
/// Extension that names the version in TLS 1.3 (RFC 8446 section 4.2.1).
const SUPPORTED_VERSIONS: u16 = 43;
/// Records among which the hellos are looked for.
const MAX_RECORDS: usize = 64;
