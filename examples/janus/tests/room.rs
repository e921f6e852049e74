//! Two programs meet in a room of a Janus that is started here: one publishes, the other records it.

use ortica::codecs::container::WebmReader;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A Janus of this test's own, which ends with it.
struct Janus {
    process: Child,
    url: String,
    dir: PathBuf,
}

impl Drop for Janus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Janus {
    /// `None`, aloud, where there is no Janus.
    fn start(name: &str) -> Option<Self> {
        let libraries = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map(|arch| format!("/usr/lib/{arch}/janus"));
        let Some(libraries) = libraries.into_iter().find(|dir| Path::new(dir).join("plugins").exists()) else {
            println!("skipped: there is no Janus here (cargo xtask install janus)");
            return None;
        };
        let dir = std::env::temp_dir().join(format!("ortica-janus-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a folder");
        // Free now, and most likely still in a moment.
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
        let write = |name: &str, text: String| fs::write(dir.join(name), text).expect("a file");
        write("janus.jcfg", String::new());
        write(
            "janus.transport.http.jcfg",
            format!("general: {{ base_path = \"/janus\" http = true ip = \"127.0.0.1\" port = {port} }}"),
        );
        let room = "room-7: { description = \"tests\" publishers = 6 bitrate = 1000000 fir_freq = 10 }";
        write("janus.plugin.videoroom.jcfg", room.to_owned());
        // A server on the network of this machine alone.
        let process = Command::new("janus")
            .arg("--configs-folder")
            .arg(&dir)
            .args(["--plugins-folder", &format!("{libraries}/plugins")])
            .arg(format!("--config={}", dir.join("janus.jcfg").display()))
            .args(["--ice-enforce-list=lo", "--debug-level=3", "--disable-colors"])
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        let janus = Self { process, url: format!("http://127.0.0.1:{port}/janus"), dir };
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < PATIENCE, "Janus does not listen");
            sleep(Duration::from_millis(50));
        }
        Some(janus)
    }

    fn join(&self, words: &[&str]) -> Child {
        let program =
            Command::new(env!("CARGO_BIN_EXE_janus")).arg(&self.url).args(words).stdout(Stdio::piped()).spawn();
        program.expect("it starts")
    }
}

fn ended(program: Child) -> Output {
    program.wait_with_output().expect("it ends")
}

#[test]
fn one_publishes_and_another_records_it() {
    let Some(janus) = Janus::start("records") else { return };
    let file = janus.dir.join("call.webm");
    let name = file.to_str().expect("a plain name");
    let publishes = janus.join(&["--room", "7", "--seconds", "14"]);
    let records = ended(janus.join(&["--room", "7", "--seconds", "6", "--record-to", name]));
    let said = String::from_utf8_lossy(&records.stdout).into_owned();
    assert!(records.status.success() && said.contains("recorded"), "{said}");
    assert!(ended(publishes).status.success());

    let mut reader = WebmReader::new(File::open(&file).expect("it was written")).expect("a film");
    assert_eq!(reader.tracks().len(), 2, "sound and pictures");
    let (mut pictures, mut sounds, mut last) = (0, 0, Duration::ZERO);
    while let Some((_, frame)) = reader.next_frame().expect("it can be read") {
        let count = if frame.codec.kind() == ortica::codecs::MediaKind::Video { &mut pictures } else { &mut sounds };
        *count += 1;
        last = last.max(frame.time());
    }
    assert!(pictures > 30 && sounds > 100 && last > Duration::from_secs(2), "{pictures}, {sounds}, {last:?}");
}

#[test]
fn what_janus_refuses_is_told() {
    let Some(janus) = Janus::start("refuses") else { return };
    let refused =
        Command::new(env!("CARGO_BIN_EXE_janus")).args([&janus.url, "--room", "99"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("Refused") && said.contains("426"), "{said}");
    let nobody = Command::new(env!("CARGO_BIN_EXE_janus")).arg("http://127.0.0.1:1/janus").output().expect("it runs");
    assert!(!nobody.status.success() && String::from_utf8_lossy(&nobody.stderr).contains("Http"));
}
