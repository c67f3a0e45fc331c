use crate::*;
use cgwd::cloud::transport::{SignedRequest, Transport, TransportError};
use cgwd::simulator::{Fault, InMemory};
use std::cell::RefCell;
use std::rc::Rc;

fn request() -> SignedRequest {
    SignedRequest {
        method: "POST",
        base_url: "https://vpc.test:8443".to_owned(),
        path: "/".to_owned(),
        query: "RegionId=cn-hangzhou".to_owned(),
        headers: vec![
            ("x-acs-action".to_owned(), "DescribeCustomerGateways".to_owned()),
            ("x-acs-version".to_owned(), "2016-04-28".to_owned()),
        ],
        body: Vec::new(),
        action: "DescribeCustomerGateways".to_owned(),
    }
}

fn transport(fault: Fault) -> InMemory {
    let mut cloud = cloud("");
    cloud.set_hook(move |_| Some(fault.clone()));
    InMemory::new(Rc::new(RefCell::new(cloud)), Rc::new(start))
}

#[tokio::test(start_paused = true)]
async fn answers_as_the_wire_would() {
    let answer = transport(Fault::default()).send(request()).await.unwrap();
    assert_eq!((answer.status, answer.header("date")), (200, Some("Thu, 02 Jan 2025 03:04:05 GMT")));
    let refused = transport(Fault::error_before(503, "ServiceUnavailable")).send(request()).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&refused.body.bytes()).unwrap();
    assert_eq!((refused.status, &body["Code"]), (503, &"ServiceUnavailable".into()));
}

#[tokio::test(start_paused = true)]
async fn faults_become_the_errors_of_the_transport() {
    let sent = |fault: Fault| async move { transport(fault).send(request()).await };
    let host = "vpc.test:8443".to_owned();
    assert!(matches!(sent(Fault::unreachable()).await, Err(TransportError::NotSent { host: at, .. }) if at == host));
    for fault in [Fault::drop_before(), Fault::drop_after(), Fault::truncated_after(), Fault::late(Duration::from_secs(1))] {
        assert!(matches!(sent(fault).await, Err(TransportError::NoAnswer { .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn latency_passes_on_the_runtimes_clock() {
    let began = tokio::time::Instant::now();
    transport(Fault::latency(Duration::from_secs(30))).send(request()).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(30));
    let limited = transport(Fault::latency(Duration::from_secs(30))).with_time_limit(Duration::from_secs(10));
    assert!(matches!(limited.send(request()).await, Err(TransportError::NoAnswer { .. })));
    assert_eq!(began.elapsed(), Duration::from_secs(40));
    assert!(limited.cloud().borrow().calls()[0].status == 200, "the cloud did answer");
}
