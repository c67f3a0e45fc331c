//! Questions to the kernel over netlink (`man 7 netlink`): one request, and the messages of its answer.

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with, sockopt};
use std::io;
use std::time::Duration;

/// `struct nlmsghdr`: length, kind, flags, sequence, port.
pub const HEADER: usize = 16;

// linux/netlink.h.
const REQUEST: u16 = 0x1;
const DUMP: u16 = 0x300;
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// The kernel answers at once; whatever takes longer is no answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// The kernel fills at most this into one datagram of a dump.
const DATAGRAM: usize = 64 * 1024;

/// Which part of the kernel is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Route,
    /// IPsec's policies and states. Only with CAP_NET_ADMIN.
    Xfrm,
}

/// One answer, or with [`dump`] all of a table: each message's payload.
///
/// # Errors
/// Where the kernel refuses (the error is its own) or does not answer.
pub fn ask(family: Family, kind: u16, payload: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    exchange(family, kind, REQUEST, payload)
}

/// As [`ask`], for a whole table.
///
/// # Errors
/// As [`ask`].
pub fn dump(family: Family, kind: u16, payload: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    exchange(family, kind, REQUEST | DUMP, payload)
}

fn exchange(family: Family, kind: u16, flags: u16, payload: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let protocol: Option<Protocol> = match family {
        Family::Route => None,
        Family::Xfrm => Some(netlink::XFRM),
    };
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE))?;
    sendto(&socket, &request(kind, flags, payload), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answers = Vec::new();
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let (length, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        for (kind, payload) in messages(&buffer[..length]) {
            match kind {
                DONE => return Ok(answers),
                ERROR => return refused(payload).map(|()| answers),
                _ => answers.push(payload.to_vec()),
            }
        }
        if flags & DUMP == 0 && !answers.is_empty() {
            return Ok(answers);
        }
    }
}

fn request(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let length = (HEADER + payload.len()) as u32;
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    // One question on one socket needs no sequence, and the kernel fills in the port.
    bytes.resize(HEADER, 0);
    bytes.extend(payload);
    bytes
}

/// The kernel's error number, negated; zero says that all is well.
fn refused(payload: &[u8]) -> io::Result<()> {
    match number(payload, 0).map(u32::cast_signed) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::Error::other("the kernel's answer is cut short")),
    }
}

/// Kind and payload of each message in a datagram; what is cut short is left out.
fn messages(datagram: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = number(rest, 0)? as usize;
        let kind = short(rest, 4)?;
        let payload = rest.get(HEADER..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, payload))
    })
}

/// Kind and value of each attribute (`man 7 rtnetlink`); the bits for nesting and byte order are not part of the kind.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    const KIND: u16 = 0x3fff;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(short(rest, 0)?);
        let kind = short(rest, 2)? & KIND;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// An attribute as it goes into a request.
pub fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(((4 + value.len()) as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// 32 bits in the machine's order.
pub fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_ne_bytes(*chunk))
}

/// 16 bits in the machine's order.
pub fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|chunk| u16::from_ne_bytes(*chunk))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_short_is_no_message_and_no_attribute() {
        let two = [request(24, 0, &[1, 2, 3, 4]), request(3, 0, &[])].concat();
        assert_eq!(messages(&two).collect::<Vec<_>>(), [(24, [1, 2, 3, 4].as_slice()), (3, &[])]);
        assert_eq!(messages(&two[..30]).count(), 1);
        assert_eq!(messages(&two[..18]).count(), 0);
        let pair = [attribute(1, b"ab"), attribute(0x8002, &[7; 4])].concat();
        assert_eq!(attributes(&pair).collect::<Vec<_>>(), [(1, b"ab".as_slice()), (2, &[7; 4])]);
        assert_eq!(attributes(&pair[..11]).count(), 1);
        assert_eq!(attributes(&[0; 8]).count(), 0, "a length of nothing must not go round for ever");
    }

    #[test]
    fn the_kernel_s_refusal_is_an_error_of_its_own() {
        assert_eq!(refused(&(-1i32).to_ne_bytes()).unwrap_err().raw_os_error(), Some(1));
        assert!(refused(&0i32.to_ne_bytes()).is_ok());
        assert!(refused(&[0]).is_err());
        // RTM_GETLINK (18) of an interface that does not exist.
        let mut unknown = [0; 16];
        unknown[4..8].copy_from_slice(&i32::MAX.to_ne_bytes());
        assert_eq!(ask(Family::Route, 18, &unknown).unwrap_err().raw_os_error(), Some(rustix::io::Errno::NODEV.raw_os_error()));
    }
}
