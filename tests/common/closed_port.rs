//! A port at which whoever connects is refused.

use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpSocket;

/// Bound and never listening: while the value lives, the kernel refuses connections at this port and gives it to nobody who asks for
/// any free one. A port that was merely free a moment ago can be another test's simulator by now.
pub struct ClosedPort {
    address: SocketAddr,
    _bound: TcpSocket,
}

impl ClosedPort {
    pub fn reserve() -> ClosedPort {
        let socket = TcpSocket::new_v4().unwrap();
        // Who names this very port, as `Sim::start_at` does, may still listen at it.
        socket.set_reuseaddr(true).unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        ClosedPort { address: socket.local_addr().unwrap(), _bound: socket }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn number(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
