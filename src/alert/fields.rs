//! The fields of an alert by name: one table for the journal of this device and the system's.

use super::raise::Fields;
use std::collections::BTreeMap;

/// Every field with its name in the system's journal. A macro, since tracing wants field names at compile time: `$then!` gets
/// what comes before it in brackets, then the table.
macro_rules! each_field {
    ($then:ident $($before:tt)*) => {
        $then! { [$($before)*]
            device: CGWD_DEVICE,
            address_old: CGWD_ADDRESS_OLD,
            address_new: CGWD_ADDRESS_NEW,
            asn: CGWD_ASN,
            customer_gateway_id: CGWD_CUSTOMER_GATEWAY_ID,
            connection_id: CGWD_CONNECTION_ID,
            request_id: CGWD_REQUEST_ID,
            plan_id: CGWD_PLAN_ID,
            step: CGWD_STEP,
        }
    };
}
pub(super) use each_field;

macro_rules! list {
    ([$fields:expr] $($field:ident: $name:ident,)*) => {
        [$((stringify!($field), stringify!($name), $fields.$field.as_deref())),*]
    };
}

macro_rules! read {
    ([$map:ident] $($field:ident: $name:ident,)*) => {
        Fields { $($field: $map.get(stringify!($field)).cloned()),* }
    };
}

impl Fields {
    /// The fields that are set: name, name in the system's journal, value.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        each_field!(list self).into_iter().filter_map(|(name, journal, value)| Some((name, journal, value?)))
    }

    /// The fields that are set, by their name without `CGWD_`, in lower case.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.named().map(|(name, _, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Names that this version does not know are left out.
    pub fn from_map(map: &BTreeMap<String, String>) -> Fields {
        each_field!(read map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_comes_back_and_has_its_name_in_the_system_s_journal() {
        let names = "device address_old address_new asn customer_gateway_id connection_id request_id plan_id step";
        let map: BTreeMap<String, String> = names.split(' ').map(|name| (name.to_owned(), format!("the {name}"))).collect();
        let fields = Fields::from_map(&map);
        assert_eq!(fields.to_map(), map);
        assert_eq!(fields.named().count(), 9);
        for (name, journal, value) in fields.named() {
            assert_eq!((journal, value), (format!("CGWD_{}", name.to_uppercase()).as_str(), format!("the {name}").as_str()));
        }
    }
}
