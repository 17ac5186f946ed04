//! Sessions of the console: who logged in, and for how long that holds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use tidegate_model::Result;
use tokio::time::Instant;

use super::secret::{Digest, random_text, sha256};

/// Name of the cookie.
const COOKIE: &str = "tidegate_session";
/// A session ends after this time without a request.
const IDLE_MAX: Duration = Duration::from_secs(12 * 3600);
/// A session ends after this time in any case.
const AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Sessions of one user; the one that was used longest ago goes first.
const PER_USER_MAX: usize = 20;
const SESSIONS_MAX: usize = 10_000;

/// The sessions of this process. Only hashes of their ids are kept.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<Digest, Session>>);

struct Session {
    user: String,
    /// Of the password hash at login: another password ends the session.
    password: Digest,
    began: Instant,
    used: Instant,
}

impl Sessions {
    /// Begins a session of `user`, whose password hash is `hash`; answers its id.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn begin(&self, user: &str, hash: &str) -> Result<String> {
        let id = random_text()?;
        let now = Instant::now();
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.is_alive(now));
        if sessions.values().filter(|session| session.user == user).count() >= PER_USER_MAX {
            remove_oldest(&mut sessions, |session| session.user == user);
        }
        if sessions.len() >= SESSIONS_MAX {
            remove_oldest(&mut sessions, |_| true);
        }
        sessions.insert(
            sha256(id.as_bytes()),
            Session {
                user: user.to_owned(),
                password: sha256(hash.as_bytes()),
                began: now,
                used: now,
            },
        );
        Ok(id)
    }

    /// The user of a session, if it still holds. `hash_of` gives the present password hash of a user.
    pub(crate) fn user(&self, id: &str, hash_of: impl FnOnce(&str) -> Option<String>) -> Option<String> {
        // Looked up by hash: how long that takes tells nothing about the id.
        let key = sha256(id.as_bytes());
        let now = Instant::now();
        let mut sessions = self.lock();
        let session = sessions.get_mut(&key)?;
        let same_password =
            hash_of(&session.user).is_some_and(|hash| sha256(hash.as_bytes()) == session.password);
        if !session.is_alive(now) || !same_password {
            sessions.remove(&key);
            return None;
        }
        session.used = now;
        Some(session.user.clone())
    }

    /// Ends a session.
    pub(crate) fn end(&self, id: &str) {
        self.lock().remove(&sha256(id.as_bytes()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn is_alive(&self, now: Instant) -> bool {
        now.duration_since(self.used) < IDLE_MAX && now.duration_since(self.began) < AGE_MAX
    }
}

fn remove_oldest(sessions: &mut HashMap<Digest, Session>, of: impl Fn(&Session) -> bool) {
    let oldest = sessions
        .iter()
        .filter(|(_, session)| of(session))
        .min_by_key(|(_, session)| session.used);
    if let Some(key) = oldest.map(|(key, _)| *key) {
        sessions.remove(&key);
    }
}

/// The session id that a browser sent.
pub(crate) fn id_of(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, id)| id)
}

/// The cookie that carries a session.
pub(crate) fn cookie(id: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!(
        "{COOKIE}={id}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
        AGE_MAX.as_secs()
    )
}

/// The cookie that makes a browser forget its session.
pub(crate) fn no_cookie(secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn known(_: &str) -> Option<String> {
        Some("hash".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_by_rest_by_age_by_logout_and_by_another_password() {
        let sessions = Sessions::default();
        let id = sessions.begin("alice", "hash").unwrap();
        assert_eq!(sessions.user(&id, known).as_deref(), Some("alice"));
        assert_eq!(sessions.user("guess", known), None);
        advance(IDLE_MAX).await;
        assert_eq!(sessions.user(&id, known), None, "12 hours of rest");

        let id = sessions.begin("alice", "hash").unwrap();
        for _ in 0..15 {
            advance(IDLE_MAX - Duration::from_secs(1)).await;
            sessions.user(&id, known);
        }
        assert_eq!(sessions.user(&id, known), None, "a week in all");

        let id = sessions.begin("alice", "hash").unwrap();
        sessions.end(&id);
        assert_eq!(sessions.user(&id, known), None);

        let id = sessions.begin("alice", "hash").unwrap();
        assert_eq!(sessions.user(&id, |_| Some("other".to_owned())), None);
        assert_eq!(sessions.user(&id, known), None, "for good");
        let id = sessions.begin("alice", "hash").unwrap();
        assert_eq!(sessions.user(&id, |_| None), None, "the user is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_session_of_a_user_makes_room() {
        let sessions = Sessions::default();
        let first = sessions.begin("alice", "hash").unwrap();
        let other = sessions.begin("bob", "hash").unwrap();
        for _ in 0..PER_USER_MAX {
            advance(Duration::from_secs(1)).await;
            sessions.begin("alice", "hash").unwrap();
        }
        assert_eq!(sessions.user(&first, known), None);
        assert_eq!(sessions.user(&other, known).as_deref(), Some("bob"));
    }

    #[test]
    fn the_cookie_is_found_among_others_and_hidden_from_scripts() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            "tidegate_theme=dark; tidegate_session=abc".parse().unwrap(),
        );
        assert_eq!(id_of(&headers), Some("abc"));
        assert_eq!(id_of(&HeaderMap::new()), None);
        let cookie = cookie("abc", true);
        for part in ["HttpOnly", "SameSite=Strict", "Secure", "Max-Age=604800"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!super::cookie("abc", false).contains("Secure"));
    }
}
