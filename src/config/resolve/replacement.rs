//! `[replacement]` and its `[[replacement.secret]]`.

use super::reader::Reader;
use crate::config::window::window;
use crate::model::{OrderChoice, ReplacementPolicy, ReplacementSecret, ReplacementSettings, StrategyChoice};

impl Reader<'_> {
    pub fn replacement(&mut self) -> Option<ReplacementSettings> {
        let policy = self.word("replacement.policy").map(|word| match word.as_str() {
            "alert" => ReplacementPolicy::Alert,
            "auto" => ReplacementPolicy::Auto,
            _ => ReplacementPolicy::Guided,
        });
        let strategy =
            self.word("replacement.strategy").map(|word| if word == "recreate" { StrategyChoice::Recreate } else { StrategyChoice::Auto });
        let order =
            self.word("replacement.order").map(|word| if word == "documented" { OrderChoice::Documented } else { OrderChoice::NewFirst });
        let settle = self.duration("replacement.settle");
        let window = self.optional("replacement.window", window);
        let max_per_day = self.count("replacement.max_per_day");
        let recheck = self.duration("replacement.recheck");
        let verify_timeout = self.duration("replacement.verify_timeout");
        let rollback = self.flag("replacement.rollback");
        let secrets = self.secrets();
        Some(ReplacementSettings {
            policy: policy?,
            strategy: strategy?,
            order: order?,
            settle: settle?,
            window,
            max_per_day: max_per_day?,
            recheck: recheck?,
            verify_timeout: verify_timeout?,
            rollback: rollback?,
            secrets: secrets?,
        })
    }

    fn secrets(&mut self) -> Option<Vec<ReplacementSecret>> {
        let mut secrets: Vec<ReplacementSecret> = Vec::new();
        let mut whole = true;
        for item in self.items("replacement.secret") {
            match self.secret(&item) {
                None => whole = false,
                Some(secret) if secrets.iter().any(|other| same_place(other, &secret)) => {
                    let origin = self.table_origin(&item);
                    let of = secret.tunnel.map(|tunnel| format!("tunnel `{tunnel}` of ")).unwrap_or_default();
                    let message = format!("{of}`{}` has two entries in [[replacement.secret]]", secret.connection);
                    self.problem(&origin, &item, message, "remove one of the two, or write which `tunnel` it is for");
                    whole = false;
                }
                Some(secret) => secrets.push(secret),
            }
        }
        whole.then_some(secrets)
    }

    fn secret(&mut self, item: &str) -> Option<ReplacementSecret> {
        let connection = self.resource(&format!("{item}.connection"), "vco-");
        let tunnel = self.resource(&format!("{item}.tunnel"), "tun-");
        let psk_file = self.path(&format!("{item}.psk_file"));
        Some(ReplacementSecret { connection: connection?, tunnel, psk_file: psk_file? })
    }
}

fn same_place(one: &ReplacementSecret, other: &ReplacementSecret) -> bool {
    (&one.connection, &one.tunnel) == (&other.connection, &other.tunnel)
}
