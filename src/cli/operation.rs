//! Long work of a server, watched until it has ended.

use anyhow::{Context as _, bail};

use super::connect::Clients;
use super::output::spinner;
use crate::grpc::convert::job::{Response, read};
use crate::grpc::pb;

/// Waits until an operation has ended, with a line on standard error that says how far it is; gives its response. Who gives up
/// (Ctrl-C) cancels it.
pub async fn response<M: Response>(clients: &Clients, started: pb::Operation) -> anyhow::Result<M> {
    let name = started.name.clone();
    tokio::select! {
        found = watched(clients, started) => found,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            clients.operations().cancel_operation(pb::CancelOperationRequest { name: name.clone() }).await?;
            bail!("{name} was cancelled")
        }
    }
}

async fn watched<M: Response>(clients: &Clients, mut operation: pb::Operation) -> anyhow::Result<M> {
    let shown = spinner();
    while !operation.done {
        if let Some(metadata) = operation.metadata.as_ref().and_then(read::<pb::OperationMetadata>) {
            let doing = if metadata.doing.is_empty() { metadata.state } else { metadata.doing };
            shown.set_message(format!("{doing} ({:.0} %)", metadata.progress * 100.0));
        }
        let timeout = Some(prost_types::Duration { seconds: 1, nanos: 0 });
        let request = pb::WaitOperationRequest { name: operation.name.clone(), timeout };
        operation = clients.operations().wait_operation(request).await?.into_inner();
    }
    shown.finish_and_clear();
    match operation.result {
        Some(pb::operation::Result::Response(response)) => {
            read(&response).with_context(|| format!("the response of {} can't be read", operation.name))
        }
        Some(pb::operation::Result::Error(error)) => bail!("{}: {}", operation.name, error.message),
        None => bail!("{} has ended without a response", operation.name),
    }
}
