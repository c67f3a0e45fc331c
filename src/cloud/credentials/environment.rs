//! `ALIBABA_CLOUD_ACCESS_KEY_ID`, `_SECRET` and, for a session, `ALIBABA_CLOUD_SECURITY_TOKEN`
//! (cloud/api.md 7; credentials-python provider/env.py).

use super::{Credentials, ProviderError};
use crate::model::Secret;
use crate::system::environment::Environment;

pub fn credentials(environment: &Environment) -> Result<Credentials, ProviderError> {
    let needed = |name: &str| environment.var(name).ok_or_else(|| ProviderError::lasting(format!("{name} is not set")));
    let id = needed("ALIBABA_CLOUD_ACCESS_KEY_ID")?;
    let secret = needed("ALIBABA_CLOUD_ACCESS_KEY_SECRET")?;
    let security_token = environment.var("ALIBABA_CLOUD_SECURITY_TOKEN").map(Secret::new);
    Ok(Credentials { security_token, ..Credentials::lasting(id, secret, "environment") })
}
