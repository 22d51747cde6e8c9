//! Several callers, and callers that go away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio_util::sync::CancellationToken;

use super::{Checked, Cx, Miss, expect, not_applicable};
use crate::store::artifact::error::ArtifactErrorKind;
use crate::store::artifact::pair::{Pair, Source};
use crate::store::artifact::port::{Call, Mode};

/// A half that says which put it belongs to, at its beginning and its end.
fn marked(marker: u32, what: &str) -> Vec<u8> {
    let mut half = format!("{marker} {what} ").repeat(40).into_bytes();
    half.extend_from_slice(&marker.to_le_bytes());
    half
}

fn marker_of(half: &[u8]) -> Option<&[u8]> {
    half.split(|byte| *byte == b' ').next()
}

pub(super) async fn never_mixed(cx: &Cx<'_>) -> Checked {
    let at = cx.at("pair")?;
    cx.put(&at, &marked(0, "data"), &marked(0, "manifest")).await?;
    let (done, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(1)));
    let mut writers = Vec::new();
    for _ in 0..cx.plan.writers {
        let (store, at, done, next) = (Arc::clone(&cx.store), at.clone(), Arc::clone(&done), Arc::clone(&next));
        writers.push(tokio::spawn(async move {
            let mut puts = 0_u32;
            while !done.load(Ordering::Relaxed) {
                let marker = next.fetch_add(1, Ordering::Relaxed);
                store.put(&at, &marked(marker, "data"), &marked(marker, "manifest"), &Call::default()).await?;
                puts += 1;
                tokio::task::yield_now().await;
            }
            Ok::<_, crate::store::artifact::ArtifactError>(puts)
        }));
    }
    let left = Arc::new(AtomicU32::new(cx.plan.tries));
    let mut readers = Vec::new();
    for _ in 0..cx.plan.writers {
        let (store, at, left) = (Arc::clone(&cx.store), at.clone(), Arc::clone(&left));
        readers.push(tokio::spawn(async move {
            let mut seen = std::collections::HashSet::new();
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                let (data, manifest) = store.get(&at, &Call::default()).await?;
                let (one, other) = (marker_of(&data), marker_of(&manifest));
                if one != other || one.is_none() {
                    return Ok(Err(format!("data of put {one:?} came with the manifest of put {other:?}")));
                }
                seen.extend(one.map(<[u8]>::to_vec));
                tokio::task::yield_now().await;
            }
            Ok::<_, crate::store::artifact::ArtifactError>(Ok(seen))
        }));
    }
    let joined = |error: tokio::task::JoinError| Miss::Failed(error.to_string());
    let mut outcome = Ok(());
    let mut different = std::collections::HashSet::new();
    for reader in readers {
        match reader.await.map_err(joined)? {
            Ok(Ok(seen)) => different.extend(seen),
            Ok(Err(mixed)) => outcome = Err(Miss::Failed(mixed)),
            Err(error) => outcome = Err(error.into()),
        }
    }
    done.store(true, Ordering::Relaxed);
    for writer in writers {
        if let Err(error) = writer.await.map_err(joined)? {
            outcome = Err(error.into());
        }
    }
    outcome?;
    // A check in which nothing moved would prove nothing.
    expect(cx.plan.tries < 100 || different.len() > 1, || "nobody overwrote anything while it was read".to_owned())
}

pub(super) async fn one_first(cx: &Cx<'_>) -> Checked {
    if !cx.store.abilities().write_once_is_atomic {
        return not_applicable("it does not claim to: no server of its kind has shown it, or none has conditional writes");
    }
    for round in 0..8 {
        let at = cx.at(&format!("round-{round}"))?;
        let mut writers = Vec::new();
        for writer in 0..cx.plan.writers {
            let (store, at) = (cx.subject.open(Mode::WriteOnce).await?, at.clone());
            writers.push(tokio::spawn(async move {
                store.put(&at, &marked(writer, "data"), &marked(writer, "manifest"), &Call::default()).await.map(|()| writer)
            }));
        }
        let mut won = Vec::new();
        for writer in writers {
            match writer.await.map_err(|error| Miss::Failed(error.to_string()))? {
                Ok(writer) => won.push(writer),
                Err(error) if error.kind == ArtifactErrorKind::Conflict => {}
                Err(error) => return Err(error.into()),
            }
        }
        expect(won.len() == 1, || format!("round {round}: writers {won:?} were all told that they won"))?;
        cx.holds(&at, &marked(won[0], "data"), &marked(won[0], "manifest")).await?;
    }
    Ok(())
}

/// The caller goes away after the data moved and before the manifest did.
pub(super) async fn ends_between(cx: &Cx<'_>) -> Checked {
    let (fresh, taken) = (cx.at("fresh")?, cx.at("taken")?);
    cx.put(&taken, b"old data", b"old manifest").await?;
    let new = vec![7; 100_000];
    for at in [&fresh, &taken] {
        let cancel = CancellationToken::new();
        let inner = cancel.clone();
        let call = Call { cancel, progress: Some(Arc::new(move |_| inner.cancel())) };
        let pair = Pair { data: Source::from(new.as_slice()), manifest: Source::from(b"new manifest".as_slice()) };
        match cx.store.save(at, &pair, &call).await {
            Err(error) if error.kind == ArtifactErrorKind::Cancelled => {}
            Err(error) => return Err(error.into()),
            // Acknowledged in spite of it: then it is there.
            Ok(_) => {
                cx.holds(at, &new, b"new manifest").await?;
                continue;
            }
        }
        if at == &fresh { cx.absent(at).await? } else { cx.holds(at, b"old data", b"old manifest").await? }
    }
    for at in [&fresh, &taken] {
        cx.put(at, &new, b"new manifest").await?;
        cx.holds(at, &new, b"new manifest").await?;
    }
    Ok(())
}

pub(super) async fn cancelled(cx: &Cx<'_>) -> Checked {
    let at = cx.at("pair")?;
    cx.put(&at, b"data", b"manifest").await?;
    let call = Call::default();
    call.cancel.cancel();
    let (store, grace) = (&cx.store, std::time::Duration::from_secs(3600));
    let outcomes = [
        ("put", store.put(&at, b"other", b"other", &call).await.err()),
        ("get", store.get(&at, &call).await.err()),
        ("exists", store.exists(&at, &call).await.err()),
        ("list", store.list(None, &call).await.err()),
        ("remove", store.remove(&at, &call).await.err()),
        ("collect", store.collect(grace, &call).await.err()),
    ];
    for (what, error) in outcomes {
        let kind = error.map(|error| error.kind);
        expect(kind == Some(ArtifactErrorKind::Cancelled), || format!("{what} of a cancelled caller ends with {kind:?}"))?;
    }
    cx.holds(&at, b"data", b"manifest").await
}
