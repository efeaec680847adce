//! Keys from secrets, and records opened with them.

use ring::{
    aead::{
        AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
    },
    hkdf, hmac,
};

use super::{
    hello::Hellos,
    keylog::Secrets,
    record::{APPLICATION_DATA, CHANGE_CIPHER_SPEC, RawRecord},
};

/// What opens the records of each end.
pub(super) struct Session {
    pub(super) client: Opener,
    pub(super) server: Opener,
}

/// Opens the records of one direction, in order.
pub(super) struct Opener {
    suite: Suite,
    /// TLS 1.3: the secret in use. TLS 1.2: nothing.
    secret: Option<Vec<u8>>,
    /// TLS 1.3: the secret of application data, while the handshake goes on.
    next: Option<Vec<u8>>,
    /// TLS 1.2: the cipher that ChangeCipherSpec brings into use.
    pending: Option<Cipher>,
    cipher: Option<Cipher>,
    /// Records so far under this cipher.
    sequence: u64,
}

struct Cipher {
    key: LessSafeKey,
    iv: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Suite {
    tls13: bool,
    aead: &'static Algorithm,
    sha384: bool,
}

impl Suite {
    fn new(number: u16, version: u16) -> Option<Self> {
        let (tls13, aead, sha384) = match number {
            0x1301 => (true, &AES_128_GCM, false),
            0x1302 => (true, &AES_256_GCM, true),
            0x1303 => (true, &CHACHA20_POLY1305, false),
            // RSA, ECDHE with ECDSA, ECDHE with RSA (RFC 5288, RFC 5289, RFC 7905).
            0x009c | 0xc02b | 0xc02f => (false, &AES_128_GCM, false),
            0x009d | 0xc02c | 0xc030 => (false, &AES_256_GCM, true),
            0xcca8 | 0xcca9 => (false, &CHACHA20_POLY1305, false),
            _ => return None,
        };
        let fits = version == if tls13 { 0x0304 } else { 0x0303 };
        fits.then_some(Self {
            tls13,
            aead,
            sha384,
        })
    }

    /// In TLS 1.2, AES-GCM has a part of the nonce in each record (RFC 5288 section 3).
    fn explicit_nonce(self) -> bool {
        !self.tls13 && self.aead != &CHACHA20_POLY1305
    }

    fn iv_length(self) -> usize {
        if self.explicit_nonce() { 4 } else { 12 }
    }

    /// HKDF-Expand-Label without context (RFC 8446 section 7.1).
    fn expand(self, secret: &[u8], label: &str, length: usize) -> Option<Vec<u8>> {
        struct Length(usize);
        impl hkdf::KeyType for Length {
            fn len(&self) -> usize {
                self.0
            }
        }
        let algorithm = if self.sha384 {
            hkdf::HKDF_SHA384
        } else {
            hkdf::HKDF_SHA256
        };
        let size = u16::try_from(length).ok()?.to_be_bytes();
        let name = [b"tls13 ", label.as_bytes()].concat();
        let info = [&size[..], &[u8::try_from(name.len()).ok()?], &name, &[0]];
        let prk = hkdf::Prk::new_less_safe(algorithm, secret);
        let mut out = vec![0; length];
        prk.expand(&info, Length(length))
            .ok()?
            .fill(&mut out)
            .ok()?;
        Some(out)
    }

    /// The PRF of TLS 1.2 (RFC 5246 section 5).
    fn prf(self, secret: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
        let algorithm = if self.sha384 {
            hmac::HMAC_SHA384
        } else {
            hmac::HMAC_SHA256
        };
        let key = hmac::Key::new(algorithm, secret);
        let mut out = Vec::new();
        let mut a = hmac::sign(&key, seed);
        while out.len() < length {
            let mut block = hmac::Context::with_key(&key);
            block.update(a.as_ref());
            block.update(seed);
            out.extend_from_slice(block.sign().as_ref());
            a = hmac::sign(&key, a.as_ref());
        }
        out.truncate(length);
        out
    }

    fn cipher(self, key: &[u8], iv: &[u8]) -> Option<Cipher> {
        let key = UnboundKey::new(self.aead, key).ok()?;
        Some(Cipher {
            key: LessSafeKey::new(key),
            iv: iv.to_vec(),
        })
    }

    fn cipher_of_secret(self, secret: &[u8]) -> Option<Cipher> {
        let key = self.expand(secret, "key", self.aead.key_len())?;
        let iv = self.expand(secret, "iv", 12)?;
        self.cipher(&key, &iv)
    }
}

impl Session {
    /// Makes the keys of both ends; an error says why that cannot be done.
    pub(super) fn new(hellos: &Hellos, secrets: &Secrets) -> Result<Self, &'static str> {
        let (Some(random), Some(server)) = (hellos.client_random, hellos.server) else {
            return Err("the beginning of the TLS handshake is not in the capture");
        };
        let suite = Suite::new(server.cipher_suite, server.version)
            .ok_or("its cipher suite or version is not supported")?;
        if suite.tls13 {
            return Self::from_traffic_secrets(suite, secrets)
                .ok_or("the key log does not have all secrets of this connection");
        }
        let master = secrets
            .master
            .as_ref()
            .ok_or("the key log does not have the master secret of this connection")?;
        let seed = [b"key expansion".as_slice(), &server.random, &random].concat();
        Self::from_key_block(suite, master, &seed).ok_or("its keys cannot be made")
    }

