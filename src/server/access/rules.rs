//! Who is known: users, tokens and certificates, as the operator set them.

use std::collections::{HashMap, HashSet};

use tidegate_model::{CdcError, ErrorCode, Result};

use super::role::Role;
use super::secret::{Digest, is_password_hash, parse_token_hash, same};

/// Longest name of a user, a token or in a certificate, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Somebody with a name, a role, and what proves them: a hash, or nothing but the name in a certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Known {
    /// Unique among those of its kind.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// A user: argon2id in PHC form. A token: `sha256:` and hexadecimal digits. A certificate: empty.
    pub hash: String,
}

/// Who may use the server. The default asks nobody and limits nothing.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AccessSettings {
    /// Users with passwords.
    pub users: Vec<Known>,
    /// Bearer tokens.
    pub tokens: Vec<Known>,
    /// Client certificates by a name in them.
    pub certificates: Vec<Known>,
    /// Every certificate that the CA signed is that of an admin. Only without `certificates`.
    pub trust_ca: bool,
    /// Requests of one principal in a second; 0: no limit.
    pub requests_per_second: u32,
}

impl AccessSettings {
    /// Whether nobody is asked who they are.
    pub fn is_open(&self) -> bool {
        self.users.is_empty() && self.tokens.is_empty() && self.certificates.is_empty() && !self.trust_ca
    }
}

/// The settings, checked and ready to be asked.
pub(crate) struct Rules {
    users: HashMap<String, (Role, String)>,
    tokens: Vec<(Digest, String, Role)>,
    certificates: HashMap<String, Role>,
    trust_ca: bool,
    open: bool,
    pub(crate) requests_per_second: u32,
}

impl Rules {
    /// Checks the settings.
    ///
    /// # Errors
    /// `APIInvalidParam` naming who is wrong, without any hash.
    pub(crate) fn new(settings: &AccessSettings) -> Result<Rules> {
        unique("user", &settings.users)?;
        unique("token", &settings.tokens)?;
        unique("certificate", &settings.certificates)?;
        let mut users = HashMap::new();
        for user in &settings.users {
            if !is_password_hash(&user.hash) {
                return Err(invalid(format_args!(
                    "the password-hash of user {:?} is no argon2id hash: make one by `tidegate secret hash-password`",
                    user.name
                )));
            }
            if user.name.contains(':') {
                return Err(invalid(format_args!(
                    "the user {:?} has a colon in the name",
                    user.name
                )));
            }
            users.insert(user.name.clone(), (user.role, user.hash.clone()));
        }
        let mut tokens = Vec::new();
        for token in &settings.tokens {
            let digest = parse_token_hash(&token.hash).ok_or_else(|| {
                invalid(format_args!(
                    "the hash of token {:?} is none: make a token and its hash by `tidegate secret new-token`",
                    token.name
                ))
            })?;
            tokens.push((digest, token.name.clone(), token.role));
        }
        let certificates = &settings.certificates;
        Ok(Rules {
            users,
            tokens,
            certificates: certificates
                .iter()
                .map(|known| (known.name.clone(), known.role))
                .collect(),
            trust_ca: settings.trust_ca && certificates.is_empty(),
            open: settings.is_open(),
            requests_per_second: settings.requests_per_second,
        })
    }

    /// Whether nobody is asked who they are.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether somebody can log in with a password.
    pub(crate) fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// Role and password hash of a user.
    pub(crate) fn user(&self, name: &str) -> Option<(Role, &str)> {
        self.users.get(name).map(|(role, hash)| (*role, hash.as_str()))
    }

    /// Name and role behind the digest of a token. Compares with every token, so that the time tells nothing.
    pub(crate) fn token(&self, digest: &Digest) -> Option<(&str, Role)> {
        let mut found = None;
        for (known, name, role) in &self.tokens {
            if same(known, digest) {
                found = Some((name.as_str(), *role));
            }
        }
        found
    }

