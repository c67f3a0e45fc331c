//! `file:PATH`: one ASN in a text file.

use super::one_word;
use crate::model::Observation;
use crate::observe::file::content;
use std::path::Path;

pub fn read(path: &Path) -> Observation<String> {
    match content(path).and_then(|bytes| one_word(&bytes).map_err(|reason| reason.replace("the answer", "the file"))) {
        Ok(asn) => Observation::Known(asn),
        Err(reason) => Observation::Unknown(reason),
    }
}
