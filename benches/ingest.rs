//! What it costs to take an OCI layout into the content store, next to hashing its bytes once: `ingest MIB BLOBS [ROUNDS]`. Run
//! by `scripts/bench/build-overhead`.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use stagefreight::core::oci::{Descriptor, media_type};
use stagefreight::core::{Algorithm, Digest, Digester};
use stagefreight::store::{ContentStore, Layout, LayoutWriter};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[expect(clippy::print_stdout, reason = "a benchmark reads its arguments and prints its result")]
fn main() -> Outcome<()> {
    // `cargo bench` adds options of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let [mib, blobs, rest @ ..] = args.as_slice() else {
        println!("usage: ingest MIB BLOBS [ROUNDS]; see scripts/bench/build-overhead");
        return Ok(());
    };
    let (mib, blobs, rounds): (usize, usize, usize) = (mib.parse()?, blobs.parse()?, rest.first().map_or(Ok(3), |text| text.parse())?);
    // Where the store of a workspace is: on a disk, not in memory.
    let dir = tempfile::tempdir_in(".")?;
    let root = write_layout(&dir.path().join("layout"), mib, blobs)?;
    let layout = Layout::open(&dir.path().join("layout"))?;
    let (mut hashing, mut ingesting) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        hashing.push(timed(|| hash_once(&layout, &root))?);
        let store = ContentStore::new(&dir.path().join("workspace"));
        ingesting.push(timed(|| Ok(store.put_complete(&root, &layout).map(drop)?))?);
        store.retire()?;
    }
    let best = |times: &[Duration]| times.iter().min().map_or(0.0, Duration::as_secs_f64);
    let (hash, ingest) = (best(&hashing), best(&ingesting));
    println!("{hash:.3} {ingest:.3} {:.2}", ingest / hash);
    Ok(())
}

fn timed(work: impl FnOnce() -> Outcome<()>) -> Outcome<Duration> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed())
}

/// The plainest way to read every byte of it: one blob after the other on one core.
fn hash_once(layout: &Layout, root: &Digest) -> Outcome<()> {
    let closure = layout.closure_unhashed(root)?;
    let mut buffer = vec![0; 256 * 1024];
    for digest in closure.digests() {
        let (mut file, _) = layout.open_blob(digest)?;
        let mut hash = Digester::new(Algorithm::Sha256);
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
        }
        if hash.finish() != *digest {
            return Err(format!("{digest} holds other bytes").into());
        }
    }
    Ok(())
}

fn write_layout(path: &Path, mib: usize, blobs: usize) -> Outcome<Digest> {
    let writer = LayoutWriter::create(path)?;
    let mut layers = Vec::new();
    let mut block = vec![0_u8; 1024 * 1024];
    for number in 0..blobs {
        let file = path.join("new");
        let mut out = std::io::BufWriter::new(create(&file)?);
        let mut hash = Digester::new(Algorithm::Sha256);
        let size = mib * 1024 * 1024 / blobs;
        let mut left = size;
        while left > 0 {
            getrandom::fill(&mut block[..4096]).map_err(|error| format!("no randomness: {error}"))?;
            block[0] = u8::try_from(number % 256)?;
            let part = left.min(block.len());
            out.write_all(&block[..part])?;
            hash.update(&block[..part]);
            left -= part;
        }
        out.flush()?;
        drop(out);
        let digest = hash.finish();
        writer.adopt(&file, &digest)?;
        layers.push(serde_json::json!({ "mediaType": media_type::OCI_LAYER, "digest": digest, "size": size }));
    }
    let config = writer.put_bytes(media_type::OCI_CONFIG, br#"{"architecture":"amd64","os":"linux"}"#)?;
    let manifest = serde_json::json!({ "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": layers });
    let root: Descriptor = writer.put_bytes(media_type::OCI_MANIFEST, manifest.to_string().as_bytes())?;
    writer.finish(&root)?;
    Ok(root.digest)
}

fn create(path: &Path) -> Outcome<std::fs::File> {
    Ok(std::fs::OpenOptions::new().write(true).create_new(true).open(path)?)
}
