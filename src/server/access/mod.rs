//! Who may do what: proof of identity, roles, and limits.
//!
//! In: the headers of a request and where it comes from. Out: a [`Principal`], or why there is none. Every route is
//! listed with the role it needs (`crate::server::routes`); what is not listed needs the highest.

mod attempts;
mod certificate;
pub(crate) mod guard;
pub(crate) mod login;
mod rate;
mod role;
mod rules;
mod secret;
mod session;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::SystemRandom;
use tidegate_model::{CdcError, ErrorCode, Result};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use attempts::Attempts;
pub(crate) use certificate::names as certificate_names;
use rate::Rates;
pub use role::Role;
pub(crate) use role::{ADMIN, METRICS, Need, OPERATOR, PUBLIC, Principal, Proof, VIEWER};
use rules::Rules;
pub use rules::{AccessSettings, Known};
use secret::{PASSWORD_BYTES_MAX, sha256};
pub use secret::{hash_password, new_token};
use session::Sessions;

/// Passwords checked at the same time: each takes a core and 19 MiB.
const CHECKS_MAX: usize = 2;
/// A password that was right is not checked again for this time, so that a client may send it with every request.
const VERIFIED_FOR: Duration = Duration::from_secs(5 * 60);
/// Passwords that are remembered as right.
const VERIFIED_MAX: usize = 1024;
/// Checked for users that do not exist, so that the time does not tell.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$dGlkZWdhdGUgbm9ib2R5$RUbF8U3kZ7mcLVHP3ZOZmUyMqBzDRNQmJWpDyvPTkNc";

/// Where a request comes from.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Names in the certificate it showed; `None` without one.
    pub(crate) certificate: Option<Arc<[String]>>,
    pub(crate) tls: bool,
}

/// Why a request has no principal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Denied {
    /// It shows nothing.
    Missing,
    /// What it shows is wrong. The name is the one it claims.
    Wrong { name: String, why: &'static str },
    /// Too many failures: to be tried again after this time.
    Wait(Duration),
}

impl Denied {
    /// The error of the API.
    pub(crate) fn error(&self) -> CdcError {
        match self {
            Denied::Missing => CdcError::new(
                ErrorCode::CredentialNotFound,
                "credential not found: please specify the user and password",
            ),
            Denied::Wrong { name, why } => CdcError::new(
                ErrorCode::Unauthorized,
                format_args!("user {name} unauthorized, error: {why}"),
            ),
            Denied::Wait(wait) => CdcError::new(
                ErrorCode::TooManyRequests,
                format_args!("too many failed logins: try again in {} s", seconds(*wait)),
            ),
        }
    }
}

/// Whole seconds, rounded up: what `Retry-After` takes.
pub(crate) fn seconds(wait: Duration) -> u64 {
    wait.as_millis()
        .div_ceil(1000)
        .max(1)
        .try_into()
        .unwrap_or(u64::MAX)
}

/// The rules in force, and what is remembered of those who come.
pub(crate) struct Access {
    rules: RwLock<Arc<Rules>>,
    pub(crate) sessions: Sessions,
    attempts: Attempts,
    rates: Rates,
    checks: Semaphore,
    verified: Mutex<HashMap<Vec<u8>, Instant>>,
    /// Of this process only: what is remembered of passwords is worthless without it.
    pepper: hmac::Key,
}

