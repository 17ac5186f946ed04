//! Who is let in, by which proof, and what is said to the others.

use super::*;

const PASSWORD: &str = "correct horse";

fn known(name: &str, role: Role, hash: &str) -> Known {
    Known {
        name: name.to_owned(),
        role,
        hash: hash.to_owned(),
    }
}

fn settings() -> (AccessSettings, String) {
    let (token, hash) = new_token().unwrap();
    let settings = AccessSettings {
        users: vec![known("alice", Role::Operator, &hash_password(PASSWORD).unwrap())],
        tokens: vec![known("ci", Role::Viewer, &hash)],
        certificates: vec![known("node-1", Role::Admin, "")],
        ..AccessSettings::default()
    };
    (settings, token)
}

fn peer(names: Option<&[&str]>) -> Peer {
    Peer {
        address: "10.0.0.1:5000".parse().unwrap(),
        certificate: names.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        tls: names.is_some(),
    }
}

fn authorization(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, text.parse().unwrap());
    headers
}

fn basic(user: &str, password: &str) -> HeaderMap {
    authorization(&format!(
        "Basic {}",
        STANDARD.encode(format!("{user}:{password}"))
    ))
}

#[tokio::test]
async fn each_proof_leads_to_its_principal() {
    let (settings, token) = settings();
    let access = Access::new(&settings).unwrap();
    let plain = peer(None);
    let alice = access.identify(&basic("alice", PASSWORD), &plain).await.unwrap();
    assert_eq!(
        alice,
        principal("alice".to_owned(), Proof::Password, Role::Operator)
    );
    let ci = access
        .identify(&authorization(&format!("Bearer {token}")), &plain)
        .await;
    assert_eq!(
        ci.unwrap(),
        principal("ci".to_owned(), Proof::Token, Role::Viewer)
    );
    let node = peer(Some(&["node-1"]));
    let by_certificate = principal("node-1".to_owned(), Proof::Certificate, Role::Admin);
    assert_eq!(
        access.identify(&HeaderMap::new(), &node).await,
        Ok(by_certificate.clone())
    );
    // `cdc cli` sends this when it was given no user.
    assert_eq!(access.identify(&basic("", ""), &node).await, Ok(by_certificate));

    let id = access.sessions.begin("alice", &settings.users[0].hash).unwrap();
    let mut cookie = HeaderMap::new();
    cookie.insert(
        header::COOKIE,
        session::cookie(&id, false)
            .split(';')
            .next()
            .unwrap()
            .parse()
            .unwrap(),
    );
    let by_session = access.identify(&cookie, &plain).await.unwrap();
    assert_eq!(
        (by_session.name.as_str(), by_session.proof),
        ("alice", Proof::Session)
    );
}

#[tokio::test]
async fn everybody_else_is_told_what_the_original_says() {
    let (settings, _) = settings();
    let access = Access::new(&settings).unwrap();
    let said = async |headers: HeaderMap, peer: Peer| {
        access
            .identify(&headers, &peer)
            .await
            .unwrap_err()
            .error()
            .wire_message()
    };
    let missing = "[CDC:ErrCredentialNotFound]credential not found: please specify the user and password";
    assert_eq!(said(HeaderMap::new(), peer(None)).await, missing);
    assert_eq!(said(basic("", ""), peer(None)).await, missing);
    let same = "Wrong user name or password.";
    for user in ["alice", "nobody"] {
        assert_eq!(
            said(basic(user, "wrong"), peer(None)).await,
            format!("[CDC:ErrUnauthorized]user {user} unauthorized, error: {same}")
        );
    }
    assert_eq!(
        said(HeaderMap::new(), peer(Some(&["node-2"]))).await,
        "[CDC:ErrUnauthorized]user node-2 unauthorized, error: The user is not allowed."
    );
    for odd in ["Bearer tdg_guess", "Digest x", "Basic !!!"] {
        let text = said(authorization(odd), peer(None)).await;
        assert!(
            text.starts_with("[CDC:ErrUnauthorized]") && !text.contains("guess"),
            "{text}"
        );
    }
}

/// Tries side by side must not outrun the count, and one who knows the password is not locked out by others.
#[tokio::test]
async fn guessing_is_stopped_while_the_right_password_still_works_for_who_used_it() {
    let (settings, _) = settings();
    let access = Access::new(&settings).unwrap();
    access
        .identify(&basic("alice", PASSWORD), &peer(None))
        .await
        .unwrap();
    let mut tries = Vec::new();
    for n in 0..12 {
        let headers = basic("alice", &format!("guess {n}"));
        let access = &access;
        tries.push(async move { access.identify(&headers, &peer(None)).await.unwrap_err() });
    }
    let answers = futures::future::join_all(tries).await;
    let waits = answers
        .iter()
        .filter(|answer| matches!(answer, Denied::Wait(_)))
        .count();
    assert_eq!(waits, 7, "{answers:?}");
    assert!(
        access
            .identify(&basic("alice", PASSWORD), &peer(None))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn another_password_ends_sessions_and_what_was_remembered() {
    let (mut settings, _) = settings();
    let access = Access::new(&settings).unwrap();
    access
        .identify(&basic("alice", PASSWORD), &peer(None))
        .await
        .unwrap();
    let id = access.sessions.begin("alice", &settings.users[0].hash).unwrap();
    let mut cookie = HeaderMap::new();
    cookie.insert(header::COOKIE, format!("tidegate_session={id}").parse().unwrap());
    assert!(access.identify(&cookie, &peer(None)).await.is_ok());
    settings.users[0].hash = hash_password("another one").unwrap();
    access.replace(&settings).unwrap();
    assert_eq!(access.identify(&cookie, &peer(None)).await, Err(Denied::Missing));
    assert!(
        access
            .identify(&basic("alice", PASSWORD), &peer(None))
            .await
            .is_err()
    );
    assert!(
        access
            .identify(&basic("alice", "another one"), &peer(None))
            .await
            .is_ok()
    );
    assert!(
        access.replace(&AccessSettings::default()).is_err(),
        "an empty file does not open the server"
    );
    settings.users[0].hash = "broken".to_owned();
    assert!(access.replace(&settings).is_err());
    assert!(
        access
            .identify(&basic("alice", "another one"), &peer(None))
            .await
            .is_ok(),
        "the old rules stay"
    );
}

#[tokio::test]
async fn an_open_server_asks_nobody() {
    let access = Access::new(&AccessSettings::default()).unwrap();
    let anybody = access.identify(&basic("x", "y"), &peer(None)).await.unwrap();
    assert_eq!(anybody, Principal::anonymous());
}

#[test]
fn the_hash_of_nobody_is_one_that_takes_its_time() {
    assert!(secret::is_password_hash(NOBODY));
}
