//! What messages say, or as much of it as is kept.

use ring::digest;

/// What is kept of the content of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    #[default]
    Nothing,
    /// Length and SHA-256.
    Digest,
    /// Length, SHA-256 and all bytes.
    Bytes,
}

/// The content of a message: its payload as its program wrote it, all frames together, inflated
/// where it was compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its length in bytes.
    pub length: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// The bytes themselves, where [`Keep::Bytes`] asked for them.
    pub bytes: Option<Vec<u8>>,
}

impl Keep {
    /// As much of a content as is kept.
    pub(super) fn of(self, content: &[u8]) -> Option<Content> {
        if self == Self::Nothing {
            return None;
        }
        let digest = digest::digest(&digest::SHA256, content);
        let sha256 = digest.as_ref().try_into().ok()?;
        Some(Content {
            length: content.len() as u64,
            sha256,
            bytes: (self == Self::Bytes).then(|| content.to_vec()),
        })
    }
}

impl Content {
    /// Its SHA-256 in 64 hexadecimal digits.
    pub fn sha256_hex(&self) -> String {
        self.sha256
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_is_kept_as_was_asked_for() {
        assert_eq!(Keep::Nothing.of(b"ab"), None);
        let digest = Keep::Digest.of(b"ab").expect("a digest");
        assert_eq!((digest.length, &digest.bytes), (2, &None));
        assert!(digest.sha256_hex().starts_with("fb8e20fc2e4c3f24"));
        let whole = Keep::Bytes.of(b"ab").expect("all of it");
        assert_eq!(whole.bytes.as_deref(), Some(&b"ab"[..]));
        assert_eq!(whole.sha256, digest.sha256);
    }
}
