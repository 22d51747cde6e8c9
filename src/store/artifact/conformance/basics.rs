//! One caller, one store.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Checked, Cx, Miss, expect, not_applicable};
use crate::core::digest::{Algorithm, Digester};
use crate::fs::{self, Scratch};
use crate::store::artifact::error::ArtifactErrorKind;
use crate::store::artifact::pair::{Entry, Half, Pair, Source};
use crate::store::artifact::port::{Call, Mode};

pub(super) async fn name(cx: &Cx<'_>) -> Checked {
    let (is, shall) = (cx.store.name(), cx.subject.name());
    expect(is == shall, || format!("it says `{is}` and was opened as `{shall}`"))
}

pub(super) async fn absent(cx: &Cx<'_>) -> Checked {
    let at = cx.at("nothing/here")?;
    cx.absent(&at).await?;
    expect(cx.store.look(&at, &cx.call).await?.is_none(), || "an entry is told of nothing".to_owned())?;
    match cx.store.open(&at, &cx.call).await {
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
        Ok(_) => return Err(Miss::Failed("nothing can be opened".to_owned())),
    }
    expect(!cx.store.remove(&at, &cx.call).await?, || "nothing was removed with success".to_owned())
}

pub(super) async fn round_trip(cx: &Cx<'_>) -> Checked {
    let every_byte: Vec<u8> = (0..=255).cycle().take(4096).collect();
    let pairs: [(&str, &[u8], &[u8]); 6] = [
        ("empty-data", b"", b"{}"),
        ("empty-manifest", b"data", b""),
        ("both-empty", b"", b""),
        ("binary", &every_byte, &every_byte[1..]),
        ("same-halves", b"twice", b"twice"),
        ("no-json", b"\0", b"\xff\xfe not JSON"),
    ];
    for (rest, data, manifest) in pairs {
        let at = cx.at(rest)?;
        cx.put(&at, data, manifest).await?;
        cx.holds(&at, data, manifest).await?;
        let entry = cx.store.look(&at, &cx.call).await?;
        let told = entry.is_some_and(|entry| entry.same_bytes(&Entry { data: Half::of(data), manifest: Half::of(manifest) }));
        expect(told, || format!("{at}: its entry tells other digests or sizes"))?;
    }
    // All of them are still there.
    for (rest, data, manifest) in pairs {
        cx.holds(&cx.at(rest)?, data, manifest).await?;
    }
    Ok(())
}

pub(super) async fn large(cx: &Cx<'_>) -> Checked {
    let failed = |error: crate::core::PathError| Miss::Failed(error.to_string());
    let scratch = Scratch::below(&cx.plan.scratch, "conformance").map_err(failed)?;
    let path = scratch.path().join("large");
    let mut file = fs::create_new(&path).map_err(failed)?;
    let mut hash = Digester::new(Algorithm::Sha256);
    let mut state = 1_u64;
    let mut left = cx.plan.large;
    while left > 0 {
        // Bytes that no compression on the way makes small.
        let piece: Vec<u8> = (0..32 * 1024)
            .flat_map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state.to_le_bytes()
            })
            .take(usize::try_from(left).unwrap_or(usize::MAX))
            .collect();
        hash.update(&piece);
        file.write_all(&piece).map_err(|error| Miss::Failed(error.to_string()))?;
        left -= piece.len() as u64;
    }
    drop(file);
    let digest = hash.finish();
    let at = cx.at("pair")?;
    let moved = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&moved);
    let call = Call { progress: Some(Arc::new(move |bytes| seen.store(bytes, Ordering::Relaxed))), ..Call::default() };
    let pair = Pair { data: Source::File(path), manifest: Source::from(b"{\"large\":true}".as_slice()) };
    let entry = cx.store.save(&at, &pair, &call).await?;
    expect(entry.data.digest == digest && entry.data.size == cx.plan.large, || {
        format!("stored is {}, put was {digest}", entry.data.digest)
    })?;
    let told = moved.load(Ordering::Relaxed);
    expect(told >= cx.plan.large, || format!("progress ended at {told} of {} bytes", cx.plan.large))?;
    let (data, manifest) = (scratch.path().join("data"), scratch.path().join("manifest"));
    let fetched = cx.store.fetch(&at, &data, &manifest, &Call::default()).await?;
    expect(fetched.same_bytes(&entry), || "another pair came back".to_owned())?;
    // `fetch` hashed what it wrote; this makes sure that it wrote all of it.
    let size = fs::size_of(&data).map_err(failed)?;
    expect(size == cx.plan.large, || format!("the file that came back has {size} bytes"))?;
    let said = fs::read_bounded(&manifest, 1024).map_err(failed)?;
    expect(said == b"{\"large\":true}", || "the manifest that came back is another".to_owned())
}

