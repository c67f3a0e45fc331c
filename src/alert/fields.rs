//! The fields of an alert by name, as the journal of this device keeps them.

use super::raise::Fields;
use std::collections::BTreeMap;

impl Fields {
    /// The fields that are set, by their name without `CGWD_`, in lower case.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let named = [
            ("device", &self.device),
            ("address_old", &self.address_old),
            ("address_new", &self.address_new),
            ("asn", &self.asn),
            ("customer_gateway_id", &self.customer_gateway_id),
            ("connection_id", &self.connection_id),
            ("request_id", &self.request_id),
            ("plan_id", &self.plan_id),
            ("step", &self.step),
        ];
        named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect()
    }

    /// Names that this version does not know are left out.
    pub fn from_map(map: &BTreeMap<String, String>) -> Fields {
        let field = |name: &str| map.get(name).cloned();
        Fields {
            device: field("device"),
            address_old: field("address_old"),
            address_new: field("address_new"),
            asn: field("asn"),
            customer_gateway_id: field("customer_gateway_id"),
            connection_id: field("connection_id"),
            request_id: field("request_id"),
            plan_id: field("plan_id"),
            step: field("step"),
        }
    }
}
