//! What ends the process in good order.

use tokio::signal::unix::{SignalKind, signal};

/// Comes true on SIGTERM or SIGINT.
pub async fn requested() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM"),
        _ = interrupt.recv() => tracing::info!("interrupted"),
    }
    Ok(())
}
