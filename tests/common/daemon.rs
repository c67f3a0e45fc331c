//! `cgwd run` as the service manager starts it, listened to on a `NOTIFY_SOCKET`.

use super::device::{Device, alerts};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Far longer than anything takes; only a test that fails waits so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Daemon<'a> {
    pub device: &'a Device,
    child: Child,
    stderr: Arc<Mutex<String>>,
    heard: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl<'a> Daemon<'a> {
    pub fn start(device: &'a Device) -> Daemon<'a> {
        Daemon::start_with(device, |_| {})
    }

    pub fn start_with(device: &'a Device, change: impl FnOnce(&mut Command)) -> Daemon<'a> {
        let mut command = device.command(&["run", "-v"]);
        let socket = device.dir.join("notify");
        let _old = std::fs::remove_file(&socket);
        let manager = UnixDatagram::bind(&socket).unwrap();
        command.env("NOTIFY_SOCKET", &socket);
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        listen(manager, Arc::clone(&heard));
        let stderr = Arc::new(Mutex::new(String::new()));
        let reader = Some(collect(child.stderr.take().unwrap(), Arc::clone(&stderr)));
        Daemon { device, child, stderr, heard, reader }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Every message to the service manager, in order.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    #[track_caller]
    pub fn wait(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let limit = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(
                Instant::now() < limit,
                "waited in vain for {what}; heard {:?}; history {:#?}; stderr:\n{}",
                self.heard(),
                self.device.history(),
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for a message to the service manager that has this line.
    #[track_caller]
    pub fn wait_heard(&self, line: &str) {
        self.wait(line, || self.heard().iter().any(|message| message.lines().any(|heard| heard == line)));
    }

    #[track_caller]
    pub fn wait_status(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut status = Value::Null;
        let stand = &mut status;
        self.wait(what, || {
            *stand = self.device.status();
            is_so(stand)
        });
        status
    }

    #[track_caller]
    pub fn wait_decision(&self, decision: &str) -> Value {
        self.wait_status(&format!("decision {decision}"), |status| status["daemon"] == "running" && status["decision"] == decision)
    }

    /// Waits until the history has this `phase code`, so many times.
    #[track_caller]
    pub fn wait_alert(&self, alert: &str, times: usize) {
        self.wait(&format!("{times} × {alert}"), || count(&alerts(&self.device.history()), alert) >= times);
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id() as i32).unwrap(), signal).unwrap();
    }

    /// Waits for its end; `None` after a time far beyond the promised 5 s.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let limit = Instant::now() + PATIENCE;
        while Instant::now() < limit {
            if let Some(status) = self.child.try_wait().unwrap() {
                if let Some(reader) = self.reader.take() {
                    reader.join().unwrap();
                }
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    /// SIGTERM; it must end in order. Prints how long that took.
    #[track_caller]
    pub fn stop(&mut self) -> String {
        let asked = Instant::now();
        self.signal(Signal::TERM);
        let status = self.ended().unwrap_or_else(|| panic!("it did not end:\n{}", self.stderr()));
        println!("stopped {:?} after SIGTERM", asked.elapsed());
        assert_eq!(status.code(), Some(0), "{}", self.stderr());
        self.stderr()
    }

    /// As a power cut would.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended().expect("a killed process ends");
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub fn count(all: &[String], one: &str) -> usize {
    all.iter().filter(|each| *each == one).count()
}

fn listen(manager: UnixDatagram, heard: Arc<Mutex<Vec<String>>>) {
    // Ends with the test program; a datagram socket tells of no end.
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length) = manager.recv(&mut bytes) {
            heard.lock().unwrap().push(String::from_utf8_lossy(&bytes[..length]).into_owned());
        }
    });
}

fn collect(mut pipe: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut bytes) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    })
}
