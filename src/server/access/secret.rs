//! Passwords, tokens, and what is kept of them.

use argon2::password_hash::{PasswordHash, SaltString};
use argon2::{Algorithm, Argon2, PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;
use tidegate_model::{CdcError, ErrorCode, Result};

/// Longest password, in bytes.
pub(crate) const PASSWORD_BYTES_MAX: usize = 1024;
/// Shortest password that gets a hash, in characters.
const PASSWORD_CHARS_MIN: usize = 8;
const SALT_BYTES: usize = 16;
const RANDOM_BYTES: usize = 32;
/// Tokens start with it, so that they are recognised where they should not be.
const TOKEN_PREFIX: &str = "tdg_";
const TOKEN_HASH_PREFIX: &str = "sha256:";

/// SHA-256 of something that cannot be guessed.
pub(crate) type Digest = [u8; 32];

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut out = Digest::default();
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// Random bytes as text that fits a header, a URL and a cookie.
///
/// # Errors
/// `InternalServerError` when the system has no random numbers.
pub(crate) fn random_text() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random::<RANDOM_BYTES>()?))
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| CdcError::new(ErrorCode::InternalServerError, "the system has no random numbers"))?;
    Ok(bytes)
}

/// The argon2id hash of a password, as it stands in the settings.
///
/// # Errors
/// `APIInvalidParam` for a password that is too short or too long.
pub fn hash_password(password: &str) -> Result<String> {
    let refused = |text: String| CdcError::new(ErrorCode::APIInvalidParam, text);
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(refused(format!(
            "the password is shorter than {PASSWORD_CHARS_MIN} characters"
        )));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(refused(format!(
            "the password is longer than {PASSWORD_BYTES_MAX} bytes"
        )));
    }
    let salt = SaltString::encode_b64(&random::<SALT_BYTES>()?)
        .map_err(|error| refused(format!("the password cannot be hashed: {error}")))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    Ok(hash
        .map_err(|error| refused(format!("the password cannot be hashed: {error}")))?
        .to_string())
}

/// Whether `hash` is an argon2id hash that can be checked.
pub(crate) fn is_password_hash(hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| hash.algorithm == Algorithm::Argon2id.ident() && hash.hash.is_some())
}

/// Whether `hash` is that of `password`. Takes tens of milliseconds and as many megabytes.
pub(crate) fn is_password(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

/// A new token, and the hash that stands in the settings.
///
/// # Errors
/// `InternalServerError` when the system has no random numbers.
pub fn new_token() -> Result<(String, String)> {
    let token = format!("{TOKEN_PREFIX}{}", random_text()?);
    let hash: String = sha256(token.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok((token, format!("{TOKEN_HASH_PREFIX}{hash}")))
}

/// Reads the hash of a token.
pub(crate) fn parse_token_hash(text: &str) -> Option<Digest> {
    let digits = text.strip_prefix(TOKEN_HASH_PREFIX)?.as_bytes();
    let mut out = Digest::default();
    if digits.len() != 2 * out.len() {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(out)
}

/// Whether two digests are the same; takes the same time whichever bytes differ.
pub(crate) fn same(one: &Digest, other: &Digest) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_hash_only() {
        let hash = hash_password("correct horse").unwrap();
        assert!(
            hash.starts_with("$argon2id$") && is_password_hash(&hash),
            "{hash}"
        );
        assert!(is_password("correct horse", &hash) && !is_password("correct hors", &hash));
        assert_ne!(
            hash,
            hash_password("correct horse").unwrap(),
            "each hash has its own salt"
        );
        for bad in ["short", &"x".repeat(PASSWORD_BYTES_MAX + 1)] {
            assert!(hash_password(bad).is_err());
        }
        for bad in [
            "",
            "plain",
            "$argon2i$v=19$m=16,t=2,p=1$c2FsdHNhbHQ$aaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(!is_password_hash(bad), "{bad}");
        }
    }

    #[test]
    fn a_token_fits_its_hash_only() {
        let (token, hash) = new_token().unwrap();
        let stored = parse_token_hash(&hash).unwrap();
        assert!(same(&stored, &sha256(token.as_bytes())));
        assert!(!same(&stored, &sha256(b"tdg_other")));
        for bad in ["", "sha256:", "sha256:zz", &hash[7..], &token] {
            assert_eq!(parse_token_hash(bad), None, "{bad}");
        }
    }
}
