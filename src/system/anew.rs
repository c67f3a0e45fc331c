//! This process from its beginning: the same program, arguments and process id, nothing else left of it. The service manager
//! sees no end, so nothing is restarted and nobody is alerted.

use std::convert::Infallible;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Does not come back. Locks and sockets are closed on the way.
///
/// # Errors
/// Where the program can no longer be started.
pub fn begin() -> io::Result<Infallible> {
    let mut arguments = std::env::args_os();
    // The link leads to this very program, also where an upgrade has put another in its place.
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    Err(command.args(arguments).exec())
}
