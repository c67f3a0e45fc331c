use crate::*;
use cgwd::simulator::Fault;

const NEW: [(&str, &str); 2] = [("IpAddress", "203.0.113.1"), ("ClientToken", "t-1")];
const DAY: u64 = 24 * 3600 * 1000;

fn number_of_gateways(cloud: &Cloud) -> usize {
    cloud.region(REGION).unwrap().objects().customer_gateways.len()
}

#[test]
fn the_same_token_gives_the_same_result_once() {
    let mut cloud = cloud("");
    let first = succeed(&mut cloud, at(0), "CreateCustomerGateway", &NEW);
    let again = succeed(&mut cloud, at(100 * DAY), "CreateCustomerGateway", &NEW);
    assert_eq!(text(&first, "CustomerGatewayId"), text(&again, "CustomerGatewayId"));
    assert_ne!(first.request_id, again.request_id);
    assert_eq!(number_of_gateways(&cloud), 1);
    let other = ask(&mut cloud, at(0), "CreateCustomerGateway", &[("IpAddress", "203.0.113.2"), ("ClientToken", "t-1")]);
    assert_eq!((other.status, other.code()), (400, "IdempotentParameterMismatch"));
}

#[test]
fn a_token_lives_as_long_as_the_switch_says() {
    let again_after = |switch: &str, millis: u64| {
        let mut cloud = cloud_with(switch, "");
        succeed(&mut cloud, at(0), "CreateCustomerGateway", &NEW);
        ask(&mut cloud, at(millis), "CreateCustomerGateway", &NEW).code().to_owned()
    };
    assert_eq!(again_after(r#""ClientTokens": "none""#, 1), "InvalidIpAddress.AlreadyExist");
    assert_eq!(again_after(r#""ClientTokens": "24h""#, DAY - 1), "");
    assert_eq!(again_after(r#""ClientTokens": "24h""#, DAY), "InvalidIpAddress.AlreadyExist");
}

#[test]
fn errors_are_remembered_by_switch() {
    let after_an_error = |switches: &str| {
        let mut cloud = cloud_with(switches, "");
        let other = create(&mut cloud, "203.0.113.1");
        assert_eq!(ask(&mut cloud, at(0), "CreateCustomerGateway", &NEW).code(), "InvalidIpAddress.AlreadyExist");
        succeed(&mut cloud, at(0), "DeleteCustomerGateway", &[("CustomerGatewayId", &other)]);
        ask(&mut cloud, at(0), "CreateCustomerGateway", &NEW).code().to_owned()
    };
    assert_eq!(after_an_error(""), "");
    assert_eq!(after_an_error(r#""RememberErrors": true"#), "InvalidIpAddress.AlreadyExist");
}

#[test]
fn a_lost_answer_is_found_again_by_its_token() {
    let mut cloud = cloud("");
    cloud.set_hook(|call| (call.number == 1).then(Fault::drop_after));
    assert_eq!(call(&mut cloud, at(0), "CreateCustomerGateway", &NEW).sight, Sight::Cut);
    assert_eq!(code(call(&mut cloud, at(1), "CreateCustomerGateway", &NEW)), "");
    assert_eq!((cloud.count("CreateCustomerGateway"), cloud.effects("CreateCustomerGateway")), (2, 1));
    assert_eq!(number_of_gateways(&cloud), 1);
    assert_eq!(cloud.calls()[0].token.as_deref(), Some("t-1"));
}
