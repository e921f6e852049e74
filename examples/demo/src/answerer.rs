//! The side that answers.

use crate::Options;
use crate::call::{Call, Side};
use crate::error::DemoError;
use crate::signaling;
use indicatif::ProgressBar;
use tokio::io::{AsyncReadExt, BufReader, Stdin};

pub async fn run(options: &Options) -> Result<(), DemoError> {
    let mut caller = BufReader::new(tokio::io::stdin());
    let mut call = Call::new(options)?;
    call.connection.set_remote_description(signaling::read(&mut caller).await?)?;
    signaling::write(&mut tokio::io::stdout(), call.describe().await?).await?;
    let bar = ProgressBar::hidden();
    tokio::select! {
        held = call.hold(Side::Answerer, options, &bar) => drop(held?),
        () = hung_up(&mut caller) => return Err(DemoError::Ended),
    };
    // Both statements were made; the caller judges them.
    hung_up(&mut caller).await;
    Ok(())
}

/// Waits for the caller to end or to let go. It says nothing more that could be read.
async fn hung_up(caller: &mut BufReader<Stdin>) {
    let _ = caller.read_u8().await;
}
