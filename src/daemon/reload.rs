//! SIGHUP: the new configuration, or the old one and an alert.

use super::{Background, Daemon, observer};
use crate::config;
use crate::model::Settings;
use crate::observe::{Settle, Watch};
use crate::system::wake::since_boot;
use std::rc::Rc;

/// What the configuration names in the cloud.
fn resources(settings: &Settings) -> (&Option<String>, &Option<String>, &[String]) {
    let cloud = &settings.cloud;
    (&cloud.vpn_gateway, &cloud.transit_router, &cloud.connections)
}

impl Daemon {
    pub(super) fn reload(&mut self) {
        if let Err(error) = self.notify.reloading() {
            tracing::debug!(%error, "the service manager could not be told");
        }
        match config::load(&self.config_path, &self.environment, &self.host_name) {
            Ok(loaded) => self.adopt_settings(loaded.settings),
            Err(error) => {
                self.config_problem = Some(format!("the new configuration was refused, the old one stays in force: {error}"));
            }
        }
        self.tell_ready();
    }

    fn adopt_settings(&mut self, settings: Settings) {
        if settings.state_directory != self.settings.state_directory {
            tracing::warn!("`[state] directory` changed; it takes effect at the next start");
        }
        let background =
            match Background::connect(&settings, &self.clock, &self.environment, self.state.journal(), self.background.transport()) {
                Ok(background) => background,
                Err(error) => {
                    let why = super::with_causes(&error);
                    self.config_problem = Some(format!("the new configuration was refused, the old one stays in force: {why}"));
                    return;
                }
            };
        self.config_problem = None;
        self.background.replace(background);
        let sources_changed = settings.address.sources != self.settings.address.sources
            || settings.bgp.as_ref().map(|bgp| (&bgp.source, &bgp.asn)) != self.settings.bgp.as_ref().map(|bgp| (&bgp.source, &bgp.asn));
        self.observer = Rc::new(observer(&settings));
        if sources_changed {
            self.watch = Watch::new(&settings.address, settings.bgp.as_ref());
            self.observed = None;
            self.address = Settle::restored(self.address.settled().copied());
            self.asn = Settle::restored(self.asn.settled().copied());
        }
        if resources(&settings) != resources(&self.settings) {
            self.cloud.addresses.clear();
        }
        self.settings = settings;
        self.cloud.generation += 1;
        self.asking.at_once(since_boot());
        self.look_again();
        self.cloud.report = None;
        self.cloud.looked_for = None;
        self.replacing.forget_refusals();
        tracing::info!("configuration reloaded");
    }
}
