//! What the official SDKs sign and send, recorded: the door must believe it and the parser must understand it.

use crate::*;
use cgwd::model::Secret;
use cgwd::simulator::{AccessKey, Door};
use serde_json::Value;
use std::collections::BTreeMap;

fn vectors(text: &str, list: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(text).unwrap();
    let vectors = all[list].as_array().unwrap().clone();
    assert!(vectors.len() > 10);
    vectors
}

fn signature_vectors(list: &str) -> Vec<Value> {
    vectors(include_str!("../data/signature_vectors.json"), list)
}

fn recorded() -> Vec<Value> {
    vectors(include_str!("../data/flatten_vectors.json"), "requests")
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn pairs(value: &Value) -> BTreeMap<String, String> {
    value.as_object().unwrap().iter().map(|(key, value)| (key.clone(), string(value))).collect()
}

fn door(id: &str, secret: &str, token: Option<&str>) -> Door {
    let mut door = Door::default();
    door.admit(AccessKey { id: id.to_owned(), secret: Secret::new(secret), security_token: token.map(Secret::new), expires: None });
    door
}

#[test]
fn v3_signatures() {
    for vector in signature_vectors("v3") {
        let (name, input) = (string(&vector["name"]), &vector["input"]);
        let mut headers: Vec<_> = pairs(&input["headers_to_sign"]).into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
        headers.push(("authorization".to_owned(), string(&vector["authorization"])));
        let date = headers.iter().find(|(name, _)| name == "x-acs-date").unwrap().1.parse().unwrap();
        let raw = RawRequest {
            method: string(&input["method"]),
            path: string(&input["pathname"]),
            query: string(&vector["canonical_query_string"]),
            headers,
            body: string(&vector["body"]).into_bytes(),
        };
        let enter = |raw: &RawRequest, secret: &str| {
            door(&string(&input["access_key_id"]), secret, input["security_token"].as_str()).enter(raw, date, date)
        };
        let secret = string(&input["access_key_secret"]);
        assert_eq!(enter(&raw, &secret), Ok(()), "{name}");
        assert_eq!(enter(&raw, "wrong").unwrap_err().code, "SignatureDoesNotMatch", "{name}");
        let plus = RawRequest { query: raw.query.replace("%20", "+"), ..raw.clone() };
        assert_eq!(enter(&plus, &secret), Ok(()), "{name}: a space may come as a plus");
    }
}

#[test]
fn v1_signatures() {
    for vector in signature_vectors("v1") {
        let (name, parameters) = (string(&vector["name"]), pairs(&vector["params"]));
        let query = format!("{}&Signature={}", string(&vector["canonicalized_query_string"]), string(&vector["signature_url_encoded"]));
        let raw = RawRequest { method: string(&vector["method"]), path: "/".to_owned(), query, headers: Vec::new(), body: Vec::new() };
        let date = parameters["Timestamp"].parse().unwrap();
        let token = parameters.get("SecurityToken").map(String::as_str);
        let enter = |secret: &str| door(&parameters["AccessKeyId"], secret, token).enter(&raw, date, date);
        assert_eq!(enter(&string(&vector["access_key_secret"])), Ok(()), "{name}");
        assert_eq!(enter("wrong").unwrap_err().code, "SignatureDoesNotMatch", "{name}");
        let decoded = raw.decode().unwrap();
        assert_eq!(decoded.action, parameters["Action"], "{name}");
        assert!(!decoded.parameters.contains_key("Signature") && !decoded.parameters.contains_key("Timestamp"));
    }
}

fn raw_of(vector: &Value) -> RawRequest {
    let line = string(&vector["request_line"]);
    let target = line.split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    RawRequest {
        method: line.split(' ').next().unwrap().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: pairs(&vector["headers"]).into_iter().collect(),
        body: string(&vector["raw_body"]).into_bytes(),
    }
}

#[test]
fn recorded_requests_decode() {
    for vector in recorded() {
        let decoded = raw_of(&vector).decode().unwrap();
        let (query, form) = (pairs(&vector["query"]), pairs(&vector["form_body"]));
        let name = string(&vector["name"]);
        assert_eq!(
            (decoded.action.as_str(), decoded.version.as_str()),
            (&*string(&vector["operation"]), &*string(&vector["version"])),
            "{name}"
        );
        assert_eq!(decoded.in_body.iter().collect::<Vec<_>>(), form.keys().collect::<Vec<_>>(), "{name}");
        let expected: BTreeMap<_, _> = query.into_iter().chain(form).collect();
        assert_eq!(decoded.parameters, expected, "{name}");
    }
}

/// The recorded creations are taken whole where their references exist, with every field kept.
#[test]
fn recorded_creations_take_effect() {
    let named = |name: &str| raw_of(&recorded().into_iter().find(|vector| string(&vector["name"]) == name).unwrap());
    let region = r#""cn-shanghai": {
        "CustomerGateways": [
            {"CustomerGatewayId": "cgw-new", "IpAddress": "198.51.100.1", "Asn": 65001},
            {"CustomerGatewayId": "cgw-1", "IpAddress": "198.51.100.2", "Asn": 65001},
            {"CustomerGatewayId": "cgw-2", "IpAddress": "198.51.100.3", "Asn": 65002}
        ],
        "VpnGateways": [{"VpnGatewayId": "vpn-1", "DualTunnel": true}]
    }"#;
    let mut cloud = cloud(region);
    let plain = whole(cloud.receive(&named("create_customer_gateway_all"), start()));
    assert_eq!(plain.status, 200, "{}", String::from_utf8_lossy(&plain.body));
    let made = cloud.region("cn-shanghai").unwrap().objects().customer_gateways.last().unwrap().clone();
    assert_eq!((made.asn, made.auth_key.as_str(), made.description.as_str()), (Some(65_530), "bgp*auth~key+1", "分支网关 a+b*c~d%/"));
    assert_eq!(made.tags.len(), 2);
    assert_eq!(made.resource_group, "rg-1");
}
