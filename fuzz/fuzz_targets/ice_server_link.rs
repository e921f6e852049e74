//! A `Link` field of HTTP: each server that it names can be used, and is found again where it stands alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica::IceServer;

fuzz_target!(|field: &str| {
    for server in IceServer::from_link(field) {
        assert!(server.parse().is_ok(), "{server:?}");
        let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let mut alone = format!("<{}>; rel=ice-server", server.urls[0]);
        for (name, value) in [("username", &server.username), ("credential", &server.credential)] {
            alone.extend(value.iter().map(|value| format!("; {name}=\"{}\"", quote(value))));
        }
        assert_eq!(IceServer::from_link(&alone), [server], "{alone}");
    }
});
