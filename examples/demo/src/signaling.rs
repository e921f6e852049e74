//! Descriptions as lines of JSON, the way a browser writes them.

use crate::error::DemoError;
use ortica::jsep::SessionDescription;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

#[derive(Deserialize, Serialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    sdp: String,
}

pub async fn write(to: &mut (impl AsyncWrite + Unpin), description: SessionDescription) -> Result<(), DemoError> {
    let line = Line { kind: description.kind.to_string(), sdp: description.sdp };
    to.write_all((serde_json::to_string(&line)? + "\n").as_bytes()).await?;
    Ok(to.flush().await?)
}

pub async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> Result<SessionDescription, DemoError> {
    let mut line = String::new();
    if from.read_line(&mut line).await? == 0 {
        return Err(DemoError::NoAnswer);
    }
    let line: Line = serde_json::from_str(&line)?;
    Ok(SessionDescription { kind: line.kind.parse()?, sdp: line.sdp })
}
