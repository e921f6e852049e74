//! Files of tests.

use std::io::BufWriter;
use std::path::PathBuf;
use std::process::Command;

use crate::container::Y4mWriter;
use crate::synthetic::MovingPicture;

/// A file of a test, which goes with it.
pub(super) struct File(pub PathBuf);

impl File {
    pub fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("ortica-{}-{name}", std::process::id())))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Two seconds of numbered pictures, 30 in each and 320x240, as the program makes a film of them by that encoder. `None`, which is said,
/// without the program or the encoder.
pub(super) fn film(name: &str, encoder: &[&str]) -> Option<File> {
    let (raw, made) = (File::new(&format!("{name}.y4m")), File::new(name));
    let file = BufWriter::new(std::fs::File::create(&raw.0).unwrap());
    let pictures = MovingPicture::new(320, 240, 30).unwrap();
    let mut writer = Y4mWriter::new(file, 30);
    (0..60).for_each(|number| writer.write(&pictures.picture(number)).unwrap());
    writer.finish().unwrap();
    let mut program = Command::new("ffmpeg");
    program.args(["-v", "error", "-y", "-i"]).arg(&raw.0).args(["-g", "30", "-pix_fmt", "yuv420p", "-c:v"]);
    match program.args(encoder).arg(&made.0).output() {
        Ok(output) if output.status.success() => Some(made),
        failed => {
            println!("skipped: no film by {encoder:?}: {failed:?}");
            None
        }
    }
}
