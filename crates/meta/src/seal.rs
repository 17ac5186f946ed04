//! Values sealed under a key, so that whoever reads the store's file alone reads no secret.
//!
//! ChaCha20-Poly1305 with a random nonce; the record's key is authenticated with it, so that a value cannot be moved to
//! another record. Checkpoints are kept in clear: they hold two numbers, and are written so often that random nonces
//! would run out of room within months. Every other record is sealed, whatever it holds.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use tidegate_model::{CdcError, ErrorCode, Result};

use crate::keys;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Most keys of a server; a rotation needs two.
const KEYS_MAX: usize = 16;
const ID_BYTES: usize = 8;
/// First byte of a value: what follows is the value itself.
const CLEAR: u8 = 0;
/// First byte of a value: then id of the key, nonce, and the value with its tag.
const SEALED: u8 = 1;

/// Names a key without telling anything about it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct KeyId(pub(crate) u64);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

struct SealKey {
    id: KeyId,
    cipher: LessSafeKey,
}

/// The keys of a store: the first one writes, all of them read.
pub struct Keyring(Vec<SealKey>);

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| key.id)).finish()
    }
}

impl Keyring {
    /// Keys as text: 64 hexadecimal digits each, separated by white space or commas; `#` starts a comment.
    ///
    /// # Errors
    /// `EncryptionKey`, without quoting what was read.
    pub fn parse(text: &str) -> Result<Keyring> {
        let words = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default())
            .flat_map(|line| line.split([',', ' ', '\t', '\r']))
            .filter(|word| !word.is_empty());
        let mut ring = Keyring(Vec::new());
        for (index, word) in words.enumerate() {
            let bytes = from_hex(word).ok_or_else(|| {
                let text = format!("encryption key {} is not 64 hexadecimal digits", index + 1);
                CdcError::new(ErrorCode::EncryptionKey, text)
            })?;
            ring.add(&bytes)?;
        }
        match ring.0.len() {
            0 => Err(CdcError::new(
                ErrorCode::EncryptionKey,
                "no encryption key where one was to be",
            )),
            1..=KEYS_MAX => Ok(ring),
            _ => Err(CdcError::new(
                ErrorCode::EncryptionKey,
                format_args!("more than {KEYS_MAX} encryption keys"),
            )),
        }
    }

    /// No key at all: nothing sealed can be read.
    pub(crate) fn empty() -> Keyring {
        Keyring(Vec::new())
    }

    /// Adds the keys of `other` behind the own ones.
    pub(crate) fn extend(&mut self, other: Keyring) {
        for key in other.0 {
            if !self.holds(key.id) {
                self.0.push(key);
            }
        }
    }

    /// A new key, as the text of a key file.
    ///
    /// # Errors
    /// `EncryptionKey` when the system has no random numbers.
    pub fn generate() -> Result<String> {
        let bytes: [u8; KEY_BYTES] = random()?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The key that writes.
    pub(crate) fn writer(&self) -> Option<KeyId> {
        self.0.first().map(|key| key.id)
    }

    /// Whether records of this key can be read.
    pub(crate) fn holds(&self, id: KeyId) -> bool {
        self.0.iter().any(|key| key.id == id)
    }

    fn add(&mut self, bytes: &[u8; KEY_BYTES]) -> Result<()> {
        let mut digest = Context::new(&SHA256);
        digest.update(b"tidegate encryption key id\0");
        digest.update(bytes);
        let id = digest.finish();
        let id = id.as_ref().first_chunk::<ID_BYTES>().copied().unwrap_or_default();
        let cipher = UnboundKey::new(&CHACHA20_POLY1305, bytes)
            .map_err(|_| CdcError::new(ErrorCode::EncryptionKey, "an encryption key cannot be used"))?;
        self.extend(Keyring(vec![SealKey {
            id: KeyId(u64::from_be_bytes(id)),
            cipher: LessSafeKey::new(cipher),
        }]));
        Ok(())
    }

    /// `value` as it is stored under `key`.
    ///
    /// # Errors
    /// `EncryptionKey` without a key or random numbers.
    pub(crate) fn seal(&self, key: &str, value: &[u8]) -> Result<Vec<u8>> {
        if keys::is_checkpoint(key) {
            return Ok([&[CLEAR], value].concat());
        }
        let writer = self.0.first().ok_or_else(|| {
            CdcError::new(
                ErrorCode::EncryptionKey,
                "there is no encryption key to write with",
            )
        })?;
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut text = value.to_vec();
        writer
            .cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(key), &mut text)
            .map_err(|_| {
                CdcError::new(
                    ErrorCode::EncryptionKey,
                    format_args!("{key} is too large to encrypt"),
                )
            })?;
        Ok([&[SEALED], &writer.id.0.to_be_bytes()[..], &nonce, &text].concat())
    }

    /// The value that was stored under `key`.
    ///
    /// # Errors
    /// `EncryptionKey` naming the key that is missing, `DataDirCorrupt` for bytes that were changed.
    pub(crate) fn open(&self, key: &str, stored: &[u8]) -> Result<Vec<u8>> {
        let damaged = || {
            CdcError::new(
                ErrorCode::DataDirCorrupt,
                format_args!("the record {key} of the meta store was changed or is damaged"),
            )
        };
        match stored.split_first() {
            Some((&CLEAR, value)) if keys::is_checkpoint(key) => Ok(value.to_vec()),
            Some((&SEALED, rest)) => {
                let (id, rest) = rest.split_first_chunk::<ID_BYTES>().ok_or_else(damaged)?;
                let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
                let id = KeyId(u64::from_be_bytes(*id));
                let reader = self.0.iter().find(|known| known.id == id).ok_or_else(|| {
                    let text = format!(
                        "the record {key} is encrypted with key {id}, which the server does not have"
                    );
                    CdcError::new(ErrorCode::EncryptionKey, text)
                })?;
                let mut text = text.to_vec();
                let length = reader
                    .cipher
                    .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(key), &mut text)
                    .map_err(|_| damaged())?
                    .len();
                text.truncate(length);
                Ok(text)
            }
            _ => Err(damaged()),
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| CdcError::new(ErrorCode::EncryptionKey, "the system has no random numbers"))?;
    Ok(bytes)
}

