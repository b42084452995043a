//! What resolving costs: a chain of four devices with ten draws, so many times.
//! `cargo run --release -p tonemill-presets --example draw_cost 1000000`

use presets::document::{Collector, Document};
use presets::draw::Metadata;
use presets::template::{DrawContext, decode};
use tonemill_presets as presets;

/// The chain.
const TONE: &str = "tonemill: 1
chain:
- { gain: { uniform: [-6, 3] } }
- clap: ZamTube.clap
  id: com.zamaudio.ZamTube
  params:
    Drive: { uniform: [2, 8] }
    Tone: { normal: { mean: 5, sd: 2, low: 0, high: 10 } }
    Mode: { choice: [1, 2, 3] }
    Level: { uniform: [-3, 0] }
- { cabinet: { choice: [a.wav, b.wav, c.wav] }, Mix: { uniform: [50, 100] } }
- { reverb: { Decay: { log_uniform: [100, 3000] }, Size: { uniform: [1, 2] }, Mix: { uniform: [0, 30] } } }
";

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(100_000u32);
    let collector = Collector::new();
    let document = Document::parse("q.yaml", TONE, &collector).unwrap();
    let template = decode(&document.root, "q.yaml".as_ref(), &mut |_| None, &collector);
    let template = collector.finish(template).unwrap();
    assert_eq!(template.slots().count(), 10);
    let metadata = Metadata::new();
    let start = std::time::Instant::now();
    let mut total = 0;
    for draw in 0..u64::from(count) {
        let context = DrawContext { seed: 1, item: "data/DI/take-0001.wav", draw, metadata: &metadata };
        total += std::hint::black_box(template.resolve(&context).unwrap()).outcomes.len();
    }
    println!("{total} draws, {:?} for each chain", start.elapsed() / count.max(1));
}
