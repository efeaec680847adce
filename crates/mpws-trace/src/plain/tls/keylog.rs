//! Secrets of TLS connections, as programs write them where `SSLKEYLOGFILE` is set.

use std::{collections::HashMap, fmt};

/// Secrets by the random number of the ClientHello (draft-ietf-tls-keylogfile).
#[derive(Clone, Default)]
pub struct KeyLog {
    connections: HashMap<[u8; 32], Secrets>,
}

/// Secrets of one connection.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    /// TLS 1.2: the master secret.
    pub(super) master: Option<Vec<u8>>,
    pub(super) client_handshake: Option<Vec<u8>>,
    pub(super) server_handshake: Option<Vec<u8>>,
    pub(super) client_traffic: Option<Vec<u8>>,
    pub(super) server_traffic: Option<Vec<u8>>,
}

/// A key log cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key log line {line}: {problem}")]
pub struct KeyLogError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl KeyLog {
    /// Reads a key log. Empty lines, comments and unknown labels are passed over.
    ///
    /// # Errors
    ///
    /// Where a line with a known label does not have a client random of 32 bytes and a secret of 32
    /// to 64 bytes, both in hexadecimal. The lines may come from several processes, so one that is
    /// cut off is an error and not the end.
    pub fn parse(text: &str) -> Result<Self, KeyLogError> {
        let mut log = Self::default();
        for (index, line) in text.lines().enumerate() {
            let error = |problem| KeyLogError {
                line: index + 1,
                problem,
            };
            let mut words = line.split_ascii_whitespace();
            let Some(label) = words.next().filter(|word| !word.starts_with('#')) else {
                continue;
            };
            let Some(field) = field(label) else { continue };
            let random = words.next().and_then(bytes);
            let random = random.and_then(|random| <[u8; 32]>::try_from(random).ok());
            let random = random.ok_or(error("no client random of 32 bytes in hexadecimal"))?;
            let secret = words.next().and_then(bytes);
            let secret = secret.filter(|secret| (32..=64).contains(&secret.len()));
            let secret = secret.ok_or(error("no secret of 32 to 64 bytes in hexadecimal"))?;
            *field(log.connections.entry(random).or_default()) = Some(secret);
        }
        Ok(log)
    }

    pub(super) fn secrets(&self, random: &[u8; 32]) -> Option<&Secrets> {
        self.connections.get(random)
    }
}

/// Secrets are not for logs.
impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyLog of {} connections", self.connections.len())
    }
}

/// Finds one secret among those of a connection.
type Field = fn(&mut Secrets) -> &mut Option<Vec<u8>>;

/// Where the secret of a label belongs; `None` for labels that are not used here.
fn field(label: &str) -> Option<Field> {
    Some(match label {
        "CLIENT_RANDOM" => |secrets| &mut secrets.master,
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET" => |secrets| &mut secrets.client_handshake,
        "SERVER_HANDSHAKE_TRAFFIC_SECRET" => |secrets| &mut secrets.server_handshake,
        "CLIENT_TRAFFIC_SECRET_0" => |secrets| &mut secrets.client_traffic,
        "SERVER_TRAFFIC_SECRET_0" => |secrets| &mut secrets.server_traffic,
        _ => return None,
    })
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hexadecimal.as_bytes().as_chunks::<2>();
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |&[high, low]: &[u8; 2]| u8::try_from(digit(high)? << 4 | digit(low)?).ok();
    rest.is_empty()
        .then(|| pairs.iter().map(byte).collect())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_no_secret_are_passed_over_and_broken_ones_are_named() {
        let random = "ab".repeat(32);
        let secret = "01".repeat(48);
        let text = format!(
            "# comment\n\nEXPORTER_SECRET {random} {secret}\nCLIENT_RANDOM {random} {secret}\n"
        );
        let log = KeyLog::parse(&text).expect("readable");
        let secrets = log.secrets(&[0xab; 32]).expect("one connection");
        assert_eq!(secrets.master, Some(vec![1; 48]));
        assert!(log.secrets(&[0; 32]).is_none());
        for broken in [
            "CLIENT_RANDOM",
            "CLIENT_RANDOM 00 00",
            &text[..text.len() - 40],
        ] {
            let error = KeyLog::parse(broken).expect_err("broken");
            assert_eq!(error.line, broken.lines().count());
        }
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let text = format!("CLIENT_RANDOM {} {}", "ab".repeat(32), "cd".repeat(48));
        let log = KeyLog::parse(&text).expect("readable");
        assert_eq!(format!("{log:?}"), "KeyLog of 1 connections");
    }
}