pub(super) async fn identical_again(cx: &Cx<'_>) -> Checked {
    let at = cx.at("pair")?;
    for _ in 0..3 {
        cx.put(&at, b"data", b"manifest").await?;
        cx.holds(&at, b"data", b"manifest").await?;
    }
    // The same bytes under another reference are another pair.
    let other = cx.at("other")?;
    cx.put(&other, b"data", b"manifest").await?;
    cx.store.remove(&at, &cx.call).await?;
    cx.holds(&other, b"data", b"manifest").await?;
    cx.absent(&at).await
}

pub(super) async fn overwrite(cx: &Cx<'_>) -> Checked {
    let at = cx.at("pair")?;
    for (data, manifest) in [("one", "first"), ("two", "second"), ("two", "third"), ("three", "third"), ("one", "first")] {
        cx.put(&at, data.as_bytes(), manifest.as_bytes()).await?;
        cx.holds(&at, data.as_bytes(), manifest.as_bytes()).await?;
    }
    Ok(())
}

pub(super) async fn restart(cx: &Cx<'_>) -> Checked {
    if !cx.store.abilities().survives_restart {
        return not_applicable("it does not claim to");
    }
    let at = cx.at("pair")?;
    cx.put(&at, b"data", b"manifest").await?;
    let store = cx.subject.open(Mode::Overwrite).await?;
    Cx { store, call: Call::default(), ..*cx }.holds(&at, b"data", b"manifest").await
}

pub(super) async fn write_once(cx: &Cx<'_>) -> Checked {
    let store = cx.subject.open(Mode::WriteOnce).await?;
    let once = Cx { store, call: Call::default(), ..*cx };
    let at = cx.at("pair")?;
    once.put(&at, b"data", b"manifest").await?;
    once.put(&at, b"data", b"manifest").await?;
    for (data, manifest) in [("other", "manifest"), ("data", "other"), ("", "")] {
        match once.store.put(&at, data.as_bytes(), manifest.as_bytes(), &once.call).await {
            Err(error) if error.kind == ArtifactErrorKind::Conflict => {}
            Err(error) => return Err(error.into()),
            Ok(()) => return Err(Miss::Failed("another pair was taken".to_owned())),
        }
        once.holds(&at, b"data", b"manifest").await?;
    }
    // Removed, the reference is free again.
    expect(once.store.remove(&at, &once.call).await?, || "it could not be removed".to_owned())?;
    once.put(&at, b"other", b"manifest").await?;
    once.holds(&at, b"other", b"manifest").await
}

pub(super) async fn list_and_remove(cx: &Cx<'_>) -> Checked {
    let names = ["a", "a/b", "a/b/c", "ab", "b/1", "b/10", "b/2"];
    let below = cx.at("a")?;
    for name in names {
        cx.put(&cx.at(name)?, name.as_bytes(), b"{}").await?;
    }
    let home = crate::store::artifact::Ref::parse(cx.home).map_err(|error| Miss::Failed(error.to_string()))?;
    let listed = |refs: Vec<crate::store::artifact::Ref>| {
        refs.iter().map(|at| at.as_str().strip_prefix(cx.home).unwrap_or_default().trim_start_matches('/').to_owned()).collect::<Vec<_>>()
    };
    let all = listed(cx.store.list(Some(&home), &cx.call).await?);
    expect(all == names, || format!("listed are {all:?}"))?;
    let some = listed(cx.store.list(Some(&below), &cx.call).await?);
    expect(some == ["a", "a/b", "a/b/c"], || format!("at or below {below} are {some:?}"))?;
    let everything = cx.store.list(None, &cx.call).await?;
    expect(everything.is_sorted() && everything.contains(&below), || "the list of everything is not sorted, or not whole".to_owned())?;
    expect(cx.store.remove(&cx.at("a/b")?, &cx.call).await?, || "a/b was not removed".to_owned())?;
    expect(!cx.store.remove(&cx.at("a/b")?, &cx.call).await?, || "a/b was removed twice".to_owned())?;
    cx.absent(&cx.at("a/b")?).await?;
    cx.holds(&cx.at("a")?, b"a", b"{}").await?;
    cx.holds(&cx.at("a/b/c")?, b"a/b/c", b"{}").await?;
    let none = cx.store.list(Some(&cx.at("no/such")?), &cx.call).await?;
    expect(none.is_empty(), || format!("below nothing are {none:?}"))
}
