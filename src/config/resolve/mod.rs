//! From what is written to what is used: defaults, single values, and the rules between keys.
//!
//! Every reader answers `None` where it has noted a problem, so that one mistake never hides the next.

mod reader;
mod replacement;

use super::parse;
use super::problem::{Origin, Problem};
use super::raw::{Entry, Raw, Value};
use crate::facts::names;
use crate::model::{
    AddressSettings, AddressSource, Agreement, BgpSettings, CloudSettings, CredentialSettings, GatewaySettings, Network, Prefix,
    RegistrationPolicy, RouteTarget, Settings, Tags, witness,
};
use crate::system::environment::Environment;
use reader::{Origins, Reader};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const STATE_DIRECTORY: &str = "STATE_DIRECTORY";

pub(super) fn resolve(
    raw: &Raw,
    main: &Path,
    environment: &Environment,
    host_name: &str,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<(Settings, Origins)> {
    let mut reader = Reader { raw, main, origins: Origins::new(), problems, warnings };
    let device = reader.device(host_name);
    let address = reader.address();
    let bgp = reader.bgp();
    let cloud = reader.cloud();
    let gateway = reader.gateway();
    let registration = reader.registration();
    let replacement = reader.replacement();
    let state_directory = reader.state_directory(environment);
    let settings = Settings {
        device: device?,
        address: address?,
        bgp,
        cloud: cloud?,
        gateway,
        registration: registration?,
        replacement: replacement?,
        state_directory: state_directory?,
    };
    Some((settings, reader.origins))
}

/// The one value that is good for something without the others.
pub(super) fn state_directory(raw: &Raw, main: &Path, environment: &Environment) -> Option<(PathBuf, Origins)> {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let mut reader = Reader { raw, main, origins: Origins::new(), problems: &mut problems, warnings: &mut warnings };
    let directory = reader.state_directory(environment)?;
    Some((directory, reader.origins))
}

impl Reader<'_> {
    fn device(&mut self, host_name: &str) -> Option<String> {
        const KEY: &str = "device.name";
        let (name, origin) = match self.text(KEY) {
            Some(placed) => placed,
            None if self.is_broken(KEY) => return None,
            None => (host_name.to_owned(), Origin::HostName),
        };
        self.origins.insert(KEY.to_owned(), origin.clone());
        if let Err(rule) = names::device_name(&name) {
            let (what, remedy) = match origin {
                Origin::HostName => ("the host name", "set `name` in [device]"),
                _ => ("`device.name`", "write for example \"branch-shanghai-01\""),
            };
            self.problem(&origin, KEY, format!("{what} `{name}` {rule}"), remedy);
            return None;
        }
        if origin == Origin::HostName && name.starts_with("localhost") {
            let message = format!("this device is named `{name}` after its host name, which other devices may share");
            self.warnings.push(Problem::new(&origin, KEY, message, "set `name` in [device]"));
        }
        Some(name)
    }

    fn address(&mut self) -> Option<AddressSettings> {
        let network = self.word("address.network").map(|word| if word == "private" { Network::Private } else { Network::Public });
        let sources = self.sources();
        let agreement = self.agreement();
        let settle = self.duration("address.settle");
        let prefer = self.optional("address.prefer", parse::prefix);
        let poll = self.duration("address.poll");
        self.warn_of_idle_prefer(prefer, sources.as_deref());
        Some(AddressSettings { network: network?, sources: sources?, agreement: agreement?, settle: settle?, prefer, poll: poll? })
    }

    fn sources(&mut self) -> Option<Vec<AddressSource>> {
        const KEY: &str = "address.sources";
        let written = self.texts(KEY)?;
        if written.is_empty() && !self.is_broken(KEY) {
            let origin = self.origin(KEY);
            self.problem(&origin, KEY, "`address.sources` is empty", "name at least one source, e.g. [\"interface:eth0\"]");
            return None;
        }
        let whole = self.unique(KEY, &written) && !self.is_broken(KEY);
        let parsed: Vec<Option<AddressSource>> =
            written.iter().map(|(text, origin)| self.parsed(KEY, text, origin, parse::address_source)).collect();
        parsed.into_iter().collect::<Option<Vec<_>>>().filter(|_| whole)
    }

    fn agreement(&mut self) -> Option<Agreement> {
        const KEY: &str = "address.agreement";
        if let Some(Entry { value: Value::Integer(written), origin }) = self.raw.entries.get(KEY) {
            self.origins.insert(KEY.to_owned(), origin.clone());
            return self.quorum(KEY, written, origin);
        }
        self.word(KEY).map(|word| if word == "all" { Agreement::All } else { Agreement::First })
    }

    fn quorum(&mut self, key: &str, written: &str, origin: &Origin) -> Option<Agreement> {
        let (sources, witnesses) = match self.raw.entries.get("address.sources").map(|entry| &entry.value) {
            Some(Value::Texts(sources)) => {
                let witnesses: BTreeSet<&str> = sources.iter().map(|(source, _)| witness(source)).collect();
                (sources.len(), witnesses.len())
            }
            _ => (usize::MAX, usize::MAX),
        };
        match written.parse::<usize>() {
            Ok(count) if (1..=witnesses).contains(&count) => Some(Agreement::Quorum(count)),
            Ok(count) if (1..=sources).contains(&count) => {
                let message =
                    format!("`{key}` asks for {count} independent sources, and there are {witnesses}: URLs of one host fail together");
                self.problem(
                    origin,
                    key,
                    message,
                    "add a source elsewhere, such as `interface:NAME` or an echo service of somebody else's",
                );
                None
            }
            Ok(count) if count > sources => {
                let message = format!("`{key}` asks for {count} sources, and there are {sources}");
                self.problem(origin, key, message, "write \"first\", \"all\" or a smaller number, or add sources");
                None
            }
            _ => {
                self.problem(
                    origin,
                    key,
                    format!("`{key}` is {written}, and must be at least 1"),
                    "write \"first\", \"all\" or a number from 1",
                );
                None
            }
        }
    }

    fn warn_of_idle_prefer(&mut self, prefer: Option<Prefix>, sources: Option<&[AddressSource]>) {
        let has_interface = sources.is_none_or(|sources| sources.iter().any(|source| matches!(source, AddressSource::Interface(_))));
        if prefer.is_some() && !has_interface {
            let origin = self.origin("address.prefer");
            let message = "`address.prefer` has no effect: no source is an interface";
            self.warnings.push(Problem::new(&origin, "address.prefer", message, "remove it, or add an `interface:` source"));
        }
    }

    fn bgp(&mut self) -> Option<BgpSettings> {
        let opened = self.raw.tables.get("bgp").cloned()?;
        let source = self.optional("bgp.source", parse::bgp_source);
        let asn = self.asn();
        let written = ["bgp.source", "bgp.asn"].iter().any(|key| self.is_written(key));
        if !written {
            let remedy = "write `source = …` or `asn = …`, or remove the table: then no ASN is registered";
            self.problem(&opened, "bgp", "[bgp] has neither `source` nor `asn`", remedy);
        }
        Some(BgpSettings { source, asn })
    }

    /// As written: validation reads it, so that a bad one is a finding like any other.
    fn asn(&mut self) -> Option<String> {
        let Entry { value, origin } = self.raw.entries.get("bgp.asn")?;
        self.origins.insert("bgp.asn".to_owned(), origin.clone());
        match value {
            Value::Text(text) | Value::Integer(text) => Some(text.clone()),
            Value::Flag(_) | Value::Texts(_) | Value::TextTable(_) => None,
        }
    }

    fn cloud(&mut self) -> Option<CloudSettings> {
        let region = self.ruled("cloud.region", names::region_id, "write for example \"cn-hangzhou\"");
        let vpn_gateway = self.resource("cloud.vpn_gateway", "vpn-");
        let transit_router = self.resource("cloud.transit_router", "tr-");
        let connections = self.connections();
        let endpoint = self.optional("cloud.endpoint", parse::endpoint);
        let ca_file = self.path("cloud.ca_file");
        let proxy = self.optional("cloud.proxy", parse::proxy);
        let timeout = self.duration("cloud.timeout");
        let credentials = self.credentials();
        self.require_a_place();
        Some(CloudSettings {
            region,
            vpn_gateway,
            transit_router,
            connections: connections?,
            endpoint,
            ca_file,
            proxy,
            timeout: timeout?,
            credentials,
        })
    }

    fn require_a_place(&mut self) {
        const RESOURCES: [&str; 3] = ["cloud.vpn_gateway", "cloud.transit_router", "cloud.connections"];
        let has_resource = RESOURCES.iter().any(|key| self.is_written(key));
        if !has_resource && !self.is_written("cloud.region") {
            let origin = self.table_origin("cloud");
            let message = "[cloud] says neither the region nor how to find it";
            self.missing(&origin, "cloud.region", message, "write `region`, `vpn_gateway`, `transit_router` or `connections`");
        }
        let route = self.raw.entries.get("address.sources").and_then(|entry| match &entry.value {
            Value::Texts(texts) => texts.iter().find(|(text, _)| parse::address_source(text).is_ok_and(|source| is_gateway_route(&source))),
            _ => None,
        });
        if let (false, Some((_, origin))) = (has_resource, route) {
            let message = "`route:vpn-gateway` needs to know which connections";
            self.missing(&origin.clone(), "address.sources", message, "write `vpn_gateway`, `transit_router` or `connections` in [cloud]");
        }
    }

    fn connections(&mut self) -> Option<Vec<String>> {
        const KEY: &str = "cloud.connections";
        if !self.is_written(KEY) {
            self.origins.insert(KEY.to_owned(), Origin::Default);
            return Some(Vec::new());
        }
        let written = self.texts(KEY)?;
        if written.is_empty() && !self.is_broken(KEY) {
            let origin = self.origin(KEY);
            self.problem(&origin, KEY, "`cloud.connections` is empty", "name at least one connection, or remove the key");
        }
        let whole = self.unique(KEY, &written) && !self.is_broken(KEY);
        let ids: Vec<Option<String>> = written.into_iter().map(|(id, origin)| self.resource_at(KEY, "vco-", id, &origin)).collect();
        ids.into_iter().collect::<Option<Vec<_>>>().filter(|_| whole)
    }

    fn credentials(&mut self) -> CredentialSettings {
        const ID: &str = "cloud.credentials.access_key_id_file";
        const SECRET: &str = "cloud.credentials.access_key_secret_file";
        let access_key_id_file = self.path(ID);
        let access_key_secret_file = self.path(SECRET);
        for (one, other) in [(ID, SECRET), (SECRET, ID)] {
            if self.is_written(one) && !self.is_written(other) {
                let origin = self.origin(one);
                let message = format!("`{one}` needs `{}` beside it", last_part(other));
                self.missing(&origin, one, &message, "an AccessKey is an id and a secret: name both files, or neither");
            }
        }
        let role_arn = self.ruled("cloud.credentials.role_arn", names::role_arn, "copy it from the RAM console");
        CredentialSettings { access_key_id_file, access_key_secret_file, role_arn }
    }

    fn gateway(&mut self) -> GatewaySettings {
        let name = self.ruled("gateway.name", names::gateway_name, "write a name as people should see it in the console");
        let description = self.ruled("gateway.description", names::gateway_description, "shorten or reword it, or remove the key");
        let bgp_auth_key_file = self.path("gateway.bgp_auth_key_file");
        let resource_group = self.resource("gateway.resource_group", "rg-");
        let tags = self.tags();
        if bgp_auth_key_file.is_some() && !self.raw.tables.contains_key("bgp") {
            const KEY: &str = "gateway.bgp_auth_key_file";
            let origin = self.origin(KEY);
            let message = format!("`{KEY}` has no effect without BGP");
            self.warnings.push(Problem::new(&origin, KEY, message, "add a [bgp] table, or remove the key"));
        }
        GatewaySettings { name, description, bgp_auth_key_file, resource_group, tags }
    }

    fn tags(&mut self) -> Tags {
        const KEY: &str = "gateway.tags";
        let mut tags = Tags::new();
        let Some(Entry { value: Value::TextTable(written), origin }) = self.raw.entries.get(KEY) else {
            self.origins.insert(KEY.to_owned(), Origin::Default);
            return tags;
        };
        self.origins.insert(KEY.to_owned(), origin.clone());
        for (key, (value, origin)) in written {
            for (what, checked) in [("key", names::tag_key(key)), ("value", names::tag_value(value))] {
                if let Err(rule) = checked {
                    self.problem(origin, KEY, format!("the {what} of tag `{key}` {rule}"), "rename or remove the tag");
                }
            }
            self.origins.insert(format!("{KEY}.{key}"), origin.clone());
            tags.insert(key.clone(), value.clone());
        }
        if let Err(rule) = names::tag_count(&tags) {
            self.problem(origin, KEY, format!("`{KEY}` {rule}"), format!("remove {}", tags.len() - names::USER_TAGS_MAX));
        }
        tags
    }

    fn registration(&mut self) -> Option<RegistrationPolicy> {
        let create = self.flag("registration.create");
        let adopt = self.flag("registration.adopt");
        Some(RegistrationPolicy { create: create?, adopt: adopt? })
    }

    fn state_directory(&mut self, environment: &Environment) -> Option<PathBuf> {
        const KEY: &str = "state.directory";
        let written = self.path(KEY);
        // systemd separates several directories by colons; the first is the service's own.
        let Some(directory) = environment.var(STATE_DIRECTORY).and_then(|value| value.split(':').next()) else { return written };
        let origin = Origin::Environment(STATE_DIRECTORY);
        self.origins.insert(KEY.to_owned(), origin.clone());
        self.parsed(KEY, directory, &origin, parse::absolute_path)
    }
}

fn is_gateway_route(source: &AddressSource) -> bool {
    *source == AddressSource::Route(RouteTarget::VpnGateway)
}

fn last_part(key: &str) -> &str {
    key.rsplit_once('.').map_or(key, |(_, name)| name)
}
