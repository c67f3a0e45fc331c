//! What `check`, `plan` and `register` begin with: the configuration, the readings, what they add up to.

use super::Context;
use super::exit::{Exit, Failure};
use crate::cloud::client::Client;
use crate::config::{self, Loaded};
use crate::daemon::want::{Wanted, wanted};
use crate::daemon::{Examined, echo_options, examine, with_causes};
use crate::execute::locate::{Located, locate};
use crate::facts::findings;
use crate::journal::replay::Progress;
use crate::journal::store::FILE;
use crate::journal::{Journal, JournalError};
use crate::model::{AddressSource, Asn, Finding, RouteTarget, Settings};
use crate::observe::{Observed, Observer};
use crate::plan::{Decision, Gate};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

pub struct Survey {
    pub settings: Settings,
    pub observed: Observed,
    pub examined: Examined,
    /// What the journal says; `None` where there is none yet.
    pub progress: Option<Progress>,
    /// Why the journal cannot be read, where that is so.
    pub unreadable: Option<Finding>,
}

impl Context {
    pub fn load(&self) -> Result<Loaded, Failure> {
        config::load(&self.config_path, &self.environment, &self.host_name).map_err(|error| {
            Failure::new(Exit::Usage, error.to_string().trim_end().to_owned(), "`cgwd config check` shows the same at any time")
        })
    }

    /// For who only looks: the state directory, and the configuration, or what is wrong with it where it tells all the same where the
    /// state is. Where there is nothing to look at, that is what there is to say; else it goes to stderr beside it.
    pub fn load_to_look(&self) -> Result<(PathBuf, Result<Settings, Failure>), Failure> {
        let failure = match self.load() {
            Ok(loaded) => return Ok((loaded.settings.state_directory.clone(), Ok(loaded.settings))),
            Err(failure) => failure,
        };
        match config::state_directory(&self.config_path, &self.environment, |directory| directory.join(FILE).exists()) {
            Some(directory) => Ok((directory, Err(failure))),
            None => Err(failure),
        }
    }

    pub fn client(&self, settings: &Settings) -> Result<Client, Failure> {
        let made = match &self.transport {
            None => Client::connect(&settings.cloud, self.clock.clone(), &self.environment),
            Some(transport) => Client::connect_through(Rc::clone(transport), &settings.cloud, self.clock.clone(), &self.environment),
        };
        made.map_err(|error| {
            Failure::new(Exit::Usage, crate::daemon::with_causes(&error), "correct the `[cloud]` table of the configuration")
        })
    }

    pub async fn locate(&self, client: &Client, settings: &Settings, progress: Option<&Progress>) -> Result<Located, Failure> {
        let known = progress.map(|progress| progress.regions.clone()).unwrap_or_default();
        Ok(locate(client, &settings.cloud, &known).await?)
    }

    /// Asks every source. With `route:vpn-gateway` the cloud's own address must be asked for first.
    pub async fn survey(&self, settings: Settings) -> Result<Survey, Failure> {
        let mut unreadable = None;
        let progress = match Journal::open_to_read(&settings.state_directory) {
            Ok(journal) => journal.map(|journal| journal.progress().clone()),
            Err(error @ (JournalError::Newer { .. } | JournalError::Damaged { .. } | JournalError::Corrupt(_))) => return Err(error.into()),
            Err(error) => {
                let message = format!("{}: whether a replacement is open and what was done today is not known", with_causes(&error));
                unreadable = Some(Finding::warning(findings::STATE_UNREADABLE, message, error.remedy()));
                None
            }
        };
        let towards_the_cloud = settings.address.sources.contains(&AddressSource::Route(RouteTarget::VpnGateway));
        let cloud_addresses = match towards_the_cloud {
            false => Vec::new(),
            true => match self.locate(&self.client(&settings)?, &settings, progress.as_ref()).await {
                Ok(located) => located.cloud_addresses,
                Err(failure) => {
                    tracing::warn!(reason = failure.message, "the cloud's own address is not known");
                    Vec::new()
                }
            },
        };
        let observer = Observer::new(&settings.address, settings.bgp.as_ref(), echo_options(&settings));
        let observed = observer.observe(&cloud_addresses).await;
        let asn_before = progress.as_ref().and_then(|progress| progress.asn.as_ref()).and_then(|settled| settled.value).and_then(Asn::new);
        let examined = examine(&observed, &settings, asn_before);
        Ok(Survey { settings, observed, examined, progress, unreadable })
    }
}

impl Survey {
    pub fn wanted(&self) -> Option<Wanted> {
        let address = self.examined.address.as_ref()?;
        let asn = self.examined.asn.as_ref().map(|asn| asn.asn);
        let settled = if self.is_settled() { "settled" } else { "seen now" };
        wanted(Some(address.value), &format!("{}, {settled}", address.source), asn, &self.examined.findings)
    }

    /// Whether the reading is the one that the daemon has seen hold, or none needs to hold.
    pub fn is_settled(&self) -> bool {
        let reading = self.examined.address.as_ref().map(|address| address.value);
        let kept = self.progress.as_ref().and_then(|progress| progress.address.as_ref()).map(|settled| settled.value);
        reading.is_some() && (self.settings.address.settle.is_zero() || kept == reading)
    }

    /// What depends on a journal that cannot be read is not known, and must not look as if it were.
    pub fn doubt(&self, decision: &mut Decision) {
        let Some(finding) = &self.unreadable else { return };
        decision.findings.push(finding.clone());
        let not_known = |name| Gate::refused(name, "not known: the state cannot be read");
        let mut doubtful = vec!["daily_limit"];
        doubtful.extend((!self.settings.address.settle.is_zero()).then_some("settled"));
        for gate in decision.gates.iter_mut().filter(|gate| doubtful.contains(&gate.name)) {
            *gate = not_known(gate.name);
        }
        decision.gates.push(not_known("replacement"));
    }

    /// The region as far as it is known without asking the cloud.
    pub fn configured_region(&self) -> Option<String> {
        let known: BTreeMap<String, String> = self.progress.as_ref().map(|progress| progress.regions.clone()).unwrap_or_default();
        self.settings.cloud.region.clone().or_else(|| known.values().next().cloned())
    }
}
