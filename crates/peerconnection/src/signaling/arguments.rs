//! The options of a command line.

use super::Signaling;
#[cfg(feature = "websocket")]
use super::WebSocket;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// How this program finds the other one: to be flattened into the options of a program.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Signaling")]
pub struct SignalingArguments {
    /// How descriptions reach the other side.
    #[arg(long, short, value_enum, default_value = "copy-and-paste")]
    signaling: Kind,
    /// The host, where a socket has one.
    #[arg(long, default_value = "127.0.0.1", value_name = "HOST")]
    signaling_host: String,
    /// The port, where a socket has one.
    #[arg(long, default_value_t = 1234, value_name = "PORT")]
    signaling_port: u16,
    /// The path of unix-socket.
    #[cfg(unix)]
    #[arg(long, default_value = "ortica.socket", value_name = "PATH")]
    signaling_path: PathBuf,
    /// The server that websocket dials, in place of the other side at host and port: ws://..., or wss://... with TLS.
    #[cfg(feature = "websocket")]
    #[arg(long, value_name = "URL", value_parser = WebSocket::to)]
    signaling_url: Option<WebSocket>,
    /// Pages from this origin may come where websocket listens, such as http://127.0.0.1:8000; to be given once for each.
    #[cfg(feature = "websocket")]
    #[arg(long, value_name = "ORIGIN")]
    signaling_origin: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    CopyAndPaste,
    TcpSocket,
    #[cfg(unix)]
    UnixSocket,
    #[cfg(feature = "websocket")]
    Websocket,
}

impl SignalingArguments {
    /// The way that was chosen.
    pub fn signaling(&self) -> Signaling {
        match self.signaling {
            Kind::CopyAndPaste => Signaling::copy_and_paste(),
            Kind::TcpSocket => Signaling::tcp(self.signaling_host.clone(), self.signaling_port),
            #[cfg(unix)]
            Kind::UnixSocket => Signaling::unix(self.signaling_path.clone()),
            #[cfg(feature = "websocket")]
            Kind::Websocket => {
                let between = || WebSocket::between(self.signaling_host.clone(), self.signaling_port);
                let websocket = self.signaling_url.clone().unwrap_or_else(between);
                Signaling::websocket(websocket.with_origins(self.signaling_origin.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        arguments: SignalingArguments,
    }

    /// How the way that these words choose shows itself.
    fn chosen(words: &str) -> String {
        let program = Program::try_parse_from(["program"].into_iter().chain(words.split_whitespace()));
        format!("{:?}", program.unwrap().arguments.signaling())
    }

    #[test]
    fn the_words_are_those_of_aiortc() {
        assert!(chosen("").contains("CopyAndPaste"));
        assert!(chosen("-s copy-and-paste").contains("CopyAndPaste"));
        assert!(chosen("-s tcp-socket").contains(r#"Tcp { host: "127.0.0.1", port: 1234 }"#));
        let tcp = chosen("--signaling tcp-socket --signaling-host ::1 --signaling-port 99");
        assert!(tcp.contains(r#"Tcp { host: "::1", port: 99 }"#), "{tcp}");
        assert!(Program::try_parse_from(["program", "-s", "pigeons"]).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_socket_has_a_path() {
        assert!(chosen("-s unix-socket").contains(r#"Unix("ortica.socket")"#));
        assert!(chosen("-s unix-socket --signaling-path here").contains(r#"Unix("here")"#));
    }

    #[cfg(feature = "websocket")]
    #[test]
    fn a_websocket_has_an_address_or_a_url_and_may_know_pages() {
        let between =
            chosen("-s websocket --signaling-port 99 --signaling-origin http://a --signaling-origin http://b");
        assert!(
            between.contains(r#"Between { host: "127.0.0.1", port: 99 }, origins: ["http://a", "http://b"]"#),
            "{between}"
        );
        let url = chosen("-s websocket --signaling-url ws://example.org/room");
        assert!(url.contains("example.org") && url.contains("/room") && url.contains("origins: []"), "{url}");
        let wrong = Program::try_parse_from(["program", "-s", "websocket", "--signaling-url", "http://example.org"]);
        assert!(wrong.unwrap_err().to_string().contains("not of a WebSocket"));
    }
}
