//! `file:PATH`: one address in a text file. The bounded reading is shared with the ASN's file source.

use super::one_address;
use crate::model::Observation;
use rustix::fs::{Mode, OFlags};
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

/// Far more than one address or ASN and a line end need.
const LARGEST: u64 = 1024;

pub fn read(path: &Path) -> Observation<IpAddr> {
    match content(path).and_then(|bytes| one_address::in_text(&bytes).map_err(|reason| reason.replace("the answer", "the file"))) {
        Ok(address) => Observation::Known(address),
        Err(reason) => Observation::Unknown(reason),
    }
}

/// The bytes of a small regular file, or why there are none.
pub fn content(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("could not read {}: {}", path.display(), plain(&error));
    // Without NONBLOCK a named pipe would hold up the whole loop.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = std::fs::File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| cannot(errno.into()))?);
    if !file.metadata().map_err(cannot)?.is_file() {
        return Err(format!("{} is not a regular file", path.display()));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("{} is larger than {LARGEST} bytes; it should hold one value and nothing else", path.display()));
    }
    Ok(bytes)
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied; let the user that cgwd runs as read it".to_owned(),
        _ => error.to_string(),
    }
}
