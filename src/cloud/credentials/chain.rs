//! Which provider is asked when, and how long its answer is good for.

use super::provider::{Found, Provider};
use super::{Credentials, CredentialsError, Surroundings};
use crate::model::{CredentialSettings, Timestamp};
use jiff::SignedDuration;
use std::cell::RefCell;
use std::rc::Rc;

/// Sessions are renewed this long before they end, as the official libraries do; short ones after two thirds.
const EARLY: SignedDuration = SignedDuration::from_mins(15);
/// What a program printed without an end is kept for this long.
const COSTLY: SignedDuration = SignedDuration::from_mins(5);
/// After a failed renewal the old credentials serve on, and the provider is left alone for this long.
const RENEWAL_PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// What is left of a session must cover the call it is used for.
const LEAST_LEFT: SignedDuration = SignedDuration::from_mins(1);

/// The credentials of this device, fetched when needed and kept while good. Clones share what is kept.
#[derive(Clone)]
pub struct CredentialChain(Rc<Chain>);

enum Chain {
    Fixed(Credentials),
    Renewing(Box<Renewing>),
}

struct Renewing {
    providers: Vec<Provider>,
    /// On top of what the provider gives.
    role_arn: Option<String>,
    surroundings: Surroundings,
    kept: RefCell<Kept>,
    /// One renewal at a time.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Kept {
    /// The provider that worked. From then on no other is asked: another may be another identity, to which other
    /// things exist.
    chosen: Option<usize>,
    held: Option<Held>,
}

struct Held {
    credentials: Credentials,
    renew_at: Timestamp,
    /// The cloud does not take them any more.
    rejected: bool,
}

impl CredentialChain {
    /// Credentials that never change.
    pub fn fixed(credentials: Credentials) -> CredentialChain {
        CredentialChain(Rc::new(Chain::Fixed(credentials)))
    }

    /// Our own files, systemd's credentials, then the official chain; the settings' role on top.
    pub fn new(settings: &CredentialSettings, surroundings: Surroundings) -> CredentialChain {
        let providers = Provider::in_order(settings, &surroundings.environment);
        CredentialChain(Rc::new(Chain::Renewing(Box::new(Renewing {
            providers,
            role_arn: settings.role_arn.clone(),
            surroundings,
            kept: RefCell::default(),
            turn: tokio::sync::Mutex::new(()),
        }))))
    }

    /// Credentials that are good for a call now. Files are read again each time, so that a rotated key is seen;
    /// sessions are renewed early, and where that fails a session that is still valid serves on.
    ///
    /// # Errors
    /// Where nothing valid is held and no provider gives any: every one that was asked, with its reason.
    pub async fn current(&self) -> Result<Credentials, CredentialsError> {
        match &*self.0 {
            Chain::Fixed(credentials) => Ok(credentials.clone()),
            Chain::Renewing(renewing) => renewing.current().await,
        }
    }

    /// Says that the cloud does not take these any more: the next call fetches new ones.
    pub fn reject(&self, credentials: &Credentials) {
        if let Chain::Renewing(renewing) = &*self.0
            && let Some(held) = &mut renewing.kept.borrow_mut().held
            && held.credentials == *credentials
        {
            held.rejected = true;
        }
    }
}

impl Renewing {
    async fn current(&self) -> Result<Credentials, CredentialsError> {
        let _turn = self.turn.lock().await;
        if let Some(credentials) = self.fresh() {
            return Ok(credentials);
        }
        let error = match self.fetched().await {
            Ok(credentials) => return Ok(self.keep(credentials)),
            Err(error) => error,
        };
        self.still_valid().ok_or(error)
    }

    fn fresh(&self) -> Option<Credentials> {
        let now = self.surroundings.time.now();
        let kept = self.kept.borrow();
        kept.held.as_ref().filter(|held| !held.rejected && now < held.renew_at).map(|held| held.credentials.clone())
    }

    async fn fetched(&self) -> Result<Credentials, CredentialsError> {
        let chosen = self.kept.borrow().chosen;
        let mut tried = Vec::new();
        for (index, provider) in self.providers.iter().enumerate() {
            if chosen.is_some_and(|chosen| chosen != index) {
                continue;
            }
            let (error, stop) = match provider.credentials(&self.surroundings, self.role_arn.as_deref()).await {
                Ok(Found::Usable(credentials)) => {
                    self.kept.borrow_mut().chosen = Some(index);
                    return Ok(credentials);
                }
                Ok(Found::WithoutRole(error)) => (error, true),
                Err(error) => (error, provider.is_explicit()),
            };
            tracing::debug!(provider = provider.name(), reason = error.reason, "no credentials");
            tried.push((provider.name().to_owned(), error));
            if stop {
                break;
            }
        }
        Err(CredentialsError { tried })
    }

    fn keep(&self, credentials: Credentials) -> Credentials {
        let now = self.surroundings.time.now();
        let renew_at = match credentials.expires {
            Some(expires) => renew_at(now, expires),
            None if credentials.costly => later(now, COSTLY),
            None => now,
        };
        self.kept.borrow_mut().held = Some(Held { credentials: credentials.clone(), renew_at, rejected: false });
        credentials
    }

    fn still_valid(&self) -> Option<Credentials> {
        let now = self.surroundings.time.now();
        let mut kept = self.kept.borrow_mut();
        let held = kept.held.as_mut().filter(|held| !held.rejected)?;
        if held.credentials.expires.is_some_and(|expires| expires.duration_since(now) < LEAST_LEFT) {
            return None;
        }
        held.renew_at = later(now, RENEWAL_PAUSE);
        Some(held.credentials.clone())
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(now)
}

fn renew_at(now: Timestamp, expires: Timestamp) -> Timestamp {
    let left = expires.duration_since(now);
    expires.checked_sub(EARLY.min(left / 3)).unwrap_or(now)
}

impl std::fmt::Debug for CredentialChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CredentialChain")
    }
}