impl Access {
    /// Checks the settings.
    ///
    /// # Errors
    /// `APIInvalidParam` naming who is wrong.
    pub(crate) fn new(settings: &AccessSettings) -> Result<Access> {
        Ok(Access {
            rules: RwLock::new(Arc::new(Rules::new(settings)?)),
            sessions: Sessions::default(),
            attempts: Attempts::default(),
            rates: Rates::default(),
            checks: Semaphore::new(CHECKS_MAX),
            verified: Mutex::new(HashMap::new()),
            pepper: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| {
                CdcError::new(ErrorCode::InternalServerError, "the system has no random numbers")
            })?,
        })
    }

    /// Puts other rules in force. Sessions of users that are gone or have another password end.
    ///
    /// # Errors
    /// As [`Access::new`], and for rules that would ask nobody any more; the old rules stay then.
    pub(crate) fn replace(&self, settings: &AccessSettings) -> Result<()> {
        let rules = Arc::new(Rules::new(settings)?);
        if rules.is_open() && !self.rules().is_open() {
            return Err(CdcError::new(
                ErrorCode::APIInvalidParam,
                "no user, token or certificate is left: a server that asks nobody takes a restart",
            ));
        }
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        Ok(())
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who sends a request: by the header `Authorization`, else by a session, else by a certificate.
    pub(crate) async fn identify(&self, headers: &HeaderMap, peer: &Peer) -> Result<Principal, Denied> {
        let rules = self.rules();
        if rules.is_open() {
            return Ok(Principal::anonymous());
        }
        if let Some(shown) = headers.get(header::AUTHORIZATION) {
            let address = peer.address.ip();
            match credential(shown.to_str().unwrap_or_default()) {
                Credential::None => {}
                Credential::Token(token) => return self.token(&rules, &token, address),
                Credential::Password(user, password) => {
                    let role = self.password(&rules, &user, password, address).await?;
                    return Ok(principal(user, Proof::Password, role));
                }
                Credential::Odd => return Err(wrong("", "The credentials cannot be read.")),
            }
        }
        if let Some(found) = self.session(&rules, headers) {
            return Ok(found);
        }
        match &peer.certificate {
            Some(names) => match rules.certificate(names) {
                Some((name, role)) => Ok(principal(name, Proof::Certificate, role)),
                None => {
                    let name = names.first().map_or("", String::as_str);
                    Err(wrong(name, "The user is not allowed."))
                }
            },
            None => Err(Denied::Missing),
        }
    }

    fn session(&self, rules: &Rules, headers: &HeaderMap) -> Option<Principal> {
        let hash_of = |user: &str| rules.user(user).map(|(_, hash)| hash.to_owned());
        let user = self.sessions.user(session::id_of(headers)?, hash_of)?;
        let (role, _) = rules.user(&user)?;
        Some(principal(user, Proof::Session, role))
    }

    fn token(&self, rules: &Rules, token: &str, address: IpAddr) -> Result<Principal, Denied> {
        if let Some((name, role)) = rules.token(&sha256(token.as_bytes())) {
            return Ok(principal(name.to_owned(), Proof::Token, role));
        }
        self.attempts.begin(None, address).map_err(Denied::Wait)?;
        Err(wrong("", "The token is not known."))
    }

    /// The role of a user whose password is right.
    pub(crate) async fn password(
        &self,
        rules: &Rules,
        user: &str,
        password: String,
        address: IpAddr,
    ) -> Result<Role, Denied> {
        let known = rules.user(user).map(|(role, hash)| (role, hash.to_owned()));
        let mark = known.as_ref().map(|(_, hash)| self.mark(user, &password, hash));
        if let (Some(mark), Some((role, _))) = (&mark, &known)
            && self.was_verified(mark)
        {
            return Ok(*role);
        }
        self.attempts.begin(Some(user), address).map_err(Denied::Wait)?;
        let hash = known.as_ref().map_or(NOBODY, |(_, hash)| hash).to_owned();
        let is_right = self.check(password, hash).await;
        match (known, mark) {
            (Some((role, _)), Some(mark)) if is_right => {
                self.attempts.succeeded(Some(user), address);
                self.remember(mark);
                Ok(role)
            }
            _ => Err(wrong(user, "Wrong user name or password.")),
        }
    }

    async fn check(&self, password: String, hash: String) -> bool {
        if password.len() > PASSWORD_BYTES_MAX {
            return false;
        }
        let Ok(_turn) = self.checks.acquire().await else {
            return false;
        };
        let check = tokio::task::spawn_blocking(move || secret::is_password(&password, &hash));
        check.await.unwrap_or(false)
    }

    /// What is remembered of a right password.
    fn mark(&self, user: &str, password: &str, hash: &str) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.pepper);
        for part in [user, password, hash] {
            context.update(&part.len().to_le_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().to_vec()
    }

    fn was_verified(&self, mark: &[u8]) -> bool {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.get(mark).is_some_and(|until| Instant::now() < *until)
    }

    fn remember(&self, mark: Vec<u8>) {
        let now = Instant::now();
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= VERIFIED_MAX {
            verified.retain(|_, until| now < *until);
        }
        if verified.len() < VERIFIED_MAX {
            verified.insert(mark, now + VERIFIED_FOR);
        }
    }

    /// Takes one request of a principal, or of an address without one.
    pub(crate) fn take(&self, principal: Option<&Principal>, address: IpAddr) -> Result<(), Duration> {
        let who = match principal {
            Some(known) if known.proof != Proof::None => format!("{:?} {}", known.proof, known.name),
            _ => address.to_string(),
        };
        self.rates.take(&who, self.rules().requests_per_second)
    }
}

fn principal(name: String, proof: Proof, role: Role) -> Principal {
    Principal { name, proof, role }
}

fn wrong(name: &str, why: &'static str) -> Denied {
    Denied::Wrong {
        name: name.to_owned(),
        why,
    }
}

/// What the header `Authorization` holds.
#[derive(PartialEq, Eq, Debug)]
enum Credential {
    /// User and password, both empty: what `cdc cli` sends when it was given none.
    None,
    Password(String, String),
    Token(String),
    /// Something else.
    Odd,
}

fn credential(header: &str) -> Credential {
    let (scheme, value) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        return Credential::Token(value.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Credential::Odd;
    }
    let decoded = STANDARD
        .decode(value.trim())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|text| text.split_once(':')) {
        Some(("", "")) => Credential::None,
        Some((user, password)) => Credential::Password(user.to_owned(), password.to_owned()),
        None => Credential::Odd,
    }
}

#[cfg(test)]
mod tests;
