//! The wire form and both signatures against what the official SDKs produce (tests/data, generated from
//! alibabacloud-tea-openapi 0.4.6, alibabacloud-vpc20160428 7.2.2, aliyun-python-sdk-core 2.16.1).

#![allow(clippy::unwrap_used)]

use cgwd::cloud::customer_gateways::{
    CustomerGatewayChange, NewCustomerGateway, create_customer_gateway, delete_customer_gateway, modify_customer_gateway_attribute,
    tag_resources,
};
use cgwd::cloud::error::{CallContext, Certainty, Retry};
use cgwd::cloud::signature::{Signable, sha256_hex, signature_v1, string_to_sign_v1};
use cgwd::cloud::transport::RawResponse;
use cgwd::cloud::wire::{Parameters, decoded_pairs, percent_encoded};
use cgwd::cloud::write_call::WriteCall;
use cgwd::model::{Secret, Tags};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

fn data(name: &str) -> Value {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

fn string_pairs(value: &Value) -> Vec<(String, String)> {
    value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn flattened(nested: &Value) -> Parameters {
    nested.as_object().unwrap().iter().fold(Parameters::new(), |parameters, (name, value)| parameters.with_json(name, value))
}

fn sorted(parameters: &Parameters) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = parameters.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    pairs.sort();
    pairs
}

fn sorted_pairs(value: &Value) -> Vec<(String, String)> {
    let mut pairs = string_pairs(value);
    pairs.sort();
    pairs
}

/// The Python SDK prints booleans as `True` and `False`, the Go SDK and we in lower case.
fn lower_booleans(text: &str) -> String {
    text.replace("=True", "=true").replace("=False", "=false")
}

#[test]
fn every_v3_vector() {
    let vectors = data("signature_vectors.json");
    let mut count = 0;
    for vector in vectors["v3"].as_array().unwrap() {
        let name = text(vector, "name");
        let input = &vector["input"];
        // `str(True)` of the Python SDK, which is the one thing we do not imitate.
        let query = match name {
            "boolean_python_sdk" => string_pairs(&vector["flattened_query"]).into_iter().collect(),
            _ => flattened(&input["params_nested"]),
        };
        assert_eq!(sorted(&query), sorted_pairs(&vector["flattened_query"]), "{name}");
        let query = query.canonical();
        assert_eq!(query, text(vector, "canonical_query_string"), "{name}");
        let body = if input["body_nested"].is_null() || name == "json_body" {
            text(vector, "body").to_owned()
        } else {
            flattened(&input["body_nested"]).form()
        };
        assert_eq!(body, text(vector, "body"), "{name}");
        let payload_hash = sha256_hex(body.as_bytes());
        assert_eq!(payload_hash, text(vector, "hashed_payload"), "{name}");
        let headers = string_pairs(&input["headers_to_sign"]);
        let signable = Signable {
            method: text(input, "method"),
            path: text(input, "pathname"),
            query: &query,
            headers: &headers,
            payload_hash: &payload_hash,
        };
        assert_eq!(signable.canonical_headers(), text(vector, "canonical_headers"), "{name}");
        assert_eq!(signable.signed_headers(), text(vector, "signed_headers"), "{name}");
        assert_eq!(signable.canonical_request(), text(vector, "canonical_request"), "{name}");
        assert_eq!(signable.string_to_sign(), text(vector, "string_to_sign"), "{name}");
        let authorization = signable.authorization(text(input, "access_key_id"), text(input, "access_key_secret"));
        assert_eq!(authorization, text(vector, "authorization"), "{name}");
        count += 1;
    }
    assert_eq!(count, 34);
}

#[test]
fn the_unit_tests_of_the_official_libraries() {
    let vectors = data("signature_vectors.json");
    let vectors = vectors["upstream_unit_tests_v3"].as_array().unwrap();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let source = text(vector, "source");
        let query: Parameters = string_pairs(&vector["query"]).into_iter().collect();
        let headers = string_pairs(&vector["headers"]);
        let query = query.canonical();
        let signable = Signable {
            method: text(vector, "method"),
            path: text(vector, "pathname"),
            query: &query,
            headers: &headers,
            payload_hash: text(vector, "hashed_payload"),
        };
        assert_eq!(signable.canonical_request(), text(vector, "canonical_request"), "{source}");
        assert_eq!(signable.string_to_sign(), text(vector, "string_to_sign"), "{source}");
        let authorization = signable.authorization(text(vector, "access_key_id"), text(vector, "access_key_secret"));
        assert_eq!(authorization, text(vector, "authorization"), "{source}");
    }
}

