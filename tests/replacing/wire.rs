//! A wire between the device and the cloud that a test holds in its hand: it hears every call, and may cut it, change the answer,
//! or do something at that very moment, such as ending the process that waits for the answer.

use crate::common::simulated::Sim;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

#[derive(Clone, Debug)]
pub struct Call {
    pub action: String,
    /// Query and body as they were sent.
    pub parameters: String,
    /// Which write of this wire it is, from 1; 0 of a reading, or of a mere trial.
    pub write: usize,
    pub at: Instant,
}

/// Before the cloud gets it; after the cloud has done it, while the caller still waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Pass,
    /// The caller sees the connection break.
    Cut,
}

/// Answers what becomes of a call; may change the answer's body in the moment after it.
type Rule = dyn Fn(&Call, Moment, &mut String) -> Fate + Send + Sync;

pub struct Wire {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Call>>>,
    ended: Arc<AtomicBool>,
}

impl Wire {
    pub fn to(sim: &Sim, rule: impl Fn(&Call, Moment, &mut String) -> Fate + Send + Sync + 'static) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let cloud = SocketAddr::from(([127, 0, 0, 1], sim.port()));
        let (heard, ended) = (Arc::<Mutex<Vec<Call>>>::default(), Arc::new(AtomicBool::new(false)));
        let (told, over, rule): (_, _, Arc<Rule>) = (heard.clone(), ended.clone(), Arc::new(rule));
        std::thread::spawn(move || {
            while let Ok((caller, _)) = listener.accept() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (told, rule) = (told.clone(), rule.clone());
                std::thread::spawn(move || drop(carry(caller, cloud, &told, &*rule)));
            }
        });
        Wire { address, heard, ended }
    }

    /// One that only listens.
    pub fn listening(sim: &Sim) -> Wire {
        Wire::to(sim, |_, _, _| Fate::Pass)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn calls(&self) -> Vec<Call> {
        self.heard.lock().unwrap().clone()
    }

    /// The actions of the writes, in the order in which they were sent.
    pub fn writes(&self) -> Vec<String> {
        self.calls().into_iter().filter(|call| call.write > 0).map(|call| call.action).collect()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // The listening thread looks up.
        let _woken = TcpStream::connect(self.address);
    }
}

/// Everything that comes over one connection of the caller, each on a connection of its own to the cloud.
fn carry(caller: TcpStream, cloud: SocketAddr, heard: &Mutex<Vec<Call>>, rule: &Rule) -> std::io::Result<()> {
    let mut from_caller = BufReader::new(caller.try_clone()?);
    let mut to_caller = caller;
    while let Some((head, body)) = message(&mut from_caller)? {
        let call = call(&head, &body, heard);
        if rule(&call, Moment::Before, &mut String::new()) == Fate::Cut {
            return Ok(());
        }
        let mut to_cloud = TcpStream::connect(cloud)?;
        // In one piece: two small ones would wait for each other's acknowledgement.
        to_cloud.write_all(&[head.as_bytes(), &body].concat())?;
        let Some((head, body)) = message(&mut BufReader::new(to_cloud))? else { return Ok(()) };
        let mut answer = String::from_utf8_lossy(&body).into_owned();
        if rule(&call, Moment::After, &mut answer) == Fate::Cut {
            return Ok(());
        }
        to_caller.write_all((with_length(&head, answer.len()) + &answer).as_bytes())?;
    }
    Ok(())
}

/// Head and body of an HTTP message; `None` where the other side has no more to say.
fn message(stream: &mut impl BufRead) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let mut body = vec![0; header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok(Some((head, body)))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn with_length(head: &str, length: usize) -> String {
    let mut lines: Vec<String> =
        head.trim_end().lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length:")).map(str::to_owned).collect();
    lines.push(format!("content-length: {length}\r\n\r\n"));
    lines.join("\r\n")
}

fn call(head: &str, body: &[u8], heard: &Mutex<Vec<Call>>) -> Call {
    let action = header(head, "x-acs-action").unwrap_or_default().to_owned();
    let parameters = format!("{}\n{}", head.lines().next().unwrap_or_default(), String::from_utf8_lossy(body));
    let reads = ["Describe", "List", "Get", "Diagnose", "Download"].iter().any(|read| action.starts_with(read));
    let mut heard = heard.lock().unwrap();
    let writes = heard.iter().filter(|call| call.write > 0).count();
    let write = if reads || parameters.contains("DryRun=true") { 0 } else { writes + 1 };
    heard.push(Call { action, parameters, write, at: Instant::now() });
    heard[heard.len() - 1].clone()
}
