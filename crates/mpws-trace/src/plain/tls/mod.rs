//! TLS: recognised, and decrypted where the secrets are at hand.
//!
//! [`KeyLog`] holds secrets in the format that browsers, OpenSSL, Python and rustls write
//! (`SSLKEYLOGFILE`). TLS 1.3, and 1.2 with AES-GCM or ChaCha20-Poly1305, are decrypted; anything
//! else, and 0-RTT data, is not.

mod hello;
mod keylog;
mod keys;
mod record;

use schemars::JsonSchema;
use serde::Serialize;

use super::pieces::{Piece, Plain, Record};
use crate::stream::Hole;

use hello::Hellos;
pub use keylog::{KeyLog, KeyLogError};
use keys::{Opener, Session};
use record::{APPLICATION_DATA, RawRecord};

/// TLS of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tls {
    /// Version that the server chose, such as `1.3`; absent where its hello was not seen.
    pub version: Option<String>,
    /// Cipher suite that the server chose, by its number (RFC 8446 section B.4).
    pub cipher_suite: Option<u16>,
    /// The application's bytes could be read.
    pub decrypted: bool,
    /// Why they could not; absent if they could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
}

/// What TLS carried in each direction, client first, if it could be decrypted.
pub(crate) type Carried = [Plain<'static>; 2];

/// Whether a stream begins with a TLS handshake record.
pub(crate) fn is_tls(beginning: &[u8]) -> bool {
    matches!(beginning, [0x16, 3, 0..=4, ..])
}

/// Looks at the TLS of a connection, and into it where the key log has its secrets.
pub(crate) fn open(
    client: &Plain<'_>,
    server: &Plain<'_>,
    log: Option<&KeyLog>,
) -> (Tls, Option<Carried>) {
    let records = [record::split(client), record::split(server)];
    let hellos = Hellos::read(&records[0], &records[1]);
    let mut tls = Tls {
        version: hellos.version_name(),
        cipher_suite: hellos.server.map(|server| server.cipher_suite),
        decrypted: false,
        obstacle: None,
    };
    let obstacle = |text: &str| Some(text.to_owned());
    let Some(log) = log else {
        tls.obstacle = obstacle("no key log was given");
        return (tls, None);
    };
    let (Some(random), Some(_)) = (hellos.client_random, hellos.server) else {
        tls.obstacle = obstacle("the beginning of the TLS handshake is not in the capture");
        return (tls, None);
    };
    let Some(secrets) = log.secrets(&random) else {
        tls.obstacle = obstacle("the key log does not have this connection");
        return (tls, None);
    };
    let session = match Session::new(&hellos, secrets) {
        Ok(session) => session,
        Err(why) => {
            tls.obstacle = obstacle(why);
            return (tls, None);
        }
    };
    let [from_client, from_server] = &records;
    let carried = [
        decrypt(from_client, session.client),
        decrypt(from_server, session.server),
    ];
    let readable = |plain: &Plain<'_>| {
        let mut pieces = plain.pieces.iter();
        pieces.any(|piece| matches!(piece, Piece::Bytes(_)))
    };
    if !carried.iter().any(readable) {
        tls.obstacle = obstacle("no record with data could be decrypted with the key log");
        return (tls, None);
    }
    tls.decrypted = true;
    (tls, Some(carried))
}

/// The application data of one direction.
fn decrypt(records: &[RawRecord], mut opener: Opener) -> Plain<'static> {
    let mut plain = Plain {
        pieces: Vec::new(),
        records: Some(Vec::new()),
    };
    let mut at = 0_u64;
    for record in records {
        let piece = match (&record.body, record.kind) {
            (Some(body), _) => match opener.open(record, body) {
                Some((APPLICATION_DATA, bytes)) => Piece::Bytes(bytes.into()),
                Some(_) => continue,
                None if opener.carries_data() && record.kind == APPLICATION_DATA => {
                    missing(at, opener.data_length(record), true)
                }
                None => continue,
            },
            (None, APPLICATION_DATA) if opener.carries_data() => {
                opener.skip();
                missing(at, opener.data_length(record), record.acknowledged)
            }
            (None, _) => {
                opener.skip();
                continue;
            }
        };
        if piece.length() == 0 {
            continue;
        }
        if let Some(records) = &mut plain.records {
            records.push(Record {
                start: at,
                origin: record.origin.clone(),
            });
        }
        at = at.saturating_add(piece.length());
        plain.pieces.push(piece);
    }
    plain
}

fn missing(start: u64, length: u64, acknowledged: bool) -> Piece<'static> {
    Piece::Hole(Hole {
        start,
        length,
        acknowledged,
    })
}
