//! Over a real socket, byte by byte.

use crate::*;
use cgwd::simulator::{Fault, server};
use std::cell::RefCell;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Everything that comes back on one connection for these requests, and the cloud after it.
async fn exchange(fault: Option<Fault>, requests: &str) -> (String, Rc<RefCell<Cloud>>) {
    let mut cloud = cloud("");
    cloud.set_hook(move |_| fault.clone());
    let cloud = Rc::new(RefCell::new(cloud));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(requests.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A cut can be seen as an end or as a reset; what came before it counts.
        let _end = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::select! {
        answer = client => (answer, cloud.clone()),
        ended = server::serve(listener, cloud.clone(), Rc::new(start)) => panic!("the server ended: {ended:?}"),
    }
}

fn create(ip: &str, last: bool) -> String {
    let close = if last { "Connection: close\r\n" } else { "" };
    format!(
        "POST /?RegionId=cn-hangzhou&IpAddress={ip}&Name=a+b%2Bc HTTP/1.1\r\nHost: h\r\nx-acs-action: CreateCustomerGateway\r\n\
         x-acs-version: 2016-04-28\r\nContent-Length: 0\r\n{close}\r\n"
    )
}

#[tokio::test]
async fn answers_in_order_with_a_date() {
    let both = create("203.0.113.1", false) + &create("203.0.113.1", true);
    let (answer, cloud) = exchange(None, &both).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("HTTP/1.1 400 Bad Request\r\n") && answer.contains("InvalidIpAddress.AlreadyExist"), "{answer}");
    assert_eq!(answer.matches("date: Thu, 02 Jan 2025 03:04:05 GMT\r\n").count(), 2, "{answer}");
    assert_eq!(cloud.borrow().region(REGION).unwrap().objects().customer_gateways[0].name, "a b+c");
}

#[tokio::test]
async fn a_cut_connection_is_really_cut() {
    for fault in [Fault::drop_before(), Fault::drop_after(), Fault::unreachable()] {
        let (answer, _) = exchange(Some(fault.clone()), &create("203.0.113.1", false)).await;
        assert_eq!(answer, "", "{fault:?}");
    }
    let (_, cloud) = exchange(Some(Fault::drop_after()), &create("203.0.113.1", false)).await;
    assert_eq!(cloud.borrow().effects("CreateCustomerGateway"), 1);
}

#[tokio::test]
async fn a_truncated_body_is_shorter_than_announced() {
    let (answer, _) = exchange(Some(Fault::truncated_after()), &create("203.0.113.1", false)).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("there is a head");
    let announced: usize = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    assert_eq!(body.len(), announced / 2, "{answer}");
}

/// A POST with these parameters in the query and those in a form.
fn call_with_form(action: &str, query: &str, body: &str) -> String {
    format!(
        "POST /?{query} HTTP/1.1\r\nHost: h\r\nx-acs-action: {action}\r\nx-acs-version: 2016-04-28\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_misplaced_parameter_counts_as_not_sent() {
    let (answer, _) = exchange(None, &call_with_form("CreateCustomerGateway", "RegionId=cn-hangzhou", "IpAddress=203.0.113.1")).await;
    assert!(answer.contains("MissingParameter") && answer.contains("IpAddress"), "{answer}");
    let tunnels = "TunnelOptionsSpecification.1.CustomerGatewayId=cgw-1&TunnelOptionsSpecification.2.CustomerGatewayId=cgw-1";
    let rest = "RegionId=cn-hangzhou&LocalSubnet=0.0.0.0/0&RemoteSubnet=0.0.0.0/0";
    let (in_query, _) = exchange(None, &call_with_form("CreateVpnAttachment", &format!("{rest}&{tunnels}"), "")).await;
    assert!(in_query.contains("VpnConnection.InvalidCreateTunnelOptions"), "{in_query}");
    let (in_body, _) = exchange(None, &call_with_form("CreateVpnAttachment", rest, tunnels)).await;
    assert!(in_body.contains("InvalidCustomerGatewayInstanceId.NotFound"), "{in_body}");
}

#[test]
fn the_switch_takes_parameters_from_anywhere() {
    let mut cloud = cloud_with(r#""CheckSignatures": false, "AnyPosition": true"#, "");
    let mut request = raw("CreateCustomerGateway", &[("RegionId", REGION)]);
    request.headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
    request.body = b"IpAddress=203.0.113.1".to_vec();
    assert_eq!(code(cloud.receive(&request, start())), "");
}

#[tokio::test]
async fn what_is_no_call_is_refused() {
    let (answer, _) = exchange(None, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("MissingParameter"), "{answer}");
    let (answer, _) =
        exchange(None, "DELETE / HTTP/1.1\r\nHost: h\r\nx-acs-action: A\r\nx-acs-version: V\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("UnsupportedHTTPMethod"), "{answer}");
    let (answer, _) = exchange(None, "not http\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}
