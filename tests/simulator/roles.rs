use crate::*;

const ROLE: &str = "acs:ram::1234567890123456:role/cgwd";

fn assume(cloud: &mut Cloud, changes: &[(&str, &str)]) -> Response {
    let mut parameters = vec![("RoleArn", ROLE), ("RoleSessionName", "test")];
    parameters.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    parameters.extend(changes);
    cloud.handle(&Request::of("AssumeRole", &parameters), start())
}

#[test]
fn a_role_gives_keys_for_an_hour() {
    let mut cloud = cloud_with("", "");
    let keys = assume(&mut cloud, &[]).body["Credentials"].clone();
    assert!(keys["AccessKeyId"].as_str().unwrap().starts_with("STS."));
    assert_eq!(keys["Expiration"], "2025-01-02T04:04:05Z");
    assert!(cloud.door.has_keys());
    let short = assume(&mut cloud, &[("DurationSeconds", "900")]);
    assert_eq!(short.body["Credentials"]["Expiration"], "2025-01-02T03:19:05Z");
}

#[test]
fn what_a_role_refuses() {
    let mut cloud = cloud_with("", "");
    assert_eq!(assume(&mut cloud, &[("DurationSeconds", "899")]).code(), "InvalidParameter.DurationSeconds");
    assert_eq!(assume(&mut cloud, &[("RoleArn", "")]).code(), "MissingParameter");
    let seed = Seed::parse(&format!(r#"{{"Roles": ["{ROLE}"]}}"#)).unwrap();
    let mut strict = Cloud::new(&seed, start()).unwrap();
    assert!(assume(&mut strict, &[]).is_success());
    let other = assume(&mut strict, &[("RoleArn", "acs:ram::1:role/other")]);
    assert_eq!((other.status, other.code()), (404, "EntityNotExist.Role"));
}

#[test]
fn a_web_identity_is_enough_without_a_key() {
    let mut cloud = cloud_with("", "");
    let parameters =
        [("RoleArn", ROLE), ("RoleSessionName", "x"), ("OIDCProviderArn", "acs:ram::1:oidc-provider/x"), ("OIDCToken", "a.b.c")];
    let mut request = raw("AssumeRoleWithOIDC", &parameters);
    request.headers.iter_mut().filter(|(name, _)| name == "x-acs-version").for_each(|(_, version)| *version = "2015-04-01".to_owned());
    let plain = whole(cloud.receive(&request, start()));
    assert_eq!(plain.status, 200, "{}", String::from_utf8_lossy(&plain.body.bytes()));
    let bad = parameters.map(|(name, value)| (name, if name == "OIDCToken" { "a.b" } else { value }));
    assert_eq!(cloud.handle(&Request::of("AssumeRoleWithOIDC", &bad), start()).code(), "AuthenticationFail.OIDCToken.Invalid");
}
