//! The client: reads that retry, writes that are sent a few times under one token, and nothing else.

use super::cloud_time::{CloudTime, wire_time};
use super::credentials::{CredentialChain, Credentials, Surroundings};
use super::endpoint::{EndpointError, Endpoints, authority_of};
use super::entropy::{Entropy, NoEntropy};
use super::error::{Accepted, CallContext, Certainty, CloudError, NO_CREDENTIALS, Retry};
use super::https::{Https, HttpsError};
use super::retry::{READ, Tries, WRITE, delay};
use super::signature::{Signable, sha256_hex};
use super::transport::{SignedRequest, Transport};
use super::wire::{FieldError, Parameters};
use super::write_call::{WriteCall, Written, is_secret, secret_texts};
use crate::facts::endpoints::Product;
use crate::model::{CloudSettings, Secret, Timestamp};
use crate::system::clock::Clock;
use crate::system::environment::Environment;
use jiff::SignedDuration;
use std::rc::Rc;
use std::time::Duration;
use tracing::debug;

/// Why no client could be made. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Https(#[from] HttpsError),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

/// The cloud's API, as one device uses it. Clones share everything.
#[derive(Clone)]
pub struct Client(Rc<Parts>);

struct Parts {
    transport: Rc<dyn Transport>,
    credentials: CredentialChain,
    endpoints: Endpoints,
    time: Rc<CloudTime>,
    entropy: Entropy,
}

/// A call as it is signed: one for every try.
struct Call<'a> {
    action: &'a str,
    product: Product,
    region: &'a str,
    query: &'a Parameters,
    body: &'a Parameters,
}

impl Client {
    /// The client for production. Sends nothing yet: credentials, names and TLS come with the first call.
    ///
    /// # Errors
    /// Where `endpoint`, `proxy` or `ca_file` cannot be used, or the kernel gives no random numbers.
    pub fn connect(settings: &CloudSettings, clock: Clock, environment: &Environment) -> Result<Client, ConnectError> {
        Client::connect_through(Rc::new(Https::for_cloud(settings)?), settings, clock, environment)
    }

