//! The real transport against servers on this machine: what reached whom, and what failures are taken to mean.

#![allow(clippy::unwrap_used)]

#[path = "common/closed_port.rs"]
#[allow(dead_code, reason = "each test program uses its own part of it")]
mod closed_port;

use cgwd::cloud::https::{Https, HttpsError};
use cgwd::cloud::transport::{RawResponse, SignedRequest, Transport, TransportError};
use cgwd::model::{CloudSettings, CredentialSettings};
use closed_port::ClosedPort;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn settings(timeout: Duration) -> CloudSettings {
    CloudSettings {
        region: Some("cn-shanghai".into()),
        vpn_gateway: None,
        transit_router: None,
        connections: Vec::new(),
        endpoint: None,
        ca_file: Some(tls_data("authority.pem")),
        proxy: None,
        timeout,
        credentials: CredentialSettings::default(),
    }
}

fn tls_data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

fn request(base_url: &str) -> SignedRequest {
    SignedRequest {
        method: "POST",
        base_url: base_url.to_owned(),
        path: "/".into(),
        query: "AuthKey=canary-secret&Name=a%20b".into(),
        headers: vec![("authorization".into(), "canary-signature".into())],
        body: b"a=b".to_vec(),
        action: "Test".into(),
    }
}

async fn send_within(base_url: &str, timeout: Duration) -> Result<RawResponse, TransportError> {
    let result = Https::for_cloud(&settings(timeout)).unwrap().send(request(base_url)).await;
    if let Err(error) = &result {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("canary") && !shown.contains("AuthKey"), "{shown}");
    }
    result
}

async fn send(base_url: &str) -> Result<RawResponse, TransportError> {
    send_within(base_url, Duration::from_secs(10)).await
}

/// Serves each connection with `serve`, which gets what came up to the end of the request.
fn server(serve: impl Fn(&mut TcpStream, String) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let text = head_and_body(&mut stream);
            serve(&mut stream, text);
        }
    });
    address
}

fn head_and_body(stream: &mut impl Read) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.ends_with("a=b") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
        }
    }
    text
}

fn tls_server(certificate: &str) -> SocketAddr {
    let chain = vec![CertificateDer::from_pem_file(tls_data(certificate)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(tls_data("server.key")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut tls = rustls::StreamOwned::new(rustls::ServerConnection::new(config.clone()).unwrap(), stream);
            if head_and_body(&mut tls).is_empty() {
                continue;
            }
            let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
            let _ = tls.flush();
        }
    });
    address
}

fn reason(result: Result<RawResponse, TransportError>) -> (bool, String) {
    match result.unwrap_err() {
        TransportError::NotSent { reason, .. } => (false, reason),
        TransportError::NoAnswer { reason, .. } => (true, reason),
    }
}

#[tokio::test]
async fn a_request_goes_out_exactly_as_it_was_signed() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let address = server(move |stream, text| {
        sender.send(text).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nX-Acs-Retry-After: 7\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    });
    let answer = send(&format!("http://{address}")).await.unwrap();
    assert_eq!((answer.status, answer.header("x-acs-retry-after"), &*answer.body.bytes()), (200, Some("7"), &b"{}"[..]));
    let text = receiver.recv().unwrap();
    assert!(text.starts_with("POST /?AuthKey=canary-secret&Name=a%20b HTTP/1.1\r\n"), "{text}");
    assert!(text.contains(&format!("host: {address}\r\n")) && text.contains("authorization: canary-signature\r\n"), "{text}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let address =
        server(|stream, _| stream.write_all(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").unwrap());
    assert_eq!(send(&format!("http://{address}")).await.unwrap().status, 302);
}

#[tokio::test]
async fn what_cannot_be_reached_was_not_sent() {
    let nobody = ClosedPort::reserve();
    for base_url in [
        nobody.url(),
        format!("https://{}", nobody.address()),
        "https://no-such-name.invalid".to_owned(),
        "http://vpc.example.com".to_owned(),
        "http://100.100.100.200".to_owned(),
    ] {
        let (maybe, reason) = reason(send(&base_url).await);
        assert!(!maybe, "{base_url}: {reason}");
    }
}

#[tokio::test]
async fn what_broke_after_sending_may_have_arrived() {
    let cut_short = server(|stream, _| stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{").unwrap());
    let nothing = server(|_, _| {});
    let nonsense = server(|stream, _| stream.write_all(b"SSH-2.0-OpenSSH\r\n\r\n").unwrap());
    let too_long = server(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
    });
    for address in [cut_short, nothing, nonsense, too_long] {
        let (maybe, reason) = reason(send(&format!("http://{address}")).await);
        assert!(maybe && !reason.is_empty(), "{reason}");
    }
    let silent = server(|_, _| std::thread::sleep(Duration::from_secs(60)));
    let started = Instant::now();
    let (maybe, reason) = reason(send_within(&format!("http://{silent}"), Duration::from_millis(300)).await);
    assert!(maybe && reason.contains("time limit") && started.elapsed() < Duration::from_secs(30), "{reason}");
}

#[tokio::test]
async fn a_certificate_must_be_good_and_the_clock_is_named_where_it_is_the_likely_cause() {
    let good = tls_server("good.pem");
    assert_eq!(send(&format!("https://{good}")).await.unwrap().status, 200);
    for certificate in ["expired.pem", "early.pem"] {
        let (maybe, reason) = reason(send(&format!("https://{}", tls_server(certificate))).await);
        assert!(!maybe && reason.contains("check this device's clock"), "{certificate}: {reason}");
    }
    let without_authority = CloudSettings { ca_file: None, ..settings(Duration::from_secs(10)) };
    let (maybe, reason) = reason(Https::for_cloud(&without_authority).unwrap().send(request(&format!("https://{good}"))).await);
    assert!(!maybe && reason.contains("signed by \"cgwd test authority\"") && reason.contains("ca_file"), "{reason}");
}

#[tokio::test]
async fn plain_http_to_the_metadata_service_is_for_its_own_transport() {
    let metadata = Https::for_metadata();
    let error = metadata.send(request("http://10.0.0.1")).await.unwrap_err();
    assert!(error.to_string().contains("plain http"), "{error}");
}

#[tokio::test]
async fn only_the_proxy_of_the_settings_counts() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let proxy = server(move |stream, text| {
        sender.send(text).unwrap();
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    });
    let with_proxy = CloudSettings { proxy: Some(format!("http://{proxy}")), ..settings(Duration::from_millis(600)) };
    let (maybe, _) = reason(Https::for_cloud(&with_proxy).unwrap().send(request("https://vpc.example.com")).await);
    assert!(!maybe);
    assert!(receiver.recv().unwrap().starts_with("CONNECT vpc.example.com:443 "));
}

#[test]
fn settings_that_cannot_be_used_are_named_at_once() {
    let missing = CloudSettings { ca_file: Some("/nonexistent/ca.pem".into()), ..settings(Duration::from_secs(1)) };
    assert!(matches!(Https::for_cloud(&missing), Err(HttpsError::CaFile { .. })));
    let no_certificate = CloudSettings { ca_file: Some(tls_data("server.key")), ..settings(Duration::from_secs(1)) };
    assert!(matches!(Https::for_cloud(&no_certificate), Err(HttpsError::CaFile { .. })));
    let proxy = CloudSettings { proxy: Some("::canary::".into()), ..settings(Duration::from_secs(1)) };
    let error = Https::for_cloud(&proxy).err().unwrap();
    assert!(!format!("{error} {error:?}").contains("canary"));
}
