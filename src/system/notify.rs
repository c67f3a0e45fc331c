//! Tells the service manager how we are (sd_notify(3)): ready, status, alive, reloading, stopping.

use super::environment::Environment;
use sd_notify::NotifyState;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager's ear; silent where nobody listens (`NOTIFY_SOCKET` unset).
#[derive(Debug, Default)]
pub struct Notify {
    manager: Option<Manager>,
    watchdog: Option<Duration>,
}

#[derive(Debug)]
enum Manager {
    /// A path, as systemd gives it.
    Path,
    /// An abstract name, as some container managers give it; the crate knows paths only.
    Abstract(SocketAddr),
}

#[derive(Debug, thiserror::Error)]
#[error("could not tell the service manager")]
pub struct NotifyError(#[from] io::Error);

impl Notify {
    /// From `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. An environment that is not this process's own leaves it silent.
    pub fn from_environment(environment: &Environment) -> Notify {
        let manager = environment.var("NOTIFY_SOCKET").map(|name| match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name).map_or(Manager::Path, Manager::Abstract),
            None => Manager::Path,
        });
        Notify { manager, watchdog: watchdog(environment) }
    }

    pub fn ready(&self, status: &str) -> Result<(), NotifyError> {
        self.send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))])
    }

    /// One line for `systemctl status`.
    pub fn status(&self, status: &str) -> Result<(), NotifyError> {
        self.send(&[NotifyState::Status(&one_line(status))])
    }

    /// We are alive. To be sent by the loop itself, never by a timer that would outlive a stuck loop.
    pub fn alive(&self) -> Result<(), NotifyError> {
        self.send(&[NotifyState::Watchdog])
    }

    /// A reload begins; [`Notify::ready`] ends it (`Type=notify-reload` wants both, with the time of the first).
    pub fn reloading(&self) -> Result<(), NotifyError> {
        self.send(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?, NotifyState::Status("reading the configuration")])
    }

    pub fn stopping(&self, status: &str) -> Result<(), NotifyError> {
        self.send(&[NotifyState::Stopping, NotifyState::Status(&one_line(status))])
    }

    /// How often to say that we are [`alive`](Notify::alive): half the time after which the manager gives us up, as
    /// sd_watchdog_enabled(3) advises. `None` where no watchdog waits.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog
    }

    fn send(&self, states: &[NotifyState]) -> Result<(), NotifyError> {
        match &self.manager {
            None => Ok(()),
            Some(Manager::Path) => Ok(sd_notify::notify(states)?),
            Some(Manager::Abstract(address)) => {
                let message: String = states.iter().map(|state| format!("{state}\n")).collect();
                UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), address)?;
                Ok(())
            }
        }
    }
}

fn watchdog(environment: &Environment) -> Option<Duration> {
    if environment.var("WATCHDOG_PID").is_some_and(|pid| pid != std::process::id().to_string()) {
        return None;
    }
    let micros: u64 = environment.var("WATCHDOG_USEC")?.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros(micros) / 2)
}

/// A line break would begin another variable.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;
    use std::process::Command;

    /// The variable is the process's own, so a child of this test program speaks.
    fn child(socket: &str) {
        let test = "system::notify::tests::speaks_where_it_is_told_to";
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env("NOTIFY_SOCKET", socket)
            .env("CGWD_TEST_SPEAK", "1")
            .output()
            .unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
    }

    #[test]
    fn speaks_where_it_is_told_to() {
        if Environment::of_this_process().var("CGWD_TEST_SPEAK").is_none() {
            return;
        }
        let notify = Notify::from_environment(&Environment::of_this_process());
        notify.ready("in sync").unwrap();
        notify.status("two\nREADY=0 lines").unwrap();
        notify.alive().unwrap();
        notify.stopping("bye").unwrap();
        notify.reloading().unwrap();
    }

    fn heard(manager: &UnixDatagram) -> String {
        manager.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut bytes = [0; 4096];
        let length = manager.recv(&mut bytes).expect("a message arrives");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    fn hears_everything(manager: &UnixDatagram) {
        assert_eq!(heard(manager), "READY=1\nSTATUS=in sync\n");
        assert_eq!(heard(manager), "STATUS=two READY=0 lines\n");
        assert_eq!(heard(manager), "WATCHDOG=1\n");
        assert_eq!(heard(manager), "STOPPING=1\nSTATUS=bye\n");
        let reloading = heard(manager);
        let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.split_once('\n')).unwrap().0;
        assert!(micros.parse::<u128>().unwrap() > 0);
    }

    #[test]
    fn the_manager_hears_each_state() {
        let scratch = Scratch::new();
        let path = scratch.join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        child(path.to_str().unwrap());
        hears_everything(&manager);
    }

    #[test]
    fn an_abstract_socket_is_heard_too() {
        let name = format!("cgwd-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        child(&format!("@{name}"));
        hears_everything(&manager);
    }

    #[test]
    fn without_a_manager_everything_is_silent() {
        let notify = Notify::from_environment(&Environment::default());
        notify.ready("in sync").unwrap();
        assert_eq!(notify.watchdog_interval(), None);
    }

    #[test]
    fn the_watchdog_is_fed_at_half_its_time_and_only_by_the_process_it_waits_for() {
        let own = std::process::id().to_string();
        let interval = |usec: &str, pid: &str| {
            let variables = [("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)];
            watchdog(&Environment::from_iter(variables))
        };
        assert_eq!(interval("120000000", &own), Some(Duration::from_secs(60)));
        assert_eq!(interval("120000000", ""), Some(Duration::from_secs(60)));
        assert_eq!(interval("120000000", "1"), None);
        assert_eq!(interval("0", &own), None);
        assert_eq!(interval("soon", &own), None);
    }
}