fn from_hex(word: &str) -> Option<[u8; KEY_BYTES]> {
    let digits = word.as_bytes();
    let mut bytes = [0; KEY_BYTES];
    if digits.len() != 2 * KEY_BYTES {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "/tidb/cdc/default/default/changefeed/info/a";
    const STATUS: &str = "/tidb/cdc/default/default/changefeed/status/a";

    fn ring(digits: &[char]) -> Keyring {
        let text: Vec<String> = digits
            .iter()
            .map(|digit| String::from(*digit).repeat(64))
            .collect();
        Keyring::parse(&text.join("\n")).unwrap()
    }

    #[test]
    fn the_first_key_writes_and_all_read() {
        let (old, both) = (ring(&['a']), ring(&['b', 'a']));
        let sealed = old.seal(INFO, b"secret").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_eq!(both.open(INFO, &sealed).unwrap(), b"secret");
        let newer = both.seal(INFO, b"secret").unwrap();
        let missing = old.open(INFO, &newer).unwrap_err();
        assert_eq!(missing.code(), ErrorCode::EncryptionKey);
        assert!(
            missing.message().contains(&both.writer().unwrap().to_string()),
            "{missing}"
        );
        assert_ne!(
            newer,
            both.seal(INFO, b"secret").unwrap(),
            "each nonce is used once"
        );
    }

    #[test]
    fn no_bit_and_no_place_can_be_changed() {
        let ring = ring(&['a']);
        let sealed = ring.seal(INFO, b"secret").unwrap();
        for at in [0, sealed.len() - 1, 1 + ID_BYTES, 1 + ID_BYTES + NONCE_LEN] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(
                ring.open(INFO, &changed).unwrap_err().code(),
                ErrorCode::DataDirCorrupt
            );
        }
        for (key, stored) in [
            ("/other", sealed.as_slice()),
            (INFO, &sealed[..12]),
            (INFO, b""),
            (INFO, b"\0secret"),
        ] {
            assert_eq!(
                ring.open(key, stored).unwrap_err().code(),
                ErrorCode::DataDirCorrupt
            );
        }
    }

    #[test]
    fn checkpoints_stay_readable() {
        let ring = ring(&['a']);
        let stored = ring.seal(STATUS, b"{}").unwrap();
        assert_eq!(stored, b"\0{}");
        assert_eq!(ring.open(STATUS, &stored).unwrap(), b"{}");
    }

    #[test]
    fn keys_are_hexadecimal_and_never_quoted() {
        let key = "0F".repeat(32);
        let two = Keyring::parse(&format!("# the new one\n{key}, {}\n", "b".repeat(64))).unwrap();
        assert_eq!(two.0.len(), 2);
        assert_eq!(Keyring::parse(&format!("{key} {key}")).unwrap().0.len(), 1);
        for bad in [
            "",
            "# only a comment",
            "secret-word",
            &"g".repeat(64),
            &"a".repeat(63),
        ] {
            let error = Keyring::parse(bad).unwrap_err();
            assert_eq!(error.code(), ErrorCode::EncryptionKey);
            assert!(!error.wire_message().contains("secret-word"));
        }
        let generated = Keyring::generate().unwrap();
        assert!(Keyring::parse(&generated).is_ok());
        assert_ne!(generated, Keyring::generate().unwrap());
    }
}
