//! `cgwd simulate` as a process, and a client of its own: signature version 1, so that nothing of the product's client is used.

use ring::hmac;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub const CGWD: &str = env!("CARGO_BIN_EXE_cgwd");
pub const KEY_ID: &str = "LTAI5tOutsideTester";
pub const SECRET: &str = "outside-tester-secret-0a1b2c3d";
pub const REGION: &str = "cn-hangzhou";

/// The simulated cloud on a port of its own; ends with the value.
pub struct Sim {
    child: Child,
    address: SocketAddr,
    _files: tempdir::Dir,
}

impl Sim {
    /// With the seed that the program has built in.
    pub fn empty() -> Sim {
        Sim::start(&json!({}), "")
    }

    /// `region` is what cn-hangzhou holds.
    pub fn with(region: Value) -> Sim {
        Sim::start(&json!({"Regions": {"cn-hangzhou": region}}), "")
    }

    pub fn with_faults(faults: &str) -> Sim {
        Sim::start(&json!({}), faults)
    }

    pub fn start(seed: &Value, faults: &str) -> Sim {
        Sim::start_at(0, seed, faults)
    }

    /// On a port that a device was told before the cloud was there, such as a `ClosedPort`'s; 0 is any free one.
    pub fn start_at(port: u16, seed: &Value, faults: &str) -> Sim {
        let files = tempdir::Dir::new();
        let mut command = Command::new(CGWD);
        command.arg("simulate").arg("--listen").arg(format!("127.0.0.1:{port}"));
        if seed.as_object().is_some_and(|seed| !seed.is_empty()) {
            command.arg("--seed").arg(files.write("seed.json", &seed.to_string()));
        }
        if !faults.is_empty() {
            command.arg("--faults").arg(files.write("faults.toml", faults));
        }
        command.env_clear().env("ALIBABA_CLOUD_ACCESS_KEY_ID", KEY_ID).env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("cgwd can be started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on http://").unwrap_or_else(|| panic!("the simulator said {line:?}"));
        let address = url.parse().unwrap();
        Sim { child, address, _files: files }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// One call, as its JSON answer; an error of the cloud is `{"Code": …}`.
    pub fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Value {
        call(self.address, action, parameters)
    }

    /// Every customer gateway of cn-hangzhou.
    pub fn gateways(&self) -> Vec<Value> {
        self.gateways_in(REGION)
    }

    pub fn gateways_in(&self, region: &str) -> Vec<Value> {
        gateways_in(self, region)
    }

    pub fn only_gateway(&self) -> Value {
        let gateways = self.gateways();
        assert_eq!(gateways.len(), 1, "{gateways:?}");
        gateways[0].clone()
    }

    /// Somebody else's hand in the console.
    pub fn delete_gateway(&self, id: &str) {
        let answer = self.call("DeleteCustomerGateway", &[("RegionId", REGION), ("CustomerGatewayId", id)]);
        assert!(answer.get("Code").is_none(), "{answer}");
    }

    pub fn untag(&self, id: &str, keys: &[&str]) {
        let named: Vec<(String, &str)> = keys.iter().enumerate().map(|(at, key)| (format!("TagKey.{}", at + 1), *key)).collect();
        let mut parameters = vec![("RegionId", REGION), ("ResourceType", "CUSTOMERGATEWAY"), ("ResourceId.1", id)];
        parameters.extend(named.iter().map(|(name, key)| (name.as_str(), *key)));
        let answer = self.call("UnTagResources", &parameters);
        assert!(answer.get("Code").is_none(), "{answer}");
    }

    pub fn create_gateway(&self, ip: &str, tags: &[(&str, &str)]) -> String {
        let mut parameters = vec![("RegionId".to_owned(), REGION), ("IpAddress".to_owned(), ip)];
        for (at, (key, value)) in tags.iter().enumerate() {
            parameters.push((format!("Tags.{}.Key", at + 1), *key));
            parameters.push((format!("Tags.{}.Value", at + 1), *value));
        }
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        let answer = self.call("CreateCustomerGateway", &parameters);
        answer["CustomerGatewayId"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

/// What [`Sim::call`] is, for somebody who holds no `Sim`.
pub fn call(cloud: SocketAddr, action: &str, parameters: &[(&str, &str)]) -> Value {
    read(action, &http_get(cloud, &signed(action, parameters)))
}

/// A simulated cloud, wherever it runs.
pub trait Cloud {
    fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Value;

    /// Every customer gateway of cn-hangzhou.
    fn gateways(&self) -> Vec<Value> {
        gateways_in(self, REGION)
    }
}

fn gateways_in(cloud: &(impl Cloud + ?Sized), region: &str) -> Vec<Value> {
    let answer = cloud.call("DescribeCustomerGateways", &[("RegionId", region), ("PageSize", "50")]);
    answer["CustomerGateways"]["CustomerGateway"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

impl Cloud for Sim {
    fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Value {
        Sim::call(self, action, parameters)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

static NONCE: AtomicU64 = AtomicU64::new(0);

/// The path and query of a GET request for this call.
pub fn signed(action: &str, parameters: &[(&str, &str)]) -> String {
    let mut pairs: Vec<(String, String)> = parameters.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let nonce = format!("{}-{}", std::process::id(), NONCE.fetch_add(1, Ordering::Relaxed));
    for (key, value) in [
        ("Action", action),
        // Transit routers have an API of their own.
        ("Version", if action.contains("TransitRouter") { "2017-09-12" } else { "2016-04-28" }),
        ("Format", "JSON"),
        ("AccessKeyId", KEY_ID),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", &nonce),
        ("Timestamp", &utc_now()),
    ] {
        pairs.push((key.into(), value.into()));
    }
    pairs.sort();
    let query = pairs.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect::<Vec<_>>().join("&");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, format!("{SECRET}&").as_bytes());
    let signature = base64(hmac::sign(&key, format!("GET&%2F&{}", encode(&query)).as_bytes()).as_ref());
    format!("/?{query}&Signature={}", encode(&signature))
}

/// The document in an answer as it came over the wire.
pub fn read(action: &str, answer: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{action}: no HTTP answer: {answer:?}"));
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{action}: {error}: {body}"))
}

/// The tags of a customer gateway as the cloud shows them.
pub fn tag<'a>(gateway: &'a Value, key: &str) -> Option<&'a str> {
    let tags = gateway["Tags"]["Tag"].as_array()?;
    tags.iter().find(|tag| tag["Key"] == key).and_then(|tag| tag["Value"].as_str())
}

fn http_get(address: SocketAddr, target: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => text + &char::from(byte).to_string(),
        _ => text + &format!("%{byte:02X}"),
    })
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn utc_now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = jiff::Timestamp::from_second(seconds as i64).unwrap();
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A directory of a test's own that goes away with the value.
pub mod tempdir {
    use super::*;
    use std::path::PathBuf;

    pub struct Dir(PathBuf);

    impl Dir {
        pub fn new() -> Dir {
            // Process ids repeat, over time and in namespaces: whoever makes the directory has it.
            loop {
                let number = NONCE.fetch_add(1, Ordering::Relaxed);
                let path = std::env::temp_dir().join(format!("cgwd-blackbox-{}-{number}", std::process::id()));
                match std::fs::create_dir(&path) {
                    Ok(()) => return Dir(path),
                    Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists, "{}", path.display()),
                }
            }
        }

        pub fn path(&self) -> &Path {
            &self.0
        }

        pub fn join(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }

        pub fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _gone = std::fs::remove_dir_all(&self.0);
        }
    }
}
