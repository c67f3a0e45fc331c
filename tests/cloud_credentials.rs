//! The credential chain against a loopback server that plays STS, the metadata service and a credentials service.

#![allow(clippy::unwrap_used)]

use cgwd::cloud::client::Client;
use cgwd::cloud::cloud_time::CloudTime;
use cgwd::cloud::credentials::{CredentialChain, Credentials, Surroundings};
use cgwd::cloud::customer_gateways::{CustomerGatewayChange, modify_customer_gateway_attribute};
use cgwd::cloud::endpoint::Endpoints;
use cgwd::cloud::entropy::Entropy;
use cgwd::cloud::error::{Certainty, Retry};
use cgwd::cloud::https::Https;
use cgwd::cloud::signature::signature_v1;
use cgwd::cloud::wire::{Parameters, decoded_pairs};
use cgwd::model::{CloudSettings, CredentialSettings, Secret, Timestamp};
use cgwd::system::clock::Clock;
use cgwd::system::environment::Environment;
use jiff::SignedDuration;
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What came to the server.
#[derive(Clone, Debug)]
struct Seen {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    head: String,
}

/// A server of this test: answers with what `reply` says, as (status, more header lines, body).
struct Server {
    base_url: String,
    seen: Rc<RefCell<Vec<Seen>>>,
}

type Reply = (u16, String, String);

impl Server {
    async fn start(reply: impl Fn(&Seen) -> Reply + 'static) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Rc<RefCell<Vec<Seen>>> = Rc::default();
        let record = seen.clone();
        tokio::task::spawn_local(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read_head(&mut stream).await;
                let (status, headers, body) = reply(&request);
                record.borrow_mut().push(request);
                let length = body.len();
                let text = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
                let _ = stream.write_all(text.as_bytes()).await;
            }
        });
        Server { base_url, seen }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    fn paths(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect()
    }
}

async fn read_head(stream: &mut tokio::net::TcpStream) -> Seen {
    let mut head = String::new();
    let mut buffer = [0; 4096];
    while !head.contains("\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => head.push_str(&String::from_utf8_lossy(&buffer[..count])),
        }
    }
    let mut words = head.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = decoded_pairs(query).unwrap_or_default().into_iter().collect();
    Seen { method, path: path.to_owned(), query, head: head.to_ascii_lowercase() }
}

