//! `[replacement]` as used: whether, when and how an outdated customer gateway is replaced.

use super::Window;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacementSettings {
    pub policy: ReplacementPolicy,
    pub strategy: StrategyChoice,
    pub order: OrderChoice,
    /// How long a new address or ASN must have held before a replacement begins.
    pub settle: Duration,
    /// When it may begin, in the device's local time; `None`: at any time.
    pub window: Option<Window>,
    /// At least 1.
    pub max_per_day: u32,
    /// Between the two readings that a destructive call relies on; zero: one right after the other.
    pub recheck: Duration,
    /// How long a tunnel may take to come up again.
    pub verify_timeout: Duration,
    /// Whether tunnels that don't come up are pointed back.
    pub rollback: bool,
    /// No two for the same tunnel.
    pub secrets: Vec<ReplacementSecret>,
}

/// What happens when the registered address or ASN is no longer the device's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplacementPolicy {
    /// Alert and do nothing.
    Alert,
    /// Alert and wait for a person's `cgwd replace`.
    Guided,
    /// Alert, and replace by itself once every gate is passed.
    Auto,
}

/// How a connection is brought to the new customer gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrategyChoice {
    /// Pointed at it in place where the cloud can do that, made again elsewhere.
    Auto,
    /// Made again wherever the cloud lets it be created.
    Recreate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderChoice {
    /// The new customer gateway first, the old one is deleted last.
    NewFirst,
    /// As the cloud documents it: the connections and the old customer gateway are deleted first.
    Documented,
}

/// Where the pre-shared key of a connection lies that the cloud masks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacementSecret {
    pub connection: String,
    /// One tunnel of a dual-tunnel connection; `None`: every tunnel of it that has no entry of its own.
    pub tunnel: Option<String>,
    pub psk_file: PathBuf,
}

impl ReplacementSettings {
    /// Where the key of this tunnel lies: an entry for the tunnel counts before one for the whole connection.
    pub fn psk_file(&self, connection: &str, tunnel: Option<&str>) -> Option<&PathBuf> {
        let of =
            |wanted: Option<&str>| self.secrets.iter().find(|secret| secret.connection == connection && secret.tunnel.as_deref() == wanted);
        tunnel.and_then(|tunnel| of(Some(tunnel))).or_else(|| of(None)).map(|secret| &secret.psk_file)
    }
}

impl ReplacementPolicy {
    pub fn name(self) -> &'static str {
        match self {
            ReplacementPolicy::Alert => "alert",
            ReplacementPolicy::Guided => "guided",
            ReplacementPolicy::Auto => "auto",
        }
    }
}

impl StrategyChoice {
    pub fn name(self) -> &'static str {
        match self {
            StrategyChoice::Auto => "auto",
            StrategyChoice::Recreate => "recreate",
        }
    }
}

impl OrderChoice {
    pub fn name(self) -> &'static str {
        match self {
            OrderChoice::NewFirst => "new-first",
            OrderChoice::Documented => "documented",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(connection: &str, tunnel: Option<&str>, file: &str) -> ReplacementSecret {
        ReplacementSecret { connection: connection.into(), tunnel: tunnel.map(Into::into), psk_file: file.into() }
    }

    #[test]
    fn a_tunnel_s_own_secret_counts_before_its_connection_s() {
        let settings = ReplacementSettings {
            policy: ReplacementPolicy::Guided,
            strategy: StrategyChoice::Auto,
            order: OrderChoice::NewFirst,
            settle: Duration::ZERO,
            window: None,
            max_per_day: 1,
            recheck: Duration::ZERO,
            verify_timeout: Duration::ZERO,
            rollback: true,
            secrets: vec![secret("vco-1", None, "/all"), secret("vco-1", Some("tun-2"), "/two"), secret("vco-2", Some("tun-3"), "/three")],
        };
        let file = |connection, tunnel| settings.psk_file(connection, tunnel).and_then(|path| path.to_str());
        assert_eq!(file("vco-1", None), Some("/all"));
        assert_eq!(file("vco-1", Some("tun-1")), Some("/all"));
        assert_eq!(file("vco-1", Some("tun-2")), Some("/two"));
        assert_eq!((file("vco-2", Some("tun-3")), file("vco-2", Some("tun-4")), file("vco-2", None)), (Some("/three"), None, None));
        assert_eq!(file("vco-3", None), None);
    }
}