    fn from_traffic_secrets(suite: Suite, secrets: &Secrets) -> Option<Self> {
        let opener = |handshake: &Option<Vec<u8>>, traffic: &Option<Vec<u8>>| {
            let traffic = traffic.clone()?;
            // Without the handshake's secret, its records are passed over.
            let cipher = handshake
                .as_ref()
                .and_then(|secret| suite.cipher_of_secret(secret));
            Some(Opener {
                suite,
                secret: None,
                next: Some(traffic),
                pending: None,
                cipher,
                sequence: 0,
            })
        };
        Some(Self {
            client: opener(&secrets.client_handshake, &secrets.client_traffic)?,
            server: opener(&secrets.server_handshake, &secrets.server_traffic)?,
        })
    }

    /// RFC 5246 section 6.3.
    fn from_key_block(suite: Suite, master: &[u8], seed: &[u8]) -> Option<Self> {
        let (key, iv) = (suite.aead.key_len(), suite.iv_length());
        let block = suite.prf(master, seed, 2 * (key + iv));
        let (client_key, rest) = block.split_at_checked(key)?;
        let (server_key, rest) = rest.split_at_checked(key)?;
        let (client_iv, server_iv) = rest.split_at_checked(iv)?;
        let opener = |key, iv| {
            Some(Opener {
                suite,
                secret: None,
                next: None,
                pending: Some(suite.cipher(key, iv)?),
                cipher: None,
                sequence: 0,
            })
        };
        Some(Self {
            client: opener(client_key, client_iv)?,
            server: opener(server_key, server_iv)?,
        })
    }
}

impl Opener {
    /// Type and content of an encrypted record; `None` where it cannot be opened, or is not
    /// encrypted.
    pub(super) fn open(&mut self, record: &RawRecord, body: &[u8]) -> Option<(u8, Vec<u8>)> {
        if !self.suite.tls13 {
            if record.kind == CHANGE_CIPHER_SPEC {
                self.cipher = self.pending.take();
                self.sequence = 0;
                return None;
            }
            let opened = self.try_open(self.cipher.as_ref()?, self.sequence, record, body);
            self.sequence += 1;
            return Some((record.kind, opened?));
        }
        if record.kind != APPLICATION_DATA {
            return None;
        }
        let current = self
            .cipher
            .as_ref()
            .and_then(|cipher| self.try_open(cipher, self.sequence, record, body));
        if let Some(opened) = current {
            self.sequence += 1;
            return inner(opened);
        }
        // The keys change after Finished and after KeyUpdate; a record that only the next key opens
        // says so.
        let next = match (&self.next, &self.secret) {
            (Some(traffic), _) => traffic.clone(),
            (None, Some(secret)) => {
                let length = secret.len();
                self.suite.expand(secret, "traffic upd", length)?
            }
            (None, None) => return None,
        };
        let cipher = self.suite.cipher_of_secret(&next)?;
        let opened = self.try_open(&cipher, 0, record, body)?;
        self.cipher = Some(cipher);
        self.secret = Some(next);
        self.next = None;
        self.sequence = 1;
        inner(opened)
    }

    /// Passes over a record that is missing.
    pub(super) fn skip(&mut self) {
        self.sequence += 1;
    }

    /// Whether records of application data are due: the handshake is over.
    pub(super) fn carries_data(&self) -> bool {
        if self.suite.tls13 {
            self.next.is_none()
        } else {
            self.cipher.is_some()
        }
    }

    /// How much a record with application data carries, if it is not padded.
    pub(super) fn data_length(&self, record: &RawRecord) -> u64 {
        let tag = self.suite.aead.tag_len();
        let overhead = match (self.suite.tls13, self.suite.explicit_nonce()) {
            (true, _) => tag + 1,
            (false, true) => tag + 8,
            (false, false) => tag,
        };
        u64::from(record.length).saturating_sub(overhead as u64)
    }

    fn try_open(
        &self,
        cipher: &Cipher,
        sequence: u64,
        record: &RawRecord,
        body: &[u8],
    ) -> Option<Vec<u8>> {
        let (nonce, mut content) = if self.suite.explicit_nonce() {
            let (explicit, content) = body.split_first_chunk::<8>()?;
            let nonce = [cipher.iv.as_slice(), explicit].concat();
            (<[u8; 12]>::try_from(nonce).ok()?, content.to_vec())
        } else {
            let mut nonce = <[u8; 12]>::try_from(cipher.iv.as_slice()).ok()?;
            for (byte, counted) in nonce.iter_mut().skip(4).zip(sequence.to_be_bytes()) {
                *byte ^= counted;
            }
            (nonce, body.to_vec())
        };
        let length = content.len().checked_sub(self.suite.aead.tag_len())?;
        let aad = if self.suite.tls13 {
            record.header.to_vec()
        } else {
            // RFC 5246 section 6.2.3.3.
            let [kind, major, minor, ..] = record.header;
            let length = u16::try_from(length).ok()?.to_be_bytes();
            [&sequence.to_be_bytes()[..], &[kind, major, minor], &length].concat()
        };
        let nonce = Nonce::assume_unique_for_key(nonce);
        cipher
            .key
            .open_in_place(nonce, Aad::from(aad), &mut content)
            .ok()?;
        content.truncate(length);
        Some(content)
    }
}

/// Type and content of a record of TLS 1.3, without its padding (RFC 8446 section 5.2).
fn inner(mut opened: Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let end = opened.iter().rposition(|byte| *byte != 0)?;
    let kind = *opened.get(end)?;
    opened.truncate(end);
    Some((kind, opened))
}
