//! The program asks a server that answers, one that refuses and one that is not there, and says which is which.

use ortica::ice::stun::{Class, ErrorCode, Message, MessageBuilder, Method};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::{TcpListener, UdpSocket};
use tokio::process::Command;

/// A STUN server that sees everybody at this address, or refuses.
async fn serve(seen: Option<SocketAddr>) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = socket.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let mut bytes = [0; 1500];
        while let Ok((len, from)) = socket.recv_from(&mut bytes).await {
            let Ok(request) = Message::parse(&bytes[..len]) else { continue };
            let (mut out, class) = (Vec::new(), if seen.is_some() { Class::Success } else { Class::Error });
            let answer = MessageBuilder::new(&mut out, class, Method::BINDING, request.transaction());
            match seen {
                Some(seen) => answer.xor_mapped_address(seen),
                None => answer.error_code(ErrorCode { code: 403, reason: "not for you" }),
            };
            let _ = socket.send_to(&out, from).await;
        }
    });
    address
}

async fn run(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_connectivity")).args(arguments).output().await.expect("it is built");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("text"))
}

#[tokio::test]
async fn servers_are_shown_as_they_are() {
    let seeing = format!("stun:{}", serve(Some("203.0.113.7:7".parse().expect("an address"))).await);
    let refusing = format!("stun:{}", serve(None).await);
    // Nobody listens there any more.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let gone = listener.local_addr().expect("it is bound");
    drop(listener);
    let secure = format!("stuns:{gone}");
    let (is_well, text) = run(&[&seeing, &refusing, &secure]).await;
    assert!(is_well, "{text}");
    let line = |start: &str, with: &str| text.lines().find(|line| line.starts_with(start) && line.contains(with));
    assert!(line("address", "").is_some(), "{text}");
    let nat = line("NAT", &seeing).expect(&text);
    assert!(nat.contains("seen as 203.0.113.7:7; mapping not known; filtering not known; hairpin no"), "{nat}");
    assert!(line("NAT", &refusing).is_some_and(|it| it.contains("the server refuses: 403")), "{text}");
    // Hosts with an address of the network do not ask servers on loopback.
    let server = line("server", &seeing).expect(&text);
    assert!(server.contains("sees this host at 203.0.113.7:7") || server.contains("701"), "{server}");
    assert!(line("server", &refusing).is_some_and(|it| it.contains("403") || it.contains("701")), "{text}");
    assert!(line("server", &secure).is_some_and(|it| it.contains("failed") && it.contains("refused")), "{text}");
}

#[tokio::test]
async fn a_malformed_server_is_refused_before_anybody_is_asked() {
    let (is_well, text) = run(&["stun:"]).await;
    assert!(!is_well && text.contains("malformed host"), "{text}");
    let (is_well, text) = run(&["--help"]).await;
    assert!(is_well && text.contains("--credential"), "{text}");
}