/// A directory of this test alone.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        let name = format!("cgwd-credentials-{}-{}", std::process::id(), Entropy::system().unwrap().hex128());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn with(self, name: &str, text: &str) -> Directory {
        self.write(name, text);
        self
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn text(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A wall clock that tests move.
#[derive(Clone)]
struct Wall(Rc<Cell<SignedDuration>>);

fn settings(base_url: &str) -> CloudSettings {
    CloudSettings {
        region: Some("cn-shanghai".into()),
        vpn_gateway: None,
        transit_router: None,
        connections: Vec::new(),
        endpoint: Some(base_url.to_owned()),
        ca_file: None,
        proxy: None,
        timeout: Duration::from_secs(5),
        credentials: CredentialSettings::default(),
    }
}

struct Bench {
    surroundings: Surroundings,
}

fn bench(server: &Server, variables: &[(&str, &str)]) -> Bench {
    Bench {
        surroundings: Surroundings {
            transport: Rc::new(Https::for_cloud(&settings(&server.base_url)).unwrap()),
            local_transport: Rc::new(Https::for_metadata()),
            endpoints: Endpoints::fixed(&server.base_url).unwrap(),
            time: Rc::new(CloudTime::new(Clock::system())),
            entropy: Entropy::seeded(7),
            environment: variables.iter().copied().collect(),
            metadata_base_url: server.base_url.clone(),
        },
    }
}

impl Bench {
    fn chain(&self) -> CredentialChain {
        CredentialChain::new(&CredentialSettings::default(), self.surroundings.clone())
    }

    fn chain_with(&self, settings: &CredentialSettings) -> CredentialChain {
        CredentialChain::new(settings, self.surroundings.clone())
    }
}

async fn local<F: Future>(future: F) -> F::Output {
    tokio::task::LocalSet::new().run_until(future).await
}

fn in_an_hour() -> String {
    (Timestamp::now() + SignedDuration::from_hours(1)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn session(id: &str) -> serde_json::Value {
    json!({"AccessKeyId": id, "AccessKeySecret": "canary-session-secret", "SecurityToken": "canary-session-token", "Expiration": in_an_hour()})
}

fn with_code(id: &str) -> String {
    let mut body = session(id);
    body["Code"] = "Success".into();
    body.to_string()
}

fn ok(body: impl ToString) -> Reply {
    (200, String::new(), body.to_string())
}

fn status(status: u16) -> Reply {
    (status, String::new(), String::new())
}

const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----\ncanary-private-key\n-----END PRIVATE KEY-----\n";

fn is_signed_with(seen: &Seen, secret: &str) -> bool {
    let unsigned: Parameters = seen.query.iter().filter(|(name, _)| *name != "Signature").map(|(n, v)| (n.clone(), v.clone())).collect();
    signature_v1("GET", &unsigned, secret) == seen.query["Signature"]
}

/// STS as its documentation has it: checks V1 signatures against the key that it knows.
fn sts(seen: &Seen, id: &str, secret: &str) -> Reply {
    let refusal = |code: &str| {
        // The real one shows its string to sign; this one shows everything that it was sent.
        (400, String::new(), json!({"RequestId": "R", "Code": code, "Message": format!("not with {:?}", seen.query)}).to_string())
    };
    let grant = |name: &str| ok(json!({"RequestId": "R", "Credentials": session(name)}));
    if seen.query.get("Version").map(String::as_str) != Some("2015-04-01") || seen.method != "GET" || seen.path != "/" {
        return refusal("InvalidVersion");
    }
    match seen.query["Action"].as_str() {
        "AssumeRoleWithOIDC" if seen.query["OIDCToken"] == "canary-oidc" => grant("STS.OIDC"),
        "AssumeRole" if seen.query["AccessKeyId"] == id && is_signed_with(seen, secret) => grant("STS.ROLE"),
        "GenerateSessionAccessKey" if seen.query["AccessKeyId"] == "pair" && is_signed_with(seen, PRIVATE_KEY) => {
            let session = json!({"SessionAccessKeyId": "TMPSK.PAIR", "SessionAccessKeySecret": "canary-pair", "Expiration": in_an_hour()});
            ok(json!({"RequestId": "R", "SessionAccessKey": session}))
        }
        "AssumeRole" if seen.query["AccessKeyId"] == id => refusal("SignatureDoesNotMatch"),
        _ => refusal("InvalidAccessKeyId.NotFound"),
    }
}

fn no_canary(shown: &str) {
    assert!(!shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn the_environment_comes_first() {
    local(async {
        let server = Server::start(|_| status(500)).await;
        let pair = [("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-secret")];
        let found = bench(&server, &pair).chain().current().await.unwrap();
        assert_eq!((found.access_key_id.as_str(), found.source.as_str(), &found.security_token), ("id", "environment", &None));
        no_canary(&format!("{found:?}"));
        let with_token = [pair[0], pair[1], ("ALIBABA_CLOUD_SECURITY_TOKEN", "canary-token")];
        let found = bench(&server, &with_token).chain().current().await.unwrap();
        assert_eq!(found.security_token.unwrap().reveal(), "canary-token");
        assert!(server.seen().is_empty());
    })
    .await;
}

#[tokio::test]
async fn our_own_files_and_systemd_s_come_before_the_chain_and_are_read_again() {
    local(async {
        let server = Server::start(|_| status(500)).await;
        let directory = Directory::new().with("id", "file-id\n").with("secret", "canary-1\n");
        let systemd =
            Directory::new().with("access-key-id", "systemd-id").with("access-key-secret", "canary-2").with("security-token", "canary-3\n");
        let bench = bench(
            &server,
            &[
                ("ALIBABA_CLOUD_ACCESS_KEY_ID", "env"),
                ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary"),
                ("CREDENTIALS_DIRECTORY", &systemd.text()),
            ],
        );
        let files = CredentialSettings {
            access_key_id_file: Some(directory.0.join("id")),
            access_key_secret_file: Some(directory.0.join("secret")),
            role_arn: None,
        };
        let chain = bench.chain_with(&files);
        assert_eq!(chain.current().await.unwrap().access_key_id, "file-id");
        directory.write("id", "rotated-id");
        directory.write("secret", "canary-rotated");
        let rotated = chain.current().await.unwrap();
        assert_eq!((rotated.access_key_id.as_str(), rotated.access_key_secret.reveal()), ("rotated-id", "canary-rotated"));
        std::fs::remove_file(directory.0.join("id")).unwrap();
        assert_eq!(chain.current().await.unwrap().access_key_id, "rotated-id", "in the middle of a rotation");
        let error = bench.chain_with(&files).current().await.unwrap_err().to_string();
        assert!(
            error.contains("[cloud.credentials] files: cannot read") && !error.contains("environment"),
            "nobody else is asked: {error}"
        );

        let found = bench.chain().current().await.unwrap();
        assert_eq!((found.access_key_id.as_str(), found.security_token.unwrap().reveal()), ("systemd-id", "canary-3"));
        let half = CredentialSettings { access_key_secret_file: None, ..files };
        assert!(bench.chain_with(&half).current().await.unwrap_err().to_string().contains("access_key_secret_file is not"));
    })
    .await;
}

#[tokio::test]
async fn a_role_in_the_settings_is_assumed_with_what_is_found() {
    local(async {
        let server = Server::start(|seen| sts(seen, "id", "canary-secret")).await;
        let keys = [("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-secret")];
        let role = CredentialSettings { role_arn: Some("acs:ram::1:role/cgwd".into()), ..CredentialSettings::default() };
        let chain = bench(&server, &keys).chain_with(&role);
        let found = chain.current().await.unwrap();
        assert_eq!((found.access_key_id.as_str(), found.source.as_str()), ("STS.ROLE", "role over environment"));
        assert!(found.expires.is_some());
        assert_eq!(chain.current().await.unwrap(), found);
        assert_eq!(server.seen().len(), 1, "a session is kept while it is good");
        let query = &server.seen()[0].query;
        assert_eq!((&*query["RoleArn"], &*query["DurationSeconds"], &*query["RoleSessionName"]), ("acs:ram::1:role/cgwd", "3600", "cgwd"));
        chain.reject(&found);
        chain.current().await.unwrap();
        assert_eq!(server.seen().len(), 2, "a session that the cloud refuses is not kept");

        let wrong = [keys[0], ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-wrong")];
        let error = bench(&server, &wrong).chain_with(&role).current().await.unwrap_err();
        assert!(error.to_string().contains("SignatureDoesNotMatch") && error.tried.len() == 1, "no other identity is tried: {error}");
        no_canary(&format!("{error} {error:?}"));
    })
    .await;
}

#[tokio::test]
async fn oidc_from_the_environment_and_for_the_settings_role() {
    local(async {
        let server = Server::start(|seen| sts(seen, "", "")).await;
        let directory = Directory::new().with("token", "canary-oidc\n");
        let token = directory.0.join("token").display().to_string();
        let provider =
            [("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/k"), ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", token.as_str())];
        let own_role =
            [provider[0], provider[1], ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/env"), ("ALIBABA_CLOUD_ROLE_SESSION_NAME", "s-1")];
        let found = bench(&server, &own_role).chain().current().await.unwrap();
        assert_eq!(found.access_key_id, "STS.OIDC");
        let settings = CredentialSettings { role_arn: Some("acs:ram::1:role/set".into()), ..CredentialSettings::default() };
        bench(&server, &provider).chain_with(&settings).current().await.unwrap();
        let roles: Vec<(String, String)> =
            server.seen().iter().map(|seen| (seen.query["RoleArn"].clone(), seen.query["RoleSessionName"].clone())).collect();
        assert_eq!(roles, [("acs:ram::1:role/env".into(), "s-1".into()), ("acs:ram::1:role/set".into(), "cgwd".into())]);
        assert!(!server.seen()[0].query.contains_key("Signature"));

        directory.write("token", "canary-stale");
        let error = bench(&server, &provider).chain_with(&settings).current().await.unwrap_err();
        no_canary(&format!("{error} {error:?}"));
        assert!(error.to_string().starts_with("no credentials: OIDC: "), "{error}");
    })
    .await;
}

const ROLE: &str = "/latest/meta-data/ram/security-credentials/";

#[tokio::test]
async fn the_instance_s_role_with_metadata_version_2() {
    local(async {
        let server = Server::start(|seen| match (seen.method.as_str(), seen.path.as_str()) {
            ("PUT", "/latest/api/token") if seen.head.contains("x-aliyun-ecs-metadata-token-ttl-seconds: 21600") => ok("tok"),
            ("GET", _) if !seen.head.contains("x-aliyun-ecs-metadata-token: tok\r\n") => status(403),
            ("GET", ROLE) => ok("my-role\n"),
            ("GET", "/latest/meta-data/ram/security-credentials/my-role") => ok(with_code("STS.ECS")),
            _ => status(404),
        })
        .await;
        let chain = bench(&server, &[("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")]).chain();
        let found = chain.current().await.unwrap();
        assert_eq!((found.access_key_id.as_str(), found.source.as_str()), ("STS.ECS", "instance role"));
        assert_eq!(server.paths(), ["PUT /latest/api/token", &format!("GET {ROLE}"), &format!("GET {ROLE}my-role")]);
    })
    .await;
}

#[tokio::test]
async fn the_instance_s_role_with_metadata_version_1_where_that_is_allowed() {
    local(async {
        let reply = |seen: &Seen| match seen.path.as_str() {
            path if path == format!("{ROLE}named") => ok(with_code("STS.V1")),
            _ => status(404),
        };
        let server = Server::start(reply).await;
        let named = ("ALIBABA_CLOUD_ECS_METADATA", "named");
        assert_eq!(bench(&server, &[named]).chain().current().await.unwrap().access_key_id, "STS.V1");
        assert_eq!(server.paths(), ["PUT /latest/api/token", &format!("GET {ROLE}named")]);
        for off in ["ALIBABA_CLOUD_IMDSV1_DISABLED", "ALIBABA_CLOUD_ECS_METADATA_DISABLED"] {
            let error = bench(&server, &[named, (off, "true")]).chain().current().await.unwrap_err();
            assert!(error.to_string().contains("instance role: "), "{error}");
        }
        // A token that the service gives and then does not honour.
        let odd = Server::start(move |seen| match seen.method.as_str() {
            "PUT" => ok("tok"),
            _ if seen.head.contains("x-aliyun-ecs-metadata-token") => status(500),
            _ => reply(seen),
        })
        .await;
        assert_eq!(bench(&odd, &[named]).chain().current().await.unwrap().access_key_id, "STS.V1");
    })
    .await;
}

#[tokio::test]
async fn a_credentials_uri_is_the_last_resort() {
    local(async {
        let server = Server::start(|seen| match seen.query.get("key").map(String::as_str) {
            Some("canary") => ok(with_code("STS.URI")),
            Some("half") => ok(json!({"Code": "Success", "AccessKeyId": "canary"})),
            Some("no") => ok(json!({"Code": "Failed"})),
            _ => status(503),
        })
        .await;
        let uri = |key: &str| format!("{}/path?key={key}", server.base_url);
        let off = ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
        let found = bench(&server, &[off, ("ALIBABA_CLOUD_CREDENTIALS_URI", &uri("canary"))]).chain().current().await.unwrap();
        assert_eq!((found.access_key_id.as_str(), server.seen()[0].path.as_str()), ("STS.URI", "/path"));
        for bad in [uri("half"), uri("no"), uri("down"), "http://192.0.2.1/canary".into(), "canary".into()] {
            let error = bench(&server, &[off, ("ALIBABA_CLOUD_CREDENTIALS_URI", &bad)]).chain().current().await.unwrap_err();
            assert!(error.to_string().contains("credentials URI: "), "{error}");
            no_canary(&format!("{error} {error:?}"));
        }
    })
    .await;
}

#[tokio::test]
async fn where_nobody_has_any_everybody_is_named() {
    local(async {
        let server = Server::start(|_| status(404)).await;
        let home = Directory::new();
        let error = bench(&server, &[("HOME", &home.text())]).chain().current().await.unwrap_err();
        let text = error.to_string();
        for part in [
            "no credentials: environment: ALIBABA_CLOUD_ACCESS_KEY_ID is not set; ",
            "CLI profile: ",
            "credentials file: ",
            "instance role: ",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let error = error.as_cloud_error("CreateCustomerGateway");
        assert_eq!((error.certainty, error.retry, error.is_about_credentials()), (Certainty::DidNotHappen, Retry::Never, true));
    })
    .await;
}

fn cli(home: &Directory, current: &str, server: &str) {
    let keys = json!({"access_key_id": "id", "access_key_secret": "canary-secret"});
    let profile = |name: &str, mode: &str, more: serde_json::Value| {
        let mut profile = json!({"name": name, "mode": mode, "language": "en", "site": "", "expired_seconds": 0, "ram_session_name": "", "sts_token": null});
        for fields in [&keys, &more] {
            for (field, value) in fields.as_object().unwrap() {
                profile[field] = value.clone();
            }
        }
        profile
    };
    let (past, future) = (Timestamp::now().as_second() - 60, Timestamp::now().as_second() + 3600);
    let sso = json!({
        "cloud_sso_sign_in_url": format!("{server}/start/login"), "cloud_sso_account_id": "151", "cloud_sso_access_config": "ac-1",
        "access_token": "canary-sso", "cloud_sso_access_token_expire": future,
    });
    let oauth = json!({
        "oauth_site_type": "INTL", "oauth_access_token": "canary-oauth", "oauth_access_token_expire": future,
        "oauth_refresh_token": "canary-refresh",
    });
    let with = |fields: &serde_json::Value, more: serde_json::Value| {
        let fields = fields.as_object().unwrap().clone().into_iter().chain(more.as_object().unwrap().clone());
        serde_json::Value::Object(fields.collect())
    };
    let role = json!({"ram_role_arn": "acs:ram::1:role/r", "expired_seconds": 900, "policy": "{}", "external_id": "ext"});
    let token_file = home.0.join("token").display().to_string();
    let program = r#"/bin/echo '{"mode":"AK","access_key_id":"ext-id","access_key_secret":"canary-ext"}'"#;
    let profiles = [
        profile("ak", "AK", json!({})),
        profile("sts", "StsToken", json!({"sts_token": "canary-token"})),
        profile("sts-half", "StsToken", json!({})),
        profile("role", "RamRoleArn", role.clone()),
        profile("ecs", "EcsRamRole", json!({"ram_role_name": "named"})),
        profile("oidc", "OIDC", json!({"ram_role_arn": "r", "oidc_provider_arn": "p", "oidc_token_file": token_file})),
        profile("chain", "ChainableRamRoleArn", json!({"source_profile": "ak", "ram_role_arn": "r"})),
        profile("loop", "ChainableRamRoleArn", json!({"source_profile": "loop", "ram_role_arn": "r"})),
        profile("ecs-role", "RamRoleArnWithRoleName", json!({"ram_role_name": "named", "ram_role_arn": "r"})),
        profile("uri", "CredentialsURI", json!({"credentials_uri": format!("{server}/uri")})),
        profile("anonymous", "Anonymous", json!({})),
        profile("program", "External", json!({"process_command": program})),
        profile("sso", "CloudSSO", sso.clone()),
        profile("sso-over", "CloudSSO", with(&sso, json!({"cloud_sso_access_token_expire": past}))),
        profile("sso-half", "CloudSSO", with(&sso, json!({"cloud_sso_account_id": ""}))),
        profile("sso-elsewhere", "CloudSSO", with(&sso, json!({"cloud_sso_sign_in_url": "http://203.0.113.9/login"}))),
        profile("oauth", "OAuth", oauth.clone()),
        profile("oauth-stored", "OAuth", with(&oauth, json!({"sts_token": "canary-token", "sts_expiration": future}))),
        profile("oauth-old", "OAuth", with(&oauth, json!({"sts_token": "canary-token", "sts_expiration": past}))),
        profile("oauth-over", "OAuth", with(&oauth, json!({"oauth_access_token_expire": past}))),
        profile("oauth-revoked", "OAuth", with(&oauth, json!({"oauth_access_token": "canary-revoked"}))),
        profile("oauth-site", "OAuth", with(&oauth, json!({"oauth_site_type": "MARS"}))),
        profile("rsa", "RsaKeyPair", json!({})),
        profile("odd", "Unheard\u{1b}Of", json!({})),
    ];
    home.write(".aliyun/config.json", &json!({"current": current, "profiles": profiles, "meta_path": ""}).to_string());
}

#[tokio::test]
async fn every_mode_of_the_cli_s_profiles() {
    local(async {
        let server = Server::start(|seen| match seen.path.as_str() {
            "/" if seen.query.get("AccessKeyId").is_some_and(|id| id.starts_with("STS.")) => sts(seen, "STS.ECS", "canary-session-secret"),
            "/" => sts(seen, "id", "canary-secret"),
            "/uri" => ok(with_code("STS.URI")),
            "/cloud-credentials" if seen.method == "POST" && seen.head.contains("authorization: bearer canary-sso") => {
                ok(json!({"RequestId": "R", "CloudCredential": session("STS.SSO")}))
            }
            "/v1/exchange" if seen.head.contains("authorization: bearer canary-oauth") => ok(session("STS.OAUTH")),
            "/v1/exchange" => (401, String::new(), json!({"error": seen.head}).to_string()),
            path if path == format!("{ROLE}named") => ok(with_code("STS.ECS")),
            _ => status(404),
        })
        .await;
        let home = Directory::new().with("token", "canary-oidc");
        for (name, expected) in [
            ("ak", Ok("id")),
            ("sts", Ok("id")),
            ("role", Ok("STS.ROLE")),
            ("ecs", Ok("STS.ECS")),
            ("oidc", Ok("STS.OIDC")),
            ("chain", Ok("STS.ROLE")),
            ("ecs-role", Ok("STS.ROLE")),
            ("uri", Ok("STS.URI")),
            ("program", Ok("ext-id")),
            ("anonymous", Err("mode Anonymous cannot sign")),
            ("sts-half", Err("profile `sts-half` has no sts_token")),
            ("loop", Err("has no end")),
            ("sso", Ok("STS.SSO")),
            ("sso-over", Err("the CloudSSO login is over; log in again with `aliyun configure`")),
            ("sso-half", Err("the profile has no cloud_sso_account_id")),
            ("sso-elsewhere", Err("plain http")),
            ("oauth", Ok("STS.OAUTH")),
            ("oauth-stored", Ok("id")),
            ("oauth-old", Ok("STS.OAUTH")),
            ("oauth-over", Err("the OAuth login is over")),
            ("oauth-revoked", Err("it answers HTTP 401: log in again")),
            ("oauth-site", Err("oauth_site_type is neither CN nor INTL")),
            ("rsa", Err("mode RsaKeyPair is one that the official libraries do not read from here")),
            ("odd", Err("mode UnheardOf is not known")),
            ("missing", Err("there is no profile `missing`")),
        ] {
            cli(&home, name, &server.base_url);
            let by_current = bench(&server, &[("HOME", &home.text())]).chain().current().await;
            cli(&home, "missing", &server.base_url);
            let by_name = bench(&server, &[("HOME", &home.text()), ("ALIBABA_CLOUD_PROFILE", name)]).chain().current().await;
            for result in [by_current, by_name] {
                match (result, expected) {
                    (Ok(found), Ok(id)) => {
                        assert_eq!((found.access_key_id.as_str(), found.source), (id, format!("CLI profile {name}")));
                    }
                    (Err(error), Err(reason)) => {
                        assert!(error.to_string().contains(reason), "{name}: {error}");
                        no_canary(&format!("{error} {error:?}"));
                    }
                    (result, _) => panic!("{name}: {result:?}"),
                }
            }
        }
        let roles: Vec<Seen> = server.seen().into_iter().filter(|seen| seen.query.contains_key("ExternalId")).collect();
        assert_eq!((roles[0].query["DurationSeconds"].as_str(), roles[0].query["Policy"].as_str()), ("900", "{}"));
        assert!(!server.seen().iter().any(|seen| seen.path == "/v1/token"), "a person's login is not prolonged");
        let off = bench(&server, &[("HOME", &home.text()), ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "TRUE")]).chain().current().await;
        assert!(off.unwrap_err().to_string().contains("CLI profile: switched off"));
        home.write(".aliyun/config.json", r#"{"current": "canary, "#);
        no_canary(&bench(&server, &[("HOME", &home.text())]).chain().current().await.unwrap_err().to_string());
    })
    .await;
}

#[tokio::test]
async fn every_type_of_the_credentials_file_under_both_names() {
    local(async {
        let server = Server::start(|seen| match seen.path.as_str() {
            "/" => sts(seen, "id", "canary-secret"),
            path if path == format!("{ROLE}named") => ok(with_code("STS.ECS")),
            _ => status(404),
        })
        .await;
        let home = Directory::new().with("token", "canary-oidc").with("key", PRIVATE_KEY).with("empty", "\n");
        let (key, empty) = (home.0.join("key").display().to_string(), home.0.join("empty").display().to_string());
        let keys = "access_key_id = id\naccess_key_secret = canary-secret # the secret\n";
        let token = home.0.join("token").display().to_string();
        let text = format!(
            "[default]\ntype = access_key\n{keys}\n[role]\ntype=ram_role_arn\n{keys}role_arn = r\nrole_session_name = s\n\
             [oidc]\ntype = oidc_role_arn\nrole_arn = r\noidc_provider_arn = p\noidc_token_file_path = {token}\n\
             [ecs]\ntype = ecs_ram_role\nrole_name = named\n[rsa]\ntype = rsa_key_pair\npublic_key_id = pair\nprivate_key_file = {key}\n\
             [rsa-half]\ntype = rsa_key_pair\npublic_key_id = pair\n[rsa-empty]\ntype = rsa_key_pair\npublic_key_id = pair\nprivate_key_file = {empty}\n\
             [half]\ntype = access_key\naccess_key_id = canary\n"
        );
        for file in [".alibabacloud/credentials.ini", ".alibabacloud/credentials"] {
            let _ = std::fs::remove_dir_all(home.0.join(".alibabacloud"));
            home.write(file, &text);
            assert_eq!(bench(&server, &[("HOME", &home.text())]).chain().current().await.unwrap().source, "credentials file [default]");
            for (section, expected) in [
                ("default", Ok("id")),
                ("role", Ok("STS.ROLE")),
                ("oidc", Ok("STS.OIDC")),
                ("ecs", Ok("STS.ECS")),
                ("rsa", Ok("TMPSK.PAIR")),
                ("rsa-half", Err("the section has no private_key_file")),
                ("rsa-empty", Err("is empty")),
                ("half", Err("the section has no access_key_secret")),
                ("none", Err("has no section [none]")),
            ] {
                let result = bench(&server, &[("HOME", &home.text()), ("ALIBABA_CLOUD_PROFILE", section)]).chain().current().await;
                match (result, expected) {
                    (Ok(found), Ok(id)) => assert_eq!(found.access_key_id, id, "{section}"),
                    (Err(error), Err(reason)) => {
                        assert!(error.to_string().contains(reason), "{section}: {error}");
                        no_canary(&format!("{error} {error:?}"));
                    }
                    (result, _) => panic!("{section}: {result:?}"),
                }
            }
        }
        let elsewhere = home.0.join("elsewhere").display().to_string();
        home.write("elsewhere", "[default]\ntype = access_key\naccess_key_id = other\naccess_key_secret = canary\n");
        let found = bench(&server, &[("HOME", &home.text()), ("ALIBABA_CLOUD_CREDENTIALS_FILE", &elsewhere)]).chain().current().await;
        assert_eq!(found.unwrap().access_key_id, "other");
    })
    .await;
}

/// A chain whose role sessions end an hour after `now` of a wall clock that the test moves, by `Date` of the server.
#[tokio::test]
async fn a_session_is_renewed_early_and_a_failed_renewal_keeps_a_valid_one() {
    local(async {
        let wall = Wall(Rc::default());
        let (failing, granted) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
        let (server_failing, server_granted) = (failing.clone(), granted.clone());
        let start = Timestamp::now();
        let server_wall = wall.clone();
        let server = Server::start(move |_| {
            let now = start + server_wall.0.get();
            let date = format!("date: {}\r\n", now.strftime("%a, %d %b %Y %H:%M:%S GMT"));
            if server_failing.get() {
                return (403, date, json!({"RequestId": "R", "Code": "NoPermission", "Message": "m"}).to_string());
            }
            server_granted.set(server_granted.get() + 1);
            let mut session = session(&format!("STS.{}", server_granted.get()));
            session["Expiration"] = (now + SignedDuration::from_hours(1)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
            (200, date, json!({"RequestId": "R", "Credentials": session}).to_string())
        })
        .await;
        let bench = bench(&server, &[("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary")]);
        let role = CredentialSettings { role_arn: Some("r".into()), ..CredentialSettings::default() };
        let chain = bench.chain_with(&role);
        // The cloud's time moves with what its answers say.
        let pass = async |minutes: i64| {
            wall.0.set(SignedDuration::from_mins(minutes));
            let now = start + SignedDuration::from_mins(minutes);
            let header = ("date".to_owned(), now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
            bench.surroundings.time.learn(&cgwd::cloud::transport::RawResponse {
                status: 200,
                headers: vec![header],
                body: Vec::new().into(),
            });
            chain.current().await.map(|found| found.access_key_id)
        };
        assert_eq!(pass(0).await.as_deref(), Ok("STS.1"));
        assert_eq!(pass(44).await.as_deref(), Ok("STS.1"));
        assert_eq!(pass(46).await.as_deref(), Ok("STS.2"), "a quarter of an hour before its end");
        failing.set(true);
        assert_eq!(pass(46 + 50).await.as_deref(), Ok("STS.2"), "still valid");
        let asked = server.seen().len();
        assert_eq!(pass(46 + 50).await.as_deref(), Ok("STS.2"));
        assert_eq!(server.seen().len(), asked, "not asked again at once");
        assert!(pass(46 + 60).await.is_err(), "over");
        failing.set(false);
        assert_eq!(pass(46 + 61).await.as_deref(), Ok("STS.3"));
    })
    .await;
}

#[tokio::test]
async fn the_provider_that_worked_is_the_only_one_asked_again() {
    local(async {
        let server = Server::start(|seen| match seen.path.as_str() {
            path if path == format!("{ROLE}named") => ok(with_code("STS.ECS")),
            _ => status(404),
        })
        .await;
        let home = Directory::new();
        cli(&home, "ak", &server.base_url);
        let chain = bench(&server, &[("HOME", &home.text()), ("ALIBABA_CLOUD_ECS_METADATA", "named")]).chain();
        let found = chain.current().await.unwrap();
        assert_eq!(found.access_key_id, "id");
        std::fs::remove_dir_all(home.0.join(".aliyun")).unwrap();
        assert_eq!(chain.current().await.unwrap().access_key_id, "id");
        chain.reject(&found);
        let error = chain.current().await.unwrap_err();
        assert_eq!(error.tried.len(), 1, "another provider is another identity: {error}");
    })
    .await;
}

#[tokio::test]
async fn a_refused_session_is_renewed_once_in_the_middle_of_a_call() {
    local(async {
        let calls = Rc::new(Cell::new(0));
        let count = calls.clone();
        let server = Server::start(move |seen| {
            if seen.query.contains_key("Action") {
                return ok(json!({"RequestId": "R", "Credentials": session(&format!("STS.{}", count.get()))}));
            }
            count.set(count.get() + 1);
            let known =
                seen.head.contains("x-acs-accesskey-id: sts.1\r\n") && seen.head.contains("x-acs-security-token: canary-session-token\r\n");
            match known {
                true => ok(json!({"RequestId": "R", "TotalCount": 0, "CustomerGateways": {"CustomerGateway": []}})),
                false => {
                    (400, String::new(), json!({"RequestId": "R", "Code": "InvalidSecurityToken.Expired", "Message": "m"}).to_string())
                }
            }
        })
        .await;
        let bench = bench(&server, &[("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary")]);
        let role = CredentialSettings { role_arn: Some("r".into()), ..CredentialSettings::default() };
        let Surroundings { transport, endpoints, time, entropy, .. } = bench.surroundings.clone();
        let client = Client::with_chain(transport, bench.chain_with(&role), endpoints, time, entropy);
        assert_eq!(client.customer_gateways("cn-shanghai").await, Ok(Vec::new()));
        assert_eq!(calls.get(), 2);
        assert!(client.last_contact().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_clock_error_of_sts_teaches_the_offset_and_trouble_is_told_as_passing() {
    local(async {
        let ahead = Timestamp::now() + SignedDuration::from_hours(2);
        let server = Server::start(move |seen| {
            let date = format!("date: {}\r\n", ahead.strftime("%a, %d %b %Y %H:%M:%S GMT"));
            let signed: Timestamp = seen.query["Timestamp"].parse().unwrap();
            if ahead.duration_since(signed) > SignedDuration::from_mins(15) {
                return (400, date, json!({"RequestId": "R", "Code": "InvalidTimeStamp.Expired", "Message": "m"}).to_string());
            }
            (200, date, json!({"RequestId": "R", "Credentials": session("STS.LATE")}).to_string())
        })
        .await;
        let keys = [("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-secret")];
        let role = CredentialSettings { role_arn: Some("r".into()), ..CredentialSettings::default() };
        assert_eq!(bench(&server, &keys).chain_with(&role).current().await.unwrap().access_key_id, "STS.LATE");
        assert_eq!(server.seen().len(), 2);

        let down = Server::start(|_| status(503)).await;
        let bench = bench(&down, &keys);
        let Surroundings { transport, endpoints, time, entropy, .. } = bench.surroundings.clone();
        let client = Client::with_chain(transport, bench.chain_with(&role), endpoints, time, entropy);
        let error = client.customer_gateways("cn-shanghai").await.unwrap_err();
        assert_eq!((error.retry, error.certainty), (Retry::Transient, Certainty::DidNotHappen));
        assert_eq!(down.seen().len(), 3, "tried by the provider, not again by the call");
    })
    .await;
}

/// Everything that is logged, also by the libraries.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_secret_is_logged_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    local(async {
        let server = Server::start(|seen| match seen.query.contains_key("Action") {
            true => sts(seen, "id", "canary-secret"),
            false => (400, String::new(), json!({"RequestId": "R-LOG", "Code": "InvalidName", "Message": "m"}).to_string()),
        })
        .await;
        let keys = [("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-secret")];
        let role = CredentialSettings { role_arn: Some("r".into()), ..CredentialSettings::default() };
        let bench = bench(&server, &keys);
        let Surroundings { transport, endpoints, time, entropy, .. } = bench.surroundings.clone();
        let client = Client::with_chain(transport, bench.chain_with(&role), endpoints, time, entropy);
        let change =
            CustomerGatewayChange { name: Some("canary-name".into()), auth_key: Some(Secret::new("canary-key")), description: None };
        client.write(&modify_customer_gateway_attribute("cn-shanghai", "cgw-canary", &change, "canary-token")).await.unwrap_err();
    })
    .await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("R-LOG") && text.contains("ModifyCustomerGatewayAttribute") && text.contains("InvalidName"), "{text}");
    no_canary(&text);
}

#[tokio::test]
async fn connecting_sends_nothing_and_the_settings_make_the_client() {
    local(async {
        let server = Server::start(|_| ok(json!({"RequestId": "R", "Regions": {"Region": [{"RegionId": "cn-shanghai"}]}}))).await;
        let directory = Directory::new().with("id", "file-id").with("secret", "canary");
        let mut settings = settings(&server.base_url);
        settings.credentials.access_key_id_file = Some(directory.0.join("id"));
        settings.credentials.access_key_secret_file = Some(directory.0.join("secret"));
        let client = Client::connect(&settings, Clock::system(), &Environment::default()).unwrap();
        assert!(server.seen().is_empty());
        assert_eq!(client.credentials_source().await.as_deref(), Ok("[cloud.credentials] files"));
        assert_eq!(client.regions().await.unwrap()[0].id, "cn-shanghai");
        settings.endpoint = Some("http://vpc.example.com".into());
        assert!(Client::connect(&settings, Clock::system(), &Environment::default()).is_err());
        no_canary(&format!("{:?}", Credentials::lasting("canary", "canary", "x")));
        assert!(Path::new(&directory.text()).exists());
    })
    .await;
}