#[test]
fn every_v1_vector() {
    let vectors = data("signature_vectors.json");
    let vectors = vectors["v1"].as_array().unwrap();
    assert_eq!(vectors.len(), 11);
    for vector in vectors {
        let name = text(vector, "name");
        let parameters: Parameters = string_pairs(&vector["params"]).into_iter().collect();
        assert_eq!(parameters.canonical(), text(vector, "canonicalized_query_string"), "{name}");
        let method = text(vector, "method");
        assert_eq!(string_to_sign_v1(method, &parameters), text(vector, "string_to_sign"), "{name}");
        let signature = signature_v1(method, &parameters, text(vector, "access_key_secret"));
        assert_eq!(signature, text(vector, "signature_base64"), "{name}");
        assert_eq!(percent_encoded(&signature), text(vector, "signature_url_encoded"), "{name}");
    }
}

/// Puts dotted names back into lists and objects, and `True` back into a boolean: what the SDK's user wrote.
fn nested(pairs: &[(String, String)]) -> Value {
    let mut heads: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for (name, value) in pairs {
        let (head, rest) = name.split_once('.').unwrap_or((name, ""));
        match heads.iter_mut().find(|(known, _)| known == head) {
            Some((_, group)) => group.push((rest.to_owned(), value.clone())),
            None => heads.push((head.to_owned(), vec![(rest.to_owned(), value.clone())])),
        }
    }
    let fields: Map<String, Value> = heads.into_iter().map(|(head, group)| (head, leaf_or_nested(&group))).collect();
    let mut items: Vec<(usize, Value)> = fields.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.clone()))).collect();
    if items.is_empty() {
        return Value::Object(fields);
    }
    items.sort_by_key(|(index, _)| *index);
    Value::Array(items.into_iter().map(|(_, value)| value).collect())
}

fn leaf_or_nested(group: &[(String, String)]) -> Value {
    match group {
        [(rest, value)] if rest.is_empty() => match value.as_str() {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            text => Value::String(text.to_owned()),
        },
        _ => nested(group),
    }
}

#[test]
fn every_request_of_the_official_sdk() {
    let vectors = data("flatten_vectors.json");
    let vectors = vectors["requests"].as_array().unwrap();
    assert_eq!(vectors.len(), 41);
    for vector in vectors {
        let name = text(vector, "name");
        let query = flattened(&nested(&string_pairs(&vector["query"])));
        let (path, sent) = text(vector, "request_line").split(' ').nth(1).unwrap().split_once('?').unwrap();
        assert_eq!(path, "/", "{name}");
        // The SDK puts `+` for a space into the URL; the canonical form, which we send, has `%20`.
        assert_eq!(query.canonical(), lower_booleans(&sent.replace('+', "%20")), "{name}");
        assert_eq!(decoded_pairs(&lower_booleans(sent)).unwrap(), sorted(&query), "{name}");
        let body = flattened(&nested(&string_pairs(&vector["form_body"])));
        assert_eq!(body.form(), lower_booleans(text(vector, "raw_body")), "{name}");
    }
}

