//! What reading an image costs at least: its gzip layers unpacked once with zlib-rs, the bytes thrown away. Run by
//! `scripts/bench/inspect`, which compares: `inspect LAYOUT` prints seconds and unpacked bytes.

use std::io::{BufReader, Read as _};
use std::path::Path;
use std::time::Instant;

use stagefreight::store::Layout;

#[expect(clippy::print_stdout, reason = "a benchmark reads its arguments and prints its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` adds options of its own.
    let Some(path) = std::env::args().skip(1).find(|arg| !arg.starts_with("--")) else {
        println!("usage: inspect LAYOUT; see scripts/bench/inspect");
        return Ok(());
    };
    let layout = Layout::open(Path::new(&path))?;
    let root = layout.entries()?.into_iter().next().ok_or("an empty layout")?;
    let manifest = layout.read_manifest(&root.digest)?;
    let began = Instant::now();
    let mut unpacked = 0;
    let mut buffer = vec![0; 128 * 1024];
    for layer in &manifest.layers {
        let file = BufReader::with_capacity(256 * 1024, layout.open_blob(&layer.digest)?.0);
        let mut decoder = flate2::bufread::MultiGzDecoder::new(file);
        loop {
            let read = decoder.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            unpacked += read as u64;
        }
    }
    println!("{:.3} {unpacked}", began.elapsed().as_secs_f64());
    Ok(())
}
