//! The options of a command line.

use super::Signaling;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// How this program finds the other one: to be flattened into the options of a program.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Signaling")]
pub struct SignalingArguments {
    /// How descriptions reach the other side.
    #[arg(long, short, value_enum, default_value = "copy-and-paste")]
    signaling: Kind,
    /// The host of tcp-socket.
    #[arg(long, default_value = "127.0.0.1", value_name = "HOST")]
    signaling_host: String,
    /// The port of tcp-socket.
    #[arg(long, default_value_t = 1234, value_name = "PORT")]
    signaling_port: u16,
    /// The path of unix-socket.
    #[cfg(unix)]
    #[arg(long, default_value = "ortica.socket", value_name = "PATH")]
    signaling_path: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    CopyAndPaste,
    TcpSocket,
    #[cfg(unix)]
    UnixSocket,
}

impl SignalingArguments {
    /// The way that was chosen.
    pub fn signaling(&self) -> Signaling {
        match self.signaling {
            Kind::CopyAndPaste => Signaling::copy_and_paste(),
            Kind::TcpSocket => Signaling::tcp(self.signaling_host.clone(), self.signaling_port),
            #[cfg(unix)]
            Kind::UnixSocket => Signaling::unix(self.signaling_path.clone()),
        }
    }
}