    /// As [`Client::connect`], over a transport that is not the network: a simulated cloud in this process.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect_through(
        transport: Rc<dyn Transport>,
        settings: &CloudSettings,
        clock: Clock,
        environment: &Environment,
    ) -> Result<Client, ConnectError> {
        let endpoints = match &settings.endpoint {
            Some(base_url) => Endpoints::fixed(base_url)?,
            None => Endpoints::public(),
        };
        let endpoints = endpoints.with_sts(
            environment.var("ALIBABA_CLOUD_STS_REGION"),
            environment.var("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")),
        )?;
        let entropy = Entropy::system()?;
        let time = Rc::new(CloudTime::new(clock));
        let surroundings = Surroundings {
            transport: transport.clone(),
            local_transport: Rc::new(Https::for_metadata()),
            endpoints: endpoints.clone(),
            time: time.clone(),
            entropy: entropy.clone(),
            environment: environment.clone(),
            metadata_base_url: crate::facts::endpoints::METADATA_BASE_URL.to_owned(),
        };
        let credentials = CredentialChain::new(&settings.credentials, surroundings);
        Ok(Client(Rc::new(Parts { transport, credentials, endpoints, time, entropy })))
    }

    /// A client of parts: for tests and for the simulated cloud.
    pub fn with_transport(
        transport: Rc<dyn Transport>,
        credentials: Credentials,
        endpoints: Endpoints,
        clock: Clock,
        entropy: Entropy,
    ) -> Client {
        let time = Rc::new(CloudTime::new(clock));
        Client::with_chain(transport, CredentialChain::fixed(credentials), endpoints, time, entropy)
    }

    /// As [`Client::with_transport`], with credentials that can be renewed; `time` is the chain's.
    pub fn with_chain(
        transport: Rc<dyn Transport>,
        credentials: CredentialChain,
        endpoints: Endpoints,
        time: Rc<CloudTime>,
        entropy: Entropy,
    ) -> Client {
        Client(Rc::new(Parts { transport, credentials, endpoints, time, entropy }))
    }

    /// How far the cloud's clock is ahead of ours, learnt from its answers; zero before the first.
    pub fn clock_offset(&self) -> SignedDuration {
        self.0.time.offset()
    }

    /// What the cloud's own clock shows, as its answers told it; `None` before the first.
    pub fn cloud_time(&self) -> Option<Timestamp> {
        self.0.time.told()
    }

    /// Our time of the last HTTP answer of the cloud, whatever it said.
    pub fn last_contact(&self) -> Option<Timestamp> {
        self.0.time.last_contact()
    }

    /// Which provider the credentials come from, e.g. `environment`; asks it where none was asked yet.
    ///
    /// # Errors
    /// Where no provider has any.
    pub async fn credentials_source(&self) -> Result<String, CloudError> {
        Ok(self.credentials("credentials").await?.source)
    }

    /// Sends a write: at most three quick tries under one token, each signed anew. One that does not repeat is sent again
    /// only while it is certain that nothing happened.
    ///
    /// # Errors
    /// `certainty` is [`Certainty::MayHaveHappened`] where any of the tries may have had its effect; then look before
    /// anything else is done. A busy object is the caller's to wait for.
    pub async fn write(&self, call: &WriteCall) -> Result<Written, CloudError> {
        self.written(call, call.repeats).await
    }

    async fn written(&self, call: &WriteCall, repeats: bool) -> Result<Written, CloudError> {
        let query = call.query();
        let request = Call { action: call.action, product: call.product, region: &call.region, query: &query, body: &call.body };
        let mut tries = Tries::new(WRITE);
        let started = tokio::time::Instant::now();
        let mut certainty = Certainty::DidNotHappen;
        loop {
            self.may_write(call.action, certainty)?;
            let error = match self.attempt(&request).await {
                Ok(Accepted { request_id, body }) => {
                    return Ok(Written { request_id, body, in_doubt: certainty == Certainty::MayHaveHappened });
                }
                Err(error) => error,
            };
            if error.certainty == Certainty::MayHaveHappened {
                certainty = Certainty::MayHaveHappened;
            }
            if certainty == Certainty::MayHaveHappened && !repeats {
                return Err(error);
            }
            match self.wait(&mut tries, &error, false, started.elapsed()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(CloudError { certainty, ..error }),
            }
        }
    }

    /// Asks whether the cloud would accept a write; nothing is changed. That it would is told as an error (cloud/api.md 2.3).
    /// It is sent again only while it is certain that nothing happened: an answer that got lost can have been a success.
    ///
    /// # Errors
    /// Where it would not, where it does not say, and where the call does not ask for a dry run: then nothing is sent.
    /// `certainty` is [`Certainty::MayHaveHappened`] where the cloud took the dry run for the call itself, or may have.
    pub async fn dry_run(&self, call: &WriteCall) -> Result<(), CloudError> {
        let context = CallContext { action: call.action, secrets: &[] };
        if call.parameters.value("DryRun") != Some("true") {
            let (message, remedy) = ("not sent: it is no dry run".to_owned(), "please report this as a fault of cgwd");
            return Err(context.error("", message, 0, Certainty::DidNotHappen, Retry::Never, remedy));
        }
        match self.written(call, false).await {
            Ok(written) => Err(context.dry_run_ignored(written.request_id)),
            Err(error) if error.is_dry_run_accepted() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends a read, again and again within its budget while the failure is of a kind that passes.
    pub(super) async fn read(&self, product: Product, action: &str, region: &str, query: &Parameters) -> Result<Accepted, CloudError> {
        let request = Call { action, product, region, query, body: &Parameters::new() };
        let mut tries = Tries::new(READ);
        let started = tokio::time::Instant::now();
        loop {
            let error = match self.attempt(&request).await {
                Ok(accepted) => return Ok(accepted),
                // A read changes nothing, whatever became of it.
                Err(error) => CloudError { certainty: Certainty::DidNotHappen, ..error },
            };
            match self.wait(&mut tries, &error, true, started.elapsed()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
        }
    }

    /// Lets whoever is changing things finish, for a moment of random length.
    pub(super) async fn pause(&self) {
        tokio::time::sleep(delay(Retry::Busy, 0, self.0.entropy.fraction())).await;
    }

    fn wait(&self, tries: &mut Tries, error: &CloudError, wait_busy: bool, elapsed: Duration) -> Option<Duration> {
        // The provider has its own tries behind it.
        let providers_gave_up = error.code == NO_CREDENTIALS;
        if providers_gave_up { None } else { tries.after(error.retry, wait_busy, self.0.entropy.fraction(), elapsed) }
    }

    /// Asked before every try: the answer to the first can be what tells how far off we are.
    fn may_write(&self, action: &str, certainty: Certainty) -> Result<(), CloudError> {
        if !self.0.time.too_far_off_to_write() {
            return Ok(());
        }
        let message = format!("this device's clock is off by {:#}", self.clock_offset());
        let remedy = "set this device's clock (NTP); nothing is written while it is more than a day off";
        Err(CallContext { action, secrets: &[] }.error("", message, 0, certainty, Retry::Clock, remedy))
    }

    async fn attempt(&self, call: &Call<'_>) -> Result<Accepted, CloudError> {
        let credentials = self.credentials(call.action).await?;
        let secrets = secrets_of(call, &credentials);
        let context = CallContext { action: call.action, secrets: &secrets };
        let base_url = self.0.endpoints.base_url(call.product, call.region).map_err(|error| context.misdirected(&error))?;
        let request = self.signed(call, &credentials, base_url);
        let started = tokio::time::Instant::now();
        let result = match self.0.transport.send(request).await {
            Err(error) => Err(context.unanswered(&error)),
            Ok(answer) => {
                self.0.time.learn(&answer);
                context.accepted(&answer)
            }
        };
        log(call.action, &result, started.elapsed());
        if let Err(error) = &result
            && error.retry == Retry::Credentials
        {
            self.0.credentials.reject(&credentials);
        }
        result
    }

    async fn credentials(&self, action: &str) -> Result<Credentials, CloudError> {
        self.0.credentials.current().await.map_err(|error| error.as_cloud_error(action))
    }

    /// New nonce, time and signature; the parameters stay.
    fn signed(&self, call: &Call<'_>, credentials: &Credentials, base_url: String) -> SignedRequest {
        let query = call.query.canonical();
        let body = call.body.form().into_bytes();
        let payload_hash = sha256_hex(&body);
        let mut headers: Vec<(String, String)> = vec![
            ("host".into(), authority_of(&base_url).to_owned()),
            ("x-acs-action".into(), call.action.to_owned()),
            ("x-acs-content-sha256".into(), payload_hash.clone()),
            ("x-acs-date".into(), wire_time(self.0.time.now())),
            ("x-acs-signature-nonce".into(), self.0.entropy.hex128()),
            ("x-acs-version".into(), call.product.version().to_owned()),
        ];
        if !body.is_empty() {
            headers.push(("content-type".into(), "application/x-www-form-urlencoded".into()));
        }
        if let Some(token) = &credentials.security_token {
            headers.push(("x-acs-accesskey-id".into(), credentials.access_key_id.clone()));
            headers.push(("x-acs-security-token".into(), token.reveal().to_owned()));
        }
        let signable = Signable { method: "POST", path: "/", query: &query, headers: &headers, payload_hash: &payload_hash };
        let authorization = signable.authorization(&credentials.access_key_id, credentials.access_key_secret.reveal());
        // The HTTP library writes `host` itself, from the URL.
        headers.retain(|(name, _)| name != "host");
        headers.push(("accept".into(), "application/json".into()));
        headers.push(("authorization".into(), authorization));
        SignedRequest { method: "POST", base_url, path: "/".into(), query, headers, body, action: call.action.to_owned() }
    }
}

/// Turns a field that cannot be read into the error of the call that answered so.
pub(super) fn readable<T>(action: &str, accepted: &Accepted, value: Result<T, FieldError>) -> Result<T, CloudError> {
    value.map_err(|error| {
        let context = CallContext { action, secrets: &[] };
        CloudError { certainty: Certainty::DidNotHappen, ..context.unreadable(&error, &accepted.request_id) }
    })
}

/// Values that the cloud's messages must not repeat into our logs.
fn secrets_of(call: &Call<'_>, credentials: &Credentials) -> Vec<Secret> {
    let hidden = call.query.pairs().chain(call.body.pairs()).filter(|(name, _)| is_secret(name));
    let parameters = hidden.flat_map(|(_, value)| secret_texts(value)).map(Secret::new);
    let mut secrets: Vec<Secret> =
        parameters.chain([credentials.access_key_secret.clone()]).chain(credentials.security_token.clone()).collect();
    // One can begin with another; the rest of it must not stay behind.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.reveal().len()));
    secrets
}

fn log(action: &str, result: &Result<Accepted, CloudError>, took: Duration) {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match result {
        Ok(accepted) => debug!(action, request_id = accepted.request_id, millis, "the cloud accepted"),
        Err(error) => debug!(
            action,
            request_id = error.request_id.as_deref(),
            code = error.code,
            status = error.status,
            millis,
            "the cloud call failed"
        ),
    }
}
