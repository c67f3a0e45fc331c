//! The official libraries' credentials file, `~/.alibabacloud/credentials.ini` or, as some manuals write it,
//! `~/.alibabacloud/credentials` (cloud/api.md 7; credentials-python provider/profile.py).

use super::sts::{self, RoleRequest};
use super::{Credentials, ProviderError, Surroundings, files, metadata};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The keys and values of one section; keys in lower case.
type Section = BTreeMap<String, String>;

pub async fn credentials(surroundings: &Surroundings) -> Result<Credentials, ProviderError> {
    let path = path(surroundings)?;
    let wanted = surroundings.environment.var("ALIBABA_CLOUD_PROFILE").unwrap_or("default");
    let section = sections(&files::text(&path)?).remove(wanted);
    let section = section.ok_or_else(|| ProviderError::lasting(format!("{} has no section [{wanted}]", path.display())))?;
    let credentials = of_section(surroundings, &section).await?;
    Ok(Credentials { source: format!("credentials file [{wanted}]"), ..credentials })
}

fn path(surroundings: &Surroundings) -> Result<PathBuf, ProviderError> {
    if let Some(path) = surroundings.environment.var("ALIBABA_CLOUD_CREDENTIALS_FILE") {
        return Ok(PathBuf::from(path));
    }
    let directory = surroundings.home()?.join(".alibabacloud");
    let with_ending = directory.join("credentials.ini");
    let without = directory.join("credentials");
    Ok(if !with_ending.exists() && without.exists() { without } else { with_ending })
}

async fn of_section(surroundings: &Surroundings, section: &Section) -> Result<Credentials, ProviderError> {
    let value = |name: &str| section.get(name).filter(|value| !value.is_empty()).cloned();
    let needed = |name: &str| value(name).ok_or_else(|| ProviderError::lasting(format!("the section has no {name}")));
    let keys = || Ok(Credentials::lasting(&needed("access_key_id")?, &needed("access_key_secret")?, "credentials file"));
    let role = || -> Result<RoleRequest, ProviderError> {
        Ok(RoleRequest { session_name: value("role_session_name"), policy: value("policy"), ..RoleRequest::of(&needed("role_arn")?) })
    };
    match value("type").as_deref() {
        Some("access_key") => keys(),
        Some("ram_role_arn") => sts::assume_role(surroundings, &keys()?, &role()?).await,
        Some("oidc_role_arn") => {
            let (provider_arn, token_file) = (needed("oidc_provider_arn")?, needed("oidc_token_file_path")?);
            sts::assume_role_with_oidc(surroundings, &role()?, &provider_arn, token_file.as_ref()).await
        }
        Some("ecs_ram_role") => metadata::credentials(surroundings, value("role_name").as_deref()).await,
        Some("rsa_key_pair") => {
            let key_file = needed("private_key_file")?;
            sts::session_of_key_pair(surroundings, &needed("public_key_id")?, key_file.as_ref()).await
        }
        Some(other) => Err(ProviderError::lasting(format!("type {} is not known", super::session::printable(other)))),
        None => Err(ProviderError::lasting("the section has no type")),
    }
}

/// `[section]`, `key = value` or `key: value`; a value ends at `#`, a line that starts with `#` or `;` says nothing.
fn sections(text: &str) -> BTreeMap<String, Section> {
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut current = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            sections.entry(name.trim().to_owned()).or_default();
            current = Some(name.trim().to_owned());
            continue;
        }
        let (Some(section), Some((key, value))) = (&current, line.split_once(['=', ':'])) else { continue };
        let value = value.split('#').next().unwrap_or_default().trim();
        sections.entry(section.clone()).or_default().insert(key.trim().to_ascii_lowercase(), value.to_owned());
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read_as_the_official_parser_does() {
        let text =
            "\n# top\n[default]\nType = access_key # yes\naccess_key_id: id\naccess_key_secret = a=b:c#cut\n; no\n[ other ]\ntype=x\n";
        let sections = sections(text);
        assert_eq!(sections["default"]["type"], "access_key");
        assert_eq!(sections["default"]["access_key_id"], "id");
        assert_eq!(sections["default"]["access_key_secret"], "a=b:c");
        assert_eq!(sections["other"]["type"], "x");
    }
}