#[test]
fn our_calls_send_what_the_official_sdk_sends() {
    let tags: Tags = [("site", "branch 1"), ("managed-by", "守护进程")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let token = "123e4567-e89b-12d3-a456-426655440000";
    let secret = || Some(Secret::new("bgp*auth~key+1"));
    let description = "分支网关 a+b*c~d%/";
    let full = NewCustomerGateway {
        region: "cn-shanghai".into(),
        ip: "203.0.113.10".parse().unwrap(),
        asn: "65530".parse().ok(),
        name: "cgw-branch 1".into(),
        description: description.into(),
        auth_key: secret(),
        resource_group: Some("rg-1".into()),
        tags: tags.clone(),
    };
    let least = NewCustomerGateway {
        asn: None,
        name: String::new(),
        description: String::new(),
        auth_key: None,
        resource_group: None,
        tags: Tags::new(),
        ..full.clone()
    };
    let change = CustomerGatewayChange { name: Some("cgw-branch 1".into()), description: Some(description.into()), auth_key: secret() };
    same_request("create_customer_gateway_all", &create_customer_gateway(&full, token), &[]);
    same_request("create_customer_gateway_min", &create_customer_gateway(&least, token), &["ClientToken"]);
    same_request("modify_customer_gateway_attribute_all", &modify_customer_gateway_attribute("cn-shanghai", "cgw-1", &change, token), &[]);
    same_request("delete_customer_gateway_all", &delete_customer_gateway("cn-shanghai", "cgw-1", token), &[]);
    same_request("tag_resources", &tag_resources("cn-shanghai", "CUSTOMERGATEWAY", "cgw-1", &tags), &[]);
}

/// Compares by tag key, because we send tags in the order of their keys; `extra` is what we send and the vector does not.
fn same_request(name: &str, call: &WriteCall, extra: &[&str]) {
    let vectors = data("flatten_vectors.json");
    let vector = vectors["requests"].as_array().unwrap().iter().find(|vector| text(vector, "name") == name).unwrap();
    assert_eq!(call.action, text(vector, "operation"), "{name}");
    assert_eq!(call.product.version(), text(vector, "version"), "{name}");
    assert!(call.body.is_empty() && vector["form_body"].as_object().unwrap().is_empty(), "{name}");
    let owners = ["OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount"];
    let theirs: BTreeMap<String, String> =
        string_pairs(&vector["query"]).into_iter().filter(|(name, _)| !owners.contains(&name.as_str()) && name != "ResourceId.2").collect();
    let ours: BTreeMap<String, String> =
        call.query().pairs().filter(|(name, _)| !extra.contains(name)).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(without_tag_order(ours), without_tag_order(theirs), "{name}");
}

fn without_tag_order(mut pairs: BTreeMap<String, String>) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let mut tags = BTreeMap::new();
    for prefix in ["Tag.1", "Tag.2", "Tags.1", "Tags.2"] {
        if let (Some(key), Some(value)) = (pairs.remove(&format!("{prefix}.Key")), pairs.remove(&format!("{prefix}.Value"))) {
            tags.insert(key, value);
        }
    }
    (pairs, tags)
}

#[test]
fn every_error_of_the_official_sdk() {
    let vectors = data("flatten_vectors.json");
    let vectors = vectors["error_mapping"].as_array().unwrap();
    assert_eq!(vectors.len(), 6);
    let context = CallContext { action: "CreateCustomerGateway", secrets: &[] };
    for vector in vectors {
        let name = text(vector, "name");
        let answer = RawResponse {
            status: u16::try_from(vector["http_status"].as_u64().unwrap()).unwrap(),
            headers: string_pairs(&vector["reply_headers"]),
            body: vector["reply_body"].to_string().into_bytes().into(),
        };
        let error = context.accepted(&answer).err().unwrap_or_else(|| panic!("{name} is an error"));
        assert_eq!(error.code, text(vector, "code"), "{name}");
        assert_eq!(u64::from(error.status), vector["status_code"].as_u64().unwrap(), "{name}");
        assert_eq!(error.request_id.as_deref(), vector["reply_body"]["RequestId"].as_str(), "{name}");
        if let Some(millis) = vector["retry_after_ms"].as_u64() {
            assert_eq!(error.retry, Retry::Throttled(Some(Duration::from_millis(millis))), "{name}");
        }
        if let Some(action) = vector["access_denied_detail"]["AuthAction"].as_str() {
            assert!(error.remedy.contains(action), "{name}: {}", error.remedy);
        }
        let expected = match name {
            "client_error" => (Retry::Never, Certainty::DidNotHappen, error.is_already_exist()),
            "not_found" => (Retry::Never, Certainty::DidNotHappen, error.is_not_found()),
            "throttled_with_header" => (Retry::Throttled(Some(Duration::from_secs(2))), Certainty::DidNotHappen, error.is_throttled()),
            "throttled_without_header" => (Retry::Throttled(None), Certainty::DidNotHappen, error.is_throttled()),
            "server_error" => (Retry::Transient, Certainty::MayHaveHappened, true),
            "access_denied" => (Retry::Never, Certainty::DidNotHappen, error.is_forbidden() && !error.is_not_found()),
            other => panic!("a vector without an expectation: {other}"),
        };
        assert_eq!((error.retry, error.certainty, true), expected, "{name}");
    }
}
