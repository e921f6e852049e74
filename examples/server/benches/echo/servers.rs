//! Servers that send pictures back, as processes of their own.

use super::Failure;
use super::accounting::CpuTimes;
use ortica::jsep::SessionDescription;
use serde_json::{Value, json};
use std::env;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long Python may take to load what it needs.
const STARTING: Duration = Duration::from_secs(60);

/// A server, until it is dropped.
pub struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// This example.
    pub fn ours() -> Result<Self, Failure> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ortica-server"));
        let process = command.args(["--port", "0"]).stdout(Stdio::piped()).spawn()?;
        let mut server = Self { process, url: String::new() };
        let says = server.process.stdout.take().ok_or("the server is silent")?;
        BufReader::new(says).read_line(&mut server.url)?;
        Ok(server)
    }

    /// aiortc's, as `interop/aiortc/run.sh` fetched it.
    pub fn of_aiortc() -> Result<Self, Failure> {
        let (python, server) = (target().join("interop-aiortc/bin/python"), "interop-aiortc-examples/server/server.py");
        let needs = Command::new(&python).args(["-c", "import aiohttp, aiortc"]).stderr(Stdio::null()).status();
        if !needs.is_ok_and(|status| status.success()) || !target().join(server).exists() {
            return Err("it is not there: interop/aiortc/run.sh --example installs it".into());
        }
        // A port that was free a moment ago: the example takes none from the system.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new(python);
        command.arg(target().join(server)).args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        // Pictures that are not transformed need no OpenCV.
        command.env("PYTHONPATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/echo/without-opencv"));
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = Self { process, url: format!("http://127.0.0.1:{port}") };
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if began.elapsed() > STARTING {
                return Err("it does not start".into());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    pub fn answer(&self, offer: &SessionDescription) -> Result<SessionDescription, Failure> {
        let request = json!({ "type": "offer", "sdp": offer.sdp, "video_transform": "none" });
        let mut response = ureq::post(format!("{}/offer", self.url.trim())).send_json(request)?;
        let answer: Value = response.body_mut().read_json()?;
        let sdp = answer["sdp"].as_str().ok_or("the server gave no description")?;
        Ok(SessionDescription::answer(sdp))
    }

    pub fn cpu_times(&self) -> CpuTimes {
        CpuTimes::of_child(&self.process)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where `interop/aiortc/run.sh` installs aiortc.
fn target() -> PathBuf {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    env::var_os("CARGO_TARGET_DIR").map_or(usual, PathBuf::from)
}