    /// Name and role of a certificate with these names.
    pub(crate) fn certificate(&self, names: &[String]) -> Option<(String, Role)> {
        if self.trust_ca {
            let name = names.first().map_or("certificate", String::as_str);
            return Some((name.to_owned(), Role::Admin));
        }
        names
            .iter()
            .find_map(|name| Some((name.clone(), *self.certificates.get(name)?)))
    }
}

fn unique(kind: &str, all: &[Known]) -> Result<()> {
    let mut seen = HashSet::new();
    for Known { name, .. } in all {
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(invalid(format_args!(
                "a {kind} needs a name of 1 to {NAME_BYTES_MAX} bytes"
            )));
        }
        if !seen.insert(name) {
            return Err(invalid(format_args!("the {kind} {name:?} is there twice")));
        }
    }
    Ok(())
}

fn invalid(message: impl std::fmt::Display) -> CdcError {
    CdcError::new(ErrorCode::APIInvalidParam, message)
}

#[cfg(test)]
mod tests {
    use super::super::secret::{hash_password, new_token, sha256};
    use super::*;

    fn known(name: &str, role: Role, hash: &str) -> Known {
        Known {
            name: name.to_owned(),
            role,
            hash: hash.to_owned(),
        }
    }

    #[test]
    fn everybody_is_found_with_their_role() {
        let (token, token_hash) = new_token().unwrap();
        let password = hash_password("correct horse").unwrap();
        let rules = Rules::new(&AccessSettings {
            users: vec![known("alice", Role::Operator, &password)],
            tokens: vec![known("ci", Role::Viewer, &token_hash)],
            certificates: vec![known("node-1", Role::Admin, "")],
            ..AccessSettings::default()
        })
        .unwrap();
        assert_eq!(rules.user("alice"), Some((Role::Operator, password.as_str())));
        assert_eq!(rules.user("bob"), None);
        assert_eq!(rules.token(&sha256(token.as_bytes())), Some(("ci", Role::Viewer)));
        assert_eq!(rules.token(&sha256(b"x")), None);
        let names = ["other".to_owned(), "node-1".to_owned()];
        assert_eq!(
            rules.certificate(&names),
            Some(("node-1".to_owned(), Role::Admin))
        );
        assert_eq!(rules.certificate(&names[..1]), None);
        assert!(!rules.is_open() && rules.has_users());
    }

    #[test]
    fn a_trusted_ca_makes_admins_only_where_no_names_are_listed() {
        let settings = AccessSettings {
            trust_ca: true,
            ..AccessSettings::default()
        };
        let rules = Rules::new(&settings).unwrap();
        assert_eq!(rules.certificate(&[]).map(|found| found.1), Some(Role::Admin));
        let listed = AccessSettings {
            certificates: vec![known("node-1", Role::Viewer, "")],
            ..settings
        };
        assert_eq!(Rules::new(&listed).unwrap().certificate(&[]), None);
        assert!(Rules::new(&AccessSettings::default()).unwrap().is_open());
    }

    #[test]
    fn faults_name_who_and_quote_no_hash() {
        let hash = hash_password("correct horse").unwrap();
        let user = |name: &str, hash: &str| known(name, Role::Viewer, hash);
        for (users, part) in [
            (vec![user("alice", "plain-secret")], "user \"alice\""),
            (vec![user("", &hash)], "needs a name"),
            (vec![user("a:b", &hash)], "colon"),
            (vec![user("a", &hash), user("a", &hash)], "twice"),
        ] {
            let settings = AccessSettings {
                users,
                ..AccessSettings::default()
            };
            let error = Rules::new(&settings).err().unwrap();
            assert!(error.message().contains(part), "{error}");
            assert!(
                !error.message().contains("plain-secret") && !error.message().contains("argon2id$"),
                "{error}"
            );
        }
        let tokens = vec![known("ci", Role::Viewer, "sha256:plain-secret")];
        let settings = AccessSettings {
            tokens,
            ..AccessSettings::default()
        };
        let error = Rules::new(&settings).err().unwrap();
        assert!(
            error.message().contains("token \"ci\"") && !error.message().contains("plain"),
            "{error}"
        );
    }
}
