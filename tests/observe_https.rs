//! Echo services over real TLS on loopback: what is a reading and what is not.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test: it writes files and measures real time")]

mod common;
mod lab;

use cgwd::model::{AddressSettings, AddressSource, Agreement, Network, Observation};
use cgwd::observe::{EchoOptions, Observer};
use common::closed_port::ClosedPort;
use lab::Scratch;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const ADDRESS: &str = "203.0.113.7";

/// Certificates by the `openssl` program: an authority and `localhost` signed by it.
fn certificates() -> Option<Scratch> {
    if !lab::is_installed("openssl") {
        common::missing("echo services over TLS", "openssl is not installed");
        return None;
    }
    let directory = Scratch::new("tls");
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    lab::sh(&format!(
        "cd {}; exec 2>&1
         openssl req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj '/CN=cgwd test authority'
         openssl req {key} -keyout server.key -out server.csr -subj /CN=localhost
         echo 'subjectAltName=DNS:localhost,IP:127.0.0.1' > names
         openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
        directory.path().display()
    ));
    Some(directory)
}

/// A service that gives these answers, one to a connection, then the last one for ever. An empty answer is silence.
struct Service {
    port: u16,
    asked: Rc<RefCell<Vec<String>>>,
}

async fn serve(tls: Option<&Scratch>, answers: &[String]) -> Service {
    let acceptor = tls.map(|directory| {
        let chain = CertificateDer::pem_file_iter(directory.path().join("server.pem")).unwrap().collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(directory.path().join("server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Rc::new(RefCell::new(Vec::new()));
    let mut answers: VecDeque<String> = answers.iter().map(|answer| answer.replace("PORT", &port.to_string())).collect();
    let log = asked.clone();
    tokio::task::spawn_local(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
            let log = log.clone();
            match &acceptor {
                None => drop(tokio::task::spawn_local(answer_one(socket, answer, log))),
                Some(acceptor) => {
                    let handshake = acceptor.accept(socket);
                    tokio::task::spawn_local(async move {
                        if let Ok(stream) = handshake.await {
                            answer_one(stream, answer, log).await;
                        }
                    });
                }
            }
        }
    });
    Service { port, asked }
}

async fn answer_one(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: String, log: Rc<RefCell<Vec<String>>>) {
    let mut request = vec![0; 4096];
    let length = stream.read(&mut request).await.unwrap_or(0);
    log.borrow_mut().push(String::from_utf8_lossy(&request[..length]).into_owned());
    if answer.is_empty() {
        return tokio::time::sleep(Duration::from_secs(60)).await;
    }
    // The client hangs up in the middle of what is too long.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn ok(body: &str) -> String {
    response("200 OK", "", body)
}

fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn observer(url: &str, ca_file: Option<PathBuf>, proxy: Option<&str>) -> Observer {
    let settings = AddressSettings {
        network: Network::Public,
        sources: vec![AddressSource::Https { written: url.to_owned(), url: url.to_owned() }],
        agreement: Agreement::First,
        settle: Duration::ZERO,
        prefer: None,
        poll: Duration::from_secs(300),
    };
    Observer::new(&settings, None, EchoOptions { ca_file, proxy: proxy.map(str::to_owned), timeout: Duration::from_millis(1500) })
}

async fn ask(observer: &Observer) -> Observation<IpAddr> {
    observer.observe(&[]).await.addresses.remove(0).value
}

fn known() -> Observation<IpAddr> {
    Observation::Known(ADDRESS.parse().unwrap())
}

fn reason(observation: Observation<IpAddr>) -> String {
    match observation {
        Observation::Unknown(reason) => reason,
        other => panic!("{other:?} instead of a reason"),
    }
}

fn story(story: impl AsyncFnOnce(Scratch)) {
    let Some(certificates) = certificates() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, story(certificates));
}

/// One answer over TLS, asked with the right authority.
async fn over_tls(certificates: &Scratch, answer: String) -> Observation<IpAddr> {
    let service = serve(Some(certificates), &[answer]).await;
    let observer = observer(&format!("https://localhost:{}/ip", service.port), Some(certificates.path().join("ca.pem")), None);
    ask(&observer).await
}

#[test]
fn plain_text_and_json_are_readings() {
    story(async |certificates| {
        for body in [ADDRESS, "203.0.113.7\n", "{\"ip\":\"203.0.113.7\"}", "{\n  \"origin\": \"203.0.113.7\"\n}\n"] {
            assert_eq!(over_tls(&certificates, ok(body)).await, known(), "{body:?}");
        }
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n203.\r\n7\r\n0.113.7\r\n0\r\n\r\n";
        assert_eq!(over_tls(&certificates, chunked.to_owned()).await, known());
        let until_closed = format!("HTTP/1.1 200 OK\r\n\r\n{ADDRESS}");
        assert_eq!(over_tls(&certificates, until_closed).await, known());
    });
}

#[test]
fn whatever_else_comes_is_no_reading() {
    story(async |certificates| {
        let page = format!("<!DOCTYPE html><html><title>Log in to {ADDRESS}</title></html>");
        let cases = [
            (ok(""), "empty"),
            (ok("   \n"), "empty"),
            (ok(&page), "web page"),
            (ok("Apache/1.0.1.1"), "not an address"),
            (ok("proxy 1.0.1.1 via relay"), "other text"),
            (ok("203.0.113.7 198.51.100.9"), "more than one address"),
            (ok("{\"ip\":\"203.0.113.7\",\"query\":\"198.51.100.9\"}"), "more than one address"),
            (ok(&format!("{ADDRESS}{}", " ".repeat(100_000))), "longer than 1024 bytes"),
            (ok(&"x".repeat(100_000)), "longer than 1024 bytes"),
            (format!("HTTP/1.1 200 OK\r\n\r\n{}", "9".repeat(2_000_000)), "longer than 1024 bytes"),
            (response("204 No Content", "", ""), "status 204"),
            (response("206 Partial Content", "", ADDRESS), "status 206"),
            (response("403 Forbidden", "", ADDRESS), "status 403"),
            (response("404 Not Found", "", ADDRESS), "status 404"),
            (response("429 Too Many Requests", "", ADDRESS), "too often"),
            (response("500 Internal Server Error", "", ADDRESS), "status 500"),
            (response("503 Service Unavailable", "", ADDRESS), "status 503"),
            (response("511 Network Authentication Required", "", ADDRESS), "captive portal"),
            (response("304 Not Modified", "", ""), "status 304"),
            (format!("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{ADDRESS}"), "could not be read"),
            (format!("{ADDRESS}\r\n"), "could not be read"),
        ];
        for (answer, why) in cases {
            let reason = reason(over_tls(&certificates, answer.clone()).await);
            let start: String = answer.chars().take(60).collect();
            assert!(reason.contains(why), "{start:?} gave {reason:?}");
        }
    });
}

#[test]
fn redirects_stay_on_the_host() {
    story(async |certificates| {
        let to = |place: &str| response("302 Found", &format!("location: {place}\r\n"), ADDRESS);
        let ask_with = async |answers: &[String]| {
            let service = serve(Some(&certificates), answers).await;
            let url = format!("https://localhost:{}/", service.port);
            (ask(&observer(&url, Some(certificates.path().join("ca.pem")), None)).await, service.asked.borrow().len())
        };
        assert_eq!(ask_with(&[to("/ip"), ok(ADDRESS)]).await, (known(), 2));
        assert_eq!(ask_with(&[to("https://localhost:PORT/ip"), ok(ADDRESS)]).await.0, known());

        let (portal, asked) = ask_with(&[to("https://portal.example/login"), ok(ADDRESS)]).await;
        let why = reason(portal);
        assert!(why.contains("another host (portal.example)") && why.contains("captive portal"), "{why}");
        assert_eq!(asked, 1);
        // Another name of the same machine is another host.
        assert!(reason(ask_with(&[to("https://127.0.0.1:PORT/"), ok(ADDRESS)]).await.0).contains("another host"));
        assert!(reason(ask_with(&[to("http://localhost:PORT/"), ok(ADDRESS)]).await.0).contains("plain http"));
        let (endless, asked) = ask_with(&[to("/again")]).await;
        assert!(reason(endless).contains("again and again"));
        assert!(asked <= 4, "{asked}");
    });
}

#[test]
fn a_certificate_that_is_not_trusted_is_no_reading() {
    story(async |certificates| {
        let service = serve(Some(&certificates), &[ok(ADDRESS)]).await;
        let url = format!("https://localhost:{}/", service.port);
        let why = reason(ask(&observer(&url, None, None)).await);
        assert!(why.contains("could not connect") && why.to_lowercase().contains("certificate"), "{why}");
        assert!(service.asked.borrow().is_empty(), "the question was sent to a stranger");

        // 0.0.0.0 is this machine too, under a name that the certificate does not have.
        let other = format!("https://0.0.0.0:{}/", service.port);
        let why = reason(ask(&observer(&other, Some(certificates.path().join("ca.pem")), None)).await);
        assert!(why.contains("could not connect") && why.contains("not valid for"), "{why}");

        let wrong = certificates.file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        let why = reason(ask(&observer(&url, Some(wrong), None)).await);
        assert!(why.contains("broken.pem"), "{why}");
        let why = reason(ask(&observer(&url, Some("/nonexistent/ca.pem".into()), None)).await);
        assert!(why.contains("/nonexistent/ca.pem"), "{why}");
        let none = certificates.file("empty.pem", "");
        assert!(reason(ask(&observer(&url, Some(none), None)).await).contains("no certificate"));
    });
}

#[test]
fn tls_to_a_plain_service_and_the_other_way_round() {
    story(async |certificates| {
        let ca = || Some(certificates.path().join("ca.pem"));
        let plain = serve(None, &[ok(ADDRESS)]).await;
        assert_eq!(ask(&observer(&format!("http://127.0.0.1:{}/", plain.port), None, None)).await, known());
        assert_eq!(ask(&observer(&format!("http://localhost:{}/", plain.port), None, None)).await, known());
        assert!(reason(ask(&observer(&format!("https://localhost:{}/", plain.port), ca(), None)).await).contains("could not connect"));
        for url in ["http://203.0.113.9/", "http://localhost.example/", "http://127.0.0.1.example/"] {
            let why = reason(ask(&observer(url, None, None)).await);
            assert!(why.contains("plain http is accepted for a loopback address only"), "{url}: {why}");
        }
        assert!(reason(ask(&observer("ftp://localhost/", None, None)).await).contains("not a way"));
        assert!(reason(ask(&observer("https://", None, None)).await).contains("not valid"));
    });
}

#[test]
fn silence_ends_with_the_time_limit_and_a_closed_port_at_once() {
    story(async |certificates| {
        let started = Instant::now();
        let why = reason(over_tls(&certificates, String::new()).await);
        assert_eq!(why, "no answer within 1.5 s");
        assert!(started.elapsed() >= Duration::from_millis(1500));

        let closed = ClosedPort::reserve();
        let why = reason(ask(&observer(&format!("https://localhost:{}/", closed.number()), None, None)).await);
        assert!(why.contains("could not connect over IPv4") && why.contains("refused"), "{why}");
    });
}

#[test]
fn the_query_is_in_no_reading() {
    story(async |certificates| {
        let ca = || Some(certificates.path().join("ca.pem"));
        let secret = "token=canary-7f3a";
        let good = serve(Some(&certificates), &[ok(ADDRESS)]).await;
        let bad = serve(Some(&certificates), &[response("500 Oops", "", "")]).await;
        let silent = serve(Some(&certificates), &[String::new()]).await;
        let closed = ClosedPort::reserve();
        for port in [good.port, bad.port, silent.port, closed.number()] {
            for (host, ca) in [("localhost", ca()), ("localhost", None), ("unresolvable.invalid", ca())] {
                let observed = observer(&format!("https://{host}:{port}/?{secret}"), ca, None).observe(&[]).await;
                let shown = format!("{observed:?}");
                assert!(!shown.contains("canary"), "{shown}");
            }
        }
        assert!(good.asked.borrow().iter().any(|request| request.contains(secret)), "the service must still get it");
    });
}

#[test]
fn the_proxy_is_not_asked_for_our_address() {
    story(async |certificates| {
        let proxy = serve(None, &[ok("198.51.100.200")]).await;
        let service = serve(Some(&certificates), &[ok(ADDRESS)]).await;
        let through = format!("http://127.0.0.1:{}", proxy.port);
        let url = format!("https://localhost:{}/", service.port);
        assert_eq!(ask(&observer(&url, Some(certificates.path().join("ca.pem")), Some(&through))).await, known());
        let closed = ClosedPort::reserve();
        let why = reason(ask(&observer(&format!("https://localhost:{}/", closed.number()), None, Some(&through))).await);
        assert!(why.contains("asked directly"), "{why}");
        assert!(proxy.asked.borrow().is_empty());
    });
}
