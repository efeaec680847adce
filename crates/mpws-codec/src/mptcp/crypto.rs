//! What endpoints compute from their keys (RFC 8684 sections 3.1, 3.2 and 3.4.1), with SHA-256.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::{AddressId, DataSeq, Key, Nonce, Token};

impl Key {
    /// The token: the most significant 32 bits of the hash of the key (RFC 8684 section 3.1).
    pub fn token(self) -> Token {
        let [a, b, c, d, ..] = self.hash();
        Token(u32::from_be_bytes([a, b, c, d]))
    }

    /// The initial data sequence number: the least significant 64 bits of the hash of the key (RFC
    /// 8684 section 3.1).
    ///
    /// The SYN takes this number, so the first byte of data has the next one.
    pub fn idsn(self) -> DataSeq {
        let [.., a, b, c, d, e, f, g, h] = self.hash();
        DataSeq(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    fn hash(self) -> [u8; 32] {
        Sha256::digest(self.0.to_be_bytes()).into()
    }
}

/// HMAC of one end of a join, untruncated (RFC 8684 section 3.2).
///
/// `own` belongs to the end that sends the HMAC. The SYN/ACK carries the first 8 bytes, the ACK the
/// first 20.
pub fn join_hmac(own_key: Key, other_key: Key, own_nonce: Nonce, other_nonce: Nonce) -> [u8; 32] {
    hmac(
        own_key,
        other_key,
        &[&own_nonce.0.to_be_bytes(), &other_nonce.0.to_be_bytes()],
    )
}

/// HMAC of an address announcement: the least significant 64 bits (RFC 8684 section 3.4.1).
///
/// `own` belongs to the end that announces the address.
pub fn add_addr_hmac(
    own_key: Key,
    other_key: Key,
    id: AddressId,
    address: IpAddr,
    port: Option<u16>,
) -> [u8; 8] {
    let port = port.unwrap_or(0).to_be_bytes();
    let full = match address {
        IpAddr::V4(v4) => hmac(own_key, other_key, &[&[id.0], &v4.octets(), &port]),
        IpAddr::V6(v6) => hmac(own_key, other_key, &[&[id.0], &v6.octets(), &port]),
    };
    let [.., a, b, c, d, e, f, g, h] = full;
    [a, b, c, d, e, f, g, h]
}

fn hmac(own_key: Key, other_key: Key, message: &[&[u8]]) -> [u8; 32] {
    let mut key = [0; 64];
    key[..8].copy_from_slice(&own_key.0.to_be_bytes());
    key[8..16].copy_from_slice(&other_key.0.to_be_bytes());
    // HMAC pads a key with zeros to the block of its hash (RFC 2104 section 2), so the padded key
    // of exactly one block is the same key, and needs no fallible constructor.
    let mut mac = Hmac::<Sha256>::new(&key.into());
    for part in message {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
