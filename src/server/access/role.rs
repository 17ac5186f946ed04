//! Who may do what.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What somebody may do. Each role may do everything that the ones before it may.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read `/metrics`, and nothing else.
    Metrics,
    /// Read everything but the activity.
    Viewer,
    /// Create, change, pause and resume changefeeds; set the log level; read the activity.
    Operator,
    /// Everything: remove changefeeds, resign, drain, unsafe endpoints.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Role; 4] = [Role::Metrics, Role::Viewer, Role::Operator, Role::Admin];

    /// Its name in settings and messages.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Metrics => "metrics",
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The role that a route needs; `None`: anybody may use it.
pub(crate) type Need = Option<Role>;

/// Open to everybody, known or not.
pub(crate) const PUBLIC: Need = None;
/// See [`Role::Metrics`].
pub(crate) const METRICS: Need = Some(Role::Metrics);
/// See [`Role::Viewer`].
pub(crate) const VIEWER: Need = Some(Role::Viewer);
/// See [`Role::Operator`].
pub(crate) const OPERATOR: Need = Some(Role::Operator);
/// See [`Role::Admin`].
pub(crate) const ADMIN: Need = Some(Role::Admin);

/// How somebody proved who they are.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Proof {
    /// Nobody was asked.
    None,
    /// User and password with the request.
    Password,
    /// A session of the console.
    Session,
    /// A bearer token.
    Token,
    /// A client certificate.
    Certificate,
}

/// Somebody who makes requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Principal {
    /// Name of the user, the token, or in the certificate; `anonymous` where nobody is asked.
    pub(crate) name: String,
    pub(crate) proof: Proof,
    pub(crate) role: Role,
}

impl Principal {
    /// Everybody, on a server that asks nobody.
    pub(crate) fn anonymous() -> Principal {
        Principal {
            name: "anonymous".to_owned(),
            proof: Proof::None,
            role: Role::Admin,
        }
    }

    /// Whether the role is enough.
    pub(crate) fn may(&self, need: Need) -> bool {
        need.is_none_or(|needed| self.role >= needed)
    }
}
