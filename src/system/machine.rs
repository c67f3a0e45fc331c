//! Who this machine is.

use ring::hmac;
use std::fmt::Write;
use std::io;
use std::path::Path;

const MACHINE_ID: &str = "/etc/machine-id";

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The kernel's id of this boot (random(4)): 36 characters, another one after each start of the machine.
pub fn boot_id() -> io::Result<String> {
    std::fs::read_to_string(BOOT_ID).map(|id| id.trim().to_owned())
}

/// The kernel's host name up to the first dot; `None` where it is not set.
pub fn host_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let short = name.split('.').next().unwrap_or_default();
    (!short.is_empty() && short != "(none)").then(|| short.to_owned())
}

/// An opaque id of this machine, 32 hexadecimal digits: stable over restarts and reinstallations of cgwd, telling nothing of
/// the machine id it is made from, which machine-id(5) asks not to be shown. `None` where the machine has no id yet.
pub fn device_id() -> io::Result<Option<String>> {
    device_id_of(Path::new(MACHINE_ID))
}

fn device_id_of(path: &Path) -> io::Result<Option<String>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    // Empty or `uninitialized` before the first boot has ended (machine-id(5)).
    Ok(machine_id(&text).map(derive))
}

fn machine_id(text: &str) -> Option<&str> {
    let id = text.trim();
    (id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(id)
}

fn derive(machine_id: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, machine_id.as_bytes());
    let tag = hmac::sign(&key, b"cgwd device id");
    tag.as_ref()[..16].iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn of(text: &str) -> Option<String> {
        let scratch = super::super::scratch::Scratch::new();
        std::fs::write(scratch.join("machine-id"), text).unwrap();
        device_id_of(&scratch.join("machine-id")).unwrap()
    }

    #[test]
    fn the_device_id_is_stable_and_opaque() {
        // printf 'cgwd device id' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        assert_eq!(of(&format!("{ID}\n")).as_deref(), Some("50a5c9f80242ee89a08a8b5ebd235af8"));
    }

    #[test]
    fn a_machine_without_an_id_has_no_device_id() {
        assert_eq!(of("uninitialized\n"), None);
        assert_eq!(of(""), None);
        assert_eq!(device_id_of(Path::new("/nonexistent/machine-id")).unwrap(), None);
    }

    #[test]
    fn the_boot_has_one_id() {
        let id = boot_id().unwrap();
        assert_eq!((id.len(), boot_id().unwrap()), (36, id));
    }

    #[test]
    fn the_host_name_has_no_domain() {
        assert!(host_name().is_none_or(|name| !name.is_empty() && !name.contains('.')));
    }
}
