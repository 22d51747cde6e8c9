//! Collections: what nobody names goes, what somebody names stays, whoever writes at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Checked, Cx, Miss, expect, not_applicable};
use crate::core::artifact_ref::Ref;
use crate::store::artifact::error::ArtifactErrorKind;
use crate::store::artifact::port::{Call, Collects};

/// Longer than these checks take.
const LONG: Duration = Duration::from_secs(3600);

pub(super) async fn garbage(cx: &Cx<'_>) -> Checked {
    let (kept, gone) = (cx.at("kept")?, cx.at("gone")?);
    cx.put(&kept, b"kept data", b"kept manifest").await?;
    cx.put(&kept, b"kept data", b"a newer manifest").await?;
    cx.put(&gone, b"data that goes", b"manifest that goes").await?;
    cx.store.remove(&gone, &cx.call).await?;
    if cx.store.abilities().collects == Collects::ByItself {
        cx.store.collect(Duration::ZERO, &cx.call).await?;
        cx.holds(&kept, b"kept data", b"a newer manifest").await?;
        return not_applicable("nothing is left over, or its server removes it");
    }
    let patient = cx.store.collect(LONG, &cx.call).await?;
    expect(patient.removed == 0 && patient.spared >= 3, || format!("with an hour of grace: {patient:?}"))?;
    let collected = cx.store.collect(Duration::ZERO, &cx.call).await?;
    expect(collected.removed >= 3, || format!("without grace: {collected:?}"))?;
    let again = cx.store.collect(Duration::ZERO, &cx.call).await?;
    expect(again.removed == 0 && again.spared == 0, || format!("a second time: {again:?}"))?;
    cx.holds(&kept, b"kept data", b"a newer manifest").await?;
    cx.absent(&gone).await
}

/// Writers overwrite references with few different contents, so that bytes are garbage at one moment and named at the
/// next, while collections run one after the other.
pub(super) async fn beside_writers(cx: &Cx<'_>) -> Checked {
    let grace = match cx.store.abilities().collects {
        Collects::Always => Duration::ZERO,
        Collects::AfterGrace | Collects::ByItself => LONG,
    };
    let writers = cx.plan.writers.max(2);
    let puts = cx.plan.puts_beside_collections / writers + 1;
    let done = Arc::new(AtomicBool::new(false));
    let collector = {
        let (store, done) = (Arc::clone(&cx.store), Arc::clone(&done));
        tokio::spawn(async move {
            let mut rounds = 0_u32;
            loop {
                let last = done.load(Ordering::Relaxed);
                match store.collect(grace, &Call::default()).await {
                    Ok(_) => rounds += 1,
                    Err(error) if error.kind == ArtifactErrorKind::Busy => {}
                    Err(error) => return Err(error),
                }
                if last {
                    return Ok(rounds);
                }
                tokio::task::yield_now().await;
            }
        })
    };
    let mut tasks = Vec::new();
    for writer in 0..writers {
        let store = Arc::clone(&cx.store);
        let refs: Vec<Ref> = (0..3).map(|at| cx.at(&format!("{writer}/{at}"))).collect::<Result<_, _>>()?;
        tasks.push(tokio::spawn(async move {
            for put in 0..puts {
                let at = &refs[put as usize % refs.len()];
                let (data, manifest) = (format!("content {}", put % 5), format!("said {}", (put + writer) % 4));
                store.put(at, data.as_bytes(), manifest.as_bytes(), &Call::default()).await?;
                let (found, said) = store.get(at, &Call::default()).await?;
                if found != data.as_bytes() || said != manifest.as_bytes() {
                    return Ok(Err(format!("{at} holds something else than its only writer just put")));
                }
                if put % 7 == 6 {
                    store.remove(at, &Call::default()).await?;
                }
            }
            Ok::<_, crate::store::artifact::ArtifactError>(Ok(()))
        }));
    }
    let joined = |error: tokio::task::JoinError| Miss::Failed(error.to_string());
    let mut outcome: Checked = Ok(());
    for task in tasks {
        match task.await.map_err(joined)? {
            Ok(Ok(())) => {}
            Ok(Err(seen)) => outcome = Err(Miss::Failed(seen)),
            Err(error) => outcome = Err(error.into()),
        }
    }
    done.store(true, Ordering::Relaxed);
    let rounds = collector.await.map_err(joined)??;
    outcome?;
    expect(rounds > 0, || "no collection ended".to_owned())?;
    for at in cx.store.list(Some(&Ref::parse(cx.home).map_err(|error| error.to_string())?), &cx.call).await? {
        cx.store.get(&at, &cx.call).await?;
    }
    Ok(())
}
